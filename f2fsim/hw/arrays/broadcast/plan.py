"""The schedule of a broadcast array: row bands whose weights fit its memory, vectors in tiles."""

from __future__ import annotations

import numpy as np

from f2fsim.codec import PrunedTensor
from f2fsim.config.arch import ArchConfig
from f2fsim.config.layer import Layer
from f2fsim.config.pe_array import BroadcastArray
from f2fsim.errors import ConfigError
from f2fsim.hw.arrays.sums import SUM_BYTES
from f2fsim.mapping.geometry import (
    ACTIVATION_BITS,
    split_evenly,
    tile_input_values,
    tile_inputs,
)
from f2fsim.mapping.plan import Plan


def broadcast_plans(
    arch: ArchConfig, array: BroadcastArray, layer: Layer, tensor: PrunedTensor
) -> list[Plan]:
    """Return bands and tiles that fit: as few bands, then as few bits of activations, first.

    What counts is what must be there before the first broadcast, a tile, and what is loaded in all:
    the rows of a feature map that two tiles need, and several tiles again for each band.
    Groups of a convolution are bands of their own, since each has other inputs.  With weights on
    the chip a band's encoding is reserved by an upper bound: every entry a kept weight or padding,
    of which there is at most one for each run of zeros it can express.

    Raises
    ------
    ConfigError
        If not even one row and one vector fit.
    """
    capacity = 8 * arch.scratchpad.capacity
    kept_share = 1 - tensor.sparsity
    run_bits = int(getattr(arch.front_end, "run_bits", 4))
    entry_bits = tensor.weight_type.n_bits + run_bits
    padding = (1 - kept_share) / (1 << run_bits)
    pointer_bits = 32 * array.n_pes * (layer.n_reduction + 1)
    activation_bits = ACTIVATION_BITS[tensor.weight_type.name]
    copies = 2 if arch.scratchpad.double_buffered else 1
    # Sums of one vector are added to while those of the one before leave.
    most_rows = max(array.accumulator_bytes // (2 * SUM_BYTES), 1)

    tilings = [tuple(split_evenly(layer.n_columns, n)) for n in _halvings(layer.n_columns)]
    loads = [tile_inputs(layer, np.array([max(one), min(one)])).tolist() for one in tilings]

    def needs(rows: int, tile: int, tiles: int) -> dict[str, int]:
        weights = int(rows * layer.n_reduction * (kept_share + padding) * entry_bits) + 1
        return {
            "activations": tile * activation_bits * (copies if tiles > 1 else 1),
            "outputs": 2 * rows * activation_bits,
            "weights": weights + pointer_bits if array.weights_on_chip else 0,
        }

    plans: list[tuple[int, int, Plan]] = []
    for n_bands in _halvings(layer.n_outputs):
        rows = -(-layer.n_outputs // n_bands)
        for tiles, (large, small) in zip(tilings, loads, strict=True):
            found = needs(rows, large, len(tiles))
            if sum(found.values()) <= capacity and rows <= most_rows:
                band_rows = tuple(split_evenly(layer.n_outputs, n_bands)) * layer.n_groups
                n_large = tiles.count(tiles[0])
                loaded = n_large * large + (len(tiles) - n_large) * small
                times = len(band_rows) if len(tiles) > 1 else 1
                plan = Plan("weight_stationary", band_rows, tiles, rows, found)
                plans.append((n_bands, large + times * loaded, plan))
    if plans:
        return [plan for _, _, plan in sorted(plans, key=lambda one: one[:2])]
    least = sum(needs(1, tile_input_values(layer, 1), 2).values())
    raise ConfigError(
        f"{arch.place('scratchpad.capacity')}: layer {layer.name!r} needs at least "
        f"{-(-least // 8)} bytes for one row and one vector, got {arch.scratchpad.capacity}"
    )


def _halvings(n: int) -> list[int]:
    """Return 1, 2, 4, … up to n, and n."""
    return sorted({min(1 << i, n) for i in range(n.bit_length() + 1)})
