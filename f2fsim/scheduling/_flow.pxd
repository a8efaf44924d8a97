"""What flows between two events of a plan: memory, buffers, array and outputs, and a whole pass.

Between two events every amount grows evenly: `advance` finds how fast, how long until the next
event, and lets everything grow until then.
"""

from libc.math cimport fmax, fmin

cdef extern from *:
    """
    static const double FAR = 1e30, NIL = 1e-6, SHORTEST = 1e-3;
    """
    const double FAR, NIL, SHORTEST

# Streams of weights at most; places of the memory's and machine's numbers (`forecast.Flows`).
cdef enum:
    STREAMS = 16
    # Events of a plan at most: more are beyond all use, and the plan is left out.
    EVENTS = 200000


cdef struct Machine:
    double rate, latency, write_latency, prefetch, fill, start, depth, seam, burst
    double refresh_interval, refresh_length, write_high, write_low, read_write, write_read
    double copies, chunk, turn
    int n_streams
    bint refreshes


cdef struct Flow:
    double time, next_refresh, refreshed, turned, last_read, last_write
    # activations: bits read from memory, put into the scratchpad, released, to be read in all
    double read, filled, released, loads, room
    # of them, what the present pass needs in all, and the load that it works on
    double needed, here
    # outputs: bits made and written; places behind the array
    double made, written, places
    double served[STREAMS]
    double used[STREAMS]
    double total[STREAMS]
    bint writing
    long events


cdef struct Pass:
    # `ready`: when its first step has come through the front end
    double cycles, outputs, ready
    double weights[STREAMS]


cdef struct Rates:
    # what grows how fast until the next event: streams served, share of the pass, bits
    double served[STREAMS]
    double speed, outputs, reading, filling, writing
    # what is there: bits of activations in the buffer, of outputs that wait; rate of the memory
    double buffered, backlog, memory
    bint full[STREAMS]
    bint is_full, no_room, reads, stopped, turning, calm


cdef inline bint turns(const Machine *m, Flow *f, double backlog, bint reads) noexcept nogil:
    """Let the memory turn between reads and writes where it would; whether it does so now."""
    if not f.writing and (backlog >= m.write_high - NIL or (backlog > NIL and not reads)):
        f.writing = True
        f.turned = f.last_read + m.read_write
    elif f.writing and reads and backlog <= m.write_low + NIL:
        f.writing = False
        f.turned = f.last_write + m.write_read
    return f.time < f.turned - NIL


cdef inline void look(const Machine *m, Flow *f, const Pass *p, Rates *r, bint runs) noexcept nogil:
    """Find what is full or empty, whether the memory stands still, and which way it goes."""
    cdef int i
    r.buffered, r.backlog = f.read - f.filled, f.made - f.written
    r.outputs = p.outputs if runs else 0
    r.stopped = False
    if m.refreshes:
        if f.time >= f.next_refresh - NIL:
            f.refreshed = f.next_refresh + m.refresh_length
            f.next_refresh += m.refresh_interval
        r.stopped = f.time < f.refreshed - NIL
    r.no_room = f.filled - f.released >= f.room - NIL
    r.is_full = r.buffered >= m.prefetch - NIL
    r.reads = f.read < f.loads - NIL and not (r.is_full and r.no_room)
    for i in range(m.n_streams):
        r.full[i] = f.served[i] - f.used[i] >= m.prefetch - NIL
        if not r.full[i] and f.served[i] < f.total[i] - NIL:
            r.reads = True
    # Full buffers take no more than the array does: writes find their turns in between.
    r.calm = runs and not r.reads and not r.stopped
    r.turning = not r.calm and turns(m, f, r.backlog, r.reads)
    if r.calm:
        f.writing = False
    r.memory = 0 if r.stopped or r.turning else m.rate


cdef inline void share_memory(
    const Machine *m, const Flow *f, const Pass *p, Rates *r
) noexcept nogil:
    """Share the memory's rate among streams, activations and writes, the array at its speed."""
    cdef double rest = r.memory, share
    cdef int i, n_open = 0
    for i in range(m.n_streams):
        r.served[i] = 0
        if f.served[i] < f.total[i] - NIL and not f.writing:
            if r.full[i] and r.speed * p.weights[i] < r.memory / 8:
                r.served[i] = fmin(r.speed * p.weights[i], rest)
                rest -= r.served[i]
            else:
                r.served[i] = -1
                n_open += 1
    r.reading = 0
    if f.read < f.loads - NIL and not (r.is_full and r.no_room) and not f.writing:
        r.reading = -1
        n_open += 1
    share = rest / n_open if n_open else 0
    for i in range(m.n_streams):
        if r.served[i] < 0:
            r.served[i] = fmin(share, r.speed * p.weights[i]) if r.full[i] else share
    if r.reading < 0:
        r.reading = share
    r.writing = 0
    if r.calm:
        r.writing = rest if r.backlog > NIL else fmin(r.speed * r.outputs, rest)
    if f.writing:
        r.writing = r.memory if r.backlog > NIL else fmin(r.speed * r.outputs, r.memory)


cdef inline double fed_speed(
    const Machine *m, const Flow *f, const Pass *p, const Rates *r
) noexcept nogil:
    """Return the share of a pass in a cycle that empty buffers and full places let the array do."""
    cdef double slower = 1 / p.cycles
    cdef int i
    for i in range(m.n_streams):
        if p.weights[i] > 0 and f.served[i] - f.used[i] <= NIL and (
                f.served[i] < f.total[i] - NIL):
            slower = fmin(slower, r.served[i] / p.weights[i])
    if r.outputs > 0 and r.backlog >= f.places - NIL:
        slower = fmin(slower, r.writing / r.outputs)
    return slower


cdef inline void find_rates(
    const Machine *m, const Flow *f, const Pass *p, Rates *r, bint runs
) noexcept nogil:
    """Find how fast everything grows.

    An empty buffer slows the array down, which changes what full ones take: twice is enough.
    """
    cdef double slower
    cdef int turn
    r.speed = 1 / p.cycles if runs else 0
    for turn in range(3):
        share_memory(m, f, p, r)
        if not runs:
            break
        slower = fed_speed(m, f, p, r)
        if slower >= r.speed - 1e-12 and turn > 0:
            break
        r.speed = slower
    r.filling = 0
    if not r.no_room:
        r.filling = m.fill if r.buffered > NIL else fmin(m.fill, r.reading)


cdef inline double until_inputs(
    const Machine *m, const Flow *f, const Pass *p, const Rates *r, double wanted
) noexcept nogil:
    """Return the cycles until a buffer of weights or activations is full or empty, or all is read.

    Or until `wanted` bits of activations are there, if the array waits for them (0: it does not).
    """
    cdef double step = FAR, gain
    cdef int i
    for i in range(m.n_streams):
        gain = r.served[i] - r.speed * p.weights[i]
        if gain > NIL and not r.full[i]:
            step = fmin(step, (m.prefetch - f.served[i] + f.used[i]) / gain)
        if gain < -NIL and f.served[i] - f.used[i] > NIL:
            step = fmin(step, (f.served[i] - f.used[i]) / -gain)
        if r.served[i] > NIL:
            step = fmin(step, (f.total[i] - f.served[i]) / r.served[i])
    if r.reading > NIL:
        step = fmin(step, (f.loads - f.read) / r.reading)
        if r.reading > r.filling + NIL and not r.is_full:
            step = fmin(step, (m.prefetch - r.buffered) / (r.reading - r.filling))
    if r.filling > NIL:
        step = fmin(step, (f.room - f.filled + f.released) / r.filling)
        if r.filling > r.reading + NIL and r.buffered > NIL:
            step = fmin(step, r.buffered / (r.filling - r.reading))
        if wanted > f.filled:
            step = fmin(step, (wanted - f.filled) / r.filling)
    return step


cdef inline double until_outputs(
    const Machine *m, const Flow *f, const Rates *r
) noexcept nogil:
    """Return the cycles until the memory turns for outputs, or their places are full or empty."""
    cdef double step = FAR, gain = r.speed * r.outputs - r.writing
    if gain < -NIL and r.backlog > NIL:
        step = (r.backlog - (m.write_low if r.reads and r.backlog > m.write_low else 0)) / -gain
    if gain > NIL:
        if r.backlog < f.places - NIL:
            step = fmin(step, (f.places - r.backlog) / gain)
        if not f.writing and r.backlog < m.write_high - NIL:
            step = fmin(step, (m.write_high - r.backlog) / gain)
        if not f.writing and not r.reads and not r.stopped and not r.calm:
            step = fmin(step, 1.0)
    return step


cdef inline void grow(
    const Machine *m, Flow *f, const Pass *p, const Rates *r, double step
) noexcept nogil:
    """Let everything grow for so many cycles."""
    cdef int i
    f.time += step
    if r.reading > NIL:
        f.last_read = f.time
    if r.writing > NIL:
        f.last_write = f.time
    for i in range(m.n_streams):
        if r.served[i] > NIL:
            f.last_read = f.time
        f.served[i] = fmin(f.served[i] + r.served[i] * step, f.total[i])
        f.used[i] = fmin(f.used[i] + r.speed * p.weights[i] * step, f.served[i])
    f.read = fmin(f.read + r.reading * step, f.loads)
    f.filled = fmin(f.filled + r.filling * step, f.read)
    f.made += r.speed * r.outputs * step
    f.written = fmin(f.written + r.writing * step, f.made)


cdef inline double advance(
    const Machine *m, Flow *f, const Pass *p, double need, double left
) noexcept nogil:
    """Go on to the next event; return the share of the pass that is done, -1 if nothing can be.

    With `left` of 0 the array waits: until `need` bits of activations are there, or for writes.
    """
    cdef Rates r
    cdef double step
    f.events += 1
    if f.time < m.latency - NIL:
        f.time = m.latency
        return 0
    look(m, f, p, &r, left > 0)
    find_rates(m, f, p, &r, left > 0)
    step = fmin(until_inputs(m, f, p, &r, need if left <= 0 else 0), until_outputs(m, f, &r))
    if m.refreshes:
        step = fmin(step, (f.refreshed if r.stopped else f.next_refresh) - f.time)
    if r.turning:
        step = fmin(step, f.turned - f.time)
    if r.speed > 0:
        step = fmin(step, left / r.speed)
    if step >= FAR:
        return -1
    step = fmax(step, SHORTEST)
    grow(m, f, p, &r, step)
    return r.speed * step


cdef inline bint run_pass(
    const Machine *m, Flow *f, Pass *p, double need, bint at_end
) noexcept nogil:
    """Go through one pass; with `at_end` its outputs leave together.  False: it never ends."""
    cdef double left = 1, done, outputs = p.outputs
    while f.filled < need - 0.5:
        if advance(m, f, p, need, 0) < 0 or f.events > EVENTS:
            return False
    p.cycles += fmax(p.ready - f.time, 0)
    if at_end:
        p.outputs = 0
    while left > 1e-7:
        done = advance(m, f, p, need, left)
        if done < 0 or f.events > EVENTS:
            return False
        left -= done
    p.outputs = outputs
    if at_end:
        while f.made + outputs - f.written > f.places + NIL and f.made - f.written > NIL:
            if advance(m, f, p, need, 0) < 0 or f.events > EVENTS:
                return False
        f.made += outputs
    return True
