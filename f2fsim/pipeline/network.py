"""A workload as one run on an architecture: stages, residents, one machine in time, the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from f2fsim.analytic.network import NetworkTotals, network_bounds
from f2fsim.config import Workload, load_workload
from f2fsim.config.arch import ArchConfig
from f2fsim.config.graph import network_nodes
from f2fsim.config.layer import Layer
from f2fsim.config.operation import Attention
from f2fsim.cost import sum_terms
from f2fsim.engine import Outcome, check_engine, run
from f2fsim.errors import ConfigError, InputError, SimulationError
from f2fsim.hw.arrays import array_kind
from f2fsim.hw.arrays.contract import LayerWork
from f2fsim.hw.description import Machine
from f2fsim.hw.front_ends import layer_format
from f2fsim.hw.layer_machine import LayerMachine
from f2fsim.hw.machine_builder import MachineBuilder
from f2fsim.mapping.geometry import ACTIVATION_BITS
from f2fsim.mapping.plan import Plan
from f2fsim.network.assemble import join_stages
from f2fsim.network.attention import CACHE, attention_parts, plan_attention
from f2fsim.network.context import Network
from f2fsim.network.join import StageParts
from f2fsim.network.outputs import APPEND
from f2fsim.network.residency import (
    Tensor,
    all_on_chip,
    check_capacity,
    choose_residents,
    resident_bits,
    tensors_of,
)
from f2fsim.network.stages import Stage, build_stages
from f2fsim.pipeline.cache import EncodingCache
from f2fsim.pipeline.estimate import stage_cost
from f2fsim.pipeline.layer import Encode, band_tensors, encoded_bits
from f2fsim.pipeline.network_check import check_network
from f2fsim.pipeline.run import Progress, ReadLayers, Target, make_target, manifest
from f2fsim.results import StreamStats
from f2fsim.results.network import NetworkResult, StageStats, TensorStats
from f2fsim.scheduling import plan_layer
from f2fsim.workloads import LayerData, iterate_layers

Residency = str | Sequence[str]


@dataclass
class _Run:
    """One network on one target, from graph to machine."""

    target: Target
    stages: tuple[Stage, ...]
    tensors: Mapping[str, Tensor]
    residents: set[str]
    activation_bits: int
    network: Network
    machines: list[StageParts | None] = field(default_factory=list)
    macs_issued: list[int] = field(default_factory=list)
    facts: list[dict[str, Any]] = field(default_factory=list)
    encoded_bits: dict[str, int] = field(default_factory=dict)

    @property
    def capacity_bits(self) -> int:
        """Bits of the scratchpad."""
        return 8 * self.target.arch.scratchpad.capacity

    def held_bits(self, number: int) -> int:
        """Return the bits of residents that live in a stage."""
        return resident_bits([self.tensors[name] for name in sorted(self.residents)], number)


def simulate_network(
    arch: ArchConfig | str | Path,
    workload: Workload | str | Path,
    *,
    residency: Residency = "auto",
    engine: str = "compiled",
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
    engine, cache, progress, read_layers
        As in `f2fsim.simulate`.
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
    base = base.with_overrides(**overrides)
    store = EncodingCache.default() if isinstance(cache, str) else cache
    prepared = prepare_network(make_target(arch, base, store), residency, read_layers, progress)
    machine = join_stages(prepared.network, prepared.machines)
    target = prepared.target
    outcome = run(machine, target.dram, engine, None, target.cost.dram)
    result = _result(prepared, machine, outcome, residency, engine)
    check_network(result, machine, prepared.residents)
    return result


def prepare_network(
    target: Target,
    residency: Residency,
    read_layers: ReadLayers,
    progress: Progress | None = None,
) -> _Run:
    """Choose residents, then plan, encode and build every stage."""
    workload, arch = target.workload, target.arch
    stages = build_stages(network_nodes(workload.layers, workload.operations, workload.batch))
    activation_bits = ACTIVATION_BITS[workload.weight_type]
    tensors = tensors_of(stages, activation_bits)
    cost = stage_cost(arch, workload, stages, activation_bits)
    capacity = 8 * arch.scratchpad.capacity
    try:
        residents = choose_residents(stages, tensors, capacity, residency, cost)
    except InputError as error:
        raise InputError(f"workload {workload.name!r} on {arch.name}: {error}") from None
    builder = MachineBuilder(arch, target.dram.burst_bytes, target.dram.capacity_bytes)
    network = Network(arch, builder, stages, tensors, residents, activation_bits)
    prepared = _Run(target, stages, tensors, residents, activation_bits, network)
    layers = read_layers(workload)
    data: LayerData | None = None
    for number, stage in enumerate(stages):
        if progress:
            progress(number, len(stages), f"{arch.name}, {stage.name}")
        if isinstance(stage.work, Layer):
            if data is None or data.layer.name != stage.work.name:
                data = _next(layers, stage.work)
            _add_layer(prepared, number, data)
        elif isinstance(stage.work, Attention):
            _add_attention(prepared, number, stage.work)
        else:
            _add_vector(prepared, number)
    if progress:
        progress(len(stages), len(stages), "")
    return prepared


def _next(layers: Iterator[LayerData], layer: Layer) -> LayerData:
    data = next(layers)
    if data.layer.name != layer.name:
        raise SimulationError(f"layer {layer.name!r} was expected, got {data.layer.name!r}")
    return data


def _add_layer(prepared: _Run, number: int, data: LayerData) -> None:
    """Plan, encode and build a layer beside the maps that are held meanwhile."""
    target, stage = prepared.target, prepared.stages[number]
    held = prepared.held_bits(number)
    on_chip = all_on_chip(stage, prepared.residents)
    arch = with_capacity(target.arch, (prepared.capacity_bits - held) // 8)
    plan = plan_layer(arch, data.layer, data.tensor, inputs_on_chip=on_chip)
    check_capacity(stage, prepared.capacity_bits, held, plan.scratchpad_bits)
    built, streams = _build(target, data, plan, prepared.network.builder)
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
    target: Target, data: LayerData, plan: Plan, builder: MachineBuilder
) -> tuple[LayerMachine, Mapping[str, int]]:
    """Return a layer's machine, its addresses behind those of the layers before."""
    arch, encode = target.arch, target.encode
    bands = _encode(arch, encode, data, plan)
    own = MachineBuilder(arch, builder.burst_bytes, builder.capacity_bytes, one_form=True)
    own.next_address = builder.next_address
    work = LayerWork(arch, data.layer, plan, bands, data.activation_density)
    built = array_kind(arch).build_layer(work, arch.pe_array, own)
    builder.next_address = own.next_address
    return built, encoded_bits([one for _, one in bands])


def _encode(arch: ArchConfig, encode: Encode, data: LayerData, plan: Plan) -> list[Any]:
    try:
        weight_format = layer_format(arch, data.tensor)
        return [(band, encode(weight_format, band)) for band in band_tensors(data.tensor, plan)]
    except ConfigError as error:
        raise arch.located(error) from None


def _add_attention(prepared: _Run, number: int, work: Attention) -> None:
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


def _add_vector(prepared: _Run, number: int) -> None:
    held = prepared.held_bits(number)
    check_capacity(prepared.stages[number], prepared.capacity_bits, held, {})
    prepared.machines.append(None)
    prepared.facts.append({"held_bits": held, "used_bits": held})


def _result(
    prepared: _Run, machine: Machine, outcome: Outcome, residency: Residency, engine: str
) -> NetworkResult:
    target = prepared.target
    arch, dram = target.arch, target.dram
    streams = _streams(machine, outcome, dram.burst_bytes)
    terms = target.cost.terms(outcome.components, outcome.memory, streams)
    array = arch.pe_array
    cycles = [-(-issued // array.n_multipliers) for issued in prepared.macs_issued]
    lanes = arch.vector.lanes if arch.vector else 0
    operations = sum(stage.n_lane_operations for stage in prepared.stages)
    totals = NetworkTotals(
        sum(stream.payload_bits for stream in streams),
        dram.peak_bytes_per_second,
        arch.clock,
        cycles,
        -(-operations // lanes) if lanes else 0,
    )
    return NetworkResult(
        arch=arch.name,
        workload=target.workload.name,
        format=arch.format,
        n_ticks=outcome.n_ticks,
        ticks_per_second=outcome.ticks_per_second,
        clock_hz=arch.clock,
        stages=_stage_stats(prepared, outcome),
        tensors=_tensor_stats(prepared),
        components=outcome.components,
        streams=streams,
        memory=outcome.memory,
        bound_cycles=network_bounds(totals),
        encoded_bits=prepared.encoded_bits,
        scratchpad_bits=prepared.capacity_bits,
        n_multipliers=array.n_multipliers,
        residency=residency if isinstance(residency, str) else ", ".join(residency),
        energy_pj=sum_terms(terms, target.cost.table),
        area_um2=target.cost.area_um2(target.workload.weight_type),
        notes=_notes(prepared),
        tokens=_tokens(prepared),
        cache_bits={
            name: one.payload_bits for one in streams if (name := one.name) in (CACHE, APPEND)
        },
        manifest=manifest(target, engine),
    )


def _tokens(prepared: _Run) -> int:
    """Return the tokens that a run makes: one a sample, if it has attention."""
    return max((s.batch for s in prepared.stages if isinstance(s.work, Attention)), default=0)


def _notes(prepared: _Run) -> tuple[str, ...]:
    notes = []
    if prepared.target.arch.vector is None and any(s.n_lane_operations for s in prepared.stages):
        notes.append("vector operations take no time and no energy: the machine has no vector unit")
    loose = [stage for stage in prepared.stages[1:] if stage.is_chained]
    if loose and not prepared.target.workload.operations:
        notes.append("the workload states no graph: each layer takes from the one before")
    return tuple(notes)


def _stage_stats(prepared: _Run, outcome: Outcome) -> tuple[StageStats, ...]:
    marks = {name: iter(times) for name, times in outcome.marks.items()}
    array = next(name for name in outcome.marks if name not in ("vector unit", "scratchpad fill"))
    found = []
    for stage, machine, facts in zip(
        prepared.stages, prepared.machines, prepared.facts, strict=True
    ):
        ready = computed = 0
        if machine is not None:
            ready, computed = next(marks["scratchpad fill"]), next(marks[array])
        found.append(
            StageStats(
                stage.name,
                getattr(stage.work, "op", ""),
                tuple(one.op for one in stage.fused),
                ready,
                computed,
                next(marks["vector unit"]),
                lane_operations=stage.n_lane_operations,
                **facts,
            )
        )
    return tuple(found)


def _tensor_stats(prepared: _Run) -> tuple[TensorStats, ...]:
    return tuple(
        TensorStats(
            one.name,
            one.n_bits,
            "scratchpad" if one.name in prepared.residents else "memory",
            one.first,
            one.last,
        )
        for one in prepared.tensors.values()
    )


def _streams(machine: Machine, outcome: Outcome, burst_bytes: int) -> tuple[StreamStats, ...]:
    written = {writer.name for writer in machine.writers}
    payload = {engine.name: int(engine.n_bits.sum()) for engine in machine.engines}
    return tuple(
        StreamStats(
            name,
            name in written,
            payload[name],
            counters.n_bursts,
            burst_bytes,
            counters.row_hits,
            counters.row_misses,
            counters.row_conflicts,
            counters.latency_sum_clocks,
        )
        for name, counters in outcome.streams.items()
    )
