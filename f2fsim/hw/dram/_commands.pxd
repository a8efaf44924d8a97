"""The effect of each command on a channel: rows, spacings, accounts."""

from libc.stdint cimport int32_t, int64_t, uint64_t

from f2fsim.hw.dram._journal cimport complete, log_command
from f2fsim.hw.dram._lists cimport sort_bank, unlink
from f2fsim.hw.dram._state cimport (
    ACT, PRE, PREA, RD, RDA, REF, BankState, ChannelState, Choice, GroupState, Memory, RankState,
    Slot, StreamCount, Timing, later, never,
)


cdef inline int issue(Memory *memory, ChannelState *channel, Choice *choice,
                      int64_t now) except -1 nogil:
    """Issue a chosen command at `now`."""
    cdef const Timing *t = &memory.timing
    cdef int command = choice.command, number = choice.bank
    cdef BankState *bank
    cdef RankState *rank
    cdef Slot *slot = NULL
    if command == PREA or command == REF:
        return issue_rank(memory, channel, command, choice.bank, now)
    if choice.slot >= 0:
        slot = &channel.slots[choice.slot]
        number = slot.bank
    bank = &channel.banks[number]
    rank = &channel.ranks[bank.rank]
    if slot != NULL and slot.row_state < 0:
        slot.row_state = 1 if bank.open_row < 0 else 0 if bank.open_row == slot.row else 2
    if command == PRE:
        log_command(&memory.journal, &memory.geometry, channel, now, command, bank.rank, number,
                    slot.row if slot != NULL else bank.open_row)
        close_bank(channel, t, bank, now)
        rank.pre = later(rank.pre, now + t.pre_pre)
        return 0
    if command != ACT and t.closed_page:
        command += RDA - RD
    log_command(&memory.journal, &memory.geometry, channel, now, command, bank.rank, number,
                slot.row)
    if command == ACT:
        open_bank(channel, t, choice.slot, now)
        return 0
    return transfer(memory, channel, choice.slot, now)


cdef inline int issue_rank(Memory *memory, ChannelState *channel, int command, int number,
                           int64_t now) except -1 nogil:
    """Issue PREA or REF to a rank."""
    cdef int per_rank = memory.geometry.n_banks // memory.geometry.n_ranks
    cdef RankState *rank = &channel.ranks[number]
    cdef BankState *bank
    cdef int i
    log_command(&memory.journal, &memory.geometry, channel, now, command, number, -1, -1)
    if command == REF:
        rank.refresh_pending = False
        channel.n_pending_ranks -= 1
        rank.refresh_end = now + memory.timing.ref_act
    for i in range(number * per_rank, (number + 1) * per_rank):
        bank = &channel.banks[i]
        if command == REF:
            bank.act = later(bank.act, rank.refresh_end)
        elif bank.open_row >= 0:
            close_bank(channel, &memory.timing, bank, now)
    return 0


cdef inline void leave_row(ChannelState *channel, BankState *bank, int64_t now) noexcept nogil:
    cdef RankState *rank = &channel.ranks[bank.rank]
    bank.open_row = -1
    sort_bank(channel, bank)
    rank.n_open -= 1
    if rank.n_open == 0:
        rank.active_clocks += now - rank.open_since


cdef inline void close_bank(ChannelState *channel, const Timing *t, BankState *bank,
                            int64_t now) noexcept nogil:
    bank.act = later(bank.act, now + t.pre_act)
    leave_row(channel, bank, now)


cdef inline void note_activation(const Timing *timing, RankState *rank,
                                 int64_t now) noexcept nogil:
    """Record an ACT and the first clock of the next by tFAW and t32AW."""
    rank.acts[rank.n_acts & 31] = now
    rank.n_acts += 1
    if rank.n_acts >= 4:
        rank.window = rank.acts[(rank.n_acts - 4) & 31] + timing.four_act
    if timing.thirty_two_act and rank.n_acts >= 32:
        rank.window = later(rank.window, rank.acts[rank.n_acts & 31] + timing.thirty_two_act)


cdef inline void open_bank(ChannelState *channel, const Timing *t, int32_t slot_index,
                           int64_t now) noexcept nogil:
    """Open a request's row; with `reserve` the request leaves the window for `opening`."""
    cdef Slot *slot = &channel.slots[slot_index]
    cdef BankState *bank = &channel.banks[slot.bank]
    cdef RankState *rank = &channel.ranks[bank.rank]
    cdef GroupState *group = &channel.groups[bank.group]
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


cdef inline int transfer(Memory *memory, ChannelState *channel, int32_t slot_index,
                         int64_t now) except -1 nogil:
    """Serve a request whose RD or WR goes out now."""
    cdef Slot *slot = &channel.slots[slot_index]
    cdef BankState *bank = &channel.banks[slot.bank]
    cdef RankState *rank = &channel.ranks[bank.rank]
    cdef const Timing *t = &memory.timing
    cdef StreamCount *count = &memory.counts[slot.stream]
    cdef int write = slot.is_write
    cdef int64_t done = now + t.burst + (t.write_latency if write else t.read_latency)
    account(channel, t, slot, now)
    if bank.active == slot_index:
        bank.active = -1
        channel.opening[slot.bank >> 6] &= ~(<uint64_t> 1 << (slot.bank & 63))
        channel.n_active -= 1
        rank.n_active -= 1
    else:
        unlink(channel, slot_index, 1 if write and t.write_queue else 0)
    space_columns(memory, channel, bank, write, now)
    if t.closed_page:
        bank.act = later(bank.act, bank.pre + t.pre_act)
        leave_row(channel, bank, now)
    channel.last_rank, channel.last_group, channel.last_write = bank.rank, bank.group, write
    count.bursts += 1
    count.row[slot.row_state] += 1
    count.latency += done - slot.enter
    channel.n_kind[write] -= 1
    if channel.n_kind[0] + channel.n_kind[1] == 0:
        channel.waiting_since = never()
    slot.after = channel.free_slot
    channel.free_slot = slot_index
    return complete(&memory.journal, slot.stream, slot.tag, done, slot.enter)


cdef inline void space_columns(Memory *memory, ChannelState *channel, BankState *bank, int write,
                               int64_t now) noexcept nogil:
    """Move on the first clock of later commands after RD or WR."""
    cdef const Timing *t = &memory.timing
    cdef RankState *rank = &channel.ranks[bank.rank]
    cdef RankState *other
    cdef GroupState *group = &channel.groups[bank.group]
    cdef int i
    bank.n_columns += 1
    bank.pre = later(bank.pre, now + (t.wr_pre if write else t.rd_pre))
    rank.read = later(rank.read, now + t.col_s[write][0])
    rank.write = later(rank.write, now + t.col_s[write][1])
    group.read = later(group.read, now + t.col_l[write][0])
    group.write = later(group.write, now + t.col_l[write][1])
    for i in range(memory.geometry.n_ranks):
        other = &channel.ranks[i]
        if other != rank:
            other.read = later(other.read, now + t.col_o[write][0])
            other.write = later(other.write, now + t.col_o[write][1])


cdef inline void account(ChannelState *channel, const Timing *t, Slot *slot,
                         int64_t now) noexcept nogil:
    """Share the clocks between the last data and this among idle and the causes."""
    cdef RankState *rank = &channel.ranks[channel.banks[slot.bank].rank]
    cdef int64_t latency = t.write_latency if slot.is_write else t.read_latency
    cdef int64_t first = channel.data_end - latency
    cdef int64_t waiting = later(first, channel.waiting_since)
    cdef int64_t refreshed
    if waiting > now:
        waiting = now
    channel.idle += waiting - first
    refreshed = later(waiting, rank.refresh_end)
    if refreshed > now:
        refreshed = now
    channel.stalls[0] += refreshed - waiting
    channel.stalls[stall_cause(channel, t, slot)] += now - refreshed
    channel.busy += t.burst
    channel.data_end = now + latency + t.burst


cdef inline int stall_cause(ChannelState *channel, const Timing *t, Slot *slot) noexcept nogil:
    """Return the number of a cause in `stats.STALL_CAUSES`."""
    cdef BankState *bank = &channel.banks[slot.bank]
    if slot.row_state == 2:
        return 1
    if slot.row_state == 1:
        return 3 if slot.behind_four_act else 2
    if channel.last_rank < 0:
        return 7
    if channel.last_write != slot.is_write:
        return 4
    if channel.last_rank != bank.rank:
        return 5
    if channel.last_group == bank.group and t.col_l[0][0] > t.burst:
        return 6
    return 7
