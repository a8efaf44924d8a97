"""What a stored tensor means: its values, which of them are kept, and the codes behind them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.scales import Scales


@dataclass(frozen=True, eq=False)
class Codes:
    """Codes of a quantised matrix, integers or 8-bit floats, and what one step is worth.

    A weight of row r and column c means ``(code - zero) · scale`` (with ``zeros``) or ``code ·
    scale + offset`` (with ``offsets``), each taken at ``[r // rows_per_scale, group_of[c]]``.

    Attributes
    ----------
    codes : ndarray of int8, uint8 or float32, shape (n_rows, n_columns)
        The numbers before scaling.
    weight_type : str
        Name of the codec's type that holds them exactly: ``int4``, ``uint8``, ``fp8_e4m3`` …
    scales : ndarray of float32, shape (n_row_blocks, n_groups)
    group_of : ndarray of int, shape (n_columns,)
        Scale group of each column; not ascending under GPTQ's act-order.
    rows_per_scale : int
        Rows that share their scales.
    zeros : ndarray of float32 or None, same shape as `scales`
        Zero points; None: 0.
    offsets : ndarray of float32 or None, same shape as `scales`
        Added after scaling, in place of zero points.
    side_bits : int
        Stored bits of scales, zero points or offsets (and group indices) together.
    """

    codes: NDArray[Any]
    weight_type: str
    scales: NDArray[np.float32]
    group_of: NDArray[np.intp]
    rows_per_scale: int = 1
    zeros: NDArray[np.float32] | None = None
    offsets: NDArray[np.float32] | None = None
    side_bits: int = 0

    @property
    def side(self) -> Scales:
        """Scales and zero points on their own."""
        return Scales(
            self.scales,
            self.group_of,
            self.rows_per_scale,
            self.zeros,
            self.offsets,
            self.side_bits,
        )

    def values(self) -> NDArray[np.float32]:
        """Return what the codes mean, in float32."""
        return self.side.apply(self.codes)


@dataclass(frozen=True, eq=False)
class Stored:
    """One tensor as its convention says it is.

    Attributes
    ----------
    values : ndarray
        What it means; 0 where `mask` prunes.
    mask : ndarray of bool or None
        Which weights are kept; None: the file does not say, zeros are pruned.
    codes : Codes or None
        The integers behind the values, for a matrix that is stored quantised.
    """

    values: NDArray[Any]
    mask: NDArray[np.bool_] | None = None
    codes: Codes | None = None

    def masked(self, mask: NDArray[np.bool_]) -> Stored:
        """Return the tensor with only what both its own mask and `mask` keep."""
        both = mask if self.mask is None else mask & self.mask
        return replace(self, values=np.where(both, self.values, 0), mask=both)
