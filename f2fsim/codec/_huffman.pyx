"""Kernel that reads codewords one after another; sizes are checked by the caller."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy


cdef inline uint64_t _peek(const uint8_t[::1] data, int64_t at) noexcept nogil:
    """Return at least 57 bits from bit `at` on; eight bytes follow the end."""
    cdef uint64_t word
    memcpy(&word, &data[at >> 3], 8)
    return word >> (at & 7)


def decode(const uint8_t[::1] data, int64_t n_bits, const uint16_t[::1] look_up, int longest,
           int rest_bits, int64_t first, int64_t stride, uint8_t[::1] symbols,
           uint32_t[::1] rests):
    """Fill symbols ``first, first + stride, …`` and the `rest_bits` that follow each codeword.

    Returns the bits read, -1 if no codeword begins at some place or the stream ends too early.
    ``data`` is little endian and has eight spare bytes.
    """
    cdef int64_t at = 0, i = first, n = symbols.shape[0]
    cdef uint64_t word, low = (<uint64_t>1 << longest) - 1, rest = (<uint64_t>1 << rest_bits) - 1
    cdef uint16_t found
    cdef int length
    with nogil:
        while i < n:
            if at >= n_bits:
                at = -1
                break
            word = _peek(data, at)
            found = look_up[word & low]
            length = found & 255
            if length == 0:
                at = -1
                break
            symbols[i] = <uint8_t>(found >> 8)
            rests[i] = <uint32_t>(word >> length & rest)
            at += length + rest_bits
            i += stride
    return at if at <= n_bits else -1
