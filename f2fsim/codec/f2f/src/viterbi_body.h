/* The dynamic programme for one cost type F2F_T; included by viterbi.h once for each. */

/* cells[v] = min over u of cells[u] + distance(u, v), over n_u bits. */
F2F_INLINE void F2F_NAME(f2f_transform)(F2F_T *cells, int n_u, int level) {
    size_t n = (size_t)1 << n_u;
    int bit = 0;
#ifdef F2F_LOW_BITS
    if (level && sizeof(F2F_T) == 1) {
        f2f_low_passes((uint8_t *)cells, n < 32 ? 32 : n, n_u);
        bit = F2F_LOW_BITS;
    }
#endif
    for (; bit < n_u; bit++) {
        size_t stride = (size_t)1 << bit;
        for (size_t i = 0; i < n; i += 2 * stride) {
            F2F_T *restrict low = cells + i, *restrict high = cells + i + stride;
            for (size_t j = 0; j < stride; j++) {
                F2F_T a = low[j], b = high[j];
                F2F_T over_a = (F2F_T)(a + 1), over_b = (F2F_T)(b + 1);
                low[j] = a < over_b ? a : over_b;
                high[j] = b < over_a ? b : over_a;
            }
        }
    }
}

/* A step by the distance transform: 2^n_u cells for each m. */
F2F_INLINE void F2F_NAME(f2f_step_cube)(const f2f_trellis *p, const f2f_view *v,
                                        const uint64_t *base, size_t n_m, const F2F_T *old,
                                        F2F_T *out, F2F_T top, F2F_T *cells,
                                        uint16_t *places, int level) {
    size_t n_values = (size_t)1 << p->n_in, n_cells = (size_t)1 << v->n_u;
    uint16_t *restrict scatter = places, *restrict gather = places + n_values;
    const uint64_t *newest = v->a, *oldest = v->a + (size_t)p->n_s * n_values;
    F2F_T far = (F2F_T)(top + v->n_u + 1);
    size_t n_fill = n_cells < 32 ? 32 : n_cells;
    for (size_t x = 0; x < n_values; x++)
        scatter[x] = (uint16_t)oldest[x], gather[x] = (uint16_t)newest[x];
    int distinct = 1; /* a linear map is injective if only 0 goes to 0 */
    for (size_t x = 1; x < n_values; x++) distinct &= scatter[x] != 0;
    for (size_t m = 0; m < n_m; m++) {
        const F2F_T *from = old + m * n_values;
        for (size_t i = 0; i < n_fill; i++) cells[i] = far;
        if (distinct)
            for (size_t a = 0; a < n_values; a++) cells[scatter[a]] = from[a];
        else
            for (size_t a = 0; a < n_values; a++) {
                F2F_T *cell = cells + scatter[a], value = from[a];
                *cell = value < *cell ? value : *cell;
            }
        F2F_NAME(f2f_transform)(cells, v->n_u, level);
        uint16_t at = (uint16_t)base[m];
        for (size_t c = 0; c < n_values; c++) out[m * n_values + c] = cells[at ^ gather[c]];
    }
}

/* A step by trying every (c, a), with distances summed from tables of eight care bits each. */
F2F_INLINE void F2F_NAME(f2f_step_direct)(const f2f_trellis *p, const f2f_view *v,
                                          const uint64_t *base, size_t n_m, const F2F_T *old,
                                          F2F_T *out, F2F_T *tables, int level) {
    (void)level;
    size_t n_values = (size_t)1 << p->n_in, tile = n_values < 256 ? n_values : 256;
    int n_tables = (v->n_u + 7) / 8;
    const uint64_t *newest = v->a, *oldest = v->a + (size_t)p->n_s * n_values * v->n_words;
    for (size_t first = 0; first < n_values; first += tile) {
        for (int g = 0; g < n_tables; g++) {
            F2F_T *table = tables + (size_t)g * 256 * 256;
            int shift = 8 * (g & 7);
            for (size_t a = 0; a < tile; a++)
                table[a] = (F2F_T)__builtin_popcountll(
                    oldest[(first + a) * v->n_words + (g >> 3)] >> shift & 255);
            for (int bit = 0; bit < 8; bit++) {
                F2F_T delta[256];
                for (size_t a = 0; a < tile; a++) {
                    uint64_t set = oldest[(first + a) * v->n_words + (g >> 3)] >> (shift + bit);
                    delta[a] = (F2F_T)(1 - 2 * (int)(set & 1));
                }
                for (size_t x = 0; x < (size_t)1 << bit; x++) {
                    const F2F_T *from = table + x * tile;
                    F2F_T *to = table + (x + ((size_t)1 << bit)) * tile;
                    for (size_t a = 0; a < tile; a++) to[a] = (F2F_T)(from[a] + delta[a]);
                }
            }
        }
        for (size_t m = 0; m < n_m; m++) {
            const F2F_T *from = old + m * n_values + first;
            const uint64_t *b = base + m * v->n_words;
            for (size_t c = 0; c < n_values; c++) {
                F2F_T sum[256], best = (F2F_T)~(F2F_T)0;
                const F2F_T *parts[64];
                const uint64_t *z = newest + c * v->n_words;
                for (int g = 0; g < n_tables; g++) {
                    uint64_t x = (b[g >> 3] ^ z[g >> 3]) >> (8 * (g & 7)) & 255;
                    parts[g] = tables + (size_t)g * 65536 + x * tile;
                }
#ifdef F2F_X86
                if (level == F2F_BY_VBMI && sizeof(F2F_T) == 1 && tile == 256)
                    best = (F2F_T)f2f_least_512((const uint8_t *)from, (const uint8_t **)parts,
                                                n_tables);
                else
#endif
#ifdef F2F_LOW_BITS
                if (level && sizeof(F2F_T) == 1 && tile == 256)
                    best = (F2F_T)f2f_least((const uint8_t *)from, (const uint8_t **)parts,
                                            n_tables);
                else
#endif
                {
                    memcpy(sum, from, tile * sizeof(F2F_T));
                    for (int g = 0; g < n_tables; g++)
                        for (size_t a = 0; a < tile; a++) sum[a] = (F2F_T)(sum[a] + parts[g][a]);
                    for (size_t a = 0; a < tile; a++) best = sum[a] < best ? sum[a] : best;
                }
                F2F_T *to = out + m * n_values + c;
                if (first == 0 || best < *to) *to = best;
            }
        }
    }
}

/* The textbook step, for the benchmark: every transition with a popcount. */
F2F_INLINE void F2F_NAME(f2f_step_plain)(const f2f_trellis *p, const f2f_view *v,
                                         const uint64_t *base, size_t n_m, const F2F_T *old,
                                         F2F_T *out) {
    size_t n_values = (size_t)1 << p->n_in;
    const uint64_t *newest = v->a, *oldest = v->a + (size_t)p->n_s * n_values * v->n_words;
    for (size_t m = 0; m < n_m; m++)
        for (size_t c = 0; c < n_values; c++) {
            int best = 1 << 30;
            for (size_t a = 0; a < n_values; a++) {
                int cost = old[m * n_values + a] +
                           f2f_weight(base + m * v->n_words, newest + c * v->n_words,
                                      oldest + a * v->n_words, v->n_words);
                best = cost < best ? cost : best;
            }
            out[m * n_values + c] = (F2F_T)best;
        }
}

/* One step of the forward pass: costs after it relative to their minimum, which is returned. */
F2F_INLINE int F2F_NAME(f2f_step)(const f2f_trellis *p, const f2f_view *v, uint64_t *base,
                                  const F2F_T *old, F2F_T *mixed, F2F_T *out, F2F_T *work,
                                  uint16_t *places, int level) {
    size_t n_values = (size_t)1 << p->n_in, n_m = (size_t)1 << (p->n_in * (p->n_s - 1));
    size_t n_states = n_m * n_values;
    F2F_T top = 0, low = (F2F_T)~(F2F_T)0;
    f2f_bases(p, v, n_m, base);
    for (size_t i = 0; i < n_states; i++) top = old[i] > top ? old[i] : top;
    double cube = v->n_u > F2F_MAX_CUBE
                      ? 1e30
                      : ((double)((size_t)1 << v->n_u)) * (v->n_u + 1) / 12 + 3.0 * n_values;
    double direct = (double)n_values * (double)(n_values < 32 ? 32 : n_values) / 32 *
                        ((v->n_u + 7) / 8 + 2) + 2.0 * n_values +
                    (double)(v->n_u + 7) / 8 * 16 * n_values / n_m;
#ifdef F2F_X86
    const int permuted = level == F2F_BY_VBMI && sizeof(F2F_T) == 1 && n_values == 256 &&
                         v->n_u <= F2F_MOST_PERMUTED;
#endif
    if (p->direct)
        F2F_NAME(f2f_step_plain)(p, v, base, n_m, old, mixed);
#ifdef F2F_X86
    else if (permuted)
        f2f_cube_vbmi(v->a + (size_t)p->n_s * n_values, v->a, base, n_m, (const uint8_t *)old,
                      (uint8_t *)mixed, (uint8_t)(top + v->n_u + 1), v->n_u, (uint8_t *)work);
#endif
    else if (cube < direct)
        F2F_NAME(f2f_step_cube)(p, v, base, n_m, old, mixed, top, work, places, level);
    else
        F2F_NAME(f2f_step_direct)(p, v, base, n_m, old, mixed, work, level);
    for (size_t i = 0; i < n_states; i++) low = mixed[i] < low ? mixed[i] : low;
    /* out[c][m] = mixed[m][c] - low, in tiles that stay in the cache */
    size_t side = 16;
#ifdef F2F_LOW_BITS
    if (level && sizeof(F2F_T) == 1 && n_m % 16 == 0 && n_values % 16 == 0) {
        for (size_t m = 0; m < n_m; m += 16)
            for (size_t c = 0; c < n_values; c += 16)
                f2f_turn_16((const uint8_t *)mixed + m * n_values + c, n_values,
                            (uint8_t *)out + c * n_m + m, n_m, low);
        return low;
    }
#endif
    for (size_t m = 0; m < n_m; m += side)
        for (size_t c = 0; c < n_values; c += side)
            for (size_t i = c; i < c + side && i < n_values; i++)
                for (size_t k = m; k < m + side && k < n_m; k++)
                    out[i * n_m + k] = (F2F_T)(mixed[k * n_values + i] - low);
    return low;
}

/* The word that leaves on the best way into `state` at this step, from the costs before it. */
F2F_INLINE size_t F2F_NAME(f2f_leaving)(const f2f_trellis *p, const f2f_view *v,
                                        const uint64_t *base, const F2F_T *old, size_t state,
                                        int value) {
    size_t n_values = (size_t)1 << p->n_in, n_m = (size_t)1 << (p->n_in * (p->n_s - 1));
    size_t c = state / n_m, m = state % n_m;
    const uint64_t *oldest = v->a + (size_t)p->n_s * n_values * v->n_words;
    uint64_t z[8];
    for (int w = 0; w < v->n_words; w++)
        z[w] = base[m * v->n_words + w] ^ v->a[c * v->n_words + w];
    for (size_t a = 0; a < n_values; a++) {
        int cost = old[m * n_values + a];
        if (cost > value) continue;
        for (int w = 0; w < v->n_words; w++)
            cost += __builtin_popcountll(z[w] ^ oldest[a * v->n_words + w]);
        if (cost == value) return a;
    }
    return 0;
}

/* Go back from the states marked at the end of step `t` until one is left; return its time and
 * put it into *only, or return -1.  `costs` holds the costs before each of the steps from..t. */
F2F_INLINE int64_t F2F_NAME(f2f_merge)(const f2f_trellis *p, f2f_view *v, uint64_t *base,
                                       F2F_T **costs, const int *lows, int64_t from, int64_t t,
                                       uint8_t *marked, uint8_t *next, size_t *only) {
    size_t n_values = (size_t)1 << p->n_in, n_m = (size_t)1 << (p->n_in * (p->n_s - 1));
    size_t n_states = n_m * n_values;
    for (; t > from; t--) {
        size_t count = 0;
        memset(next, 0, n_states);
        f2f_look(p, v, t);
        f2f_bases(p, v, n_m, base);
        for (size_t s = 0; s < n_states; s++) {
            if (!marked[s]) continue;
            size_t a = F2F_NAME(f2f_leaving)(p, v, base, costs[t - from], s,
                                             costs[t - from + 1][s] + lows[t - from]);
            size_t before = (s % n_m) * n_values + a;
            if (!next[before]) count++, *only = before;
            next[before] = 1;
        }
        memcpy(marked, next, n_states);
        if (count == 1) return t - 1;
    }
    return -1;
}

/* Store the words on the best way into `state` at the end of step `t`, back to step `from`. */
F2F_INLINE void F2F_NAME(f2f_trace)(const f2f_trellis *p, f2f_view *v, uint64_t *base,
                                    F2F_T **costs, const int *lows, int64_t from, int64_t t,
                                    size_t state) {
    size_t n_values = (size_t)1 << p->n_in, n_m = (size_t)1 << (p->n_in * (p->n_s - 1));
    for (; t >= from; t--) {
        p->words[(p->first + t * p->stride) * p->n_planes + p->plane] = (uint16_t)(state / n_m);
        f2f_look(p, v, t);
        f2f_bases(p, v, n_m, base);
        size_t a = F2F_NAME(f2f_leaving)(p, v, base, costs[t - from], state,
                                         costs[t - from + 1][state] + lows[t - from]);
        state = (state % n_m) * n_values + a;
    }
}

/* Forward over all steps; whenever `slots` costs are held, all ways back are followed until they
 * meet: what lies before is final and is written out, and the costs before it are dropped. */
F2F_INLINE int F2F_NAME(f2f_run)(const f2f_trellis *p, int64_t slots, int level, int64_t *total) {
    size_t n_values = (size_t)1 << p->n_in;
    size_t n_m = p->n_s ? (size_t)1 << (p->n_in * (p->n_s - 1)) : 1;
    size_t n_states = n_m * n_values, n_work = 0;
    int max_u = 0, failed = -1;
    for (int64_t t = 0; t < p->n_steps; t++) {
        int64_t b = p->first + t * p->stride;
        int n_u = (int)(p->block_ptr[b + 1] - p->block_ptr[b]);
        max_u = n_u > max_u ? n_u : max_u;
    }
    n_work = (size_t)65536 * ((size_t)(max_u + 7) / 8 + 1);
    if (n_work < (size_t)1 << F2F_MAX_CUBE) n_work = (size_t)1 << F2F_MAX_CUBE;
    size_t n_words = (size_t)(max_u + 63) / 64 + 1;
    f2f_view v;
    v.a = malloc((size_t)(p->n_s + 1) * n_values * n_words * 8);
    uint64_t *base = malloc(n_m * n_words * 8);
    F2F_T *work = malloc(n_work * sizeof(F2F_T)), *mixed = malloc(n_states * sizeof(F2F_T));
    uint8_t *marked = malloc(n_states), *next = malloc(n_states);
    F2F_T **costs = calloc((size_t)slots + 2, sizeof *costs);
    uint16_t *places = malloc(n_values * 4);
    int *lows = malloc(((size_t)slots + 2) * sizeof *lows);
    *total = 0;
    if (!v.a || !base || !work || !mixed || !marked || !next || !costs || !lows || !places) goto end;
    if (p->n_s == 0) {
        for (int64_t t = 0; t < p->n_steps; t++) {
            int best = 1 << 30;
            size_t word = 0;
            const uint64_t zero[8] = {0};
            f2f_look(p, &v, t);
            for (size_t c = 0; c < n_values; c++) {
                int cost = f2f_weight(v.y, v.a + c * v.n_words, zero, v.n_words);
                if (cost < best) best = cost, word = c;
            }
            *total += best;
            p->words[(p->first + t * p->stride) * p->n_planes + p->plane] = (uint16_t)word;
        }
        failed = 0;
        goto end;
    }
    for (int64_t i = 0; i < 2; i++)
        if (!(costs[i] = malloc(n_states * sizeof(F2F_T)))) goto end;
    /* before step 0 only the state of zeros; others cost more than any way can save */
    int64_t from = 0;
    for (int64_t t = 0; t < p->n_steps; t++) {
        if (t - from == slots) { /* the buffer is full: find what is final */
            size_t only = 0;
            memset(marked, 1, n_states);
            int64_t met = F2F_NAME(f2f_merge)(p, &v, base, costs, lows, from, t - 1, marked, next,
                                              &only);
            if (met >= from) {
                F2F_NAME(f2f_trace)(p, &v, base, costs, lows, from, met, only);
                for (int64_t k = met + 1; k <= t; k++) { /* costs before step k move down */
                    F2F_T *spare = costs[k - met - 1];
                    costs[k - met - 1] = costs[k - from];
                    costs[k - from] = spare;
                    if (k < t) lows[k - met - 1] = lows[k - from];
                }
                from = met + 1;
            } else { /* they have not met: hold more */
                F2F_T **more = realloc(costs, ((size_t)slots * 2 + 2) * sizeof *costs);
                if (more) costs = more;
                int *more_lows = realloc(lows, ((size_t)slots * 2 + 2) * sizeof *lows);
                if (more_lows) lows = more_lows;
                if (!more || !more_lows) goto end;
                memset(costs + slots + 2, 0, (size_t)slots * sizeof *costs);
                slots *= 2;
            }
        }
        F2F_T **out = costs + (t - from + 1);
        if (!*out && !(*out = malloc(n_states * sizeof(F2F_T)))) goto end;
        f2f_look(p, &v, t);
        if (t == 0) {
            F2F_T far = (F2F_T)f2f_far_cost(p);
            for (size_t s = 0; s < n_states; s++) costs[0][s] = far;
            costs[0][0] = 0;
        }
        lows[t - from] = F2F_NAME(f2f_step)(p, &v, base, costs[t - from], mixed, *out, work,
                                     places, level);
        *total += lows[t - from];
    }
    if (p->n_steps) {
        size_t best = 0;
        while (costs[p->n_steps - from][best]) best++;
        F2F_NAME(f2f_trace)(p, &v, base, costs, lows, from, p->n_steps - 1, best);
    }
    failed = 0;
end:
    for (int64_t i = 0; costs && i < slots + 2; i++) free(costs[i]);
    free(v.a), free(base), free(work), free(mixed), free(marked), free(next), free(costs);
    free(lows), free(places);
    return failed;
}
