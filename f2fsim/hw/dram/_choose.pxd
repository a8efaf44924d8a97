"""The choice of a channel's next command (rule 2 of `channel.py`)."""

from libc.stdint cimport int32_t, int64_t, uint64_t

from f2fsim.hw.dram._state cimport (
    ACT, AGE_BITS, PRE, PREA, RD, REF, WR, BankState, ChannelState, Choice, GroupState, RankState,
    Timing, later, never,
)

cdef extern from *:
    """
    static inline int f2f_lowest_bit(unsigned long long x) { return __builtin_ctzll(x); }
    """
    int lowest_bit "f2f_lowest_bit"(uint64_t x) noexcept nogil


cdef inline int64_t column_clock(ChannelState *channel, BankState *bank, bint write) noexcept nogil:
    cdef RankState *rank = &channel.ranks[bank.rank]
    cdef GroupState *group = &channel.groups[bank.group]
    if write:
        return later(later(bank.write, rank.write), group.write)
    return later(later(bank.read, rank.read), group.read)


cdef inline void consider(Choice *best, int64_t now, int64_t clock, int64_t order, int command,
                          int32_t slot, int32_t bank) noexcept nogil:
    """Keep the better of two commands: the earlier (not before now), then the smaller order."""
    if clock < now:
        clock = now
    if clock < best.clock or (clock == best.clock and order < best.order):
        best.clock = clock
        best.order = order
        best.command = command
        best.slot = slot
        best.bank = bank


cdef inline void consider_bank(ChannelState *channel, const Timing *timing, int32_t number,
                               int queue, int64_t now, Choice *columns,
                               Choice *rows) noexcept nogil:
    """Consider the commands for the requests that wait for one bank in one queue."""
    cdef BankState *bank = &channel.banks[number]
    cdef RankState *rank = &channel.ranks[bank.rank]
    cdef int64_t base = <int64_t> 2 << AGE_BITS
    cdef int64_t age, clock
    cdef int32_t slot
    cdef int write
    if rank.refresh_pending:
        return
    if bank.open_row < 0:
        slot = bank.head[queue]
        clock = later(later(bank.act, rank.act),
                      later(channel.groups[bank.group].act, rank.window))
        consider(rows, now, clock, base + channel.slots[slot].enter, ACT, slot, number)
        return
    age = never()
    for write in range(2):
        slot = bank.hit[write]
        if slot < 0 or (timing.write_queue and write != queue):
            continue
        if channel.slots[slot].enter < age:
            age = channel.slots[slot].enter
        if bank.active >= 0 and timing.closed_page:
            continue
        clock = column_clock(channel, bank, write)
        consider(columns, now, clock, base + channel.slots[slot].enter, WR if write else RD, slot,
                 number)
    slot = bank.conflict[queue]
    if slot >= 0 and bank.active < 0 and channel.slots[slot].enter < age and (
            age == never() or bank.n_columns >= timing.hit_limit):
        clock = later(bank.pre, rank.pre)
        consider(rows, now, clock, base + channel.slots[slot].enter, PRE, slot, number)


cdef inline void consider_refresh(ChannelState *channel, const Timing *timing,
                                  int n_banks_per_rank, int number, int64_t now,
                                  Choice *rows) noexcept nogil:
    """Consider PREA, PRE or REF for a rank whose refresh is due."""
    cdef RankState *rank = &channel.ranks[number]
    cdef int first = number * n_banks_per_rank, b
    cdef int64_t clock = 0, order = (<int64_t> 1 << AGE_BITS) + first
    cdef BankState *bank
    if not rank.refresh_pending or rank.n_active:
        return
    if rank.n_open:
        clock = rank.pre
    for b in range(first, first + n_banks_per_rank):
        bank = &channel.banks[b]
        if rank.n_open == 0:
            clock = later(clock, bank.act)
        elif bank.open_row >= 0:
            if timing.precharge_all:
                clock = later(clock, bank.pre)
            else:
                consider(rows, now, later(rank.pre, bank.pre), order + b - first, PRE, -1, b)
    if rank.n_open == 0 or timing.precharge_all:
        consider(rows, now, clock, order, PREA if rank.n_open else REF, -1, number)


cdef inline void choose(ChannelState *channel, const Timing *timing, int n_ranks, int n_banks,
                        int64_t now) noexcept nogil:
    """Find the next command of each command bus: `best` and, with two buses, `row_best`."""
    cdef Choice *columns = &channel.best
    cdef Choice *rows = &channel.row_best if timing.dual_command else columns
    cdef int word, n_words = (n_banks + 63) >> 6
    cdef int queue = 1 if channel.write_mode else 0
    cdef uint64_t mask
    cdef int32_t number, slot
    columns.clock = never()
    rows.clock = never()
    for word in range(n_words):
        mask = channel.opening[word]
        while mask:
            number = word * 64 + lowest_bit(mask)
            mask &= mask - 1
            slot = channel.banks[number].active
            consider(columns, now,
                     column_clock(channel, &channel.banks[number], channel.slots[slot].is_write),
                     channel.slots[slot].enter, WR if channel.slots[slot].is_write else RD, slot,
                     number)
    if channel.n_pending_ranks:
        for number in range(n_ranks):
            consider_refresh(channel, timing, n_banks // n_ranks, number, now, rows)
    for word in range(n_words):
        mask = channel.waiting[queue][word]
        while mask:
            number = word * 64 + lowest_bit(mask)
            mask &= mask - 1
            consider_bank(channel, timing, number, queue, now, columns, rows)
