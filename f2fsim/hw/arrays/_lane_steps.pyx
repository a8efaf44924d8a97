"""Full groups of lanes of all bands of a layer in one pass, and what windows take shared out."""

from libc.math cimport floor
from libc.stdint cimport int32_t, int64_t


def cut_groups(
    const int64_t[::1] kept,
    const int64_t[::1] first_kept,
    const int64_t[::1] n_rows,
    int64_t n_cols,
    int64_t lanes,
    (bint, bint) ways,
    const int64_t[::1] scale_bits,
    const int64_t[::1] bounds,
    int64_t[::1] n_weights,
    int64_t[::1] n_kept,
    int64_t[::1] rows_done,
    int64_t[::1] scales,
):
    """Fill positions, kept weights, rows that end and bits of scales of each group of each band.

    kept : where each kept weight is among all of its band, band after band from first_kept[b].
    n_rows, scale_bits : of each band.
    ways : whether only kept weights take a slot; whether no row is done before the last group.
    bounds : at which group each band begins, [n_bands + 1].
    """
    cdef Py_ssize_t b, g
    cdef int64_t n_all, at, begin, end, k, last, before, upto
    cdef bint skips = ways[0], all_rows = ways[1]
    cdef double share
    with nogil:
        for b in range(n_rows.shape[0]):
            n_all = n_rows[b] * n_cols
            at, last = first_kept[b], first_kept[b + 1]
            begin, before = 0, 0
            for g in range(bounds[b], bounds[b + 1]):
                # A group goes on to where the first weight of the next one is.
                end, k = n_all, last
                if g + 1 < bounds[b + 1]:
                    if skips:
                        k = at + lanes
                        end = kept[k]
                    else:
                        end = begin + lanes
                        k = at
                        while k < last and kept[k] < end:
                            k += 1
                n_weights[g] = end - begin
                n_kept[g] = k - at
                rows_done[g] = 0 if all_rows else end // n_cols - begin // n_cols
                if scale_bits[b]:
                    share = <double> end / <double> n_all
                    upto = <int64_t> floor(share * <double> scale_bits[b])
                    scales[g] = upto - before
                    before = upto
                at, begin = k, end
            if all_rows:
                rows_done[bounds[b + 1] - 1] = n_rows[b]


def share_windows(
    const int64_t[::1] total,
    const int64_t[::1] bounds,
    int64_t window,
    int64_t each,
    const int64_t[::1] added,
    const int64_t[::1] least_last,
    int64_t least,
    int64_t[::1] found,
):
    """Share what windows have out among their groups, evenly and in whole numbers.

    A window has `each` times its `total`, the sum of what its groups have `added` if that is more,
    and at least `least` a group; the last group of each band has at least `least_last`.

    bounds : at which group each band begins; windows of a band begin with it.
    added, least_last : of no entries if there is nothing such.
    """
    cdef Py_ssize_t b, g, i, w = 0, size
    cdef int64_t taken, sums, each_group, rest, left
    with nogil:
        for b in range(bounds.shape[0] - 1):
            g = bounds[b]
            while g < bounds[b + 1]:
                size = min(window, bounds[b + 1] - g)
                taken = total[w] * each
                if added.shape[0]:
                    sums = 0
                    for i in range(g, g + size):
                        sums += added[i]
                    taken = max(taken, sums)
                taken = max(taken, least * size)
                each_group, rest = taken // size, taken % size
                left = 0
                for i in range(g, g + size):
                    left += rest
                    found[i] = each_group
                    if left >= size:
                        left -= size
                        found[i] += 1
                g += size
                w += 1
            if least_last.shape[0]:
                found[g - 1] = max(found[g - 1], least_last[b])
