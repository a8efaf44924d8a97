"""State of a DRAM channel as C structs, and the choice of its next command.

The rules are those of `channel.py` (its docstring is the definition).  What is different is the
book-keeping: requests hang in one list a bank and queue, the oldest row hit and the oldest
conflict of a bank are remembered, and a bit mask names the banks that have requests, so that a
choice looks at banks and not at requests.
"""

from libc.stdint cimport int8_t, int32_t, int64_t, uint64_t

cdef extern from *:
    """
    static inline int f2f_lowest_bit(unsigned long long x) { return __builtin_ctzll(x); }
    """
    int lowest_bit "f2f_lowest_bit"(uint64_t x) noexcept nogil

cdef enum:
    ACT = 0
    PRE = 1
    PREA = 2
    RD = 3
    WR = 4
    RDA = 5
    WRA = 6
    REF = 7

cdef enum:
    AGE_BITS = 56         # priority = class << AGE_BITS | age

cdef enum:
    N_WORDS = 4           # of a bank mask: 256 banks


cdef struct Offer:
    int64_t line          # burst number, masked to the capacity
    int64_t clock         # first clock at which it may enter
    int64_t tag           # reported back with the completion
    int8_t is_write


cdef struct Fifo:
    Offer *items
    Py_ssize_t head       # first item not yet entered
    Py_ssize_t size       # one past the last item
    Py_ssize_t capacity


cdef struct Slot:         # a request in the window, or with its row being opened
    int64_t line
    int64_t tag
    int64_t enter         # clock of entry: unique in a channel, so also its age
    int32_t bank
    int32_t row
    int32_t stream
    int32_t before        # neighbours in the bank's list, -1 at the ends
    int32_t after
    int8_t is_write
    int8_t row_state      # -1 no command yet, 0 hit, 1 miss, 2 conflict
    int8_t behind_four_act


cdef struct BankState:
    int64_t act           # first clock of each command by the bank's own history
    int64_t pre
    int64_t read
    int64_t write
    int32_t open_row      # -1: closed
    int32_t rank
    int32_t group         # number of the bank group in the channel
    int32_t n_columns     # column commands since the row was opened
    int32_t active        # slot whose row was opened for it, or -1
    int32_t head[2]       # window requests of the bank by queue, oldest first
    int32_t tail[2]
    int32_t conflict[2]   # oldest request for another row, by queue
    int32_t hit[2]        # oldest row hit, by direction (0 read, 1 write)


cdef struct RankState:
    int64_t act
    int64_t pre
    int64_t read
    int64_t write
    int64_t refresh_due
    int64_t refresh_end
    int64_t open_since
    int64_t active_clocks
    int64_t window        # first clock of an ACT by tFAW and t32AW
    int64_t acts[32]      # ring of the last ACT clocks
    int64_t n_acts
    int32_t n_open
    int32_t n_active      # requests with their row opened, not yet served
    int8_t refresh_pending


cdef struct Choice:
    int64_t clock
    int64_t order         # class and age; smaller first
    int32_t command
    int32_t slot
    int32_t bank          # or rank, for refresh commands


cdef struct GroupState:
    int64_t act
    int64_t read
    int64_t write


cdef struct StreamCount:
    int64_t bursts
    int64_t row[3]
    int64_t forwarded
    int64_t latency


cdef struct ChannelState:
    int64_t clock         # first clock not yet simulated
    int64_t next_event    # valid if is_current
    int64_t data_end
    int64_t waiting_since
    int64_t busy
    int64_t idle
    int64_t stalls[8]
    int64_t commands[8]
    Choice best           # single command bus, or the column bus
    Choice row_best       # the row bus, with dual_command
    int8_t is_current     # best, row_best and next_event are up to date
    int8_t best_current   # best and row_best are
    int8_t write_mode
    int32_t n_queued[2]   # requests in the window / in the write queue
    int32_t n_active
    int32_t n_kind[2]     # requests that wait or are active, by direction
    int32_t n_pending_ranks
    int32_t turn
    int32_t last_rank     # of the last column command, -1 before the first
    int32_t last_group
    int32_t last_write
    int32_t free_slot     # head of the list of free slots
    int32_t index
    uint64_t waiting[2][4]  # banks with requests in a queue
    uint64_t opening[4]     # banks with an active request
    Slot *slots
    BankState *banks
    GroupState *groups
    RankState *ranks
    Fifo *fifos
    int64_t n_offers      # offers not yet entered


cdef struct Timing:
    int64_t burst, read_latency, write_latency
    int64_t act_rd, act_wr, act_pre, act_act, act_act_s, act_act_l, four_act, thirty_two_act
    int64_t pre_act, pre_pre, rd_pre, wr_pre
    int64_t col_s[2][2]   # [first is write][next is write]
    int64_t col_l[2][2]
    int64_t col_o[2][2]
    int64_t ref_act, ref_interval
    int32_t window, write_queue, write_high, write_low, hit_limit
    int8_t closed_page, refresh, dual_command, reserve, precharge_all



cdef inline int64_t later(int64_t a, int64_t b) noexcept nogil:
    return a if a > b else b


cdef inline int64_t never() noexcept nogil:
    return <int64_t> 1 << 62


cdef inline int64_t column_clock(ChannelState *channel, BankState *bank, bint write) noexcept nogil:
    cdef RankState *rank = &channel.ranks[bank.rank]
    cdef GroupState *group = &channel.groups[bank.group]
    if write:
        return later(later(bank.write, rank.write), group.write)
    return later(later(bank.read, rank.read), group.read)


cdef inline void note_activation(const Timing *timing, RankState *rank,
                                 int64_t now) noexcept nogil:
    """Record an ACT and the first clock of the next by tFAW and t32AW."""
    rank.acts[rank.n_acts & 31] = now
    rank.n_acts += 1
    if rank.n_acts >= 4:
        rank.window = rank.acts[(rank.n_acts - 4) & 31] + timing.four_act
    if timing.thirty_two_act and rank.n_acts >= 32:
        rank.window = later(rank.window, rank.acts[rank.n_acts & 31] + timing.thirty_two_act)


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


cdef inline void note_waiting(ChannelState *channel, int32_t slot_index, int queue) noexcept nogil:
    """Remember a request as the oldest row hit or conflict of its bank, if it is."""
    cdef Slot *slot = &channel.slots[slot_index]
    cdef BankState *bank = &channel.banks[slot.bank]
    if bank.open_row == slot.row:
        if bank.hit[slot.is_write] < 0:
            bank.hit[slot.is_write] = slot_index
    elif bank.conflict[queue] < 0:
        bank.conflict[queue] = slot_index


cdef inline void sort_bank(ChannelState *channel, BankState *bank) noexcept nogil:
    """Find hits and conflicts anew, after the bank's row or lists changed."""
    cdef int queue
    cdef int32_t at
    for queue in range(2):
        bank.hit[queue] = -1
        bank.conflict[queue] = -1
    if bank.open_row < 0:
        return
    for queue in range(2):
        at = bank.head[queue]
        while at >= 0:
            note_waiting(channel, at, queue)
            at = channel.slots[at].after


cdef inline void append(ChannelState *channel, int32_t slot_index, int queue) noexcept nogil:
    """Put a request at the end of its bank's list."""
    cdef Slot *slot = &channel.slots[slot_index]
    cdef BankState *bank = &channel.banks[slot.bank]
    slot.after = -1
    slot.before = bank.tail[queue]
    if slot.before >= 0:
        channel.slots[slot.before].after = slot_index
    else:
        bank.head[queue] = slot_index
        channel.waiting[queue][slot.bank >> 6] |= <uint64_t> 1 << (slot.bank & 63)
    bank.tail[queue] = slot_index
    channel.n_queued[queue] += 1
    if bank.open_row >= 0:
        note_waiting(channel, slot_index, queue)


cdef inline void unlink(ChannelState *channel, int32_t slot_index, int queue) noexcept nogil:
    """Take a request out of its bank's list, keeping the bank's oldest hit up to date."""
    cdef Slot *slot = &channel.slots[slot_index]
    cdef BankState *bank = &channel.banks[slot.bank]
    cdef int32_t at = slot.after
    if bank.hit[slot.is_write] == slot_index:
        while at >= 0 and (channel.slots[at].row != slot.row
                           or channel.slots[at].is_write != slot.is_write):
            at = channel.slots[at].after
        bank.hit[slot.is_write] = at
    if slot.before >= 0:
        channel.slots[slot.before].after = slot.after
    else:
        bank.head[queue] = slot.after
    if slot.after >= 0:
        channel.slots[slot.after].before = slot.before
    else:
        bank.tail[queue] = slot.before
    if bank.head[queue] < 0:
        channel.waiting[queue][slot.bank >> 6] &= ~(<uint64_t> 1 << (slot.bank & 63))
    channel.n_queued[queue] -= 1


cdef inline bint holds(ChannelState *channel, const Timing *timing, int32_t number,
                       int64_t line, bint write) noexcept nogil:
    """Tell whether a request of this direction for the burst waits at its bank."""
    cdef BankState *bank
    cdef int32_t at
    if channel.n_kind[write] == 0:
        return False
    bank = &channel.banks[number]
    at = bank.active
    if at >= 0 and channel.slots[at].line == line and channel.slots[at].is_write == write:
        return True
    at = bank.head[1 if write and timing.write_queue else 0]
    while at >= 0:
        if channel.slots[at].line == line and channel.slots[at].is_write == write:
            return True
        at = channel.slots[at].after
    return False
