"""One DRAM channel in plain Python: the definition of what the controller does each clock.

The compiled core (`_core.pyx`) does the same thing with other data structures; a property test
holds both to the same clock for every command.  The rules, in the order of a clock ``t``:

1. *Refresh falls due* for rank r at ``(r + 1 + k * n_ranks) * tREFI / n_ranks``: from then on no
   new row is opened or closed in the rank for a request; requests whose row was opened for them
   finish; then PREA (if a row is open) and REF go out as early as the timings allow.
2. *Commands.*  One (or, with ``dual_command``, one column command and then one row command) of
   those whose timings allow it, by class: column commands of requests for which ACT was already
   issued (`Request.active`); refresh commands; then the window, oldest request first: RD or WR on
   a row hit, ACT on a closed bank, PRE on a conflict unless an older row hit waits in the window,
   a younger one waits and the row has had fewer than ``hit_limit`` column commands, or a request
   is active in the bank.  Without ``reserve_opened`` no request becomes active: after its ACT it
   waits in the window as a row hit.  Without ``precharge_all`` a refresh closes the banks of its
   rank one by one with PRE.
3. *Entry.*  One request enters the window (reads) or the write queue, if there is room; streams
   take turns.  So a request that enters at t can have its first command at t + 1.
4. *Mode.*  With a write queue, the window of the next clock is the reads or the writes: writes
   from above the high mark, or without reads; reads again from below the low mark, if any wait.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from f2fsim.hw.dram import stats as s
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
    n_bank_groups: int
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

    @property
    def key(self) -> tuple[int, tuple[int, int]]:
        """Earlier first, then by class, then by age."""
        return self.clock, self.order


class Channel:
    """The controller of one channel; `run` moves it on, one clock with an event at a time.

    Parameters
    ----------
    params : DramParams
        Timings and rules.
    index : int
        Number of the channel, for the command trace.
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
                params.n_bank_groups,
                group_act=[0] * params.n_bank_groups,
                group_read=[0] * params.n_bank_groups,
                group_write=[0] * params.n_bank_groups,
            )
            for _ in range(params.n_ranks)
        ]
        if params.refresh:
            for i, rank in enumerate(self.ranks):
                rank.refresh_due = (i + 1) * self._refresh_step
        self.commands = [0] * len(s.COMMANDS)
        self.stalls = [0] * len(s.STALL_CAUSES)
        self.busy = self.idle = 0
        self.data_end = 0
        self.waiting_since = 0
        self.last_column: tuple[int, int, int] | None = None
        self.trace: list[tuple[int, int, int, int, int, int, int]] | None = None
        self.completed: list[Request] = []
        self._known: list[Choice] | None = None

    @property
    def _refresh_step(self) -> int:
        return max(1, self.params.ref_interval // self.params.n_ranks)

    @property
    def n_waiting(self) -> int:
        """Requests in the window, the write queue, or with their row being opened."""
        return len(self.reads) + len(self.writes) + len(self.active)

    # ------------------------------------------------------------------ time

    def next_event(self) -> int:
        """Return the first clock, from `clock` on, at which anything can happen."""
        when = min(self._next_entry(), min(rank.refresh_due for rank in self.ranks))
        for choice in self._choices():
            when = min(when, choice.clock)
        return max(when, self.clock)

    def run(self, until: int, *, stop_at_completion: bool = False) -> None:
        """Do all clocks before `until`; optionally stop after one that completes a request."""
        while (now := self.next_event()) < until:
            n_completed = len(self.completed)
            self._clock(now)
            self.clock = now + 1
            if stop_at_completion and len(self.completed) > n_completed:
                return

    def finish(self, end: int) -> None:
        """Do all clocks before `end` and close the accounts there."""
        self.run(end)
        self.clock = max(self.clock, end)
        self.idle += max(0, end - self.data_end)
        self.data_end = max(self.data_end, end)
        for rank in self.ranks:
            if rank.n_open:
                rank.active_clocks += end - rank.open_since
                rank.open_since = end

    def _clock(self, now: int) -> None:
        for rank in self.ranks:
            if rank.refresh_due <= now:
                self._known = None
                rank.refresh_pending = True
                rank.refresh_due += self._refresh_step * self.params.n_ranks
        if self.params.dual_command:
            self._issue_best(now, columns=True, rows=False)
            self._issue_best(now, columns=False, rows=True)
        else:
            self._issue_best(now, columns=True, rows=True)
        self._enter(now)
        self._choose_mode()

    # ------------------------------------------------------------------ commands

    def _issue_best(self, now: int, *, columns: bool, rows: bool) -> None:
        ready = [
            choice
            for choice in self._choices()
            if choice.clock <= now and (columns if choice.command in (s.RD, s.WR) else rows)
        ]
        if ready:
            self._issue(min(ready, key=lambda choice: choice.order), now)

    def _choices(self) -> list[Choice]:
        """Return the next commands; of one kind for one bank, only the oldest request's."""
        if self._known is not None:
            return self._known
        found = [self._column(request, 0) for request in self.active]
        for number, rank in enumerate(self.ranks):
            if rank.refresh_pending:
                self._refresh_choice(number, rank, found)
        waiting: dict[int, list[Request]] = {}
        for request in self.writes if self.write_mode else self.reads:
            waiting.setdefault(request.location.bank_id, []).append(request)
        busy = {request.location.bank_id for request in self.active}
        for bank_id, requests in waiting.items():
            if not self.ranks[requests[0].location.rank].refresh_pending:
                self._bank_choices(requests, bank_id in busy, found)
        self._known = found
        return found

    def _bank_choices(self, waiting: list[Request], busy: bool, found: list[Choice]) -> None:
        """Append the commands for the requests of one bank, oldest first in `waiting`."""
        place = waiting[0].location
        rank = self.ranks[place.rank]
        bank = rank.banks[place.bank]
        if bank.open_row < 0:
            found.append(self._activate(waiting[0]))
            return
        hits = [request for request in waiting if request.location.row == bank.open_row]
        if not (busy and self.params.closed_page):
            for is_write in (False, True):
                oldest = next((hit for hit in hits if hit.is_write == is_write), None)
                if oldest:
                    found.append(self._column(oldest, 2))
        over = not hits or bank.n_columns >= self.params.hit_limit
        if place.row != bank.open_row and over and not busy:
            order = (2, waiting[0].enter_clock)
            found.append(Choice(max(bank.pre, rank.pre), order, s.PRE, place.rank, waiting[0]))

    def _column(self, request: Request, group: int) -> Choice:
        place = request.location
        rank = self.ranks[place.rank]
        bank = rank.banks[place.bank]
        if request.is_write:
            clock = max(bank.write, rank.write, rank.group_write[place.bank_group])
        else:
            clock = max(bank.read, rank.read, rank.group_read[place.bank_group])
        command = s.WR if request.is_write else s.RD
        return Choice(clock, (group, request.enter_clock), command, place.rank, request)

    def _activate(self, request: Request) -> Choice:
        place = request.location
        rank = self.ranks[place.rank]
        clock = max(
            rank.banks[place.bank].act,
            rank.act,
            rank.group_act[place.bank_group],
            self._activate_window(rank),
        )
        return Choice(clock, (2, request.enter_clock), s.ACT, place.rank, request)

    def _activate_window(self, rank: Rank) -> int:
        """Return the first clock of an ACT by tFAW and t32AW."""
        acts, clock = rank.last_acts, 0
        if len(acts) >= 4:
            clock = acts[-4] + self.params.four_act
        if self.params.thirty_two_act and len(acts) == 32:
            clock = max(clock, acts[0] + self.params.thirty_two_act)
        return clock

    def _refresh_choice(self, number: int, rank: Rank, found: list[Choice]) -> None:
        if any(request.location.rank == number for request in self.active):
            return
        order = number * len(rank.banks)
        opened = {i: bank.pre for i, bank in enumerate(rank.banks) if bank.open_row >= 0}
        if not opened:
            clock = max(bank.act for bank in rank.banks)
            found.append(Choice(clock, (1, order), s.REF, number, None))
        elif self.params.precharge_all:
            clock = max(rank.pre, *opened.values())
            found.append(Choice(clock, (1, order), s.PREA, number, None))
        else:
            for i, clock in opened.items():
                clock = max(clock, rank.pre)
                found.append(Choice(clock, (1, order + i), s.PRE, number, None, i))

    def _issue(self, choice: Choice, now: int) -> None:
        command, request = choice.command, choice.request
        rank = self.ranks[choice.rank]
        self._known = None
        if request is None:
            self._issue_refresh(choice, rank, now)
            return
        place = request.location
        bank = rank.banks[place.bank]
        if request.row_state < 0:
            closed, hit = bank.open_row < 0, bank.open_row == place.row
            request.row_state = 0 if hit else 1 if closed else 2
        if command == s.PRE:
            self._log(now, command, choice.rank, place.bank, place.row)
            self._close(rank, bank, now)
            rank.pre = max(rank.pre, now + self.params.pre_pre)
        elif command == s.ACT:
            self._log(now, command, choice.rank, place.bank, place.row)
            self._open(rank, bank, request, now)
        else:
            closing = command if not self.params.closed_page else command + (s.RDA - s.RD)
            self._log(now, closing, choice.rank, place.bank, place.row)
            self._transfer(rank, bank, request, now)

    def _issue_refresh(self, choice: Choice, rank: Rank, now: int) -> None:
        """Issue REF, or PREA or PRE for the REF to come."""
        bank_row = rank.banks[choice.bank].open_row if choice.bank >= 0 else -1
        self._log(now, choice.command, choice.rank, choice.bank, bank_row)
        if choice.command == s.REF:
            rank.refresh_pending = False
            rank.refresh_end = now + self.params.ref_act
            for bank in rank.banks:
                bank.act = max(bank.act, rank.refresh_end)
            return
        for i, bank in enumerate(rank.banks):
            if bank.open_row >= 0 and choice.bank in (-1, i):
                self._close(rank, bank, now)
        if choice.command == s.PRE:
            rank.pre = max(rank.pre, now + self.params.pre_pre)

    def _log(self, now: int, command: int, rank: int, bank: int, row: int) -> None:
        self.commands[command] += 1
        if self.trace is not None:
            per = self.params.n_banks_per_group
            group, in_group = (bank // per, bank % per) if bank >= 0 else (-1, -1)
            self.trace.append((now, self.index, rank, group, in_group, row, command))

    def _close(self, rank: Rank, bank: Bank, now: int) -> None:
        bank.open_row = -1
        bank.act = max(bank.act, now + self.params.pre_act)
        rank.n_open -= 1
        if not rank.n_open:
            rank.active_clocks += now - rank.open_since

    def _open(self, rank: Rank, bank: Bank, request: Request, now: int) -> None:
        params, group = self.params, request.location.bank_group
        others = max(bank.act, rank.act, rank.group_act[group])
        request.behind_four_act = self._activate_window(rank) > others
        if params.reserve_opened:
            request.active = True
            (self.writes if request in self.writes else self.reads).remove(request)
            self.active.append(request)
        bank.open_row = request.location.row
        bank.n_columns = 0
        if not rank.n_open:
            rank.open_since = now
        rank.n_open += 1
        rank.last_acts.append(now)
        bank.act = max(bank.act, now + params.act_act)
        bank.pre = max(bank.pre, now + params.act_pre)
        bank.read = max(bank.read, now + params.act_rd)
        bank.write = max(bank.write, now + params.act_wr)
        rank.act = max(rank.act, now + params.act_act_s)
        rank.group_act[group] = max(rank.group_act[group], now + params.act_act_l)

    def _transfer(self, rank: Rank, bank: Bank, request: Request, now: int) -> None:
        params, write = self.params, request.is_write
        group = request.location.bank_group
        self._account(rank, request, now)
        if request.active:
            self.active.remove(request)
        elif request in self.reads:
            self.reads.remove(request)
        else:
            self.writes.remove(request)
        bank.n_columns += 1
        to_pre = params.wr_pre if write else params.rd_pre
        bank.pre = max(bank.pre, now + to_pre)
        read_s, write_s = (
            (params.wr_rd_s, params.wr_wr_s) if write else (params.rd_rd_s, params.rd_wr)
        )
        read_l, write_l = (
            (params.wr_rd_l, params.wr_wr_l) if write else (params.rd_rd_l, params.rd_wr)
        )
        read_o, write_o = (
            (params.wr_rd_o, params.wr_wr_o) if write else (params.rd_rd_o, params.rd_wr_o)
        )
        rank.read = max(rank.read, now + read_s)
        rank.write = max(rank.write, now + write_s)
        rank.group_read[group] = max(rank.group_read[group], now + read_l)
        rank.group_write[group] = max(rank.group_write[group], now + write_l)
        for other in self.ranks:
            if other is not rank:
                other.read = max(other.read, now + read_o)
                other.write = max(other.write, now + write_o)
        if params.closed_page:
            # Auto-precharge starts once tRTP/tWR and tRAS allow.
            bank.act = max(bank.act, max(now + to_pre, bank.pre) + params.pre_act)
            bank.open_row = -1
            rank.n_open -= 1
            if not rank.n_open:
                rank.active_clocks += now - rank.open_since
        self.last_column = (request.location.rank, group, int(write))
        request.done_clock = now + (params.write_clocks if write else params.read_clocks)
        self.completed.append(request)
        if not self.n_waiting:
            self.waiting_since = NEVER

    # ------------------------------------------------------------------ accounts

    def _account(self, rank: Rank, request: Request, now: int) -> None:
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

    # ------------------------------------------------------------------ entry

    def _room(self, request: Request) -> bool:
        params = self.params
        if not params.write_queue:
            return len(self.reads) < params.window
        if request.is_write:
            return len(self.writes) < params.write_queue
        return len(self.reads) < params.window

    def _blocked(self, request: Request) -> bool:
        """Tell whether a write waits for an older read of the same burst."""
        return request.is_write and any(
            not other.is_write and other.location == request.location
            for other in (*self.reads, *self.active)
        )

    def _next_entry(self) -> int:
        when = NEVER
        for queue in self.queues:
            if queue and self._room(queue[0]) and not self._blocked(queue[0]):
                when = min(when, queue[0].offer_clock)
        return when

    def _enter(self, now: int) -> None:
        n_streams = len(self.queues)
        for step in range(n_streams):
            stream = (self.turn + step) % n_streams
            queue = self.queues[stream]
            if not queue or queue[0].offer_clock > now:
                continue
            request = queue[0]
            if not self._room(request) or self._blocked(request):
                continue
            queue.popleft()
            self._known = None
            self.turn = (stream + 1) % n_streams
            request.enter_clock = now
            if not request.is_write and self._forwarded(request):
                request.done_clock = now + 1
                self.completed.append(request)
                return
            if not self.n_waiting:
                self.waiting_since = now + 1
            if request.is_write and self.params.write_queue:
                self.writes.append(request)
            else:
                self.reads.append(request)
            return

    def _forwarded(self, request: Request) -> bool:
        """Tell whether a waiting write holds the data of this read."""
        waiting = (*self.reads, *self.writes, *self.active)
        return any(other.is_write and other.location == request.location for other in waiting)

    def _choose_mode(self) -> None:
        params = self.params
        if not params.write_queue:
            return
        n_reads, n_writes = len(self.reads), len(self.writes)
        mode = self.write_mode
        if not mode:
            mode = n_writes > params.write_high or n_reads == 0
        elif n_writes < params.write_low and n_reads:
            mode = False
        if mode != self.write_mode:
            self.write_mode, self._known = mode, None
