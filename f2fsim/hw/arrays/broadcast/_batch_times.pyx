"""Kernel: cycles of broadcasts to parallel queues, without memory limits."""

from libc.stdint cimport int32_t, int64_t


def batch_cycles(
    const int32_t[:, ::1] entries,
    const int32_t[::1] columns,
    const int64_t[::1] first,
    int64_t depth,
    int32_t[:, ::1] finished,
    int64_t[::1] out,
):
    """Time each batch of broadcasts by itself; ``docs/machines.md`` has the recurrence.

    Broadcasts ``first[b]`` to ``first[b + 1]`` are batch b; broadcast k of a batch takes PE p
    ``max(entries[columns[k], p], 1)`` cycles.  `finished` (depth + 1 rows of one a PE) is scratch;
    `out` gets the cycle in which the last PE ends, counted from the first broadcast's cycle.
    """
    cdef Py_ssize_t b, k, p, n_pes = entries.shape[1]
    cdef int64_t base, n
    cdef int32_t put, arrives, last, start
    cdef int32_t *now
    cdef const int32_t *before
    cdef const int32_t *taken
    with nogil:
        for b in range(first.shape[0] - 1):
            base, n = first[b], first[b + 1] - first[b]
            put = 0
            for k in range(n):
                put += 1
                if k >= depth:
                    # The place is free in the last cycle of the column that held it.
                    before = &finished[(k - depth) % (depth + 1), 0]
                    last = 0
                    for p in range(n_pes):
                        last = before[p] if before[p] > last else last
                    put = last - 1 if last - 1 > put else put
                arrives = put + 1
                now = &finished[k % (depth + 1), 0]
                taken = &entries[columns[base + k], 0]
                if k == 0:
                    for p in range(n_pes):
                        now[p] = arrives + (taken[p] if taken[p] > 1 else 1)
                    continue
                before = &finished[(k - 1) % (depth + 1), 0]
                for p in range(n_pes):
                    start = before[p] if before[p] > arrives else arrives
                    now[p] = start + (taken[p] if taken[p] > 1 else 1)
            last = 0
            if n > 0:
                before = &finished[(n - 1) % (depth + 1), 0]
                for p in range(n_pes):
                    last = before[p] if before[p] > last else last
            out[b] = last
