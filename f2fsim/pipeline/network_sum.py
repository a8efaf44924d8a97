"""Runs of a network's pieces as one: a piece begins when the one before has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from f2fsim.results import ComponentStats, MemoryStats, NetworkRun, StageStats, StreamStats

Number = TypeVar("Number", int, float)


def one_run(runs: Sequence[NetworkRun], first_stages: Sequence[int]) -> NetworkRun:
    """Return the runs of all pieces as one on one time axis; counters add up.

    Parameters
    ----------
    runs : sequence of NetworkRun
        In order; a single one is returned as it is.
    first_stages : sequence of int
        Number of each piece's first stage in the network.
    """
    if len(runs) == 1:
        return runs[0]
    stages, tensors, now = [], [], 0
    for run, offset in zip(runs, first_stages, strict=True):
        stages += [_later(stage, now) for stage in run.stages]
        tensors += [replace(t, first=t.first + offset, last=t.last + offset) for t in run.tensors]
        now += run.n_ticks
    return replace(
        runs[0],
        n_ticks=now,
        stages=tuple(stages),
        tensors=tuple(tensors),
        components=_components([run.components for run in runs]),
        streams=_streams([run.streams for run in runs]),
        memory=_memory([run.memory for run in runs if run.memory is not None]),
        bound_cycles=_sums([run.bound_cycles for run in runs]),
        energy_pj=_sums([run.energy_pj for run in runs]),
        energy_amounts=_sums([run.energy_amounts for run in runs]),
        n_pieces=len(runs),
        tokens=max(run.tokens for run in runs),
        context=max(run.context for run in runs),
        cache_bits=_sums([run.cache_bits for run in runs]),
    )


def _later(stage: StageStats, ticks: int) -> StageStats:
    """Return a stage on the common axis; without a turn of the scratchpad it has no such times."""
    if not stage.computed:
        return replace(stage, done=stage.done + ticks)
    times = {name: getattr(stage, name) + ticks for name in ("ready", "computed", "done")}
    decoded = stage.decoded + ticks if stage.decoded else 0
    return replace(stage, decoded=decoded, **times)


def _sums(counts: Sequence[Mapping[str, Number]]) -> dict[str, Number]:
    total: dict[str, Number] = {}
    for one in counts:
        for name, n in one.items():
            total[name] = total[name] + n if name in total else n
    return total


def _components(runs: Sequence[Sequence[ComponentStats]]) -> tuple[ComponentStats, ...]:
    """Return the parts with the cycles of all pieces; one without work in a piece is idle there."""
    lengths = [{part.clock_hz: part.total_cycles for part in parts} for parts in runs]
    found: dict[str, ComponentStats] = {}
    for parts in runs:
        for part in parts:
            before = found.get(part.name)
            found[part.name] = part if before is None else _both(before, part)
    return tuple(
        replace(part, total_cycles=total, idle_cycles=part.idle_cycles + total - part.total_cycles)
        for part in found.values()
        for total in [sum(clocks.get(part.clock_hz, 0) for clocks in lengths)]
    )


def _both(a: ComponentStats, b: ComponentStats) -> ComponentStats:
    return replace(
        a,
        total_cycles=a.total_cycles + b.total_cycles,
        busy_cycles=a.busy_cycles + b.busy_cycles,
        idle_cycles=a.idle_cycles + b.idle_cycles,
        stall_cycles=_sums([a.stall_cycles, b.stall_cycles]),
        n_items=a.n_items + b.n_items,
        actions=_sums([a.actions, b.actions]),
    )


def _streams(runs: Sequence[Sequence[StreamStats]]) -> tuple[StreamStats, ...]:
    found: dict[str, StreamStats] = {}
    counts = (
        "payload_bits", "n_bursts", "row_hits", "row_misses", "row_conflicts",
        "latency_sum_clocks",
    )  # fmt: skip
    for one in (stream for streams in runs for stream in streams):
        before = found.get(one.name)
        if before is None:
            found[one.name] = one
            continue
        summed = {name: getattr(before, name) + getattr(one, name) for name in counts}
        found[one.name] = replace(before, **summed)
    return tuple(found.values())


def _memory(runs: Sequence[MemoryStats]) -> MemoryStats | None:
    if not runs:
        return None
    counts = ("total_cycles", "busy_cycles", "idle_cycles")
    summed = {name: sum(getattr(run, name) for run in runs) for name in counts}
    return replace(
        runs[0],
        **summed,
        stall_cycles=_sums([run.stall_cycles for run in runs]),
        commands=_sums([run.commands for run in runs]),
        energy_pj=_sums([run.energy_pj for run in runs]),
    )
