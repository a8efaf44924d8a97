"""The least, the sum and the most of a sequence, in one pass."""

from libc.stdint cimport int64_t


def extent_of(const int64_t[::1] values):
    """Return the least, the sum and the most of at least one value."""
    cdef Py_ssize_t i, n = values.shape[0]
    cdef int64_t least = values[0], most = values[0], total = 0, value
    with nogil:
        for i in range(n):
            value = values[i]
            total += value
            least = value if value < least else least
            most = value if value > most else most
    return least, total, most
