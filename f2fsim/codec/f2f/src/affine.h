/* The decoder by GFNI, which multiplies 8 x 8 bit matrices: no tables, nothing to transpose by hand.
 *
 * Eight register bits and eight outputs are a matrix of the decoder.  Its product with a register
 * byte of a plane is the plane's part of eight outputs; one instruction makes 32 or 64 of them, of
 * neighbouring blocks and planes: the register bytes of a block's planes stand side by side, in as
 * many places as they need (1, 2, 4 or 8 for each byte of the coded weight), so that planes that
 * there are not cost little.  The bytes of a word are laid so once and stay as it moves through the
 * registers.  One more product turns the sums: a byte of the coded weight for each output.
 */
#ifndef F2FSIM_AFFINE_H
#define F2FSIM_AFFINE_H

#include <stdlib.h>

#include "decode.h"

#define F2F_AFFINE __attribute__((target("gfni,avx2,popcnt,bmi")))
#define F2F_MAX_REACH (1 << 14) /* blocks that the registers may reach back; beyond: by look-up */
#define F2F_AHEAD 8             /* tiles that the held bytes leave room for */
#define F2F_BEYOND 256          /* bytes that vectors may read beyond the last block's */

typedef struct {
    int n_octets;            /* groups of eight outputs */
    int64_t reach;           /* blocks before the newest that registers hold */
    int64_t n_held, room;    /* blocks whose bytes are held, at most */
    int n_places[4];         /* of a block, for each byte of a coded weight: 1, 2, 4 or 8 */
    uint8_t *held[4][2];     /* by byte of a coded weight and of a word: [room][n_places] */
    uint64_t *matrices;      /* [n_reg][n_half][n_octets] */
    int first[4];            /* stored plane of the lowest stored bit of each byte of a weight */
    uint8_t pick[4][2][16];  /* from the words of eight planes to their places */
} f2f_affine;

/* Lay the words of eight planes of a block at their places, which the next block's follow. */
F2F_AFFINE F2F_INLINE void f2f_affine_lay(const void *words, const __m128i *pick, int n_half,
                                          uint8_t *const *to, int64_t at) {
    const __m128i own = _mm_loadu_si128((const __m128i *)words);
    for (int half = 0; half < n_half; half++)
        _mm_storel_epi64((__m128i *)(to[half] + at), _mm_shuffle_epi8(own, pick[half]));
}

/* Register bytes k of n blocks from `first` on; those before block 0 are 0. */
F2F_AFFINE F2F_INLINE void f2f_affine_bytes(const f2f_affine *a, const f2f_decoder *d, int k,
                                            int64_t first, int64_t n, int n_half) {
    const uint16_t *from = d->words + first * d->n_planes + a->first[k];
    const int n_places = a->n_places[k];
    uint8_t *to[2];
    __m128i pick[2];
    int64_t b = 0, at = a->n_held * n_places;
    for (int half = 0; half < n_half; half++) {
        to[half] = a->held[k][half];
        pick[half] = _mm_loadu_si128((const __m128i *)a->pick[k][half]);
    }
    for (; b < n && first + b < 0; b++, from += d->n_planes, at += n_places)
        f2f_affine_lay((const uint16_t[8]){0}, pick, n_half, to, at);
    for (; b < n && d->words_end - from >= 8; b++, from += d->n_planes, at += n_places)
        f2f_affine_lay(from, pick, n_half, to, at);
    for (; b < n; b++, from += d->n_planes, at += n_places) { /* nothing beyond the words */
        uint16_t last[8] = {0};
        if (from < d->words_end) memcpy(last, from, (size_t)(d->words_end - from) * 2);
        f2f_affine_lay(last, pick, n_half, to, at);
    }
}

/* Hold n blocks from `first` on, the newest ones. */
F2F_AFFINE static void f2f_affine_hold(f2f_affine *a, const f2f_decoder *d, int n_bytes,
                                       int64_t first, int64_t n) {
    if (a->n_held + n > a->room) { /* the registers' blocks to the front */
        for (int k = 0; k < n_bytes; k++)
            for (int half = 0; half < d->n_half; half++)
                memmove(a->held[k][half],
                        a->held[k][half] + (a->n_held - a->reach) * a->n_places[k],
                        (size_t)(a->reach * a->n_places[k]));
        a->n_held = a->reach;
    }
    for (int k = 0; k < n_bytes; k++)
        if (d->n_half == 1)
            f2f_affine_bytes(a, d, k, first, n, 1);
        else
            f2f_affine_bytes(a, d, k, first, n, 2);
    a->n_held += n;
}

/* Places of the planes of one byte of a coded weight. */
F2F_AFFINE static void f2f_affine_places(f2f_affine *a, int k, const int *row_of) {
    int n_planes = 1;
    for (int bit = 7; bit >= 0; bit--)
        if (row_of[bit] >= 0) a->first[k] = row_of[bit];
    for (int bit = 0; bit < 8; bit++)
        if (row_of[bit] >= 0) n_planes = bit + 1;
    a->n_places[k] = n_planes > 4 ? 8 : n_planes > 2 ? 4 : n_planes;
    for (int half = 0; half < 2; half++) /* the turning product's row of bit b is byte 7 - b */
        for (int i = 0; i < 16; i++) {
            const int row = i < a->n_places[k] ? row_of[a->n_places[k] - 1 - i] : -1;
            a->pick[k][half][i] = row < 0 ? 0x80 : (uint8_t)(2 * (row - a->first[k]) + half);
        }
}

/* Before the range of blocks from `first` on, `n_ahead` at a time.
 * Returns 0, or -1 if the registers reach too far back or there is no memory. */
F2F_AFFINE static int f2f_affine_start(f2f_affine *a, const f2f_decoder *d, const int *row_of,
                                       int n_bytes, int64_t n_ahead, int64_t first) {
    memset(a, 0, sizeof *a);
    a->reach = (d->n_reg - 1) * d->n_groups;
    if (a->reach > F2F_MAX_REACH) return -1;
    a->n_octets = (d->n_out + 7) / 8;
    a->room = a->reach + F2F_AHEAD * n_ahead;
    const size_t held = (size_t)(a->room * 8 + F2F_BEYOND), n_reg = (size_t)d->n_reg * d->n_half;
    uint8_t *all = calloc(1, held * 2 * n_bytes + n_reg * a->n_octets * 8);
    if (!all) return -1;
    for (int k = 0; k < n_bytes; k++) {
        f2f_affine_places(a, k, row_of + 8 * k);
        for (int half = 0; half < 2; half++) a->held[k][half] = all + held * (2 * k + half);
    }
    a->matrices = (uint64_t *)(all + held * 2 * n_bytes);
    for (size_t j = 0; j < n_reg; j++) {
        uint8_t *own = (uint8_t *)(a->matrices + j * a->n_octets);
        for (int bit = 0; bit < 8; bit++) {
            const uint64_t *column = d->tables + (j * 256 + (1u << bit)) * d->n_words;
            for (int i = 0; i < d->n_out; i++)
                own[i ^ 7] |= (uint8_t)((column[i >> 6] >> (i & 63) & 1) << bit);
        }
    }
    f2f_affine_hold(a, d, n_bytes, first - a->reach, a->reach);
    return 0;
}

static void f2f_affine_end(f2f_affine *a) { free(a->held[0][0]); }

#define F2F_LANES(x) x##_32
#define F2F_LANES_TARGET F2F_AFFINE
#define F2F_VECTOR __m256i
#define F2F_VECTORS 2 /* that share a matrix */
#define F2F_VECTOR_LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define F2F_VECTOR_STORE(p, v) _mm256_storeu_si256((__m256i *)(p), v)
#define F2F_VECTOR_XOR _mm256_xor_si256
#define F2F_VECTOR_ZERO _mm256_setzero_si256
#define F2F_VECTOR_SPREAD(m) _mm256_set1_epi64x((long long)(m))
#define F2F_VECTOR_AFFINE(bytes, m) _mm256_gf2p8affine_epi64_epi8(bytes, m, 0)
#define F2F_VECTOR_UP(v, n) _mm256_slli_epi64(v, n)
#define F2F_VECTOR_OF_4(p) _mm256_cvtepu32_epi64(_mm_loadu_si128((const __m128i *)(p)))
#define F2F_VECTOR_OF_2(p) _mm256_cvtepu16_epi64(_mm_loadl_epi64((const __m128i *)(p)))
#define F2F_VECTOR_OF_1(p) _mm256_cvtepu8_epi64(_mm_loadu_si32(p))
#include "affine_body.h"
#define F2F_LANES(x) x##_64
#define F2F_LANES_TARGET                                                                       \
    __attribute__((target("gfni,avx512f,avx512bw,avx512vl,avx2,popcnt,bmi,bmi2")))
#define F2F_VECTOR __m512i
#define F2F_VECTORS 4
#define F2F_VECTOR_LOAD(p) _mm512_loadu_si512(p)
#define F2F_VECTOR_STORE(p, v) _mm512_storeu_si512(p, v)
#define F2F_VECTOR_XOR _mm512_xor_si512
#define F2F_VECTOR_ZERO _mm512_setzero_si512
#define F2F_VECTOR_SPREAD(m) _mm512_set1_epi64((long long)(m))
#define F2F_VECTOR_AFFINE(bytes, m) _mm512_gf2p8affine_epi64_epi8(bytes, m, 0)
#define F2F_VECTOR_UP(v, n) _mm512_slli_epi64(v, n)
#define F2F_VECTOR_OF_4(p) _mm512_cvtepu32_epi64(_mm256_loadu_si256((const __m256i *)(p)))
#define F2F_VECTOR_OF_2(p) _mm512_cvtepu16_epi64(_mm_loadu_si128((const __m128i *)(p)))
#define F2F_VECTOR_OF_1(p) _mm512_cvtepu8_epi64(_mm_loadl_epi64((const __m128i *)(p)))
#include "affine_body.h"

#endif
