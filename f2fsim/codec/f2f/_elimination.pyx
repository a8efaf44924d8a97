"""Kernel of the elimination encoder; sizes are checked by the caller."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef extern from "elimination.h" nogil:
    ctypedef struct f2f_problem:
        int n_in
        int n_s
        int n_words
        int n_planes
        const uint64_t *matrix
        const int64_t *block_ptr
        const uint16_t *pos
        const uint32_t *val
        const uint8_t *fill
        int period
        uint16_t *words
        int search
    int f2f_encode(const f2f_problem *p, int64_t first, int64_t stride, int64_t n_blocks,
                   int64_t n_keep, int64_t n_ahead)


def encode(const uint64_t[:, ::1] matrix, int n_in, int n_s, const int64_t[::1] block_ptr,
           const uint16_t[::1] pos, const uint32_t[::1] val, int64_t first, int64_t stride,
           int64_t n_keep, int64_t n_ahead, int search, const uint8_t[::1] fill,
           uint16_t[:, ::1] words):
    """Encode blocks `first`, `first + stride`, … into `words`; step t fills ``fill[t mod period]`` bits.

    `matrix` holds each row two times, side by side.
    """
    cdef f2f_problem p
    cdef int64_t n_blocks = words.shape[0]
    cdef int failed
    p.n_in = n_in
    p.n_s = n_s
    p.n_words = matrix.shape[1] // 2
    p.n_planes = words.shape[1]
    p.matrix = &matrix[0, 0]
    p.block_ptr = &block_ptr[0]
    p.pos = &pos[0]
    p.val = &val[0]
    p.fill = &fill[0]
    p.period = fill.shape[0]
    p.words = &words[0, 0]
    p.search = search
    with nogil:
        failed = f2f_encode(&p, first, stride, n_blocks, n_keep, n_ahead)
    if failed:
        raise MemoryError("no memory for the elimination's window")
