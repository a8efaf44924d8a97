/* Exact minimum of unmatched bits by dynamic programming over the register's words.
 *
 * The state after step t is (w_t, …, w_(t-n_s+1)), the newest word in the highest digit.  A step
 * splits an old state into (m, a): a the word that leaves, m the words that stay; the new word is
 * c.  new[c, m] = min over a of old[m, a] + weight(y ^ A_0 c ^ A_m m ^ A_s a).  Costs are kept
 * relative to their minimum.  One plane a call; see docs/codec.md for the two forms of a step.
 */
#ifndef F2FSIM_VITERBI_H
#define F2FSIM_VITERBI_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bits.h"
#include "simd.h"

#define F2F_MAX_CUBE 16 /* care bits of the largest hypercube */
#define F2F_MOST_PERMUTED 13 /* of the largest by byte permutations: beyond, the direct step is faster */

typedef struct {
    int n_in, n_s, plane, n_planes, direct; /* direct: 1 never transform (benchmark) */
    const uint64_t *columns;  /* [(n_s + 1) * n_in][8] column of the matrix over its rows */
    const int64_t *block_ptr;
    const uint16_t *pos;
    const uint32_t *val;
    int64_t first, stride, n_steps;
    uint16_t *words; /* [n_blocks][n_planes] */
} f2f_trellis;

/* One block seen through its care bits: A_j[value] as bit sets over the care bits. */
typedef struct {
    int n_u, n_words;
    uint64_t y[8];
    uint64_t *a; /* [n_s + 1][2^n_in][n_words] */
} f2f_view;

F2F_INLINE void f2f_look(const f2f_trellis *p, f2f_view *v, int64_t t) {
    int64_t block = p->first + t * p->stride, from = p->block_ptr[block];
    int n_u = (int)(p->block_ptr[block + 1] - from), n_words = (n_u + 63) / 64;
    size_t n_values = (size_t)1 << p->n_in;
    if (n_words == 0) n_words = 1;
    v->n_u = n_u;
    v->n_words = n_words;
    memset(v->y, 0, sizeof v->y);
    for (int i = 0; i < n_u; i++)
        v->y[i >> 6] |= (uint64_t)(p->val[from + i] >> p->plane & 1) << (i & 63);
    for (int j = 0; j <= p->n_s; j++) {
        uint64_t *a = v->a + (size_t)j * n_values * n_words;
        memset(a, 0, (size_t)n_words * 8);
        for (int bit = 0; bit < p->n_in; bit++) {
            const uint64_t *column = p->columns + ((size_t)j * p->n_in + bit) * 8;
            uint64_t seen[8] = {0};
            for (int i = 0; i < n_u; i++) {
                int row = p->pos[from + i];
                seen[i >> 6] |= (column[row >> 6] >> (row & 63) & 1) << (i & 63);
            }
            size_t low = (size_t)1 << bit;
            for (size_t x = 0; x < low; x++)
                for (int w = 0; w < n_words; w++)
                    a[(low + x) * n_words + w] = a[x * n_words + w] ^ seen[w];
        }
    }
}

/* y ^ sum of the words that stay, for all m: base[m][n_words]. */
F2F_INLINE void f2f_bases(const f2f_trellis *p, const f2f_view *v, size_t n_m, uint64_t *base) {
    size_t n_values = (size_t)1 << p->n_in;
    for (size_t m = 0; m < n_m; m++) {
        uint64_t *b = base + m * v->n_words;
        for (int w = 0; w < v->n_words; w++) b[w] = v->y[w];
        for (int j = 1; j < p->n_s; j++) {
            size_t digit = m >> (size_t)(p->n_in * (p->n_s - 1 - j)) & (n_values - 1);
            const uint64_t *a = v->a + ((size_t)j * n_values + digit) * v->n_words;
            for (int w = 0; w < v->n_words; w++) b[w] ^= a[w];
        }
    }
}

F2F_INLINE int f2f_weight(const uint64_t *base, const uint64_t *c, const uint64_t *a, int n) {
    int sum = 0;
    for (int w = 0; w < n; w++) sum += __builtin_popcountll(base[w] ^ c[w] ^ a[w]);
    return sum;
}

/* What a start other than zeros must cost so that no way gains by it. */
static int f2f_far_cost(const f2f_trellis *p) {
    int far = 1;
    for (int64_t t = 0; t < p->n_s && t < p->n_steps; t++) {
        int64_t b = p->first + t * p->stride;
        far += (int)(p->block_ptr[b + 1] - p->block_ptr[b]);
    }
    return far;
}

/* How the parts of a step are done that need the processor's vectors. */
enum { F2F_BY_C, F2F_BY_VECTORS, F2F_BY_VBMI };
#ifdef F2F_X86
#include "viterbi_avx2.h"
#include "viterbi_vbmi.h"
#elif defined(F2F_ARM)
#include "viterbi_neon.h"
#endif

#define F2F_T uint8_t
#define F2F_NAME(x) x##_8
#include "viterbi_body.h"
#undef F2F_T
#undef F2F_NAME
#define F2F_T uint16_t
#define F2F_NAME(x) x##_16
#include "viterbi_body.h"

#ifdef F2F_X86
__attribute__((target("avx2,popcnt"))) static int f2f_viterbi_avx2(const f2f_trellis *p, int wide,
                                                                   int64_t slots, int64_t *cost) {
    return wide ? f2f_run_16(p, slots, F2F_BY_VECTORS, cost)
                : f2f_run_8(p, slots, F2F_BY_VECTORS, cost);
}

F2F_VBMI static int f2f_viterbi_vbmi(const f2f_trellis *p, int64_t slots, int64_t *cost) {
    return f2f_run_8(p, slots, F2F_BY_VBMI, cost);
}
#endif

/* Encode one plane of one group; its unmatched bits go to *cost.  Returns -1 without memory. */
static int f2f_viterbi(const f2f_trellis *p, int wide, int64_t slots, int64_t *cost) {
#ifdef F2F_X86
    if (f2f_set() >= F2F_AVX512 && f2f_has_vbmi() && !wide && p->n_in == 8)
        return f2f_viterbi_vbmi(p, slots, cost);
    if (f2f_set() >= F2F_AVX2)
        return f2f_viterbi_avx2(p, wide, slots, cost);
#elif defined(F2F_ARM)
    if (f2f_set() == F2F_NEON && !wide) return f2f_run_8(p, slots, F2F_BY_VECTORS, cost);
#endif
    return wide ? f2f_run_16(p, slots, F2F_BY_C, cost) : f2f_run_8(p, slots, F2F_BY_C, cost);
}

#endif
