"""The compiled DRAM engine: many channels in global clock order, for embedding and for traces.

Same meaning as `channel.py`; only events are visited, never an idle clock.  What a channel does
stands in `_clock.pxd` (its clocks), `_choose.pxd` (which command), `_commands.pxd` (its effect),
`_entry.pxd` and `_lists.pxd` (requests), `_journal.pxd` (what is reported), `_state.pxd` (data,
which `_build.pxd` makes).
"""

from libc.stdint cimport int8_t, int32_t, int64_t
from libc.stdlib cimport free

import numpy as np

from f2fsim.errors import SimulationError
from f2fsim.hw.dram._build cimport (
    allocate, build_channel, fill_geometry, fill_timing, free_channel,
)
from f2fsim.hw.dram._clock cimport (
    do_clock, finish_channel, first_use, has_work, next_event, run_until, skip_refreshes,
)
from f2fsim.hw.dram._entry cimport place_of, queue_offer
from f2fsim.hw.dram._state cimport (
    AT_CHANNEL, ChannelState, CommandRecord, Completion, Geometry, StreamCount, Timing, later, never,
)
from f2fsim.hw.dram.stats import DramStats, DramStreamStats, COMMANDS, STALL_CAUSES


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
        fill_geometry(&self.memory.geometry, params, n_streams)
        fill_timing(&self.memory.timing, params)
        self.memory.journal.tracing = trace
        self.stream_next = <int64_t *> allocate(n_streams, sizeof(int64_t))
        self.stream_clock = <int64_t *> allocate(n_streams, sizeof(int64_t))
        self.memory.counts = <StreamCount *> allocate(n_streams, sizeof(StreamCount))
        self.channels = <ChannelState *> allocate(self.n_channels, sizeof(ChannelState))
        cdef int i
        for i in range(self.n_channels):
            build_channel(&self.channels[i], i, &self.memory.timing, &self.memory.geometry)

    def __dealloc__(self):
        cdef int i
        if self.channels != NULL:
            for i in range(self.n_channels):
                free_channel(&self.channels[i], self.n_streams)
        free(self.channels)
        free(self.stream_next)
        free(self.stream_clock)
        free(self.memory.counts)
        free(self.memory.journal.records)
        free(self.memory.journal.completions)

    # ------------------------------------------------------------------ embedding

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
        cdef const Geometry *g = &self.memory.geometry
        cdef int64_t line = (address >> g.burst_shift) & g.line_mask
        cdef int64_t place[3]
        cdef ChannelState *channel
        place_of(g, line, place)
        channel = &self.channels[place[AT_CHANNEL]]
        if address < 0 or clock < self.stream_clock[stream] or (
                clock < channel.clock and not self.feeding):
            with gil:
                raise SimulationError(
                    f"offer of stream {stream} at clock {clock}, address {address}: the stream is "
                    f"at {self.stream_clock[stream]}, channel {channel.index} at {channel.clock}")
        self.stream_clock[stream] = clock
        return queue_offer(channel, stream, line, place, clock, is_write, tag)

    cdef int64_t advance(self) except -1 nogil:
        cdef ChannelState *first
        self.memory.journal.n_completions = 0
        while self.memory.journal.n_completions == 0:
            first = self._first()
            if first == NULL:
                return 0
            if not self.replaying and first.n_kind[0] + first.n_kind[1] == 0 and (
                    skip_refreshes(&self.memory, first, self._first_use())):
                continue
            do_clock(&self.memory, first, first.next_event)
        self.completions = self.memory.journal.completions
        return self.memory.journal.n_completions

    cdef int64_t _first_use(self) noexcept nogil:
        """Return the first clock at which a channel does anything but an idle refresh.

        Nobody hears of an idle refresh: no offer can come before that clock.
        """
        cdef int64_t first = never()
        cdef int i
        for i in range(self.n_channels):
            if has_work(&self.channels[i]):
                first = min(first, first_use(&self.memory, &self.channels[i]))
        return first

    cdef ChannelState *_first(self) noexcept nogil:
        """Return the channel with the first event, of those that have work."""
        cdef ChannelState *first = NULL
        cdef ChannelState *channel
        cdef int i
        for i in range(self.n_channels):
            channel = &self.channels[i]
            if has_work(channel):
                if self.replaying:
                    skip_refreshes(&self.memory, channel, never())
                next_event(&self.memory, channel)
                if first == NULL or channel.next_event < first.next_event:
                    first = channel
        return first

    cdef int finish(self, int64_t end_clock) except -1 nogil:
        cdef int i
        for i in range(self.n_channels):
            finish_channel(&self.memory, &self.channels[i], end_clock)
        self.end_clock = end_clock
        return 0

    def offer_request(self, int stream, int64_t address, int64_t clock, bint is_write):
        """Append an offer; clocks never decrease within a stream."""
        self.offer(stream, address, clock, is_write)

    def advance_once(self):
        """Go on to the next completion: a list of ``(stream, index, clock)``, empty at the end."""
        cdef Py_ssize_t i, n = self.advance()
        return [
            (self.completions[i].stream, self.completions[i].tag, self.completions[i].clock)
            for i in range(n)
        ]

    def finish_at(self, int64_t end_clock):
        """Do all clocks before `end_clock` and close the accounts there."""
        self.finish(end_clock)

    # ------------------------------------------------------------------ whole traces

    def replay_into(self, const int64_t[::1] addresses, const int8_t[::1] is_write,
                    const int64_t[::1] clocks, const int32_t[::1] streams,
                    Py_ssize_t max_outstanding, bint in_order, int64_t[::1] done,
                    int64_t[::1] enter):
        """Offer a whole trace and note each request's clocks of completion and entry.

        `max_outstanding` of 0 means no limit; otherwise a request is offered one clock after the
        completion that makes room for it.  With `in_order` a request is offered at least one clock
        after the one before it entered, whatever their channels.  Sizes are checked by
        `f2fsim.hw.dram.replay`.
        """
        cdef Py_ssize_t i
        cdef int64_t end = 0
        self.replaying = True
        with nogil:
            if in_order:
                self._replay_in_order(addresses, is_write, clocks, streams, done, enter)
            elif max_outstanding:
                self._replay_limited(addresses, is_write, clocks, streams, max_outstanding, done,
                                     enter)
            else:
                self._replay_freely(addresses, is_write, clocks, streams, done, enter)
            for i in range(addresses.shape[0]):
                end = later(end, done[i])
            self.finish(end)

    cdef int _replay_freely(self, const int64_t[::1] addresses, const int8_t[::1] is_write,
                            const int64_t[::1] clocks, const int32_t[::1] streams,
                            int64_t[::1] done, int64_t[::1] enter) except -1 nogil:
        """Replay with every channel on its own."""
        cdef Py_ssize_t i
        cdef int c
        # Queues are fed ahead of the need: an offer never comes after its turn.
        self.feeding = True
        for i in range(addresses.shape[0]):
            self._push(streams[i], addresses[i], clocks[i], is_write[i], i)
            if i & 4095 == 4095 and self.n_streams == 1:
                # With one stream only the head of a queue matters: keep queues short.
                for c in range(self.n_channels):
                    self._run_offers(&self.channels[c], 1, done, enter)
        for c in range(self.n_channels):
            self._run_offers(&self.channels[c], 0, done, enter)
        return 0

    cdef int _replay_in_order(self, const int64_t[::1] addresses, const int8_t[::1] is_write,
                              const int64_t[::1] clocks, const int32_t[::1] streams,
                              int64_t[::1] done, int64_t[::1] enter) except -1 nogil:
        """Replay with one entry a clock in all channels together, in the order of the trace."""
        cdef const Geometry *g = &self.memory.geometry
        cdef Py_ssize_t i
        cdef int c
        cdef int64_t clock = 0
        cdef int64_t place[3]
        cdef ChannelState *channel
        # Other channels may lag behind: nothing that they do can change this entry.
        for i in range(addresses.shape[0]):
            clock = later(clock, clocks[i])
            place_of(g, (addresses[i] >> g.burst_shift) & g.line_mask, place)
            channel = &self.channels[place[AT_CHANNEL]]
            run_until(&self.memory, channel, clock)
            self._push(streams[i], addresses[i], clock, is_write[i], i)
            while channel.n_offers:
                do_clock(&self.memory, channel, next_event(&self.memory, channel))
            clock = channel.clock
            self._note(done, enter)
        for c in range(self.n_channels):
            self._run_offers(&self.channels[c], 0, done, enter)
        return 0

    cdef int _run_offers(self, ChannelState *channel, int64_t n_left, int64_t[::1] done,
                         int64_t[::1] enter) except -1 nogil:
        """Run a channel until at most `n_left` offers wait to enter; 0: until it is empty."""
        while channel.n_offers > n_left or (n_left == 0 and has_work(channel)):
            skip_refreshes(&self.memory, channel, never())
            do_clock(&self.memory, channel, next_event(&self.memory, channel))
            if self.memory.journal.n_completions >= 64:
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
        cdef Completion *completion
        cdef Py_ssize_t k
        for k in range(self.memory.journal.n_completions):
            completion = &self.memory.journal.completions[k]
            done[completion.tag] = completion.clock
            enter[completion.tag] = completion.enter
        self.memory.journal.n_completions = 0

    cdef Py_ssize_t _first_done(self, Py_ssize_t *out, Py_ssize_t n_out, int64_t[::1] done,
                                int64_t[::1] enter) except -1 nogil:
        """Advance until it is certain which outstanding request completes first; its place."""
        cdef const Timing *t = &self.memory.timing
        cdef Py_ssize_t k, best
        cdef int64_t latency = t.read_latency
        cdef ChannelState *first
        if t.write_latency < latency:
            latency = t.write_latency
        while True:
            best = -1
            for k in range(n_out):
                if done[out[k]] >= 0 and (best < 0 or done[out[k]] < done[out[best]]):
                    best = k
            if best >= 0:
                # What is issued so late cannot complete before the best.
                first = self._first()
                if first == NULL or (
                        first.next_event >= done[out[best]] - latency - t.burst):
                    return best
            if self.advance() == 0:
                with gil:
                    raise SimulationError("the memory holds a request that never completes")
            self._note(done, enter)

    # ------------------------------------------------------------------ reports

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
            for j in range(self.memory.geometry.n_ranks):
                active += self.channels[i].ranks[j].active_clocks
        total = self.end_clock * self.n_channels
        return DramStats(
            total_clocks=total,
            busy_clocks=busy,
            idle_clocks=idle,
            stall_clocks=dict(zip(STALL_CAUSES, stalls, strict=True)),
            commands=dict(zip(COMMANDS, commands, strict=True)),
            rank_active_clocks=active,
            rank_precharged_clocks=total * self.memory.geometry.n_ranks - active,
            streams=tuple(
                DramStreamStats(
                    n_bursts=self.memory.counts[i].bursts,
                    row_hits=self.memory.counts[i].row[0],
                    row_misses=self.memory.counts[i].row[1],
                    row_conflicts=self.memory.counts[i].row[2],
                    n_forwarded=self.memory.counts[i].forwarded,
                    latency_sum_clocks=self.memory.counts[i].latency,
                )
                for i in range(self.n_streams)
            ),
        )

    def command_trace(self):
        """Return every command, int64 of shape (n, 7), in order of clock and channel.

        Columns: clock, channel, rank, bank group, bank, row, number of the command in
        `f2fsim.hw.dram.stats.COMMANDS`; -1 where a command has no bank.
        """
        cdef Py_ssize_t i, n_records = self.memory.journal.n_records
        out = np.empty((n_records, 7), dtype=np.int64)
        cdef int64_t[:, ::1] view = out
        cdef CommandRecord *r
        for i in range(n_records):
            r = &self.memory.journal.records[i]
            view[i, 0], view[i, 1], view[i, 2] = r.clock, r.channel, r.rank
            view[i, 3], view[i, 4], view[i, 5] = r.bank_group, r.bank, r.row
            view[i, 6] = r.command
        return out[np.lexsort((out[:, 1], out[:, 0]))]
