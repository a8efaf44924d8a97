/* Sums of shuffled tables for one width of vectors; included by unpack_body.h. */

#if F2F_SET == F2F_PASS_AVX512
#define F2F_WIDTH 64
#define F2F_V __m512i
#define F2F_ZERO _mm512_setzero_si512()
#define F2F_TABLE(t) _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(t)))
#define F2F_PICK(table, row) _mm512_shuffle_epi8(table, _mm512_loadu_si512(row))
#define F2F_XOR _mm512_xor_si512
#define F2F_STORE(to, v) _mm512_storeu_si512(to, v)
#elif F2F_SET == F2F_PASS_NEON
#define F2F_WIDTH 16
#define F2F_V uint8x16_t
#define F2F_ZERO vdupq_n_u8(0)
#define F2F_TABLE(t) vld1q_u8(t)
#define F2F_PICK(table, row) vqtbl1q_u8(table, vld1q_u8(row))
#define F2F_XOR veorq_u8
#define F2F_STORE(to, v) vst1q_u8(to, v)
#else
#define F2F_WIDTH 32
#define F2F_V __m256i
#define F2F_ZERO _mm256_setzero_si256()
#define F2F_TABLE(t) _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(t)))
#define F2F_PICK(table, row) _mm256_shuffle_epi8(table, _mm256_loadu_si256((const __m256i *)(row)))
#define F2F_XOR _mm256_xor_si256
#define F2F_STORE(to, v) _mm256_storeu_si256((__m256i *)(to), v)
#endif

/* The tables of byte k of the words of n blocks: byte i of 16 is the sum of the bits of i. */
F2F_TARGET static void F2F_NAME(f2f_shuffle_words)(f2f_shuffle *s, const f2f_decoder *d, int k,
                                                   int64_t first, int64_t n) {
#if F2F_SET == F2F_PASS_NEON
    uint8x16_t index[4]; /* of register bits 0 to 3; 4 to 7 are four bytes on */
    for (int bit = 0; bit < 4; bit++) {
        uint8_t of[16];
        for (int i = 0; i < 16; i++) of[i] = i >> bit & 1 ? (uint8_t)bit : 0x80;
        index[bit] = vld1q_u8(of);
    }
#else
    /* The low lane adds up register bits 0 to 3, the high lane 4 to 7. */
    const __m256i lanes = _mm256_setr_epi64x(0, 0, 0x0404040404040404ll, 0x0404040404040404ll);
    __m256i index[4];
    for (int bit = 0; bit < 4; bit++) {
        uint8_t of[16];
        for (int i = 0; i < 16; i++) of[i] = i >> bit & 1 ? (uint8_t)bit : 0x80;
        const __m128i one = _mm_loadu_si128((const __m128i *)of);
        index[bit] = _mm256_or_si256(_mm256_broadcastsi128_si256(one), lanes);
    }
#endif
    for (int64_t b = first; b < first + n; b++) {
        const uint16_t *words = d->words + b * d->n_planes + s->first[k];
        uint8_t *to = s->sums[k] + (size_t)(b & (s->n_held - 1)) * s->n_nibbles * 16;
        uint16_t last[8] = {0};
        const void *from = words;
        if (d->words_end - words < 8)
            from = memcpy(last, words, (size_t)(d->words_end - words) * 2);
#if F2F_SET == F2F_PASS_NEON
        const uint8x16_t eight = vld1q_u8((const uint8_t *)from);
        for (int half = 0; half < s->n_nibbles / 2; half++, to += 32) {
            const uint8x16_t own = vqtbl1q_u8(eight, vld1q_u8(s->pick[k][half]));
            const uint64_t planes = vgetq_lane_u64(vreinterpretq_u64_u8(own), 0);
            const uint8x16_t bits = vreinterpretq_u8_u64(vdupq_n_u64(f2f_turn_bits(planes)));
            uint8x16_t low = vdupq_n_u8(0), high = low;
            for (int bit = 0; bit < 4; bit++) {
                low = veorq_u8(low, vqtbl1q_u8(bits, index[bit]));
                high = veorq_u8(high, vqtbl1q_u8(bits, vorrq_u8(index[bit], vdupq_n_u8(4))));
            }
            vst1q_u8(to, low);
            vst1q_u8(to + 16, high);
        }
#else
        const __m128i eight = _mm_loadu_si128((const __m128i *)from);
        for (int half = 0; half < s->n_nibbles / 2; half++, to += 32) {
            const __m128i pick = _mm_loadu_si128((const __m128i *)s->pick[k][half]);
            const uint64_t planes = (uint64_t)_mm_cvtsi128_si64(_mm_shuffle_epi8(eight, pick));
            const __m256i bits = _mm256_set1_epi64x((long long)f2f_turn_bits(planes));
            __m256i sum = _mm256_shuffle_epi8(bits, index[0]);
            for (int bit = 1; bit < 4; bit++)
                sum = _mm256_xor_si256(sum, _mm256_shuffle_epi8(bits, index[bit]));
            _mm256_storeu_si256((__m256i *)to, sum);
        }
#endif
    }
}

/* The tables that the blocks from `first` on look back to. */
F2F_TARGET static void F2F_NAME(f2f_shuffle_before)(f2f_shuffle *s, const f2f_decoder *d,
                                                    int n_bytes, int64_t first) {
    const int64_t reach = (d->n_reg - 1) * d->n_groups, n = reach < first ? reach : first;
    for (int k = 0; k < n_bytes; k++) F2F_NAME(f2f_shuffle_words)(s, d, k, first - n, n);
}

/* F2F_WIDTH n_sums outputs of n blocks, from output `at` on. */
F2F_TARGET F2F_INLINE void F2F_NAME(f2f_shuffle_sums)(const f2f_shuffle *s, const f2f_decoder *d,
                                                      int k, int64_t first, int64_t n, int at,
                                                      uint8_t *to, int n_nibbles, int n_sums) {
    const int64_t last = s->n_held - 1;
    for (int64_t b = 0; b < n; b++, to += d->n_out) {
        const uint8_t *row = s->rows + at;
        F2F_V sum[4];
        for (int v = 0; v < n_sums; v++) sum[v] = F2F_ZERO;
        for (int j = 0; j < d->n_reg; j++) {
            const uint8_t *t =
                s->sums[k] + (size_t)((first + b - j * d->n_groups) & last) * n_nibbles * 16;
            for (int i = 0; i < n_nibbles; i++, t += 16, row += s->n_padded) {
                const F2F_V table = F2F_TABLE(t);
                for (int v = 0; v < n_sums; v++)
                    sum[v] = F2F_XOR(sum[v], F2F_PICK(table, row + F2F_WIDTH * v));
            }
        }
        for (int v = 0; v < n_sums; v++) F2F_STORE(to + F2F_WIDTH * v, sum[v]);
    }
}

/* Byte k of the weights of n blocks; up to 63 bytes more are written. */
F2F_TARGET F2F_INLINE void F2F_NAME(f2f_shuffle_tile)(f2f_shuffle *s, const f2f_decoder *d, int k,
                                                      int64_t first, int64_t n, uint8_t *to) {
    F2F_NAME(f2f_shuffle_words)(s, d, k, first, n);
    const int n_vectors = (d->n_out + F2F_WIDTH - 1) / F2F_WIDTH;
    if (n_vectors > 4) { /* parts of a block, a block at a time: stores run over into the next */
        for (int64_t b = 0; b < n; b++, to += d->n_out) {
            int v = 0;
            for (; v + 4 <= n_vectors; v += 4)
                F2F_NAME(f2f_shuffle_sums)(s, d, k, first + b, 1, v * F2F_WIDTH, to + v * F2F_WIDTH,
                                           s->n_nibbles, 4);
            for (; v < n_vectors; v++)
                F2F_NAME(f2f_shuffle_sums)(s, d, k, first + b, 1, v * F2F_WIDTH, to + v * F2F_WIDTH,
                                           s->n_nibbles, 1);
        }
        return;
    }
#define F2F_SUMS_OF(nibbles, sums)                                                             \
    F2F_NAME(f2f_shuffle_sums)(s, d, k, first, n, 0, to, nibbles, sums)
    switch (4 * (s->n_nibbles / 2 - 1) + n_vectors) {
    case 1: F2F_SUMS_OF(2, 1); break;
    case 2: F2F_SUMS_OF(2, 2); break;
    case 3: F2F_SUMS_OF(2, 3); break;
    case 4: F2F_SUMS_OF(2, 4); break;
    case 5: F2F_SUMS_OF(4, 1); break;
    case 6: F2F_SUMS_OF(4, 2); break;
    case 7: F2F_SUMS_OF(4, 3); break;
    default: F2F_SUMS_OF(4, 4);
    }
#undef F2F_SUMS_OF
}

#undef F2F_WIDTH
#undef F2F_V
#undef F2F_ZERO
#undef F2F_TABLE
#undef F2F_PICK
#undef F2F_XOR
#undef F2F_STORE
