"""From an offer to a place in a channel's window: address map, queues, turns (rule 3)."""

from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport realloc

from f2fsim.hw.dram._choose cimport consider_bank
from f2fsim.hw.dram._journal cimport complete
from f2fsim.hw.dram._lists cimport append, holds
from f2fsim.hw.dram._state cimport (
    ChannelState, Fifo, Geometry, Memory, Offer, Slot, Timing,
)


cdef inline int64_t part_of(const int64_t *segment, int64_t line) noexcept nogil:
    return ((line >> segment[1]) & ((<int64_t> 1 << segment[3]) - 1)) << segment[2]


cdef inline int channel_of(const Geometry *geometry, int64_t line) noexcept nogil:
    cdef int64_t number = 0
    cdef int i
    for i in range(geometry.n_segments):
        if geometry.segments[i][0] == 0:
            number |= part_of(geometry.segments[i], line)
    return <int> number


cdef inline int32_t bank_of(const Geometry *geometry, int64_t line, int32_t *row) noexcept nogil:
    """Return the number of a burst's bank in its channel, and its row."""
    cdef int64_t fields[6]
    cdef int i
    for i in range(6):
        fields[i] = 0
    for i in range(geometry.n_segments):
        fields[geometry.segments[i][0]] |= part_of(geometry.segments[i], line)
    row[0] = <int32_t> fields[4]
    return <int32_t> ((fields[1] * (geometry.n_groups // geometry.n_ranks) + fields[2])
                      * geometry.banks_per_group + fields[3])


cdef inline int queue_offer(ChannelState *channel, int stream, int64_t line, int64_t clock,
                            bint is_write, int64_t tag) except -1 nogil:
    """Append an offer to a stream's queue at a channel."""
    cdef Fifo *fifo = &channel.fifos[stream]
    cdef Offer *item
    cdef Py_ssize_t i
    cdef void *moved
    if fifo.size == fifo.capacity:
        if fifo.head >= fifo.capacity // 2 and fifo.head > 0:
            for i in range(fifo.size - fifo.head):
                fifo.items[i] = fifo.items[fifo.head + i]
            fifo.size -= fifo.head
            fifo.head = 0
        else:
            moved = realloc(fifo.items, (2 * fifo.capacity + 64) * sizeof(Offer))
            if moved == NULL:
                with gil:
                    raise MemoryError
            fifo.items = <Offer *> moved
            fifo.capacity = 2 * fifo.capacity + 64
    item = &fifo.items[fifo.size]
    fifo.size += 1
    item.line, item.clock, item.tag, item.is_write = line, clock, tag, is_write
    channel.n_offers += 1
    channel.is_current = False
    return 0


cdef inline bint may_enter(Memory *memory, ChannelState *channel, int stream,
                           int64_t now) noexcept nogil:
    """Tell whether the head of a stream's queue is ready by `now` and has room."""
    cdef const Timing *t = &memory.timing
    cdef Fifo *fifo = &channel.fifos[stream]
    cdef Offer *item
    cdef int32_t row
    if fifo.head == fifo.size:
        return False
    item = &fifo.items[fifo.head]
    if item.clock > now:
        return False
    if not item.is_write:
        return channel.n_queued[0] < t.window
    if t.write_queue:
        if channel.n_queued[1] >= t.write_queue:
            return False
    elif channel.n_queued[0] >= t.window:
        return False
    if channel.n_kind[0] == 0:
        return True
    # A write waits for an older read of the same burst.
    return not holds(channel, t, bank_of(&memory.geometry, item.line, &row), item.line, False)


cdef inline int enter(Memory *memory, ChannelState *channel, int64_t now) except -1 nogil:
    """Let one request enter, if one may; streams take turns."""
    cdef int n_streams = memory.geometry.n_streams, stream = channel.turn, step
    cdef Fifo *fifo
    cdef Offer *item
    cdef int32_t number, row
    for step in range(n_streams):
        if may_enter(memory, channel, stream, now):
            break
        stream += 1
        if stream == n_streams:
            stream = 0
    else:
        return 0
    fifo = &channel.fifos[stream]
    item = &fifo.items[fifo.head]
    fifo.head += 1
    if fifo.head == fifo.size:
        fifo.head = fifo.size = 0
    channel.n_offers -= 1
    channel.turn = stream + 1 if stream + 1 < n_streams else 0
    number = bank_of(&memory.geometry, item.line, &row)
    if not item.is_write and holds(channel, &memory.timing, number, item.line, True):
        memory.counts[stream].bursts += 1
        memory.counts[stream].forwarded += 1
        memory.counts[stream].latency += 1
        return complete(&memory.journal, stream, item.tag, now + 1, now)
    take_slot(memory, channel, item, stream, number, row, now)
    return 0


cdef inline void take_slot(Memory *memory, ChannelState *channel, Offer *item, int stream,
                           int32_t number, int32_t row, int64_t now) noexcept nogil:
    """Put a request into the window, and see what it changes in the choice made before."""
    cdef const Timing *t = &memory.timing
    cdef int32_t slot_index = channel.free_slot
    cdef Slot *slot = &channel.slots[slot_index]
    cdef int queue = 1 if item.is_write and t.write_queue else 0
    if channel.n_kind[0] + channel.n_kind[1] == 0:
        channel.waiting_since = now + 1
    channel.free_slot = slot.after
    slot.line, slot.tag, slot.enter = item.line, item.tag, now
    slot.bank, slot.row, slot.stream, slot.is_write = number, row, stream, item.is_write
    slot.row_state = -1
    slot.behind_four_act = False
    channel.n_kind[item.is_write] += 1
    append(channel, slot_index, queue)
    if queue != channel.write_mode:
        return
    if t.hit_limit and channel.banks[number].conflict[queue] >= 0:
        channel.best_current = False  # a row hit may hold back the PRE chosen before
    elif channel.best_current:
        # A new request only adds commands: nothing chosen before becomes worse.
        consider_bank(channel, t, number, queue, now + 1, &channel.best,
                      &channel.row_best if t.dual_command else &channel.best)
