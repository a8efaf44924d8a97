"""What the plain-Python controller of a channel remembers: requests, banks, ranks, queues."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from f2fsim.hw.dram.mapping import Location
from f2fsim.hw.dram.timing import DramParams

#: A clock that never comes.
NEVER = 1 << 62


@dataclass(eq=False)
class Request:
    """One burst to read or write, from its offer to its completion."""

    stream: int
    index: int
    location: Location
    is_write: bool
    offer_clock: int
    enter_clock: int = -1
    done_clock: int = -1
    active: bool = False
    row_state: int = -1
    behind_four_act: bool = False


@dataclass
class Bank:
    """A bank: its open row (-1: closed) and the first clock of each command by its own history."""

    open_row: int = -1
    n_columns: int = 0
    act: int = 0
    pre: int = 0
    read: int = 0
    write: int = 0


@dataclass
class Rank:
    """A rank: what its banks share."""

    banks: list[Bank]
    act: int = 0
    pre: int = 0
    read: int = 0
    write: int = 0
    group_act: list[int] = field(default_factory=list)
    group_read: list[int] = field(default_factory=list)
    group_write: list[int] = field(default_factory=list)
    last_acts: deque[int] = field(default_factory=lambda: deque(maxlen=32))
    refresh_due: int = NEVER
    refresh_pending: bool = False
    refresh_end: int = 0
    n_open: int = 0
    open_since: int = 0
    active_clocks: int = 0


@dataclass(frozen=True)
class Choice:
    """A command that could go out at `clock`, by priority `order` (smaller first)."""

    clock: int
    order: tuple[int, int]
    command: int
    rank: int
    request: Request | None
    bank: int = -1


class ChannelState:
    """Requests and banks of one channel; `Channel` adds what happens to them.

    ``reads`` and ``writes`` are the window and the write queue, oldest first; ``active`` are the
    requests that a row was opened for, if that reserves it; ``queues`` hold the offers of each
    stream that have not entered.
    """

    def __init__(self, params: DramParams, index: int) -> None:
        self.params = params
        self.index = index
        self.queues: list[deque[Request]] = []
        self.reads: list[Request] = []
        self.writes: list[Request] = []
        self.active: list[Request] = []
        self.write_mode = False
        self.clock = 0
        self.turn = 0
        per_rank = params.n_bank_groups * params.n_banks_per_group
        self.ranks = [
            Rank(
                [Bank() for _ in range(per_rank)],
                group_act=[0] * params.n_bank_groups,
                group_read=[0] * params.n_bank_groups,
                group_write=[0] * params.n_bank_groups,
            )
            for _ in range(params.n_ranks)
        ]
        if params.refresh:
            for i, rank in enumerate(self.ranks):
                rank.refresh_due = (i + 1) * self._refresh_step

    @property
    def _refresh_step(self) -> int:
        return max(1, self.params.ref_interval // self.params.n_ranks)
