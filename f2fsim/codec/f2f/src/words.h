/* Partly filled words out of their stream. */
#ifndef F2FSIM_WORDS_H
#define F2FSIM_WORDS_H

#include "bits.h"
#include "simd.h"

#define F2F_MOST_PLANES 32
#define F2F_MOST_PERIOD 64 /* blocks after which fills repeat; longer: word by word */

typedef struct {
    const uint8_t *data;
    int64_t n_bytes;
    const uint8_t *fills; /* [period][n_planes], bits of a word, 16 at most */
    int64_t n_groups, n_blocks;
    int n_planes, period;
} f2f_packed;

/* A place in the stream: a bit, and which fills are next. */
typedef struct {
    int64_t at, group;
    int step;
} f2f_place;

F2F_INLINE void f2f_next_block(const f2f_packed *p, f2f_place *place) {
    if (++place->group == p->n_groups) {
        place->group = 0;
        if (++place->step == p->period) place->step = 0;
    }
}

/* The words of blocks [first, n_blocks) one by one; reads nothing beyond the stream. */
static void f2f_words_plain(const f2f_packed *p, int64_t first, f2f_place place, uint16_t *words) {
    for (int64_t b = first; b < p->n_blocks; b++, f2f_next_block(p, &place)) {
        const uint8_t *fills = p->fills + place.step * p->n_planes;
        for (int i = 0; i < p->n_planes; i++) {
            const int64_t byte = place.at >> 3;
            uint64_t held = 0;
            if (byte + 8 <= p->n_bytes)
                memcpy(&held, p->data + byte, 8);
            else if (byte < p->n_bytes)
                memcpy(&held, p->data + byte, (size_t)(p->n_bytes - byte));
            words[b * p->n_planes + i] =
                (uint16_t)(held >> (place.at & 7) & (((uint64_t)1 << fills[i]) - 1));
            place.at += fills[i];
        }
    }
}

#ifdef F2F_X86
/* The same four words at a time, by an instruction that is quick wherever there is GFNI.  Words are
 * stored in fours: what runs over into the next block is written again. */
__attribute__((target("bmi2"))) static void f2f_words_bmi2(const f2f_packed *p, uint16_t *words) {
    const int n_fours = (p->n_planes + 3) / 4;
    f2f_place place = {0, 0, 0};
    uint64_t places[F2F_MOST_PERIOD][F2F_MOST_PLANES / 4] = {{0}}; /* of the filled bits of four */
    int bits[F2F_MOST_PERIOD][F2F_MOST_PLANES / 4] = {{0}};
    int64_t b = 0;
    for (int s = 0; s < p->period; s++)
        for (int i = 0; i < p->n_planes; i++) {
            const int fill = p->fills[s * p->n_planes + i];
            places[s][i / 4] |= (((uint64_t)1 << fill) - 1) << 16 * (i & 3);
            bits[s][i / 4] += fill;
        }
    for (; b + 4 < p->n_blocks; b++, f2f_next_block(p, &place)) {
        uint16_t *to = words + b * p->n_planes;
        if ((place.at >> 3) + 8 * n_fours + 16 > p->n_bytes) break;
        for (int g = 0; g < n_fours; g++) {
            const uint8_t *from = p->data + (place.at >> 3);
            const int shift = (int)(place.at & 7);
            uint64_t held;
            memcpy(&held, from, 8);
            held = held >> shift | (uint64_t)from[8] << 1 << (63 - shift);
            held = _pdep_u64(held, places[place.step][g]);
            memcpy(to + 4 * g, &held, 8);
            place.at += bits[place.step][g];
        }
    }
    f2f_words_plain(p, b, place, words);
}
#endif

static void f2f_unpack_words(const f2f_packed *p, uint16_t *words) {
#ifdef F2F_X86
    const int set = f2f_set();
    if ((set == F2F_GFNI || set == F2F_GFNI512) && p->period <= F2F_MOST_PERIOD &&
        __builtin_cpu_supports("bmi2")) {
        f2f_words_bmi2(p, words);
        return;
    }
#endif
    f2f_words_plain(p, 0, (f2f_place){0, 0, 0}, words);
}

#endif
