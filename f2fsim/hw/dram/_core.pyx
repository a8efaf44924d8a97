"""The compiled DRAM engine: many channels in global clock order, for embedding and for traces.

Same meaning as `channel.py`; only events are visited, never an idle clock.
"""

from libc.stdint cimport int8_t, int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memset

import numpy as np

from f2fsim.errors import SimulationError
from f2fsim.hw.dram._schedule cimport (
    ACT, PRE, PREA, RD, RDA, REF, WR, WRA, BankState, ChannelState, Choice, Fifo, GroupState,
    Offer, RankState, Slot, StreamCount, Timing, append, choose, consider_bank, holds, later,
    never, note_activation, sort_bank, unlink,
)
from f2fsim.hw.dram.stats import DramStats, DramStreamStats, COMMANDS, STALL_CAUSES


cdef void *allocate(size_t n, size_t size) except NULL:
    cdef void *memory = calloc(n if n else 1, size)
    if memory == NULL:
        raise MemoryError
    return memory


cdef int fill_timing(Timing *t, object p) except -1:
    t.burst, t.read_latency, t.write_latency = p.burst_clocks, p.read_latency, p.write_latency
    t.act_rd, t.act_wr, t.act_pre, t.act_act = p.act_rd, p.act_wr, p.act_pre, p.act_act
    t.act_act_s, t.act_act_l = p.act_act_s, p.act_act_l
    t.four_act, t.thirty_two_act = p.four_act, p.thirty_two_act
    t.pre_act, t.pre_pre, t.rd_pre, t.wr_pre = p.pre_act, p.pre_pre, p.rd_pre, p.wr_pre
    t.col_s[0][0], t.col_s[0][1], t.col_s[1][0], t.col_s[1][1] = (
        p.rd_rd_s, p.rd_wr, p.wr_rd_s, p.wr_wr_s)
    t.col_l[0][0], t.col_l[0][1], t.col_l[1][0], t.col_l[1][1] = (
        p.rd_rd_l, p.rd_wr, p.wr_rd_l, p.wr_wr_l)
    t.col_o[0][0], t.col_o[0][1], t.col_o[1][0], t.col_o[1][1] = (
        p.rd_rd_o, p.rd_wr_o, p.wr_rd_o, p.wr_wr_o)
    t.ref_act = p.ref_act
    t.ref_interval = max(1, p.ref_interval // p.n_ranks)
    t.window, t.write_queue = p.window, p.write_queue
    t.write_high, t.write_low = p.write_high, p.write_low
    t.hit_limit = p.hit_limit
    t.reserve, t.precharge_all = p.reserve_opened, p.precharge_all
    t.closed_page, t.refresh, t.dual_command = p.closed_page, p.refresh, p.dual_command
    return 0


cdef class DramSystem:
    """A DRAM system in integer memory clocks.

    Parameters
    ----------
    params : f2fsim.hw.dram.timing.DramParams
        Timings, geometry and scheduling rules.
    n_streams : int
        Streams that offer requests; they take turns to enter a channel.
    trace : bool
        Keep every command (`command_trace`).
    """

    def __cinit__(self, params, int n_streams=1, bint trace=False):
        if n_streams < 1 or n_streams > 4096:
            raise ValueError(f"n_streams must be from 1 to 4096, got {n_streams}")
        self.params = params
        self.n_streams = n_streams
        self.n_channels = params.n_channels
        self.n_ranks = params.n_ranks
        self.n_groups = params.n_ranks * params.n_bank_groups
        self.n_banks = params.n_banks
        self.banks_per_group = params.n_banks_per_group
        if self.n_banks > 256:
            raise ValueError(f"at most 256 banks a channel, got {self.n_banks}")
        self.tracing = trace
        self.n_segments = len(params.mapping)
        if self.n_segments > 32:
            raise ValueError("at most 32 pieces in an address map")
        cdef int i, j
        for i in range(self.n_segments):
            for j in range(4):
                self.segments[i][j] = params.mapping[i][j]
        self.burst_bytes = params.burst_bytes
        self.burst_shift = int(params.burst_bytes).bit_length() - 1
        self.line_mask = params.capacity_bytes // params.burst_bytes - 1
        fill_timing(&self.timing, params)
        self.stream_next = <int64_t *> allocate(n_streams, sizeof(int64_t))
        self.stream_clock = <int64_t *> allocate(n_streams, sizeof(int64_t))
        self.counts = <StreamCount *> allocate(n_streams, sizeof(StreamCount))
        self.channels = <ChannelState *> allocate(self.n_channels, sizeof(ChannelState))
        for i in range(self.n_channels):
            self._build_channel(i)

    def _build_channel(self, int number):
        cdef ChannelState *channel = &self.channels[number]
        cdef int i, per_rank = self.n_banks // self.n_ranks
        cdef int n_slots = self.timing.window + self.timing.write_queue + self.n_banks
        channel.index = number
        channel.slots = <Slot *> allocate(n_slots, sizeof(Slot))
        channel.banks = <BankState *> allocate(self.n_banks, sizeof(BankState))
        channel.groups = <GroupState *> allocate(self.n_groups, sizeof(GroupState))
        channel.ranks = <RankState *> allocate(self.n_ranks, sizeof(RankState))
        channel.fifos = <Fifo *> allocate(self.n_streams, sizeof(Fifo))
        for i in range(n_slots):
            channel.slots[i].after = i + 1 if i + 1 < n_slots else -1
        channel.last_rank = -1
        for i in range(self.n_banks):
            memset(&channel.banks[i].active, 0xFF,
                   sizeof(BankState) - (<char *> &channel.banks[i].active
                                        - <char *> &channel.banks[i]))
            channel.banks[i].open_row = -1
            channel.banks[i].rank = i // per_rank
            channel.banks[i].group = i // self.banks_per_group
        for i in range(self.n_ranks):
            channel.ranks[i].refresh_due = (
                (i + 1) * self.timing.ref_interval if self.timing.refresh else never())

    def __dealloc__(self):
        cdef int i, j
        if self.channels != NULL:
            for i in range(self.n_channels):
                if self.channels[i].fifos != NULL:
                    for j in range(self.n_streams):
                        free(self.channels[i].fifos[j].items)
                free(self.channels[i].fifos)
                free(self.channels[i].slots)
                free(self.channels[i].banks)
                free(self.channels[i].groups)
                free(self.channels[i].ranks)
        free(self.channels)
        free(self.stream_next)
        free(self.stream_clock)
        free(self.counts)
        free(self.records)
        free(self.completion_stream)
        free(self.completion_index)
        free(self.completion_clock)
        free(self.completion_enter)

    # ------------------------------------------------------------------ offers

    cdef int offer(self, int stream, int64_t address, int64_t clock,
                   bint is_write) except -1 nogil:
        if stream < 0 or stream >= self.n_streams:
            with gil:
                raise SimulationError(f"stream {stream} is not one of {self.n_streams}")
        self._push(stream, address, clock, is_write, self.stream_next[stream])
        self.stream_next[stream] += 1
        return 0

    cdef int _push(self, int stream, int64_t address, int64_t clock, bint is_write,
                   int64_t tag) except -1 nogil:
        cdef int64_t line = (address >> self.burst_shift) & self.line_mask
        cdef int i, number = self._channel_of(line)
        cdef Offer *items
        cdef Offer *item
        cdef ChannelState *channel = &self.channels[number]
        cdef Fifo *fifo = &channel.fifos[stream]
        if address < 0 or clock < self.stream_clock[stream] or (
                clock < channel.clock and not self.feeding):
            with gil:
                raise SimulationError(
                    f"offer of stream {stream} at clock {clock}, address {address}: the stream is "
                    f"at {self.stream_clock[stream]}, channel {number} at {channel.clock}")
        self.stream_clock[stream] = clock
        if fifo.size == fifo.capacity:
            if fifo.head >= fifo.capacity // 2 and fifo.head > 0:
                for i in range(fifo.size - fifo.head):
                    fifo.items[i] = fifo.items[fifo.head + i]
                fifo.size -= fifo.head
                fifo.head = 0
            else:
                items = <Offer *> realloc(fifo.items,
                                          (2 * fifo.capacity + 64) * sizeof(Offer))
                if items == NULL:
                    with gil:
                        raise MemoryError
                fifo.items = items
                fifo.capacity = 2 * fifo.capacity + 64
        item = &fifo.items[fifo.size]
        fifo.size += 1
        item.line, item.clock, item.tag, item.is_write = line, clock, tag, is_write
        channel.n_offers += 1
        channel.is_current = False
        return 0

    # ------------------------------------------------------------------ time

    cdef int64_t advance(self) except -1 nogil:
        cdef ChannelState *channel
        cdef ChannelState *first
        cdef int i
        self.n_completions = 0
        while self.n_completions == 0:
            first = NULL
            for i in range(self.n_channels):
                channel = &self.channels[i]
                if channel.n_offers + channel.n_kind[0] + channel.n_kind[1] > 0:
                    self._refresh_choice(channel)
                    if first == NULL or channel.next_event < first.next_event:
                        first = channel
            if first == NULL:
                return 0
            self._event(first, first.next_event)
        return self.n_completions

    cdef int _run(self, ChannelState *channel, int64_t until) except -1 nogil:
        """Do the clocks of one channel before `until`."""
        while True:
            self._refresh_choice(channel)
            if channel.next_event >= until:
                return 0
            self._event(channel, channel.next_event)

    cdef int finish(self, int64_t end_clock) except -1 nogil:
        cdef ChannelState *channel
        cdef RankState *rank
        cdef int i, j
        for i in range(self.n_channels):
            channel = &self.channels[i]
            self._run(channel, end_clock)
            channel.clock = later(channel.clock, end_clock)
            channel.is_current = False
            channel.best_current = False
            if end_clock > channel.data_end:
                channel.idle += end_clock - channel.data_end
                channel.data_end = end_clock
            for j in range(self.n_ranks):
                rank = &channel.ranks[j]
                if rank.n_open:
                    rank.active_clocks += end_clock - rank.open_since
                    rank.open_since = end_clock
        self.end_clock = end_clock
        return 0

    cdef void _refresh_choice(self, ChannelState *channel) noexcept nogil:
        """Bring the next command and the next event of a channel up to date."""
        cdef int64_t when
        cdef int i
        if channel.is_current:
            return
        if not channel.best_current:
            choose(channel, &self.timing, self.n_ranks, self.n_banks, channel.clock)
            channel.best_current = True
        when = channel.best.clock
        if self.timing.dual_command and channel.row_best.clock < when:
            when = channel.row_best.clock
        for i in range(self.n_ranks):
            if channel.ranks[i].refresh_due < when:
                when = channel.ranks[i].refresh_due
        if channel.n_offers:
            for i in range(self.n_streams):
                if self._may_enter(channel, i, when - 1):
                    when = later(channel.fifos[i].items[channel.fifos[i].head].clock,
                                 channel.clock)
        channel.next_event = later(when, channel.clock)
        channel.is_current = True

    cdef int _event(self, ChannelState *channel, int64_t now) except -1 nogil:
        """Do one clock of a channel, in the order that `channel.py` defines."""
        cdef int i
        cdef RankState *rank
        for i in range(self.n_ranks):
            rank = &channel.ranks[i]
            if rank.refresh_due <= now:
                if not rank.refresh_pending:
                    rank.refresh_pending = True
                    channel.n_pending_ranks += 1
                rank.refresh_due += self.timing.ref_interval * self.n_ranks
                choose(channel, &self.timing, self.n_ranks, self.n_banks, now)
        if channel.best.clock <= now:
            channel.best_current = False
            self._issue(channel, &channel.best, now)
            if self.timing.dual_command:
                choose(channel, &self.timing, self.n_ranks, self.n_banks, now)
        if self.timing.dual_command and channel.row_best.clock <= now:
            channel.best_current = False
            self._issue(channel, &channel.row_best, now)
        if channel.n_offers:
            self._enter(channel, now)
        if self.timing.write_queue:
            self._choose_mode(channel)
        channel.clock = now + 1
        channel.is_current = False
        return 0

    cdef void _choose_mode(self, ChannelState *channel) noexcept nogil:
        cdef int n_reads = channel.n_queued[0], n_writes = channel.n_queued[1]
        cdef bint mode = channel.write_mode
        if not mode:
            mode = n_writes > self.timing.write_high or n_reads == 0
        elif n_writes < self.timing.write_low and n_reads:
            mode = False
        if mode != channel.write_mode:
            channel.write_mode = mode
            channel.best_current = False

    # ------------------------------------------------------------------ commands

    cdef int _issue(self, ChannelState *channel, Choice *choice, int64_t now) except -1 nogil:
        cdef int command = choice.command
        cdef BankState *bank
        cdef RankState *rank
        cdef Slot *slot
        cdef int i, first
        if command == PREA or command == REF:
            rank = &channel.ranks[choice.bank]
            first = choice.bank * (self.n_banks // self.n_ranks)
            self._log(channel, now, command, choice.bank, -1, -1)
            if command == REF:
                rank.refresh_pending = False
                channel.n_pending_ranks -= 1
                rank.refresh_end = now + self.timing.ref_act
            for i in range(first, first + self.n_banks // self.n_ranks):
                bank = &channel.banks[i]
                if command == REF:
                    bank.act = later(bank.act, rank.refresh_end)
                elif bank.open_row >= 0:
                    self._close(channel, bank, now)
            return 0
        if choice.slot < 0:  # PRE of one bank for a refresh
            bank = &channel.banks[choice.bank]
            rank = &channel.ranks[bank.rank]
            self._log(channel, now, command, bank.rank, choice.bank, bank.open_row)
            self._close(channel, bank, now)
            rank.pre = later(rank.pre, now + self.timing.pre_pre)
            return 0
        slot = &channel.slots[choice.slot]
        bank = &channel.banks[slot.bank]
        rank = &channel.ranks[bank.rank]
        if slot.row_state < 0:
            slot.row_state = 1 if bank.open_row < 0 else 0 if bank.open_row == slot.row else 2
        if command == PRE:
            self._log(channel, now, command, bank.rank, slot.bank, slot.row)
            self._close(channel, bank, now)
            rank.pre = later(rank.pre, now + self.timing.pre_pre)
        elif command == ACT:
            self._log(channel, now, command, bank.rank, slot.bank, slot.row)
            self._open(channel, choice.slot, now)
        else:
            if self.timing.closed_page:
                command += RDA - RD
            self._log(channel, now, command, bank.rank, slot.bank, slot.row)
            self._transfer(channel, choice.slot, now)
        return 0

    cdef void _close(self, ChannelState *channel, BankState *bank,
                            int64_t now) noexcept nogil:
        cdef RankState *rank = &channel.ranks[bank.rank]
        bank.open_row = -1
        bank.act = later(bank.act, now + self.timing.pre_act)
        sort_bank(channel, bank)
        rank.n_open -= 1
        if rank.n_open == 0:
            rank.active_clocks += now - rank.open_since

    cdef void _open(self, ChannelState *channel, int32_t slot_index,
                           int64_t now) noexcept nogil:
        cdef Slot *slot = &channel.slots[slot_index]
        cdef BankState *bank = &channel.banks[slot.bank]
        cdef RankState *rank = &channel.ranks[bank.rank]
        cdef GroupState *group = &channel.groups[bank.group]
        cdef const Timing *t = &self.timing
        slot.behind_four_act = (
            rank.window > later(later(bank.act, rank.act), group.act))
        if t.reserve:
            unlink(channel, slot_index, 1 if slot.is_write and t.write_queue else 0)
            bank.active = slot_index
            channel.opening[slot.bank >> 6] |= <uint64_t> 1 << (slot.bank & 63)
            channel.n_active += 1
            rank.n_active += 1
        bank.open_row = slot.row
        bank.n_columns = 0
        sort_bank(channel, bank)
        if rank.n_open == 0:
            rank.open_since = now
        rank.n_open += 1
        note_activation(t, rank, now)
        bank.act = later(bank.act, now + t.act_act)
        bank.pre = later(bank.pre, now + t.act_pre)
        bank.read = later(bank.read, now + t.act_rd)
        bank.write = later(bank.write, now + t.act_wr)
        rank.act = later(rank.act, now + t.act_act_s)
        group.act = later(group.act, now + t.act_act_l)

    cdef int _transfer(self, ChannelState *channel, int32_t slot_index,
                       int64_t now) except -1 nogil:
        cdef Slot *slot = &channel.slots[slot_index]
        cdef BankState *bank = &channel.banks[slot.bank]
        cdef RankState *rank = &channel.ranks[bank.rank]
        cdef RankState *other
        cdef GroupState *group = &channel.groups[bank.group]
        cdef const Timing *t = &self.timing
        cdef int write = slot.is_write, i
        cdef int64_t done = now + t.burst + (t.write_latency if write else t.read_latency)
        self._account(channel, slot, bank, rank, now)
        if bank.active == slot_index:
            bank.active = -1
            channel.opening[slot.bank >> 6] &= ~(<uint64_t> 1 << (slot.bank & 63))
            channel.n_active -= 1
            rank.n_active -= 1
        else:
            unlink(channel, slot_index, 1 if write and t.write_queue else 0)
        bank.n_columns += 1
        bank.pre = later(bank.pre, now + (t.wr_pre if write else t.rd_pre))
        rank.read = later(rank.read, now + t.col_s[write][0])
        rank.write = later(rank.write, now + t.col_s[write][1])
        group.read = later(group.read, now + t.col_l[write][0])
        group.write = later(group.write, now + t.col_l[write][1])
        for i in range(self.n_ranks):
            other = &channel.ranks[i]
            if other != rank:
                other.read = later(other.read, now + t.col_o[write][0])
                other.write = later(other.write, now + t.col_o[write][1])
        if t.closed_page:
            bank.act = later(bank.act, bank.pre + t.pre_act)
            bank.open_row = -1
            sort_bank(channel, bank)
            rank.n_open -= 1
            if rank.n_open == 0:
                rank.active_clocks += now - rank.open_since
        channel.last_rank, channel.last_group, channel.last_write = bank.rank, bank.group, write
        cdef StreamCount *count = &self.counts[slot.stream]
        count.bursts += 1
        count.row[slot.row_state] += 1
        count.latency += done - slot.enter
        channel.n_kind[write] -= 1
        self._complete(slot.stream, slot.tag, done, slot.enter)
        slot.after = channel.free_slot
        channel.free_slot = slot_index
        if channel.n_kind[0] + channel.n_kind[1] == 0:
            channel.waiting_since = never()
        return 0

    cdef void _account(self, ChannelState *channel, Slot *slot, BankState *bank,
                              RankState *rank, int64_t now) noexcept nogil:
        cdef int64_t latency = (
            self.timing.write_latency if slot.is_write else self.timing.read_latency)
        cdef int64_t first = channel.data_end - latency
        cdef int64_t waiting = later(first, channel.waiting_since)
        cdef int64_t refreshed
        cdef int cause
        if waiting > now:
            waiting = now
        channel.idle += waiting - first
        refreshed = later(waiting, rank.refresh_end)
        if refreshed > now:
            refreshed = now
        channel.stalls[0] += refreshed - waiting
        if slot.row_state == 2:
            cause = 1
        elif slot.row_state == 1:
            cause = 3 if slot.behind_four_act else 2
        elif channel.last_rank < 0:
            cause = 7
        elif channel.last_write != slot.is_write:
            cause = 4
        elif channel.last_rank != bank.rank:
            cause = 5
        elif channel.last_group == bank.group and self.timing.col_l[0][0] > self.timing.burst:
            cause = 6
        else:
            cause = 7
        channel.stalls[cause] += now - refreshed
        channel.busy += self.timing.burst
        channel.data_end = now + latency + self.timing.burst

    # ------------------------------------------------------------------ entry

    cdef int _channel_of(self, int64_t line) noexcept nogil:
        cdef int64_t number = 0
        cdef int i
        for i in range(self.n_segments):
            if self.segments[i][0] == 0:
                number |= ((line >> self.segments[i][1])
                           & ((<int64_t> 1 << self.segments[i][3]) - 1)) << self.segments[i][2]
        return <int> number

    cdef int32_t _bank_of(self, int64_t line, int32_t *row) noexcept nogil:
        cdef int64_t fields[6]
        cdef int64_t *s
        cdef int i
        for i in range(6):
            fields[i] = 0
        for i in range(self.n_segments):
            s = self.segments[i]
            fields[s[0]] |= ((line >> s[1]) & ((<int64_t> 1 << s[3]) - 1)) << s[2]
        row[0] = <int32_t> fields[4]
        return <int32_t> ((fields[1] * (self.n_groups // self.n_ranks) + fields[2])
                          * self.banks_per_group + fields[3])

    cdef bint _may_enter(self, ChannelState *channel, int stream,
                                int64_t now) noexcept nogil:
        """Tell whether the head of a stream's queue is ready by `now` and has room."""
        cdef Fifo *fifo = &channel.fifos[stream]
        cdef Offer *item
        cdef int32_t row
        if fifo.head == fifo.size:
            return False
        item = &fifo.items[fifo.head]
        if item.clock > now:
            return False
        if not item.is_write:
            return channel.n_queued[0] < self.timing.window
        if self.timing.write_queue:
            if channel.n_queued[1] >= self.timing.write_queue:
                return False
        elif channel.n_queued[0] >= self.timing.window:
            return False
        if channel.n_kind[0] == 0:
            return True
        return not holds(channel, &self.timing, self._bank_of(item.line, &row), item.line, False)

    cdef int _enter(self, ChannelState *channel, int64_t now) except -1 nogil:
        cdef int step, stream = channel.turn, queue
        cdef Fifo *fifo
        cdef Offer *item
        cdef Slot *slot
        cdef int32_t slot_index, number, row
        for step in range(self.n_streams):
            if self._may_enter(channel, stream, now):
                break
            stream += 1
            if stream == self.n_streams:
                stream = 0
        else:
            return 0
        fifo = &channel.fifos[stream]
        item = &fifo.items[fifo.head]
        fifo.head += 1
        if fifo.head == fifo.size:
            fifo.head = fifo.size = 0
        channel.n_offers -= 1
        channel.turn = stream + 1 if stream + 1 < self.n_streams else 0
        number = self._bank_of(item.line, &row)
        if not item.is_write and holds(channel, &self.timing, number, item.line, True):
            self.counts[stream].bursts += 1
            self.counts[stream].forwarded += 1
            self.counts[stream].latency += 1
            return self._complete(stream, item.tag, now + 1, now)
        if channel.n_kind[0] + channel.n_kind[1] == 0:
            channel.waiting_since = now + 1
        slot_index = channel.free_slot
        slot = &channel.slots[slot_index]
        channel.free_slot = slot.after
        slot.line, slot.tag, slot.enter = item.line, item.tag, now
        slot.bank, slot.row, slot.stream, slot.is_write = number, row, stream, item.is_write
        slot.row_state = -1
        slot.behind_four_act = False
        queue = 1 if item.is_write and self.timing.write_queue else 0
        channel.n_kind[item.is_write] += 1
        append(channel, slot_index, queue)
        if queue != channel.write_mode:
            return 0
        if self.timing.hit_limit and channel.banks[number].conflict[queue] >= 0:
            channel.best_current = False  # a row hit may hold back the PRE chosen before
        elif channel.best_current:
            # A new request only adds commands: nothing chosen before becomes worse.
            consider_bank(channel, &self.timing, number, queue, now + 1, &channel.best,
                          &channel.row_best if self.timing.dual_command else &channel.best)
        return 0

    cdef int _complete(self, int64_t stream, int64_t tag, int64_t clock,
                       int64_t enter) except -1 nogil:
        cdef Py_ssize_t n = self.n_completions, capacity
        cdef void *moved
        if n == self.completion_capacity:
            capacity = 2 * n + 64
            moved = realloc(self.completion_stream, capacity * sizeof(int64_t))
            if moved != NULL:
                self.completion_stream = <int64_t *> moved
                moved = realloc(self.completion_index, capacity * sizeof(int64_t))
            if moved != NULL:
                self.completion_index = <int64_t *> moved
                moved = realloc(self.completion_clock, capacity * sizeof(int64_t))
            if moved != NULL:
                self.completion_clock = <int64_t *> moved
                moved = realloc(self.completion_enter, capacity * sizeof(int64_t))
            if moved == NULL:
                with gil:
                    raise MemoryError
            self.completion_enter = <int64_t *> moved
            self.completion_capacity = capacity
        self.completion_stream[n] = stream
        self.completion_index[n] = tag
        self.completion_clock[n] = clock
        self.completion_enter[n] = enter
        self.n_completions = n + 1
        return 0

    cdef int _log(self, ChannelState *channel, int64_t now, int command, int rank, int bank,
                  int row) except -1 nogil:
        cdef void *moved
        cdef CommandRecord *record
        channel.commands[command] += 1
        if not self.tracing:
            return 0
        if self.n_records == self.record_capacity:
            moved = realloc(self.records,
                            (2 * self.record_capacity + 1024) * sizeof(CommandRecord))
            if moved == NULL:
                with gil:
                    raise MemoryError
            self.records = <CommandRecord *> moved
            self.record_capacity = 2 * self.record_capacity + 1024
        record = &self.records[self.n_records]
        self.n_records += 1
        record.clock, record.channel, record.rank = now, channel.index, rank
        record.bank_group = record.bank = record.row = -1
        if bank >= 0:
            record.bank_group = (bank // self.banks_per_group) % (self.n_groups // self.n_ranks)
            record.bank = bank % self.banks_per_group
            record.row = row
        record.command = command
        return 0

    # ------------------------------------------------------------------ Python

    def offer_request(self, int stream, int64_t address, int64_t clock, bint is_write):
        """Append an offer; clocks never decrease within a stream."""
        self.offer(stream, address, clock, is_write)

    def advance_once(self):
        """Go on to the next completion: a list of ``(stream, index, clock)``, empty at the end."""
        cdef Py_ssize_t i
        self.advance()
        return [
            (self.completion_stream[i], self.completion_index[i], self.completion_clock[i])
            for i in range(self.n_completions)
        ]

    def finish_at(self, int64_t end_clock):
        """Do all clocks before `end_clock` and close the accounts there."""
        self.finish(end_clock)

    def replay_into(self, const int64_t[::1] addresses, const int8_t[::1] is_write,
                    const int64_t[::1] clocks, const int32_t[::1] streams,
                    Py_ssize_t max_outstanding, bint in_order, int64_t[::1] done,
                    int64_t[::1] enter):
        """Offer a whole trace and note each request's clocks of completion and entry.

        `max_outstanding` of 0 means no limit; otherwise a request is offered one clock after the
        completion that makes room for it.  With `in_order` a request is offered at least one clock
        after the one before it entered, whatever their channels.  Sizes are checked by `f2fsim.hw.dram.replay`.
        """
        cdef Py_ssize_t n = addresses.shape[0], i
        cdef int c
        cdef int64_t end = 0
        with nogil:
            if in_order:
                self._replay_in_order(addresses, is_write, clocks, streams, done, enter)
            elif max_outstanding == 0:
                # Queues are fed ahead of the need: an offer never comes after its turn.
                self.feeding = True
                for i in range(n):
                    self._push(streams[i], addresses[i], clocks[i], is_write[i], i)
                    if i & 4095 == 4095 and self.n_streams == 1:
                        # With one stream only the head of a queue matters: keep queues short.
                        for c in range(self.n_channels):
                            self._run_offers(&self.channels[c], 1, done, enter)
                for c in range(self.n_channels):
                    self._run_offers(&self.channels[c], 0, done, enter)
            else:
                self._replay_limited(addresses, is_write, clocks, streams, max_outstanding, done,
                                     enter)
            for i in range(n):
                end = later(end, done[i])
            self.finish(end)

    cdef int _replay_in_order(self, const int64_t[::1] addresses, const int8_t[::1] is_write,
                              const int64_t[::1] clocks, const int32_t[::1] streams,
                              int64_t[::1] done, int64_t[::1] enter) except -1 nogil:
        """Replay with one entry a clock in all channels together, in the order of the trace."""
        cdef Py_ssize_t i
        cdef int c
        cdef int64_t clock = 0
        cdef ChannelState *channel
        # Other channels may lag behind: nothing that they do can change this entry.
        for i in range(addresses.shape[0]):
            clock = later(clock, clocks[i])
            channel = &self.channels[self._channel_of(addresses[i] >> self.burst_shift)]
            self._run(channel, clock)
            self._push(streams[i], addresses[i], clock, is_write[i], i)
            while channel.n_offers:
                self._refresh_choice(channel)
                self._event(channel, channel.next_event)
            clock = channel.clock
            self._note(done, enter)
        for c in range(self.n_channels):
            self._run_offers(&self.channels[c], 0, done, enter)
        return 0

    cdef int _run_offers(self, ChannelState *channel, int64_t n_left, int64_t[::1] done,
                         int64_t[::1] enter) except -1 nogil:
        """Run a channel until at most `n_left` offers wait to enter; 0: until it is empty."""
        while channel.n_offers > n_left or (
                n_left == 0 and channel.n_kind[0] + channel.n_kind[1] > 0):
            self._refresh_choice(channel)
            self._event(channel, channel.next_event)
            if self.n_completions >= 64:
                self._note(done, enter)
        self._note(done, enter)
        return 0

    cdef int _replay_limited(self, const int64_t[::1] addresses, const int8_t[::1] is_write,
                             const int64_t[::1] clocks, const int32_t[::1] streams,
                             Py_ssize_t limit, int64_t[::1] done,
                             int64_t[::1] enter) except -1 nogil:
        """Replay with at most `limit` requests between offer and completion."""
        cdef Py_ssize_t n = addresses.shape[0], i = 0, k, n_out = 0, first
        cdef int64_t clock = 0
        cdef Py_ssize_t *out    # the requests offered and not yet known to be complete
        with gil:
            out = <Py_ssize_t *> allocate(limit, sizeof(Py_ssize_t))
        try:
            for k in range(n):
                done[k] = -1
            while i < n:
                if n_out < limit:
                    clock = later(clock, clocks[i])
                    self._push(streams[i], addresses[i], clock, is_write[i], i)
                    out[n_out] = i
                    n_out += 1
                    i += 1
                    continue
                first = self._first_done(out, n_out, done, enter)
                clock = later(clock, done[out[first]] + 1)
                n_out -= 1
                out[first] = out[n_out]
            while self.advance():
                self._note(done, enter)
        finally:
            free(out)
        return 0

    cdef void _note(self, int64_t[::1] done, int64_t[::1] enter) noexcept nogil:
        cdef Py_ssize_t k
        for k in range(self.n_completions):
            done[self.completion_index[k]] = self.completion_clock[k]
            enter[self.completion_index[k]] = self.completion_enter[k]
        self.n_completions = 0

    cdef Py_ssize_t _first_done(self, Py_ssize_t *out, Py_ssize_t n_out, int64_t[::1] done,
                                int64_t[::1] enter) except -1 nogil:
        """Advance until it is certain which outstanding request completes first; its place."""
        cdef Py_ssize_t k, best
        cdef int64_t latency = self.timing.read_latency
        cdef int64_t now, horizon
        if self.timing.write_latency < latency:
            latency = self.timing.write_latency
        while True:
            best = -1
            for k in range(n_out):
                if done[out[k]] >= 0 and (best < 0 or done[out[k]] < done[out[best]]):
                    best = k
            if best >= 0:
                # Nothing issued at `horizon` or later can complete before the best.
                horizon = done[out[best]] - latency - self.timing.burst
                now = self._first_event()
                if now >= horizon:
                    return best
            if self.advance() == 0:
                with gil:
                    raise SimulationError("the memory holds a request that never completes")
            self._note(done, enter)

    cdef int64_t _first_event(self) noexcept nogil:
        cdef ChannelState *channel
        cdef int64_t first = never()
        cdef int i
        for i in range(self.n_channels):
            channel = &self.channels[i]
            if channel.n_offers + channel.n_kind[0] + channel.n_kind[1] > 0:
                self._refresh_choice(channel)
                if channel.next_event < first:
                    first = channel.next_event
        return first

    def stats(self):
        """Return the counters as `f2fsim.hw.dram.stats.DramStats`; call `finish_at` before."""
        cdef int i, j
        busy = idle = active = 0
        stalls = [0] * 8
        commands = [0] * 8
        for i in range(self.n_channels):
            busy += self.channels[i].busy
            idle += self.channels[i].idle
            for j in range(8):
                stalls[j] += self.channels[i].stalls[j]
                commands[j] += self.channels[i].commands[j]
            for j in range(self.n_ranks):
                active += self.channels[i].ranks[j].active_clocks
        total = self.end_clock * self.n_channels
        return DramStats(
            total_clocks=total,
            busy_clocks=busy,
            idle_clocks=idle,
            stall_clocks=dict(zip(STALL_CAUSES, stalls, strict=True)),
            commands=dict(zip(COMMANDS, commands, strict=True)),
            rank_active_clocks=active,
            rank_precharged_clocks=total * self.n_ranks - active,
            streams=tuple(
                DramStreamStats(
                    n_bursts=self.counts[i].bursts,
                    row_hits=self.counts[i].row[0],
                    row_misses=self.counts[i].row[1],
                    row_conflicts=self.counts[i].row[2],
                    n_forwarded=self.counts[i].forwarded,
                    latency_sum_clocks=self.counts[i].latency,
                )
                for i in range(self.n_streams)
            ),
        )

    def command_trace(self):
        """Return every command, int64 of shape (n, 7), in order of clock and channel.

        Columns: clock, channel, rank, bank group, bank, row, number of the command in
        `f2fsim.hw.dram.stats.COMMANDS`; -1 where a command has no bank.
        """
        cdef Py_ssize_t i
        out = np.empty((self.n_records, 7), dtype=np.int64)
        cdef int64_t[:, ::1] view = out
        cdef CommandRecord *r
        for i in range(self.n_records):
            r = &self.records[i]
            view[i, 0], view[i, 1], view[i, 2] = r.clock, r.channel, r.rank
            view[i, 3], view[i, 4], view[i, 5] = r.bank_group, r.bank, r.row
            view[i, 6] = r.command
        return out[np.lexsort((out[:, 1], out[:, 0]))]
