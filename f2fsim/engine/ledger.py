"""Books of one part: every own cycle is busy, stalled with a cause, or idle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from f2fsim.hw.description import Component, Reader, Writer
from f2fsim.results import ComponentStats

if TYPE_CHECKING:
    from f2fsim.engine.observer import Observer


class Ledger:
    """Busy and stalled cycles of one part; all times are ticks on its own clock edges."""

    def __init__(self, part: str, period: int, seen: Observer | None) -> None:
        self.part, self.period, self.seen = part, period, seen
        self.busy_cycles = 0
        self.stall_cycles: dict[str, int] = {}
        self.end = 0
        # Stream engines only: the cycle of the last request, and how many started in it.
        self.cursor = 0
        self.cycle_start = -1
        self.in_cycle = 0

    def busy(self, start: int, cycles: int) -> None:
        """Book `cycles` of service from `start`."""
        self.busy_cycles += cycles
        if self.seen:
            self.seen.busy(self.part, start, start + cycles * self.period)

    def stall(self, cause: str, start: int, end: int) -> None:
        """Book the time from `start` to `end` as waiting for `cause`."""
        if end > start:
            cycles = (end - start) // self.period
            self.stall_cycles[cause] = self.stall_cycles.get(cause, 0) + cycles
            if self.seen:
                self.seen.stall(self.part, cause, start, end)

    def request(self, now: int, waits: Sequence[tuple[str, int]], last: str) -> None:
        """Book a request at edge `now`: one busy cycle for all requests that start in it.

        The wait before it has the causes of `waits` in order, each up to the edge after its time,
        and `last` from there.
        """
        if now == self.cycle_start:
            self.in_cycle += 1
            return
        start = self.cursor
        for cause, until in waits:
            turn = min(now, max(start, self._edge(until)))
            self.stall(cause, start, turn)
            start = turn
        self.stall(last, start, now)
        self.busy(now, 1)
        self.cursor, self.cycle_start, self.in_cycle = now + self.period, now, 1

    def last_wait(self, now: int, cause: str) -> None:
        """Book the wait after the last request, up to the edge after `now`, and finish."""
        edge = self._edge(now)
        self.stall(cause, self.cursor, max(edge, self.cursor))
        self.finish(max(now, self.cursor))

    def finish(self, now: int) -> None:
        """The part has done all its work at `now`."""
        self.end = now

    def _edge(self, time: int) -> int:
        return -(-time // self.period) * self.period


def part_stats(
    part: Component | Reader | Writer,
    busy_cycles: int,
    stall_cycles: dict[str, int],
    end: int,
    ticks: int,
) -> ComponentStats:
    """Turn the books of a part into its counters, given the end of the whole run in ticks."""
    period = ticks // part.clock_hz
    total = -(-end // period)
    if isinstance(part, Component):
        kind, n_items, actions = part.kind, part.n_items, part.actions
    else:
        kind = "reader" if isinstance(part, Reader) else "writer"
        n_items, actions = int(part.n_bits.shape[0]), {}
    return ComponentStats(
        name=part.name,
        kind=kind,
        clock_hz=part.clock_hz,
        total_cycles=total,
        busy_cycles=busy_cycles,
        idle_cycles=total - busy_cycles - sum(stall_cycles.values()),
        stall_cycles={cause: n for cause in sorted(stall_cycles) if (n := stall_cycles[cause])},
        n_items=n_items,
        actions=actions,
    )
