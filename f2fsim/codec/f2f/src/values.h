/* From coded weights, suffix on the lowest planes and prefix on the highest, to patterns. */
#ifndef F2FSIM_VALUES_H
#define F2FSIM_VALUES_H

#include "bits.h"

#define F2F_PREFIXES 64 /* values of the highest planes, at most */

typedef struct {
    int coded;            /* 0: a coded weight is the pattern */
    const uint8_t *bytes; /* [2^planes] pattern of each coded weight, types of one byte only */
    int prefix_shift;     /* planes below the prefix's, at most 31 */
    uint32_t base[F2F_PREFIXES], suffix[F2F_PREFIXES]; /* first number, mask of the suffix */
    int order;            /* 0: numbers as they are, 1: signs alternate, 2: sign lowest */
    uint8_t base_bytes[F2F_PREFIXES], suffix_bytes[F2F_PREFIXES]; /* of types of one byte */
    uint32_t centre, mask; /* what is added, and the bits of a number */
    int top, shift;       /* highest bit of a number; lowest bits that are left out */
} f2f_values;

F2F_INLINE void f2f_patterns(const f2f_values *v, uint32_t *coded, int n) {
    for (int i = 0; i < n; i++) {
        const uint32_t c = coded[i], prefix = c >> v->prefix_shift;
        coded[i] = (v->base[prefix] + (c & v->suffix[prefix])) & v->mask;
    }
    if (v->order == 1)
        for (int i = 0; i < n; i++) coded[i] = coded[i] >> 1 ^ (0 - (coded[i] & 1));
    if (v->order == 2)
        for (int i = 0; i < n; i++) coded[i] = coded[i] >> 1 | (coded[i] & 1) << v->top;
    else
        for (int i = 0; i < n; i++) coded[i] = (coded[i] + v->centre) & v->mask;
    for (int i = 0; i < n; i++) coded[i] <<= v->shift;
}

#endif
