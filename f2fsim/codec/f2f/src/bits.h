/* Bits of packed streams: read at any place, spread to bytes, transposed eight by eight. */
#ifndef F2FSIM_BITS_H
#define F2FSIM_BITS_H

#include <stdint.h>
#include <string.h>
#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define F2F_X86 1
#elif defined(__aarch64__) && defined(__GNUC__)
#include <arm_neon.h>
#define F2F_ARM 1
#endif

#define F2F_INLINE static inline __attribute__((always_inline))

/* spread[v]: byte i is bit i of v. */
F2F_INLINE void f2f_fill_spread(uint64_t *spread) {
    for (int v = 0; v < 256; v++) {
        uint64_t x = 0;
        for (int i = 0; i < 8; i++) x |= (uint64_t)(v >> i & 1) << (8 * i);
        spread[v] = x;
    }
}

/* Bits [at, at + n) of a packed stream, which 16 readable bytes follow; n at least 1. */
F2F_INLINE void f2f_read_bits(const uint8_t *data, int64_t at, int n, uint64_t *out) {
    const uint8_t *from = data + (at >> 3);
    int shift = (int)(at & 7);
    for (int i = 0; 64 * i < n; i++, from += 8) {
        uint64_t word;
        memcpy(&word, from, 8);
        word >>= shift;
        if (shift) word |= (uint64_t)from[8] << (64 - shift);
        if (n - 64 * i < 64) word &= ((uint64_t)1 << (n - 64 * i)) - 1;
        out[i] = word;
    }
}

F2F_INLINE uint64_t f2f_turn_bits(uint64_t x) { /* 8 x 8 bits, Hacker's Delight 7-3 */
    uint64_t t = (x ^ (x >> 7)) & 0x00AA00AA00AA00AAull;
    x ^= t ^ (t << 7);
    t = (x ^ (x >> 14)) & 0x0000CCCC0000CCCCull;
    x ^= t ^ (t << 14);
    t = (x ^ (x >> 28)) & 0x00000000F0F0F0F0ull;
    return x ^ t ^ (t << 28);
}

#ifdef F2F_X86
F2F_INLINE __m128i f2f_turn_two(__m128i x) {
    __m128i t = _mm_and_si128(_mm_xor_si128(x, _mm_srli_epi64(x, 7)),
                              _mm_set1_epi64x(0x00AA00AA00AA00AAll));
    x = _mm_xor_si128(x, _mm_xor_si128(t, _mm_slli_epi64(t, 7)));
    t = _mm_and_si128(_mm_xor_si128(x, _mm_srli_epi64(x, 14)),
                      _mm_set1_epi64x(0x0000CCCC0000CCCCll));
    x = _mm_xor_si128(x, _mm_xor_si128(t, _mm_slli_epi64(t, 14)));
    t = _mm_and_si128(_mm_xor_si128(x, _mm_srli_epi64(x, 28)),
                      _mm_set1_epi64x(0x00000000F0F0F0F0ll));
    return _mm_xor_si128(x, _mm_xor_si128(t, _mm_slli_epi64(t, 28)));
}
#endif

/* Byte i of to[0..7] = bit i of the eight rows, for the first n (at most 64) outputs. */
F2F_INLINE void f2f_turn_planes(const uint64_t *const *rows, int word, int n, uint64_t *to) {
#ifdef F2F_X86
    __m128i a[8], b[4], c[4];
    for (int r = 0; r < 8; r++) a[r] = _mm_loadl_epi64((const __m128i *)(rows[r] + word));
    for (int r = 0; r < 4; r++) b[r] = _mm_unpacklo_epi8(a[2 * r], a[2 * r + 1]);
    c[0] = _mm_unpacklo_epi16(b[0], b[1]), c[1] = _mm_unpackhi_epi16(b[0], b[1]);
    c[2] = _mm_unpacklo_epi16(b[2], b[3]), c[3] = _mm_unpackhi_epi16(b[2], b[3]);
    __m128i *out = (__m128i *)to;
    _mm_storeu_si128(out, f2f_turn_two(_mm_unpacklo_epi32(c[0], c[2])));
    if (n > 16) _mm_storeu_si128(out + 1, f2f_turn_two(_mm_unpackhi_epi32(c[0], c[2])));
    if (n > 32) _mm_storeu_si128(out + 2, f2f_turn_two(_mm_unpacklo_epi32(c[1], c[3])));
    if (n > 48) _mm_storeu_si128(out + 3, f2f_turn_two(_mm_unpackhi_epi32(c[1], c[3])));
#else
    for (int g = 0; 8 * g < n; g++) {
        uint64_t x = 0;
        for (int r = 0; r < 8; r++) x |= (rows[r][word] >> (8 * g) & 255) << (8 * r);
        to[g] = f2f_turn_bits(x);
    }
#endif
}

#endif
