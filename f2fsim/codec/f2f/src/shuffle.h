/* The decoder by byte shuffles: four register bits of eight planes are a table of 16 bytes.
 *
 * A register bit of eight planes is a byte.  The 16 sums of four such bytes fit one register of the
 * processor, and the four bits of the decoder matrix that stand for them and an output pick one: a
 * byte of the coded weight, up to what other register bits add.  One instruction picks 32 or 64 of them.
 * The tables of a word stay as it moves through the registers.
 */
#ifndef F2FSIM_SHUFFLE_H
#define F2FSIM_SHUFFLE_H

#include <stdlib.h>

#include "decode.h"

#define F2F_MAX_NIBBLES 4      /* of a word */
#define F2F_MAX_HELD (1 << 14) /* blocks that the registers may reach back; beyond: by look-up */

typedef struct {
    int n_nibbles, n_padded; /* of a word; outputs, a multiple of 64 */
    int64_t n_held;          /* tables that are held, a power of two */
    uint8_t *sums[4];        /* by byte of a weight: [n_held][n_nibbles][16] */
    uint8_t *rows;           /* [n_reg][n_nibbles][n_padded] */
    int first[4];            /* stored plane of the lowest stored bit of each byte of a weight */
    uint8_t pick[4][2][16];  /* from the words of eight planes to a byte of each of them */
} f2f_shuffle;

/* Returns 0, or -1 if the registers reach too far back or there is no memory. */
static int f2f_shuffle_start(f2f_shuffle *s, const f2f_decoder *d, const int *row_of, int n_bytes,
                             int64_t n_ahead) {
    const int64_t reach = (d->n_reg - 1) * d->n_groups;
    memset(s, 0, sizeof *s);
    if (reach > F2F_MAX_HELD) return -1;
    s->n_nibbles = 2 * d->n_half;
    s->n_padded = (d->n_out + 63) / 64 * 64;
    for (s->n_held = 1; s->n_held < reach + n_ahead;) s->n_held *= 2;
    const size_t size = (size_t)s->n_held * s->n_nibbles * 16;
    uint8_t *all = calloc(1, n_bytes * size + (size_t)d->n_reg * s->n_nibbles * s->n_padded);
    if (!all) return -1;
    for (int k = 0; k < n_bytes; k++, row_of += 8) {
        s->sums[k] = all + k * size;
        for (int bit = 7; bit >= 0; bit--)
            if (row_of[bit] >= 0) s->first[k] = row_of[bit];
        for (int i = 0; i < 16; i++)
            for (int half = 0; half < 2; half++)
                s->pick[k][half][i] = i > 7 || row_of[i] < 0
                                          ? 0x80
                                          : (uint8_t)(2 * (row_of[i] - s->first[k]) + half);
    }
    s->rows = all + n_bytes * size;
    for (int j = 0; j < d->n_reg; j++)
        for (int bit = 0; bit < 8 * d->n_half; bit++) {
            const uint64_t *column =
                d->tables + ((size_t)(j * d->n_half + (bit >> 3)) * 256 + (1u << (bit & 7))) * d->n_words;
            uint8_t *row = s->rows + (j * s->n_nibbles + (bit >> 2)) * s->n_padded;
            for (int i = 0; i < d->n_out; i++)
                row[i] |= (uint8_t)((column[i >> 6] >> (i & 63) & 1) << (bit & 3));
        }
    return 0;
}

static void f2f_shuffle_end(f2f_shuffle *s) { free(s->sums[0]); }

#endif
