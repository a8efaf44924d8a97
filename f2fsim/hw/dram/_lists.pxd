"""The requests that wait at a bank: one list a queue, and the oldest hit and conflict in it."""

from libc.stdint cimport int32_t, int64_t, uint64_t

from f2fsim.hw.dram._state cimport BankState, ChannelState, Slot, Timing


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
