"""Kernel: cycles that windows of gathers from shared banks take."""

from libc.stdint cimport int16_t, int32_t, int64_t


def window_cycles(
    const int32_t[::1] bank,
    const int16_t[::1] pe,
    const int64_t[::1] first,
    int64_t n_pes,
    int64_t n_banks,
    int32_t[::1] queue_next,
    int32_t[::1] queue_head,
    int64_t[::1] granted,
    int64_t[::1] out,
):
    """Arbitrate each window by itself; ``docs/model.md`` says how.

    Entries ``first[w]`` to ``first[w + 1]`` are window w, in the order of the stream.  Every cycle
    each PE offers the oldest entry of its queue; each bank takes one, the first in PE order from
    a start that moves on by one a cycle.  `queue_*` (one a entry of the largest window, one a PE)
    and `granted` (one a bank, -1 at the start) are scratch.
    """
    cdef Py_ssize_t w, i, p, turn
    cdef int64_t left, cycle, base, n
    cdef int32_t at
    with nogil:
        for w in range(first.shape[0] - 1):
            base = first[w]
            n = first[w + 1] - base
            for p in range(n_pes):
                queue_head[p] = -1
            # Built from the back, so that each PE's oldest entry comes first.
            for i in range(n - 1, -1, -1):
                queue_next[i] = queue_head[pe[base + i]]
                queue_head[pe[base + i]] = <int32_t>i
            left = n
            cycle = 0
            for i in range(n_banks):
                granted[i] = -1
            while left > 0:
                for turn in range(n_pes):
                    p = (turn + cycle) % n_pes
                    at = queue_head[p]
                    if at >= 0 and granted[bank[base + at]] != cycle:
                        granted[bank[base + at]] = cycle
                        queue_head[p] = queue_next[at]
                        left -= 1
                cycle += 1
            out[w] = cycle
