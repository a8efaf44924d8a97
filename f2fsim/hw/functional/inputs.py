"""Input activations of a layer and how the machine addresses them (im2col on the chip)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import WeightType
from f2fsim.config import ConvLayer, ConvTransposeLayer, Layer
from f2fsim.hw.arrays.broadcast.batches import Broadcasts
from f2fsim.hw.functional.values import Values, draw_activations, thinned

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """Padded input feature maps, or plain columns, in the machine's memory.

    Attributes
    ----------
    layer : Layer
    maps : ndarray
        Convolutions: (samples, channels, *padded sizes), the padding 0.  Everything else:
        (columns, n_groups * K), transposed convolutions likewise (a column an input position).
    """

    layer: Layer
    maps: Values

    @property
    def is_convolution(self) -> bool:
        """Whether columns are gathered from maps."""
        return is_convolution(self.layer)

    def columns(self, first: int, stop: int) -> Values:
        """Return columns `first` … `stop` - 1 of the product, shape (n_groups * K, n).

        A convolution's rows and columns are addresses in the padded maps: the place of an input
        is the sum of an offset of its row (channel, kernel position) and one of its column
        (sample, output position), as an address generator makes them.
        """
        if not self.is_convolution:
            return np.ascontiguousarray(self.maps[first:stop].T)
        layer, sizes = self.layer, self.maps.shape[2:]
        assert isinstance(layer, ConvLayer)
        strides = np.array([math.prod(sizes[i + 1 :]) for i in range(len(sizes))], dtype=np.int64)
        kernel = _offsets(layer.kernel, strides * np.array(layer.dilations))
        channels = np.arange(layer.in_channels) * math.prod(sizes)
        rows = (channels[:, None] + kernel[None, :]).ravel()
        places = _offsets(layer.output_size, strides * np.array(layer.strides))
        sample, place = np.divmod(np.arange(first, stop), places.shape[0])
        starts = sample * math.prod(self.maps.shape[1:]) + places[place]
        gathered: Values = self.maps.reshape(-1)[rows[:, None] + starts[None, :]]
        return gathered


def is_convolution(layer: Layer) -> bool:
    """Whether a layer's columns overlap in feature maps."""
    return isinstance(layer, ConvLayer) and not isinstance(layer, ConvTransposeLayer)


def draw_maps(layer: Layer, weight_type: WeightType, density: float, seed: int) -> FeatureMaps:
    """Draw a layer's input activations, each non-zero with the chance `density`."""
    if not is_convolution(layer):
        width = layer.n_groups * layer.n_reduction
        columns = _draw((layer.n_columns, width), weight_type, density, seed)
        return FeatureMaps(layer, columns)
    assert isinstance(layer, ConvLayer)
    shape = (layer.batch or 1, layer.in_channels, *layer.input_size)
    maps = _draw(shape, weight_type, density, seed)
    return FeatureMaps(layer, np.pad(maps, ((0, 0), (0, 0), *layer.pads)))


def broadcast_columns(
    shape: tuple[int, int], weight_type: WeightType, broadcasts: Broadcasts, seed: int
) -> Values:
    """Return the columns of a pass whose non-zero activations are exactly those broadcast.

    Parameters
    ----------
    shape : (int, int)
        K, and the vectors of the pass.
    weight_type : WeightType
    broadcasts : Broadcasts
        Of the pass; the batches of a vector follow one another.
    seed : int

    Returns
    -------
    ndarray, shape (K, n_vectors)
    """
    broadcasts = broadcasts.expanded()
    n_cuts = broadcasts.n_batches // shape[1]
    batch = np.repeat(np.arange(broadcasts.n_batches), np.diff(broadcasts.first))
    real = broadcasts.columns >= 0
    columns, vector = broadcasts.columns[real], batch[real] // n_cuts
    drawn = draw_activations(shape, weight_type, seed)
    out = np.zeros_like(drawn)
    out[columns, vector] = drawn[columns, vector]
    return out


def _draw(shape: tuple[int, ...], weight_type: WeightType, density: float, seed: int) -> Values:
    return thinned(draw_activations(shape, weight_type, seed), density, seed + 1)


def _offsets(sizes: Sequence[int], strides: NDArray[np.int64]) -> IntArray:
    """Return the offset of every position of a box, row-major, shape (prod(sizes),)."""
    places = np.indices(tuple(sizes)).reshape(len(sizes), -1)
    offsets: IntArray = np.asarray(strides, dtype=np.int64) @ places
    return offsets
