"""Kernel of the Viterbi encoder; sizes are checked by the caller."""

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t


cdef extern from "viterbi.h" nogil:
    ctypedef struct f2f_trellis:
        int n_in
        int n_s
        int plane
        int n_planes
        int direct
        const uint64_t *columns
        const int64_t *block_ptr
        const uint16_t *pos
        const uint32_t *val
        int64_t first
        int64_t stride
        int64_t n_steps
        uint16_t *words
    int f2f_viterbi(const f2f_trellis *p, int wide, int64_t slots, int64_t *cost)


def encode(const uint64_t[:, ::1] columns, int n_in, int n_s, const int64_t[::1] block_ptr,
           const uint16_t[::1] pos, const uint32_t[::1] val, int plane, int64_t first,
           int64_t stride, int64_t n_steps, bint wide, int64_t slots, bint direct,
           uint16_t[:, ::1] words):
    """Encode one plane of one group into `words`; return its unmatched bits."""
    cdef f2f_trellis p
    cdef int64_t cost = 0
    cdef int failed
    p.n_in = n_in
    p.n_s = n_s
    p.plane = plane
    p.n_planes = words.shape[1]
    p.direct = direct
    p.columns = &columns[0, 0]
    p.block_ptr = &block_ptr[0]
    p.pos = &pos[0]
    p.val = &val[0]
    p.first = first
    p.stride = stride
    p.n_steps = n_steps
    p.words = &words[0, 0]
    with nogil:
        failed = f2f_viterbi(&p, wide, slots, &cost)
    if failed:
        raise MemoryError("no memory for the costs of the Viterbi encoder")
    return cost
