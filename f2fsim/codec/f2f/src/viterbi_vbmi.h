/* The dynamic programme's hypercube by byte permutations (AVX-512 VBMI): words of 8 bits, costs of a
 * byte.
 *
 * One instruction looks 64 bytes up in a table of 128, so that neither scatter nor gather walks the
 * 256 words one by one: cells take the cost of the word that leads to them, where several do the
 * least of them, and new words look their cell up.
 */
#ifndef F2FSIM_VITERBI_VBMI_H
#define F2FSIM_VITERBI_VBMI_H

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#define F2F_VBMI __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,avx2,popcnt,bmi")))
#define F2F_LOOKED_UP 10 /* care bits up to which cells are looked up by permutations */

typedef struct {
    int n_same;             /* of the words that the oldest part of the matrix does not see: a basis */
    uint8_t same[8];
    uint8_t *word_of;       /* a word that leads to each cell */
    uint64_t *reached;      /* whether there is one, a bit a cell */
    uint8_t low[256], high[256]; /* cell of each new word */
    uint16_t cell[256];
} f2f_cube;

static int f2f_has_vbmi(void) {
    return f2f_has_set(F2F_AVX512) && __builtin_cpu_supports("avx512vbmi");
}

/* `room`: 9/8 bytes a cell, at least 256 cells. */
static void f2f_cube_fill(f2f_cube *q, const uint64_t *oldest, const uint64_t *newest,
                          size_t n_cells, uint8_t *room) {
    q->reached = (uint64_t *)room;
    q->word_of = room + n_cells / 8;
    q->n_same = 0;
    memset(room, 0, n_cells / 8 + n_cells);
    for (int x = 0, n_zero = 0; x < 256; x++) {
        const size_t to = oldest[x];
        if (!(q->reached[to >> 6] >> (to & 63) & 1)) q->word_of[to] = (uint8_t)x;
        q->reached[to >> 6] |= (uint64_t)1 << (to & 63);
        /* of a space in ascending order the elements 1, 2, 4, … are a basis */
        if (x && to == 0 && (++n_zero & (n_zero - 1)) == 0) q->same[q->n_same++] = (uint8_t)x;
        q->cell[x] = (uint16_t)newest[x];
        q->low[x] = (uint8_t)newest[x];
        q->high[x] = (uint8_t)(newest[x] >> 8);
    }
}

/* Entries idx of a table of 256 bytes. */
F2F_VBMI F2F_INLINE __m512i f2f_of_256(const __m512i *table, __m512i idx) {
    const __m512i low = _mm512_permutex2var_epi8(table[0], idx, table[1]);
    const __m512i high = _mm512_permutex2var_epi8(table[2], idx, table[3]);
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(idx), low, high);
}

/* The same of 64 n_vec bytes, 256, 512 or 1024; `high`: the index's bits from 8 on. */
F2F_VBMI F2F_INLINE __m512i f2f_of_cells(const __m512i *cells, int n_vec, __m512i idx, __m512i high) {
    __m512i v = f2f_of_256(cells, idx);
    if (n_vec >= 8) {
        const __mmask64 odd = _mm512_test_epi8_mask(high, _mm512_set1_epi8(1));
        v = _mm512_mask_blend_epi8(odd, v, f2f_of_256(cells + 4, idx));
        if (n_vec >= 16) {
            const __m512i w = _mm512_mask_blend_epi8(odd, f2f_of_256(cells + 8, idx),
                                                     f2f_of_256(cells + 12, idx));
            v = _mm512_mask_blend_epi8(_mm512_test_epi8_mask(high, _mm512_set1_epi8(2)), v, w);
        }
    }
    return v;
}

/* Costs of 256 old words, the least of those that lead to the same cell. */
F2F_VBMI F2F_INLINE void f2f_old_costs(const f2f_cube *q, const uint8_t *from, __m512i *f) {
    uint8_t own[64];
    for (int i = 0; i < 64; i++) own[i] = (uint8_t)i;
    const __m512i first = _mm512_loadu_si512(own);
    for (int g = 0; g < 4; g++) f[g] = _mm512_loadu_si512(from + 64 * g);
    for (int s = 0; s < q->n_same; s++) {
        const int other = q->same[s] >> 6; /* whole vectors change places, and bytes within them */
        const __m512i idx = _mm512_xor_si512(first, _mm512_set1_epi8((char)(q->same[s] & 63)));
        __m512i moved[4];
        for (int g = 0; g < 4; g++) moved[g] = _mm512_permutexvar_epi8(idx, f[g]);
        switch (other) {
        case 0:
            for (int g = 0; g < 4; g++) f[g] = _mm512_min_epu8(f[g], moved[g]);
            break;
        case 1:
            for (int g = 0; g < 4; g++) f[g] = _mm512_min_epu8(f[g], moved[g ^ 1]);
            break;
        case 2:
            for (int g = 0; g < 4; g++) f[g] = _mm512_min_epu8(f[g], moved[g ^ 2]);
            break;
        default:
            for (int g = 0; g < 4; g++) f[g] = _mm512_min_epu8(f[g], moved[g ^ 3]);
        }
    }
}

/* 64 cells from the costs of old words, and the distances across their low six bits. */
F2F_VBMI F2F_INLINE __m512i f2f_cells(const f2f_cube *q, const __m512i *f, int i, __m512i far,
                                      int n_u) {
    const __m512i one = _mm512_set1_epi8(1);
    const __m512i swap_0 = _mm512_set4_epi32(0x0E0F0C0D, 0x0A0B0809, 0x06070405, 0x02030001);
    const __m512i swap_1 = _mm512_set4_epi32(0x0D0C0F0E, 0x09080B0A, 0x05040706, 0x01000302);
    __m512i v = f2f_of_256(f, _mm512_loadu_si512(q->word_of + 64 * i));
    v = _mm512_mask_mov_epi8(far, q->reached[i], v);
    if (n_u > 0) v = _mm512_min_epu8(v, _mm512_add_epi8(_mm512_shuffle_epi8(v, swap_0), one));
    if (n_u > 1) v = _mm512_min_epu8(v, _mm512_add_epi8(_mm512_shuffle_epi8(v, swap_1), one));
    if (n_u > 2) v = _mm512_min_epu8(v, _mm512_add_epi8(_mm512_shuffle_epi32(v, 0xB1), one));
    if (n_u > 3) v = _mm512_min_epu8(v, _mm512_add_epi8(_mm512_shuffle_epi32(v, 0x4E), one));
    if (n_u > 4) v = _mm512_min_epu8(v, _mm512_add_epi8(_mm512_shuffle_i64x2(v, v, 0xB1), one));
    if (n_u > 5) v = _mm512_min_epu8(v, _mm512_add_epi8(_mm512_shuffle_i64x2(v, v, 0x4E), one));
    return v;
}

/* All m of a step with at most F2F_LOOKED_UP care bits: 64 n_vec cells in registers. */
F2F_VBMI F2F_INLINE void f2f_cube_small(const f2f_cube *q, const uint64_t *base, size_t n_m,
                                        const uint8_t *old, uint8_t *out, int far, int n_u,
                                        int n_vec) {
    const __m512i one = _mm512_set1_epi8(1), start = _mm512_set1_epi8((char)far);
    for (size_t m = 0; m < n_m; m++, old += 256, out += 256) {
        __m512i f[4], c[16];
        f2f_old_costs(q, old, f);
        for (int i = 0; i < n_vec; i++) c[i] = f2f_cells(q, f, i, start, n_u);
        for (int stride = 1; stride < n_vec; stride *= 2) {
            if (64 * stride >= 1 << n_u) break;
            for (int i = 0; i < n_vec; i++) {
                if (i & stride) continue;
                const __m512i a = c[i], b = c[i + stride];
                c[i] = _mm512_min_epu8(a, _mm512_add_epi8(b, one));
                c[i + stride] = _mm512_min_epu8(b, _mm512_add_epi8(a, one));
            }
        }
        const __m512i low = _mm512_set1_epi8((char)base[m]);
        const __m512i high = _mm512_set1_epi8((char)(base[m] >> 8));
        for (int g = 0; g < 4; g++) {
            const __m512i l = _mm512_xor_si512(_mm512_loadu_si512(q->low + 64 * g), low);
            const __m512i h = _mm512_xor_si512(_mm512_loadu_si512(q->high + 64 * g), high);
            _mm512_storeu_si512(out + 64 * g, f2f_of_cells(c, n_vec, l, h));
        }
    }
}

/* All m of a step with more care bits: cells in memory, looked up one by one. */
F2F_VBMI static void f2f_cube_large(const f2f_cube *q, const uint64_t *base, size_t n_m,
                                    const uint8_t *old, uint8_t *out, int far, int n_u,
                                    uint8_t *cells) {
    const __m512i one = _mm512_set1_epi8(1), start = _mm512_set1_epi8((char)far);
    const size_t n = (size_t)1 << n_u;
    for (size_t m = 0; m < n_m; m++, old += 256, out += 256) {
        __m512i f[4];
        f2f_old_costs(q, old, f);
        for (size_t i = 0; i < n; i += 128) {
            const __m512i a = f2f_cells(q, f, (int)(i / 64), start, n_u);
            const __m512i b = f2f_cells(q, f, (int)(i / 64) + 1, start, n_u);
            _mm512_storeu_si512(cells + i, _mm512_min_epu8(a, _mm512_add_epi8(b, one)));
            _mm512_storeu_si512(cells + i + 64, _mm512_min_epu8(b, _mm512_add_epi8(a, one)));
        }
        size_t stride = 128;
        for (; 2 * stride < n; stride *= 4) /* two bits a pass */
            for (size_t i = 0; i < n; i += 4 * stride)
                for (size_t j = i; j < i + stride; j += 64) {
                    __m512i v[4], w[4];
                    for (int k = 0; k < 4; k++) v[k] = _mm512_loadu_si512(cells + j + k * stride);
                    for (int k = 0; k < 4; k++)
                        w[k] = _mm512_min_epu8(v[k], _mm512_add_epi8(v[k ^ 1], one));
                    for (int k = 0; k < 4; k++)
                        _mm512_storeu_si512(cells + j + k * stride,
                                            _mm512_min_epu8(w[k], _mm512_add_epi8(w[k ^ 2], one)));
                }
        for (; stride < n; stride *= 2)
            for (size_t i = 0; i < n; i += 2 * stride)
                for (size_t j = i; j < i + stride; j += 64) {
                    const __m512i a = _mm512_loadu_si512(cells + j);
                    const __m512i b = _mm512_loadu_si512(cells + j + stride);
                    _mm512_storeu_si512(cells + j, _mm512_min_epu8(a, _mm512_add_epi8(b, one)));
                    _mm512_storeu_si512(cells + j + stride,
                                        _mm512_min_epu8(b, _mm512_add_epi8(a, one)));
                }
        const uint16_t at = (uint16_t)base[m];
        for (int c = 0; c < 256; c++) out[c] = cells[at ^ q->cell[c]];
    }
}

/* out[m][c] for all m; `work` has 9/8 bytes a cell and one more for each cell, at least 256. */
F2F_VBMI static void f2f_cube_vbmi(const uint64_t *oldest, const uint64_t *newest,
                                   const uint64_t *base, size_t n_m, const uint8_t *old,
                                   uint8_t *out, int far, int n_u, uint8_t *work) {
    const size_t n_cells = (size_t)1 << (n_u < 8 ? 8 : n_u);
    f2f_cube q;
    f2f_cube_fill(&q, oldest, newest, n_cells, work + n_cells);
    if (n_u <= 8)
        f2f_cube_small(&q, base, n_m, old, out, far, n_u, 4);
    else if (n_u == 9)
        f2f_cube_small(&q, base, n_m, old, out, far, 9, 8);
    else if (n_u <= F2F_LOOKED_UP)
        f2f_cube_small(&q, base, n_m, old, out, far, 10, 16);
    else
        f2f_cube_large(&q, base, n_m, old, out, far, n_u, work);
}

/* The least of 256 sums of a cost and its parts. */
F2F_VBMI static int f2f_least_512(const uint8_t *from, const uint8_t **parts, int n_parts) {
    __m512i sum[4];
    for (int a = 0; a < 4; a++) sum[a] = _mm512_loadu_si512(from + 64 * a);
    for (int g = 0; g < n_parts; g++)
        for (int a = 0; a < 4; a++)
            sum[a] = _mm512_add_epi8(sum[a], _mm512_loadu_si512(parts[g] + 64 * a));
    sum[0] = _mm512_min_epu8(_mm512_min_epu8(sum[0], sum[1]), _mm512_min_epu8(sum[2], sum[3]));
    const __m256i best = _mm256_min_epu8(_mm512_castsi512_si256(sum[0]),
                                         _mm512_extracti64x4_epi64(sum[0], 1));
    __m128i v = _mm_min_epu8(_mm256_castsi256_si128(best), _mm256_extracti128_si256(best, 1));
    v = _mm_min_epu8(v, _mm_srli_epi16(v, 8)); /* even bytes: the smaller of each pair */
    return _mm_cvtsi128_si32(_mm_minpos_epu16(_mm_and_si128(v, _mm_set1_epi16(255)))) & 255;
}

#endif
