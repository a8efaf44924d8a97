"""How many patches the steps of F2F decoders need, about, and the cycles these take."""

from libc.math cimport ceil, exp, fmax, fmin, log2, sqrt
from libc.stdint cimport int64_t


cdef double flips(double excess, double each, double first, double soon) noexcept nogil:
    """Return the bits of a plane that are wrong where so many equations have no solution."""
    return each * excess + first * (1 - exp(-excess / soon))


def band_cycles(
    const int64_t[::1] kept,
    int64_t n_cells,
    (int, int, int, int) decoder,
    (int, int) matched,
    (int, double, int, double) patching,
    (double, double, double, double) flipping,
    const double[::1] chance,
    int64_t[::1] demand,
    double[:, ::1] state,
):
    """Return steps, cycles and patches of bands of `n_cells` weights, on average over whole ones.

    If none is whole the second half of the steps that are there stands for those that are not.

    kept : places of the kept weights of bands that follow each other, ascending.
    decoder : groups, bits of a word, outputs, and bits that a register remembers.
    matched : outputs in use are ``over * n_in / per`` a kept weight (0: all).
    patching : planes, spread of patches over that of chance, patches a cycle, and the share of wrong
        bits that are so at once: the others are of later steps.
    flipping : parameters of `flips`.
    chance : normal numbers, gone through again and again.
    demand : scratch, [blocks of a band at most + groups].
    state : scratch, [3, groups]: free bits of a group, equations without a solution until now, and
        wrong bits of later steps.
    """
    cdef int groups = decoder[0], n_in = decoder[1], n_out = decoder[2], memory = decoder[3]
    cdef int64_t n_all = kept.shape[0], begin = 0, end = 0, first = 0, k, used, n_blocks, step, b
    cdef int64_t n_steps = 0, draw = 0, of_band, n_bands = 0
    cdef double cycles = 0, patches = 0, excess, gap, mean, most, word, half_cycles = 0, half_patches = 0
    cdef double times, rest
    cdef int g
    cdef bint whole = kept[n_all - 1] >= n_cells
    times = 1 if whole else n_cells / <double> (kept[n_all - 1] + 1)
    if not whole:
        n_cells = kept[n_all - 1] + 1
    with nogil:
        while begin < n_all:
            while end < n_all and kept[end] < first + n_cells:
                end += 1
            if whole and end == n_all:
                break  # cut short
            used = n_out
            if matched[0] and end > begin:
                used = matched[0] * n_in * n_cells // (matched[1] * (end - begin))
                used = max(n_in, min(n_out, used))
            n_blocks = (n_cells + used - 1) // used
            word = n_in
            if flipping[3] > 0:
                word = fmin(word, flipping[3] * (end - begin) / n_blocks)
            for b in range(n_blocks + groups):
                demand[b] = 0
            for k in range(begin, end):
                demand[(kept[k] - first) // used] += 1
            for g in range(groups):
                state[0, g] = state[1, g] = state[2, g] = 0
            of_band = (n_blocks + groups - 1) // groups
            for step in range(of_band):
                if step == of_band // 2:
                    half_cycles, half_patches = cycles, patches
                most = 0
                for g in range(groups):
                    b = step * groups + g
                    state[0, g] += word
                    gap = demand[b] - state[0, g]
                    if gap > -12 and demand[b]:
                        # Of random equations some contradict each other before bits run out.
                        excess = gap if gap > 30 else log2(1 + 2.0 ** gap)
                        mean = patching[0] * (
                            flips(state[1, g] + excess, flipping[0], flipping[1], flipping[2])
                            - flips(state[1, g], flipping[0], flipping[1], flipping[2]))
                        state[1, g] += excess
                        state[0, g] += excess
                        patches += mean
                        state[2, g] += mean
                    if state[2, g] > 0:
                        mean = state[2, g] * (patching[3] if step + 1 < of_band else 1)
                        state[2, g] -= mean
                        draw = (draw + 1) % chance.shape[0]
                        most = fmax(most, mean + patching[1] * sqrt(mean) * chance[draw])
                    state[0, g] = fmin(state[0, g] - demand[b], memory)
                n_steps += 1
                cycles += fmax(1, ceil((most - 0.5) / patching[2]))
            begin, first, n_bands = end, first + n_cells, n_bands + 1
    if whole:
        return n_steps / <double> n_bands, cycles / n_bands, patches / n_bands
    rest = (times - 1) * n_steps / (n_steps - n_steps // 2)
    return (
        times * n_steps,
        cycles + rest * (cycles - half_cycles),
        patches + rest * (patches - half_patches),
    )
