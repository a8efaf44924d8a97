"""The contract of a mask code and what an encoded mask is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.base import BitStream, IntArray
from f2fsim.errors import InputError, in_a_line

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class EncodedMask:
    """A mask in one code.

    Attributes
    ----------
    code : str
        Name of the code, one of `MASK_CODES`.
    params : mapping of str to int
        What decoding needs beside the stream and the number of weights.
    stream : BitStream
        The code words one after another.
    unit_bits : ndarray of int64, shape (n_units,)
        Bits that each unit of weights adds; sums to ``stream.n_bits``.  A code word belongs to
        the unit of the first position it describes: that unit cannot be made without it.
    unit_symbols : ndarray of int64, shape (n_units,)
        Code words that a mask unit decodes for each unit of weights (raw: one a unit).
    """

    code: str
    params: Mapping[str, int]
    stream: BitStream
    unit_bits: IntArray
    unit_symbols: IntArray


@dataclass(frozen=True)
class MaskShape:
    """How a mask sequence runs through its matrix, rows in the order of the sequence.

    Attributes
    ----------
    order : int
        0: ``i, c = divmod(k, n_cols)``; 1: ``c, i = divmod(k, n_rows)``; 2:
        ``d, i = divmod(k, n_rows)``, ``c = (i + step * d) mod n_cols``.
    n_rows, n_cols, step : int
    """

    order: int
    n_rows: int
    n_cols: int
    step: int = 1

    def matrix(self, sequence: BoolArray) -> BoolArray:
        """Return a sequence as the matrix of its rows and columns."""
        if self.order == 0:
            return sequence.reshape(self.n_rows, self.n_cols)
        passes = sequence.reshape(self.n_cols, self.n_rows)
        if self.order == 1:
            return passes.T
        out = np.empty((self.n_rows, self.n_cols), np.bool_)
        out[np.arange(self.n_rows)[None, :], self._columns()] = passes
        return out

    def sequence(
        self, rows: NDArray[np.uint8], columns: NDArray[np.uint8], n_column_classes: int
    ) -> NDArray[np.uint8]:
        """Return ``row class * n_column_classes + column class`` of each place."""
        of_row = rows * np.uint8(n_column_classes)
        if self.order == 0:
            return (of_row[:, None] + columns[None, :]).reshape(-1)
        if self.order == 1:
            return (columns[:, None] + of_row[None, :]).reshape(-1)
        return (of_row[None, :] + columns[self._columns()]).reshape(-1)

    def _columns(self) -> IntArray:
        """Return the column of each pass and row of a diagonal order."""
        step = self.step % self.n_cols
        passes = np.arange(self.n_cols, dtype=np.int64)[:, None] * step
        return (passes + np.arange(self.n_rows, dtype=np.int64)[None, :]) % self.n_cols


class MaskCode(Protocol):
    """What every mask code offers."""

    @staticmethod
    def fit(mask: BoolArray, shape: MaskShape | None = None) -> tuple[dict[str, int], int]:
        """Return the parameters of fewest bits and the exact bits.

        `shape` is the matrix that the mask runs through; most codes do not look at it.
        """

    @staticmethod
    def check(params: Mapping[str, int]) -> None:
        """Raise `InputError` unless the parameters are complete and allowed."""

    @staticmethod
    def encode(mask: BoolArray, params: Mapping[str, int], unit: int) -> EncodedMask:
        """Encode a mask in work units of `unit` weights."""

    @staticmethod
    def decode(stream: BitStream, n: int, params: Mapping[str, int]) -> BoolArray:
        """Return the mask of `n` weights; `DataError` if the stream does not hold them."""


def check_params(params: Mapping[str, int], ranges: Mapping[str, tuple[int, int]]) -> None:
    """Refuse (`InputError`) parameters that are not exactly `ranges`' keys within its limits."""
    if set(params) != set(ranges):
        raise InputError(f"mask code: parameters must be {sorted(ranges)}, got {sorted(params)}")
    for key, (low, high) in ranges.items():
        value = params[key]
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise InputError(f"mask code: {key} must be {low} to {high}, got {in_a_line(value)}")


def zero_gaps(mask: BoolArray) -> IntArray:
    """Return the number of pruned weights right before each kept one."""
    return np.diff(np.flatnonzero(mask), prepend=-1).astype(np.int64) - 1
