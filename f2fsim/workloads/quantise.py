"""From real weights to the exact bit patterns of a weight type, and the error that this makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import WeightType
from f2fsim.codec.floats import float_values, largest_finite, nearest_patterns
from f2fsim.codec.scales import SCALE_BITS, Scales, rounded_scales
from f2fsim.config.pruning import Quantisation
from f2fsim.errors import DataError
from f2fsim.workloads.prune import row_blocks
from f2fsim.workloads.readers.stored import Codes, Stored

Patterns = NDArray[np.unsignedinteger]
Mask = NDArray[np.bool_]

#: One scale a row, in float32.
BY_ROW = Quantisation()
_SMALLEST = np.float32(np.finfo(np.float32).smallest_subnormal)


@dataclass(frozen=True, eq=False)
class Quantised:
    """Bit patterns of a matrix and what they mean.

    Attributes
    ----------
    patterns : ndarray of unsigned int, shape (n_rows, n_cols)
        Pruned weights are 0.
    scales : Scales or None
        Value of one integer step, or of the 1 of an 8-bit float, and zero points; None for wider
        floats.
    error : float
        Root of the summed squared errors of the kept weights over the root of their summed
        squares.
    """

    patterns: Patterns
    scales: Scales | None
    error: float

    @property
    def scale(self) -> NDArray[np.float32] | None:
        """The scale of each row, None where there is none or one a row does not say all."""
        return None if self.scales is None else self.scales.by_row(self.patterns.shape[0])


def quantise(
    matrix: NDArray[Any], mask: Mask, weight_type: WeightType, how: Quantisation = BY_ROW
) -> Quantised:
    """Turn the kept weights of a matrix into bit patterns.

    Integers: symmetric, ``round_half_even(w / scale)`` with ``scale = max|w| / (2^(n-1) - 1)`` of
    the row (``channel``), of the matrix (``tensor``) or of a run of columns of a row (``group``);
    unsigned types ``max w / (2^n - 1)``, for weights without negative values.  Not symmetric:
    ``round(w / scale) + zero`` with ``scale = (max - min) / (2^n - 1)``, 0 being in the range.  A
    matrix of integers that fit the type is kept as it is, its scale 1 takes no bits.  Floats: round
    to nearest even; those of 8 bits are scaled as integers are, the largest magnitude to the
    largest finite number.

    Raises
    ------
    DataError
        If a kept weight is not finite and the type is an integer, is negative and the type is
        unsigned, or is finite and beyond the range of a float type.
    """
    if weight_type.is_float and weight_type.n_bits > 8:
        return _to_float(matrix, mask, weight_type)
    if not weight_type.is_float and _fits(matrix, weight_type):
        return _as_they_are(matrix, mask, weight_type)
    if how.group is not None:
        return _by_group(matrix, mask, weight_type, how, how.group)
    if not how.symmetric and not weight_type.is_float:
        return _asymmetric(matrix, mask, weight_type, how)
    high = largest_finite(weight_type) if weight_type.is_float else _range(weight_type)[1]
    step = _steps(matrix, mask, weight_type, high, how)
    patterns, error = _scaled_patterns(matrix, mask, weight_type, step)
    n_scales = 1 if how.granularity == "tensor" else matrix.shape[0]
    n_bits = n_scales * SCALE_BITS[how.scale_type]
    return Quantised(patterns, Scales.of_rows(step, matrix.shape[1], n_bits), error)


def quantise_stored(
    stored: Stored,
    mask: Mask,
    weight_type: WeightType,
    how: Quantisation = BY_ROW,
    *,
    by_row: bool = False,
) -> Quantised:
    """Turn the kept weights of a stored matrix into bit patterns.

    Codes that the file holds in this very type stay bit for bit with their scales (`by_row`: if
    there is one a row); all else is quantised by `quantise`.
    """
    kept = _stored_codes(stored.codes, mask, weight_type, by_row)
    return quantise(stored.values, mask, weight_type, how) if kept is None else kept


def keeps_codes(codes: Codes, weight_type: WeightType) -> bool:
    """Whether codes stay as they are by row: in their own type, with one scale a row."""
    by_row = codes.side.by_row(codes.codes.shape[0]) is not None
    return by_row and codes.weight_type == weight_type.name


def _stored_codes(
    codes: Codes | None, mask: Mask, weight_type: WeightType, by_row: bool
) -> Quantised | None:
    """Return the patterns of stored codes, None where they are none of this type."""
    if codes is None or codes.weight_type != weight_type.name or codes.codes.shape != mask.shape:
        return None
    if by_row and not keeps_codes(codes, weight_type):
        return None
    patterns = np.zeros(mask.shape, dtype=weight_type.pattern_dtype)
    for rows in row_blocks(mask.shape):
        numbers = codes.codes[rows]
        if weight_type.is_float:
            found = nearest_patterns(numbers.astype(np.float32, copy=False), weight_type)
        else:
            found = (numbers.astype(np.int16) & (2**weight_type.n_bits - 1)).astype(np.uint8)
        patterns[rows] = np.where(mask[rows], found, 0)
    return Quantised(patterns, codes.side, 0.0)


def _by_group(
    matrix: NDArray[Any], mask: Mask, weight_type: WeightType, how: Quantisation, group: int
) -> Quantised:
    """Quantise each group of a row as a row of its own; the last may be shorter."""
    n_rows, n_columns = matrix.shape
    n_groups = -(-n_columns // group)
    spare = ((0, 0), (0, n_groups * group - n_columns))
    shape = (n_rows * n_groups, group)
    found = quantise(
        np.pad(matrix.astype(np.float32, copy=False), spare).reshape(shape),
        np.pad(mask, spare).reshape(shape),
        weight_type,
        how.model_copy(update={"granularity": "channel", "group": None}),
    )
    assert found.scales is not None
    zeros = found.scales.zeros
    scales = Scales(
        found.scales.values.reshape(n_rows, n_groups),
        np.arange(n_columns) // group,
        zeros=None if zeros is None else zeros.reshape(n_rows, n_groups),
        n_bits=found.scales.n_bits,
    )
    patterns = found.patterns.reshape(n_rows, -1)[:, :n_columns]
    return Quantised(np.ascontiguousarray(patterns), scales, found.error)


def _asymmetric(
    matrix: NDArray[Any], mask: Mask, weight_type: WeightType, how: Quantisation
) -> Quantised:
    """Return codes with a zero point, a code too, beside each scale."""
    n_rows, n_columns = matrix.shape
    low, top = np.zeros(n_rows, np.float32), np.zeros(n_rows, np.float32)
    for rows in row_blocks((n_rows, n_columns)):
        kept = np.where(mask[rows], matrix[rows], 0).astype(np.float32, copy=False)
        if not np.isfinite(kept).all():
            raise DataError(f"{_not_finite(kept)}; {weight_type.name} cannot hold them")
        low[rows], top[rows] = kept.min(axis=1, initial=0), kept.max(axis=1, initial=0)
    if how.granularity == "tensor":
        low[:], top[:] = low.min(), top.max()
    least, most = _range(weight_type)
    step = np.where(top > low, (top - low) / np.float32(most - least), 1.0).astype(np.float32)
    step = rounded_scales(np.maximum(step, _SMALLEST), how.scale_type)
    zero = np.clip(np.rint(-low / step) + least, least, most).astype(np.float32)
    patterns: Patterns = np.zeros(matrix.shape, dtype=np.uint8)
    squares = np.zeros(2)
    for rows in row_blocks((n_rows, n_columns)):
        chosen = mask[rows]
        values = np.where(chosen, matrix[rows], 0).astype(np.float32, copy=False)
        codes = np.clip(np.rint(values / step[rows, None]) + zero[rows, None], least, most)
        bits = codes.astype(np.int16) & (2**weight_type.n_bits - 1)
        patterns[rows] = np.where(chosen, bits, 0).astype(np.uint8)
        back = (codes - zero[rows, None]) * step[rows, None]
        squares += _squares(values[chosen], back[chosen])
    n_scales = 1 if how.granularity == "tensor" else n_rows
    scales = Scales(
        step[:, None],
        np.zeros(n_columns, dtype=np.intp),
        zeros=zero[:, None],
        n_bits=n_scales * (SCALE_BITS[how.scale_type] + weight_type.n_bits),
    )
    return Quantised(patterns, scales, _relative(squares))


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


def _kept(matrix: NDArray[Any], mask: Mask, rows: slice) -> _Kept:
    """Take the kept weights of some rows: at high sparsity a small part of what is there."""
    counts = np.count_nonzero(mask[rows], axis=1)
    flat = matrix[rows].reshape(-1)
    places = slice(None) if int(counts.sum()) == flat.size else np.flatnonzero(mask[rows])
    return _Kept(counts, places, flat[places].astype(np.float32, copy=False))


def _range(weight_type: WeightType) -> tuple[int, int]:
    """Return the least and the greatest code of an integer type."""
    half = 2 ** (weight_type.n_bits - 1)
    return (-half, half - 1) if weight_type.signed else (0, 2 * half - 1)


def _fits(matrix: NDArray[Any], weight_type: WeightType) -> bool:
    """Whether a matrix holds integers of the type's range."""
    low, high = _range(weight_type)
    return matrix.dtype.kind in "iu" and int(matrix.min()) >= low and int(matrix.max()) <= high


def _as_they_are(matrix: NDArray[Any], mask: Mask, weight_type: WeightType) -> Quantised:
    patterns: Patterns = np.zeros(matrix.shape, dtype=np.uint8)
    for rows in row_blocks(matrix.shape):
        whole = np.where(mask[rows], matrix[rows], 0).astype(np.int16)
        patterns[rows] = whole & (2**weight_type.n_bits - 1)
    one = np.ones(matrix.shape[0], dtype=np.float32)
    return Quantised(patterns, Scales.of_rows(one, matrix.shape[1], 0), 0.0)


def _scaled_patterns(
    matrix: NDArray[Any], mask: Mask, weight_type: WeightType, step: NDArray[np.float32]
) -> tuple[Patterns, float]:
    """Return the nearest patterns of weights over their row's step, and the error."""
    low, high = _range(weight_type)
    patterns: Patterns = np.zeros(matrix.shape, weight_type.pattern_dtype)
    squares = np.zeros(2)
    for rows in row_blocks(matrix.shape):
        kept = _kept(matrix, mask, rows)
        steps = np.repeat(step[rows], kept.counts)
        if weight_type.is_float:
            found = nearest_patterns(kept.values / steps, weight_type)
            back = float_values(found, weight_type) * steps
        else:
            codes = np.clip(np.rint(kept.values / steps), low + weight_type.signed, high)
            found = (codes.astype(np.int16) & (2**weight_type.n_bits - 1)).astype(np.uint8)
            back = codes * steps
        patterns[rows].reshape(-1)[kept.places] = found
        squares += _squares(kept.values, back)
    return patterns, _relative(squares)


def _steps(
    matrix: NDArray[Any],
    mask: Mask,
    weight_type: WeightType,
    high: float,
    how: Quantisation,
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
    if how.granularity == "tensor":
        largest[:] = largest.max()
    step = np.where(largest > 0, largest / high, 1.0).astype(np.float32)
    # A step below the smallest float32 (weights near 1e-45) is no step: keep it positive.
    return rounded_scales(np.maximum(step, _SMALLEST), how.scale_type)


def _to_float(matrix: NDArray[Any], mask: Mask, weight_type: WeightType) -> Quantised:
    patterns: Patterns = np.zeros(matrix.shape, weight_type.pattern_dtype)
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
