"""The plans that a designer would try: row bands × column tiles × schedules × ways to store."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.scheduling.sizes import Sizes

IntArray = NDArray[np.int64]

#: Tile counts that are tried one by one.
FEW = 4


@dataclass(frozen=True, eq=False)
class Candidates:
    """Choices that fit the scratchpad, one an item.

    Attributes
    ----------
    n_bands, n_tiles : ndarray of int64
        Row bands, column tiles.
    holds : ndarray of bool
        Whether a band's weights stay on the chip for all tiles (``weight_stationary``).
    """

    n_bands: IntArray
    n_tiles: IntArray
    holds: NDArray[np.bool_]

    @property
    def n(self) -> int:
        """How many."""
        return int(self.n_bands.shape[0])


def band_counts(sizes: Sizes, *, of_full_steps: bool) -> list[int]:
    """Return the numbers of bands worth a try: powers of two and the most.

    With `of_full_steps` a band has at least as many weights as a step of the front end takes.
    """
    most = sizes.most_bands
    if of_full_steps:
        facts = sizes.facts
        step = sizes.front_end.step_weights(sizes.arch.front_end, facts)
        most = min(most, max(int(facts.n_weights / step), 1))
    return sorted({1 << i for i in range(most.bit_length()) if 1 << i <= most} | {most})


def tile_counts(sizes: Sizes) -> list[int]:
    """Return the numbers of tiles worth a try.

    The first few, powers of two, those whose tiles fill the array's columns a power of two times,
    and one wave a tile.
    """
    n, columns = sizes.n_columns, int(getattr(sizes.arch.pe_array, "columns", 1))
    counts = set(range(1, min(FEW, n) + 1)) | {n}
    counts |= {1 << i for i in range(n.bit_length()) if 1 << i <= n}
    width = columns
    while width < n:
        counts.add(-(-n // width))
        width *= 2
    return sorted(counts)


def candidates(sizes: Sizes, schedules: tuple[str, ...]) -> Candidates:
    """Return every choice that fits; none if even one row and one column do not.

    Bands of less than a step are tried where no larger ones fit.
    """
    found = _fitting(sizes, schedules, band_counts(sizes, of_full_steps=True))
    if found.n:
        return found
    return _fitting(sizes, schedules, band_counts(sizes, of_full_steps=False))


def _fitting(sizes: Sizes, schedules: tuple[str, ...], bands: list[int]) -> Candidates:
    tiles = tile_counts(sizes)
    found: list[tuple[IntArray, IntArray, NDArray[np.bool_]]] = []
    for name in schedules:
        holds = name == "weight_stationary"
        fits = sizes.held_bits(bands, tiles, holds=holds) <= sizes.capacity_bits
        fits &= sizes.fits_accumulators(bands, tiles)
        if holds and "input_stationary" in schedules:
            fits &= np.asarray(tiles) > 1  # one tile is the same in both
        at_band, at_tile = np.nonzero(fits)
        n_bands = np.asarray(bands, dtype=np.int64)[at_band]
        n_tiles = np.asarray(tiles, dtype=np.int64)[at_tile]
        found.append((n_bands, n_tiles, np.full(n_bands.shape[0], holds)))
    parts = [np.concatenate(column) for column in zip(*found, strict=True)]
    return Candidates(parts[0], parts[1], parts[2])
