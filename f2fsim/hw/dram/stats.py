"""Counters of a DRAM channel and their sum over a system."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

#: Commands, in the order of their numbers in a command trace.
COMMANDS = ("ACT", "PRE", "PREA", "RD", "WR", "RDA", "WRA", "REF")
ACT, PRE, PREA, RD, WR, RDA, WRA, REF = range(8)

#: Why the data bus stood still while a request waited.
STALL_CAUSES = (
    "refresh",
    "row conflict",
    "row activate",
    "tFAW",
    "turnaround",
    "rank switch",
    "bank group",
    "arbitration",
)
(
    REFRESH,
    ROW_CONFLICT,
    ROW_ACTIVATE,
    FOUR_ACTIVATE,
    TURNAROUND,
    RANK_SWITCH,
    BANK_GROUP,
    ARBITRATION,
) = range(8)


class DramStreamStats(NamedTuple):
    """What one stream saw: its requests, who found the row open, and the clocks they took.

    ``row_misses`` found the bank closed, ``row_conflicts`` another row open, at the first command
    issued for the request.  ``n_forwarded`` reads took their data from the write queue.
    Latency runs from the clock a request enters its channel's window to the end of its data.
    """

    n_bursts: int = 0
    row_hits: int = 0
    row_misses: int = 0
    row_conflicts: int = 0
    n_forwarded: int = 0
    latency_sum_clocks: int = 0


@dataclass(frozen=True)
class DramStats:
    """Counters of a DRAM system; clocks are summed over its channels.

    ``busy_clocks + idle_clocks + sum(stall_clocks) == total_clocks``: the data bus carries data,
    has nothing to carry, or stands still for one cause.
    """

    total_clocks: int
    busy_clocks: int
    idle_clocks: int
    stall_clocks: dict[str, int]
    commands: dict[str, int]
    rank_active_clocks: int
    rank_precharged_clocks: int
    streams: tuple[DramStreamStats, ...] = field(default=())
