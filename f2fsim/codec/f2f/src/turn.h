/* From block order to the row-major matrix: a transposition in tiles that stay in the cache.
 *
 * A column or diagonal order is `n_cols` passes of `n_rows` weights.  With the passes taken in the
 * order of their first column e, weight i of pass e lies in column (e + skew * i) mod n_cols of row
 * row_order[i]: 64 passes give each row 64 neighbours.  A patch of 64 x 64 weights is read in whole cache
 * lines of the passes, turned in a buffer, and written in whole lines of the rows.
 */
#ifndef F2FSIM_TURN_H
#define F2FSIM_TURN_H

#include "bits.h"

#define F2F_SIDE 64 /* of a patch: a cache line of bytes */

typedef struct {
    const uint8_t *from; /* passes in the order of the stream; of flags: a bit each */
    uint8_t *to;         /* n_rows x n_cols, row-major */
    int64_t n_rows, n_cols;
    int skew;
    const int64_t *pass_of;   /* pass whose first column is e */
    const int64_t *row_order; /* row of weight i of each pass */
    uint64_t spread[256];
} f2f_turn;

/* patch[i][e] = rows[e][i] for n_e rows of n_i weights of `size` bytes. */
F2F_INLINE void f2f_turn_values(const uint8_t *const *rows, int n_e, int n_i, int size,
                                uint8_t *patch) {
    int e0 = 0;
#ifdef F2F_X86
    if (size == 1 && n_i == F2F_SIDE)
        for (; e0 + 16 <= n_e; e0 += 16)
            for (int i = 0; i < F2F_SIDE; i += 16) {
                __m128i a[16], b[16];
                for (int e = 0; e < 16; e++)
                    a[e] = _mm_loadu_si128((const __m128i *)(rows[e0 + e] + i));
                for (int round = 0; round < 4; round++) { /* a perfect shuffle of the rows */
                    for (int e = 0; e < 8; e++) {
                        b[2 * e] = _mm_unpacklo_epi8(a[e], a[e + 8]);
                        b[2 * e + 1] = _mm_unpackhi_epi8(a[e], a[e + 8]);
                    }
                    for (int e = 0; e < 16; e++) a[e] = b[e];
                }
                for (int e = 0; e < 16; e++)
                    _mm_storeu_si128((__m128i *)(patch + (i + e) * F2F_SIDE + e0), a[e]);
            }
#endif
    for (int e = e0; e < n_e; e++)
        for (int i = 0; i < n_i; i++) {
            uint8_t *to = patch + ((size_t)i * F2F_SIDE + e) * size;
            const uint8_t *from = rows[e] + (size_t)i * size;
            if (size == 1)
                *to = *from;
            else if (size == 2)
                memcpy(to, from, 2);
            else
                memcpy(to, from, 4);
        }
}

/* The same of flags, given as words of 64 bits. */
F2F_INLINE void f2f_turn_flags(const f2f_turn *t, const uint64_t *words, int n_e, int n_i,
                               uint8_t *patch) {
    uint64_t turned[8];
    uint8_t eight[64];
    const uint64_t *rows[8];
    for (int e = 0; e < n_e; e += 8) {
        for (int k = 0; k < 8; k++) rows[k] = words + e + k;
        f2f_turn_planes(rows, 0, n_i, turned);
        memcpy(eight, turned, 64);
        for (int i = 0; i < n_i; i++) memcpy(patch + i * F2F_SIDE + e, &t->spread[eight[i]], 8);
    }
}

/* Put n_e neighbours into a row from column c on, going round at its end. */
F2F_INLINE void f2f_put(uint8_t *row, int64_t n_cols, int64_t c, const uint8_t *from, int n_e,
                        int size) {
    if (n_e == F2F_SIDE && c + F2F_SIDE <= n_cols) {
        memcpy(row + c * size, from, (size_t)F2F_SIDE * size);
        return;
    }
    int64_t n = n_cols - c < n_e ? n_cols - c : n_e;
    memcpy(row + c * size, from, (size_t)(n * size));
    memcpy(row, from + n * size, (size_t)((n_e - n) * size));
}

/* Fill rows row_order[first..end-1] of the matrix; size 0: flags from bits. */
F2F_INLINE void f2f_turn_rows(const f2f_turn *t, int64_t first, int64_t end, int size) {
    const int bytes = size ? size : 1;
    _Alignas(64) uint8_t patch[F2F_SIDE * F2F_SIDE * 4];
    const uint8_t *rows[F2F_SIDE];
    uint64_t words[F2F_SIDE];
    for (int64_t e = 0; e < t->n_cols; e += F2F_SIDE) {
        const int n_e = t->n_cols - e < F2F_SIDE ? (int)(t->n_cols - e) : F2F_SIDE;
        for (int64_t i = first; i < end; i += F2F_SIDE) {
            const int n_i = end - i < F2F_SIDE ? (int)(end - i) : F2F_SIDE;
            if (size) {
                for (int k = 0; k < n_e; k++)
                    rows[k] = t->from + (t->pass_of[e + k] * t->n_rows + i) * size;
                f2f_turn_values(rows, n_e, n_i, size, patch);
            } else {
                for (int k = 0; k < n_e; k++)
                    f2f_read_bits(t->from, t->pass_of[e + k] * t->n_rows + i, n_i, words + k);
                for (int k = n_e; k < F2F_SIDE; k++) words[k] = 0;
                f2f_turn_flags(t, words, n_e, n_i, patch);
            }
            int64_t c = t->skew ? (e + i) % t->n_cols : e;
            for (int k = 0; k < n_i; k++) {
                f2f_put(t->to + t->row_order[i + k] * t->n_cols * bytes, t->n_cols, c,
                        patch + (size_t)k * F2F_SIDE * bytes, n_e, bytes);
                if (t->skew && ++c == t->n_cols) c = 0;
            }
        }
    }
}

static void f2f_to_matrix(f2f_turn *t, int64_t first, int64_t end, int size) {
    f2f_fill_spread(t->spread);
    switch (size) {
    case 0: f2f_turn_rows(t, first, end, 0); break;
    case 1: f2f_turn_rows(t, first, end, 1); break;
    case 2: f2f_turn_rows(t, first, end, 2); break;
    default: f2f_turn_rows(t, first, end, 4);
    }
}

#endif
