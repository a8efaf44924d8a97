/* The elimination encoder, chunk by chunk: equations, flips, back-substitution, words.
 *
 * Equations and their reduction are in equations.h, which of them to give up in flips.h.
 */
#ifndef F2FSIM_ELIMINATION_H
#define F2FSIM_ELIMINATION_H

#include "equations.h"
#include "flips.h"
#include "simd.h"

/* From a number a bit, with a bit a plane, to a word a plane: 8 x 8 bits at a time. */
F2F_INLINE void f2f_store_words(const f2f_problem *p, const uint32_t *x, int64_t block,
                                int64_t stride, int64_t n_steps) {
    for (int64_t t = 0; t < n_steps; t++, block += stride, x += p->n_in) {
        uint16_t *to = p->words + block * p->n_planes;
        for (int plane = 0; plane < p->n_planes; plane += 8) {
            uint64_t half[2] = {0, 0};
            for (int i = 0; i < p->n_in; i++)
                half[i >> 3] |= (uint64_t)(x[i] >> plane & 255) << (8 * (i & 7));
            half[0] = f2f_turn_bits(half[0]), half[1] = f2f_turn_bits(half[1]);
            for (int k = 0; k < 8 && plane + k < p->n_planes; k++)
                to[plane + k] = (uint16_t)((half[0] >> (8 * k) & 255) |
                                           (half[1] >> (8 * k) & 255) << 8);
        }
    }
}

/* Most equations that any n_solve steps in a row of one group hold. */
static int64_t f2f_most_equations(const f2f_problem *p, int64_t first, int64_t stride,
                                  int64_t n_total, int64_t n_solve) {
    int64_t most = 0, sum = 0;
    for (int64_t t = 0; t < n_total; t++) {
        int64_t b = first + t * stride, old = b - n_solve * stride;
        sum += p->block_ptr[b + 1] - p->block_ptr[b];
        if (t >= n_solve) sum -= p->block_ptr[old + 1] - p->block_ptr[old];
        most = sum > most ? sum : most;
    }
    return most;
}

/* The parts of an encoding, each compiled for a row's words and a set of instructions. */
typedef struct {
    int (*forward)(const f2f_problem *p, f2f_chunk *c, int64_t block, int64_t stride, int64_t step,
                   int64_t n_steps, const f2f_sums *sums);
    void (*flip)(const f2f_problem *p, f2f_chunk *c, f2f_frame *f);
    void (*backward)(const f2f_problem *p, f2f_chunk *c, int64_t n_steps);
} f2f_parts;

#define F2F_PARTS_OF(set, attributes, n)                                                       \
    attributes static int f2f_forward_##set##n(const f2f_problem *p, f2f_chunk *c,             \
                                               int64_t block, int64_t stride, int64_t step,    \
                                               int64_t n_steps, const f2f_sums *sums) {        \
        return f2f_forward(p, c, block, stride, step, n_steps, sums, n);                       \
    }                                                                                          \
    attributes static void f2f_flip_##set##n(const f2f_problem *p, f2f_chunk *c,               \
                                             f2f_frame *f) {                                   \
        f2f_flip(p, c, f, f2f_choose_##set, n);                                                \
    }                                                                                          \
    attributes static void f2f_backward_##set##n(const f2f_problem *p, f2f_chunk *c,           \
                                                 int64_t n_steps) {                            \
        f2f_backward(p, c, n_steps, n);                                                        \
    }
#define F2F_PARTS(set, attributes)                                                             \
    attributes static int64_t f2f_choose_##set(f2f_chunk *c, f2f_frame *f, int plane,          \
                                               int64_t first, int frozen, int n, int settle,   \
                                               int search) {                                   \
        return f2f_choose(c, f, plane, first, frozen, n, settle, search);                      \
    }                                                                                          \
    F2F_PARTS_OF(set, attributes, 1)                                                           \
    F2F_PARTS_OF(set, attributes, 2)                                                           \
    F2F_PARTS_OF(set, attributes, 4)                                                           \
    F2F_PARTS_OF(set, attributes, 8)                                                           \
    F2F_PARTS_OF(set, attributes, 16)                                                          \
    static const f2f_parts f2f_parts_##set[] = {F2F_LISTED(set, 1), F2F_LISTED(set, 2),        \
                                                F2F_LISTED(set, 4), F2F_LISTED(set, 8),        \
                                                F2F_LISTED(set, 16)};
#define F2F_LISTED(set, n) {f2f_forward_##set##n, f2f_flip_##set##n, f2f_backward_##set##n}

F2F_PARTS(portable, __attribute__((noinline)))
#ifdef F2F_X86
F2F_PARTS(avx2, __attribute__((noinline, target("avx2,bmi,popcnt"))))
#endif

static const f2f_parts *f2f_parts_for(int n_words) {
    const int number = f2f_first_bit((uint64_t)n_words);
#ifdef F2F_X86
    if (f2f_set() >= F2F_AVX2) return f2f_parts_avx2 + number;
#endif
    return f2f_parts_portable + number;
}

/* Encode the blocks first, first + stride, … below n_blocks.  Returns 0, or -1 without memory.
 * A chunk of n_keep steps is solved with n_ahead further ones, whose solution is thrown away. */
static int f2f_encode(const f2f_problem *p, int64_t first, int64_t stride, int64_t n_blocks,
                      int64_t n_keep, int64_t n_ahead) {
    const f2f_parts *parts = f2f_parts_for(p->n_words);
    int64_t n_total = n_blocks > first ? (n_blocks - first + stride - 1) / stride : 0;
    int64_t n_max = n_keep + n_ahead < n_total ? n_keep + n_ahead : n_total;
    size_t n_unknowns = (size_t)n_max * p->n_in + 1, n_words = (size_t)p->n_words;
    int history = p->n_s * p->n_in, failed = -1;
    f2f_chunk c;
    f2f_frame f;
    memset(&c, 0, sizeof c);
    memset(&f, 0, sizeof f);
    c.rows = malloc(n_unknowns * n_words * 8);
    c.used = malloc(n_unknowns * n_words * 8);
    c.rhs = malloc(n_unknowns * 4);
    c.val = malloc(n_unknowns * 4);
    c.step = malloc(n_unknowns * 4);
    c.x = calloc((size_t)history + n_unknowns, 4);
    c.events = malloc(((size_t)f2f_most_equations(p, first, stride, n_total, n_max) + 1) * 4);
    c.circle.n_fours = (p->n_planes + 3) / 4;
    c.circle.planes = aligned_alloc(32, (size_t)c.circle.n_fours * n_words * sizeof(f2f_four));
    f2f_sums sums = {calloc(n_words * 16 * 16 * n_words, 8), calloc(n_words * 16 * 16, 8)};
    if (!c.rows || !c.used || !c.rhs || !c.val || !c.step || !c.x || !c.events ||
        !c.circle.planes || !sums.rows || !sums.rest || f2f_frame_alloc(&f, p->search, p->n_words))
        goto end;
    for (int64_t t = 0; t < n_total;) {
        int64_t left = n_total - t, block = first + t * stride;
        int64_t n_solve = left < n_keep + n_ahead ? left : n_keep + n_ahead;
        int64_t n_done = n_solve == left ? left : n_keep;
        if (parts->forward(p, &c, block, stride, t, n_solve, &sums)) goto end;
        if (p->search) parts->flip(p, &c, &f);
        parts->backward(p, &c, n_solve);
        f2f_store_words(p, c.x + history, block, stride, n_done);
        memmove(c.x, c.x + n_done * p->n_in, (size_t)history * 4);
        t += n_done;
    }
    failed = 0;
end:
    free(c.rows), free(c.used), free(c.rhs), free(c.val), free(c.step), free(c.x), free(c.events);
    free(c.check_used), free(c.check_rhs), free(c.check_val), free(c.check_step);
    free(c.check_event), free(sums.rows), free(sums.rest), free(c.circle.planes);
    f2f_frame_free(&f);
    return failed;
}

#endif
