/* The pass over tiles for one set of instructions F2F_SET; included by unpack.h once for each. */

#if F2F_SET == F2F_PASS_AVX2 || F2F_SET == F2F_PASS_AVX512 || F2F_SET == F2F_PASS_NEON
#include "shuffle_body.h"
#endif

#include "patch_body.h"

#if F2F_SET == F2F_PASS_NEON
#include "unpack_neon.h"
#else
#if F2F_SET
/* Entries idx, below 64, of a table of bytes. */
F2F_TARGET F2F_INLINE __m256i F2F_NAME(f2f_of_64)(const uint8_t *table, __m256i idx) {
    __m256i part[4];
    for (int q = 0; q < 4; q++) {
        const __m128i own = _mm_loadu_si128((const __m128i *)(table + 16 * q));
        part[q] = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(own), idx);
    }
    /* The highest bit of a byte chooses: bit 4, then bit 5 of the index. */
    const __m256i odd = _mm256_slli_epi16(idx, 3), high = _mm256_slli_epi16(idx, 2);
    return _mm256_blendv_epi8(_mm256_blendv_epi8(part[0], part[1], odd),
                              _mm256_blendv_epi8(part[2], part[3], odd), high);
}

/* Bytes moved down by n bits, 0 to 8; or up. */
F2F_TARGET F2F_INLINE __m256i F2F_NAME(f2f_down)(__m256i v, int n) {
    v = _mm256_srl_epi16(v, _mm_cvtsi32_si128(n));
    return _mm256_and_si256(v, _mm256_set1_epi8((char)(255 >> n)));
}

F2F_TARGET F2F_INLINE __m256i F2F_NAME(f2f_up)(__m256i v, int n) {
    v = _mm256_sll_epi16(v, _mm_cvtsi32_si128(n));
    return _mm256_and_si256(v, _mm256_set1_epi8((char)(255 << n)));
}

/* Patterns of 32 coded weights of a type of one byte; their planes 0-7 and 8-15. */
F2F_TARGET F2F_INLINE __m256i F2F_NAME(f2f_value_bytes)(const f2f_values *v, __m256i low,
                                                        __m256i high) {
    const __m256i mask = _mm256_set1_epi8((char)v->mask), one = _mm256_set1_epi8(1);
    const int at = v->prefix_shift;
    __m256i prefix = _mm256_setzero_si256();
    if (at >= 8 && at < 16)
        prefix = F2F_NAME(f2f_down)(high, at - 8);
    else if (at < 8)
        prefix = _mm256_or_si256(F2F_NAME(f2f_down)(low, at), F2F_NAME(f2f_up)(high, 8 - at));
    __m256i u = F2F_NAME(f2f_of_64)(v->suffix_bytes, prefix);
    u = _mm256_add_epi8(_mm256_and_si256(u, low), F2F_NAME(f2f_of_64)(v->base_bytes, prefix));
    u = _mm256_and_si256(u, mask);
    if (v->order) {
        const __m256i sign = _mm256_and_si256(u, one);
        u = F2F_NAME(f2f_down)(u, 1);
        u = v->order == 1 ? _mm256_xor_si256(u, _mm256_sub_epi8(_mm256_setzero_si256(), sign))
                          : _mm256_or_si256(u, F2F_NAME(f2f_up)(sign, v->top));
    }
    u = _mm256_and_si256(_mm256_add_epi8(u, _mm256_set1_epi8((char)v->centre)), mask);
    return F2F_NAME(f2f_up)(u, v->shift);
}
#endif

/* n weights of one byte: complemented as planned or looked up, pruned ones 0. */
F2F_TARGET F2F_INLINE void F2F_NAME(f2f_store_bytes)(const f2f_layout *l,
                                                     const uint8_t (*bytes)[F2F_TILE_ROOM],
                                                     const uint8_t *mask, int n, uint8_t *to) {
#if F2F_SET
    /* Each byte picks its byte of the mask and in it its bit. */
    const __m256i own_byte = _mm256_setr_epi64x(0, 0x0101010101010101ll, 0x0202020202020202ll,
                                                0x0303030303030303ll);
    const __m256i own_bit = _mm256_set1_epi64x((long long)0x8040201008040201ull);
    const __m256i inverted = _mm256_set1_epi8((char)l->inversion);
    for (int i = 0; i < n; i += 32) {
        int32_t flags;
        memcpy(&flags, mask + (i >> 3), 4);
        __m256i kept = _mm256_shuffle_epi8(_mm256_set1_epi32(flags), own_byte);
        kept = _mm256_cmpeq_epi8(_mm256_and_si256(kept, own_bit), own_bit);
        __m256i v = _mm256_load_si256((const __m256i *)(bytes[0] + i));
        if (l->values.coded) {
            __m256i high = _mm256_setzero_si256();
            if (l->n_coded > 1) high = _mm256_load_si256((const __m256i *)(bytes[1] + i));
            v = F2F_NAME(f2f_value_bytes)(&l->values, v, high);
        } else {
            v = _mm256_xor_si256(v, inverted);
        }
        v = _mm256_and_si256(v, kept);
        if (i + 32 <= n) {
            _mm256_storeu_si256((__m256i *)(to + i), v);
        } else {
            uint8_t last[32];
            _mm256_storeu_si256((__m256i *)last, v);
            memcpy(to + i, last, (size_t)(n - i));
        }
    }
#else
    if (l->values.coded) {
        f2f_look_up(l, bytes, mask, n, to);
        return;
    }
    const uint64_t inverted = (l->inversion & 255) * 0x0101010101010101ull;
    for (int i = 0; i < n; i += 8) {
        uint64_t v, kept = l->spread[mask[i >> 3]];
        memcpy(&v, bytes[0] + i, 8);
        v = (v ^ inverted) & ((kept << 8) - kept);
        memcpy(to + i, &v, i + 8 <= n ? 8 : (size_t)(n - i));
    }
#endif
}

#endif

F2F_TARGET F2F_INLINE void F2F_NAME(f2f_unpack_body)(const f2f_decoder *d, const f2f_layout *l,
                                                     f2f_range r, uint8_t *patterns,
                                                     int n_words) {
    _Alignas(32) f2f_tile bytes;
    uint32_t coded[F2F_TILE_ROOM];
    const int64_t stop = r.first + r.n_blocks, most = f2f_tile_blocks(d->n_out);
#ifdef F2F_WIDTH_NAME
    f2f_affine a;
    const int look_up =
        f2f_affine_start(&a, d, l->row_of, l->n_coded, most, r.first);
#elif F2F_SET
    f2f_shuffle s;
    const int look_up = f2f_shuffle_start(&s, d, l->row_of, l->n_coded, most);
    if (!look_up) F2F_NAME(f2f_shuffle_before)(&s, d, l->n_coded, r.first);
#else
    const int look_up = 1;
#endif
    for (int64_t b = r.first; b < stop; b += most) {
        const int64_t n_blocks = stop - b < most ? stop - b : most, at = b * d->n_out;
        const int64_t left = l->n_weights - at, whole = n_blocks * d->n_out;
        const int n = (int)(left < whole ? left : whole);
        const uint8_t *mask = l->mask + at / 8;
        uint8_t *to = patterns + at * l->n_bytes;
        if (look_up) f2f_table_tile(d, l, b, n_blocks, bytes, n_words);
#ifdef F2F_WIDTH_NAME
        else {
            f2f_affine_hold(&a, d, l->n_coded, b, n_blocks);
            for (int k = 0; k < l->n_coded; k++)
                F2F_WIDTH_NAME(f2f_affine_tile)(&a, d, k, n_blocks, bytes[k]);
        }
#elif F2F_SET
        else
            for (int k = 0; k < l->n_coded; k++)
                F2F_NAME(f2f_shuffle_tile)(&s, d, k, b, n_blocks, bytes[k]);
#endif
        F2F_NAME(f2f_apply_patches)(d, l, &r, at, n_blocks, bytes, n_words);
        if (l->n_bytes == 1) {
            F2F_NAME(f2f_store_bytes)(l, (const uint8_t(*)[F2F_TILE_ROOM])bytes, mask, n, to);
            continue;
        }
        f2f_code_wide(l, (const uint8_t(*)[F2F_TILE_ROOM])bytes, mask, n, coded);
        if (l->n_bytes == 4)
            memcpy(to, coded, (size_t)n * 4);
        else
            for (int i = 0; i < n; i++) ((uint16_t *)to)[i] = (uint16_t)coded[i];
    }
#ifdef F2F_WIDTH_NAME
    f2f_affine_end(&a);
#elif F2F_SET
    f2f_shuffle_end(&s);
#endif
}

F2F_TARGET static void F2F_NAME(f2f_unpack)(const f2f_decoder *d, const f2f_layout *l, f2f_range r,
                                            uint8_t *patterns) {
#define F2F_CALL(k) F2F_NAME(f2f_unpack_body)(d, l, r, patterns, k)
    F2F_BY_WORDS(F2F_CALL)
#undef F2F_CALL
}

#undef F2F_NAME
#undef F2F_TARGET
#undef F2F_SET
#undef F2F_WIDTH_NAME
