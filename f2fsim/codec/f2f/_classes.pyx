"""Kernel that cuts an ordered alphabet into classes; sizes are checked by the caller."""

import numpy as np

from libc.stdint cimport int32_t, int64_t

cdef int64_t FAR = <int64_t>1 << 62


cdef int64_t _first_beyond(const int64_t[::1] ends, int64_t limit, int64_t low) noexcept nogil:
    """Return the first atom from `low` on that ends beyond `limit`."""
    cdef int64_t high = ends.shape[0], middle
    while low < high:
        middle = (low + high) // 2
        if ends[middle] <= limit:
            low = middle + 1
        else:
            high = middle
    return low


cdef void _take(int64_t[:, ::1] best, int32_t[:, :, ::1] choice, int64_t i, int64_t j, int size,
                int64_t bits, int prefix, int suffix) noexcept nogil:
    """Go from atom i to atom j by a class that takes `size` of the space of prefixes."""
    cdef int space
    cdef int64_t found
    for space in range(best.shape[1] - size):
        found = best[i, space] + bits
        if best[i, space] < FAR and found < best[j, space + size]:
            best[j, space + size] = found
            choice[j, space + size, 0] = <int32_t>i
            choice[j, space + size, 1] = prefix
            choice[j, space + size, 2] = suffix


def cut(const int64_t[::1] starts, const int64_t[::1] ends, const int64_t[::1] totals, int n_bits,
        int max_prefix, int max_codeword, int64_t class_bits, int escape_bits,
        int32_t[:, :, ::1] choice):
    """Find the classes of fewest bits for atoms ``starts[i] … ends[i] - 1`` in ascending order.

    A class begins with an atom, holds ``2**suffix`` values, `suffix` up to `n_bits`, and has a
    prefix of 1 to `max_prefix` bits; all prefixes share a space of ``2**max_prefix`` units.
    `totals` holds the weights before each atom and all of them, `class_bits` is the price of a
    class, `escape_bits` that of a weight in no class (0: there are none; else one unit is theirs).

    Returns the bits of the best choice for each space that is used.  ``choice[j, space]``: the atom
    at which the class that ends before atom j begins, its prefix and suffix bits; (j - 1, 0, 0)
    for an atom that is escaped.
    """
    cdef int64_t n = starts.shape[0], i, j, before, count
    cdef int n_units = 1 << max_prefix, prefix, k
    cdef int64_t[:, ::1] best = np.full((n + 1, n_units + 1), FAR, dtype=np.int64)
    best[0, 1 if escape_bits else 0] = 0
    with nogil:
        for i in range(n):
            if escape_bits:
                count = totals[i + 1] - totals[i]
                _take(best, choice, i, i + 1, 0, count * escape_bits, 0, 0)
            before = i
            for k in range(n_bits + 1):
                j = _first_beyond(ends, starts[i] + (<int64_t>1 << k), before)
                if j == before:
                    continue
                before = j
                count = totals[j] - totals[i]
                for prefix in range(1, max_prefix + 1):
                    if prefix + k <= max_codeword:
                        _take(best, choice, i, j, 1 << (max_prefix - prefix),
                              count * (prefix + k) + class_bits, prefix, k)
    return np.asarray(best[n])
