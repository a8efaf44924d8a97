"""Float patterns and the numbers that they mean.

8-bit floats follow the OCP 8-bit floating point specification (2023): E4M3 has no infinity and
one NaN of each sign, E5M2 is a short IEEE half.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.tensor import WeightType

Floats = NDArray[np.float32]


def float_values(patterns: NDArray[Any], weight_type: WeightType) -> Floats:
    """Return the exact float32 of float patterns of any shape."""
    if weight_type.name == "fp32":
        return patterns.astype(np.uint32).view(np.float32)
    if weight_type.name == "fp16":
        return patterns.astype(np.uint16).view(np.float16).astype(np.float32)
    if weight_type.name == "bf16":
        return (patterns.astype(np.uint32) << np.uint32(16)).view(np.float32)
    half = _magnitudes(weight_type)
    both: Floats = np.concatenate([half, -half])[patterns]
    return both


def nearest_patterns(values: Floats, weight_type: WeightType) -> NDArray[np.unsignedinteger]:
    """Return the nearest float patterns, ties to even; NaN stays NaN.

    A value beyond the range becomes infinite, or NaN in E4M3.
    """
    if weight_type.name == "fp32":
        return values.view(np.uint32)
    if weight_type.name == "fp16":
        with np.errstate(over="ignore"):
            return values.astype(np.float16).view(np.uint16)
    if weight_type.name == "bf16":
        return _bfloat16(values)
    return _nearest_of_few(values, weight_type)


def largest_finite(weight_type: WeightType) -> float:
    """Return the largest finite number of an 8-bit float type."""
    return float(np.nanmax(np.where(np.isinf(half := _magnitudes(weight_type)), np.nan, half)))


@cache
def _magnitudes(weight_type: WeightType) -> Floats:
    """Return the numbers of the positive patterns of an 8-bit float type."""
    n_mantissa = weight_type.n_mantissa_bits
    code = np.arange(1 << (weight_type.n_bits - 1))
    exponent, mantissa = code >> n_mantissa, code & ((1 << n_mantissa) - 1)
    bias = (1 << (weight_type.n_exponent_bits - 1)) - 1
    significand = mantissa + ((exponent > 0) << n_mantissa)
    half = np.ldexp(significand.astype(np.float32), np.maximum(exponent, 1) - bias - n_mantissa)
    if weight_type.name == "fp8_e4m3":
        half[-1] = np.nan
    else:
        top = exponent == exponent[-1]
        half[top] = np.where(mantissa[top] == 0, np.inf, np.nan)
    found: Floats = half.astype(np.float32)
    found.setflags(write=False)
    return found


def _nearest_of_few(values: Floats, weight_type: WeightType) -> NDArray[np.uint8]:
    half = _magnitudes(weight_type)
    last = int(np.flatnonzero(np.isfinite(half))[-1])
    # The border beyond the largest finite number lies where the next one would be.
    steps = np.append(half[: last + 1], 2 * half[last] - half[last - 1]).astype(np.float64)
    borders = (steps[1:] + steps[:-1]) / 2
    magnitude = np.abs(values)
    code = np.searchsorted(borders, magnitude, side="left")
    on_border = np.isin(magnitude, borders)
    code += on_border & (code & 1 == 1)
    code[np.isnan(values)] = half.shape[0] - 1
    return (code | np.signbit(values).astype(np.int64) << 7).astype(np.uint8)


def _bfloat16(values: Floats) -> NDArray[np.uint16]:
    bits = values.view(np.uint32)
    rounded = (bits.astype(np.uint64) + 0x7FFF + ((bits >> np.uint32(16)) & np.uint32(1))) >> 16
    quiet = (bits >> np.uint32(16)) | np.uint32(0x40)
    return np.where(np.isnan(values), quiet, rounded).astype(np.uint16)
