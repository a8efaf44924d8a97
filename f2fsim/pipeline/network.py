"""A workload as one run on an architecture: stages, residents, one machine in time, the result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from f2fsim.codec import EncodedTensor, PrunedTensor
from f2fsim.config import Workload, load_workload
from f2fsim.config.arch import ArchConfig
from f2fsim.config.decode import with_cache
from f2fsim.config.graph import network_nodes
from f2fsim.config.layer import Layer
from f2fsim.config.operation import Attention
from f2fsim.engine import check_engine, run
from f2fsim.engine.trace import Trace
from f2fsim.errors import ConfigError, InputError, SimulationError
from f2fsim.hw.arrays import array_kind
from f2fsim.hw.arrays.contract import LayerWork
from f2fsim.hw.front_ends import layer_format
from f2fsim.hw.functional import FunctionalJob
from f2fsim.hw.layer_machine import LayerMachine
from f2fsim.hw.machine_builder import MachineBuilder
from f2fsim.mapping.geometry import ACTIVATION_BITS
from f2fsim.mapping.plan import Plan
from f2fsim.network.assemble import join_stages
from f2fsim.network.attention import attention_parts, plan_attention
from f2fsim.network.context import Network
from f2fsim.network.cores import dealt_stage, dealt_tensor, join_cores
from f2fsim.network.join import StageParts
from f2fsim.network.residency import (
    all_on_chip,
    check_capacity,
    choose_residents,
    tensors_of,
)
from f2fsim.network.stages import Stage, build_stages
from f2fsim.pipeline.cache import EncodingCache
from f2fsim.pipeline.estimate import stage_cost
from f2fsim.pipeline.layer import Encode, encoded_bands, encoded_bits
from f2fsim.pipeline.network_check import check_network
from f2fsim.pipeline.network_result import (
    LayerValues,
    PreparedNetwork,
    Residency,
    network_result,
)
from f2fsim.pipeline.network_values import check_values
from f2fsim.pipeline.run import Progress, ReadLayers, Target, make_target
from f2fsim.results.network import NetworkResult
from f2fsim.scheduling import plan_layer
from f2fsim.workloads import LayerData, iterate_layers

Bands = list[tuple[PrunedTensor, EncodedTensor]]


def simulate_network(
    arch: ArchConfig | str | Path,
    workload: Workload | str | Path,
    *,
    residency: Residency = "auto",
    context: int | None = None,
    kv_type: str | None = None,
    engine: str = "compiled",
    functional: bool = False,
    trace: Trace | None = None,
    cache: EncodingCache | str | None = "default",
    progress: Progress | None = None,
    read_layers: ReadLayers = iterate_layers,
    **overrides: Any,
) -> NetworkResult:
    """Simulate a whole network as one run, from the first fetch to the last write.

    Parameters
    ----------
    arch, workload
        A configuration, the name of a shipped one, or the path of a YAML file.
    residency : str or sequence of str
        Tensors that stay in the scratchpad: ``auto``, ``none``, or their names.
    context, kv_type
        Tokens that the KV caches hold before the run, and their type, in place of the workload's.
    functional : bool
        Let values flow too, from the network's input to its outputs (integer weights): every
        output of a stage is compared with NumPy's (``NetworkResult.outputs_checked``).
    engine, trace, cache, progress, read_layers
        As in `f2fsim.simulate`; a trace has the whole network on one time axis.
    **overrides
        ``sparsity``, ``weight_type``, ``batch``, ``seed``, ``layers`` of the workload.

    Raises
    ------
    InputError
        For anything wrong with a configuration, a file or a value.
    SimulationError
        If the run breaks a conservation law or a bound.
    """
    check_engine(engine)
    base = workload if isinstance(workload, Workload) else load_workload(workload)
    base = with_cache(base.with_overrides(**overrides), context, kv_type)
    store = EncodingCache.default() if isinstance(cache, str) else cache
    target = make_target(arch, base, store)
    if functional and target.arch.cores > 1:
        raise InputError("values flow through networks on one core only")
    cores = prepare_network(target, residency, read_layers, progress, functional=functional)
    machine = join_cores([join_stages(one.network, one.machines) for one in cores])
    seen = trace.observer(base.name) if trace else None
    outcome = run(machine, target.dram, engine, seen, target.cost.dram)
    result = network_result(cores, machine, outcome, residency, engine)
    check_network(result, machine, cores[0].residents)
    if functional:
        result = replace(result, outputs_checked=check_values(cores[0]))
    return result


def prepare_network(
    target: Target,
    residency: Residency,
    read_layers: ReadLayers,
    progress: Progress | None = None,
    *,
    functional: bool = False,
) -> list[PreparedNetwork]:
    """Choose residents, then plan, encode and build every stage, for each core its part.

    Maps of a network on several cores go through the memory, since every core takes all of them.
    """
    workload, arch = target.workload, target.arch
    whole = build_stages(network_nodes(workload.layers, workload.operations, workload.batch))
    if arch.cores > 1 and residency not in ("auto", "none"):
        raise InputError("residency: named tensors stay on machines of one core only")
    builder = MachineBuilder(arch, target.dram.burst_bytes, target.dram.capacity_bytes)
    cores = [
        _prepare_core(target, whole, core, builder, residency if arch.cores == 1 else "none")
        for core in range(arch.cores)
    ]
    layers = read_layers(workload)
    data: LayerData | None = None
    for number, stage in enumerate(whole):
        if progress:
            progress(number, len(whole), f"{arch.name}, {stage.name}")
        if isinstance(stage.work, Layer) and (data is None or data.layer.name != stage.work.name):
            data = _next(layers, stage.work)
        for core, prepared in enumerate(cores):
            prepared.jobs = {} if functional and not prepared.facts else prepared.jobs
            _add_stage(prepared, number, data, core)
    if progress:
        progress(len(whole), len(whole), "")
    return cores


def _prepare_core(
    target: Target,
    whole: tuple[Stage, ...],
    core: int,
    builder: MachineBuilder,
    residency: Residency,
) -> PreparedNetwork:
    """Return a core's part of the graph, with its residents chosen."""
    workload, arch = target.workload, target.arch
    stages = whole
    if arch.cores > 1:
        stages = tuple(dealt_stage(stage, core, arch.cores) for stage in whole)
    activation_bits = ACTIVATION_BITS[workload.weight_type]
    tensors = tensors_of(stages, activation_bits)
    cost = stage_cost(arch, workload, stages, activation_bits)
    capacity = 8 * arch.scratchpad.capacity
    try:
        residents = choose_residents(stages, tensors, capacity, residency, cost)
    except InputError as error:
        raise InputError(f"workload {workload.name!r} on {arch.name}: {error}") from None
    network = Network(arch, builder, stages, tensors, residents, activation_bits)
    return PreparedNetwork(target, stages, tensors, residents, activation_bits, network)


def _add_stage(prepared: PreparedNetwork, number: int, data: LayerData | None, core: int) -> None:
    """Plan, encode and build a core's part of a stage; `data` is the whole layer's."""
    work, n_cores = prepared.stages[number].work, prepared.target.arch.cores
    if isinstance(work, Attention):
        _add_attention(prepared, number, work)
    elif isinstance(work, Layer):
        assert data is not None
        if n_cores > 1:
            tensor = dealt_tensor(data.layer, data.tensor, core, n_cores)
            data = replace(data, layer=work, tensor=tensor)
        _add_layer(prepared, number, data)
    else:
        _add_vector(prepared, number)


def _next(layers: Iterator[LayerData], layer: Layer) -> LayerData:
    data = next(layers)
    if data.layer.name != layer.name:
        raise SimulationError(f"layer {layer.name!r} was expected, got {data.layer.name!r}")
    return data


def _add_layer(prepared: PreparedNetwork, number: int, data: LayerData) -> None:
    """Plan, encode and build a layer beside the maps that are held meanwhile."""
    target, stage = prepared.target, prepared.stages[number]
    held = prepared.held_bits(number)
    on_chip = all_on_chip(stage, prepared.residents)
    arch = with_capacity(target.arch, (prepared.capacity_bits - held) // 8)
    plan = plan_layer(arch, target.dram, data.layer, data.tensor, inputs_on_chip=on_chip)
    check_capacity(stage, prepared.capacity_bits, held, plan.scratchpad_bits)
    bands = _encode(target.arch, target.encode, data, plan)
    built = _build(target.arch, data, plan, bands, prepared.network.builder)
    if prepared.jobs is not None:
        job = FunctionalJob(target.arch, data.layer, plan, bands, built)
        prepared.jobs[number] = LayerValues(job, data.tensor)
    streams = encoded_bits(target.arch, [one for _, one in bands])
    for name, n_bits in streams.items():
        if stage.name in (data.layer.name, f"{data.layer.name}#0"):
            prepared.encoded_bits[name] = prepared.encoded_bits.get(name, 0) + n_bits
    prepared.machines.append(StageParts.of(built.machine))
    prepared.macs_issued.append(built.macs_issued)
    words = f"{plan.schedule.replace('_', ' ')}, {len(plan.band_rows)} x {len(plan.tile_columns)}"
    prepared.facts.append(
        {
            "plan": words,
            "n_weights": data.tensor.n_weights,
            "n_kept": data.tensor.n_kept,
            "macs_dense": data.layer.macs,
            "macs_effectual": built.macs_effectual,
            "held_bits": held,
            "used_bits": held + sum(plan.scratchpad_bits.values()),
        }
    )


def with_capacity(arch: ArchConfig, capacity: int) -> ArchConfig:
    """Return an architecture with another scratchpad, messages still naming its file."""
    scratchpad = arch.scratchpad.model_copy(update={"capacity": max(capacity, 1)})
    return arch.model_copy(update={"scratchpad": scratchpad})


def _build(
    arch: ArchConfig, data: LayerData, plan: Plan, bands: Bands, builder: MachineBuilder
) -> LayerMachine:
    """Return a layer's machine, its addresses behind those of the layers before."""
    own = MachineBuilder(arch, builder.burst_bytes, builder.capacity_bytes, one_form=True)
    own.next_address = builder.next_address
    work = LayerWork(arch, data.layer, plan, bands, data.activation_density)
    built = array_kind(arch).build_layer(work, arch.pe_array, own)
    builder.next_address = own.next_address
    return built


def _encode(arch: ArchConfig, encode: Encode, data: LayerData, plan: Plan) -> Bands:
    try:
        weight_format = layer_format(arch, data.tensor, is_dense=plan.is_dense)
        return encoded_bands(encode, weight_format, data.tensor, plan)
    except ConfigError as error:
        raise arch.located(error) from None


def _add_attention(prepared: PreparedNetwork, number: int, work: Attention) -> None:
    """Plan and build an attention beside the maps that are held meanwhile."""
    stage, network, arch = prepared.stages[number], prepared.network, prepared.target.arch
    held = prepared.held_bits(number)
    on_chip = all_on_chip(stage, prepared.residents)
    free = prepared.capacity_bits - held
    plan = plan_attention(arch, work, free, prepared.activation_bits, on_chip)
    check_capacity(stage, prepared.capacity_bits, held, plan.scratchpad_bits)
    found = attention_parts(network, number, plan, prepared.target.workload.weight_type)
    network.tiles[number] = found.tiles
    prepared.machines.append(found.parts)
    prepared.macs_issued.append(found.macs_issued)
    prepared.facts.append(
        {
            "plan": f"{len(plan.tile_tokens)} tiles of queries",
            "macs_dense": work.macs * stage.batch,
            "macs_effectual": work.macs * stage.batch,
            "held_bits": held,
            "used_bits": held + sum(plan.scratchpad_bits.values()),
        }
    )


def _add_vector(prepared: PreparedNetwork, number: int) -> None:
    held = prepared.held_bits(number)
    check_capacity(prepared.stages[number], prepared.capacity_bits, held, {})
    prepared.machines.append(None)
    prepared.facts.append({"held_bits": held, "used_bits": held})
