"""From the outcomes of a network's pieces to its result: stages, streams, bounds, energy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from f2fsim.analytic.network import NetworkTotals, network_bounds
from f2fsim.config.layer import Layer
from f2fsim.config.operation import Attention
from f2fsim.cost import amounts, sum_terms
from f2fsim.engine import Outcome
from f2fsim.hw.description import Machine
from f2fsim.mapping.geometry import ACTIVATION_BITS
from f2fsim.network.context import CACHE_STREAMS
from f2fsim.network.cores import on_core
from f2fsim.network.residency import tensors_of
from f2fsim.network.stages import Stage
from f2fsim.pipeline.network_layers import LayerFacts, LayerShare, added, layer_result
from f2fsim.pipeline.network_sum import one_run
from f2fsim.pipeline.prepared import PreparedNetwork, Residency
from f2fsim.pipeline.target import Target, manifest
from f2fsim.results import LayerResult, NetworkRun, SimResult, StageStats, StreamStats, TensorStats


@dataclass(frozen=True)
class PieceResult:
    """The run of a piece, and the facts of the layer of each stage, on each core."""

    run: NetworkRun
    layers: Mapping[int, tuple[LayerFacts, ...]]


def piece_result(
    cores: Sequence[PreparedNetwork], machine: Machine, outcome: Outcome, residency: Residency
) -> PieceResult:
    """Return the result of a piece's run; `check_network` holds it against its rules."""
    prepared = cores[0]
    target = prepared.target
    arch = target.arch
    streams = _streams(machine, outcome, target.dram.burst_bytes)
    terms = target.cost.terms(outcome.components, outcome.memory, streams)
    found = NetworkRun(
        n_ticks=outcome.n_ticks,
        ticks_per_second=outcome.ticks_per_second,
        clock_hz=arch.clock,
        stages=_all_stages(cores, outcome),
        tensors=_tensor_stats(cores),
        components=outcome.components,
        streams=streams,
        memory=outcome.memory,
        bound_cycles=network_bounds(_totals(cores, streams)),
        scratchpad_bits=prepared.capacity_bits,
        n_multipliers=arch.pe_array.n_multipliers * arch.cores,
        residency=residency if isinstance(residency, str) else ", ".join(residency),
        energy_pj=sum_terms(terms, target.cost.table),
        energy_amounts=amounts(terms),
        tokens=max((stage.batch for stage, _ in _attentions(prepared)), default=0),
        context=max((work.context for _, work in _attentions(prepared)), default=0),
        cache_bits=added([_cache_bits(one) for one in streams]),
    )
    layers = {number: tuple(one.layers[number] for one in cores) for number in prepared.layers}
    return PieceResult(found, layers)


def _totals(cores: Sequence[PreparedNetwork], streams: Sequence[StreamStats]) -> NetworkTotals:
    """Return what the bounds of a piece are made from."""
    arch, dram = cores[0].target.arch, cores[0].target.dram
    # The slowest core of each product: all wait for all.
    each = zip(*(one.macs_issued for one in cores), strict=True)
    cycles = [-(-max(issued) // arch.pe_array.n_multipliers) for issued in each]
    lanes = arch.vector.lanes if arch.vector else 0
    operations = max(sum(stage.n_lane_operations for stage in one.stages) for one in cores)
    return NetworkTotals(
        sum(stream.payload_bits for stream in streams),
        dram.peak_bytes_per_second,
        arch.clock,
        cycles,
        -(-operations // lanes) if lanes else 0,
    )


def whole_result(
    target: Target,
    stages: Sequence[Stage],
    pieces: Sequence[range],
    done: Sequence[PieceResult],
    engine: str,
) -> SimResult:
    """Return the result of a network from those of its pieces."""
    run = one_run([piece.run for piece in done], [piece.start for piece in pieces])
    kept = {one.name: one for one in run.tensors}
    # What is needed in a later piece than the one that makes it stays in no scratchpad.
    tensors = tuple(
        kept.get(one.name, TensorStats(one.name, one.n_bits, "memory", one.first, one.last))
        for one in tensors_of(stages, _activation_bits(target)).values()
    )
    run = replace(run, tensors=tensors, notes=_notes(target, stages, run))
    widest = target.workload.widest_weight_type
    area = target.cost.area_um2(widest)
    return SimResult(
        arch=target.arch.name,
        workload=target.workload.name,
        format=target.arch.format,
        layers=_layers(target, stages, pieces, done, run),
        area_um2={name: target.arch.cores * um2 for name, um2 in area.items()},
        clock_limits_hz=target.cost.clock_limits_hz(widest),
        manifest=manifest(target, engine, "network"),
        network=run,
    )


def _activation_bits(target: Target) -> int:
    return ACTIVATION_BITS[target.workload.weight_type]


def _layers(
    target: Target,
    stages: Sequence[Stage],
    pieces: Sequence[range],
    done: Sequence[PieceResult],
    run: NetworkRun,
) -> tuple[LayerResult, ...]:
    """Return the layers, each with its share of the time axis."""
    shares: dict[str, LayerShare] = {}
    before = 0
    for piece, one in zip(pieces, done, strict=True):
        for number in piece:
            work, stage = stages[number].work, run.stages[number]
            if isinstance(work, Layer):
                of_cores = one.layers[number - piece.start]
                share = shares.setdefault(work.name, LayerShare(work, of_cores))
                share.n_ticks += stage.done - before
                share.n_bytes += stage.n_bytes
            before = stage.done
    return tuple(layer_result(target, one, run.ticks_per_second) for one in shares.values())


def _cache_bits(stream: StreamStats) -> dict[str, int]:
    """Return the bits of a stream of a KV cache, on whatever core; none of others."""
    name = stream.name.rpartition(": ")[2]
    return {name: stream.payload_bits} if name in CACHE_STREAMS else {}


def _all_stages(cores: Sequence[PreparedNetwork], outcome: Outcome) -> tuple[StageStats, ...]:
    """Return the stages: from the first core that is ready to the last that is done."""
    if len(cores) == 1:
        return _stage_stats(cores[0], outcome.marks)
    by_core = []
    for core, prepared in enumerate(cores):
        prefix = on_core("", core)
        marks = {
            name.removeprefix(prefix): times
            for name, times in outcome.marks.items()
            if name.startswith(prefix)
        }
        by_core.append(_stage_stats(prepared, marks))
    sums = (
        "n_weights", "n_kept", "macs_dense", "macs_effectual", "macs_issued", "lane_operations",
        "n_bytes", "cache_bytes",
    )  # fmt: skip
    return tuple(
        replace(
            parts[0],
            decoded=min(one.decoded for one in parts),
            ready=min(one.ready for one in parts),
            computed=max(one.computed for one in parts),
            done=max(one.done for one in parts),
            used_bits=max(one.used_bits for one in parts),
            **{name: sum(getattr(one, name) for one in parts) for name in sums},
        )
        for parts in zip(*by_core, strict=True)
    )


def _attentions(prepared: PreparedNetwork) -> list[tuple[Stage, Attention]]:
    """Return the stages of attention: a run makes one token a sample."""
    return [(s, s.work) for s in prepared.stages if isinstance(s.work, Attention)]


def _notes(target: Target, stages: Sequence[Stage], run: NetworkRun) -> tuple[str, ...]:
    """Return what a reader of the figures must know."""
    notes = []
    arch = target.arch
    if arch.vector is None and any(stage.n_lane_operations for stage in stages):
        notes.append("no vector unit: vector operations take no time and no energy")
    if arch.cores > 1:
        notes.append(f"{arch.cores} cores: output rows are dealt, each core reads its own inputs")
    if any(stage.is_chained for stage in stages[1:]) and not target.workload.operations:
        notes.append("the workload states no graph: each layer takes from the one before")
    if run.n_pieces > 1:
        notes.append(f"run in {run.n_pieces} pieces: nothing is fetched ahead or kept across cuts")
    return tuple(notes)


def _stage_stats(
    prepared: PreparedNetwork, noted: Mapping[str, Sequence[int]]
) -> tuple[StageStats, ...]:
    marks, network = {name: iter(times) for name, times in noted.items()}, prepared.network
    found: list[StageStats] = []
    for stage, machine, facts in zip(
        prepared.stages, prepared.machines, prepared.facts, strict=True
    ):
        ready = computed = 0
        number = len(found)
        if machine is not None:
            ready, computed = next(marks["scratchpad fill"]), next(marks[network.arrays[number]])
        begun = [next(marks[name]) for name in network.fronts.get(number, ())]
        found.append(
            StageStats(
                stage.name,
                getattr(stage.work, "op", ""),
                tuple(one.op for one in stage.fused),
                ready,
                computed,
                next(marks["vector unit"]),
                lane_operations=stage.n_lane_operations,
                decoded=min(begun, default=0),
                n_bytes=network.n_bytes.get(number, 0),
                cache_bytes=network.cache_bytes.get(number, 0),
                **facts,
            )
        )
    return tuple(found)


def _tensor_stats(cores: Sequence[PreparedNetwork]) -> tuple[TensorStats, ...]:
    prepared = cores[0]
    return tuple(
        TensorStats(
            one.name,
            sum(core.tensors[one.name].n_bits for core in cores),
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
