"""From real weights to the exact bit patterns of a weight type, and the error that this makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import WeightType
from f2fsim.codec.floats import float_values, largest_finite, nearest_patterns
from f2fsim.errors import DataError
from f2fsim.workloads.prune import row_blocks
from f2fsim.workloads.readers.stored import Codes, Stored


@dataclass(frozen=True, eq=False)
class Quantised:
    """Bit patterns of a matrix and what they mean.

    Attributes
    ----------
    patterns : ndarray of unsigned int, shape (n_rows, n_cols)
        Pruned weights are 0.
    scale : ndarray of float32, shape (n_rows,), or None
        Value of one integer step, or of the 1 of an 8-bit float, in each row; None for wider
        floats.
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
    with the scale 1.  Floats: round to nearest even; those of 8 bits are scaled as integers are,
    the largest magnitude to the largest finite number.

    Raises
    ------
    DataError
        If a kept weight is not finite and the type is an integer, is negative and the type is
        unsigned, or is finite and beyond the range of a float type.
    """
    if weight_type.is_float and weight_type.n_bits > 8:
        return _to_float(matrix, mask, weight_type)
    if weight_type.is_float:
        return _to_scaled_float(matrix, mask, weight_type, granularity)
    return _to_integer(matrix, mask, weight_type, granularity)


def quantise_stored(
    stored: Stored,
    mask: NDArray[np.bool_],
    weight_type: WeightType,
    granularity: str = "channel",
) -> Quantised:
    """Turn the kept weights of a stored matrix into bit patterns.

    Codes that the file holds in this very type, with one scale a row, stay bit for bit; all else
    is quantised by `quantise`.
    """
    kept = _stored_codes(stored.codes, mask, weight_type)
    return quantise(stored.values, mask, weight_type, granularity) if kept is None else kept


def _stored_codes(
    codes: Codes | None, mask: NDArray[np.bool_], weight_type: WeightType
) -> Quantised | None:
    """Return the patterns of stored codes, None where they are none of this type."""
    if codes is None or codes.weight_type != weight_type.name or codes.row_scales is None:
        return None
    if codes.codes.shape != mask.shape:
        return None
    patterns = np.zeros(mask.shape, dtype=weight_type.pattern_dtype)
    for rows in row_blocks(mask.shape):
        numbers = codes.codes[rows]
        if weight_type.is_float:
            found = nearest_patterns(numbers.astype(np.float32, copy=False), weight_type)
        else:
            found = (numbers.astype(np.int16) & (2**weight_type.n_bits - 1)).astype(np.uint8)
        patterns[rows] = np.where(mask[rows], found, 0)
    return Quantised(patterns, codes.row_scales, 0.0)


@dataclass(frozen=True, eq=False)
class _Kept:
    """The kept weights of some rows.

    Attributes
    ----------
    counts : ndarray of int64, shape (n_rows,)
        How many each row has.
    places : ndarray of int64, shape (n_kept,), or slice
        Row-major places within the rows; the whole slice where all are kept.
    values : ndarray of float32, shape (n_kept,)
    """

    counts: NDArray[np.int64]
    places: NDArray[np.int64] | slice
    values: NDArray[np.float32]

    def largest(self) -> NDArray[np.float32]:
        """Return the largest magnitude of each row, 0 for an empty one."""
        found = np.zeros(self.counts.shape[0], dtype=np.float32)
        filled = self.counts > 0
        if filled.any():
            starts = (np.cumsum(self.counts) - self.counts)[filled]
            found[filled] = np.maximum.reduceat(np.abs(self.values), starts)
        return found


def _kept(matrix: NDArray[Any], mask: NDArray[np.bool_], rows: slice) -> _Kept:
    """Take the kept weights of some rows: at high sparsity a small part of what is there."""
    counts = np.count_nonzero(mask[rows], axis=1)
    flat = matrix[rows].reshape(-1)
    places = slice(None) if int(counts.sum()) == flat.size else np.flatnonzero(mask[rows])
    return _Kept(counts, places, flat[places].astype(np.float32, copy=False))


def _to_integer(
    matrix: NDArray[Any], mask: NDArray[np.bool_], weight_type: WeightType, granularity: str
) -> Quantised:
    n_bits = weight_type.n_bits
    low, high = (-(2 ** (n_bits - 1)), 2 ** (n_bits - 1) - 1)
    if not weight_type.signed:
        low, high = 0, 2**n_bits - 1
    patterns: NDArray[np.unsignedinteger] = np.zeros(matrix.shape, dtype=np.uint8)
    if matrix.dtype.kind in "iu" and int(matrix.min()) >= low and int(matrix.max()) <= high:
        for rows in row_blocks(matrix.shape):
            whole = np.where(mask[rows], matrix[rows], 0).astype(np.int16)
            patterns[rows] = whole & (2**n_bits - 1)
        return Quantised(patterns, np.ones(matrix.shape[0], dtype=np.float32), 0.0)
    step = _steps(matrix, mask, weight_type, high, granularity)
    squares = np.zeros(2)
    for rows in row_blocks(matrix.shape):
        kept = _kept(matrix, mask, rows)
        steps = np.repeat(step[rows], kept.counts)
        codes = np.clip(np.rint(kept.values / steps), low + weight_type.signed, high)
        patterns[rows].reshape(-1)[kept.places] = codes.astype(np.int16) & (2**n_bits - 1)
        squares += _squares(kept.values, codes * steps)
    return Quantised(patterns, step, _relative(squares))


def _steps(
    matrix: NDArray[Any],
    mask: NDArray[np.bool_],
    weight_type: WeightType,
    high: float,
    granularity: str,
) -> NDArray[np.float32]:
    """Return the value of one step in each row, positive even where nothing is kept."""
    largest = np.zeros(matrix.shape[0], dtype=np.float64)
    for rows in row_blocks(matrix.shape):
        kept = _kept(matrix, mask, rows)
        if not np.isfinite(kept.values).all():
            raise DataError(
                f"{_not_finite(np.where(mask, matrix, 0))}; {weight_type.name} cannot hold them"
            )
        if not weight_type.signed and float(kept.values.min(initial=0)) < 0:
            raise DataError(f"has negative weights, which {weight_type.name} cannot hold")
        largest[rows] = kept.largest()
    if granularity == "tensor":
        largest[:] = largest.max()
    step = np.where(largest > 0, largest / high, 1.0).astype(np.float32)
    # A step below the smallest float32 (weights near 1e-45) is no step: keep it positive.
    return np.maximum(step, np.float32(np.finfo(np.float32).smallest_subnormal))


def _to_float(matrix: NDArray[Any], mask: NDArray[np.bool_], weight_type: WeightType) -> Quantised:
    patterns: NDArray[np.unsignedinteger] = np.zeros(matrix.shape, weight_type.pattern_dtype)
    squares = np.zeros(2)
    for rows in row_blocks(matrix.shape):
        kept = _kept(matrix, mask, rows)
        codes = nearest_patterns(kept.values, weight_type)
        back = float_values(codes, weight_type)
        patterns[rows].reshape(-1)[kept.places] = codes
        finite = np.isfinite(kept.values)
        if not np.array_equal(finite, np.isfinite(back)):
            worst = float(np.abs(kept.values[finite]).max())
            raise DataError(f"has weights up to {worst:g}, beyond the range of {weight_type.name}")
        squares += _squares(kept.values[finite], back[finite])
    return Quantised(patterns, None, _relative(squares))


def _to_scaled_float(
    matrix: NDArray[Any], mask: NDArray[np.bool_], weight_type: WeightType, granularity: str
) -> Quantised:
    patterns: NDArray[np.unsignedinteger] = np.zeros(matrix.shape, weight_type.pattern_dtype)
    step = _steps(matrix, mask, weight_type, largest_finite(weight_type), granularity)
    squares = np.zeros(2)
    for rows in row_blocks(matrix.shape):
        kept = _kept(matrix, mask, rows)
        steps = np.repeat(step[rows], kept.counts)
        codes = nearest_patterns(kept.values / steps, weight_type)
        patterns[rows].reshape(-1)[kept.places] = codes
        squares += _squares(kept.values, float_values(codes, weight_type) * steps)
    return Quantised(patterns, step, _relative(squares))


def _squares(exact: NDArray[np.float32], back: NDArray[Any]) -> NDArray[np.float64]:
    """Return the summed squares of the values and of their errors."""
    values = np.sum(np.square(exact, dtype=np.float64))
    return np.array([values, np.sum(np.square(exact - back, dtype=np.float64))])


def _relative(squares: NDArray[np.float64]) -> float:
    return float(np.sqrt(squares[1] / squares[0])) if squares[0] > 0 else 0.0


def _not_finite(matrix: NDArray[Any]) -> str:
    bad = ~np.isfinite(matrix)
    row, column = (int(i) for i in np.argwhere(bad)[0])
    return (
        f"has {int(bad.sum())} of {matrix.size} weights that are not finite, the first at "
        f"[{row}, {column}]"
    )


def require_finite(matrix: NDArray[Any], why: str) -> None:
    """Raise `DataError` if a weight is not finite; `why` says who cannot use it."""
    if matrix.dtype.kind != "f":
        return
    if not all(np.isfinite(matrix[rows]).all() for rows in row_blocks(matrix.shape)):
        raise DataError(f"{_not_finite(matrix)}; {why}")
