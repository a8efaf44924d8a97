"""From an offer to a place in a channel's window: address map, queues, turns (rule 3)."""

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport realloc

from f2fsim.hw.dram._choose cimport consider_bank, lowest_bit
from f2fsim.hw.dram._journal cimport complete
from f2fsim.hw.dram._lists cimport append, holds
from f2fsim.hw.dram._state cimport (
    AT_BANK, AT_CHANNEL, AT_ROW, ChannelState, Fifo, Geometry, Memory, Offer, Piece, Slot, Timing,
)


cdef inline void place_of(const Geometry *geometry, int64_t line, int64_t *place) noexcept nogil:
    """Find the numbers of a burst's channel, of its bank in that, and of its row."""
    cdef const Piece *piece
    cdef int i
    place[AT_CHANNEL] = place[AT_BANK] = place[AT_ROW] = 0
    for i in range(geometry.n_pieces):
        piece = &geometry.pieces[i]
        place[piece.field] |= ((line >> piece.shift) & piece.mask) << piece.at


cdef inline int queue_offer(ChannelState *channel, int stream, int64_t line,
                            const int64_t *place, int64_t clock, bint is_write,
                            int64_t tag) except -1 nogil:
    """Append an offer to a stream's queue at the channel of its place."""
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
    item.bank, item.row = <int32_t> place[AT_BANK], <int32_t> place[AT_ROW]
    channel.offering[stream >> 6] |= <uint64_t> 1 << (stream & 63)
    channel.n_offers += 1
    channel.is_current = False
    return 0


cdef inline bint may_enter(Memory *memory, ChannelState *channel, int stream,
                           int64_t now) noexcept nogil:
    """Tell whether the first offer of a stream that has one is ready by `now` and has room."""
    cdef const Timing *t = &memory.timing
    cdef Fifo *fifo = &channel.fifos[stream]
    cdef Offer *item = &fifo.items[fifo.head]
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
    return not holds(channel, t, item.bank, item.line, False)


cdef inline int first_ready(Memory *memory, ChannelState *channel, int64_t now) noexcept nogil:
    """Return the first stream, from the one whose turn it is on, that may enter; or -1."""
    cdef int n_words = memory.geometry.n_stream_words, turn = channel.turn
    cdef int word = turn >> 6, step, stream
    cdef uint64_t before = (<uint64_t> 1 << (turn & 63)) - 1, mask
    for step in range(n_words + 1):
        mask = channel.offering[word]
        if step == 0:
            mask &= ~before
        elif step == n_words:
            mask &= before
        while mask:
            stream = word * 64 + lowest_bit(mask)
            if may_enter(memory, channel, stream, now):
                return stream
            mask &= mask - 1
        word = word + 1 if word + 1 < n_words else 0
    return -1


cdef inline int enter(Memory *memory, ChannelState *channel, int64_t now) except -1 nogil:
    """Let one request enter, if one may; streams take turns."""
    cdef int stream = first_ready(memory, channel, now)
    cdef Fifo *fifo
    cdef Offer *item
    if stream < 0:
        return 0
    fifo = &channel.fifos[stream]
    item = &fifo.items[fifo.head]
    fifo.head += 1
    if fifo.head == fifo.size:
        fifo.head = fifo.size = 0
        channel.offering[stream >> 6] &= ~(<uint64_t> 1 << (stream & 63))
    channel.n_offers -= 1
    channel.turn = stream + 1 if stream + 1 < memory.geometry.n_streams else 0
    if not item.is_write and holds(channel, &memory.timing, item.bank, item.line, True):
        memory.counts[stream].bursts += 1
        memory.counts[stream].forwarded += 1
        memory.counts[stream].latency += 1
        return complete(&memory.journal, stream, item.tag, now + 1, now)
    take_slot(memory, channel, item, stream, now)
    return 0


cdef inline void take_slot(Memory *memory, ChannelState *channel, const Offer *item, int stream,
                           int64_t now) noexcept nogil:
    """Put a request into the window, and see what it changes in the choice made before."""
    cdef const Timing *t = &memory.timing
    cdef int32_t slot_index = channel.free_slot, number = item.bank
    cdef Slot *slot = &channel.slots[slot_index]
    cdef int queue = 1 if item.is_write and t.write_queue else 0
    if channel.n_kind[0] + channel.n_kind[1] == 0:
        channel.waiting_since = now + 1
    channel.free_slot = slot.after
    slot.line, slot.tag, slot.enter = item.line, item.tag, now
    slot.bank, slot.row, slot.stream, slot.is_write = number, item.row, stream, item.is_write
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
