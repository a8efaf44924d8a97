/* The decoder by GFNI, which multiplies 8 x 8 bit matrices: no tables, nothing to transpose.
 *
 * A register byte of eight planes is a matrix with a row a plane.  Its product with the byte of
 * the decoder matrix that stands for that register byte and an output is the output's bit in each
 * plane: a byte of the coded weight.  One instruction makes 32 of them.
 */
#ifndef F2FSIM_AFFINE_H
#define F2FSIM_AFFINE_H

#include "decode.h"

#define F2F_AFFINE __attribute__((target("gfni,avx2,popcnt,bmi")))
#define F2F_MAX_REGISTERS 64
#define F2F_SUMS 4 /* vectors of 32 outputs that are summed at once */
#define F2F_PAIRED 16 /* outputs up to which a vector takes two blocks */

typedef struct {
    int n_padded;     /* outputs, a multiple of 32 */
    int first[4];     /* stored plane of the lowest stored bit of each byte of a weight */
    __m256i pick[4][2]; /* from the words of eight planes to the matrix of a register byte */
    uint8_t rows[F2F_MAX_REGISTERS * 2 * 64 * F2F_MAX_WORDS]; /* [n_reg][n_half][n_padded] */
} f2f_affine;

F2F_AFFINE static void f2f_affine_fill(f2f_affine *a, const f2f_decoder *d, const int *row_of,
                                       int n_bytes) {
    a->n_padded = (d->n_out + 31) / 32 * 32;
    memset(a->rows, 0, (size_t)d->n_reg * d->n_half * a->n_padded);
    for (int j = 0; j < d->n_reg * d->n_half; j++)
        for (int bit = 0; bit < 8; bit++) {
            const uint64_t *column = d->tables + ((size_t)j * 256 + (1u << bit)) * d->n_words;
            for (int i = 0; i < d->n_out; i++)
                a->rows[j * a->n_padded + i] |=
                    (uint8_t)((column[i >> 6] >> (i & 63) & 1) << bit);
        }
    if (d->n_out <= F2F_PAIRED) /* for a second block in the upper half */
        for (int j = 0; j < d->n_reg * d->n_half; j++)
            memcpy(a->rows + j * a->n_padded + 16, a->rows + j * a->n_padded, 16);
    for (int k = 0; k < n_bytes; k++) {
        a->first[k] = 0;
        for (int bit = 7; bit >= 0; bit--)
            if (row_of[8 * k + bit] >= 0) a->first[k] = row_of[8 * k + bit];
        for (int half = 0; half < 2; half++) {
            uint8_t pick[32];
            for (int i = 0; i < 32; i++) { /* the instruction's row of bit b is byte 7 - b */
                int row = row_of[8 * k + 7 - (i & 7)];
                pick[i] = row < 0 ? 0x80 : (uint8_t)(2 * (row - a->first[k]) + half);
            }
            a->pick[k][half] = _mm256_loadu_si256((const __m256i *)pick);
        }
    }
}

/* 32 n_sums outputs of one byte of a block; `end`: where the words end if that is near, else NULL. */
F2F_AFFINE F2F_INLINE void f2f_affine_sums(const f2f_affine *a, const f2f_decoder *d, int k,
                                           const uint16_t *words, int n_live, const uint8_t *rows,
                                           uint8_t *to, int n_half, int n_sums,
                                           const uint16_t *end) {
    const int64_t back = d->n_groups * d->n_planes;
    __m256i sum[F2F_SUMS];
    for (int v = 0; v < n_sums; v++) sum[v] = _mm256_setzero_si256();
    for (int j = 0; j < n_live; j++, words -= back) {
        uint16_t last[8] = {0};
        const void *from = words;
        if (end && end - words < 8) from = memcpy(last, words, (size_t)(end - words) * 2);
        const __m256i eight = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)from));
        for (int half = 0; half < n_half; half++, rows += a->n_padded) {
            const __m256i planes = _mm256_shuffle_epi8(eight, a->pick[k][half]);
            for (int v = 0; v < n_sums; v++) {
                __m256i row = _mm256_loadu_si256((const __m256i *)(rows + 32 * v));
                row = _mm256_gf2p8affine_epi64_epi8(row, planes, 0);
                sum[v] = _mm256_xor_si256(sum[v], row);
            }
        }
    }
    for (int v = 0; v < n_sums; v++) _mm256_storeu_si256((__m256i *)(to + 32 * v), sum[v]);
}

/* Any block, with a look at where the words end. */
F2F_AFFINE static void f2f_affine_block(const f2f_affine *a, const f2f_decoder *d, int k,
                                        int64_t block, uint8_t *to) {
    const uint16_t *words = d->words + block * d->n_planes + a->first[k];
    for (int i = 0; i < d->n_out; i += 32)
        f2f_affine_sums(a, d, k, words, f2f_live(d, block), a->rows + i, to + i, d->n_half, 1,
                        d->words_end);
}

/* 32 n_sums outputs from output `from` on of blocks with all registers filled, away from the end of
 * the words. */
F2F_AFFINE F2F_INLINE void f2f_affine_blocks(const f2f_affine *a, const f2f_decoder *d, int k,
                                             int64_t first, int64_t n, int from, uint8_t *to,
                                             int n_half, int n_sums) {
    const uint16_t *words = d->words + first * d->n_planes + a->first[k];
    to += from;
    for (int64_t b = 0; b < n; b++, words += d->n_planes, to += d->n_out)
        f2f_affine_sums(a, d, k, words, d->n_reg, a->rows + from, to, n_half, n_sums, NULL);
}

/* As many pairs of neighbouring blocks of at most 16 outputs; returns the blocks done. */
F2F_AFFINE F2F_INLINE int64_t f2f_affine_pairs(const f2f_affine *a, const f2f_decoder *d, int k,
                                               int64_t first, int64_t n, uint8_t *to, int n_half) {
    const int64_t back = d->n_groups * d->n_planes;
    const uint16_t *block = d->words + first * d->n_planes + a->first[k];
    int64_t b = 0;
    for (; b + 2 <= n; b += 2, block += 2 * d->n_planes, to += 2 * d->n_out) {
        const uint16_t *words = block;
        const uint8_t *rows = a->rows;
        __m256i sum = _mm256_setzero_si256();
        for (int j = 0; j < d->n_reg; j++, words -= back) {
            const __m128i low = _mm_loadu_si128((const __m128i *)words);
            const __m128i high = _mm_loadu_si128((const __m128i *)(words + d->n_planes));
            const __m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
            for (int half = 0; half < n_half; half++, rows += 32) {
                const __m256i planes = _mm256_shuffle_epi8(both, a->pick[k][half]);
                __m256i row = _mm256_loadu_si256((const __m256i *)rows);
                sum = _mm256_xor_si256(sum, _mm256_gf2p8affine_epi64_epi8(row, planes, 0));
            }
        }
        _mm_storeu_si128((__m128i *)to, _mm256_castsi256_si128(sum));
        _mm_storeu_si128((__m128i *)(to + d->n_out), _mm256_extracti128_si256(sum, 1));
    }
    return b;
}

/* Byte k of the weights of n blocks; up to 31 bytes more are written. */
F2F_AFFINE F2F_INLINE void f2f_affine_tile(const f2f_affine *a, const f2f_decoder *d, int k,
                                           int64_t first, int64_t n, uint8_t *to) {
    const int64_t filled = (d->n_reg - 1) * d->n_groups, n_sums = a->n_padded / 32;
    int64_t b = 0, plain = 0; /* blocks whose words can be read eight at a time */
    if (d->n_planes == 0) {
        memset(to, 0, (size_t)(n * d->n_out));
        return;
    }
    if (d->words_end - d->words >= 8 + a->first[k])
        plain = (d->words_end - d->words - 8 - a->first[k]) / d->n_planes + 1 - first;
    plain = plain > n ? n : plain;
    for (; b < n && first + b < filled; b++) f2f_affine_block(a, d, k, first + b, to + b * d->n_out);
    if (b < plain && d->n_out <= F2F_PAIRED) {
        const int64_t left = plain - b;
        uint8_t *at = to + b * d->n_out;
        b += d->n_half == 1 ? f2f_affine_pairs(a, d, k, first + b, left, at, 1)
                            : f2f_affine_pairs(a, d, k, first + b, left, at, 2);
    }
    /* The last outputs first: a store runs over into the next block, whose first ones follow. */
    for (int from = (int)((n_sums - 1) / F2F_SUMS * F2F_SUMS * 32); b < plain && from >= 0;
         from -= 32 * F2F_SUMS) {
        const int64_t left = n_sums - from / 32;
#define F2F_BLOCKS(half, sums)                                                                 \
    f2f_affine_blocks(a, d, k, first + b, plain - b, from, to + b * d->n_out, half, sums)
        switch (4 * (d->n_half - 1) + (left < F2F_SUMS ? left : F2F_SUMS)) {
        case 1: F2F_BLOCKS(1, 1); break;
        case 2: F2F_BLOCKS(1, 2); break;
        case 3: F2F_BLOCKS(1, 3); break;
        case 4: F2F_BLOCKS(1, 4); break;
        case 5: F2F_BLOCKS(2, 1); break;
        case 6: F2F_BLOCKS(2, 2); break;
        case 7: F2F_BLOCKS(2, 3); break;
        default: F2F_BLOCKS(2, 4);
        }
#undef F2F_BLOCKS
    }
    b = plain > b ? plain : b;
    for (; b < n; b++) f2f_affine_block(a, d, k, first + b, to + b * d->n_out);
}

#endif
