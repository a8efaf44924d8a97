"""The plans that a designer would try: row bands × column tiles × schedules × ways to store."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import PrunedTensor
from f2fsim.scheduling.sizes import Sizes
from f2fsim.sharing import shared

IntArray = NDArray[np.int64]

#: Tile counts that are tried one by one.
FEW = 4


@dataclass(frozen=True, eq=False)
class Candidates:
    """Choices that fit the scratchpad.

    Attributes
    ----------
    bands, tiles : list of int
        Numbers of row bands and of column tiles that are tried.
    tile_table : ndarray of int64
        `Sizes.tile_table` of the tiles.
    at : ndarray of int64, shape (n, 3)
        Of each choice whether a band's weights stay on the chip for all tiles
        (``weight_stationary``), the place in `bands` and the place in `tiles`.
    """

    bands: list[int]
    tiles: list[int]
    tile_table: IntArray
    at: IntArray

    def choice(self, number: int) -> tuple[bool, int, int]:
        """Return whether a choice holds weights, its bands and its tiles."""
        holds, band, tile = self.at[number].tolist()
        return bool(holds), self.bands[band], self.tiles[tile]

    @property
    def n(self) -> int:
        """How many."""
        return int(self.at.shape[0])


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

    Bands of less than a step are tried where no larger ones fit.  Machines whose arrays differ in
    keys of their own alone, or in what is outside of them, have the same choices.
    """
    key = "candidates", schedules, sizes.key
    return shared(sizes.tensor, key, lambda: _known(sizes.tensor, _candidates(sizes, schedules)))


def _known(tensor: PrunedTensor, found: Candidates) -> Candidates:
    """Return the same choices of another machine if there are any: what follows is shared."""
    content = tuple(found.bands), tuple(found.tiles), found.tile_table.tobytes(), found.at.tobytes()
    return shared(tensor, ("choices", content), lambda: found)


def _candidates(sizes: Sizes, schedules: tuple[str, ...]) -> Candidates:
    found = _fitting(sizes, schedules, band_counts(sizes, of_full_steps=True))
    if found.n:
        return found
    return _fitting(sizes, schedules, band_counts(sizes, of_full_steps=False))


def _fitting(sizes: Sizes, schedules: tuple[str, ...], bands: list[int]) -> Candidates:
    tiles = tile_counts(sizes)
    table = sizes.tile_table(tiles)
    fits = sizes.fitting(bands, tiles, table)
    if "input_stationary" not in schedules:
        fits[0] = False
    elif tiles[0] == 1:
        fits[1, :, 0] = False  # one tile is the same in both
    if "weight_stationary" not in schedules:
        fits[1] = False
    return Candidates(bands, tiles, table, np.ascontiguousarray(np.argwhere(fits)))
