"""Kernel of the compiled engine: the machine's recurrences on integer time.

Every component, reader and writer advances as far as the times of its neighbours are known; a
queue of parts that may go on takes the place of an event queue.  Only the memory is stepped in
time, and only when nobody else can go on.  All sequences lie in one pool, an offset and a stride
(0 for a constant) each; all arrays are made and checked by ``compiled.py``.
"""

from libc.stdint cimport int64_t

from f2fsim.hw.dram._core cimport DramSystem

# Columns of the tables that compiled.py fills.
cdef enum:
    # parts
    PERIOD, N_ITEMS, SERVICE, SERVICE_STRIDE, IN_FIRST, IN_END, OUT_FIRST, OUT_END, KIND,
    MARKS, MARKS_END
    # input ports
    IN_CHANNEL = 0, NEED, NEED_STRIDE, RELEASE, RELEASE_STRIDE, AT_END
    # output ports
    OUT_CHANNEL = 0, EMIT, EMIT_STRIDE
    # channels
    CAPACITY = 0, LATENCY, PRODUCER, CONSUMER, PUT_RING, PUT_MASK, GIVE_RING, GIVE_MASK
    # streams
    STREAM_CHANNEL = 0, ADDRESSES, BITS, N_SEGMENTS, LIMIT, OPEN_RING, OPEN_MASK,
    GATE, GATE_NEED, GATE_STRIDE, DONE_FIRST, DONE_END

cdef enum:
    COMPONENT = 0
    READER = 1
    WRITER = 2


cdef class Network:
    """One run of one machine; built by ``compiled.py``, run once, then read."""

    cdef const int64_t[::1] pool
    cdef const int64_t[:, ::1] part, inp, out, chan, stream
    cdef int64_t[::1] ring_units, ring_time
    # state of parts: item, phase, time, busy cycles
    cdef int64_t[::1] item, phase, time
    cdef readonly int64_t[::1] busy, end
    # cumulative units by port, stalled cycles by port
    cdef int64_t[::1] in_units
    cdef readonly int64_t[::1] in_stall, out_stall
    # channels: units put (places taken), units given back, ring positions
    cdef int64_t[::1] held, given, put_head, put_tail, give_head, give_tail
    # streams: segment, burst in segment, cycle of the last request and requests in it, books,
    # requests sent and completed in order, units completed, arrival log
    cdef int64_t[::1] segment, burst, cursor, cycle_start, in_cycle, sent, passed, passed_units
    cdef int64_t[::1] last_passed, log_head, taken
    cdef readonly int64_t[::1] stall_memory, stall_other, stall_gate
    # streams: units taken from the gate, segments in memory, bursts of the next one that are
    cdef int64_t[::1] opened, n_written, n_written_bursts
    # next mark by part, ends of marked items
    cdef int64_t[::1] mark
    cdef readonly int64_t[::1] mark_time
    cdef int64_t[::1] queue
    cdef signed char[::1] queued
    cdef Py_ssize_t queue_head, queue_tail, n_parts, n_components
    cdef int64_t burst_bits, ticks_per_clock, n_finished
    cdef DramSystem dram

    def __init__(self, tables, state, int64_t burst_bytes, int64_t ticks_per_clock, dram):
        self.pool, self.part, self.inp, self.out, self.chan, self.stream = tables
        (self.ring_units, self.ring_time, self.item, self.phase, self.time, self.busy, self.end,
         self.in_units, self.in_stall, self.out_stall, self.held, self.given, self.put_head,
         self.put_tail, self.give_head, self.give_tail, self.segment, self.burst, self.cursor,
         self.cycle_start, self.in_cycle, self.sent, self.passed, self.passed_units,
         self.last_passed, self.log_head, self.taken, self.stall_memory, self.stall_other,
         self.stall_gate, self.opened, self.n_written, self.n_written_bursts, self.mark,
         self.mark_time, self.queue, self.queued) = state
        self.n_parts = self.part.shape[0]
        self.n_components = self.n_parts - self.stream.shape[0]
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
        if self.end[p] >= 0:
            return -1
        return self.phase[p]

    cdef void _wake(self, Py_ssize_t p) noexcept nogil:
        if not self.queued[p]:
            self.queued[p] = 1
            self.queue[self.queue_tail] = p
            self.queue_tail = (self.queue_tail + 1) % self.queue.shape[0]

    cdef void _settle(self) noexcept nogil:
        cdef Py_ssize_t p
        while self.queue_head != self.queue_tail:
            p = self.queue[self.queue_head]
            self.queue_head = (self.queue_head + 1) % self.queue.shape[0]
            self.queued[p] = 0
            if self.part[p, KIND] == COMPONENT:
                self._component(p)
            elif self.part[p, KIND] == READER:
                self._reader(p)
            else:
                self._writer(p)

    cdef void _put(self, Py_ssize_t c, int64_t units, int64_t visible) noexcept nogil:
        """Log that `units` units in all are visible from `visible` on."""
        cdef int64_t at = self.chan[c, PUT_RING] + (self.put_tail[c] & self.chan[c, PUT_MASK])
        self.ring_units[at] = units
        self.ring_time[at] = visible
        self.put_tail[c] += 1
        self._wake(self.chan[c, CONSUMER])

    cdef void _give(self, Py_ssize_t c, int64_t units, int64_t time) noexcept nogil:
        """Log that `units` more places are free from `time` on."""
        cdef int64_t at = self.chan[c, GIVE_RING] + (self.give_tail[c] & self.chan[c, GIVE_MASK])
        self.given[c] += units
        self.ring_units[at] = self.given[c]
        self.ring_time[at] = time
        self.give_tail[c] += 1
        self._wake(self.chan[c, PRODUCER])

    cdef int64_t _visible(self, Py_ssize_t c, int64_t target) noexcept nogil:
        """Return when `target` units in all are visible; -1 if that is not known yet."""
        cdef int64_t base = self.chan[c, PUT_RING], mask = self.chan[c, PUT_MASK]
        cdef int64_t head = self.put_head[c], tail = self.put_tail[c]
        while head < tail and self.ring_units[base + (head & mask)] < target:
            head += 1
        self.put_head[c] = head
        return self.ring_time[base + (head & mask)] if head < tail else -1

    cdef int64_t _room(self, Py_ssize_t c, int64_t units) noexcept nogil:
        """Return when `units` more fit (0 if always); -1 if that is not known yet."""
        cdef int64_t target = self.held[c] + units - self.chan[c, CAPACITY]
        cdef int64_t base = self.chan[c, GIVE_RING], mask = self.chan[c, GIVE_MASK]
        cdef int64_t head = self.give_head[c], tail = self.give_tail[c]
        if target <= 0:
            return 0
        while head < tail and self.ring_units[base + (head & mask)] < target:
            head += 1
        self.give_head[c] = head
        return self.ring_time[base + (head & mask)] if head < tail else -1

    cdef void _component(self, Py_ssize_t p) noexcept nogil:
        """Advance a component item by item until a time it needs is unknown."""
        cdef int64_t k, units, when, cycles, start, channel
        cdef int64_t period = self.part[p, PERIOD], n_items = self.part[p, N_ITEMS]
        cdef int64_t in_first = self.part[p, IN_FIRST], out_first = self.part[p, OUT_FIRST]
        cdef int64_t n_in = self.part[p, IN_END] - in_first
        cdef int64_t n_out = self.part[p, OUT_END] - out_first
        cdef int64_t time = self.time[p], phase = self.phase[p]
        cdef Py_ssize_t port, i
        if self.end[p] >= 0:
            return
        k = self.item[p]
        while k < n_items:
            while phase < n_in:
                port = in_first + phase
                units = self.pool[self.inp[port, NEED] + k * self.inp[port, NEED_STRIDE]]
                if units > 0:
                    when = self._visible(self.inp[port, IN_CHANNEL], self.in_units[port] + units)
                    if when < 0:
                        break
                    self.in_units[port] += units
                    if when > time:
                        when = (when + period - 1) // period * period
                        self.in_stall[port] += (when - time) // period
                        time = when
                phase += 1
            if phase < n_in:
                break
            if phase == n_in:
                cycles = self.pool[self.part[p, SERVICE] + k * self.part[p, SERVICE_STRIDE]]
                start = time
                time += cycles * period
                self.busy[p] += cycles
                for i in range(n_in):
                    port = in_first + i
                    units = self.pool[self.inp[port, RELEASE] + k * self.inp[port, RELEASE_STRIDE]]
                    if units > 0:
                        self._give(
                            self.inp[port, IN_CHANNEL], units,
                            time if self.inp[port, AT_END] else start,
                        )
                phase += 1
            while phase <= n_in + n_out:
                port = out_first + phase - n_in - 1
                units = self.pool[self.out[port, EMIT] + k * self.out[port, EMIT_STRIDE]]
                if units > 0:
                    channel = self.out[port, OUT_CHANNEL]
                    when = self._room(channel, units)
                    if when < 0:
                        break
                    if when > time:
                        when = (when + period - 1) // period * period
                        self.out_stall[port] += (when - time) // period
                        time = when
                phase += 1
            if phase <= n_in + n_out:
                break
            # Room was awaited at every port; now everything is put at once.
            for i in range(n_out):
                port = out_first + i
                units = self.pool[self.out[port, EMIT] + k * self.out[port, EMIT_STRIDE]]
                if units > 0:
                    channel = self.out[port, OUT_CHANNEL]
                    self.held[channel] += units
                    self._put(channel, self.held[channel], time + self.chan[channel, LATENCY])
            if self.mark[p] < self.part[p, MARKS_END] and self.pool[self.mark[p]] == k:
                self.mark_time[self.mark[p]] = time
                self.mark[p] += 1
            k += 1
            phase = 0
        self.item[p] = k
        self.phase[p] = phase
        self.time[p] = time
        if k == n_items:
            self.end[p] = time
            self.n_finished += 1

    cdef int64_t _next_bits(self, Py_ssize_t s) noexcept nogil:
        """Return the payload of the next burst of stream `s`."""
        cdef int64_t left = self.pool[self.stream[s, BITS] + self.segment[s]]
        left -= self.burst[s] * self.burst_bits
        return left if left < self.burst_bits else self.burst_bits

    cdef void _request(
        self, Py_ssize_t p, Py_ssize_t s, int64_t bits, int64_t when, int64_t first_until,
        int64_t gated_from
    ) noexcept nogil:
        """Send the next request of stream `s` at or after `when`, and book the wait before it.

        The wait is for memory up to `first_until`, then for the channel, and from `gated_from` on
        (-1: not at all) for the gate.
        """
        cdef int64_t period = self.part[p, PERIOD], edge, turn, gated
        cdef int64_t address
        if when < self.time[p]:
            when = self.time[p]
        edge = (when + period - 1) // period * period
        if edge == self.cycle_start[s] and self.in_cycle[s] >= self.stream[s, LIMIT]:
            edge += period
        self.time[p] = edge
        if edge == self.cycle_start[s]:
            self.in_cycle[s] += 1
        else:
            turn = (first_until + period - 1) // period * period
            turn = min(edge, max(self.cursor[s], turn))
            self.stall_memory[s] += (turn - self.cursor[s]) // period
            gated = edge
            if gated_from >= 0:
                gated = min(edge, max(turn, (gated_from + period - 1) // period * period))
            self.stall_other[s] += (gated - turn) // period
            self.stall_gate[s] += (edge - gated) // period
            self.busy[p] += 1
            self.cursor[s] = edge + period
            self.cycle_start[s] = edge
            self.in_cycle[s] = 1
        address = self.pool[self.stream[s, ADDRESSES] + self.segment[s]]
        address += self.burst[s] * (self.burst_bits >> 3)
        self.dram.offer(
            s, address, (edge + self.ticks_per_clock - 1) // self.ticks_per_clock,
            self.part[p, KIND] == WRITER,
        )
        # The ring of open requests: payload, and completion time (-1 while under way).
        cdef int64_t at = self.stream[s, OPEN_RING] + (self.sent[s] & self.stream[s, OPEN_MASK])
        self.ring_units[at] = bits
        self.ring_time[at] = -1
        self.sent[s] += 1
        self.burst[s] += 1
        if self.burst[s] * self.burst_bits >= self.pool[self.stream[s, BITS] + self.segment[s]]:
            self.burst[s] = 0
            self.segment[s] += 1

    cdef void _reader(self, Py_ssize_t p) noexcept nogil:
        cdef Py_ssize_t s = p - self.n_components
        cdef int64_t channel = self.stream[s, STREAM_CHANNEL], gate = self.stream[s, GATE]
        cdef int64_t bits, when, target, units, opens, gated_from
        while self.segment[s] < self.stream[s, N_SEGMENTS]:
            bits = self._next_bits(s)
            self.phase[p] = 0
            when = self._room(channel, bits)
            if when < 0:
                return
            units, gated_from = 0, -1
            if gate >= 0 and self.burst[s] == 0:
                units = self.pool[
                    self.stream[s, GATE_NEED] + self.segment[s] * self.stream[s, GATE_STRIDE]
                ]
            if units > 0:
                self.phase[p] = 1
                opens = self._visible(gate, self.opened[s] + units)
                if opens < 0:
                    return
                when = max(when, self.time[p])
                if opens > when:
                    gated_from, when = when, opens
                self.opened[s] += units
            target = self.held[channel] + bits - self.chan[channel, CAPACITY]
            self._request(p, s, bits, when, self._arrived(s, target), gated_from)
            if units > 0:
                self._give(gate, units, self.time[p])
            self.held[channel] += bits

    cdef int64_t _arrived(self, Py_ssize_t s, int64_t bits) noexcept nogil:
        """Return when the first `bits` bits of reader `s` had arrived; asked in rising order."""
        cdef int64_t base = self.stream[s, OPEN_RING], mask = self.stream[s, OPEN_MASK]
        if bits <= 0:
            return 0
        while self.ring_units[base + (self.log_head[s] & mask)] < bits:
            self.log_head[s] += 1
        return self.ring_time[base + (self.log_head[s] & mask)]

    cdef void _writer(self, Py_ssize_t p) noexcept nogil:
        cdef Py_ssize_t s = p - self.n_components
        cdef int64_t channel = self.stream[s, STREAM_CHANNEL], bits, when
        while self.segment[s] < self.stream[s, N_SEGMENTS]:
            bits = self._next_bits(s)
            when = self._visible(channel, self.taken[s] + bits)
            if when < 0:
                return
            self._request(p, s, bits, when, 0, -1)
            self.taken[s] += bits

    cdef void _complete(self, Py_ssize_t p, int64_t index, int64_t time) noexcept nogil:
        """Note that request `index` of a stream is complete; pass on what is so in order."""
        cdef Py_ssize_t s = p - self.n_components
        cdef int64_t base = self.stream[s, OPEN_RING], mask = self.stream[s, OPEN_MASK]
        cdef int64_t channel = self.stream[s, STREAM_CHANNEL], at, bits, edge, period
        self.ring_time[base + (index & mask)] = time
        while self.passed[s] < self.sent[s]:
            at = base + (self.passed[s] & mask)
            if self.ring_time[at] < 0:
                break
            bits = self.ring_units[at]
            if self.ring_time[at] > self.last_passed[s]:
                self.last_passed[s] = self.ring_time[at]
            self.passed[s] += 1
            self.passed_units[s] += bits
            if self.part[p, KIND] == READER:
                # The entry becomes a line of the arrival log: units in all, and when.
                self.ring_units[at] = self.passed_units[s]
                self.ring_time[at] = self.last_passed[s]
                self._put(channel, self.passed_units[s],
                          self.last_passed[s] + self.chan[channel, LATENCY])
            else:
                self._give(channel, bits, self.last_passed[s])
                self._written(s)
        if self.segment[s] == self.stream[s, N_SEGMENTS] and self.passed[s] == self.sent[s]:
            period = self.part[p, PERIOD]
            edge = (self.last_passed[s] + period - 1) // period * period
            if edge > self.cursor[s]:
                self.stall_memory[s] += (edge - self.cursor[s]) // period
            self.end[p] = max(self.last_passed[s], self.cursor[s])
            self.n_finished += 1

    cdef void _written(self, Py_ssize_t s) noexcept nogil:
        """Note that one more burst of writer `s` is in memory; tell who waits for its segment."""
        cdef int64_t segment = self.n_written[s], units, channel
        cdef Py_ssize_t port
        self.n_written_bursts[s] += 1
        if self.n_written_bursts[s] * self.burst_bits < self.pool[self.stream[s, BITS] + segment]:
            return
        self.n_written_bursts[s] = 0
        self.n_written[s] += 1
        for port in range(self.stream[s, DONE_FIRST], self.stream[s, DONE_END]):
            units = self.pool[self.out[port, EMIT] + segment * self.out[port, EMIT_STRIDE]]
            if units > 0:
                channel = self.out[port, OUT_CHANNEL]
                self.held[channel] += units
                self._put(channel, self.held[channel],
                          self.last_passed[s] + self.chan[channel, LATENCY])
