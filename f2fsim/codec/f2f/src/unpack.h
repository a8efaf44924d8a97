/* From words, packed mask and patches to weights in block order, in tiles that stay in the cache.
 *
 * The outputs of eight planes are an 8 x n_out bit matrix; transposed it is one byte of each
 * weight of the block.  With the processor's bit-matrix product (affine.h) the bytes come without
 * tables and without a transposition.  Pruned weights are decoded too and then masked away: that
 * costs less than walking the kept ones.
 */
#ifndef F2FSIM_UNPACK_H
#define F2FSIM_UNPACK_H

#include "bits.h"
#include "decode.h"

#define F2F_MAX_BYTES 4     /* of a pattern */
#define F2F_MAX_BLOCK 512   /* outputs */
#define F2F_TILE 2048       /* weights of a tile, about */
#define F2F_TILE_ROOM 4736  /* eight blocks of 512, and what the stores of 128 run over */

typedef struct {
    const uint8_t *mask; /* packed, a bit a weight; 16 readable bytes follow its end */
    int64_t n_weights;
    int n_bytes;        /* of a pattern: 1, 2 or 4 */
    int row_of[F2F_MAX_PLANES]; /* stored plane of each bit of the coded weight, -1 for none */
    int bit_of[F2F_MAX_PLANES]; /* bit of each stored plane */
    uint32_t inversion; /* bits complemented at kept weights */
    const int64_t *patches; /* numbers of the care bits to flip, ascending */
    int64_t n_patches;
    int index_bits, n_mantissa, n_exponent; /* exponent codebook; 0 index bits: none */
    const uint32_t *exponents;
    const int64_t *outliers; /* numbers of kept weights, ascending, and their exponents */
    const uint32_t *fields;
    int64_t n_outliers;
    uint64_t spread[256];
} f2f_layout;

/* Where a range of blocks starts in the numberings. */
typedef struct {
    int64_t first, n_blocks, kept, patch, outlier;
} f2f_range;

/* The place of set bit number i, which exists. */
F2F_INLINE int f2f_select(const uint64_t *mask, int i) {
    int word = 0, n;
    while (i >= (n = __builtin_popcountll(mask[word]))) i -= n, word++;
    uint64_t left = mask[word];
    for (; i > 0; i--) left &= left - 1;
    return 64 * word + __builtin_ctzll(left);
}

/* Blocks of a tile: their mask starts with a byte. */
F2F_INLINE int64_t f2f_tile_blocks(int n_out) {
    int n = F2F_TILE / n_out & ~7;
    return n < 8 ? 8 : n;
}

/* Bytes of weights as they are before mask and codebook: bytes[k][i] bits 8k to 8k + 7. */
typedef uint8_t f2f_tile[F2F_MAX_BYTES][F2F_TILE_ROOM];

/* Flip the patched bits of a tile whose first weight is `at`; counts its kept weights. */
F2F_INLINE void f2f_apply_patches(const f2f_decoder *d, const f2f_layout *l, f2f_range *r,
                                  int64_t at, int64_t n_blocks, uint8_t (*bytes)[F2F_TILE_ROOM],
                                  int n_words) {
    uint64_t mask[F2F_MAX_WORDS];
    int64_t kept = r->kept, patch = r->patch;
    int64_t next = patch < l->n_patches ? l->patches[patch] : INT64_MAX;
    for (int64_t b = 0; b < n_blocks; b++) {
        const int64_t left = l->n_weights - (at + b * d->n_out);
        const int n = left < d->n_out ? (int)left : d->n_out;
        int n_u = 0;
        f2f_read_bits(l->mask, at + b * d->n_out, n, mask);
        for (int w = 0; w < n_words && 64 * w < n; w++) n_u += __builtin_popcountll(mask[w]);
        const int64_t care = kept * d->n_planes, end = care + (int64_t)n_u * d->n_planes;
        while (next < end) {
            unsigned number = (unsigned)(next - care), plane = number / (unsigned)n_u;
            int place = f2f_select(mask, (int)(number - plane * (unsigned)n_u));
            int bit = l->bit_of[plane];
            bytes[bit >> 3][b * d->n_out + place] ^= (uint8_t)(1 << (bit & 7));
            next = ++patch < l->n_patches ? l->patches[patch] : INT64_MAX;
        }
        kept += n_u;
    }
    r->kept = kept;
    r->patch = patch;
}

/* The first n weights of wider types: bytes put together, exponents looked up, pruned ones 0. */
F2F_INLINE void f2f_code_wide(const f2f_layout *l, const uint8_t (*bytes)[F2F_TILE_ROOM],
                              const uint8_t *mask, int n, uint32_t *coded) {
    const uint8_t *b0 = bytes[0], *b1 = bytes[1], *b2 = bytes[2], *b3 = bytes[3];
    if (l->n_bytes == 2)
        for (int i = 0; i < n; i++) coded[i] = (uint32_t)b0[i] | (uint32_t)b1[i] << 8;
    else
        for (int i = 0; i < n; i++)
            coded[i] = (uint32_t)b0[i] | (uint32_t)b1[i] << 8 | (uint32_t)b2[i] << 16 |
                       (uint32_t)b3[i] << 24;
    for (int i = 0; i < n; i++) coded[i] ^= l->inversion;
    if (l->index_bits) {
        const uint32_t low = ((uint32_t)1 << l->n_mantissa) - 1;
        const uint32_t indices = ((uint32_t)1 << l->index_bits) - 1;
        const int sign = l->n_mantissa + l->index_bits;
        for (int i = 0; i < n; i++)
            coded[i] = (coded[i] & low) |
                       l->exponents[coded[i] >> l->n_mantissa & indices] << l->n_mantissa |
                       (coded[i] >> sign & 1) << (l->n_mantissa + l->n_exponent);
    }
    for (int i = 0; i < n; i += 8) {
        uint8_t kept[8];
        memcpy(kept, &l->spread[mask[i >> 3]], 8);
        for (int k = 0; k < 8; k++) coded[i + k] &= (uint32_t)0 - kept[k];
    }
}

/* Outliers of a tile take their own exponents; `kept` weights come before it, `until` to its end. */
F2F_INLINE void f2f_put_outliers(const f2f_layout *l, f2f_range *r, const uint8_t *mask,
                                 int64_t kept, int64_t until, uint32_t *coded) {
    const uint32_t field = (((uint32_t)1 << l->n_exponent) - 1) << l->n_mantissa;
    for (; r->outlier < l->n_outliers && l->outliers[r->outlier] < until; r->outlier++) {
        int64_t i = l->outliers[r->outlier] - kept, at = 0, n;
        uint64_t word;
        for (;; at += 64, i -= n) {
            memcpy(&word, mask + at / 8, 8);
            if (i < (n = __builtin_popcountll(word))) break;
        }
        for (; i > 0; i--) word &= word - 1;
        uint32_t *c = coded + at + __builtin_ctzll(word);
        *c = (*c & ~field) | l->fields[r->outlier] << l->n_mantissa;
    }
}

/* The bytes of a tile by table look-up. */
F2F_INLINE void f2f_table_tile(const f2f_decoder *d, const f2f_layout *l, int64_t first,
                               int64_t n_blocks, uint8_t (*bytes)[F2F_TILE_ROOM], int n_words) {
    uint64_t out[(F2F_MAX_PLANES + 1) * F2F_MAX_WORDS], turned[8 * F2F_MAX_WORDS];
    const uint64_t *rows[F2F_MAX_PLANES];
    memset(out + d->n_planes * n_words, 0, (size_t)n_words * 8);
    for (int p = 0; p < F2F_MAX_PLANES; p++)
        rows[p] = out + (l->row_of[p] < 0 ? d->n_planes : l->row_of[p]) * n_words;
    for (int64_t b = 0; b < n_blocks; b++) {
        f2f_outputs(d, first + b, out, n_words);
        for (int k = 0; k < l->n_bytes; k++) {
            for (int w = 0; w < n_words; w++)
                f2f_turn_planes(rows + 8 * k, w, d->n_out - 64 * w, turned + 8 * w);
            memcpy(bytes[k] + b * d->n_out, turned, (size_t)d->n_out);
        }
    }
}

/* One pass for each set of instructions. */
#define F2F_NAME(x) x##_plain
#define F2F_TARGET
#define F2F_SET 0
#include "unpack_body.h"
#ifdef F2F_X86
#include "affine.h"
#define F2F_NAME(x) x##_avx2
#define F2F_TARGET __attribute__((target("avx2,popcnt,bmi")))
#define F2F_SET 1
#include "unpack_body.h"
#define F2F_NAME(x) x##_gfni
#define F2F_TARGET __attribute__((target("gfni,avx2,popcnt,bmi")))
#define F2F_SET 2
#include "unpack_body.h"
#endif

/* The best set of instructions of this processor: 0 any, 1 AVX2, 2 AVX2 and GFNI. */
static int f2f_best_set(void) {
#ifdef F2F_X86
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt") &&
        __builtin_cpu_supports("bmi"))
        return __builtin_cpu_supports("gfni") ? 2 : 1;
#endif
    return 0;
}

/* Write the patterns of a range of blocks at their places, with a set of instructions that the
 * processor has. */
static void f2f_unpack(const f2f_decoder *d, const f2f_layout *l, f2f_range r, int set,
                       uint8_t *patterns) {
#ifdef F2F_X86
    if (set == 2) {
        f2f_unpack_gfni(d, l, r, patterns);
        return;
    }
    if (set == 1) {
        f2f_unpack_avx2(d, l, r, patterns);
        return;
    }
#endif
    f2f_unpack_plain(d, l, r, patterns);
}

#endif
