/* Incremental Gaussian elimination over GF(2) in the sliding window of a shift register.
 *
 * Unknowns are the encoded bits in time order: bit i of step t is unknown t * n_in + i of its
 * chunk, the n_s words before the chunk are known.  A row is a circular bit set of n_words * 64
 * bits (a power of two, at least the register's bits): unknown u stands at bit u mod 64 n_words,
 * so that nothing is shifted when the window moves.  All planes share the mask, hence the left
 * sides: the right sides are one 32-bit word, a bit a plane.  A word may be filled in part: its
 * upper bits are 0, no unknowns.
 */
#ifndef F2FSIM_EQUATIONS_H
#define F2FSIM_EQUATIONS_H

#include <stdlib.h>

#include "bits.h"

typedef struct {
    int n_in, n_s, n_words, n_planes;
    const uint64_t *matrix;   /* [n_out][2][n_words], each row twice, oldest unknown at bit 0 */
    const int64_t *block_ptr; /* [n_blocks + 1] into pos and val */
    const uint16_t *pos;      /* place of a kept weight in its block */
    const uint32_t *val;      /* its coded bits, bit p = stored plane p */
    const uint8_t *fill;      /* [period] bits that are filled of the word of step t mod period */
    int period;
    uint16_t *words;          /* [n_blocks][n_planes] result */
    int search;               /* candidates of the search for flips, 0: none */
} f2f_problem;

/* Bit p of the number that stands at each place of the circle, plane by plane: sums over many
 * places are parities.  Planes in fours: [n_planes / 4][n_words][4]. */
typedef uint64_t f2f_four __attribute__((vector_size(32)));

typedef struct {
    f2f_four *planes;
    int n_fours;
} f2f_circle;

/* The number at place k. */
F2F_INLINE void f2f_circle_put(const f2f_circle *c, int k, uint32_t value, int n_words) {
    const uint64_t bit = (uint64_t)1 << (k & 63);
    f2f_four *at = c->planes + (k >> 6);
    f2f_four values = {value, value >> 1, value >> 2, value >> 3};
    for (int q = 0; q < c->n_fours; q++, at += n_words, values >>= 4)
        *at = (*at & ~bit) | ((values & 1) << (k & 63));
}

/* Sum of the numbers at the places of a set. */
F2F_INLINE uint32_t f2f_circle_sum(const f2f_circle *c, const uint64_t *set, int n_words) {
    uint32_t sum = 0;
    const f2f_four *at = c->planes;
    for (int q = 0; q < c->n_fours; q++) {
        f2f_four x = *at++ & set[0];
        for (int w = 1; w < n_words; w++) x ^= *at++ & set[w];
        x ^= x >> 32, x ^= x >> 16, x ^= x >> 8, x ^= x >> 4, x ^= x >> 2, x ^= x >> 1;
        x &= 1;
        sum |= (uint32_t)(x[0] | x[1] << 1 | x[2] << 2 | x[3] << 3) << (4 * q);
    }
    return sum;
}

typedef struct {
    uint64_t *rows; /* [n_unknowns][n_words], pivot row of the unknown */
    uint64_t *used; /* [n_unknowns][n_words], pivots that its equation was reduced by */
    uint32_t *rhs;  /* [n_unknowns] */
    uint32_t *val;  /* [n_unknowns] right side of the equation before reduction, flips included */
    int32_t *step;  /* [n_unknowns] step of its equation, -1: the unknown is free */
    uint32_t *x;    /* [n_s * n_in + n_unknowns] solution, history first */
    int32_t *events; /* equations in order: an unknown for a pivot row, ~check for a dependent one */
    int64_t n_events, n_checks, room_checks;
    uint64_t *check_used; /* [room_checks][n_words] */
    uint32_t *check_rhs, *check_val; /* [room_checks] */
    int32_t *check_step, *check_event; /* [room_checks] */
    f2f_circle circle;
} f2f_chunk;

#define F2F_BATCH 4 /* rows that are reduced side by side */

/* Equations of one block on their way into a chunk. */
typedef struct {
    uint64_t row[F2F_BATCH][16], used[F2F_BATCH][16];
    uint32_t rhs[F2F_BATCH], val[F2F_BATCH];
    int pivot[F2F_BATCH]; /* bit of the circle, -1: none */
} f2f_batch;

/* Room for one more dependent equation; -1 without memory. */
static int f2f_grow_checks(f2f_chunk *c, int n_words) {
    if (c->n_checks < c->room_checks) return 0;
    int64_t room = c->room_checks * 2 + 1024;
    void *used = realloc(c->check_used, (size_t)room * n_words * 8);
    if (used) c->check_used = used;
    void *rhs = realloc(c->check_rhs, (size_t)room * 4);
    if (rhs) c->check_rhs = rhs;
    void *val = realloc(c->check_val, (size_t)room * 4);
    if (val) c->check_val = val;
    void *step = realloc(c->check_step, (size_t)room * 4);
    if (step) c->check_step = step;
    void *event = realloc(c->check_event, (size_t)room * 4);
    if (event) c->check_event = event;
    if (!used || !rhs || !val || !step || !event) return -1;
    c->room_checks = room;
    return 0;
}

F2F_INLINE int f2f_first_bit(uint64_t v) { return __builtin_ctzll(v); }

/* dst = a row rotated up by `by` bits, circular of n_words words; `twice`: the row two times. */
F2F_INLINE void f2f_rotate(uint64_t *dst, const uint64_t *twice, int by, int n_words) {
    const int shift = by & 63;
    const uint64_t *low = twice + n_words - (by >> 6), *high = low - 1;
    for (int i = 0; i < n_words; i++)
        dst[i] = low[i] << shift | high[i] >> 1 >> (63 - shift);
}

/* Bits [from, to) of the circle, to - from at most its size, as words. */
F2F_INLINE void f2f_circle_range(uint64_t *dst, int64_t from, int64_t to, int n_words) {
    int size = n_words * 64;
    memset(dst, 0, (size_t)n_words * 8);
    for (int64_t u = from; u < to; u++) {
        int k = (int)(u & (size - 1));
        dst[k >> 6] |= (uint64_t)1 << (k & 63);
    }
}

/* Sums of the pivot rows of four neighbouring bits of the circle, one for each set of them: what is
 * to be added to a row with this set to free it of all four.  Only sets of pivots are valid. */
typedef struct {
    uint64_t *rows; /* [16 n_words][16][n_words] */
    uint64_t *rest; /* [16 n_words][16] right sides, and above them which of the four take part */
} f2f_sums;

/* Reduce F2F_BATCH rows by the pivots; right sides and used pivots follow.
 *
 * Each step of a row waits for the one before it: several rows side by side fill the wait.  Rows
 * of zeros stay as they are, and so may fill a batch.  Where the circle begins within four bits,
 * these come first and last; what a row is reduced by does not depend on the order. */
F2F_INLINE void f2f_reduce(f2f_batch *b, const uint64_t *pivots, const f2f_sums *sums, int base,
                           int n_words) {
    const int first = base >> 6, split = base & 63;
    for (int i = 0; i <= n_words; i++) {
        int w = (first + i) & (n_words - 1);
        uint64_t range = pivots[w], seen[F2F_BATCH], used[F2F_BATCH] = {0};
        if (i == 0) range &= ~(uint64_t)0 << (split & 60);
        if (i == n_words) range &= split ? ~(uint64_t)0 >> (60 - ((split - 1) & 60)) : 0;
        uint64_t fours = (range | range >> 1 | range >> 2 | range >> 3) & 0x1111111111111111ull;
        for (int r = 0; r < F2F_BATCH; r++) seen[r] = b->row[r][w];
        for (; fours; fours &= fours - 1) {
            const int k = f2f_first_bit(fours);
            const uint64_t *rest = sums->rest + (size_t)(w * 16 + (k >> 2)) * 16;
            const uint64_t *rows = sums->rows + (size_t)(w * 16 + (k >> 2)) * 16 * n_words;
            for (int r = 0; r < F2F_BATCH; r++) {
                const size_t set = (seen[r] & range) >> k & 15;
                const uint64_t *other = rows + set * n_words;
                used[r] ^= rest[set] >> 32 << k;
                b->rhs[r] ^= (uint32_t)rest[set];
                seen[r] ^= other[w];
                for (int j = 0; j < n_words; j++) b->row[r][j] ^= other[j];
            }
        }
        for (int r = 0; r < F2F_BATCH; r++) b->used[r][w] ^= used[r];
    }
}

/* Take in the row of a new pivot k, in which no other pivot stands. */
F2F_INLINE void f2f_add_sums(const f2f_sums *sums, const uint64_t *pivots, int k,
                             const uint64_t *row, uint32_t rhs, int n_words) {
    const int w = k >> 6, low = k & 60, own = 1 << (k & 3);
    const unsigned before = (unsigned)(pivots[w] >> low & 15);
    uint64_t *rest = sums->rest + (size_t)(k >> 2) * 16;
    uint64_t *rows = sums->rows + (size_t)(k >> 2) * 16 * n_words;
    const uint64_t mine = rhs | (uint64_t)own << 32;
    for (unsigned set = before;; set = (set - 1) & before) { /* all sets of the pivots before */
        uint64_t *from = rows + (size_t)set * n_words, *to = rows + (size_t)(set | own) * n_words;
        /* of the two sets one has the new pivot left */
        const int left = (int)(from[w] >> k & 1);
        rest[set | own] = rest[set] ^ (left ? 0 : mine);
        rest[set] ^= left ? mine : 0;
        for (int j = 0; j < n_words; j++) {
            uint64_t with = from[j] ^ row[j], without = from[j];
            from[j] = left ? with : without;
            to[j] = left ? without : with;
        }
        if (!set) break;
    }
}

/* Oldest set bit of a circular row seen from `base`, -1 if there is none. */
F2F_INLINE int f2f_oldest(const uint64_t *row, int base, int n_words) {
    int first = base >> 6;
    uint64_t head = ~(uint64_t)0 << (base & 63);
    for (int i = 0; i <= n_words; i++) {
        int w = (first + i) & (n_words - 1);
        uint64_t v = row[w] & (i == 0 ? head : i == n_words ? ~head : ~(uint64_t)0);
        if (v) return w * 64 + f2f_first_bit(v);
    }
    return -1;
}

/* Equation e of a block into place r of a batch, known history taken out. */
F2F_INLINE void f2f_load(const f2f_problem *p, const f2f_chunk *c, int64_t e, int64_t oldest,
                         const uint64_t *known, const uint64_t *absent, f2f_batch *b, int r,
                         int n_words) {
    const int size = n_words * 64, base = (int)(oldest & (size - 1));
    uint32_t rhs = p->val[e];
    uint64_t *row = b->row[r];
    f2f_rotate(row, p->matrix + (size_t)p->pos[e] * 2 * n_words, base, n_words);
    if (oldest < 0) {
        for (int64_t u = oldest; u < 0; u++) {
            int k = (int)(u & (size - 1));
            if (row[k >> 6] >> (k & 63) & 1) rhs ^= c->x[p->n_s * p->n_in + u];
        }
        for (int j = 0; j < n_words; j++) row[j] &= ~known[j];
    }
    for (int j = 0; j < n_words; j++) row[j] &= ~absent[j];
    b->val[r] = b->rhs[r] = rhs;
}

/* Take the pivots that came with the batch's earlier rows out of row r. */
F2F_INLINE void f2f_reduce_within(f2f_batch *b, int r, int n_words) {
    for (int q = 0; q < r; q++) {
        int k = b->pivot[q];
        if (k < 0 || !(b->row[r][k >> 6] >> (k & 63) & 1)) continue;
        for (int j = 0; j < n_words; j++) b->row[r][j] ^= b->row[q][j];
        b->used[r][k >> 6] |= (uint64_t)1 << (k & 63);
        b->rhs[r] ^= b->rhs[q];
    }
}

/* A dependent equation: right by luck, or a contradiction. -1 without memory. */
F2F_INLINE int f2f_add_check(f2f_chunk *c, const f2f_batch *b, int r, int64_t t, int n_words) {
    if (f2f_grow_checks(c, n_words)) return -1;
    int64_t i = c->n_checks++;
    memcpy(c->check_used + (size_t)i * n_words, b->used[r], (size_t)n_words * 8);
    c->check_rhs[i] = b->rhs[r];
    c->check_val[i] = b->val[r];
    c->check_step[i] = (int32_t)t;
    c->check_event[i] = (int32_t)c->n_events;
    c->events[c->n_events++] = (int32_t)~i;
    return 0;
}

/* Forward elimination of the steps [0, n_steps) of a chunk whose first block is `block`, the
 * group's step number `step`. */
F2F_INLINE int f2f_forward(const f2f_problem *p, f2f_chunk *c, int64_t block, int64_t stride,
                           int64_t step, int64_t n_steps, const f2f_sums *sums, int n_words) {
    int size = n_words * 64;
    uint64_t pivots[16] = {0}, known[16] = {0}, absent[16] = {0};
    f2f_batch b;
    c->n_events = c->n_checks = 0;
    for (int64_t t = 0; t < n_steps; t++, block += stride) {
        int64_t oldest = (t - p->n_s) * p->n_in; /* below 0: known history */
        int base = (int)(oldest & (size - 1)), filled = p->fill[(step + t) % p->period];
        for (int i = 0; i < p->n_in; i++) {
            int64_t u = t * p->n_in + i;
            int k = (int)(u & (size - 1));
            uint64_t bit = (uint64_t)1 << (k & 63);
            pivots[k >> 6] &= ~bit;
            absent[k >> 6] = i < filled ? absent[k >> 6] & ~bit : absent[k >> 6] | bit;
            c->step[u] = -1;
            c->rhs[u] = 0;
        }
        if (oldest < 0) f2f_circle_range(known, oldest, 0, n_words);
        for (int64_t e = p->block_ptr[block]; e < p->block_ptr[block + 1]; e += F2F_BATCH) {
            int64_t left = p->block_ptr[block + 1] - e;
            int n = left < F2F_BATCH ? (int)left : F2F_BATCH;
            memset(&b, 0, sizeof b);
            for (int r = 0; r < n; r++) 
                f2f_load(p, c, e + r, oldest, known, absent, &b, r, n_words);
            f2f_reduce(&b, pivots, sums, base, n_words);
            for (int r = 0; r < n; r++) {
                f2f_reduce_within(&b, r, n_words);
                int k = b.pivot[r] = f2f_oldest(b.row[r], base, n_words);
                if (k < 0) {
                    if (f2f_add_check(c, &b, r, t, n_words)) return -1;
                    continue;
                }
                int64_t u = oldest + ((k - base) & (size - 1));
                f2f_add_sums(sums, pivots, k, b.row[r], b.rhs[r], n_words);
                pivots[k >> 6] |= (uint64_t)1 << (k & 63);
                memcpy(c->rows + (size_t)u * n_words, b.row[r], (size_t)n_words * 8);
                memcpy(c->used + (size_t)u * n_words, b.used[r], (size_t)n_words * 8);
                c->rhs[u] = b.rhs[r];
                c->step[u] = (int32_t)t;
                c->val[u] = b.val[r];
                c->events[c->n_events++] = (int32_t)u;
            }
        }
    }
    return 0;
}

/* Back-substitution from the newest unknown to the oldest; free unknowns are 0. */
F2F_INLINE void f2f_backward(const f2f_problem *p, f2f_chunk *c, int64_t n_steps, int n_words) {
    const int size = n_words * 64;
    uint32_t *x = c->x + p->n_s * p->n_in;
    memset(c->circle.planes, 0, (size_t)c->circle.n_fours * n_words * sizeof(f2f_four));
    for (int64_t u = n_steps * p->n_in - 1; u >= 0; u--) {
        const int k = (int)(u & (size - 1));
        x[u] = 0;
        f2f_circle_put(&c->circle, k, 0, n_words);
        if (c->step[u] < 0) continue;
        x[u] = c->rhs[u] ^ f2f_circle_sum(&c->circle, c->rows + (size_t)u * n_words, n_words);
        f2f_circle_put(&c->circle, k, x[u], n_words);
    }
}

#endif
