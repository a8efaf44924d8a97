"""Kernel of the compiled engine: the machine's recurrences on integer time.

Every component, reader and writer advances as far as the times of its neighbours are known; a
queue of parts that may go on takes the place of an event queue.  Only the memory is stepped in
time, and only when nobody else can go on.  All sequences lie in one pool, an offset and a stride
(0 for a constant) each; ``compiled.py`` makes and checks it, and the rows of the tables.
"""

cimport cython
from libc.stdint cimport int64_t

import numpy as np

from f2fsim.hw.dram._core cimport DramSystem

cdef enum:
    COMPONENT = 0
    READER = 1
    WRITER = 2

# The first line or two of a struct are the columns that compiled.py fills, in this order; the rest
# is state.
cdef struct Part:
    int64_t period, n_items, service, service_stride, in_first, in_end, out_first, out_end, kind
    int64_t mark, marks_end     # the next mark, and the end of its marks
    int64_t item, phase, time, busy, end, queued
    int64_t awaits, awaited     # twice the channel it waits at, + 1 for room; units in all, or -1

cdef struct InPort:
    int64_t channel, need, need_stride, release, release_stride, at_end
    int64_t units, stall        # cumulative units, stalled cycles

cdef struct OutPort:
    int64_t channel, emit, emit_stride
    int64_t stall

cdef struct Channel:
    int64_t capacity, latency, producer, consumer, put_ring, put_mask, give_ring, give_mask
    int64_t held, given         # units put (places taken), units given back
    int64_t put_head, put_tail, give_head, give_tail

cdef struct Stream:
    int64_t channel, addresses, bits, n_segments, limit, open_ring, open_mask
    int64_t gate, gate_need, gate_stride, done_first, done_end
    int64_t segment, burst      # the next one, and the burst in it
    int64_t cursor, cycle_start, in_cycle   # cycle of the last request and requests in it, books
    int64_t sent, passed, passed_units, last_passed     # requests; completed in order, units, time
    int64_t log_head, taken     # arrival log; units taken from the channel
    int64_t stall_memory, stall_other, stall_gate
    int64_t opened              # units taken from the gate
    int64_t n_written, n_written_bursts     # segments in memory, bursts of the next one that are


cdef int64_t[:, ::1] _table(list rows, size_t n_bytes):
    """Return rows that begin with the given columns, each `n_bytes` long; at least one."""
    cdef int64_t[:, ::1] table = np.zeros(
        (max(len(rows), 1), n_bytes // sizeof(int64_t)), dtype=np.int64
    )
    cdef Py_ssize_t i, k
    cdef list row
    for i in range(len(rows)):
        row = rows[i]
        for k in range(len(row)):
            table[i, k] = row[k]
    return table


cdef class Network:
    """One run of one machine; built by ``compiled.py``, run once, then read.

    Parameters
    ----------
    pool : ndarray of int64
        All sequences.
    tables : tuple of list of rows
        Parts, input ports, output ports, channels, streams.
    ring_size, n_marks : int
        Entries of all ring buffers, and marks, which come first in the pool.
    burst_bytes, ticks_per_clock : int
        Of the memory.
    dram : DramSystem or None
    """

    cdef const int64_t[::1] pool
    cdef int64_t[:, ::1] parts, in_ports, out_ports, channels, streams
    cdef Part[::1] part
    cdef InPort[::1] inp
    cdef OutPort[::1] out
    cdef Channel[::1] chan
    cdef Stream[::1] stream
    cdef int64_t[::1] ring_units, ring_time, mark_time, queue
    cdef Py_ssize_t queue_head, queue_tail, n_parts, n_components
    cdef int64_t burst_bits, ticks_per_clock, n_finished
    cdef DramSystem dram

    def __init__(self, pool, tables, Py_ssize_t ring_size, Py_ssize_t n_marks,
                 int64_t burst_bytes, int64_t ticks_per_clock, dram):
        parts, in_ports, out_ports, channels, streams = tables
        cdef Py_ssize_t i
        self.pool = pool
        self.parts = _table(parts, sizeof(Part))
        self.in_ports = _table(in_ports, sizeof(InPort))
        self.out_ports = _table(out_ports, sizeof(OutPort))
        self.channels = _table(channels, sizeof(Channel))
        self.streams = _table(streams, sizeof(Stream))
        self.part = <Part[:self.parts.shape[0]:1]> <Part *> &self.parts[0, 0]
        self.inp = <InPort[:self.in_ports.shape[0]:1]> <InPort *> &self.in_ports[0, 0]
        self.out = <OutPort[:self.out_ports.shape[0]:1]> <OutPort *> &self.out_ports[0, 0]
        self.chan = <Channel[:self.channels.shape[0]:1]> <Channel *> &self.channels[0, 0]
        self.stream = <Stream[:self.streams.shape[0]:1]> <Stream *> &self.streams[0, 0]
        # Rings are written before they are read.
        self.ring_units, self.ring_time = np.empty((2, max(ring_size, 1)), dtype=np.int64)
        self.mark_time = np.full(max(n_marks, 1), -1, dtype=np.int64)
        self.n_parts = len(parts)
        self.n_components = self.n_parts - len(streams)
        self.queue = np.zeros(self.n_parts + 1, dtype=np.int64)
        for i in range(self.n_parts):
            self.part[i].end = self.part[i].awaits = -1
        for i in range(len(streams)):
            self.stream[i].cycle_start = -1
        self.burst_bits = 8 * burst_bytes
        self.ticks_per_clock = ticks_per_clock
        self.dram = dram

    def run(self):
        """Run to the end; return False if parts wait for each other."""
        cdef Py_ssize_t p
        cdef int64_t n, i
        cdef bint ended
        with nogil:
            for p in range(self.n_parts):
                self._wake(p)
            while True:
                self._settle()
                if self.n_finished == self.n_parts or self.dram is None:
                    break
                n = self.dram.advance()
                if n == 0:
                    break
                for i in range(n):
                    self._complete(
                        self.n_components + self.dram.completions[i].stream,
                        self.dram.completions[i].tag,
                        self.dram.completions[i].clock * self.ticks_per_clock,
                    )
            ended = self.n_finished == self.n_parts
        return ended

    def waits_on(self, Py_ssize_t p):
        """Return the port index that part `p` waits at (inputs, then outputs), or -1 if done."""
        if self.part[p].end >= 0:
            return -1
        return self.part[p].phase

    def part_counts(self):
        """Return end (-1: it waits) and busy cycles of each part."""
        return [(self.part[p].end, self.part[p].busy) for p in range(self.n_parts)]

    def port_stalls(self):
        """Return the stalled cycles of each input port, and of each output port."""
        cdef Py_ssize_t i
        return ([self.inp[i].stall for i in range(self.inp.shape[0])],
                [self.out[i].stall for i in range(self.out.shape[0])])

    def stream_stalls(self):
        """Return the cycles that each stream waited for memory, its channel and its gate."""
        cdef Py_ssize_t i
        return [(self.stream[i].stall_memory, self.stream[i].stall_other, self.stream[i].stall_gate)
                for i in range(self.n_parts - self.n_components)]

    def mark_times(self):
        """Return when each marked item ended, in the order of the pool."""
        return np.asarray(self.mark_time).tolist()

    @cython.final
    cdef inline void _wake(self, Py_ssize_t p) noexcept nogil:
        if not self.part[p].queued:
            self.part[p].queued = 1
            self.queue[self.queue_tail] = p
            self.queue_tail += 1
            if self.queue_tail == self.queue.shape[0]:
                self.queue_tail = 0

    @cython.final
    cdef inline void _tell(self, Py_ssize_t p, int64_t where, int64_t units) noexcept nogil:
        """Wake a part that waits at an end of a channel for so many units, or fewer."""
        if self.part[p].awaits == where and units >= self.part[p].awaited:
            self._wake(p)

    @cython.final
    cdef inline void _await(self, Part *me, int64_t where, int64_t units) noexcept nogil:
        me.awaits = where
        me.awaited = units

    @cython.final
    cdef void _settle(self) noexcept nogil:
        cdef Py_ssize_t p
        while self.queue_head != self.queue_tail:
            p = self.queue[self.queue_head]
            self.queue_head += 1
            if self.queue_head == self.queue.shape[0]:
                self.queue_head = 0
            self.part[p].queued = 0
            self.part[p].awaits = -1
            if self.part[p].kind == COMPONENT:
                self._component(p)
            elif self.part[p].kind == READER:
                self._reader(p)
            else:
                self._writer(p)

    @cython.final
    cdef inline void _put(self, Py_ssize_t c, int64_t units, int64_t visible) noexcept nogil:
        """Log that `units` units in all are visible from `visible` on."""
        cdef Channel *channel = &self.chan[c]
        cdef int64_t at = channel.put_ring + (channel.put_tail & channel.put_mask)
        self.ring_units[at] = units
        self.ring_time[at] = visible
        channel.put_tail += 1
        self._tell(channel.consumer, 2 * c, units)

    @cython.final
    cdef inline void _give(self, Py_ssize_t c, int64_t units, int64_t time) noexcept nogil:
        """Log that `units` more places are free from `time` on."""
        cdef Channel *channel = &self.chan[c]
        cdef int64_t at = channel.give_ring + (channel.give_tail & channel.give_mask)
        channel.given += units
        self.ring_units[at] = channel.given
        self.ring_time[at] = time
        channel.give_tail += 1
        self._tell(channel.producer, 2 * c + 1, channel.given)

    @cython.final
    cdef inline int64_t _visible(self, Py_ssize_t c, int64_t target) noexcept nogil:
        """Return when `target` units in all are visible; -1 if that is not known yet."""
        cdef Channel *channel = &self.chan[c]
        cdef int64_t base = channel.put_ring, mask = channel.put_mask
        cdef int64_t head = channel.put_head, tail = channel.put_tail
        while head < tail and self.ring_units[base + (head & mask)] < target:
            head += 1
        channel.put_head = head
        return self.ring_time[base + (head & mask)] if head < tail else -1

    @cython.final
    cdef inline int64_t _room(self, Py_ssize_t c, int64_t units) noexcept nogil:
        """Return when `units` more fit (0 if always); -1 if that is not known yet."""
        cdef Channel *channel = &self.chan[c]
        cdef int64_t target = channel.held + units - channel.capacity
        cdef int64_t base = channel.give_ring, mask = channel.give_mask
        cdef int64_t head = channel.give_head, tail = channel.give_tail
        if target <= 0:
            return 0
        while head < tail and self.ring_units[base + (head & mask)] < target:
            head += 1
        channel.give_head = head
        return self.ring_time[base + (head & mask)] if head < tail else -1

    @cython.final
    cdef void _component(self, Py_ssize_t p) noexcept nogil:
        """Advance a component item by item until a time it needs is unknown."""
        cdef Part *me = &self.part[p]
        cdef InPort *port
        cdef OutPort *out
        cdef Channel *channel
        cdef int64_t units, when, cycles, start
        cdef int64_t period = me.period, n_items = me.n_items, k = me.item
        cdef int64_t n_in = me.in_end - me.in_first, n_out = me.out_end - me.out_first
        cdef int64_t time = me.time, phase = me.phase
        cdef Py_ssize_t i
        if me.end >= 0:
            return
        while k < n_items:
            while phase < n_in:
                port = &self.inp[me.in_first + phase]
                units = self.pool[port.need + k * port.need_stride]
                if units > 0:
                    when = self._visible(port.channel, port.units + units)
                    if when < 0:
                        self._await(me, 2 * port.channel, port.units + units)
                        break
                    port.units += units
                    if when > time:
                        when = (when + period - 1) // period * period
                        port.stall += (when - time) // period
                        time = when
                phase += 1
            if phase < n_in:
                break
            if phase == n_in:
                cycles = self.pool[me.service + k * me.service_stride]
                start = time
                time += cycles * period
                me.busy += cycles
                for i in range(n_in):
                    port = &self.inp[me.in_first + i]
                    units = self.pool[port.release + k * port.release_stride]
                    if units > 0:
                        self._give(port.channel, units, time if port.at_end else start)
                phase += 1
            while phase <= n_in + n_out:
                out = &self.out[me.out_first + phase - n_in - 1]
                units = self.pool[out.emit + k * out.emit_stride]
                if units > 0:
                    when = self._room(out.channel, units)
                    if when < 0:
                        channel = &self.chan[out.channel]
                        self._await(me, 2 * out.channel + 1, channel.held + units - channel.capacity)
                        break
                    if when > time:
                        when = (when + period - 1) // period * period
                        out.stall += (when - time) // period
                        time = when
                phase += 1
            if phase <= n_in + n_out:
                break
            # Room was awaited at every port; now everything is put at once.
            for i in range(n_out):
                out = &self.out[me.out_first + i]
                units = self.pool[out.emit + k * out.emit_stride]
                if units > 0:
                    channel = &self.chan[out.channel]
                    channel.held += units
                    self._put(out.channel, channel.held, time + channel.latency)
            if me.mark < me.marks_end and self.pool[me.mark] == k:
                self.mark_time[me.mark] = time
                me.mark += 1
            k += 1
            phase = 0
        me.item = k
        me.phase = phase
        me.time = time
        if k == n_items:
            me.end = time
            self.n_finished += 1

    @cython.final
    cdef inline int64_t _next_bits(self, const Stream *stream) noexcept nogil:
        """Return the payload of the next burst of a stream."""
        cdef int64_t left = self.pool[stream.bits + stream.segment]
        left -= stream.burst * self.burst_bits
        return left if left < self.burst_bits else self.burst_bits

    @cython.final
    cdef void _request(
        self, Py_ssize_t p, Py_ssize_t s, int64_t bits, int64_t when, int64_t first_until,
        int64_t gated_from
    ) noexcept nogil:
        """Send the next request of stream `s` at or after `when`, and book the wait before it.

        The wait is for memory up to `first_until`, then for the channel, and from `gated_from` on
        (-1: not at all) for the gate.
        """
        cdef Part *me = &self.part[p]
        cdef Stream *stream = &self.stream[s]
        cdef int64_t period = me.period, edge, turn, gated
        cdef int64_t address
        if when < me.time:
            when = me.time
        edge = (when + period - 1) // period * period
        if edge == stream.cycle_start and stream.in_cycle >= stream.limit:
            edge += period
        me.time = edge
        if edge == stream.cycle_start:
            stream.in_cycle += 1
        else:
            turn = (first_until + period - 1) // period * period
            turn = min(edge, max(stream.cursor, turn))
            stream.stall_memory += (turn - stream.cursor) // period
            gated = edge
            if gated_from >= 0:
                gated = min(edge, max(turn, (gated_from + period - 1) // period * period))
            stream.stall_other += (gated - turn) // period
            stream.stall_gate += (edge - gated) // period
            me.busy += 1
            stream.cursor = edge + period
            stream.cycle_start = edge
            stream.in_cycle = 1
        address = self.pool[stream.addresses + stream.segment]
        address += stream.burst * (self.burst_bits >> 3)
        self.dram.offer(
            s, address, (edge + self.ticks_per_clock - 1) // self.ticks_per_clock,
            me.kind == WRITER,
        )
        # The ring of open requests: payload, and completion time (-1 while under way).
        cdef int64_t at = stream.open_ring + (stream.sent & stream.open_mask)
        self.ring_units[at] = bits
        self.ring_time[at] = -1
        stream.sent += 1
        stream.burst += 1
        if stream.burst * self.burst_bits >= self.pool[stream.bits + stream.segment]:
            stream.burst = 0
            stream.segment += 1

    @cython.final
    cdef void _reader(self, Py_ssize_t p) noexcept nogil:
        cdef Py_ssize_t s = p - self.n_components
        cdef Stream *stream = &self.stream[s]
        cdef Part *me = &self.part[p]
        cdef Channel *channel = &self.chan[stream.channel]
        cdef int64_t bits, when, target, units, opens, gated_from
        while stream.segment < stream.n_segments:
            bits = self._next_bits(stream)
            me.phase = 0
            target = channel.held + bits - channel.capacity
            when = self._room(stream.channel, bits)
            if when < 0:
                self._await(me, 2 * stream.channel + 1, target)
                return
            units, gated_from = 0, -1
            if stream.gate >= 0 and stream.burst == 0:
                units = self.pool[stream.gate_need + stream.segment * stream.gate_stride]
            if units > 0:
                me.phase = 1
                opens = self._visible(stream.gate, stream.opened + units)
                if opens < 0:
                    self._await(me, 2 * stream.gate, stream.opened + units)
                    return
                when = max(when, me.time)
                if opens > when:
                    gated_from, when = when, opens
                stream.opened += units
            self._request(p, s, bits, when, self._arrived(stream, target), gated_from)
            if units > 0:
                self._give(stream.gate, units, me.time)
            channel.held += bits

    @cython.final
    cdef inline int64_t _arrived(self, Stream *stream, int64_t bits) noexcept nogil:
        """Return when the first `bits` bits of a reader had arrived; asked in rising order."""
        cdef int64_t base = stream.open_ring, mask = stream.open_mask
        if bits <= 0:
            return 0
        while self.ring_units[base + (stream.log_head & mask)] < bits:
            stream.log_head += 1
        return self.ring_time[base + (stream.log_head & mask)]

    @cython.final
    cdef void _writer(self, Py_ssize_t p) noexcept nogil:
        cdef Py_ssize_t s = p - self.n_components
        cdef Stream *stream = &self.stream[s]
        cdef int64_t bits, when
        while stream.segment < stream.n_segments:
            bits = self._next_bits(stream)
            when = self._visible(stream.channel, stream.taken + bits)
            if when < 0:
                self._await(&self.part[p], 2 * stream.channel, stream.taken + bits)
                return
            self._request(p, s, bits, when, 0, -1)
            stream.taken += bits

    @cython.final
    cdef void _complete(self, Py_ssize_t p, int64_t index, int64_t time) noexcept nogil:
        """Note that request `index` of a stream is complete; pass on what is so in order."""
        cdef Part *me = &self.part[p]
        cdef Stream *stream = &self.stream[p - self.n_components]
        cdef int64_t base = stream.open_ring, mask = stream.open_mask, at, bits, edge
        self.ring_time[base + (index & mask)] = time
        while stream.passed < stream.sent:
            at = base + (stream.passed & mask)
            if self.ring_time[at] < 0:
                break
            bits = self.ring_units[at]
            if self.ring_time[at] > stream.last_passed:
                stream.last_passed = self.ring_time[at]
            stream.passed += 1
            stream.passed_units += bits
            if me.kind == READER:
                # The entry becomes a line of the arrival log: units in all, and when.
                self.ring_units[at] = stream.passed_units
                self.ring_time[at] = stream.last_passed
                self._put(stream.channel, stream.passed_units,
                          stream.last_passed + self.chan[stream.channel].latency)
            else:
                self._give(stream.channel, bits, stream.last_passed)
                self._written(stream)
        if stream.segment == stream.n_segments and stream.passed == stream.sent:
            edge = (stream.last_passed + me.period - 1) // me.period * me.period
            if edge > stream.cursor:
                stream.stall_memory += (edge - stream.cursor) // me.period
            me.end = max(stream.last_passed, stream.cursor)
            self.n_finished += 1

    @cython.final
    cdef void _written(self, Stream *stream) noexcept nogil:
        """Note that one more burst of a writer is in memory; tell who waits for its segment."""
        cdef int64_t segment = stream.n_written, units
        cdef OutPort *out
        cdef Channel *channel
        cdef Py_ssize_t i
        stream.n_written_bursts += 1
        if stream.n_written_bursts * self.burst_bits < self.pool[stream.bits + segment]:
            return
        stream.n_written_bursts = 0
        stream.n_written += 1
        for i in range(stream.done_first, stream.done_end):
            out = &self.out[i]
            units = self.pool[out.emit + segment * out.emit_stride]
            if units > 0:
                channel = &self.chan[out.channel]
                channel.held += units
                self._put(out.channel, channel.held, stream.last_passed + channel.latency)
