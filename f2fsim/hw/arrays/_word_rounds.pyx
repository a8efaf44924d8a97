"""How many cycles the banks need for the activations of each window of lane groups."""

from libc.stdint cimport int32_t, int64_t


def word_rounds(
    const int32_t[::1] words,
    const int64_t[::1] first,
    int n_banks,
    int window,
    int64_t[::1] seen,
    int64_t[::1] stamp,
    int32_t[::1] count,
    int32_t[::1] rounds,
    int32_t[::1] distinct,
):
    """Fill `rounds` of each window (most words of a bank) and `distinct` words of each group.

    words : word of each lane's activation; group g takes those from first[g] to first[g + 1].
    seen : [n_words], stamp, count : [n_banks], scratch; `seen` and `stamp` start at -1.
    """
    cdef Py_ssize_t n_groups = distinct.shape[0], g, i, w
    cdef int32_t word, bank, most, n
    with nogil:
        for w in range(rounds.shape[0]):
            most = 0
            for g in range(w * window, min((w + 1) * window, n_groups)):
                n = 0
                for i in range(first[g], first[g + 1]):
                    word = words[i]
                    if seen[word] == g:
                        continue
                    seen[word] = g
                    bank = word % n_banks
                    if stamp[bank] != w:
                        stamp[bank] = w
                        count[bank] = 0
                    count[bank] += 1
                    n += 1
                    if count[bank] > most:
                        most = count[bank]
                distinct[g] = n
            rounds[w] = most
