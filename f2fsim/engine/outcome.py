"""What an engine hands back: raw counters in ticks and cycles, equal for both engines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from f2fsim.results import ComponentStats, MemoryStats

if TYPE_CHECKING:
    from f2fsim.hw.description import Machine


class StreamCounters(NamedTuple):
    """What the memory saw of one stream."""

    n_bursts: int
    row_hits: int
    row_misses: int
    row_conflicts: int
    latency_sum_clocks: int


@dataclass(frozen=True)
class Outcome:
    """A finished run: its length, the counters of every part, and what the memory did.

    ``marks`` has, for each component with marks, the ticks at which its marked items ended.
    """

    n_ticks: int
    ticks_per_second: int
    components: tuple[ComponentStats, ...]
    streams: Mapping[str, StreamCounters]
    memory: MemoryStats | None
    marks: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def of(self, machine: Machine) -> Outcome:
        """Return the outcome of a machine that is one in time with the one that was run."""
        # The command line starts without the hardware models and NumPy.
        from f2fsim.hw.description import StreamEngine

        components = tuple(
            stats
            if isinstance(part, StreamEngine) or part.actions == stats.actions
            else replace(stats, actions=part.actions)
            for part, stats in zip(machine.parts, self.components, strict=True)
        )
        return replace(self, components=components)
