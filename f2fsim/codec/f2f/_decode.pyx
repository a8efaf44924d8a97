"""Kernels of the XOR decoder; sizes are checked by the caller."""

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t


cdef extern from "decode.h" nogil:
    ctypedef struct f2f_decoder:
        int n_reg
        int n_half
        int n_planes
        int n_out
        int n_words
        int64_t n_groups
        const uint64_t *tables
        const uint16_t *words
    void f2f_decode_planes(const f2f_decoder *d, int64_t first, int64_t n, uint64_t *out)
    void f2f_decode_values(const f2f_decoder *d, int64_t first, int64_t n,
                           const int64_t *block_ptr, const uint16_t *pos, uint32_t *val)


cdef void _fill(f2f_decoder *d, const uint64_t[:, :, :, ::1] tables,
                const uint16_t[:, ::1] words, int64_t n_groups) noexcept:
    d.n_reg = tables.shape[0]
    d.n_half = tables.shape[1]
    d.n_words = tables.shape[3]
    d.n_planes = words.shape[1]
    d.n_out = 64 * d.n_words
    d.n_groups = n_groups
    d.tables = &tables[0, 0, 0, 0]
    d.words = &words[0, 0]


def planes(const uint64_t[:, :, :, ::1] tables, const uint16_t[:, ::1] words, int64_t n_groups,
           int64_t first, uint64_t[:, :, ::1] out):
    """Write the outputs of ``out.shape[0]`` blocks from `first` on, packed in 64-bit words."""
    cdef f2f_decoder d
    cdef int64_t n = out.shape[0]
    _fill(&d, tables, words, n_groups)
    with nogil:
        f2f_decode_planes(&d, first, n, &out[0, 0, 0])


def values(const uint64_t[:, :, :, ::1] tables, const uint16_t[:, ::1] words, int64_t n_groups,
           int64_t first, int64_t n, const int64_t[::1] block_ptr, const uint16_t[::1] pos,
           uint32_t[::1] val):
    """Write the decoded bits of the kept weights of `n` blocks from `first` on into `val`."""
    cdef f2f_decoder d
    _fill(&d, tables, words, n_groups)
    with nogil:
        f2f_decode_values(&d, first, n, &block_ptr[0], &pos[0], &val[0])
