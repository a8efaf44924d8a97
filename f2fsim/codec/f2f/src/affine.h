/* The decoder by GFNI, which multiplies 8 x 8 bit matrices: no tables, nothing to transpose.
 *
 * A register byte of eight planes is a matrix with a row a plane.  Its product with the byte of
 * the decoder matrix that stands for that register byte and an output is the output's bit in each
 * plane: a byte of the coded weight.  One instruction makes 32 or 64 of them.  The matrices of a
 * word are made once and stay as it moves through the registers; copies of them let blocks of few
 * outputs share a vector.
 */
#ifndef F2FSIM_AFFINE_H
#define F2FSIM_AFFINE_H

#include <stdlib.h>

#include "decode.h"

#define F2F_AFFINE __attribute__((target("gfni,avx2,popcnt,bmi")))
#define F2F_MAX_REACH (1 << 14) /* blocks that the registers may reach back; beyond: by look-up */
#define F2F_AHEAD 8             /* tiles that the held matrices leave room for */

typedef struct {
    int n_rep;              /* copies of a matrix: outputs of a block in a vector, over 8; 1: any */
    int n_padded;           /* outputs of a row, whole vectors */
    int64_t reach;          /* blocks before the newest that registers hold */
    int64_t n_held, room;   /* blocks whose matrices are held, at most */
    uint64_t *matrices[4][2]; /* by byte of a weight and of a word: [room][n_rep] */
    uint8_t *rows;          /* [n_reg][n_half][n_padded] */
    int first[4];           /* stored plane of the lowest stored bit of each byte of a weight */
    uint8_t pick[4][2][16]; /* from the words of eight planes to the matrix of a register byte */
} f2f_affine;

/* Matrices of n blocks from `first` on; those before block 0 are 0. */
F2F_AFFINE static void f2f_affine_hold(f2f_affine *a, const f2f_decoder *d, int n_bytes,
                                       int64_t first, int64_t n) {
    if (a->n_held + n > a->room) { /* the registers' blocks to the front */
        for (int k = 0; k < n_bytes; k++)
            for (int half = 0; half < d->n_half; half++)
                memmove(a->matrices[k][half],
                        a->matrices[k][half] + (a->n_held - a->reach) * a->n_rep,
                        (size_t)(a->reach * a->n_rep) * 8);
        a->n_held = a->reach;
    }
    for (int k = 0; k < n_bytes; k++) {
        const uint16_t *from = d->words + first * d->n_planes + a->first[k];
        int64_t at = a->n_held * a->n_rep;
        for (int64_t b = 0; b < n; b++, from += d->n_planes, at += a->n_rep) {
            uint16_t near[8] = {0};
            const void *eight = from;
            if (first + b < 0)
                eight = near;
            else if (d->words_end - from < 8) /* reads nothing beyond the words */
                eight = memcpy(near, from, from < d->words_end ? (size_t)(d->words_end - from) * 2 : 0);
            const __m128i words = _mm_loadu_si128((const __m128i *)eight);
            for (int half = 0; half < d->n_half; half++) {
                const __m128i pick = _mm_loadu_si128((const __m128i *)a->pick[k][half]);
                const __m128i two = _mm_shuffle_epi8(words, pick);
                uint64_t *to = a->matrices[k][half] + at;
                if (a->n_rep == 1)
                    _mm_storel_epi64((__m128i *)to, two);
                else
                    _mm_storeu_si128((__m128i *)to, two);
                if (a->n_rep == 4) _mm_storeu_si128((__m128i *)(to + 2), two);
            }
        }
    }
    a->n_held += n;
}

/* Before the range of blocks from `first` on, `n_ahead` at a time, in vectors of `width` bytes.
 * Returns 0, or -1 if the registers reach too far back or there is no memory. */
F2F_AFFINE static int f2f_affine_start(f2f_affine *a, const f2f_decoder *d, const int *row_of,
                                       int n_bytes, int64_t n_ahead, int64_t first, int width) {
    memset(a, 0, sizeof *a);
    a->reach = (d->n_reg - 1) * d->n_groups;
    if (a->reach > F2F_MAX_REACH) return -1;
    a->n_rep = d->n_out <= 16 ? 2 : d->n_out <= 32 && width == 64 ? 4 : 1;
    a->n_padded = (d->n_out + width - 1) / width * width;
    a->room = a->reach + F2F_AHEAD * n_ahead;
    /* A vector reads the matrices of as many blocks as it holds: some beyond the last one. */
    const size_t held = (size_t)(a->room * a->n_rep + 16), size = (size_t)d->n_reg * d->n_half;
    uint64_t *all = calloc(1, held * 16 * n_bytes + size * a->n_padded);
    if (!all) return -1;
    for (int k = 0; k < n_bytes; k++, row_of += 8) {
        for (int bit = 7; bit >= 0; bit--)
            if (row_of[bit] >= 0) a->first[k] = row_of[bit];
        for (int half = 0; half < 2; half++) {
            a->matrices[k][half] = all + held * (2 * k + half);
            for (int i = 0; i < 16; i++) { /* the instruction's row of bit b is byte 7 - b */
                const int row = row_of[7 - (i & 7)];
                a->pick[k][half][i] = row < 0 ? 0x80 : (uint8_t)(2 * (row - a->first[k]) + half);
            }
        }
    }
    a->rows = (uint8_t *)(all + held * 2 * n_bytes);
    for (int j = 0; j < (int)size; j++) {
        uint8_t *row = a->rows + (size_t)j * a->n_padded;
        for (int bit = 0; bit < 8; bit++) {
            const uint64_t *column = d->tables + ((size_t)j * 256 + (1u << bit)) * d->n_words;
            for (int i = 0; i < d->n_out; i++)
                row[i] |= (uint8_t)((column[i >> 6] >> (i & 63) & 1) << bit);
        }
        if (a->n_rep > 1) /* for the other blocks of a vector */
            for (int at = 8 * a->n_rep; at < width; at += 8 * a->n_rep)
                memcpy(row + at, row, (size_t)(8 * a->n_rep));
    }
    f2f_affine_hold(a, d, n_bytes, first - a->reach, a->reach);
    return 0;
}

static void f2f_affine_end(f2f_affine *a) { free(a->matrices[0][0]); }

#define F2F_LANES(x) x##_32
#define F2F_LANES_TARGET F2F_AFFINE
#define F2F_VECTOR __m256i
#define F2F_VECTOR_LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define F2F_VECTOR_STORE(p, v) _mm256_storeu_si256((__m256i *)(p), v)
#define F2F_VECTOR_XOR _mm256_xor_si256
#define F2F_VECTOR_ZERO _mm256_setzero_si256
#define F2F_VECTOR_SPREAD(m) _mm256_set1_epi64x((long long)(m))
#define F2F_VECTOR_AFFINE(row, m) _mm256_gf2p8affine_epi64_epi8(row, m, 0)
#include "affine_body.h"
#define F2F_LANES(x) x##_64
#define F2F_LANES_TARGET                                                                       \
    __attribute__((target("gfni,avx512f,avx512bw,avx512vl,avx2,popcnt,bmi,bmi2")))
#define F2F_VECTOR __m512i
#define F2F_VECTOR_LOAD(p) _mm512_loadu_si512(p)
#define F2F_VECTOR_STORE(p, v) _mm512_storeu_si512(p, v)
#define F2F_VECTOR_XOR _mm512_xor_si512
#define F2F_VECTOR_ZERO _mm512_setzero_si512
#define F2F_VECTOR_SPREAD(m) _mm512_set1_epi64((long long)(m))
#define F2F_VECTOR_AFFINE(row, m) _mm512_gf2p8affine_epi64_epi8(row, m, 0)
#include "affine_body.h"

#endif
