"""Kernels of masks and of their codes; sizes are checked by the callers."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t


ctypedef fused pattern_t:
    uint8_t
    uint16_t
    uint32_t


def bits_outside(const pattern_t[::1] patterns, const uint8_t[::1] mask):
    """Return the bits, or'ed together, of all patterns whose flag (0 or 1) is 0."""
    cdef Py_ssize_t i, n = patterns.shape[0]
    cdef pattern_t found = 0
    with nogil:
        for i in range(n):
            found |= patterns[i] & <pattern_t>(mask[i] - 1)
    return found


cdef inline uint64_t _read(const uint8_t* data, int64_t at, int64_t width) noexcept nogil:
    cdef uint64_t value = 0
    cdef int64_t got = 0, take
    while got < width:
        take = 8 - (at & 7)
        if take > width - got:
            take = width - got
        value |= <uint64_t>((data[at >> 3] >> (at & 7)) & ((1 << take) - 1)) << got
        got += take
        at += take
    return value


def rank_blocks(
    const uint8_t[::1] mask, Py_ssize_t block, const uint64_t[:, ::1] binomial, uint64_t[::1] ranks,
    uint64_t[::1] raw
):
    """Rank each block among those with as many ones, and keep it as `block` bits too.

    The rank of ones at positions p_1 < p_2 < … is the sum of C(p_j, j).
    """
    cdef Py_ssize_t b, i, n = ranks.shape[0]
    cdef uint64_t rank, bits
    cdef Py_ssize_t ones
    with nogil:
        for b in range(n):
            rank = 0
            bits = 0
            ones = 0
            for i in range(block):
                if mask[b * block + i]:
                    ones += 1
                    rank += binomial[i, ones]
                    bits |= <uint64_t>1 << i
            ranks[b] = rank
            raw[b] = bits


def read_blocks(
    const uint8_t[::1] data, int64_t n_bits, Py_ssize_t block, int64_t word_bits,
    const uint64_t[:, ::1] binomial, const uint64_t[::1] first, bint escapes, uint8_t[::1] mask
):
    """Decode blocks from words of `word_bits`; `first[c]` is the first word of c ones.

    The last entry of `first` is the escape word; `block` raw bits follow it.  Returns whether
    the stream held exactly the blocks of `mask`.
    """
    cdef Py_ssize_t b, i, n = mask.shape[0] // block, most = first.shape[0] - 2
    cdef int64_t at = 0
    cdef uint64_t word, escape = first[most + 1]
    cdef Py_ssize_t ones
    cdef bint good = True
    with nogil:
        for b in range(n):
            if at + word_bits > n_bits:
                good = False
                break
            word = _read(&data[0], at, word_bits) if word_bits else 0
            at += word_bits
            if word > escape or (word == escape and not escapes):
                good = False
                break
            if word == escape:
                if at + block > n_bits:
                    good = False
                    break
                word = _read(&data[0], at, block)
                at += block
                for i in range(block):
                    mask[b * block + i] = (word >> i) & 1
                continue
            ones = most
            while first[ones] > word:
                ones -= 1
            word -= first[ones]
            for i in range(block - 1, -1, -1):
                if ones and word >= binomial[i, ones]:
                    word -= binomial[i, ones]
                    ones -= 1
                    mask[b * block + i] = 1
    return good and at == n_bits


def write_rice(const int64_t[::1] gaps, int64_t k, uint8_t[::1] out):
    """Write each gap as gap >> k ones, a zero and the k low bits; `out` is zeroed and fits."""
    cdef Py_ssize_t i, n = gaps.shape[0]
    cdef int64_t at = 0, j
    with nogil:
        for i in range(n):
            for j in range(gaps[i] >> k):
                out[at >> 3] |= <uint8_t>(1 << (at & 7))
                at += 1
            at += 1
            for j in range(k):
                out[at >> 3] |= <uint8_t>(((gaps[i] >> j) & 1) << (at & 7))
                at += 1


def read_rice(const uint8_t[::1] data, int64_t n_bits, int64_t k, uint8_t[::1] mask):
    """Decode `write_rice`'s words up to `n_bits`; returns whether they fit `mask` exactly."""
    cdef int64_t at = 0, position = 0, n = mask.shape[0], run
    cdef bint good = True
    with nogil:
        while at < n_bits:
            run = 0
            while at < n_bits and (data[at >> 3] >> (at & 7)) & 1:
                run += 1
                at += 1
            at += 1
            if at + k > n_bits or run > (n >> k):
                good = False
                break
            run = (run << k) + <int64_t>(_read(&data[0], at, k) if k else 0)
            at += k
            position += run
            if position >= n:
                good = False
                break
            mask[position] = 1
            position += 1
    return good


cdef inline int64_t _remainder_bits(int64_t m) noexcept nogil:
    """Return ceil(log2(m))."""
    cdef int64_t bits = 0
    while (<int64_t>1 << bits) < m:
        bits += 1
    return bits


def write_golomb(
    const int64_t[::1] gaps, const int64_t[::1] parameters, int64_t at, uint8_t[::1] out
):
    """Write each gap in Golomb's code with its parameter m from bit `at` on; `out` fits.

    gap // m ones, a zero, then the remainder r in truncated binary, most significant bit first: with
    b = ceil(log2 m) and u = 2^b - m, r in b - 1 bits if r < u, else r + u in b bits.
    """
    cdef Py_ssize_t i, n = gaps.shape[0]
    cdef int64_t j, m, bits, value, spare
    with nogil:
        for i in range(n):
            m = parameters[i]
            for j in range(gaps[i] // m):
                out[at >> 3] |= <uint8_t>(1 << (at & 7))
                at += 1
            at += 1
            bits = _remainder_bits(m)
            spare = (<int64_t>1 << bits) - m
            value = gaps[i] % m
            if value < spare:
                bits -= 1
            else:
                value += spare
            for j in range(bits - 1, -1, -1):
                out[at >> 3] |= <uint8_t>(((value >> j) & 1) << (at & 7))
                at += 1


cdef inline int64_t _golomb(
    const uint8_t* data, int64_t n_bits, int64_t* at, int64_t m, int64_t most
) noexcept nogil:
    """Read a word of `write_golomb`; -1 if it does not end or is longer than `most`."""
    cdef int64_t quotient = 0, value = 0, bits = _remainder_bits(m), j
    cdef int64_t spare = (<int64_t>1 << bits) - m
    while at[0] < n_bits and (data[at[0] >> 3] >> (at[0] & 7)) & 1:
        quotient += 1
        at[0] += 1
    at[0] += 1
    if quotient > most // m or at[0] + bits - 1 > n_bits:
        return -1
    for j in range(bits - 1):
        value = 2 * value + ((data[at[0] >> 3] >> (at[0] & 7)) & 1)
        at[0] += 1
    if bits and value >= spare:
        if at[0] >= n_bits:
            return -1
        value = 2 * value + ((data[at[0] >> 3] >> (at[0] & 7)) & 1) - spare
        at[0] += 1
    if at[0] > n_bits:
        return -1
    return quotient * m + value


def read_classes(
    const uint8_t[::1] data, int64_t n_bits, int64_t at, const int64_t[::1] parameters,
    const uint8_t[::1] rows, const uint8_t[::1] columns, int n_column_classes, int order,
    int64_t step, uint8_t[::1] mask
):
    """Decode the words of a class mask from bit `at` on; returns whether they fit `mask` exactly."""
    cdef int64_t left[16]
    cdef int64_t k, n = mask.shape[0], n_rows = rows.shape[0], n_cols = columns.shape[0]
    cdef int64_t row = 0, column = 0, first = 0, gap
    cdef int which
    cdef bint good = True
    with nogil:
        for which in range(16):
            left[which] = -1
        for k in range(n):
            which = rows[row] * n_column_classes + columns[column]
            if left[which] < 0:
                gap = _golomb(&data[0], n_bits, &at, parameters[which], n)
                if gap < 0:
                    good = False
                    break
                left[which] = gap
            if left[which] == 0:
                mask[k] = 1
            left[which] -= 1
            if order == 0:
                column += 1
                if column == n_cols:
                    column = 0
                    row += 1
                continue
            row += 1
            if order == 2:
                column += 1
                if column == n_cols:
                    column = 0
            if row == n_rows:
                row = 0
                first += step if order == 2 else 1
                if first >= n_cols:
                    first -= n_cols
                column = first
    if good:
        for which in range(16):  # a run that nothing ends leaves no rest
            if left[which] > 0:
                good = False
    return good and at == n_bits
