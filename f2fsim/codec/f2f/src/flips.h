/* Which equations to give up.
 *
 * Every dependent equation is a check: the sum of some earlier equations.  A contradiction is
 * healed by giving up any one of them, and the choice decides which later checks hold.  Column of
 * an equation = the checks it takes part in; wanted are few equations whose columns add up to the
 * contradictions.  The checks are taken in order, 64 in a frame; a list of candidates, each a set
 * of open contradictions and a number of flips, is carried from check to check.
 */
#ifndef F2FSIM_FLIPS_H
#define F2FSIM_FLIPS_H

#include "equations.h"

#define F2F_FRAME 64  /* checks seen at once */
#define F2F_FROZEN 8  /* of these, checks that are settled and must stay so */
#define F2F_AHEAD 24  /* checks at the end whose choices are not kept */
#define F2F_BUCKET 48 /* equations tried at a check */
#define F2F_RANKS 512 /* ranks told apart */
#define F2F_PRICE 9   /* checks that a flip should settle, in the ranking of candidates */

typedef struct {
    uint64_t open; /* contradictions left, bit i = check i of the frame */
    int32_t cost, node;
} f2f_state;

typedef struct {
    int32_t parent, unknown, check; /* unknown -1: the check's own equation is given up */
} f2f_node;

typedef struct {
    uint64_t *columns; /* [64 n_words] of the equations at places of the circle */
    uint64_t bucket_column[F2F_FRAME][F2F_BUCKET];
    int32_t bucket_unknown[F2F_FRAME][F2F_BUCKET];
    int bucket_size[F2F_FRAME];
    f2f_state *now, *next; /* [search], [search * (F2F_BUCKET + 1)] */
    f2f_node *nodes;
    uint64_t *seen; /* [4 * search rounded up to a power of two] */
    int n_seen;
    uint16_t *rank; /* [search * (F2F_BUCKET + 2)] of the candidates, and their order */
    int32_t *order;
} f2f_frame;

static void f2f_frame_free(f2f_frame *f) {
    free(f->columns), free(f->now), free(f->next), free(f->nodes), free(f->seen);
    free(f->rank), free(f->order);
}

static int f2f_frame_alloc(f2f_frame *f, int search, int n_words) {
    if (!search) return 0;
    f->n_seen = 64;
    while (f->n_seen < 4 * search) f->n_seen *= 2;
    f->columns = aligned_alloc(64, (size_t)n_words * 64 * 8);
    f->now = malloc((size_t)search * sizeof(f2f_state));
    f->next = malloc((size_t)search * (F2F_BUCKET + 2) * sizeof(f2f_state));
    f->nodes = malloc((size_t)search * (F2F_FRAME + 1) * sizeof(f2f_node));
    f->seen = malloc((size_t)f->n_seen * 8);
    f->rank = malloc((size_t)search * (F2F_BUCKET + 2) * 2);
    f->order = malloc((size_t)search * (F2F_BUCKET + 2) * 4);
    return f->columns && f->now && f->next && f->nodes && f->seen && f->rank && f->order ? 0 : -1;
}

/* Pivots that the equation of an event was reduced by. */
F2F_INLINE const uint64_t *f2f_used(const f2f_chunk *c, int32_t event, int n_words) {
    return event >= 0 ? c->used + (size_t)event * n_words
                      : c->check_used + (size_t)~event * n_words;
}

/* Right sides of the events [from, to) again, flips included. */
F2F_INLINE void f2f_resolve(const f2f_problem *p, f2f_chunk *c, int64_t from, int64_t to,
                            int n_words) {
    if (from >= to) return;
    const int size = n_words * 64;
    const int32_t first = c->events[from];
    const int64_t step = first >= 0 ? c->step[first] : c->check_step[~first];
    const int64_t oldest = (step - p->n_s) * p->n_in;
    for (int64_t u = oldest > 0 ? oldest : 0; u < (step + 1) * p->n_in; u++)
        f2f_circle_put(&c->circle, (int)(u & (size - 1)), c->rhs[u], n_words);
    for (int64_t e = from; e < to; e++) {
        const int32_t u = c->events[e];
        const uint32_t sum = f2f_circle_sum(&c->circle, f2f_used(c, u, n_words), n_words);
        if (u >= 0) {
            c->rhs[u] = c->val[u] ^ sum;
            f2f_circle_put(&c->circle, u & (size - 1), c->rhs[u], n_words);
        } else {
            c->check_rhs[~u] = c->check_val[~u] ^ sum;
        }
    }
}

/* All ones in the lanes of a set of four. */
#define F2F_LANES(set)                                                                         \
    {-(uint64_t)((set) & 1), -(uint64_t)((set) >> 1 & 1), -(uint64_t)((set) >> 2 & 1),         \
     -(uint64_t)((set) >> 3)}
static const f2f_four f2f_lanes[16] = {
    F2F_LANES(0), F2F_LANES(1), F2F_LANES(2),  F2F_LANES(3),  F2F_LANES(4),  F2F_LANES(5),
    F2F_LANES(6), F2F_LANES(7), F2F_LANES(8),  F2F_LANES(9),  F2F_LANES(10), F2F_LANES(11),
    F2F_LANES(12), F2F_LANES(13), F2F_LANES(14), F2F_LANES(15)};

/* Add a column to those at the places of a set. */
F2F_INLINE void f2f_scatter(uint64_t *columns, const uint64_t *set, uint64_t column, int n_words) {
    for (int w = 0; w < n_words; w++, columns += 64) {
        const uint64_t v = set[w];
        if (!v) continue;
        f2f_four *to = (f2f_four *)columns;
        for (int i = 0; i < 16; i++) to[i] ^= column & f2f_lanes[v >> (4 * i) & 15];
    }
}

/* Columns of the equations of the events [from, to) over the checks first … first + n - 1, and
 * the buckets: equations by their first check. */
F2F_INLINE void f2f_columns(f2f_chunk *c, f2f_frame *f, int64_t from, int64_t to, int64_t first,
                            int n, int n_words) {
    memset(f->columns, 0, (size_t)n_words * 64 * 8); /* by place in the circle */
    memset(f->bucket_size, 0, sizeof f->bucket_size);
    for (int64_t e = to - 1; e >= from; e--) {
        const int32_t u = c->events[e];
        uint64_t column = 0;
        if (u < 0) {
            if (~u >= first && ~u < first + n) column = (uint64_t)1 << (~u - first);
        } else {
            const int k = u & (n_words * 64 - 1);
            column = f->columns[k];
            f->columns[k] = 0;
        }
        if (!column) continue;
        f2f_scatter(f->columns, f2f_used(c, u, n_words), column, n_words);
        if (u < 0) continue;
        int i = f2f_first_bit(column), size = f->bucket_size[i];
        if (i < F2F_FROZEN && first > 0) continue;
        if (size < F2F_BUCKET) {
            f->bucket_column[i][size] = column;
            f->bucket_unknown[i][size] = u;
            f->bucket_size[i] = size + 1;
        }
    }
}

/* Keep the best `keep` of n candidates, no two with the same open checks, in f->now.  The rank of
 * a candidate is its flips, at F2F_PRICE each, less the settled checks that follow. */
F2F_INLINE int f2f_best_states(f2f_frame *f, int n, int keep, int check) {
    int start[F2F_RANKS + 1], least = 1 << 30, most = 0, kept = 0;
    for (int i = 0; i < n; i++) least = f->next[i].cost < least ? f->next[i].cost : least;
    for (int i = 0; i < n; i++) {
        uint64_t rest = check < 63 ? f->next[i].open >> (check + 1) : 0;
        int rank = (f->next[i].cost - least) * F2F_PRICE + 63 - (rest ? f2f_first_bit(rest) : 63);
        rank = rank < F2F_RANKS - 1 ? rank : F2F_RANKS - 1;
        most = rank > most ? rank : most;
        f->rank[i] = (uint16_t)rank;
    }
    memset(start, 0, sizeof(int) * (size_t)(most + 2));
    for (int i = 0; i < n; i++) start[f->rank[i] + 1]++;
    for (int r = 1; r <= most; r++) start[r] += start[r - 1];
    for (int i = 0; i < n; i++) f->order[start[f->rank[i]]++] = i;
    memset(f->seen, 255, (size_t)f->n_seen * 8);
    for (int i = 0; i < n && kept < keep; i++) {
        const f2f_state *s = f->next + f->order[i];
        size_t at = (size_t)((s->open * 0x9E3779B97F4A7C15ull) >> 40) & (size_t)(f->n_seen - 1);
        while (f->seen[at] != s->open && f->seen[at] != ~(uint64_t)0)
            at = (at + 1) & (size_t)(f->n_seen - 1);
        if (f->seen[at] == s->open) continue;
        f->seen[at] = s->open;
        f->now[kept++] = *s;
    }
    return kept;
}

/* Choose flips for one plane in a frame of n checks; those of checks below `settle` are made. */
F2F_INLINE int64_t f2f_choose(f2f_chunk *c, f2f_frame *f, int plane, int64_t first, int frozen,
                              int n, int settle, int search) {
    int n_now = 1, n_nodes = 0;
    uint64_t open = 0;
    for (int i = frozen; i < n; i++)
        open |= (uint64_t)(c->check_rhs[first + i] >> plane & 1) << i;
    f->now[0] = (f2f_state){open, 0, -1};
    for (int i = frozen; i < n; i++) {
        int n_next = 0, grown = 0;
        for (int k = 0; k < n_now; k++) {
            f2f_state s = f->now[k];
            if (!(s.open >> i & 1)) {
                f->next[n_next++] = s;
                continue;
            }
            grown = 1;
            for (int b = -1; b < f->bucket_size[i]; b++) {
                uint64_t column = b < 0 ? (uint64_t)1 << i : f->bucket_column[i][b];
                /* until it is chosen, the node is (parent, bucket entry) in one number */
                f->next[n_next++] = (f2f_state){s.open ^ column, s.cost + 1, k * 64 + b + 1};
            }
        }
        if (!grown) continue;
        /* states that did not grow keep their node: mark them by ~node */
        int at = 0;
        for (int k = 0; k < n_now; k++) {
            if (!(f->now[k].open >> i & 1))
                f->next[at].node = -2 - f->now[k].node, at++;
            else
                at += f->bucket_size[i] + 1;
        }
        int32_t parents[256];
        for (int k = 0; k < n_now; k++) parents[k] = f->now[k].node;
        n_now = f2f_best_states(f, n_next, search, i);
        for (int k = 0; k < n_now; k++) {
            int32_t code = f->now[k].node;
            if (code < 0) {
                f->now[k].node = -2 - code;
                continue;
            }
            int b = code % 64 - 1;
            f->nodes[n_nodes] = (f2f_node){parents[code / 64],
                                           b < 0 ? -1 : f->bucket_unknown[i][b], i};
            f->now[k].node = n_nodes++;
        }
    }
    int best = 0;
    for (int k = 1; k < n_now; k++)
        if (f->now[k].cost < f->now[best].cost) best = k;
    int64_t flips = 0;
    for (int32_t node = f->now[best].node; node >= 0; node = f->nodes[node].parent)
        if (f->nodes[node].check < settle && f->nodes[node].unknown >= 0) {
            c->val[f->nodes[node].unknown] ^= (uint32_t)1 << plane;
            flips++;
        }
    return flips;
}

typedef int64_t (*f2f_chooser)(f2f_chunk *c, f2f_frame *f, int plane, int64_t first, int frozen,
                               int n, int settle, int search);

/* Choose flips for all planes of a chunk and bring its right sides up to date. */
F2F_INLINE void f2f_flip(const f2f_problem *p, f2f_chunk *c, f2f_frame *f, f2f_chooser choose,
                         int n_words) {
    int64_t settled = 0, flips = 0, stale = 0; /* right sides before event `stale` are final */
    while (settled < c->n_checks) {
        int64_t first = settled > F2F_FROZEN ? settled - F2F_FROZEN : 0;
        int64_t left = c->n_checks - first;
        int n = (int)(left < F2F_FRAME ? left : F2F_FRAME), frozen = (int)(settled - first);
        int settle = left <= F2F_FRAME ? n : n - F2F_AHEAD;
        int64_t from = first ? c->check_event[first - 1] : 0;
        int64_t to = c->check_event[first + n - 1] + 1;
        if (flips) f2f_resolve(p, c, stale, to, n_words);
        f2f_columns(c, f, from, to, first, n, n_words);
        for (int plane = 0; plane < p->n_planes; plane++)
            flips += choose(c, f, plane, first, frozen, n, settle, p->search);
        settled = first + settle;
        stale = from;
    }
    if (flips) f2f_resolve(p, c, stale, c->n_events, n_words);
}

#endif
