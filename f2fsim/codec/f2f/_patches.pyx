"""Kernel that reads patches coded as gaps; sizes are checked by the caller."""

from libc.stdint cimport int64_t, uint8_t, uint64_t


cdef inline uint64_t _take(const uint8_t[::1] data, int64_t at, int width) noexcept nogil:
    """Return `width` bits, at most 48, from bit `at` on, all within the data."""
    cdef uint64_t value = 0
    cdef int64_t byte = at >> 3, last = (at + width + 7) >> 3
    cdef int shift = 0
    while byte < last:
        value |= <uint64_t>data[byte] << shift
        shift += 8
        byte += 1
    return (value >> (at & 7)) & ((<uint64_t>1 << width) - 1)


cdef int64_t _read(const uint8_t[::1] data, int64_t end, int base_bits, int step_bits,
                   int64_t n_places, int64_t[::1] places) noexcept nogil:
    cdef int64_t at = 0, n = 0, place = -1, gap, offset
    cdef int kind, width, c
    cdef bint pending = False
    while at < end:
        if at + 2 > end:
            return -1
        kind = <int>_take(data, at, 2)
        at += 2
        width = base_bits + step_bits * kind
        if at + width > end:
            return -1
        offset = 0
        for c in range(kind):
            offset += <int64_t>1 << (base_bits + step_bits * c)
        gap = offset + <int64_t>_take(data, at, width)
        at += width
        place += gap
        if place > n_places:
            return -1
        if kind == 3 and gap == offset + (<int64_t>1 << width) - 1:
            pending = True
            continue
        pending = False
        place += 1
        if place >= n_places or n >= places.shape[0]:
            return -1
        places[n] = place
        n += 1
    return -1 if pending else n


def unpack_patches(const uint8_t[::1] data, int64_t n_bits, int base_bits, int step_bits,
                   int64_t n_places, int64_t[::1] places):
    """Fill `places`; return the number of patches, -1 if the stream is damaged."""
    cdef int64_t n
    with nogil:
        n = _read(data, n_bits, base_bits, step_bits, n_places, places)
    return n
