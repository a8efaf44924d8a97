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


def window_cycles(
    const int32_t[::1] bank,
    const int64_t[::1] first,
    int64_t window,
    int64_t n_banks,
    int64_t[::1] head,
    int64_t[::1] tail,
    int64_t[::1] granted,
    int64_t[::1] out,
):
    """Arbitrate each window by itself; ``docs/model.md`` says how.

    Entries ``first[p]`` to ``first[p + 1]`` are those of PE p; window w is the w-th `window` of each.
    Every cycle each PE offers its oldest entry; each bank takes one, the first in PE order from a
    start that moves on by one a cycle.  `head` and `tail` (one a PE) and `granted` (one a bank) are
    scratch.
    """
    cdef Py_ssize_t w, i, p, turn, n_pes = first.shape[0] - 1
    cdef int64_t left, cycle
    with nogil:
        for w in range(out.shape[0]):
            left = 0
            for p in range(n_pes):
                head[p] = min(first[p] + w * window, first[p + 1])
                tail[p] = min(head[p] + window, first[p + 1])
                left += tail[p] - head[p]
            cycle = 0
            for i in range(n_banks):
                granted[i] = -1
            while left > 0:
                p = cycle % n_pes
                for turn in range(n_pes):
                    if head[p] < tail[p] and granted[bank[head[p]]] != cycle:
                        granted[bank[head[p]]] = cycle
                        head[p] += 1
                        left -= 1
                    p += 1
                    if p == n_pes:
                        p = 0
                cycle += 1
            out[w] = cycle
