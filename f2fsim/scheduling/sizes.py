"""What a choice of bands and tiles holds on the chip and moves, for many choices at once."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import PrunedTensor
from f2fsim.codec.csr import row_counts
from f2fsim.config.arch import ArchConfig
from f2fsim.config.layer import Layer
from f2fsim.hw.arrays import array_kind
from f2fsim.hw.arrays.around import decided_by
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

#: Room for the encoded weights of a band over what is expected of them, and for its tables and the
#: words that it does not fill (`tests/scheduling/test_scheduling_held.py` holds them against runs).
RESERVED, BAND_BITS = 1.1, 1024


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
        self.arch, self.layer, self.tensor = arch, layer, tensor
        self.inputs_on_chip = inputs_on_chip
        self.front_end, self.array = front_end_kind(arch), array_kind(arch)
        self.facts = LayerFacts.of(tensor, is_dense=is_dense)
        self.n_rows, self.n_columns = tensor.shape[0], layer.n_columns
        self.row_unit = self.array.rows_at_once(arch.pe_array)
        #: Whether all rows of a band accumulate at once, and leave together.
        self.is_all_rows = self.front_end.is_all_rows(arch.front_end) and not is_dense
        self.activation_bits = ACTIVATION_BITS[tensor.weight_type.name]
        self.copies = 2 if arch.scratchpad.double_buffered else 1
        self.capacity_bits = 8 * arch.scratchpad.capacity
        self.expected_bits = self.front_end.expected_bits(arch.front_end, self.facts)
        if is_dense:
            self.expected_bits = float(self.facts.n_weights * self.facts.weight_bits)
        self.scale_bits = tensor.scale_bits
        self._tensor = tensor
        self._held_bits: dict[int, int] = {}

    @property
    def key(self) -> Hashable:
        """What decides the choices that fit, beside the tensor."""
        arch, fitting = self.arch, self.array.fitting_keys
        own = [key for key in self.array.own_keys if key not in fitting]
        decided = shared(arch, "fits", lambda: decided_by(arch, own, sized_by_capacity=True))
        return decided, self.layer, self.facts.is_dense, self.inputs_on_chip, self.row_unit

    @property
    def stream_bits(self) -> list[float]:
        """Return the encoded bits of each stream, about: two streams of data share them evenly."""
        names = [] if self.facts.is_dense else self.front_end.fetched(self.arch.front_end)
        n = min(max(len(names), 1), 2)
        data = [self.expected_bits / n] * n
        return [*data, float(self.scale_bits)] if self.scale_bits else data

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
        sizes = np.array([columns, max(self.n_columns // n_tiles, 1)])
        return {
            "activations": int(self.input_bits(sizes).max()) * copies,
            "outputs": in_flight * self.activation_bits * out_copies,
            "weights": self.held_bits(n_bands) if holds and n_tiles > 1 else 0,
        }

    def held_bits(self, n_bands: int) -> int:
        """Return the bits that are reserved for the encoded weights of the largest band.

        Its share is that of its weights or of its kept ones, whichever is more.
        """
        if n_bands not in self._held_bits:
            key = "largest band", self.row_unit, n_bands, self.facts.is_dense
            share = shared(self._tensor, key, lambda: self._largest_share(n_bands))
            bits = RESERVED * self.expected_bits + self.scale_bits
            self._held_bits[n_bands] = math.ceil(share * bits) + BAND_BITS
        return self._held_bits[n_bands]

    def _largest_share(self, n_bands: int) -> float:
        """Return the most that a band has of all weights, or of the kept ones."""
        rows, kept = self.band_rows(n_bands), self._tensor.n_kept
        share = max(rows) / max(self.n_rows, 1)
        is_known = self._tensor.mask.shape[0] == self.n_rows
        if kept and n_bands > 1 and is_known and not self.facts.is_dense:
            first = np.cumsum([0, *rows[:-1]])
            counts = shared(self._tensor, "row counts", lambda: row_counts(self._tensor))
            share = max(share, int(np.add.reduceat(counts, first).max()) / kept)
        return share

    def band_table(self, counts: Sequence[int]) -> NDArray[np.float64]:
        """Return counts and rows of large, small and last bands, shape (counts, 6).

        Bands are whole multiples of what the array takes at once, but for the last one.  A band
        that there is none of has one row, and stands behind the others.
        """
        unit, units = self.row_unit, self.most_bands
        cut = unit * units - self.n_rows  # rows that the last band lacks
        table = []
        for n in counts:
            small, n_large = divmod(units, n)
            n_cut = int(cut > 0)
            sizes = (
                (n_large, unit * (small + 1)),
                (n - n_large - n_cut, unit * small),
                (n_cut, unit * small - cut),
            )
            found = [one for one in sizes if one[0]]
            found += [(0, 1)] * (3 - len(found))
            table.append([*(one[0] for one in found), *(one[1] for one in found)])
        return np.array(table, dtype=np.float64)

    def tile_table(self, counts: Sequence[int]) -> IntArray:
        """Return counts, columns and input bits of large and small tiles, shape (counts, 6)."""
        splits = [divmod(self.n_columns, n) for n in counts]
        sizes = [
            (extra, n - extra, small + 1, small) if extra else (n, 0, small, max(small, 1))
            for n, (small, extra) in zip(counts, splits, strict=True)
        ]
        table = np.empty((len(counts), 6), dtype=np.int64)
        table[:, :4] = sizes
        table[:, 4:] = self.input_bits(table[:, 2:4])
        return table

    def rows_held(self, band_rows: int) -> int:
        """Return how many rows of a band have sums in the accumulators at once."""
        return self.array.rows_held(self.arch, self.arch.pe_array, band_rows)

    def fitting(
        self, bands: Sequence[int], tiles: Sequence[int], table: IntArray
    ) -> NDArray[np.bool_]:
        """Return which pairs fit without and with held weights, shape (2, bands, tiles).

        `table` is that of the tiles.  Activations, outputs and weights lie in the scratchpad
        (`needs`), sums in the accumulators.
        """
        columns, inputs = table[:, 2], table[:, 4:].max(axis=1)
        most = [min(-(-self.most_bands // n) * self.row_unit, self.n_rows) for n in bands]
        flight = [self.rows_in_flight(rows) * self.activation_bits for rows in most]
        held = [self.rows_held(rows) for rows in most]
        total = np.multiply.outer(flight, columns)
        more = np.array(tiles) > 1
        if self.copies > 1:
            total[:, more] *= self.copies
            total[np.array(bands) > 1, 0] *= self.copies if tiles[0] == 1 else 1
            inputs = np.where(more, self.copies * inputs, inputs)
        total += inputs
        weights = np.zeros((len(bands), len(tiles)), dtype=np.int64)
        if more.any():
            weights += np.array([self.held_bits(n) for n in bands])[:, None] * more
        found = np.stack([total, total + weights]) <= self.capacity_bits
        sums = self.array.accumulators(self.arch, self.arch.pe_array)
        fits = sums.held_bytes(np.array(held, dtype=np.int64)[:, None], columns) <= sums.capacity
        return np.asarray(found & fits)
