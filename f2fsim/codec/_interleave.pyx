"""Kernel: kept weights of a matrix in the order of a CSR stream for several PEs."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

ctypedef fused pattern_t:
    uint8_t
    uint16_t
    uint32_t


def stream_entries(const uint8_t[:, ::1] mask, const pattern_t[:, ::1] patterns, int64_t n_pes,
                   int64_t[::1] next_place, int32_t[::1] cols, pattern_t[::1] values):
    """Fill column and value of each kept weight, in stream order.

    Row r belongs to PE r mod `n_pes`; round j holds the j-th entry of each PE, PEs ascending.
    ``next_place[j]`` is where round j begins in the stream, and is used up.  Sizes are checked by
    the caller: a place for each kept weight, a round for each entry of the fullest PE.
    """
    cdef int64_t n_rows = mask.shape[0], n_cols = mask.shape[1], p, r, j, c, end, place
    cdef uint64_t eight
    with nogil:
        for p in range(n_pes if n_pes < n_rows else n_rows):
            j = 0
            r = p
            while r < n_rows:
                c = 0
                while c < n_cols:
                    end = c + 8
                    if end <= n_cols:
                        memcpy(&eight, &mask[r, c], 8)
                        if eight == 0:
                            c = end
                            continue
                    else:
                        end = n_cols
                    while c < end:
                        if mask[r, c]:
                            place = next_place[j]
                            next_place[j] = place + 1
                            cols[place] = <int32_t> c
                            values[place] = patterns[r, c]
                            j += 1
                        c += 1
                r += n_pes
