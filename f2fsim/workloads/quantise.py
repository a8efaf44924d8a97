"""From real weights to the exact bit patterns of a weight type, and the error that this makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import WeightType
from f2fsim.errors import DataError


@dataclass(frozen=True, eq=False)
class Quantised:
    """Bit patterns of a matrix and what they mean.

    Attributes
    ----------
    patterns : ndarray of unsigned int, shape (n_rows, n_cols)
        Pruned weights are 0.
    scale : ndarray of float32, shape (n_rows,), or None
        Value of one integer step in each row; None for floats.
    error : float
        Root of the summed squared errors of the kept weights over the root of their summed
        squares.
    """

    patterns: NDArray[np.unsignedinteger]
    scale: NDArray[np.float32] | None
    error: float


def quantise(
    matrix: NDArray[Any],
    mask: NDArray[np.bool_],
    weight_type: WeightType,
    granularity: str = "channel",
) -> Quantised:
    """Turn the kept weights of a matrix into bit patterns.

    Integers: symmetric, ``round_half_even(w / scale)`` with ``scale = max|w| / (2^(n-1) - 1)`` of
    the row (``channel``) or of the matrix (``tensor``); unsigned types ``max w / (2^n - 1)``,
    for weights without negative values.  A matrix of integers that fit the type is kept as it is
    with the scale 1.  Floats: round to nearest even.

    Raises
    ------
    DataError
        If a kept weight is not finite and the type is an integer, is negative and the type is
        unsigned, or is finite and beyond the range of a float type.
    """
    if weight_type.is_float:
        return _to_float(matrix, mask, weight_type)
    return _to_integer(matrix, mask, weight_type, granularity)


def _to_integer(
    matrix: NDArray[Any], mask: NDArray[np.bool_], weight_type: WeightType, granularity: str
) -> Quantised:
    name, n_bits = weight_type.name, weight_type.n_bits
    low, high = (-(2 ** (n_bits - 1)), 2 ** (n_bits - 1) - 1)
    if not weight_type.signed:
        low, high = 0, 2**n_bits - 1
    if matrix.dtype.kind in "iu" and int(matrix.min()) >= low and int(matrix.max()) <= high:
        codes = np.where(mask, matrix, 0).astype(np.int16)
        ones = np.ones(matrix.shape[0], dtype=np.float32)
        return Quantised(_integer_patterns(codes, n_bits), ones, 0.0)
    kept = np.where(mask, matrix, 0).astype(np.float32)
    if not np.isfinite(kept).all():
        raise DataError(f"{_not_finite(kept)}; {name} cannot hold them")
    if not weight_type.signed and float(kept.min()) < 0:
        raise DataError(f"has negative weights, which {name} cannot hold")
    axis = 1 if granularity == "channel" else None
    largest = np.abs(kept).max(axis=axis, keepdims=True)
    scale = np.broadcast_to(largest.astype(np.float64) / high, (kept.shape[0], 1))
    step = np.where(scale > 0, scale, 1.0).astype(np.float32)
    # A step below the smallest float32 (weights near 1e-45) is not a step: keep it positive.
    step = np.maximum(step, np.float32(np.finfo(np.float32).smallest_subnormal))
    codes = np.clip(np.rint(kept / step), low + weight_type.signed, high).astype(np.int16)
    error = _relative_error(kept, codes * step)
    return Quantised(_integer_patterns(codes, n_bits), step[:, 0].copy(), error)


def _integer_patterns(codes: NDArray[np.int16], n_bits: int) -> NDArray[np.unsignedinteger]:
    patterns: NDArray[np.unsignedinteger] = (codes & (2**n_bits - 1)).astype(np.uint8)
    return patterns


def _to_float(matrix: NDArray[Any], mask: NDArray[np.bool_], weight_type: WeightType) -> Quantised:
    kept = np.where(mask, matrix, 0).astype(np.float32)
    patterns: NDArray[np.unsignedinteger]
    if weight_type.name == "fp32":
        patterns, back = kept.view(np.uint32), kept
    elif weight_type.name == "fp16":
        with np.errstate(over="ignore"):
            half = kept.astype(np.float16)
        patterns, back = half.view(np.uint16), half.astype(np.float32)
    else:
        patterns = _bfloat16(kept)
        back = (patterns.astype(np.uint32) << np.uint32(16)).view(np.float32)
    finite = np.isfinite(kept)
    if not np.array_equal(finite, np.isfinite(back)):
        worst = float(np.abs(kept[finite]).max())
        raise DataError(f"has weights up to {worst:g}, beyond the range of {weight_type.name}")
    return Quantised(patterns.copy(), None, _relative_error(kept[finite], back[finite]))


def _bfloat16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Round float32 to the nearest bfloat16 pattern, ties to even; NaN stays NaN."""
    bits = values.view(np.uint32)
    rounded = (bits.astype(np.uint64) + 0x7FFF + ((bits >> np.uint32(16)) & np.uint32(1))) >> 16
    quiet = (bits >> np.uint32(16)) | np.uint32(0x40)
    return np.where(np.isnan(values), quiet, rounded).astype(np.uint16)


def _relative_error(exact: NDArray[np.float32], back: NDArray[Any]) -> float:
    norm = float(np.sqrt(np.sum(np.square(exact, dtype=np.float64))))
    if norm == 0.0:
        return 0.0
    return float(np.sqrt(np.sum(np.square(exact - back, dtype=np.float64)))) / norm


def _not_finite(matrix: NDArray[Any]) -> str:
    bad = ~np.isfinite(matrix)
    row, column = (int(i) for i in np.argwhere(bad)[0])
    return (
        f"has {int(bad.sum())} of {matrix.size} weights that are not finite, the first at "
        f"[{row}, {column}]"
    )


def require_finite(matrix: NDArray[Any], why: str) -> None:
    """Raise `DataError` if a weight is not finite; `why` says who cannot use it."""
    if matrix.dtype.kind == "f" and not np.isfinite(matrix).all():
        raise DataError(f"{_not_finite(matrix)}; {why}")
