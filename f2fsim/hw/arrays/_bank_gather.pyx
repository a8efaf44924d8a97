"""Kernels: the banks that PEs gather from, and the cycles that windows of gathers take."""

from libc.stdint cimport int32_t, int64_t, uint8_t


def bank_queues(const uint8_t[:, ::1] mask, int64_t n_pes, int64_t n_banks, int32_t[::1] bank):
    """Fill the bank of each entry, PE after PE, each PE's in the order in which it takes them.

    Row r belongs to PE r mod `n_pes`, column c lies in bank c mod `n_banks`.  `bank` has one place
    more than there are entries.
    """
    cdef int64_t n_rows = mask.shape[0], n_cols = mask.shape[1], p, r, c, at = 0
    cdef int32_t b
    with nogil:
        for p in range(n_pes if n_pes < n_rows else n_rows):
            r = p
            while r < n_rows:
                b = 0
                for c in range(n_cols):
                    # Written before it is known to be kept: no branch to guess wrong.
                    bank[at] = b
                    at += mask[r, c]
                    b += 1
                    if b == n_banks:
                        b = 0
                r += n_pes


cdef int64_t arbitrate(
    const int32_t[::1] bank,
    int64_t[::1] head,
    const int64_t[::1] tail,
    int64_t[::1] granted,
) noexcept nogil:
    """Return the cycles of a window; ``docs/model.md`` says how.

    Queue q has the entries head[q] to tail[q] - 1.  Every cycle each queue offers its oldest entry;
    each bank takes one, the first in the order of queues from a start that moves on by one a cycle.
    `granted` (one a bank) is scratch.
    """
    cdef Py_ssize_t i, q, turn, n_queues = head.shape[0]
    cdef int64_t left = 0, cycle = 0
    for q in range(n_queues):
        left += tail[q] - head[q]
    for i in range(granted.shape[0]):
        granted[i] = -1
    while left > 0:
        q = cycle % n_queues
        for turn in range(n_queues):
            if head[q] < tail[q] and granted[bank[head[q]]] != cycle:
                granted[bank[head[q]]] = cycle
                head[q] += 1
                left -= 1
            q += 1
            if q == n_queues:
                q = 0
        cycle += 1
    return cycle


def window_cycles(
    const int32_t[::1] bank,
    const int64_t[::1] first,
    int64_t window,
    int64_t[::1] head,
    int64_t[::1] tail,
    int64_t[::1] granted,
    int64_t[::1] out,
):
    """Arbitrate each window of PEs by itself.

    Entries ``first[p]`` to ``first[p + 1]`` are those of PE p; window w is the w-th `window` of each.
    `head` and `tail` (one a PE) and `granted` (one a bank) are scratch.
    """
    cdef Py_ssize_t w, p, n_pes = first.shape[0] - 1
    with nogil:
        for w in range(out.shape[0]):
            for p in range(n_pes):
                head[p] = min(first[p] + w * window, first[p + 1])
                tail[p] = min(head[p] + window, first[p + 1])
            out[w] = arbitrate(bank, head, tail, granted)


def group_cycles(
    const int32_t[::1] bank,
    const int64_t[::1] first,
    int64_t window,
    int32_t[::1] queue,
    int64_t[::1] head,
    int64_t[::1] tail,
    int64_t[::1] granted,
    int64_t[::1] out,
):
    """Arbitrate each window of groups by itself: lane l has the l-th entry of each group.

    Entries ``first[g]`` to ``first[g + 1]`` are those of group g, at most one a lane.  `queue`
    (lanes x window), `head` and `tail` (one a lane) and `granted` (one a bank) are scratch.
    """
    cdef Py_ssize_t w, g, i, lane, n_lanes = head.shape[0], n_groups = first.shape[0] - 1
    with nogil:
        for w in range(out.shape[0]):
            for lane in range(n_lanes):
                head[lane] = lane * window
                tail[lane] = lane * window
            for g in range(w * window, min((w + 1) * window, n_groups)):
                lane = 0
                for i in range(first[g], first[g + 1]):
                    queue[tail[lane]] = bank[i]
                    tail[lane] += 1
                    lane += 1
            out[w] = arbitrate(queue, head, tail, granted)
