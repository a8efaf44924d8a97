"""Kernels that pack and unpack little-endian bit streams; sizes are checked by the caller."""

from libc.stdint cimport uint8_t, uint64_t, int64_t


def pack_fields(const uint64_t[::1] values, const int64_t[::1] widths, uint8_t[::1] out):
    """Write `values[i]` in `widths[i]` bits one after another; `out` is zeroed and long enough."""
    cdef Py_ssize_t i, n = values.shape[0]
    cdef int64_t at = 0, left, room, take
    cdef uint64_t value
    with nogil:
        for i in range(n):
            value = values[i]
            left = widths[i]
            while left > 0:
                room = 8 - (at & 7)
                take = left if left < room else room
                out[at >> 3] |= <uint8_t>((value & ((<uint64_t>1 << take) - 1)) << (at & 7))
                value >>= take
                at += take
                left -= take


def unpack_fields(const uint8_t[::1] data, const int64_t[::1] widths, uint64_t[::1] out):
    """Read fields of `widths[i]` bits; the widths' sum fits into `data`."""
    cdef Py_ssize_t i, n = widths.shape[0]
    cdef int64_t at = 0, left, room, take, got
    cdef uint64_t value
    with nogil:
        for i in range(n):
            value = 0
            got = 0
            left = widths[i]
            while left > 0:
                room = 8 - (at & 7)
                take = left if left < room else room
                value |= <uint64_t>((data[at >> 3] >> (at & 7)) & ((1 << take) - 1)) << got
                got += take
                at += take
                left -= take
            out[i] = value
