"""What a workload's layers hold and need in all, whatever plan runs them: for bounds.

One number a layer in each array, so that a bound of all layers is one expression.  They are exact
totals of the pruned weights, or less than any cut into bands can do.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import PrunedTensor
from f2fsim.config import ConvLayer, ConvTransposeLayer, Layer
from f2fsim.mapping.geometry import ACTIVATION_BITS

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Totals:
    """Totals of layers of one weight type, one item a layer.

    Attributes
    ----------
    weight_type : str
    weight_bits, activation_bits : int
        Of a weight, and of an activation.
    repeat : ndarray of int64
        How often a layer runs.
    n_rows, n_reduction, n_columns, n_kept, scale_bits : ndarray of int64
        Rows, weights of a row, activation columns, kept weights, bits of scales.
    input_values : ndarray of int64
        Input activations that any tiling reads at least.
    value_bits : ndarray of int64
        Bits of the kept weights, of floats those that vary within each row: as many as a format
        that leaves out what is the same in a band stores at least.
    plane_places : ndarray of int64
        Weight positions times the bits that vary within their row: planes of F2F.
    care_bits : ndarray of int64
        Kept weights times the bits that vary within their row: what words of F2F must match.
    count_bits : ndarray of int64
        Bits of the rows' numbers of kept weights.
    gaps : tuple of ndarray of int64
        For each layer, how many kept weights follow 0, 1, 2 … pruned ones of their row.
    may_be_dense : ndarray of bool
        Whether a sparse machine with a dense way may store the layer as it is.
    """

    weight_type: str
    weight_bits: int
    activation_bits: int
    repeat: IntArray
    n_rows: IntArray
    n_reduction: IntArray
    n_columns: IntArray
    n_kept: IntArray
    scale_bits: IntArray
    input_values: IntArray
    value_bits: IntArray
    plane_places: IntArray
    care_bits: IntArray
    count_bits: IntArray
    gaps: tuple[IntArray, ...]
    may_be_dense: NDArray[np.bool_]

    @property
    def n_weights(self) -> IntArray:
        """All weight positions."""
        return self.n_rows * self.n_reduction

    def entries(self, run_bits: int) -> IntArray:
        """Return the pairs of a run and a value: padding zeros within rows are pairs too."""
        found = [int((gaps * (1 + (np.arange(gaps.size) >> run_bits))).sum()) for gaps in self.gaps]
        return np.array(found, dtype=np.int64)


def layer_totals(layers: Iterable[tuple[Layer, PrunedTensor]]) -> list[Totals]:
    """Return the totals of layers, those of each weight type together."""
    by_type: dict[str, list[dict[str, object]]] = {}
    bits: dict[str, int] = {}
    for layer, tensor in layers:
        name = tensor.weight_type.name
        by_type.setdefault(name, []).append(_of_layer(layer, tensor))
        bits[name] = tensor.weight_type.n_bits
    found = []
    for name, rows in by_type.items():
        arrays: dict[str, Any] = {
            key: np.array([row[key] for row in rows], dtype=np.int64)
            for key in rows[0]
            if key != "gaps"
        }
        arrays["may_be_dense"] = np.zeros(len(rows), dtype=np.bool_)
        gaps = tuple(np.asarray(row["gaps"], dtype=np.int64) for row in rows)
        found.append(Totals(name, bits[name], ACTIVATION_BITS[name], gaps=gaps, **arrays))
    return found


def _of_layer(layer: Layer, tensor: PrunedTensor) -> dict[str, object]:
    n_rows, n_reduction = tensor.shape
    counts = tensor.mask.sum(axis=1, dtype=np.int64)
    varying = _varying_bits(tensor, counts)
    kept_bits = varying if tensor.weight_type.is_float else np.int64(tensor.weight_type.n_bits)
    rows, columns = np.nonzero(tensor.mask)
    before = np.diff(columns, prepend=-1) - 1
    first = np.diff(rows, prepend=-1) > 0
    before[first] = columns[first]
    return {
        "repeat": layer.repeat,
        "n_rows": n_rows,
        "n_reduction": n_reduction,
        "n_columns": layer.n_columns,
        "n_kept": tensor.n_kept,
        "scale_bits": tensor.scale_bits,
        "input_values": least_inputs(layer),
        "value_bits": int((counts * kept_bits).sum()),
        "plane_places": int(n_reduction * varying.sum()),
        "care_bits": int((counts * varying).sum()),
        "count_bits": sum(int(count).bit_length() for count in counts),
        "gaps": np.bincount(before, minlength=1),
    }


def _varying_bits(tensor: PrunedTensor, counts: IntArray) -> IntArray:
    """Return how many bits of a row's kept weights are not the same in all of them."""
    some, every = tensor.patterns, tensor.patterns
    dtype = some.dtype
    ones = np.where(tensor.mask, some, dtype.type(0))
    full = np.iinfo(dtype).max
    alls = np.where(tensor.mask, every, dtype.type(full))
    differ = np.bitwise_or.reduce(ones, axis=1) ^ np.bitwise_and.reduce(alls, axis=1)
    return np.where(counts > 0, np.bitwise_count(differ), 0).astype(np.int64)


def least_inputs(layer: Layer) -> int:
    """Return the input activations that are read however the output columns are tiled.

    A tile of r output rows of a convolution reads at least ``min((r-1)·stride + extent, height)``
    rows of input; the fewest a row over all r, times all rows, is less than any tiling reads.
    """
    if not isinstance(layer, ConvLayer) or isinstance(layer, ConvTransposeLayer):
        return layer.n_groups * layer.n_reduction * layer.n_columns
    rows = np.arange(1, layer.output_size[0] + 1)
    extent = (rows - 1) * layer.strides[0] + (layer.kernel[0] - 1) * layer.dilations[0] + 1
    reads = np.minimum(extent, layer.input_size[0])
    width = layer.in_channels * int(np.prod(layer.input_size[1:], dtype=np.int64))
    n_rows = layer.n_columns * layer.output_size[0] // layer.columns_per_sample
    best = int(np.argmin(reads / rows))
    return int(n_rows * int(reads[best]) * width // int(rows[best]))
