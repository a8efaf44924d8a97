/* From words, packed mask and patches to weights in block order, in tiles that stay in the cache.
 *
 * The outputs of eight planes are an 8 x n_out bit matrix; transposed it is one byte of each
 * weight of the block.  With the processor's bit-matrix product (affine.h) the sums come without
 * tables, and one product more transposes them.  Pruned weights are decoded too and then masked away: that
 * costs less than walking the kept ones.  Without that product, byte shuffles add up tables of four
 * register bits (shuffle.h); the look-up of whole bytes is for processors without either.
 */
#ifndef F2FSIM_UNPACK_H
#define F2FSIM_UNPACK_H

#include "bits.h"
#include "decode.h"
#include "simd.h"
#include "values.h"

/* Passes, for the preprocessor. */
#define F2F_PASS_PLAIN 0
#define F2F_PASS_AVX2 1
#define F2F_PASS_AVX512 2
#define F2F_PASS_GFNI 3
#define F2F_PASS_GFNI512 4
#define F2F_PASS_NEON 5

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
    int n_coded;        /* bytes of a coded weight: those of its planes, at least 1 */
    f2f_values values;
    uint64_t spread[256];
} f2f_layout;

/* Where a range of blocks starts in the numberings. */
typedef struct {
    int64_t first, n_blocks, kept, patch;
} f2f_range;

/* Blocks of a tile: their mask starts with a byte. */
F2F_INLINE int64_t f2f_tile_blocks(int n_out) {
    int n = F2F_TILE / n_out & ~7;
    return n < 8 ? 8 : n;
}

/* Bytes of weights as they are before mask and value code: bytes[k][i] bits 8k to 8k + 7. */
typedef uint8_t f2f_tile[F2F_MAX_BYTES][F2F_TILE_ROOM];

/* Kept weights of the next n; the mask begins with a byte. */
F2F_INLINE int64_t f2f_kept(const uint8_t *mask, int64_t n) {
    int64_t kept = 0, i = 0;
    for (; i + 64 <= n; i += 64) {
        uint64_t word;
        memcpy(&word, mask + (i >> 3), 8);
        kept += __builtin_popcountll(word);
    }
    if (i < n) {
        uint64_t word;
        memcpy(&word, mask + (i >> 3), 8);
        kept += __builtin_popcountll(word & (((uint64_t)1 << (n - i)) - 1));
    }
    return kept;
}

/* Flip the patched bits of a tile whose first weight is `at`, all of whose n weights are kept. */
F2F_INLINE void f2f_patch_whole(const f2f_decoder *d, const f2f_layout *l, const f2f_range *r,
                                int64_t n, int64_t *patch, uint8_t (*bytes)[F2F_TILE_ROOM]) {
    const int64_t start = r->kept * d->n_planes, end = start + n * d->n_planes;
    const int64_t of_block = (int64_t)d->n_out * d->n_planes;
    for (; *patch < l->n_patches && l->patches[*patch] < end; ++*patch) {
        const int64_t number = l->patches[*patch] - start, first = number / of_block * d->n_out;
        const int64_t n_u = n - first < d->n_out ? n - first : d->n_out;
        const int64_t within = number - first * d->n_planes, plane = within / n_u;
        const int bit = l->bit_of[plane];
        bytes[bit >> 3][first + within - plane * n_u] ^= (uint8_t)(1 << (bit & 7));
    }
}

/* The first n weights of any type: bytes put together, values looked up, pruned ones 0. */
F2F_INLINE void f2f_code_wide(const f2f_layout *l, const uint8_t (*bytes)[F2F_TILE_ROOM],
                              const uint8_t *mask, int n, uint32_t *coded) {
    const uint8_t *b0 = bytes[0], *b1 = bytes[1], *b2 = bytes[2], *b3 = bytes[3];
    if (l->n_coded == 1)
        for (int i = 0; i < n; i++) coded[i] = b0[i];
    else if (l->n_coded == 2)
        for (int i = 0; i < n; i++) coded[i] = (uint32_t)b0[i] | (uint32_t)b1[i] << 8;
    else if (l->n_coded == 3)
        for (int i = 0; i < n; i++)
            coded[i] = (uint32_t)b0[i] | (uint32_t)b1[i] << 8 | (uint32_t)b2[i] << 16;
    else
        for (int i = 0; i < n; i++)
            coded[i] = (uint32_t)b0[i] | (uint32_t)b1[i] << 8 | (uint32_t)b2[i] << 16 |
                       (uint32_t)b3[i] << 24;
    if (l->values.coded)
        f2f_patterns(&l->values, coded, n);
    else
        for (int i = 0; i < n; i++) coded[i] ^= l->inversion;
    for (int i = 0; i < n; i += 8) {
        uint8_t kept[8];
        memcpy(kept, &l->spread[mask[i >> 3]], 8);
        for (int k = 0; k < 8; k++) coded[i + k] &= (uint32_t)0 - kept[k];
    }
}

/* Patterns of one byte by one look-up of a coded weight. */
F2F_INLINE void f2f_look_up(const f2f_layout *l, const uint8_t (*bytes)[F2F_TILE_ROOM],
                            const uint8_t *mask, int n, uint8_t *to) {
    const uint8_t *b0 = bytes[0], *b1 = bytes[1], *table = l->values.bytes;
    for (int i = 0; i < n; i += 8) {
        uint8_t found[8];
        uint64_t v, kept = l->spread[mask[i >> 3]];
        if (l->n_coded == 1)
            for (int k = 0; k < 8; k++) found[k] = table[b0[i + k]];
        else
            for (int k = 0; k < 8; k++)
                found[k] = table[(uint32_t)b0[i + k] | (uint32_t)b1[i + k] << 8];
        memcpy(&v, found, 8);
        v &= (kept << 8) - kept;
        memcpy(to + i, &v, i + 8 <= n ? 8 : (size_t)(n - i));
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
        for (int k = 0; k < l->n_coded; k++) {
            for (int w = 0; w < n_words; w++)
                f2f_turn_planes(rows + 8 * k, w, d->n_out - 64 * w, turned + 8 * w);
            memcpy(bytes[k] + b * d->n_out, turned, (size_t)d->n_out);
        }
    }
}

/* One pass for each set of instructions. */
#define F2F_NAME(x) x##_plain
#define F2F_TARGET
#define F2F_SET F2F_PASS_PLAIN
#include "unpack_body.h"
#ifdef F2F_X86
#include "affine.h"
#include "shuffle.h"
#define F2F_NAME(x) x##_avx2
#define F2F_TARGET __attribute__((target("avx2,popcnt,bmi")))
#define F2F_SET F2F_PASS_AVX2
#include "unpack_body.h"
#define F2F_NAME(x) x##_avx512
#define F2F_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx2,popcnt,bmi")))
#define F2F_SET F2F_PASS_AVX512
#include "unpack_body.h"
#define F2F_NAME(x) x##_gfni
#define F2F_TARGET __attribute__((target("gfni,avx2,popcnt,bmi")))
#define F2F_SET F2F_PASS_GFNI
#define F2F_WIDTH_NAME(x) x##_32
#include "unpack_body.h"
#define F2F_NAME(x) x##_gfni512
#define F2F_TARGET                                                                             \
    __attribute__((target("gfni,avx512f,avx512bw,avx512vl,avx2,popcnt,bmi,bmi2")))
#define F2F_SET F2F_PASS_GFNI512
#define F2F_WIDTH_NAME(x) x##_64
#include "unpack_body.h"
#elif defined(F2F_ARM)
#include "shuffle.h"
#define F2F_NAME(x) x##_neon
#define F2F_TARGET
#define F2F_SET F2F_PASS_NEON
#include "unpack_body.h"
#endif

/* Write the patterns of a range of blocks at their places, with a set of instructions that the
 * processor has. */
static void f2f_unpack(const f2f_decoder *d, const f2f_layout *l, f2f_range r, int set,
                       uint8_t *patterns) {
#ifdef F2F_X86
    switch (set) {
    case F2F_AVX2: f2f_unpack_avx2(d, l, r, patterns); return;
    case F2F_AVX512: f2f_unpack_avx512(d, l, r, patterns); return;
    case F2F_GFNI: f2f_unpack_gfni(d, l, r, patterns); return;
    case F2F_GFNI512: f2f_unpack_gfni512(d, l, r, patterns); return;
    }
#elif defined(F2F_ARM)
    if (set == F2F_NEON) {
        f2f_unpack_neon(d, l, r, patterns);
        return;
    }
#endif
    (void)set;
    f2f_unpack_plain(d, l, r, patterns);
}

#endif
