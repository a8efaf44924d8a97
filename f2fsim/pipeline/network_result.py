"""From the outcome of a network's run to its result: stages, tensors, streams, bounds, energy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from f2fsim.analytic.network import NetworkTotals, network_bounds
from f2fsim.codec import PrunedTensor
from f2fsim.config.operation import Attention
from f2fsim.cost import sum_terms
from f2fsim.engine import Outcome
from f2fsim.hw.description import Machine
from f2fsim.hw.functional import FunctionalJob
from f2fsim.network.attention import CACHE
from f2fsim.network.context import Network
from f2fsim.network.cores import on_core
from f2fsim.network.join import StageParts
from f2fsim.network.outputs import APPEND
from f2fsim.network.residency import Tensor, resident_bits
from f2fsim.network.stages import Stage
from f2fsim.pipeline.run import Target, manifest
from f2fsim.results import StreamStats
from f2fsim.results.network import NetworkResult, StageStats, TensorStats

Residency = str | Sequence[str]


@dataclass(frozen=True, eq=False)
class LayerValues:
    """What the values of a layer come from: the machine's side, and the whole pruned tensor."""

    job: FunctionalJob
    whole: PrunedTensor


@dataclass
class PreparedNetwork:
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
    jobs: dict[int, LayerValues] | None = None
    encoded_bits: dict[str, int] = field(default_factory=dict)

    @property
    def capacity_bits(self) -> int:
        """Bits of the scratchpad."""
        return 8 * self.target.arch.scratchpad.capacity

    def held_bits(self, number: int) -> int:
        """Return the bits of residents that live in a stage."""
        return resident_bits([self.tensors[name] for name in sorted(self.residents)], number)


def network_result(
    cores: Sequence[PreparedNetwork],
    machine: Machine,
    outcome: Outcome,
    residency: Residency,
    engine: str,
) -> NetworkResult:
    """Return the result of a run; `check_network` holds it against its rules."""
    prepared = cores[0]
    target = prepared.target
    arch, dram = target.arch, target.dram
    streams = _streams(machine, outcome, dram.burst_bytes)
    terms = target.cost.terms(outcome.components, outcome.memory, streams)
    array = arch.pe_array
    # The slowest core of each product: all wait for all.
    each = zip(*(one.macs_issued for one in cores), strict=True)
    cycles = [-(-max(issued) // array.n_multipliers) for issued in each]
    lanes = arch.vector.lanes if arch.vector else 0
    operations = max(sum(stage.n_lane_operations for stage in one.stages) for one in cores)
    totals = NetworkTotals(
        sum(stream.payload_bits for stream in streams),
        dram.peak_bytes_per_second,
        arch.clock,
        cycles,
        -(-operations // lanes) if lanes else 0,
    )
    area = target.cost.area_um2(target.workload.widest_weight_type)
    return NetworkResult(
        arch=arch.name,
        workload=target.workload.name,
        format=arch.format,
        n_ticks=outcome.n_ticks,
        ticks_per_second=outcome.ticks_per_second,
        clock_hz=arch.clock,
        stages=_all_stages(cores, outcome),
        tensors=_tensor_stats(cores),
        components=outcome.components,
        streams=streams,
        memory=outcome.memory,
        bound_cycles=network_bounds(totals),
        encoded_bits=_added([one.encoded_bits for one in cores]),
        scratchpad_bits=prepared.capacity_bits,
        n_multipliers=array.n_multipliers * arch.cores,
        residency=residency if isinstance(residency, str) else ", ".join(residency),
        energy_pj=sum_terms(terms, target.cost.table),
        area_um2={name: arch.cores * um2 for name, um2 in area.items()},
        notes=_notes(prepared),
        tokens=max((stage.batch for stage, _ in _attentions(prepared)), default=0),
        context=max((work.context for _, work in _attentions(prepared)), default=0),
        cache_bits=_added([_cache_bits(one) for one in streams]),
        manifest=manifest(target, engine),
    )


def _cache_bits(stream: StreamStats) -> dict[str, int]:
    """Return the bits of a stream of a KV cache, on whatever core; none of others."""
    name = stream.name.rpartition(": ")[2]
    return {name: stream.payload_bits} if name in (CACHE, APPEND) else {}


def _added(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """Return the sums of counts by name."""
    total: dict[str, int] = {}
    for one in counts:
        for name, n in one.items():
            total[name] = total.get(name, 0) + n
    return total


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
    sums = ("n_weights", "n_kept", "macs_dense", "macs_effectual", "lane_operations")
    return tuple(
        replace(
            parts[0],
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


def _notes(prepared: PreparedNetwork) -> tuple[str, ...]:
    notes = []
    if prepared.target.arch.vector is None and any(s.n_lane_operations for s in prepared.stages):
        notes.append("vector operations take no time and no energy: the machine has no vector unit")
    n_cores = prepared.target.arch.cores
    if n_cores > 1:
        notes.append(f"{n_cores} cores: output rows are dealt, each core reads its own inputs")
    loose = [stage for stage in prepared.stages[1:] if stage.is_chained]
    if loose and not prepared.target.workload.operations:
        notes.append("the workload states no graph: each layer takes from the one before")
    return tuple(notes)


def _stage_stats(
    prepared: PreparedNetwork, noted: Mapping[str, Sequence[int]]
) -> tuple[StageStats, ...]:
    marks = {name: iter(times) for name, times in noted.items()}
    array = next(name for name in noted if name not in ("vector unit", "scratchpad fill"))
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
