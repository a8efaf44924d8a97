"""What a choice of bands and tiles holds on the chip and moves, for many choices at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import PrunedTensor
from f2fsim.config.arch import ArchConfig
from f2fsim.config.layer import Layer
from f2fsim.hw.arrays import array_kind
from f2fsim.hw.front_ends import front_end_kind
from f2fsim.mapping.facts import LayerFacts
from f2fsim.mapping.geometry import (
    ACTIVATION_BITS,
    split_evenly,
    tile_inputs,
)
from f2fsim.sharing import shared

IntArray = NDArray[np.int64]

#: Bits that a band's streams waste at most each time they are fetched: they begin at a burst.
BAND_ALIGNMENT_BITS = 512


class Sizes:
    """Bits that choices of bands and tiles need on the chip and move.

    Parameters
    ----------
    arch, layer : ArchConfig, Layer
        What runs on what.
    tensor : PrunedTensor
        Its weights.
    is_dense : bool
        Whether they are stored in the machine's dense way.
    inputs_on_chip : bool
        Whether the input activations are there already: none is loaded, and none takes room.
    """

    def __init__(
        self,
        arch: ArchConfig,
        layer: Layer,
        tensor: PrunedTensor,
        *,
        is_dense: bool = False,
        inputs_on_chip: bool = False,
    ) -> None:
        self.arch, self.layer, self.inputs_on_chip = arch, layer, inputs_on_chip
        self.front_end, self.array = front_end_kind(arch), array_kind(arch)
        self.facts = LayerFacts.of(tensor, is_dense=is_dense)
        self.n_rows, self.n_columns = tensor.shape[0], layer.n_columns
        self.row_unit = self.array.rows_at_once(arch.pe_array)
        self.activation_bits = ACTIVATION_BITS[tensor.weight_type.name]
        self.copies = 2 if arch.scratchpad.double_buffered else 1
        self.capacity_bits = 8 * arch.scratchpad.capacity
        per_weight = self.front_end.bits_per_weight(arch.front_end, tensor)
        if is_dense:
            per_weight = tensor.weight_type.n_bits
        self.weight_bits = int(per_weight * tensor.n_weights) + 1 + tensor.scale_bits
        self.expected_bits = self.front_end.expected_bits(arch.front_end, self.facts)
        if is_dense:
            self.expected_bits = float(self.facts.n_weights * self.facts.weight_bits)
        self.expected_bits += tensor.scale_bits

    @property
    def most_bands(self) -> int:
        """Number of bands at most."""
        return max(-(-self.n_rows // self.row_unit), 1)

    def band_rows(self, n_bands: int) -> list[int]:
        """Return the rows of each band: whole multiples of what the array takes at once."""
        units = split_evenly(self.most_bands, n_bands)
        rows = [n * self.row_unit for n in units]
        rows[-1] -= sum(rows) - self.n_rows
        return rows

    def input_bits(self, n_columns: IntArray) -> IntArray:
        """Return the bits of the input activations of tiles of so many columns."""
        if self.inputs_on_chip:
            return np.zeros_like(n_columns)
        layer = self.layer
        key = "inputs", n_columns.shape, n_columns.tobytes()
        values = shared(layer, key, lambda: tile_inputs(layer, n_columns))
        return values * self.activation_bits

    @property
    def is_all_rows(self) -> bool:
        """Whether all rows of a band accumulate at once, and leave together."""
        return self.front_end.is_all_rows(self.arch.front_end) and not self.facts.is_dense

    def rows_in_flight(self, band_rows: int) -> int:
        """Return how many rows accumulate at once."""
        if self.is_all_rows:
            return band_rows
        return self.array.rows_in_flight(self.arch.pe_array, band_rows, self.facts.n_reduction)

    def needs(self, n_bands: int, n_tiles: int, *, holds: bool) -> dict[str, int]:
        """Return the scratchpad bits that are held at most."""
        columns = -(-self.n_columns // n_tiles)
        rows = min(-(-self.most_bands // n_bands) * self.row_unit, self.n_rows)
        copies = self.copies if n_tiles > 1 else 1
        out_copies = self.copies if n_tiles * n_bands > 1 else 1
        in_flight = self.rows_in_flight(rows) * columns
        return {
            "activations": int(self.input_bits(np.array([columns]))[0]) * copies,
            "outputs": in_flight * self.activation_bits * out_copies,
            "weights": -(-self.weight_bits // n_bands) if holds and n_tiles > 1 else 0,
        }

    def fits_accumulators(self, bands: Sequence[int], tiles: Sequence[int]) -> NDArray[np.bool_]:
        """Return whether the sums of every pair fit the accumulators, shape (bands, tiles)."""
        columns = -(-self.n_columns // np.asarray(tiles, dtype=np.int64))
        rows = [min(-(-self.most_bands // n) * self.row_unit, self.n_rows) for n in bands]
        held = [self.rows_held(n) for n in rows]
        sums = self.array.accumulators(self.arch, self.arch.pe_array)
        found: NDArray[np.bool_] = (
            sums.held_bytes(np.array(held, dtype=np.int64)[:, None], columns) <= sums.capacity
        )
        return found

    def rows_held(self, band_rows: int) -> int:
        """Return how many rows of a band have sums in the accumulators at once."""
        return self.array.rows_held(self.arch, self.arch.pe_array, band_rows)

    def held_bits(self, bands: Sequence[int], tiles: Sequence[int], *, holds: bool) -> IntArray:
        """Return the sum of `needs` for every pair, shape (bands, tiles)."""
        n_tiles = np.asarray(tiles, dtype=np.int64)
        n_bands = np.asarray(bands, dtype=np.int64)[:, None]
        columns = -(-self.n_columns // n_tiles)
        inputs = self.input_bits(columns)
        per_band = [-(-self.most_bands // n) * self.row_unit for n in bands]
        flight = [self.rows_in_flight(min(rows, self.n_rows)) for rows in per_band]
        rows = np.array(flight, dtype=np.int64)[:, None]
        total = inputs * np.where(n_tiles > 1, self.copies, 1)
        outs = np.where(n_tiles * n_bands > 1, self.copies, 1)
        total = total + rows * columns * self.activation_bits * outs
        if holds:
            total = total + np.where(n_tiles > 1, -(-self.weight_bits // n_bands), 0)
        return total
