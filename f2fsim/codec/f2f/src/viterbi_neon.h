/* Parts of the dynamic programme by Arm's NEON: costs of a byte, 16 at a time. */
#ifndef F2FSIM_VITERBI_NEON_H
#define F2FSIM_VITERBI_NEON_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#define F2F_LOW_BITS 4

/* Distances across the low four bits, which lie within one 16-byte register. */
static void f2f_low_passes(uint8_t *cells, size_t n, int n_u) {
    const uint8x16_t one = vdupq_n_u8(1);
    for (size_t i = 0; i < n; i += 16) {
        uint8x16_t v = vld1q_u8(cells + i);
        if (n_u > 0) v = vminq_u8(v, vaddq_u8(vrev16q_u8(v), one));
        if (n_u > 1)
            v = vminq_u8(v, vaddq_u8(vreinterpretq_u8_u16(vrev32q_u16(vreinterpretq_u16_u8(v))), one));
        if (n_u > 2)
            v = vminq_u8(v, vaddq_u8(vreinterpretq_u8_u32(vrev64q_u32(vreinterpretq_u32_u8(v))), one));
        if (n_u > 3) v = vminq_u8(v, vaddq_u8(vextq_u8(v, v, 8), one));
        vst1q_u8(cells + i, v);
    }
}

/* The least of 256 sums of a cost and its parts. */
static int f2f_least(const uint8_t *from, const uint8_t **parts, int n_parts) {
    uint8x16_t best = vdupq_n_u8(255);
    for (int a = 0; a < 256; a += 16) {
        uint8x16_t sum = vld1q_u8(from + a);
        for (int g = 0; g < n_parts; g++) sum = vaddq_u8(sum, vld1q_u8(parts[g] + a));
        best = vminq_u8(best, sum);
    }
    return vminvq_u8(best);
}

/* to[k * n_rows] = from[k] - low for a 16 x 16 tile of bytes. */
static void f2f_turn_16(const uint8_t *from, size_t from_row, uint8_t *to, size_t to_row, int low) {
    uint8x16_t a[16], b[16];
    const uint8x16_t less = vdupq_n_u8((uint8_t)low);
    for (int i = 0; i < 16; i++) a[i] = vsubq_u8(vld1q_u8(from + i * from_row), less);
    for (int round = 0; round < 4; round++) { /* a perfect shuffle of the rows, four times */
        for (int i = 0; i < 8; i++) {
            b[2 * i] = vzip1q_u8(a[i], a[i + 8]);
            b[2 * i + 1] = vzip2q_u8(a[i], a[i + 8]);
        }
        for (int i = 0; i < 16; i++) a[i] = b[i];
    }
    for (int i = 0; i < 16; i++) vst1q_u8(to + i * to_row, a[i]);
}

#endif
