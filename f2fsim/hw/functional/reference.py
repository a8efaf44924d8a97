"""The layer in NumPy, on the pruned weights: neither streams, schedule nor addresses are used."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import PrunedTensor
from f2fsim.config import ConvLayer
from f2fsim.hw.functional.inputs import FeatureMaps
from f2fsim.hw.functional.values import Values, weight_values

Floats = NDArray[np.float64]


def reference_outputs(
    tensor: PrunedTensor, maps: FeatureMaps, first_row: int, first: int, stop: int
) -> tuple[Floats, Floats]:
    """Return some outputs of a layer, and the sums of their products' magnitudes.

    Convolutions are summed kernel position by kernel position, channels at once; float64 holds
    every sum of integers below 2**53 exactly.

    Parameters
    ----------
    tensor : PrunedTensor
        Consecutive rows of the layer's weights.
    maps : FeatureMaps
        Input activations.
    first_row : int
        Row of the layer at which `tensor` begins.
    first, stop : int
        Columns of the product.

    Returns
    -------
    outputs, magnitudes : ndarray of float64, shape (n_rows, stop - first)
    """
    layer = maps.layer
    weights = weight_values(tensor.patterns, tensor.weight_type).astype(np.float64)
    n_rows = weights.shape[0]
    out = np.zeros((n_rows, stop - first))
    size = np.zeros_like(out)
    group_of = (first_row + np.arange(n_rows)) // layer.n_outputs
    for group in np.unique(group_of):
        rows = np.flatnonzero(group_of == group)
        for taken, inputs in _products(maps, int(group), first, stop):
            part = weights[np.ix_(rows, taken)]
            out[rows] += part @ inputs
            size[rows] += np.abs(part) @ np.abs(inputs)
    return out, size


def matrix_outputs(tensor: PrunedTensor, columns: Values) -> tuple[Floats, Floats]:
    """Return the product of a band with plain columns, shape (K, n); as `reference_outputs`."""
    weights = weight_values(tensor.patterns, tensor.weight_type).astype(np.float64)
    inputs = columns.astype(np.float64)
    return weights @ inputs, np.abs(weights) @ np.abs(inputs)


def _products(
    maps: FeatureMaps, group: int, first: int, stop: int
) -> list[tuple[NDArray[np.int64], Floats]]:
    """Return (weight columns, inputs of shape (that many, n)) whose products sum to the outputs."""
    layer, k = maps.layer, maps.layer.n_reduction
    if not maps.is_convolution:
        whole = maps.maps[first:stop, group * k : (group + 1) * k].T.astype(np.float64)
        return [(np.arange(k), whole)]
    assert isinstance(layer, ConvLayer)
    n_channels = layer.in_channels // layer.groups
    n_kernel = math.prod(layer.kernel)
    position = np.unravel_index(np.arange(first, stop), (maps.maps.shape[0], *layer.output_size))
    channels = slice(group * n_channels, (group + 1) * n_channels)
    found = []
    for place, offset in enumerate(np.ndindex(*layer.kernel)):
        at = tuple(
            axis * stride + step * dilation
            for axis, stride, step, dilation in zip(
                position[1:], layer.strides, offset, layer.dilations, strict=True
            )
        )
        values = maps.maps[:, channels][(position[0], slice(None), *at)]
        taken = np.arange(n_channels) * n_kernel + place
        found.append((taken, values.T.astype(np.float64)))
    return found
