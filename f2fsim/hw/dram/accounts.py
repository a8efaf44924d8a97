"""Where the clocks of a channel's data bus go: data, idleness, or one cause of a stall."""

from __future__ import annotations

from f2fsim.hw.dram import stats as s
from f2fsim.hw.dram.state import Rank, Request
from f2fsim.hw.dram.timing import DramParams


class BusAccounts:
    """Busy, idle and stalled clocks of one data bus up to `data_end`.

    ``waiting_since`` is the first clock at which a request waited, without a break until now.
    """

    def __init__(self, params: DramParams) -> None:
        self.params = params
        self.stalls = [0] * len(s.STALL_CAUSES)
        self.busy = self.idle = 0
        self.data_end = 0
        self.waiting_since = 0
        self.last_column: tuple[int, int, int] | None = None

    def close(self, end: int) -> None:
        """Count the clocks from the last data to `end` as idle."""
        self.idle += max(0, end - self.data_end)
        self.data_end = max(self.data_end, end)

    def note(self, rank: Rank, request: Request, now: int) -> None:
        """Share the clocks between the last data and this among idle and the causes."""
        params = self.params
        latency = params.write_latency if request.is_write else params.read_latency
        start = now + latency
        first = self.data_end - latency
        waiting = min(max(first, self.waiting_since), now)
        self.idle += waiting - first
        refreshed = min(max(waiting, rank.refresh_end), now)
        self.stalls[s.REFRESH] += refreshed - waiting
        self.stalls[self._cause(request)] += now - refreshed
        self.busy += params.burst_clocks
        self.data_end = start + params.burst_clocks

    def _cause(self, request: Request) -> int:
        if request.row_state == 2:
            return s.ROW_CONFLICT
        if request.row_state == 1:
            return s.FOUR_ACTIVATE if request.behind_four_act else s.ROW_ACTIVATE
        if self.last_column is None:
            return s.ARBITRATION
        rank, group, write = self.last_column
        if write != request.is_write:
            return s.TURNAROUND
        if rank != request.location.rank:
            return s.RANK_SWITCH
        if group == request.location.bank_group and (
            self.params.rd_rd_l > self.params.burst_clocks
        ):
            return s.BANK_GROUP
        return s.ARBITRATION
