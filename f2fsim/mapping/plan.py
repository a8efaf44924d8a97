"""A schedule of one layer as data: row bands, column tiles, what stays and what moves again.

Made by `f2fsim.scheduling` (or by an array kind of its own); every later stage only carries it out.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Plan:
    """A schedule of one layer.

    Attributes
    ----------
    schedule : str
        ``input_stationary`` or ``weight_stationary``.
    band_rows : tuple of int
        Rows of the weight matrix in each band, in order; a band is encoded by itself.
    tile_columns : tuple of int
        Activation columns of each tile, in order.
    rows_in_flight : int
        Rows whose accumulators are held at once.
    scratchpad_bits : dict
        What the scratchpad holds at most: activations, outputs, weights.
    is_dense : bool
        Whether a sparse machine stores and reads this layer's weights as they are.
    """

    schedule: str
    band_rows: tuple[int, ...]
    tile_columns: tuple[int, ...]
    rows_in_flight: int
    scratchpad_bits: dict[str, int]
    is_dense: bool = False

    @property
    def holds_weights(self) -> bool:
        """Whether a band's encoded weights stay on the chip for all column tiles."""
        return self.schedule == "weight_stationary" and len(self.tile_columns) > 1

    @cached_property
    def key(self) -> Hashable:
        """All of it as a key."""
        held = tuple(self.scratchpad_bits.items())
        cut = self.band_rows, self.tile_columns, self.rows_in_flight
        return self.schedule, cut, held, self.is_dense

    def passes(self) -> list[tuple[int, int]]:
        """Return (band, tile) in the order of execution."""
        bands, tiles = range(len(self.band_rows)), range(len(self.tile_columns))
        if self.schedule == "weight_stationary":
            return [(band, tile) for band in bands for tile in tiles]
        return [(band, tile) for tile in tiles for band in bands]
