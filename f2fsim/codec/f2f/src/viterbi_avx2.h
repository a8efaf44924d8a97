/* Parts of the dynamic programme by AVX2: costs of a byte, 32 at a time. */
#ifndef F2FSIM_VITERBI_AVX2_H
#define F2FSIM_VITERBI_AVX2_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define F2F_LOW_BITS 5

/* Distances across the low five bits, which lie within one 32-byte register. */
__attribute__((target("avx2"))) static void f2f_low_passes(uint8_t *cells, size_t n, int n_u) {
    const __m256i one = _mm256_set1_epi8(1);
    const __m256i swap_0 = _mm256_setr_epi8(1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14, 1,
                                            0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
    const __m256i swap_1 = _mm256_setr_epi8(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13, 2,
                                            3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
    for (size_t i = 0; i < n; i += 32) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(cells + i));
        if (n_u > 0) v = _mm256_min_epu8(v, _mm256_add_epi8(_mm256_shuffle_epi8(v, swap_0), one));
        if (n_u > 1) v = _mm256_min_epu8(v, _mm256_add_epi8(_mm256_shuffle_epi8(v, swap_1), one));
        if (n_u > 2) v = _mm256_min_epu8(v, _mm256_add_epi8(_mm256_shuffle_epi32(v, 0xB1), one));
        if (n_u > 3) v = _mm256_min_epu8(v, _mm256_add_epi8(_mm256_shuffle_epi32(v, 0x4E), one));
        if (n_u > 4)
            v = _mm256_min_epu8(v, _mm256_add_epi8(_mm256_permute4x64_epi64(v, 0x4E), one));
        _mm256_storeu_si256((__m256i *)(cells + i), v);
    }
}

/* The least of 256 sums of a cost and its parts. */
__attribute__((target("avx2"))) static int f2f_least(const uint8_t *from, const uint8_t **parts,
                                                     int n_parts) {
    __m256i best = _mm256_set1_epi8(-1);
    for (int a = 0; a < 256; a += 32) {
        __m256i sum = _mm256_loadu_si256((const __m256i *)(from + a));
        for (int g = 0; g < n_parts; g++)
            sum = _mm256_add_epi8(sum, _mm256_loadu_si256((const __m256i *)(parts[g] + a)));
        best = _mm256_min_epu8(best, sum);
    }
    __m128i v = _mm_min_epu8(_mm256_castsi256_si128(best), _mm256_extracti128_si256(best, 1));
    v = _mm_min_epu8(v, _mm_srli_epi16(v, 8)); /* even bytes: the smaller of each pair */
    return _mm_cvtsi128_si32(_mm_minpos_epu16(_mm_and_si128(v, _mm_set1_epi16(255)))) & 255;
}

/* to[k * n_rows] = from[k] - low for a 16 x 16 tile of bytes. */
__attribute__((target("avx2"))) static void f2f_turn_16(const uint8_t *from, size_t from_row,
                                                        uint8_t *to, size_t to_row, int low) {
    __m128i a[16], b[16];
    const __m128i less = _mm_set1_epi8((char)low);
    for (int i = 0; i < 16; i++)
        a[i] = _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(from + i * from_row)), less);
    for (int round = 0; round < 4; round++) { /* a perfect shuffle of the rows, four times */
        for (int i = 0; i < 8; i++) {
            b[2 * i] = _mm_unpacklo_epi8(a[i], a[i + 8]);
            b[2 * i + 1] = _mm_unpackhi_epi8(a[i], a[i + 8]);
        }
        for (int i = 0; i < 16; i++) a[i] = b[i];
    }
    for (int i = 0; i < 16; i++) _mm_storeu_si128((__m128i *)(to + i * to_row), a[i]);
}

#endif
