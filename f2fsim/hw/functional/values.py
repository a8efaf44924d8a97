"""Numbers behind bit patterns: weights as the PEs multiply them, and drawn activations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import WeightType
from f2fsim.codec.floats import float_values, nearest_patterns

Values = NDArray[Any]


def weight_values(patterns: NDArray[Any], weight_type: WeightType) -> Values:
    """Return the numbers that bit patterns of any shape mean, in the accumulator's type.

    int32 for integers (sums wrap, as two's complement does), float32 for floats.
    """
    if weight_type.is_float:
        return float_values(patterns, weight_type)
    numbers = patterns.astype(np.int32)
    if weight_type.signed:
        numbers -= (numbers >> (weight_type.n_bits - 1)) << weight_type.n_bits
    return numbers


def draw_activations(shape: tuple[int, ...], weight_type: WeightType, seed: int) -> Values:
    """Draw activations without a zero: integers of 8 bits, or floats that the type can hold.

    Parameters
    ----------
    shape : tuple of int
    weight_type : WeightType
        Integers are -128 to 127 for every integer type; floats are drawn from the standard normal
        distribution and rounded to the weights' type.
    seed : int

    Returns
    -------
    ndarray of int32 or float32
    """
    rng = np.random.default_rng(seed)
    if not weight_type.is_float:
        drawn = rng.integers(-128, 127, shape, dtype=np.int32)
        return drawn + (drawn >= 0)
    values = rng.standard_normal(shape, dtype=np.float32)
    if weight_type.name == "bf16":
        values = (values.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
    else:
        values = float_values(nearest_patterns(values, weight_type), weight_type)
    return np.where(values == 0, np.float32(1.0), values)


def thinned(values: Values, density: float, seed: int) -> Values:
    """Return `values` with each one kept with the chance `density`, the others 0."""
    if density >= 1.0:
        return values
    kept = np.random.default_rng(seed).random(values.shape) < density
    return np.where(kept, values, values.dtype.type(0))
