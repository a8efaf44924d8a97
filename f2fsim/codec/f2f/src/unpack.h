/* From words, packed mask and patches to weights in block order: one pass, block by block.
 *
 * The outputs of eight planes are an 8 x n_out bit matrix; transposed it is one byte of each
 * weight of the block.  Pruned weights are decoded too and then masked away: that costs less than
 * walking the kept ones.
 */
#ifndef F2FSIM_UNPACK_H
#define F2FSIM_UNPACK_H

#include "bits.h"
#include "decode.h"

typedef struct {
    const uint8_t *mask; /* packed, a bit a weight; 16 readable bytes follow its end */
    int64_t n_weights;
    int n_bytes;        /* of a pattern: 1, 2 or 4 */
    int row_of[F2F_MAX_PLANES]; /* stored plane of each bit of the coded weight, -1 for none */
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

/* Eight values of one byte each, pruned ones 0. */
F2F_INLINE void f2f_store_eight(uint8_t *to, uint64_t bytes, uint64_t kept, int n) {
    bytes &= (kept << 8) - kept;
    if (n >= 8)
        memcpy(to, &bytes, 8);
    else
        memcpy(to, &bytes, (size_t)n);
}

/* Coded weights of wider types: bytes put together, exponents looked up, pruned ones 0. */
F2F_INLINE void f2f_store_wide(const f2f_layout *l, const uint64_t (*bytes)[64],
                               const uint8_t *kept, int n, uint32_t *coded) {
    const uint8_t *b0 = (const uint8_t *)bytes[0], *b1 = (const uint8_t *)bytes[1];
    const uint8_t *b2 = (const uint8_t *)bytes[2], *b3 = (const uint8_t *)bytes[3];
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
    for (int i = 0; i < n; i++) coded[i] &= (uint32_t)0 - kept[i];
}

F2F_INLINE void f2f_unpack_body(const f2f_decoder *d, const f2f_layout *l, f2f_range r,
                                uint8_t *patterns, int n_words) {
    uint64_t out[(F2F_MAX_PLANES + 1) * F2F_MAX_WORDS];
    uint64_t mask[F2F_MAX_WORDS], bytes[4][64], kept[64];
    uint32_t coded[512];
    const uint64_t *rows[F2F_MAX_PLANES];
    memset(out + d->n_planes * n_words, 0, (size_t)n_words * 8);
    for (int p = 0; p < F2F_MAX_PLANES; p++)
        rows[p] = out + (l->row_of[p] < 0 ? d->n_planes : l->row_of[p]) * n_words;
    const uint64_t inverted = (l->inversion & 255) * 0x0101010101010101ull;
    const int64_t past = (r.first + r.n_blocks) * d->n_out;
    const int64_t end = past < l->n_weights ? past : l->n_weights; /* what follows is not ours */
    for (int64_t b = r.first; b < r.first + r.n_blocks; b++) {
        const int64_t at = b * d->n_out;
        const int n = l->n_weights - at < d->n_out ? (int)(l->n_weights - at) : d->n_out;
        uint8_t *to = patterns + at * l->n_bytes;
        f2f_read_bits(l->mask, at, n, mask);
        int n_u = 0;
        for (int w = 0; w < n_words && 64 * w < n; w++) n_u += __builtin_popcountll(mask[w]);
        if (n_u == 0) {
            memset(to, 0, (size_t)n * l->n_bytes);
            continue;
        }
        f2f_outputs(d, b, out, n_words);
        const int64_t care = r.kept * d->n_planes, care_end = care + (int64_t)n_u * d->n_planes;
        for (; r.patch < l->n_patches && l->patches[r.patch] < care_end; r.patch++) {
            int number = (int)(l->patches[r.patch] - care), plane = number / n_u;
            int place = f2f_select(mask, number % n_u);
            out[plane * n_words + (place >> 6)] ^= (uint64_t)1 << (place & 63);
        }
        for (int k = 0; k < l->n_bytes; k++)
            for (int w = 0; w < n_words && 64 * w < n; w++)
                f2f_turn_planes(rows + 8 * k, w, n - 64 * w, bytes[k] + 8 * w);
        if (l->n_bytes == 1) {
            for (int g = 0; 8 * g < n; g++)
                f2f_store_eight(to + 8 * g, bytes[0][g] ^ inverted,
                                l->spread[mask[g >> 3] >> (8 * (g & 7)) & 255],
                                at + 8 * g + 8 <= end ? 8 : n - 8 * g);
        } else {
            for (int g = 0; 8 * g < n; g++)
                kept[g] = l->spread[mask[g >> 3] >> (8 * (g & 7)) & 255];
            f2f_store_wide(l, (const uint64_t(*)[64])bytes, (const uint8_t *)kept, n, coded);
            for (; r.outlier < l->n_outliers && l->outliers[r.outlier] < r.kept + n_u;
                 r.outlier++) {
                uint32_t *c = coded + f2f_select(mask, (int)(l->outliers[r.outlier] - r.kept));
                uint32_t field = (((uint32_t)1 << l->n_exponent) - 1) << l->n_mantissa;
                *c = (*c & ~field) | l->fields[r.outlier] << l->n_mantissa;
            }
            if (l->n_bytes == 4)
                memcpy(to, coded, (size_t)n * 4);
            else
                for (int i = 0; i < n; i++) ((uint16_t *)to)[i] = (uint16_t)coded[i];
        }
        r.kept += n_u;
    }
}

F2F_INLINE void f2f_unpack_by_words(const f2f_decoder *d, const f2f_layout *l, f2f_range r,
                                    uint8_t *patterns) {
#define F2F_CALL(k) f2f_unpack_body(d, l, r, patterns, k)
    F2F_BY_WORDS(F2F_CALL)
#undef F2F_CALL
}

#ifdef F2F_X86
__attribute__((target("avx2,popcnt,bmi"))) static void
f2f_unpack_avx2(const f2f_decoder *d, const f2f_layout *l, f2f_range r, uint8_t *patterns) {
    f2f_unpack_by_words(d, l, r, patterns);
}
#endif

/* Write the patterns of a range of blocks at their places. */
static void f2f_unpack(const f2f_decoder *d, const f2f_layout *l, f2f_range r,
                       uint8_t *patterns) {
#ifdef F2F_X86
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt") &&
        __builtin_cpu_supports("bmi")) {
        f2f_unpack_avx2(d, l, r, patterns);
        return;
    }
#endif
    f2f_unpack_by_words(d, l, r, patterns);
}

#endif
