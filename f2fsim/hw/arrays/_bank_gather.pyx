"""Kernels: the words that PEs gather from banks, and the cycles that windows of gathers take."""

from libc.stdint cimport int32_t, int64_t, uint8_t


def word_queues(const uint8_t[:, ::1] mask, int64_t n_pes, int32_t[::1] word):
    """Fill the column of each entry, PE after PE, each PE's in the order in which it takes them.

    Row r belongs to PE r mod `n_pes`.  `word` has one place more than there are entries.
    """
    cdef int64_t n_rows = mask.shape[0], n_cols = mask.shape[1], p, r, at = 0
    cdef int32_t c
    with nogil:
        for p in range(n_pes if n_pes < n_rows else n_rows):
            r = p
            while r < n_rows:
                for c in range(n_cols):
                    # Written before it is known to be kept: no branch to guess wrong.
                    word[at] = c
                    at += mask[r, c]
                r += n_pes


cdef int64_t arbitrate(
    const int32_t[::1] word,
    const int32_t[::1] bank_of,
    bint shares,
    int64_t[::1] head,
    const int64_t[::1] tail,
    int64_t[::1] granted,
    int32_t[::1] given,
    int64_t *n_reads,
) noexcept nogil:
    """Return the cycles of a window, and in `n_reads` the words read; ``docs/model.md`` says how.

    Queue q has the entries head[q] to tail[q] - 1.  Every cycle each queue offers its oldest entry;
    each bank takes one, the first in the order of queues from a start that moves on by one a cycle.
    If reads are shared every other queue that offers the same word is granted with it.
    `granted` and `given` (one a bank) are scratch.
    """
    cdef Py_ssize_t i, q, turn, n_queues = head.shape[0]
    cdef int64_t left = 0, cycle = 0, reads = 0
    cdef int32_t bank
    for q in range(n_queues):
        left += tail[q] - head[q]
    for i in range(granted.shape[0]):
        granted[i] = -1
    while left > 0:
        q = cycle % n_queues
        for turn in range(n_queues):
            if head[q] < tail[q]:
                bank = bank_of[word[head[q]]]
                if granted[bank] != cycle:
                    granted[bank] = cycle
                    given[bank] = word[head[q]]
                    reads += 1
                    head[q] += 1
                    left -= 1
                elif shares and given[bank] == word[head[q]]:
                    head[q] += 1
                    left -= 1
            q += 1
            if q == n_queues:
                q = 0
        cycle += 1
    n_reads[0] = reads
    return cycle


cdef void count_words(
    const int32_t[::1] word,
    const int32_t[::1] bank_of,
    bint shares,
    int64_t window,
    const int64_t[::1] head,
    const int64_t[::1] tail,
    int64_t[::1] seen,
    int64_t[::1] of_bank,
) noexcept nogil:
    """Add to `of_bank` the reads that a window needs of each bank: a word for every entry.

    If reads are shared it may be one for all entries of a word.  `seen` (one a word) has the last
    window that a word was counted in.
    """
    cdef Py_ssize_t q
    cdef int64_t i
    for q in range(head.shape[0]):
        for i in range(head[q], tail[q]):
            if shares:
                if seen[word[i]] == window:
                    continue
                seen[word[i]] = window
            of_bank[bank_of[word[i]]] += 1


def window_cycles(
    const int32_t[::1] word,
    const int32_t[::1] bank_of,
    bint shares,
    const int64_t[::1] first,
    int64_t window,
    int64_t[:, ::1] ends,
    int64_t[::1] granted,
    int32_t[::1] given,
    int64_t[::1] seen,
    int64_t[::1] of_bank,
    int64_t[::1] cycles,
    int64_t[::1] reads,
):
    """Arbitrate each window of PEs by itself.

    Entries ``first[p]`` to ``first[p + 1]`` are those of PE p; window w is the w-th `window` of each.
    `ends` (two a PE), `granted` and `given` (one a bank) and `seen` (one a word, -1) are scratch;
    `of_bank` starts at 0.
    """
    cdef Py_ssize_t w, p, n_pes = first.shape[0] - 1
    cdef int64_t[::1] head = ends[0], tail = ends[1]
    with nogil:
        for w in range(cycles.shape[0]):
            for p in range(n_pes):
                head[p] = min(first[p] + w * window, first[p + 1])
                tail[p] = min(head[p] + window, first[p + 1])
            count_words(word, bank_of, shares, w, head, tail, seen, of_bank)
            cycles[w] = arbitrate(
                word, bank_of, shares, head, tail, granted, given, &reads[w]
            )


def group_cycles(
    const int32_t[::1] word,
    const int32_t[::1] bank_of,
    bint shares,
    const int64_t[::1] first,
    const int64_t[::1] bounds,
    int64_t window,
    int32_t[::1] queue,
    int64_t[:, ::1] ends,
    int64_t[::1] granted,
    int32_t[::1] given,
    int64_t[::1] seen,
    int64_t[:, ::1] of_bank,
    int64_t[::1] cycles,
    int64_t[::1] reads,
):
    """Arbitrate each window of groups by itself: lane l has the l-th entry of each group.

    Entries ``first[g]`` to ``first[g + 1]`` are those of group g, at most one a lane; groups
    ``bounds[b]`` to ``bounds[b + 1]`` are those of band b, whose windows begin with it.  `queue`
    (lanes x window) and the others, as in `window_cycles`, are scratch; `of_bank`, a row a band,
    starts at 0.
    """
    cdef Py_ssize_t w = 0, b, g, end, i, lane, n_lanes = ends.shape[1]
    cdef int64_t[::1] head = ends[0], tail = ends[1], of_band
    for b in range(bounds.shape[0] - 1):
        of_band = of_bank[b]
        with nogil:
            g = bounds[b]
            while g < bounds[b + 1]:
                for lane in range(n_lanes):
                    head[lane] = lane * window
                    tail[lane] = lane * window
                end = min(g + window, bounds[b + 1])
                while g < end:
                    lane = 0
                    for i in range(first[g], first[g + 1]):
                        queue[tail[lane]] = word[i]
                        tail[lane] += 1
                        lane += 1
                    g += 1
                count_words(queue, bank_of, shares, w, head, tail, seen, of_band)
                cycles[w] = arbitrate(
                    queue, bank_of, shares, head, tail, granted, given, &reads[w]
                )
                w += 1
