"""The work of a layer as arrays over the steps of the machine, made from the real streams.

A step is what the weight front end takes at once: the blocks of all F2F groups, a unit of the
other formats, a window of CSR rounds.  Arrays run over all passes of the plan in order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import EncodedTensor
from f2fsim.codec.kept_zeros import PARAM as KEPT_ZEROS
from f2fsim.config.layer import Layer
from f2fsim.mapping.geometry import tile_inputs
from f2fsim.mapping.plan import Plan

IntArray = NDArray[np.int64]


def starts_of(counts: IntArray) -> IntArray:
    """Return where each of some pieces begins, and the end of the last, shape (n + 1,)."""
    found = np.zeros(counts.shape[0] + 1, dtype=np.int64)
    np.cumsum(counts, out=found[1:])
    return found


def between(ends: IntArray) -> IntArray:
    """Return how much each piece has, given where it ends; the first one begins at 0."""
    found = ends.copy()
    found[1:] -= ends[:-1]
    return found


@dataclass(frozen=True, eq=False)
class BandSteps:
    """The steps of one row band, once through.

    Attributes
    ----------
    stream_bits : mapping of str to ndarray of int64, shape (n_steps,)
        Bits of each stream that a step takes.
    n_weights, n_kept, n_stored, n_patches, n_symbols : ndarray of int64, shape (n_steps,)
        As in `f2fsim.codec.WorkUnits`, summed over the units of a step.
    most_patches, most_symbols : ndarray of int64, shape (n_steps,)
        The most of any one unit: decoder groups work in lock step.
    rows_done : ndarray of int64, shape (n_steps,)
        Rows whose last weight is in the step; zero until the last step for orders that run
        through all rows.
    is_dense : bool
        Whether the band is stored as it is on a machine that reads another format.
    """

    stream_bits: Mapping[str, IntArray]
    n_weights: IntArray
    n_kept: IntArray
    n_stored: IntArray
    n_patches: IntArray
    n_symbols: IntArray
    most_patches: IntArray
    most_symbols: IntArray
    rows_done: IntArray
    is_dense: bool = False

    @property
    def reaching(self) -> IntArray:
        """Weights of each step that PEs get where pruned ones are skipped: all of a dense band."""
        return self.n_weights if self.is_dense else self.n_kept

    @cached_property
    def total_weights(self) -> int:
        """Positions of all steps."""
        return int(self.n_weights.sum())

    @cached_property
    def total_kept(self) -> int:
        """Kept weights of all steps."""
        return int(self.n_kept.sum())

    @property
    def total_reaching(self) -> int:
        """Weights of all steps that PEs get where pruned ones are skipped."""
        return self.total_weights if self.is_dense else self.total_kept

    @property
    def n_steps(self) -> int:
        """Number of steps."""
        return int(self.n_weights.shape[0])

    def bits_of(self, stream: str) -> IntArray:
        """Return the bits of a stream that each step takes: none where the band lacks it."""
        found = self.stream_bits.get(stream)
        return np.zeros_like(self.n_weights) if found is None else found


def band_steps(encoded: EncodedTensor, units_per_step: int, all_rows: bool) -> BandSteps:
    """Group the work units of an encoding into steps of `units_per_step` units.

    Parameters
    ----------
    encoded : EncodedTensor
        One band.
    units_per_step : int
        Units that the machine takes at once.
    all_rows : bool
        Whether the order runs through all rows, so that none is done before the last step.
    """
    work = encoded.work
    n_steps = -(-work.n_units // units_per_step)
    starts = np.arange(n_steps) * units_per_step

    def summed(values: IntArray) -> IntArray:
        return values if units_per_step == 1 else np.add.reduceat(values, starts)

    def most(values: IntArray) -> IntArray:
        return values if units_per_step == 1 else np.maximum.reduceat(values, starts)

    symbols = np.ones_like(work.n_weights) if work.n_mask_symbols is None else work.n_mask_symbols
    n_weights = summed(work.n_weights)
    n_rows, n_cols = encoded.shape
    if all_rows:
        rows_done = np.zeros(n_steps, dtype=np.int64)
        rows_done[-1:] = n_rows
    else:
        rows_done = between(np.cumsum(n_weights) // max(n_cols, 1))
    bits = dict(work.stream_bits)
    if KEPT_ZEROS in encoded.params:
        bits.pop("mask", None)  # only tells a kept 0 from a pruned one: no machine fetches it
    return BandSteps(
        {name: summed(of_units) for name, of_units in bits.items()},
        n_weights,
        summed(work.n_kept),
        summed(work.n_stored),
        summed(work.n_patches),
        summed(symbols),
        most(work.n_patches),
        most(symbols),
        rows_done,
    )


@dataclass(frozen=True, eq=False)
class LayerSteps:
    """All passes of a layer: the steps of each band, and which tile each pass works on.

    Attributes
    ----------
    bands : tuple of BandSteps
        By band.
    passes : list of (int, int)
        (band, tile) in order.
    tile_columns : tuple of int
        Activation columns by tile.
    tile_bits : tuple of int
        Input activation bits by tile.
    """

    bands: Sequence[BandSteps]
    passes: Sequence[tuple[int, int]]
    tile_columns: Sequence[int]
    tile_bits: Sequence[int]

    @cached_property
    def n_steps(self) -> int:
        """Steps of all passes."""
        return sum(self.bands[band].n_steps for band, _ in self.passes)

    def over_passes(self, by_band: Sequence[IntArray]) -> IntArray:
        """Return the arrays of the bands, one after another in the order of passes."""
        return np.concatenate([by_band[band] for band, _ in self.passes])

    def over_tiles(self, by_band: Sequence[IntArray], by_tile: Sequence[int]) -> IntArray:
        """Return the arrays of the bands, each times its pass's factor, in order of passes."""
        return np.concatenate([by_band[band] * by_tile[tile] for band, tile in self.passes])

    def total(self, by_band: Sequence[int], by_tile: Sequence[int]) -> int:
        """Return the sum over all passes of a number of the band times one of the tile."""
        return sum(by_band[band] * by_tile[tile] for band, tile in self.passes)

    def starts(self) -> IntArray:
        """Return the first step of each pass, and the end of the last, shape (n_passes + 1,)."""
        counts = [self.bands[band].n_steps for band, _ in self.passes]
        return starts_of(np.array(counts, dtype=np.int64))


@dataclass(frozen=True)
class TileLoad:
    """Activations on the chip: `n_bits` loaded for steps `first_step` to `last_step`."""

    tile: int
    n_bits: int
    first_step: int
    last_step: int


def layer_steps(
    layer: Layer, plan: Plan, bands: Sequence[BandSteps], activation_bits: int
) -> LayerSteps:
    """Put bands and tiles in the order of the plan."""
    values = tile_inputs(layer, np.array(plan.tile_columns, dtype=np.int64))
    tile_bits = (values * activation_bits).tolist()
    return LayerSteps(tuple(bands), plan.passes(), plan.tile_columns, tuple(tile_bits))


def tile_loads(steps: LayerSteps) -> list[TileLoad]:
    """Return the loads of activations: one for each run of passes over the same tile."""
    starts = steps.starts()
    loads: list[TileLoad] = []
    for i, (_, tile) in enumerate(steps.passes):
        last = int(starts[i + 1]) - 1
        if loads and loads[-1].tile == tile:
            loads[-1] = TileLoad(tile, loads[-1].n_bits, loads[-1].first_step, last)
        else:
            loads.append(TileLoad(tile, steps.tile_bits[tile], int(starts[i]), last))
    return loads
