/* Sums of matrix products in vectors of one width; included by affine.h once for each. */

/* Turn a vector's worth of sums, and store eight outputs of each of the first n blocks. */
F2F_LANES_TARGET F2F_INLINE void F2F_LANES(f2f_affine_put)(F2F_VECTOR sums, int n_places,
                                                           int64_t n, uint8_t *to, int n_out) {
    enum { WIDTH = sizeof(F2F_VECTOR), N = WIDTH / 8 };
    const F2F_VECTOR one_bit = F2F_VECTOR_SPREAD(0x8040201008040201ull);
    uint8_t own[WIDTH];
    uint64_t turned[N];
    if (n_places == 8) {
        F2F_VECTOR_STORE(turned, F2F_VECTOR_AFFINE(one_bit, sums));
        if (n >= N) {
            for (int i = 0; i < N; i++, to += n_out) memcpy(to, turned + i, 8);
        } else {
            for (int i = 0; i < n; i++, to += n_out) memcpy(to, turned + i, 8);
        }
        return;
    }
    F2F_VECTOR_STORE(own, sums);
    for (int64_t at = 0; at < n && at < WIDTH / n_places; at += N) {
        const uint8_t *from = own + at * n_places;
        F2F_VECTOR wide;
        if (n_places == 4)
            wide = F2F_VECTOR_UP(F2F_VECTOR_OF_4(from), 32);
        else if (n_places == 2)
            wide = F2F_VECTOR_UP(F2F_VECTOR_OF_2(from), 48);
        else
            wide = F2F_VECTOR_UP(F2F_VECTOR_OF_1(from), 56);
        F2F_VECTOR_STORE(turned, F2F_VECTOR_AFFINE(one_bit, wide));
        for (int i = 0; i < N && at + i < n; i++, to += n_out) memcpy(to, turned + i, 8);
    }
}

/* n_sums octets of outputs, n_vectors vectors of blocks of which the first n are stored.
 *
 * The last outputs first: a store may run over into the next block, whose first ones follow. */
F2F_LANES_TARGET F2F_INLINE void F2F_LANES(f2f_affine_sums)(const f2f_affine *a,
                                                            const f2f_decoder *d, int k,
                                                            int64_t newest, int64_t n, int octet,
                                                            uint8_t *to, int n_sums,
                                                            int n_vectors) {
    const int width = (int)sizeof(F2F_VECTOR), n_places = a->n_places[k];
    const uint64_t *m = a->matrices + octet;
    F2F_VECTOR sum[4][F2F_VECTORS];
    for (int o = 0; o < n_sums; o++)
        for (int v = 0; v < n_vectors; v++) sum[o][v] = F2F_VECTOR_ZERO();
    for (int j = 0; j < d->n_reg; j++)
        for (int half = 0; half < d->n_half; half++, m += a->n_octets) {
            const uint8_t *from = a->held[k][half] + (newest - j * d->n_groups) * n_places;
            F2F_VECTOR bytes[F2F_VECTORS];
            for (int v = 0; v < n_vectors; v++) bytes[v] = F2F_VECTOR_LOAD(from + width * v);
            for (int o = 0; o < n_sums; o++) {
                const F2F_VECTOR own = F2F_VECTOR_SPREAD(m[o]);
                for (int v = 0; v < n_vectors; v++)
                    sum[o][v] = F2F_VECTOR_XOR(sum[o][v], F2F_VECTOR_AFFINE(bytes[v], own));
            }
        }
    const int n_blocks = width / n_places;
    for (int o = n_sums - 1; o >= 0; o--)
        for (int v = 0; v < n_vectors; v++)
            F2F_LANES(f2f_affine_put)(sum[o][v], n_places, n - v * n_blocks,
                                      to + (int64_t)v * n_blocks * d->n_out + 8 * (octet + o),
                                      d->n_out);
}

/* Byte k of the weights of the n blocks held last; up to seven bytes more are written. */
F2F_LANES_TARGET F2F_INLINE void F2F_LANES(f2f_affine_tile)(const f2f_affine *a,
                                                            const f2f_decoder *d, int k, int64_t n,
                                                            uint8_t *to) {
    const int n_blocks = (int)sizeof(F2F_VECTOR) / a->n_places[k];
    const int64_t newest = a->n_held - n;
    if (d->n_planes == 0) {
        memset(to, 0, (size_t)(n * d->n_out));
        return;
    }
    for (int64_t b = 0, step; b < n; b += step) {
        const int few = n - b <= n_blocks;
        step = few ? n_blocks : F2F_VECTORS * n_blocks;
        for (int octet = (a->n_octets - 1) & ~3; octet >= 0; octet -= 4) {
            const int n_sums = a->n_octets - octet < 4 ? a->n_octets - octet : 4;
#define F2F_SUMS(sums, vectors)                                                                \
    F2F_LANES(f2f_affine_sums)(a, d, k, newest + b, n - b, octet, to + b * d->n_out, sums, vectors)
            switch (2 * n_sums + few) {
            case 2: F2F_SUMS(1, F2F_VECTORS); break;
            case 3: F2F_SUMS(1, 1); break;
            case 4: F2F_SUMS(2, F2F_VECTORS); break;
            case 5: F2F_SUMS(2, 1); break;
            case 6: F2F_SUMS(3, F2F_VECTORS); break;
            case 7: F2F_SUMS(3, 1); break;
            case 8: F2F_SUMS(4, F2F_VECTORS); break;
            default: F2F_SUMS(4, 1);
            }
#undef F2F_SUMS
        }
    }
}

#undef F2F_LANES
#undef F2F_LANES_TARGET
#undef F2F_VECTOR
#undef F2F_VECTORS
#undef F2F_VECTOR_LOAD
#undef F2F_VECTOR_STORE
#undef F2F_VECTOR_XOR
#undef F2F_VECTOR_ZERO
#undef F2F_VECTOR_SPREAD
#undef F2F_VECTOR_AFFINE
#undef F2F_VECTOR_UP
#undef F2F_VECTOR_OF_4
#undef F2F_VECTOR_OF_2
#undef F2F_VECTOR_OF_1
