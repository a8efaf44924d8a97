/* Flipping the patched care bits of a tile, for one set of instructions; included by unpack_body.h. */

/* The place of set bit number i, which exists. */
F2F_TARGET F2F_INLINE int F2F_NAME(f2f_select)(const uint64_t *mask, int i) {
    int word = 0, n;
    while (i >= (n = __builtin_popcountll(mask[word]))) i -= n, word++;
#if F2F_SET == F2F_PASS_GFNI512
    return 64 * word + __builtin_ctzll(_pdep_u64((uint64_t)1 << i, mask[word]));
#else
    uint64_t left = mask[word];
    for (; i > 0; i--) left &= left - 1;
    return 64 * word + __builtin_ctzll(left);
#endif
}

/* Flip the patched bits of a tile whose first weight is `at`; counts its kept weights. */
F2F_TARGET F2F_INLINE void F2F_NAME(f2f_apply_patches)(
    const f2f_decoder *d, const f2f_layout *l, f2f_range *r, int64_t at, int64_t n_blocks,
    uint8_t (*bytes)[F2F_TILE_ROOM], int n_words) {
    uint64_t mask[F2F_MAX_WORDS];
    int64_t kept = r->kept, patch = r->patch;
    int64_t next = patch < l->n_patches ? l->patches[patch] : INT64_MAX;
    const int64_t weights = l->n_weights - at, whole = n_blocks * d->n_out;
    const int64_t n_tile = weights < whole ? weights : whole;
    const int64_t n_kept = f2f_kept(l->mask + at / 8, n_tile);
    if (n_kept == n_tile || next >= (kept + n_kept) * d->n_planes) {
        if (n_kept == n_tile) f2f_patch_whole(d, l, r, n_tile, &r->patch, bytes);
        r->kept += n_kept;
        return;
    }
    for (int64_t b = 0; b < n_blocks; b++) {
        const int64_t left = l->n_weights - (at + b * d->n_out);
        const int n = left < d->n_out ? (int)left : d->n_out;
        int n_u = 0;
        f2f_read_bits(l->mask, at + b * d->n_out, n, mask);
        for (int w = 0; w < n_words && 64 * w < n; w++) n_u += __builtin_popcountll(mask[w]);
        const int64_t care = kept * d->n_planes, end = care + (int64_t)n_u * d->n_planes;
        while (next < end) {
            unsigned number = (unsigned)(next - care), plane = number / (unsigned)n_u;
            int place = F2F_NAME(f2f_select)(mask, (int)(number - plane * (unsigned)n_u));
            int bit = l->bit_of[plane];
            bytes[bit >> 3][b * d->n_out + place] ^= (uint8_t)(1 << (bit & 7));
            next = ++patch < l->n_patches ? l->patches[patch] : INT64_MAX;
        }
        kept += n_u;
    }
    r->kept = kept;
    r->patch = patch;
}
