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

from f2fsim.hw.dram import stats as s
from f2fsim.hw.dram.accounts import BusAccounts
from f2fsim.hw.dram.choices import activate_window, choices
from f2fsim.hw.dram.state import NEVER, Bank, ChannelState, Choice, Rank, Request
from f2fsim.hw.dram.timing import DramParams


class Channel(ChannelState):
    """The controller of one channel; `run` moves it on, one clock with an event at a time.

    Parameters
    ----------
    params : DramParams
        Timings and rules.
    index : int
        Number of the channel, for the command trace.
    """

    def __init__(self, params: DramParams, index: int) -> None:
        super().__init__(params, index)
        self.commands = [0] * len(s.COMMANDS)
        self.accounts = BusAccounts(params)
        self.trace: list[tuple[int, int, int, int, int, int, int]] | None = None
        self.completed: list[Request] = []
        self._known: list[Choice] | None = None

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

    def run(self, until: int) -> None:
        """Do all clocks before `until`."""
        self._skip_refreshes(until)
        while (now := self.next_event()) < until:
            self._clock(now)
            self.clock = now + 1
            self._skip_refreshes(until)

    def _skip_refreshes(self, until: int) -> None:
        """Pass over whole rounds of refresh in which nothing else happens before `until`.

        A round leaves the channel as it was, one round later.  The last round before `until` or the
        next offer is left to be done, and a traced run does them all.
        """
        if not self.params.refresh or self.n_waiting or self.trace is not None:
            return
        if any(rank.refresh_pending or rank.n_open for rank in self.ranks):
            return
        until = min([until, *(queue[0].offer_clock for queue in self.queues if queue)])
        step = self._refresh_step * self.params.n_ranks
        n_rounds = (until - min(rank.refresh_due for rank in self.ranks)) // step - 1
        if n_rounds <= 0:
            return
        for rank in self.ranks:
            rank.refresh_due += n_rounds * step
        self.commands[s.REF] += n_rounds * self.params.n_ranks
        self.clock += n_rounds * step
        self._known = None

    def finish(self, end: int) -> None:
        """Do all clocks before `end` and close the accounts there."""
        self.run(end)
        self.clock = max(self.clock, end)
        self.accounts.close(end)
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
        if self._known is None:
            self._known = choices(self)
        return self._known

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
        request.behind_four_act = activate_window(self.params, rank) > others
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
        self.accounts.note(rank, request, now)
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
        self.accounts.last_column = (request.location.rank, group, int(write))
        request.done_clock = now + (params.write_clocks if write else params.read_clocks)
        self.completed.append(request)
        if not self.n_waiting:
            self.accounts.waiting_since = NEVER

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
                self.accounts.waiting_since = now + 1
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
