"""Kernels that walk a matrix in block order; sizes are checked by the caller.

``kind``: 0 row, 1 column, 2 diagonal, as in ``orders.ORDERS``.  The walk is two nested loops whose
inner places lie ``row_order[i] * n_cols + c`` apart.
"""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef extern from "turn.h" nogil:
    ctypedef struct f2f_turn:
        const uint8_t *source "from"
        uint8_t *to
        int64_t n_rows
        int64_t n_cols
        int skew
        const int64_t *pass_of
        const int64_t *row_order
    void f2f_to_matrix(f2f_turn *t, int64_t first, int64_t end, int size)


ctypedef fused pattern_t:
    uint8_t
    uint16_t
    uint32_t


cdef inline int64_t _outer_size(int kind, int64_t n_rows, int64_t n_cols) noexcept nogil:
    return n_rows if kind == 0 else n_cols


cdef inline int64_t _inner_size(int kind, int64_t n_rows, int64_t n_cols) noexcept nogil:
    return n_cols if kind == 0 else n_rows


cdef inline int64_t _start_column(int kind, int64_t outer, int64_t step,
                                  int64_t n_cols) noexcept nogil:
    if kind == 0:
        return 0
    if kind == 1:
        return outer
    return (step % n_cols) * outer % n_cols


def gather_mask(const uint8_t[::1] mask, int kind, int64_t step, const int64_t[::1] row_order,
                uint8_t[::1] out):
    """Copy a row-major mask into block order."""
    cdef int64_t n_rows = row_order.shape[0], n_cols = mask.shape[0] // row_order.shape[0]
    cdef int64_t n_outer = _outer_size(kind, n_rows, n_cols)
    cdef int64_t n_inner = _inner_size(kind, n_rows, n_cols)
    cdef int64_t outer, i, c, at = 0
    with nogil:
        for outer in range(n_outer):
            c = _start_column(kind, outer, step, n_cols)
            if kind == 0:
                for i in range(n_inner):
                    out[at + i] = mask[row_order[outer] * n_cols + i]
            else:
                for i in range(n_inner):
                    out[at + i] = mask[row_order[i] * n_cols + c]
                    if kind == 2:
                        c += 1
                        if c == n_cols:
                            c = 0
            at += n_inner


def kept_places(const uint8_t[::1] mask_seq, int64_t n_out, int64_t[::1] block_ptr,
                uint16_t[::1] pos):
    """Fill the first kept weight of each block and the places of all; sizes fit the mask."""
    cdef int64_t n = mask_seq.shape[0], n_blocks = block_ptr.shape[0] - 1, b, at, end, kept = 0
    cdef uint64_t eight
    with nogil:
        for b in range(n_blocks):
            block_ptr[b] = kept
            at = b * n_out
            end = at + n_out if at + n_out < n else n
            while at < end:
                if at + 8 <= end:
                    memcpy(&eight, &mask_seq[at], 8)
                    if eight == 0:
                        at += 8
                        continue
                if mask_seq[at]:
                    pos[kept] = <uint16_t>(at - b * n_out)
                    kept += 1
                at += 1
        block_ptr[n_blocks] = kept


def gather_care(const uint8_t[::1] mask_seq, const pattern_t[::1] patterns, int kind,
                int64_t step, const int64_t[::1] row_order, int64_t n_out,
                int64_t[::1] block_ptr, uint16_t[::1] pos, uint32_t[::1] val):
    """Collect places and patterns of the kept weights; `block_ptr` has n_blocks + 1 entries."""
    cdef int64_t n_rows = row_order.shape[0], n_cols = mask_seq.shape[0] // row_order.shape[0]
    cdef int64_t n_outer = _outer_size(kind, n_rows, n_cols)
    cdef int64_t n_inner = _inner_size(kind, n_rows, n_cols)
    cdef int64_t outer, i, c, row, at = 0, kept = 0, place = 0, block = 0
    with nogil:
        for outer in range(n_outer):
            c = _start_column(kind, outer, step, n_cols)
            for i in range(n_inner):
                if mask_seq[at]:
                    row = row_order[outer] if kind == 0 else row_order[i]
                    val[kept] = patterns[row * n_cols + (i if kind == 0 else c)]
                    pos[kept] = <uint16_t>place
                    kept += 1
                if kind == 2:
                    c += 1
                    if c == n_cols:
                        c = 0
                at += 1
                place += 1
                if place == n_out:
                    place = 0
                    block += 1
                    block_ptr[block] = kept
        if place:
            block_ptr[block + 1] = kept


def to_matrix(const uint8_t[::1] sequence, int size, int64_t n_rows, bint skew,
              const int64_t[::1] pass_of, const int64_t[::1] row_order, int64_t first,
              int64_t end, uint8_t[::1] out):
    """Write rows ``row_order[first:end]`` of a matrix given in column or diagonal order.

    `size` bytes a weight, or 0: flags of one bit, which 16 bytes follow, become bytes; `pass_of`
    holds the pass of each first column.
    """
    cdef f2f_turn t
    t.source = &sequence[0]
    t.to = &out[0]
    t.n_rows = n_rows
    t.n_cols = pass_of.shape[0]
    t.skew = skew
    t.pass_of = &pass_of[0]
    t.row_order = &row_order[0]
    with nogil:
        f2f_to_matrix(&t, first, end, size)


def count_checks(const int64_t[::1] n_u, const uint8_t[::1] fill, int n_s, int64_t n_groups):
    """Return how many equations find no unknown left.

    `n_u` holds the equations of each block.  Step t of a group adds ``fill[t mod period]`` unknowns
    to its reserve, which keeps no more of older ones than `n_s` steps add, and takes one for each
    equation.
    """
    cdef int64_t n = n_u.shape[0], block, group = 0, step = 0, room = 0, checks = 0
    cdef int64_t[::1] reserve = np.zeros(n_groups, dtype=np.int64)
    cdef int period = fill.shape[0], t
    for t in range(period):
        room += fill[t]
    room = room * n_s // period
    with nogil:
        for block in range(n):
            if reserve[group] > room:
                reserve[group] = room
            reserve[group] += fill[step % period] - n_u[block]
            if reserve[group] < 0:
                checks -= reserve[group]
                reserve[group] = 0
            group += 1
            if group == n_groups:
                group = 0
                step += 1
    return checks
