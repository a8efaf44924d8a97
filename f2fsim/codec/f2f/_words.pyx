"""Kernels that pack and unpack partly filled words; sizes are checked by the caller."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t
from libc.string cimport memcpy


cdef extern from "words.h" nogil:
    ctypedef struct f2f_packed:
        const uint8_t *data
        int64_t n_bytes
        const uint8_t *fills
        int64_t n_groups
        int64_t n_blocks
        int n_planes
        int period
    void f2f_unpack_words(const f2f_packed *p, uint16_t *words)


def pack_words(const uint16_t[:, ::1] words, const uint8_t[:, ::1] fills, int64_t n_groups,
               uint8_t[::1] out):
    """Write the filled bits of all words; `out` is zeroed and has eight bytes to spare."""
    cdef int64_t n = words.shape[0], block, at = 0, group = 0, step = 0
    cdef int n_planes = words.shape[1], period = fills.shape[0], p, left = 0
    cdef uint64_t held = 0
    with nogil:
        for block in range(n):
            for p in range(n_planes):
                held |= <uint64_t>words[block, p] << left
                left += fills[step, p]
                if left >= 32:
                    memcpy(&out[at], &held, 4)
                    at += 4
                    held >>= 32
                    left -= 32
            group += 1
            if group == n_groups:
                group = 0
                step = step + 1 if step + 1 < period else 0
        memcpy(&out[at], &held, 8)


def unpack_words(const uint8_t[::1] data, const uint8_t[:, ::1] fills, int64_t n_groups,
                 uint16_t[:, ::1] words):
    """Read the filled bits of all words, the others 0; 32 planes at most, one word at least."""
    cdef f2f_packed packed
    packed.data = &data[0] if data.shape[0] else NULL
    packed.n_bytes = data.shape[0]
    packed.fills = &fills[0, 0]
    packed.n_groups = n_groups
    packed.n_blocks = words.shape[0]
    packed.n_planes = words.shape[1]
    packed.period = fills.shape[0]
    with nogil:
        f2f_unpack_words(&packed, &words[0, 0])
