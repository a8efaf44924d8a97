"""Cycles of plans from flows: what `forecast.py` describes, plan by plan.

A plan's passes are gone through in order.  Between two events (a buffer full or empty, a load or a
pass done, a refresh, the memory turning between reads and writes) every amount grows evenly
(`_flow.pxd`), so that an event costs a few operations, however many steps or bursts lie before it.
"""

from libc.math cimport INFINITY, ceil, fabs, fmax, fmin
from libc.stdint cimport int64_t

from f2fsim.scheduling._flow cimport (
    EVENTS, FAR, STREAMS, Flow, Machine, Pass, advance, run_pass,
)

import numpy as np

MOST_STREAMS = STREAMS

# Pieces of a plan that take as long as those before them within this share are steady.
cdef double STEADY = 0.01
# Refreshes are gone through one by one where they and the passes are few, else evenly.
cdef double FEW_PASSES = 64, FEW_REFRESHES = 8


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
    # what a pass over a band takes beside bits that grow with its rows, and cycles of its table
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
    # The next pass's table is loaded meanwhile, once that of this one has come to all units.
    p.cycles = plan.cycles[kind][tile]
    if plan.table_cycles[kind] > 0:
        p.cycles = fmax(p.cycles, plan.table_cycles[kind] + m.turn)
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
     m.copies, m.chunk, m.turn) = machine
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
