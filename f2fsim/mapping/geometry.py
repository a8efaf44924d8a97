"""What a column tile of a layer needs and makes: input and output values, with their halo."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from f2fsim.config import ConvLayer, ConvTransposeLayer, Layer

IntArray = NDArray[np.int64]

#: Bits of an activation by weight type: integer weights multiply 8-bit activations.
ACTIVATION_BITS = {
    "int4": 8,
    "uint4": 8,
    "int8": 8,
    "uint8": 8,
    "fp8_e4m3": 8,
    "fp8_e5m2": 8,
    "fp16": 16,
    "bf16": 16,
    "fp32": 32,
}

#: Bits of an accumulator.
ACCUMULATOR_BITS = 32


def tile_input_values(layer: Layer, n_columns: int) -> int:
    """Return the input activations that `n_columns` consecutive output columns read.

    A convolution reads whole rows of its feature map, neighbouring tiles read their common rows
    twice (the halo); everything else reads K values a column.
    """
    return int(tile_inputs(layer, np.array([n_columns]))[0])


def tile_inputs(layer: Layer, n_columns: IntArray) -> IntArray:
    """Return `tile_input_values` of several numbers of columns."""
    if not isinstance(layer, ConvLayer) or isinstance(layer, ConvTransposeLayer):
        return layer.n_groups * layer.n_reduction * n_columns
    sizes = layer.output_size
    samples, rest = np.divmod(n_columns, math.prod(sizes))
    channels = layer.in_channels
    whole = channels * math.prod(layer.input_size)
    row_columns = math.prod(sizes[1:])
    # A tile may begin in the middle of a row: it then touches one row more.
    out_rows = np.minimum(-(-rest // row_columns) + (rest % row_columns > 0), sizes[0])
    extent = (out_rows - 1) * layer.strides[0] + (layer.kernel[0] - 1) * layer.dilations[0] + 1
    in_rows = np.minimum(extent, layer.input_size[0])
    part = channels * in_rows * math.prod(layer.input_size[1:])
    total: IntArray = samples * whole + np.where(rest > 0, part, 0)
    return total


def split_evenly(n: int, parts: int) -> list[int]:
    """Return `parts` sizes that sum to `n` and differ by at most one, larger ones first."""
    size, extra = divmod(n, parts)
    return [size + (i < extra) for i in range(parts)]
