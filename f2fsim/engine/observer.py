"""What a trace of a run has to take: every interval of every part, and the memory's commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from f2fsim.hw.description import Machine
from f2fsim.hw.dram import DramParams

if TYPE_CHECKING:
    from f2fsim.engine.trace_dram import Command


class Observer(Protocol):
    """Sees every interval of every part as it happens, times in ticks."""

    def begin(self, machine: Machine, dram: DramParams | None, ticks_per_second: int) -> None:
        """Take over clocks and names; called before anything runs."""

    def busy(self, part: str, start: int, end: int) -> None:
        """`part` was busy from `start` to `end`."""

    def stall(self, part: str, cause: str, start: int, end: int) -> None:
        """`part` waited for `cause`."""

    def occupancy(self, channel: str, time: int, units: int) -> None:
        """`channel` holds `units` from `time` on."""

    def commands(
        self, log: Sequence[Command], dram: DramParams, ticks_per_clock: int, end: int
    ) -> None:
        """Take the memory's commands; called once, after the run ended at tick `end`."""

    def finish(self, end: int) -> None:
        """Nothing more comes; the run ended at tick `end`."""
