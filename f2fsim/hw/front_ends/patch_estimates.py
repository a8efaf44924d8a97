"""Cycles and patches of F2F bands that plans expect.

A group's register is a reserve of free bits: a step adds a word and takes the kept weights of its
block.  What it lacks are equations without a solution; the encoder gives up those by which the
fewest bits are wrong.  Every band begins with an empty register, and all groups wait for the one
with the most patches: bands of few steps, and many groups, take patches that others do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from f2fsim.hw.front_ends import _patch_steps

#: Kept weights that a mean is taken over: at least so many, and for each bit of a step.
SAMPLED, SAMPLED_STEPS = 4096, 32
#: Weights of a mask at most, from the first row on.
MOST_PLACES = 1 << 17
#: Wrong bits of a plane: for each equation without a solution, and beside for the first of a band
#: (this is come to within so many).  Fitted to 277 encodings of layers of 41 656 and 24 616 random
#: weights, S from 0.3 to 0.95, in 1 to 128 bands, 1 to 32 groups.
FLIPS = (0.24, 0.4, 1.0)
#: Spread of the patches of a step over that of chance: they come in clusters; and the share of the
#: wrong bits that is not given up in other steps.
SPREAD, AT_ONCE = 1.5, 0.3
#: Bits of a patch, about: 5 to 10.
PATCH_BITS = 7
#: Least share of kept weights that is told from none.
LEAST_DENSITY = 0.002


@dataclass(frozen=True)
class Patching:
    """What decides a band's patches beside its weights.

    Attributes
    ----------
    decoder : (int, int, int, int)
        Groups, bits of a word, outputs, bits that a register remembers.
    matched : (int, int)
        Outputs in use are ``over * n_in / per`` a kept weight (0: all).
    planes, rate : int
        Planes, and patches a cycle.
    fits : bool
        Whether words have no more bits than the band's kept weights take.
    """

    decoder: tuple[int, int, int, int]
    matched: tuple[int, int]
    planes: int
    rate: int
    fits: bool


@lru_cache(maxsize=1 << 14)
def random_patches(n_cells: int, density: float, by: Patching) -> tuple[float, float]:
    """Return the patch unit's cycles in a band of so many random weights, and its patches, about.

    `density` is the share that is kept.
    """
    groups, n_in, _, _ = by.decoder
    n = max(SAMPLED, SAMPLED_STEPS * n_in * groups)
    return _patches(_random_places(n, max(density, LEAST_DENSITY)), n_cells, by)


def mask_patches(
    mask: NDArray[np.bool_], sizes: Sequence[int], by: Patching
) -> dict[int, tuple[float, float]]:
    """Return the same for bands of so many rows of a mask, row by row: its rows may be uneven."""
    n_columns = mask.shape[1]
    some = mask.reshape(-1)[:MOST_PLACES]
    # The place behind the last one ends the last band.
    places = np.append(np.flatnonzero(some), some.shape[0])
    return {n: _patches(places, n * n_columns, by) for n in sizes}


def _patches(places: NDArray[np.int64], n_cells: int, by: Patching) -> tuple[float, float]:
    groups, n_in, _, _ = by.decoder
    _, cycles, patches = _patch_steps.band_cycles(
        places,
        n_cells,
        by.decoder,
        by.matched,
        (by.planes, SPREAD, by.rate, AT_ONCE),
        (*FLIPS, float(by.fits)),
        _normal_numbers(),
        np.zeros(n_cells // n_in + groups + 1, dtype=np.int64),
        np.zeros((3, groups)),
    )
    return cycles, patches


@lru_cache(maxsize=16)
def _random_places(n: int, density: float) -> NDArray[np.int64]:
    """Return the places of `n` kept weights among ``n / density``: just as many."""
    gaps = np.random.default_rng(0).geometric(density, n)
    left = round(n / density) - int(gaps.sum())
    while left:
        may = np.flatnonzero(gaps > 1) if left < 0 else np.arange(n)
        count = min(abs(left), may.size)
        step = count if left > 0 else -count
        gaps[may[np.arange(count) * may.size // count]] += step // count
        left -= step
    return np.cumsum(gaps) - 1


@lru_cache(maxsize=1)
def _normal_numbers() -> NDArray[np.float64]:
    return np.random.default_rng(1).standard_normal(4093)
