"""What one step of a code is worth: scales and zero points of a matrix, and the bits they take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.floats import float_values, nearest_patterns
from f2fsim.codec.tensor import WEIGHT_TYPES

Floats = NDArray[np.float32]

#: Bits of a scale by its number format.
SCALE_BITS = {"fp32": 32, "fp16": 16, "bf16": 16}


@dataclass(frozen=True, eq=False)
class Scales:
    """Scales of a quantised matrix.

    A weight of row r and column c means ``(code - zero) · scale`` (with ``zeros``) or ``code ·
    scale + offset`` (with ``offsets``), each taken at ``[r // rows_per_scale, group_of[c]]``.

    Attributes
    ----------
    values : ndarray of float32, shape (n_row_blocks, n_groups)
    group_of : ndarray of int, shape (n_columns,)
        Scale group of each column; not ascending under GPTQ's act-order.
    rows_per_scale : int
        Rows that share their scales.
    zeros : ndarray of float32 or None, same shape as `values`
        Zero points; None: 0.
    offsets : ndarray of float32 or None, same shape as `values`
        Added after scaling, in place of zero points.
    n_bits : int
        Bits of scales, zero points or offsets, and group indices as they are stored.
    """

    values: Floats
    group_of: NDArray[np.intp]
    rows_per_scale: int = 1
    zeros: Floats | None = None
    offsets: Floats | None = None
    n_bits: int = 0

    @classmethod
    def of_rows(cls, values: Floats, n_columns: int, n_bits: int) -> Scales:
        """Return one scale a row, shape (n_rows,), of `n_bits` in all."""
        return cls(values[:, np.newaxis], np.zeros(n_columns, dtype=np.intp), n_bits=n_bits)

    def apply(self, codes: NDArray[Any]) -> Floats:
        """Return what codes of shape (n_rows, n_columns) mean, in float32."""
        found = np.empty(codes.shape, dtype=np.float32)
        shared = self.rows_per_scale
        # Rows at once that stay near a core: those of a scale, or some with a scale each.
        height = shared if shared > 1 else 64
        for first in range(0, codes.shape[0], height):
            rows = slice(first, first + height)
            blocks = slice(first // shared, first // shared + height // shared)
            steps = codes[rows].astype(np.float32)
            if self.zeros is not None:
                steps -= self.zeros[blocks][:, self.group_of]
            steps *= self.values[blocks][:, self.group_of]
            if self.offsets is not None:
                steps += self.offsets[blocks][:, self.group_of]
            found[rows] = steps
        return found

    def by_row(self, n_rows: int) -> Floats | None:
        """Return the scale of each row where one a row (or fewer) says all, None otherwise."""
        if self.values.shape[1] != 1 or self.zeros is not None or self.offsets is not None:
            return None
        return np.repeat(self.values[:, 0], self.rows_per_scale)[:n_rows]


def rounded_scales(values: Floats, scale_type: str) -> Floats:
    """Round scales to the number format that they are stored in; a positive one stays positive."""
    if scale_type == "fp32":
        return values
    kind = WEIGHT_TYPES[scale_type]
    found = float_values(nearest_patterns(values, kind), kind)
    smallest = float_values(np.array([1], dtype=kind.pattern_dtype), kind)[0]
    return np.where((values > 0) & (found == 0), smallest, found).astype(np.float32)
