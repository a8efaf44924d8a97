/* The end of a tile by Arm's NEON; included by unpack_body.h. */

/* Bytes moved down by n bits, 0 to 8; or up. */
F2F_INLINE uint8x16_t f2f_down_neon(uint8x16_t v, int n) {
    return vshlq_u8(v, vdupq_n_s8((int8_t)-n));
}

F2F_INLINE uint8x16_t f2f_up_neon(uint8x16_t v, int n) { return vshlq_u8(v, vdupq_n_s8((int8_t)n)); }

/* Patterns of 16 coded weights of a type of one byte; their planes 0-7 and 8-15. */
F2F_INLINE uint8x16_t f2f_value_bytes_neon(const f2f_values *v, uint8x16_t low, uint8x16_t high) {
    const uint8x16_t mask = vdupq_n_u8((uint8_t)v->mask);
    const int at = v->prefix_shift;
    uint8x16_t prefix = vdupq_n_u8(0);
    if (at >= 8 && at < 16)
        prefix = f2f_down_neon(high, at - 8);
    else if (at < 8)
        prefix = vorrq_u8(f2f_down_neon(low, at), f2f_up_neon(high, 8 - at));
    uint8x16_t u = vandq_u8(vqtbl4q_u8(vld1q_u8_x4(v->suffix_bytes), prefix), low);
    u = vaddq_u8(u, vqtbl4q_u8(vld1q_u8_x4(v->base_bytes), prefix));
    u = vandq_u8(u, mask);
    if (v->order) {
        const uint8x16_t sign = vandq_u8(u, vdupq_n_u8(1));
        u = f2f_down_neon(u, 1);
        u = v->order == 1 ? veorq_u8(u, vsubq_u8(vdupq_n_u8(0), sign))
                          : vorrq_u8(u, f2f_up_neon(sign, v->top));
    }
    u = vandq_u8(vaddq_u8(u, vdupq_n_u8((uint8_t)v->centre)), mask);
    return f2f_up_neon(u, v->shift);
}

/* n weights of one byte: complemented as planned or looked up, pruned ones 0. */
F2F_INLINE void f2f_store_bytes_neon(const f2f_layout *l, const uint8_t (*bytes)[F2F_TILE_ROOM],
                                     const uint8_t *mask, int n, uint8_t *to) {
    const uint8x16_t own_bit = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201ull));
    const uint8x16_t inverted = vdupq_n_u8((uint8_t)l->inversion);
    for (int i = 0; i < n; i += 16) {
        const uint8_t *flags = mask + (i >> 3);
        const uint8x16_t kept =
            vtstq_u8(vcombine_u8(vdup_n_u8(flags[0]), vdup_n_u8(flags[1])), own_bit);
        uint8x16_t v = vld1q_u8(bytes[0] + i);
        if (l->values.coded) {
            uint8x16_t high = vdupq_n_u8(0);
            if (l->n_coded > 1) high = vld1q_u8(bytes[1] + i);
            v = f2f_value_bytes_neon(&l->values, v, high);
        } else {
            v = veorq_u8(v, inverted);
        }
        v = vandq_u8(v, kept);
        if (i + 16 <= n) {
            vst1q_u8(to + i, v);
        } else {
            uint8_t last[16];
            vst1q_u8(last, v);
            memcpy(to + i, last, (size_t)(n - i));
        }
    }
}
