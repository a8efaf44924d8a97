/* From block order to the row-major matrix: a transposition in tiles that stay in the cache.
 *
 * A column or diagonal order is `n_cols` passes of `n_rows` weights.  With the passes taken in the
 * order of their first column e, weight i of pass e lies in column (e + skew * i) mod n_cols of row
 * row_order[i]: 16 passes give each row 16 neighbours.
 */
#ifndef F2FSIM_TURN_H
#define F2FSIM_TURN_H

#include <stdint.h>
#include <string.h>
#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

#define F2F_TILE 16
#define F2F_STRIP 64 /* columns that are finished together: a cache line of bytes */

typedef struct {
    const uint8_t *from; /* passes in the order of the stream */
    uint8_t *to;         /* n_rows x n_cols, row-major */
    int64_t n_rows, n_cols;
    int skew;
    const int64_t *pass_of;   /* pass whose first column is e */
    const int64_t *row_order; /* row of weight i of each pass */
} f2f_turn;

/* tile[i][e] = rows[e][i] for n_e rows of n_i weights of `size` bytes. */
static inline void f2f_turn_tile(const uint8_t *const *rows, int n_e, int n_i, int size,
                                 uint8_t *tile) {
#if defined(__x86_64__) && defined(__GNUC__)
    if (size == 1 && n_e == F2F_TILE && n_i == F2F_TILE) {
        __m128i a[16], b[16];
        for (int e = 0; e < 16; e++) a[e] = _mm_loadu_si128((const __m128i *)rows[e]);
        for (int round = 0; round < 4; round++) { /* a perfect shuffle of the rows, four times */
            for (int e = 0; e < 8; e++) {
                b[2 * e] = _mm_unpacklo_epi8(a[e], a[e + 8]);
                b[2 * e + 1] = _mm_unpackhi_epi8(a[e], a[e + 8]);
            }
            for (int e = 0; e < 16; e++) a[e] = b[e];
        }
        for (int i = 0; i < 16; i++) _mm_storeu_si128((__m128i *)tile + i, a[i]);
        return;
    }
#endif
    for (int i = 0; i < n_i; i++)
        for (int e = 0; e < n_e; e++) {
            uint8_t *to = tile + ((size_t)i * F2F_TILE + e) * size;
            const uint8_t *from = rows[e] + (size_t)i * size;
            if (size == 1)
                *to = *from;
            else if (size == 2)
                memcpy(to, from, 2);
            else
                memcpy(to, from, 4);
        }
}

/* Put n_e neighbours into a row from column c on, going round at its end. */
static inline void f2f_put(uint8_t *row, int64_t n_cols, int64_t c, const uint8_t *from, int n_e,
                           int size) {
    if (size == 1 && n_e == F2F_TILE && c + F2F_TILE <= n_cols) {
        memcpy(row + c, from, F2F_TILE);
        return;
    }
    int64_t n = n_cols - c < n_e ? n_cols - c : n_e;
    memcpy(row + c * size, from, (size_t)(n * size));
    memcpy(row, from + n * size, (size_t)((n_e - n) * size));
}

/* Fill rows row_order[first..end-1] of the matrix. */
static inline __attribute__((always_inline)) void f2f_turn_rows(const f2f_turn *t, int64_t first,
                                                                int64_t end, int size) {
    _Alignas(16) uint8_t tile[F2F_TILE * F2F_TILE * 4];
    const uint8_t *rows[F2F_TILE];
    for (int64_t strip = 0; strip < t->n_cols; strip += F2F_STRIP)
        for (int64_t i = first; i < end; i += F2F_TILE) {
            int n_i = end - i < F2F_TILE ? (int)(end - i) : F2F_TILE;
            for (int64_t e = strip; e < t->n_cols && e < strip + F2F_STRIP; e += F2F_TILE) {
                int n_e = t->n_cols - e < F2F_TILE ? (int)(t->n_cols - e) : F2F_TILE;
                for (int k = 0; k < n_e; k++)
                    rows[k] = t->from + (t->pass_of[e + k] * t->n_rows + i) * size;
                f2f_turn_tile(rows, n_e, n_i, size, tile);
                int64_t c = t->skew ? (e + i) % t->n_cols : e;
                for (int k = 0; k < n_i; k++) {
                    f2f_put(t->to + t->row_order[i + k] * t->n_cols * size, t->n_cols, c,
                            tile + (size_t)k * F2F_TILE * size, n_e, size);
                    if (t->skew && ++c == t->n_cols) c = 0;
                }
            }
        }
}

static void f2f_to_matrix(const f2f_turn *t, int64_t first, int64_t end, int size) {
    switch (size) {
    case 1: f2f_turn_rows(t, first, end, 1); break;
    case 2: f2f_turn_rows(t, first, end, 2); break;
    default: f2f_turn_rows(t, first, end, 4);
    }
}

#endif
