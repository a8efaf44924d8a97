"""One clock of a channel after the other, events only, in the order that `channel.py` defines."""

from libc.stdint cimport int64_t, uint64_t

from f2fsim.hw.dram._choose cimport choose, lowest_bit
from f2fsim.hw.dram._commands cimport issue
from f2fsim.hw.dram._entry cimport enter, may_enter
from f2fsim.hw.dram._state cimport (
    REF, ChannelState, Fifo, Geometry, Memory, RankState, later, never,
)


cdef inline int64_t next_event(Memory *memory, ChannelState *channel) noexcept nogil:
    """Return the first clock at which anything can happen; choose the next command."""
    cdef int64_t when
    cdef uint64_t mask
    cdef int i, word
    if channel.is_current:
        return channel.next_event
    if not channel.best_current:
        choose(channel, &memory.timing, memory.geometry.n_ranks, memory.geometry.n_banks,
               channel.clock)
        channel.best_current = True
    when = channel.best.clock
    if memory.timing.dual_command and channel.row_best.clock < when:
        when = channel.row_best.clock
    for i in range(memory.geometry.n_ranks):
        if channel.ranks[i].refresh_due < when:
            when = channel.ranks[i].refresh_due
    if channel.n_offers:
        for word in range(memory.geometry.n_stream_words):
            mask = channel.offering[word]
            while mask:
                i = word * 64 + lowest_bit(mask)
                mask &= mask - 1
                if may_enter(memory, channel, i, when - 1):
                    when = later(channel.fifos[i].items[channel.fifos[i].head].clock, channel.clock)
    channel.next_event = later(when, channel.clock)
    channel.is_current = True
    return channel.next_event


cdef inline int do_clock(Memory *memory, ChannelState *channel, int64_t now) except -1 nogil:
    """Do one clock: refresh falls due, commands, entry, mode."""
    cdef const Geometry *g = &memory.geometry
    cdef RankState *rank
    cdef int i
    for i in range(g.n_ranks):
        rank = &channel.ranks[i]
        if rank.refresh_due <= now:
            if not rank.refresh_pending:
                rank.refresh_pending = True
                channel.n_pending_ranks += 1
            rank.refresh_due += memory.timing.ref_interval * g.n_ranks
            choose(channel, &memory.timing, g.n_ranks, g.n_banks, now)
    if channel.best.clock <= now:
        channel.best_current = False
        issue(memory, channel, &channel.best, now)
        if memory.timing.dual_command:
            choose(channel, &memory.timing, g.n_ranks, g.n_banks, now)
    if memory.timing.dual_command and channel.row_best.clock <= now:
        channel.best_current = False
        issue(memory, channel, &channel.row_best, now)
    if channel.n_offers:
        enter(memory, channel, now)
    if memory.timing.write_queue:
        choose_mode(memory, channel)
    channel.clock = now + 1
    channel.is_current = False
    return 0


cdef inline void choose_mode(Memory *memory, ChannelState *channel) noexcept nogil:
    """Choose reads or writes as the window of the next clock."""
    cdef int n_reads = channel.n_queued[0], n_writes = channel.n_queued[1]
    cdef bint mode = channel.write_mode
    if not mode:
        mode = n_writes > memory.timing.write_high or n_reads == 0
    elif n_writes < memory.timing.write_low and n_reads:
        mode = False
    if mode != channel.write_mode:
        channel.write_mode = mode
        channel.best_current = False


cdef inline bint has_work(ChannelState *channel) noexcept nogil:
    return channel.n_offers + channel.n_kind[0] + channel.n_kind[1] > 0


cdef inline int64_t first_use(Memory *memory, ChannelState *channel) noexcept nogil:
    """Return the first clock at which a channel does anything but an idle refresh.

    `next_event` is current.
    """
    cdef int64_t when = never()
    cdef Fifo *fifo
    cdef int i
    if channel.n_kind[0] + channel.n_kind[1] > 0:
        return channel.next_event
    for i in range(memory.geometry.n_streams):
        fifo = &channel.fifos[i]
        if fifo.head < fifo.size and fifo.items[fifo.head].clock < when:
            when = fifo.items[fifo.head].clock
    return when


cdef inline bint skip_refreshes(Memory *memory, ChannelState *channel,
                                int64_t until) noexcept nogil:
    """Pass over whole rounds of refresh in which nothing else happens before `until`, if any.

    A round leaves the channel as it was, one round later.  The last round before `until` or the
    next offer is left to be done, and a traced run does them all.
    """
    cdef int n_ranks = memory.geometry.n_ranks, i
    cdef int64_t round_clocks = memory.timing.ref_interval * n_ranks, n_rounds
    cdef int64_t first = never()
    if not memory.timing.refresh or channel.n_kind[0] + channel.n_kind[1] > 0 or (
            memory.journal.tracing):
        return False
    for i in range(n_ranks):
        if channel.ranks[i].refresh_pending or channel.ranks[i].n_open:
            return False
        if channel.ranks[i].refresh_due < first:
            first = channel.ranks[i].refresh_due
    if channel.n_offers:
        until = min(until, first_use(memory, channel))
    n_rounds = (until - first) // round_clocks - 1
    if until <= first or n_rounds <= 0:
        return False
    for i in range(n_ranks):
        channel.ranks[i].refresh_due += n_rounds * round_clocks
    channel.commands[REF] += n_rounds * n_ranks
    channel.clock += n_rounds * round_clocks
    channel.is_current = False
    channel.best_current = False
    return True


cdef inline int run_until(Memory *memory, ChannelState *channel, int64_t until) except -1 nogil:
    """Do the clocks of a channel before `until`."""
    cdef int64_t now
    skip_refreshes(memory, channel, until)
    now = next_event(memory, channel)
    while now < until:
        do_clock(memory, channel, now)
        skip_refreshes(memory, channel, until)
        now = next_event(memory, channel)
    return 0


cdef inline int finish_channel(Memory *memory, ChannelState *channel,
                               int64_t end_clock) except -1 nogil:
    """Do the clocks before `end_clock` and close the accounts there."""
    cdef RankState *rank
    cdef int i
    run_until(memory, channel, end_clock)
    channel.clock = later(channel.clock, end_clock)
    channel.is_current = False
    channel.best_current = False
    if end_clock > channel.data_end:
        channel.idle += end_clock - channel.data_end
        channel.data_end = end_clock
    for i in range(memory.geometry.n_ranks):
        rank = &channel.ranks[i]
        if rank.n_open:
            rank.active_clocks += end_clock - rank.open_since
            rank.open_since = end_clock
    return 0
