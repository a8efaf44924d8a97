/* The pass over tiles for one set of instructions F2F_SET; included by unpack.h once for each. */

/* n weights of one byte: complemented as planned, pruned ones 0. */
F2F_TARGET F2F_INLINE void F2F_NAME(f2f_store_bytes)(const f2f_layout *l, const uint8_t *bytes,
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
        __m256i v = _mm256_load_si256((const __m256i *)(bytes + i));
        v = _mm256_and_si256(_mm256_xor_si256(v, inverted), kept);
        if (i + 32 <= n) {
            _mm256_storeu_si256((__m256i *)(to + i), v);
        } else {
            uint8_t last[32];
            _mm256_storeu_si256((__m256i *)last, v);
            memcpy(to + i, last, (size_t)(n - i));
        }
    }
#else
    const uint64_t inverted = (l->inversion & 255) * 0x0101010101010101ull;
    for (int i = 0; i < n; i += 8) {
        uint64_t v, kept = l->spread[mask[i >> 3]];
        memcpy(&v, bytes + i, 8);
        v = (v ^ inverted) & ((kept << 8) - kept);
        memcpy(to + i, &v, i + 8 <= n ? 8 : (size_t)(n - i));
    }
#endif
}

F2F_TARGET F2F_INLINE void F2F_NAME(f2f_unpack_body)(const f2f_decoder *d, const f2f_layout *l,
                                                     f2f_range r, uint8_t *patterns,
                                                     int n_words) {
    _Alignas(32) f2f_tile bytes;
    uint32_t coded[F2F_TILE_ROOM];
#if F2F_SET == 2
    f2f_affine a;
    f2f_affine_fill(&a, d, l->row_of, l->n_coded);
#endif
    const int64_t stop = r.first + r.n_blocks, most = f2f_tile_blocks(d->n_out);
    for (int64_t b = r.first; b < stop; b += most) {
        const int64_t n_blocks = stop - b < most ? stop - b : most, at = b * d->n_out;
        const int64_t left = l->n_weights - at, whole = n_blocks * d->n_out;
        const int n = (int)(left < whole ? left : whole);
        const uint8_t *mask = l->mask + at / 8;
        uint8_t *to = patterns + at * l->n_bytes;
#if F2F_SET == 2
        for (int k = 0; k < l->n_coded; k++) f2f_affine_tile(&a, d, k, b, n_blocks, bytes[k]);
#else
        f2f_table_tile(d, l, b, n_blocks, bytes, n_words);
#endif
        f2f_apply_patches(d, l, &r, at, n_blocks, bytes, n_words);
        if (l->n_bytes == 1 && l->values.coded) {
            f2f_look_up(l, (const uint8_t(*)[F2F_TILE_ROOM])bytes, mask, n, to);
            continue;
        }
        if (l->n_bytes == 1) {
            F2F_NAME(f2f_store_bytes)(l, bytes[0], mask, n, to);
            continue;
        }
        f2f_code_wide(l, (const uint8_t(*)[F2F_TILE_ROOM])bytes, mask, n, coded);
        if (l->n_bytes == 4)
            memcpy(to, coded, (size_t)n * 4);
        else
            for (int i = 0; i < n; i++) ((uint16_t *)to)[i] = (uint16_t)coded[i];
    }
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
