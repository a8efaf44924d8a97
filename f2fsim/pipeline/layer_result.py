"""The result of a layer's run: its counters beside its sizes, bounds, plan and codec statistics."""

from __future__ import annotations

from collections.abc import Mapping

from f2fsim.analytic import LayerTraffic, Refresh, bound_cycles
from f2fsim.codec import SCALES, EncodedTensor, PrunedTensor
from f2fsim.codec.entropy import n_varying_bits
from f2fsim.codec.kept_zeros import PARAM as KEPT_ZEROS
from f2fsim.config.arch import ArchConfig
from f2fsim.engine import Outcome
from f2fsim.hw.dram import DramParams
from f2fsim.hw.front_ends import front_end_kind
from f2fsim.hw.layer_machine import LayerMachine
from f2fsim.mapping.geometry import ACTIVATION_BITS
from f2fsim.mapping.plan import Plan
from f2fsim.results import LayerResult, PlanStats, StreamStats
from f2fsim.sharing import shared
from f2fsim.workloads import LayerData

#: Name of the flags of a machine's dense way, a bit a band.
DENSE_FLAGS = "dense flags"


def _requests(built: LayerMachine) -> dict[str, tuple[int, int]]:
    """Return the bursts that each stream engine requests, and the most in a cycle."""
    n_bursts = built.machine.n_bursts
    return {
        f"{engine.name} requests": (n_bursts[engine.name], engine.requests_per_cycle)
        for engine in built.machine.engines
    }


def _refresh(dram: DramParams) -> Refresh | None:
    """Return how refresh holds up the memory; None if it is off or other ranks go on meanwhile."""
    if not dram.refresh or dram.n_ranks > 1:
        return None
    return Refresh(dram.ref_act / dram.clock_hz, dram.ref_interval / dram.clock_hz)


def layer_result(
    machine: tuple[ArchConfig, DramParams],
    data: LayerData,
    plan: Plan,
    built: LayerMachine,
    outcome: Outcome,
    encoded: list[EncodedTensor],
) -> LayerResult:
    """Return what came of a run on an architecture and its memory; `CostModel` prices it."""
    arch, dram = machine
    layer, tensor = data.layer, data.tensor
    # Bands cut at the same rows are the same wherever the first one is.
    stored, stats = shared(
        encoded[0],
        ("stored", plan.band_rows, _has_dense_way(arch)),
        lambda: (encoded_bits(arch, encoded), codec_stats(encoded)),
    )
    traffic = LayerTraffic(
        built.payload_bits,
        dram.peak_bytes_per_second,
        arch.clock,
        built.macs_issued,
        arch.pe_array.n_multipliers,
        {**built.unit_rates, **_requests(built)},
        _refresh(dram),
    )
    return LayerResult(
        name=layer.name,
        op=layer.kind,
        n_outputs=layer.n_outputs,
        n_reduction=layer.n_reduction,
        n_columns=layer.n_columns,
        weight_type=tensor.weight_type.name,
        format=encoded[0].format,
        n_weights=tensor.n_weights,
        n_kept=tensor.n_kept,
        macs_dense=layer.macs,
        macs_effectual=built.macs_effectual,
        macs_issued=built.macs_issued,
        n_ticks=outcome.n_ticks,
        ticks_per_second=outcome.ticks_per_second,
        clock_hz=arch.clock,
        encoded_bits=stored,
        bound_cycles=bound_cycles(traffic),
        components=outcome.components,
        streams=_streams(dram, built, outcome),
        memory=outcome.memory,
        codec_stats=stats | shared_bits(tensor),
        origins={**data.origins, **built.origins},
        n_multipliers=arch.pe_array.n_multipliers,
        repeat=layer.repeat,
        plan=plan_stats(data, plan, built, stored),
    )


def plan_stats(
    data: LayerData, plan: Plan, built: LayerMachine, stored: Mapping[str, int]
) -> PlanStats:
    """Return the plan and how often it fetched weights and activations, from the real streams."""
    layer = data.layer
    # The flags come with the addresses.
    once = sum(n for name, n in stored.items() if name != DENSE_FLAGS)
    others = {"activations", *(writer.name for writer in built.machine.writers)}
    fetched = sum(n for name, n in built.payload_bits.items() if name not in others)
    inputs = layer.n_input_values * ACTIVATION_BITS[data.tensor.weight_type.name]
    return PlanStats(
        schedule=plan.schedule,
        n_bands=len(plan.band_rows),
        band_rows=max(plan.band_rows),
        n_tiles=len(plan.tile_columns),
        tile_columns=max(plan.tile_columns),
        weight_fetches=fetched / once if once else 0.0,
        activation_fetches=built.payload_bits.get("activations", 0) / inputs if inputs else 0.0,
        scratchpad_bits=dict(plan.scratchpad_bits),
    )


def _streams(dram: DramParams, built: LayerMachine, outcome: Outcome) -> tuple[StreamStats, ...]:
    """Return what each stream moved."""
    written = {writer.name for writer in built.machine.writers}
    return tuple(
        StreamStats(
            name=name,
            is_write=name in written,
            payload_bits=built.payload_bits[name],
            n_bursts=counters.n_bursts,
            burst_bytes=dram.burst_bytes,
            row_hits=counters.row_hits,
            row_misses=counters.row_misses,
            row_conflicts=counters.row_conflicts,
            latency_sum_clocks=counters.latency_sum_clocks,
        )
        for name, counters in outcome.streams.items()
    )


def encoded_bits(arch: ArchConfig, encoded: list[EncodedTensor]) -> dict[str, int]:
    """Return the bits of each stream in all bands, those that a machine fetches.

    Machines with a dense way store a flag a band beside, which comes with the band's addresses.
    """
    bits: dict[str, int] = {}
    if _has_dense_way(arch):
        bits[DENSE_FLAGS] = len(encoded)
    for band in encoded:
        for name, stream in band.streams.items():
            if name == "mask" and KEPT_ZEROS in band.params:
                continue  # only tells a kept 0 from a pruned one: no machine fetches it
            bits[name] = bits.get(name, 0) + stream.n_bits
        if band.scale_bits:
            bits[SCALES] = bits.get(SCALES, 0) + band.scale_bits
    return bits


def _has_dense_way(arch: ArchConfig) -> bool:
    return front_end_kind(arch).dense_block(arch.front_end, arch) is not None


def shared_bits(tensor: PrunedTensor) -> dict[str, float]:
    """Return the bits of all kept weights that vary, where some are the same in all of them."""
    n_bits = shared(tensor, "varying bits", lambda: n_varying_bits(tensor))
    return {"n_varying_bits": tensor.n_kept * n_bits} if n_bits < tensor.weight_type.n_bits else {}


def codec_stats(encoded: list[EncodedTensor]) -> dict[str, float]:
    """Add the counts of all bands; efficiency is matched over all care bits."""
    totals: dict[str, float] = {}
    for band in encoded:
        for key, value in band.stats.items():
            if key.startswith("n_"):
                totals[key] = totals.get(key, 0) + value
    if totals.get("n_care_bits"):
        totals["efficiency"] = 1 - totals.get("n_unmatched_bits", 0) / totals["n_care_bits"]
    return totals
