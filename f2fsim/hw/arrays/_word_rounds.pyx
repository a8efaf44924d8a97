"""How many cycles the banks need for the activations of each window of lane groups."""

from libc.stdint cimport int32_t, int64_t


def word_rounds(
    const int32_t[::1] columns,
    int neighbours,
    const int64_t[::1] first,
    const int64_t[::1] bounds,
    int n_banks,
    int window,
    int64_t[::1] seen,
    int64_t[::1] stamp,
    int32_t[::1] count,
    int64_t[::1] of_bank,
    int64_t[::1] rounds,
    int64_t[::1] distinct,
    int64_t[::1] fullest,
):
    """Fill `rounds` of each window (most words of a bank) and `distinct` words of groups by band.

    In `fullest` the words of the fullest bank of each band; windows begin with their band.

    columns : of each lane's activation, `neighbours` of them in a word; group g takes those from
        first[g] to first[g + 1], band b the groups from bounds[b] to bounds[b + 1].
    seen : [n_words], stamp, count, of_bank : [n_banks], scratch; `seen` and `stamp` start at -1.
    """
    cdef Py_ssize_t b, g, i, k, w = 0, end
    cdef int32_t word, bank, most, n
    with nogil:
        for b in range(bounds.shape[0] - 1):
            for k in range(n_banks):
                of_bank[k] = 0
            g = bounds[b]
            while g < bounds[b + 1]:
                most = 0
                end = min(g + window, bounds[b + 1])
                while g < end:
                    n = 0
                    for i in range(first[g], first[g + 1]):
                        word = columns[i] // neighbours
                        if seen[word] == g:
                            continue
                        seen[word] = g
                        bank = word % n_banks
                        if stamp[bank] != w:
                            stamp[bank] = w
                            count[bank] = 0
                        count[bank] += 1
                        of_bank[bank] += 1
                        n += 1
                        if count[bank] > most:
                            most = count[bank]
                    distinct[b] += n
                    g += 1
                rounds[w] = most
                w += 1
            for k in range(n_banks):
                fullest[b] = max(fullest[b], of_bank[k])


def order_cycles(
    const int64_t[::1] rows,
    const int32_t[::1] word_of,
    (int64_t, int64_t, int64_t) moves,
    const float[::1] chance,
    float density,
    (int, int) shape,
    int n_banks,
    int each,
    int64_t[::1] seen,
    int64_t[::1] stamp,
    int32_t[::1] count,
    double[::1] found,
):
    """Fill `found` with the mean cycles of a group in the first windows of bands of so many rows.

    A pass of moves[2] weights (0: one of each row) begins moves[0] columns behind the pass before,
    and moves on by moves[1] from weight to weight.  A weight is read if its `chance` is below `density`; there are as many of them
    as are gone through at most.  A read takes a bank `each` cycles, a group at least one.

    word_of : word of each column.
    shape : lanes, and the groups of a window.
    seen : [n_words], stamp, count : [n_banks], scratch; `seen` and `stamp` start at -1.
    """
    cdef int64_t n_cols = word_of.shape[0], length, n, k, begin, c, i, left
    cdef int64_t group = 0, window = 0, cycles, n_groups
    cdef Py_ssize_t r, g, lane
    cdef int n_lanes = shape[0], most = 0, bank
    cdef int32_t word
    with nogil:
        for r in range(rows.shape[0]):
            length = moves[2] if moves[2] else rows[r]
            n = min(rows[r] * n_cols, chance.shape[0])
            n_groups = (n + n_lanes - 1) // n_lanes
            k = i = begin = c = cycles = 0
            for g in range(n_groups):
                group += 1
                if g % shape[1] == 0:
                    window += 1
                    most = 0
                for lane in range(min(n_lanes, n - k)):
                    if chance[k] < density:
                        word = word_of[c]
                        if seen[word] != group:
                            seen[word] = group
                            bank = word % n_banks
                            if stamp[bank] != window:
                                stamp[bank] = window
                                count[bank] = 0
                            count[bank] += 1
                            most = max(most, count[bank])
                    k += 1
                    i += 1
                    c += moves[1]
                    if i == length:
                        i = 0
                        begin = (begin + moves[0]) % n_cols
                        c = begin
                    if c >= n_cols:
                        c -= n_cols
                if (g + 1) % shape[1] == 0 or g + 1 == n_groups:
                    left = g % shape[1] + 1
                    cycles += max(most * each, left)
            found[r] = cycles / <double> n_groups


def update_rounds(
    const int32_t[::1] bank,
    const int64_t[::1] first,
    int64_t[:, ::1] scratch,
    int32_t[::1] rounds,
):
    """Fill `rounds` of each group with the most updates of a bank; -1 is no update.

    scratch : [2, n_banks], zeros: the group that a count is of, plus one, and the count.
    """
    cdef Py_ssize_t g, i
    cdef int64_t most
    cdef int32_t b
    with nogil:
        for g in range(rounds.shape[0]):
            most = 0
            for i in range(first[g], first[g + 1]):
                b = bank[i]
                if b < 0:
                    continue
                if scratch[0, b] != g + 1:
                    scratch[0, b] = g + 1
                    scratch[1, b] = 0
                scratch[1, b] += 1
                if scratch[1, b] > most:
                    most = scratch[1, b]
            rounds[g] = most


def sort_steps(
    const int64_t[::1] rows,
    const int64_t[::1] columns,
    const int64_t[::1] first,
    int64_t[::1] start,
    int64_t[::1] out_rows,
    int64_t[::1] out_columns,
):
    """Put the items of each step (first[s] to first[s + 1]) in row order, equal rows as they come.

    start : [n_rows + 1], scratch.
    """
    cdef Py_ssize_t s, i, j, n_rows = start.shape[0] - 1
    cdef int64_t row, at, low, high
    with nogil:
        for s in range(first.shape[0] - 1):
            if first[s + 1] - first[s] <= 32:
                for i in range(first[s], first[s + 1]):
                    row = rows[i]
                    j = i
                    while j > first[s] and out_rows[j - 1] > row:
                        out_rows[j] = out_rows[j - 1]
                        out_columns[j] = out_columns[j - 1]
                        j -= 1
                    out_rows[j] = row
                    out_columns[j] = columns[i]
                continue
            low, high = n_rows, 0
            for i in range(first[s], first[s + 1]):
                row = rows[i]
                start[row + 1] += 1
                low = min(low, row)
                high = max(high, row)
            at = first[s]
            for row in range(low, high + 1):
                at += start[row + 1]
                start[row + 1] = at - start[row + 1]
            for i in range(first[s], first[s + 1]):
                row = rows[i]
                at = start[row + 1]
                out_rows[at] = row
                out_columns[at] = columns[i]
                start[row + 1] += 1
            for row in range(low, high + 1):
                start[row + 1] = 0
