"""The stages of a network's machine: each planned, encoded and built beside the maps held then."""

from __future__ import annotations

from dataclasses import replace

from f2fsim.codec import EncodedTensor, PrunedTensor
from f2fsim.config.arch import ArchConfig
from f2fsim.config.layer import Layer
from f2fsim.config.operation import Attention
from f2fsim.errors import ConfigError
from f2fsim.hw.arrays import array_kind
from f2fsim.hw.arrays.contract import LayerWork
from f2fsim.hw.functional import FunctionalJob
from f2fsim.hw.layer_machine import LayerMachine
from f2fsim.hw.machine_builder import MachineBuilder
from f2fsim.mapping.plan import Plan
from f2fsim.network.attention import attention_parts, plan_attention
from f2fsim.network.cores import dealt_tensor
from f2fsim.network.join import StageParts
from f2fsim.network.residency import all_on_chip, check_capacity
from f2fsim.pipeline.layer import Encode, encoded_bands
from f2fsim.pipeline.network_layers import layer_facts
from f2fsim.pipeline.prepared import LayerValues, PreparedNetwork
from f2fsim.scheduling import plan_layer
from f2fsim.workloads import LayerData

Bands = list[tuple[PrunedTensor, EncodedTensor]]


def add_stage(prepared: PreparedNetwork, number: int, data: LayerData | None, core: int) -> None:
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
    prepared.machines.append(StageParts.of(built.machine))
    prepared.macs_issued.append(built.macs_issued)
    away, whole = prepared.network.spilled_share(stage)
    prepared.layers[number] = layer_facts(
        target.arch, data, plan, bands, built, away / whole if whole else 0.0
    )
    words = f"{plan.schedule.replace('_', ' ')}, {len(plan.band_rows)} x {len(plan.tile_columns)}"
    prepared.facts.append(
        {
            "plan": words,
            "n_weights": data.tensor.n_weights,
            "n_kept": data.tensor.n_kept,
            "macs_dense": data.layer.macs,
            "macs_effectual": built.macs_effectual,
            "macs_issued": built.macs_issued,
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
    own = builder.successor(arch)
    work = LayerWork(arch, data.layer, plan, bands, data.activation_density)
    built = array_kind(arch).build_layer(work, arch.pe_array, own)
    builder.next_address = own.next_address
    return built


def _encode(arch: ArchConfig, encode: Encode, data: LayerData, plan: Plan) -> Bands:
    try:
        return encoded_bands(encode, arch, data.tensor, plan)
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
            "macs_issued": found.macs_issued,
            "held_bits": held,
            "used_bits": held + sum(plan.scratchpad_bits.values()),
        }
    )


def _add_vector(prepared: PreparedNetwork, number: int) -> None:
    held = prepared.held_bits(number)
    check_capacity(prepared.stages[number], prepared.capacity_bits, held, {})
    prepared.machines.append(None)
    prepared.facts.append({"held_bits": held, "used_bits": held})
