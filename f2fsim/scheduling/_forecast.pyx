"""Cycles of plans from flows: what `forecast.py` describes, plan by plan.

A plan's passes are gone through in order.  Between two events (a buffer full or empty, a load or a
pass done, a refresh, the memory turning between reads and writes) every amount grows evenly, so
that an event costs a few operations, however many steps or bursts lie before it.
"""

from libc.math cimport INFINITY, ceil, fabs, fmax, fmin
from libc.stdint cimport int64_t

import numpy as np

# Streams of weights at most; places of the memory's and machine's numbers (`forecast.Flows`).
cdef enum:
    STREAMS = 16
    # Events of a plan at most: more are beyond all use, and the plan is left out.
    EVENTS = 200000

MOST_STREAMS = STREAMS

cdef double FAR = 1e30, NIL = 1e-6, SHORTEST = 1e-3
# Pieces of a plan that take as long as those before them within this share are steady.
cdef double STEADY = 0.01
# Refreshes are gone through one by one where they and the passes are few, else evenly.
cdef double FEW_PASSES = 64, FEW_REFRESHES = 8


cdef struct Machine:
    double rate, latency, write_latency, prefetch, fill, start, depth, seam, burst
    double refresh_interval, refresh_length, write_high, write_low, read_write, write_read
    double copies, chunk
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


cdef struct Plan:
    bint holds
    # bands of three sizes (large, small, last) and tiles of two, by count
    double n_bands[3]
    double rows[3]
    double portions[3]
    double n_tiles[2]
    double loads[2]
    double cycles[3][2]
    double outputs[3][2]
    # what the front end loads before a pass over a band: bits, and cycles
    double table_bits[3]
    double table_cycles[3]


cdef inline double in_bursts(double bits, double burst) noexcept nogil:
    return ceil(bits / burst - 1e-9) * burst if bits > 0 else 0


cdef inline double stream_bits(
    const Machine *m, const Plan *plan, const double *streams, int stream, int kind
) noexcept nogil:
    """Return the bits of a stream in a band; the table comes with the first one."""
    cdef double table = plan.table_bits[kind] if stream == 0 else 0
    return in_bursts(streams[stream] * plan.rows[kind] + table, m.burst)


cdef bint turns(const Machine *m, Flow *f, double backlog, bint reads) noexcept nogil:
    """Let the memory turn between reads and writes where it would; whether it does so now."""
    if not f.writing and (backlog >= m.write_high - NIL or (backlog > NIL and not reads)):
        f.writing = True
        f.turned = f.last_read + m.read_write
    elif f.writing and reads and backlog <= m.write_low + NIL:
        f.writing = False
        f.turned = f.last_write + m.write_read
    return f.time < f.turned - NIL


cdef double advance(
    const Machine *m, Flow *f, const Pass *p, double need, double left
) noexcept nogil:
    """Go on to the next event; return the share of the pass that is done, -1 if nothing can be.

    With `left` of 0 the array waits: until `need` bits of activations are there, or for writes.
    """
    cdef double svc[STREAMS]
    cdef bint full[STREAMS]
    cdef double buffered = f.read - f.filled, backlog = f.made - f.written
    cdef double rate = m.rate, speed, slower, rest, share, reading, writing, filling, step, gain
    cdef double outputs = p.outputs if left > 0 else 0
    cdef int i, n_open, turn
    cdef bint stopped = False, turning, calm, reads = False, is_full, no_room
    f.events += 1
    if f.time < m.latency - NIL:
        f.time = m.latency
        return 0
    if m.refreshes:
        if f.time >= f.next_refresh - NIL:
            f.refreshed = f.next_refresh + m.refresh_length
            f.next_refresh += m.refresh_interval
        stopped = f.time < f.refreshed - NIL
    no_room = f.filled - f.released >= f.room - NIL
    is_full = buffered >= m.prefetch - NIL
    reads = f.read < f.loads - NIL and not (is_full and no_room)
    for i in range(m.n_streams):
        full[i] = f.served[i] - f.used[i] >= m.prefetch - NIL
        if not full[i] and f.served[i] < f.total[i] - NIL:
            reads = True
    # Full buffers take no more than the array does: writes find their turns in between.
    calm = left > 0 and not reads and not stopped
    turning = not calm and turns(m, f, backlog, reads)
    if calm:
        f.writing = False
    if stopped or turning:
        rate = 0
    speed = 1 / p.cycles if left > 0 else 0
    reading = writing = 0
    # An empty buffer slows the array down, which changes what full ones take: twice is enough.
    for turn in range(3):
        rest, n_open = rate, 0
        for i in range(m.n_streams):
            svc[i] = 0
            if f.served[i] < f.total[i] - NIL and not f.writing:
                if full[i] and speed * p.weights[i] < rate / 8:
                    svc[i] = fmin(speed * p.weights[i], rest)
                    rest -= svc[i]
                else:
                    svc[i] = -1
                    n_open += 1
        reading = 0
        if f.read < f.loads - NIL and not (is_full and no_room) and not f.writing:
            reading = -1
            n_open += 1
        share = rest / n_open if n_open else 0
        for i in range(m.n_streams):
            if svc[i] < 0:
                svc[i] = fmin(share, speed * p.weights[i]) if full[i] else share
        if reading < 0:
            reading = share
        writing = 0
        if calm:
            writing = rest if backlog > NIL else fmin(speed * outputs, rest)
        if f.writing:
            writing = rate if backlog > NIL else fmin(speed * outputs, rate)
        if left <= 0:
            break
        slower = 1 / p.cycles
        for i in range(m.n_streams):
            if p.weights[i] > 0 and f.served[i] - f.used[i] <= NIL and (
                    f.served[i] < f.total[i] - NIL):
                slower = fmin(slower, svc[i] / p.weights[i])
        if outputs > 0 and backlog >= f.places - NIL:
            slower = fmin(slower, writing / outputs)
        if slower >= speed - 1e-12 and turn > 0:
            break
        speed = slower
    filling = 0
    if not no_room:
        filling = m.fill if buffered > NIL else fmin(m.fill, reading)
    # The next event.
    step = FAR
    if m.refreshes:
        step = fmin(step, (f.refreshed if stopped else f.next_refresh) - f.time)
    if turning:
        step = fmin(step, f.turned - f.time)
    for i in range(m.n_streams):
        gain = svc[i] - speed * p.weights[i]
        if gain > NIL and not full[i]:
            step = fmin(step, (m.prefetch - f.served[i] + f.used[i]) / gain)
        if gain < -NIL and f.served[i] - f.used[i] > NIL:
            step = fmin(step, (f.served[i] - f.used[i]) / -gain)
        if svc[i] > NIL:
            step = fmin(step, (f.total[i] - f.served[i]) / svc[i])
    if reading > NIL:
        step = fmin(step, (f.loads - f.read) / reading)
        if reading > filling + NIL and not is_full:
            step = fmin(step, (m.prefetch - buffered) / (reading - filling))
    if filling > NIL:
        step = fmin(step, (f.room - f.filled + f.released) / filling)
        if filling > reading + NIL and buffered > NIL:
            step = fmin(step, buffered / (filling - reading))
        if left <= 0 and need > f.filled:
            step = fmin(step, (need - f.filled) / filling)
    gain = speed * outputs - writing
    if gain < -NIL and backlog > NIL:
        step = fmin(step, (backlog - (m.write_low if reads and backlog > m.write_low else 0)) / -gain)
    if gain > NIL:
        if backlog < f.places - NIL:
            step = fmin(step, (f.places - backlog) / gain)
        if not f.writing and backlog < m.write_high - NIL:
            step = fmin(step, (m.write_high - backlog) / gain)
        if not f.writing and not reads and not stopped and not calm:
            step = fmin(step, 1.0)
    if speed > 0:
        step = fmin(step, left / speed)
    if step >= FAR:
        return -1
    step = fmax(step, SHORTEST)
    f.time += step
    if reading > NIL:
        f.last_read = f.time
    if writing > NIL:
        f.last_write = f.time
    for i in range(m.n_streams):
        if svc[i] > NIL:
            f.last_read = f.time
        f.served[i] = fmin(f.served[i] + svc[i] * step, f.total[i])
        f.used[i] = fmin(f.used[i] + speed * p.weights[i] * step, f.served[i])
    f.read = fmin(f.read + reading * step, f.loads)
    f.filled = fmin(f.filled + filling * step, f.read)
    f.made += speed * outputs * step
    f.written = fmin(f.written + writing * step, f.made)
    return speed * step


cdef bint run_pass(const Machine *m, Flow *f, Pass *p, double need, bint at_end) noexcept nogil:
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


cdef void skip(Flow *f, const Flow *before, int n_streams, double times) noexcept nogil:
    """Let everything grow once more by `times` what it grew since `before`."""
    cdef int i
    cdef double later = times * (f.time - before.time)
    f.time += later
    f.last_read += later
    f.last_write += later
    f.turned += later
    f.read += times * (f.read - before.read)
    f.filled += times * (f.filled - before.filled)
    f.released += times * (f.released - before.released)
    f.needed += times * (f.needed - before.needed)
    f.made += times * (f.made - before.made)
    f.written += times * (f.written - before.written)
    for i in range(n_streams):
        f.served[i] += times * (f.served[i] - before.served[i])
        f.used[i] += times * (f.used[i] - before.used[i])


cdef inline double until(double now, double before, double least, double most) noexcept nogil:
    """Return how often a buffer can change once more as it did before it is empty or full."""
    cdef double change = now - before
    if change < -1e-3 * most:
        return (now - least) / -change
    if change > 1e-3 * most:
        return (most - now) / change
    return FAR


cdef int repeats(
    const Machine *m, Flow *f, Flow *marks, int group, int done, int left
) noexcept nogil:
    """Skip repetitions of a piece that has become steady; return how many of the `left` ones.

    `done` of them are gone through since `marks` began; `marks` are the flows before the last two
    groups of them.  Buffers may grow or shrink meanwhile, but none to its end.
    """
    cdef Flow *mark
    cdef double last, earlier, times
    cdef int i, n = done // group
    if done % group:
        return 0
    mark = &marks[(n + 1) % 2]
    if n >= 2 and left > group + 2:
        last = f.time - mark.time
        earlier = mark.time - marks[n % 2].time
        if fabs(last - earlier) <= (STEADY if n < 4 else 4 * STEADY) * last:
            times = fmin((left - 2) / <double> group,
                         until(f.made - f.written, mark.made - mark.written, 0, f.places))
            times = fmin(times, until(f.read - f.filled, mark.read - mark.filled, 0, m.prefetch))
            for i in range(m.n_streams):
                times = fmin(times, until(f.served[i] - f.used[i], mark.served[i] - mark.used[i],
                                          0, m.prefetch))
            n = <int> (times * group)
            if n > group:
                skip(f, mark, m.n_streams, n / <double> group)
                return n
            n = done // group
    marks[n % 2] = f[0]
    return 0


cdef bint load_and_run(
    const Machine *m, const Plan *plan, const double *streams, Flow *f, int kind, int tile,
    bint loads, bint fetches, bint first
) noexcept nogil:
    """Go through a pass over a band and a tile of these sizes."""
    cdef Pass p
    cdef double bits, late = 0
    cdef int i
    if loads:
        f.released += f.here
        f.here = in_bursts(plan.loads[tile], m.burst)
        f.needed += f.here
    # The next pass's table is loaded meanwhile.
    p.cycles = fmax(plan.cycles[kind][tile], plan.table_cycles[kind])
    for i in range(m.n_streams):
        bits = stream_bits(m, plan, streams, i, kind)
        p.weights[i] = bits if fetches else 0
        if not fetches:
            p.cycles = fmax(p.cycles, bits / m.fill)
        # A store passes on what it has whole.
        late += fmax(fmin(bits, m.chunk) - f.served[i], 0)
    if first and plan.holds:
        p.cycles += late / m.rate
    p.outputs = in_bursts(plan.outputs[kind][tile], m.burst)
    p.cycles += m.start if first else m.seam
    p.ready = m.latency + m.depth + plan.table_cycles[kind] if first else 0
    return run_pass(m, f, &p, f.needed, plan.portions[kind] <= 1.5)


cdef void begin(
    const Machine *m, const Plan *plan, const double *streams, Flow *f, bint once
) noexcept nogil:
    """Set a flow to the start of a plan."""
    cdef double bits, loads[2]
    cdef double n_bands = plan.n_bands[0] + plan.n_bands[1] + plan.n_bands[2]
    cdef double n_tiles = plan.n_tiles[0] + plan.n_tiles[1]
    cdef int i, kind
    f.time = f.read = f.filled = f.released = f.needed = f.here = f.made = f.written = 0
    f.refreshed = f.turned = f.last_read = f.last_write = -1e6
    f.next_refresh = m.refresh_interval
    f.writing, f.events = False, 0
    for i in range(2):
        loads[i] = in_bursts(plan.loads[i], m.burst)
    f.loads = (plan.n_tiles[0] * loads[0] + plan.n_tiles[1] * loads[1]) * (n_bands if once else 1)
    # Where rows of a feature map are cut, the tile of fewer columns may load more.
    bits = fmax(loads[0], loads[1] if plan.n_tiles[1] else 0)
    f.room = bits * (m.copies if n_tiles > 1 else 1)
    f.places = fmax(m.prefetch, 2 * plan.outputs[0][0] / plan.portions[0] + m.burst)
    for i in range(m.n_streams):
        f.served[i] = f.used[i] = f.total[i] = 0
        for kind in range(3):
            if plan.n_bands[kind] > 0:
                bits = stream_bits(m, plan, streams, i, kind)
                f.total[i] += plan.n_bands[kind] * bits * (1 if once else n_tiles)


cdef bint run_inner(
    const Machine *m, const Plan *plan, const double *streams, Flow *f, int outer, bint once,
    bint first
) noexcept nogil:
    """Go through the passes of a tile, or of a band whose weights are held (`once`)."""
    cdef Flow marks[2]
    cdef int n, k, base, size, skipped
    cdef bint begins = True
    for size in range(2 if once else 3):
        n = <int> (plan.n_tiles[size] if once else plan.n_bands[size])
        k = base = 0
        marks[0] = f[0]
        while k < n:
            if not load_and_run(m, plan, streams, f, outer if once else size,
                                size if once else outer, once or begins, begins or not once,
                                first and begins):
                return False
            k += 1
            if begins:  # it loads or fetches what the others do not
                begins, base = False, k
            skipped = repeats(m, f, marks, 4, k - base, n - k)
            if skipped:
                k += skipped
                base = k
                marks[0] = f[0]
    return True


cdef double cycles_of(const Machine *m, const Plan *plan, const double *streams) noexcept nogil:
    """Return the cycles of a plan, -1 if it never ends."""
    cdef Flow f
    cdef Flow marks[2]
    cdef Pass waits
    cdef double bits
    cdef int size, tile, n, k, base, skipped
    cdef double n_tiles = plan.n_tiles[0] + plan.n_tiles[1]
    cdef bint once = plan.holds and n_tiles > 1, first = True
    begin(m, plan, streams, &f, once)
    for size in range(3 if once else 2):
        n = <int> (plan.n_bands[size] if once else plan.n_tiles[size])
        k = base = 0
        marks[0] = f
        while k < n:
            if not run_inner(m, plan, streams, &f, size, once, first):
                return -1
            k += 1
            if first:
                first, base = False, k
            skipped = repeats(m, &f, marks, 2, k - base, n - k)
            if skipped:
                k += skipped
                base = k
                marks[0] = f
    # What leaves with the last step cannot have been written before.
    size = 2 if plan.n_bands[2] else (1 if plan.n_bands[1] else 0)
    tile = 1 if plan.n_tiles[1] else 0
    bits = in_bursts(plan.outputs[size][tile], m.burst)
    if plan.portions[size] > 1.5:
        f.written = fmin(f.written, f.made - bits / plan.portions[size])
    waits.outputs, waits.cycles = 0, 1
    for size in range(m.n_streams):
        waits.weights[size] = 0
    while f.written < f.made - 0.5:
        if advance(m, &f, &waits, 0, 0) < 0 or f.events > EVENTS:
            return -1
    return f.time + m.write_latency


cdef Plan plan_at(
    const double[:, ::1] bands, const double[:, ::1] tiles, const double[:, ::1] cycles,
    double output_bits, const int64_t *choice
) noexcept nogil:
    """Return a choice with its sizes."""
    cdef Plan plan
    cdef int i, j
    cdef int64_t band = choice[1], tile = choice[2]
    plan.holds = choice[0]
    for i in range(3):
        plan.n_bands[i] = bands[band, i]
        plan.rows[i] = bands[band, 3 + i]
        plan.portions[i] = bands[band, 6 + i]
        plan.table_bits[i] = bands[band, 9 + i]
        plan.table_cycles[i] = bands[band, 12 + i]
        for j in range(2):
            plan.cycles[i][j] = cycles[3 * band + i, 2 * tile + j]
            plan.outputs[i][j] = bands[band, 3 + i] * tiles[tile, 2 + j] * output_bits
    for j in range(2):
        plan.n_tiles[j] = tiles[tile, j]
        plan.loads[j] = tiles[tile, 4 + j]
    return plan


cdef double least_cycles(
    const Machine *m, const Plan *plan, double row_bits, double again, double *moved
) noexcept nogil:
    """Return what array and memory alone need of a plan at least, about.

    Sets the bits moved: those that held weights are read again for count by `again`, their energy
    over that of DRAM's.
    """
    cdef double array = 0, outputs = 0, rows = 0, loads = 0, passes
    cdef double n_bands = 0, n_tiles = plan.n_tiles[0] + plan.n_tiles[1]
    cdef int i, j
    for i in range(3):
        n_bands += plan.n_bands[i]
        rows += plan.n_bands[i] * plan.rows[i]
        for j in range(2):
            passes = plan.n_bands[i] * plan.n_tiles[j]
            array += passes * fmax(plan.cycles[i][j], plan.table_cycles[i])
            outputs += passes * plan.outputs[i][j]
    for j in range(2):
        loads += plan.n_tiles[j] * plan.loads[j]
    if plan.holds and n_tiles > 1:
        loads *= n_bands
    else:
        rows *= n_tiles
    moved[0] = loads + rows * row_bits
    if plan.holds:
        moved[0] += again * rows * row_bits * n_tiles
    return m.latency + fmax(
        array + m.seam * n_bands * n_tiles + m.start + plan.loads[0] / fmin(m.rate, m.fill),
        (loads + outputs + rows * row_bits) / m.rate,
    )


cdef double predicted(
    const Machine *m, const Machine *even, const Plan *plan, const double *streams, double least
) noexcept nogil:
    """Return the cycles of a plan; refreshes are gone through one by one if there are few."""
    cdef double passes = (plan.n_bands[0] + plan.n_bands[1] + plan.n_bands[2]) * (
        plan.n_tiles[0] + plan.n_tiles[1])
    if passes > FEW_PASSES or least > FEW_REFRESHES * m.refresh_interval:
        m = even
    return cycles_of(m, plan, streams)


def forecast(
    const double[::1] machine,
    const double[::1] streams,
    const double[:, ::1] bands,
    const double[:, ::1] tiles,
    const double[:, ::1] cycles,
    double output_bits,
    const int64_t[:, ::1] choices,
    double margin,
    double equal,
    double again,
    double[::1] found,
):
    """Fill `found` with the cycles of each choice: whether weights are held, band, tile.

    Choices that at least take more than the best by `margin` get infinity.  Least cycles within the
    share `equal` are about equal.  There are at most MOST_STREAMS streams.
    """
    cdef Machine m, even
    cdef Plan plan
    cdef Py_ssize_t i, n = choices.shape[0], turn, at
    cdef double best = FAR, row_bits = 0
    cdef double[::1] least = np.empty(n), moved = np.empty(n)
    cdef int64_t[::1] order
    (m.rate, m.latency, m.write_latency, m.prefetch, m.fill, m.start, m.depth, m.seam, m.burst,
     m.refresh_interval, m.refresh_length, m.write_high, m.write_low, m.read_write, m.write_read,
     m.copies, m.chunk) = machine
    m.refreshes = m.refresh_length > 0
    m.n_streams = <int> streams.shape[0]
    even = m
    even.refreshes = False
    if m.refreshes:
        even.rate *= 1 - m.refresh_length / m.refresh_interval
    for i in range(m.n_streams):
        row_bits += streams[i]
    with nogil:
        for i in range(n):
            plan = plan_at(bands, tiles, cycles, output_bits, &choices[i, 0])
            least[i] = least_cycles(&even, &plan, row_bits, again, &moved[i])
            found[i] = INFINITY
    # Of about equal ones that which moves the fewest bits comes first.
    order = np.lexsort((moved, np.floor(np.log(least) / equal)))
    with nogil:
        for turn in range(n):
            at = order[turn]
            if least[at] > best * margin:
                continue
            plan = plan_at(bands, tiles, cycles, output_bits, &choices[at, 0])
            found[at] = predicted(&m, &even, &plan, &streams[0], least[at])
            if found[at] < 0:
                found[at] = INFINITY
            best = fmin(best, found[at])
