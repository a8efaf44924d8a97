/* Sums of matrix products in vectors of one width; included by affine.h once for each. */

/* Blocks of 8 n_rep outputs at most, as many as fill two vectors at a time; to[0]: block 0's bytes. */
F2F_LANES_TARGET F2F_INLINE void F2F_LANES(f2f_affine_shared)(const f2f_affine *a,
                                                              const f2f_decoder *d, int k,
                                                              int64_t n, uint8_t *to, int n_half,
                                                              int n_rep) {
    const int width = (int)sizeof(F2F_VECTOR), n_blocks = width / (8 * n_rep);
    const int64_t newest = a->n_held - n;
    uint8_t sums[2 * sizeof(F2F_VECTOR)];
    for (int64_t b = 0; b < n; b += 2 * n_blocks) { /* two vectors share a row */
        const uint8_t *row = a->rows;
        F2F_VECTOR low = F2F_VECTOR_ZERO(), high = F2F_VECTOR_ZERO();
        for (int j = 0; j < d->n_reg; j++)
            for (int half = 0; half < n_half; half++, row += width) {
                const F2F_VECTOR own = F2F_VECTOR_LOAD(row);
                const uint64_t *m =
                    a->matrices[k][half] + (newest + b - j * d->n_groups) * n_rep;
                const F2F_VECTOR m0 = F2F_VECTOR_LOAD(m), m1 = F2F_VECTOR_LOAD(m + width / 8);
                low = F2F_VECTOR_XOR(low, F2F_VECTOR_AFFINE(own, m0));
                high = F2F_VECTOR_XOR(high, F2F_VECTOR_AFFINE(own, m1));
            }
        F2F_VECTOR_STORE(sums, low);
        F2F_VECTOR_STORE(sums + width, high);
        /* A store runs over into the next block, whose own follows. */
        for (int i = 0; i < 2 * n_blocks; i++)
            memcpy(to + (b + i) * d->n_out, sums + 8 * n_rep * i, (size_t)(8 * n_rep));
    }
}

/* n_sums vectors of the outputs from `from` on of n blocks. */
F2F_LANES_TARGET F2F_INLINE void F2F_LANES(f2f_affine_wide)(const f2f_affine *a,
                                                            const f2f_decoder *d, int k, int64_t n,
                                                            int from, uint8_t *to, int n_half,
                                                            int n_sums) {
    const int width = (int)sizeof(F2F_VECTOR);
    const int64_t newest = a->n_held - n;
    to += from;
    for (int64_t b = 0; b < n; b++, to += d->n_out) {
        const uint8_t *row = a->rows + from;
        F2F_VECTOR sum[4];
        for (int v = 0; v < n_sums; v++) sum[v] = F2F_VECTOR_ZERO();
        for (int j = 0; j < d->n_reg; j++)
            for (int half = 0; half < n_half; half++, row += a->n_padded) {
                const int64_t at = newest + b - j * d->n_groups;
                const F2F_VECTOR m = F2F_VECTOR_SPREAD(a->matrices[k][half][at]);
                for (int v = 0; v < n_sums; v++)
                    sum[v] = F2F_VECTOR_XOR(
                        sum[v], F2F_VECTOR_AFFINE(F2F_VECTOR_LOAD(row + width * v), m));
            }
        for (int v = 0; v < n_sums; v++) F2F_VECTOR_STORE(to + width * v, sum[v]);
    }
}

/* Byte k of the weights of the n blocks held last; up to four vectors more are written. */
F2F_LANES_TARGET F2F_INLINE void F2F_LANES(f2f_affine_tile)(const f2f_affine *a,
                                                            const f2f_decoder *d, int k, int64_t n,
                                                            uint8_t *to) {
    const int width = (int)sizeof(F2F_VECTOR), n_sums = a->n_padded / width;
    if (d->n_planes == 0) {
        memset(to, 0, (size_t)(n * d->n_out));
        return;
    }
    if (a->n_rep > 1) {
#define F2F_SHARED(half, rep) F2F_LANES(f2f_affine_shared)(a, d, k, n, to, half, rep)
        switch (4 * (d->n_half - 1) + a->n_rep) {
        case 2: F2F_SHARED(1, 2); break;
        case 4: F2F_SHARED(1, 4); break;
        case 6: F2F_SHARED(2, 2); break;
        default: F2F_SHARED(2, 4);
        }
#undef F2F_SHARED
        return;
    }
    /* The last outputs first: a store runs over into the next block, whose first ones follow. */
    for (int at = (n_sums - 1) / 4 * 4; at >= 0; at -= 4) {
        const int left = n_sums - at;
#define F2F_WIDE(half, sums) F2F_LANES(f2f_affine_wide)(a, d, k, n, width * at, to, half, sums)
        switch (4 * (d->n_half - 1) + (left < 4 ? left : 4)) {
        case 1: F2F_WIDE(1, 1); break;
        case 2: F2F_WIDE(1, 2); break;
        case 3: F2F_WIDE(1, 3); break;
        case 4: F2F_WIDE(1, 4); break;
        case 5: F2F_WIDE(2, 1); break;
        case 6: F2F_WIDE(2, 2); break;
        case 7: F2F_WIDE(2, 3); break;
        default: F2F_WIDE(2, 4);
        }
#undef F2F_WIDE
    }
}

#undef F2F_LANES
#undef F2F_LANES_TARGET
#undef F2F_VECTOR
#undef F2F_VECTOR_LOAD
#undef F2F_VECTOR_STORE
#undef F2F_VECTOR_XOR
#undef F2F_VECTOR_ZERO
#undef F2F_VECTOR_SPREAD
#undef F2F_VECTOR_AFFINE
