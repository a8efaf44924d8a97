/* The XOR decoder by table look-up: y_t = sum over j of T_j[w_(t-j)], words of n_out bits. */
#ifndef F2FSIM_DECODE_H
#define F2FSIM_DECODE_H

#include "bits.h"

#define F2F_MAX_PLANES 32
#define F2F_MAX_WORDS 8 /* 64-bit words of a block's outputs */

typedef struct {
    int n_reg, n_half, n_planes, n_out, n_words; /* n_words 64-bit words hold n_out bits */
    int64_t n_groups;
    const uint64_t *tables; /* [n_reg][n_half][256][n_words] */
    const uint16_t *words;  /* [n_blocks][n_planes] */
    const uint16_t *words_end;
} f2f_decoder;

/* How many of the registers have been filled when a block is decoded. */
F2F_INLINE int f2f_live(const f2f_decoder *d, int64_t block) {
    int n_live = d->n_reg;
    while (n_live > 1 && block < (n_live - 1) * d->n_groups) n_live--;
    return n_live;
}

/* Outputs of all planes of one block: out[n_planes][n_words]. */
F2F_INLINE void f2f_outputs(const f2f_decoder *d, int64_t block, uint64_t *out, int n_words) {
    const size_t table = (size_t)256 * n_words, step = table * d->n_half;
    const int64_t back = d->n_groups * d->n_planes;
    const int n_live = f2f_live(d, block);
    const uint16_t *newest = d->words + block * d->n_planes;
    for (int p = 0; p < d->n_planes; p++) {
        uint64_t sum[F2F_MAX_WORDS];
        const uint16_t *w = newest + p;
        const uint64_t *t = d->tables + (size_t)(*w & 255) * n_words;
        for (int i = 0; i < n_words; i++) sum[i] = t[i];
        for (int j = 1; j < n_live; j++) {
            t = d->tables + j * step + (size_t)(w[-j * back] & 255) * n_words;
            for (int i = 0; i < n_words; i++) sum[i] ^= t[i];
        }
        if (d->n_half == 2)
            for (int j = 0; j < n_live; j++) {
                t = d->tables + j * step + table + (size_t)(w[-j * back] >> 8) * n_words;
                for (int i = 0; i < n_words; i++) sum[i] ^= t[i];
            }
        for (int i = 0; i < n_words; i++) out[p * n_words + i] = sum[i];
    }
}

F2F_INLINE void f2f_planes_body(const f2f_decoder *d, int64_t first, int64_t n, uint64_t *out,
                                int n_words) {
    for (int64_t b = 0; b < n; b++)
        f2f_outputs(d, first + b, out + (size_t)b * d->n_planes * n_words, n_words);
}

/* Bits of all planes at the kept places of the blocks [first, first + n). */
F2F_INLINE void f2f_values_body(const f2f_decoder *d, int64_t first, int64_t n,
                                const int64_t *block_ptr, const uint16_t *pos, uint32_t *val,
                                int n_words) {
    uint64_t out[F2F_MAX_PLANES * F2F_MAX_WORDS];
    for (int64_t b = first; b < first + n; b++) {
        if (block_ptr[b] == block_ptr[b + 1]) continue;
        f2f_outputs(d, b, out, n_words);
        for (int64_t e = block_ptr[b]; e < block_ptr[b + 1]; e++) {
            const uint64_t *at = out + (pos[e] >> 6);
            int shift = pos[e] & 63;
            uint32_t v = 0;
            for (int p = 0; p < d->n_planes; p++)
                v |= (uint32_t)(at[p * n_words] >> shift & 1) << p;
            val[e] = v;
        }
    }
}

#define F2F_BY_WORDS(call)                                                                     \
    switch (d->n_words) {                                                                      \
    case 1: call(1); break;                                                                    \
    case 2: call(2); break;                                                                    \
    case 3: call(3); break;                                                                    \
    case 4: call(4); break;                                                                    \
    default: call(d->n_words);                                                                 \
    }

static void f2f_decode_planes(const f2f_decoder *d, int64_t first, int64_t n, uint64_t *out) {
#define F2F_CALL(k) f2f_planes_body(d, first, n, out, k)
    F2F_BY_WORDS(F2F_CALL)
#undef F2F_CALL
}

static void f2f_decode_values(const f2f_decoder *d, int64_t first, int64_t n,
                              const int64_t *block_ptr, const uint16_t *pos, uint32_t *val) {
#define F2F_CALL(k) f2f_values_body(d, first, n, block_ptr, pos, val, k)
    F2F_BY_WORDS(F2F_CALL)
#undef F2F_CALL
}

#endif
