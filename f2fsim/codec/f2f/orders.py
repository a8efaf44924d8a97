"""Block orders: in which order the weights of a matrix run through the decoder.

An order is a permutation of the weights, computed, never stored.  With rows ``r = row_order[i]``
(the identity, or a seeded shuffle), place k of the sequence is

* ``row``: ``i, c = divmod(k, n_cols)``;
* ``column``: ``c, i = divmod(k, n_rows)``;
* ``diagonal``: ``d, i = divmod(k, n_rows)``, ``c = (i + step * d) mod n_cols``: each pass takes one
  weight of every row, from columns that move on by one from row to row (the skew of a systolic
  array); ``step`` has no common factor with ``n_cols``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from math import gcd
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.f2f import _order
from f2fsim.codec.f2f.care import CareList
from f2fsim.codec.f2f.splitmix import SplitMix64
from f2fsim.codec.f2f.threads import run
from f2fsim.codec.mask_code import MaskShape
from f2fsim.errors import ConfigError, choices, near_miss

ORDERS = ("row", "column", "diagonal")

V = TypeVar("V", bound=np.generic)
_GOLDEN = (5**0.5 - 1) / 2


@cache
def golden_step(n_cols: int) -> int:
    """Return the step nearest to 0.618 * `n_cols` that has no common factor with it."""
    if n_cols < 3:
        return 1
    target = _GOLDEN * n_cols
    low, high = int(target), int(target) + 1
    while True:  # outwards from the target: 1 has no common factor
        if target - low <= high - target:
            step, low = low, low - 1
        else:
            step, high = high, high + 1
        if gcd(step, n_cols) == 1:
            return step


@dataclass(frozen=True)
class BlockOrder:
    """An order of the weights of one matrix.

    Attributes
    ----------
    kind : str
        ``row``, ``column`` or ``diagonal``.
    n_rows, n_cols : int
        Shape of the matrix.
    step : int
        Columns from one pass to the next of a diagonal order, coprime to `n_cols`.
    shuffle_seed : int or None
        Seed of the row shuffle, None for rows as they are.
    """

    kind: str
    n_rows: int
    n_cols: int
    step: int = 1
    shuffle_seed: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in ORDERS:
            raise ConfigError(
                f"order: unknown {self.kind!r}{near_miss(self.kind, ORDERS)}; "
                f"known: {choices(ORDERS)}"
            )
        if self.kind == "diagonal" and gcd(self.step, max(self.n_cols, 1)) != 1:
            raise ConfigError(
                f"order_step: {self.step} has a common factor with the {self.n_cols} columns"
            )

    @cached_property
    def row_order(self) -> NDArray[np.int64]:
        """Rows in the order in which they are visited."""
        if self.shuffle_seed is None:
            return np.arange(self.n_rows, dtype=np.int64)
        return SplitMix64(self.shuffle_seed).permutation(self.n_rows)

    @property
    def mask_shape(self) -> MaskShape:
        """How a mask in this order runs through its matrix."""
        return MaskShape(ORDERS.index(self.kind), self.n_rows, self.n_cols, self.step)

    def flat_indices(self, start: int, stop: int) -> NDArray[np.int64]:
        """Return where places `start` … `stop` - 1 of the sequence lie in the row-major matrix."""
        rows, columns = self.matrix_places(np.arange(start, stop, dtype=np.int64))
        return rows * self.n_cols + columns

    def matrix_places(self, k: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return rows and columns of places `k` of the sequence."""
        if self.kind == "row":
            i, c = np.divmod(k, self.n_cols)
        elif self.kind == "column":
            c, i = np.divmod(k, self.n_rows)
        else:
            d, i = np.divmod(k, self.n_rows)
            c = (i + self.step * d) % self.n_cols
        return self.row_order[i], c

    def mask_sequence(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return a mask of the matrix's shape as a sequence in block order."""
        self._check_shape(mask.shape)
        out = np.empty(mask.size, dtype=np.uint8)
        flat = np.ascontiguousarray(mask).reshape(-1).view(np.uint8)
        if out.size:
            _order.gather_mask(flat, ORDERS.index(self.kind), self.step, self.row_order, out)
        return out.view(np.bool_)

    def care_list(
        self, patterns: NDArray[np.unsignedinteger], mask: NDArray[np.bool_], n_out: int
    ) -> tuple[NDArray[np.bool_], CareList]:
        """Return the mask in block order and the kept patterns block by block."""
        self._check_shape(patterns.shape)
        mask_seq = self.mask_sequence(mask)
        n_kept = int(np.count_nonzero(mask_seq))
        n_blocks = (mask_seq.size + n_out - 1) // n_out
        care = CareList(
            n_out,
            np.zeros(n_blocks + 1, dtype=np.int64),
            np.empty(n_kept, dtype=np.uint16),
            np.empty(n_kept, dtype=np.uint32),
        )
        if n_kept:
            flat = np.ascontiguousarray(patterns).reshape(-1)
            _order.gather_care(
                mask_seq.view(np.uint8),
                flat,
                ORDERS.index(self.kind),
                self.step,
                self.row_order,
                n_out,
                care.block_ptr,
                care.pos,
                care.val,
            )
        return mask_seq, care

    def to_matrix(self, sequence: NDArray[V], n_threads: int = 1) -> NDArray[V]:
        """Return one value a weight, given in block order, as the matrix.

        Parameters
        ----------
        sequence : ndarray of 1-, 2- or 4-byte items, shape (n_rows * n_cols,)
            In row order without a shuffle it is returned as it is, in the matrix's shape.
        n_threads : int
            Threads over rows.
        """
        if sequence.shape != (self.n_rows * self.n_cols,):
            raise ValueError("the sequence does not fit the matrix")
        shape = (self.n_rows, self.n_cols)
        if self.kind == "row" and self.shuffle_seed is None:
            return sequence.reshape(shape)
        out = np.empty(shape, dtype=sequence.dtype)
        if not out.size:
            return out
        if self.kind == "row":
            out[self.row_order] = sequence.reshape(shape)
            return out
        self._turn(sequence.view(np.uint8), sequence.dtype.itemsize, out, n_threads)
        return out

    def mask_matrix(self, packed: NDArray[np.uint8], n_threads: int = 1) -> NDArray[np.bool_]:
        """Return flags, given in block order a bit each, as a bool matrix.

        Parameters
        ----------
        packed : ndarray of uint8, shape (ceil(n_rows * n_cols / 8),)
            Least significant bit first.
        n_threads : int
            Threads over rows.
        """
        n = self.n_rows * self.n_cols
        if packed.shape != (-(-n // 8),):
            raise ValueError("the mask does not fit the matrix")
        if int(np.bitwise_count(packed).sum(dtype=np.int64)) == n:
            return np.ones((self.n_rows, self.n_cols), dtype=np.bool_)
        if self.kind == "row":
            return self.to_matrix(np.unpackbits(packed, count=n, bitorder="little").view(np.bool_))
        out = np.empty((self.n_rows, self.n_cols), dtype=np.bool_)
        self._turn(np.concatenate([packed, np.zeros(16, np.uint8)]), 0, out, n_threads)
        return out

    def _turn(
        self, given: NDArray[np.uint8], size: int, out: NDArray[np.generic], n_threads: int
    ) -> None:
        """Fill a matrix from a column or diagonal order; `size` 0: `given` holds bits."""
        pass_of = np.arange(self.n_cols, dtype=np.int64)
        if self.kind == "diagonal":
            pass_of = pass_of * pow(self.step, -1, self.n_cols) % self.n_cols
        found, skew = out.reshape(-1).view(np.uint8), self.kind == "diagonal"

        def work(first: int) -> None:
            end = min(first + share, self.n_rows)
            _order.to_matrix(
                given, size, self.n_rows, skew, pass_of, self.row_order, first, end, found
            )

        share = -(-self.n_rows // max(n_threads, 1))
        run(work, range(0, self.n_rows, share), n_threads)

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        if shape != (self.n_rows, self.n_cols):
            raise ValueError(f"the order is for {(self.n_rows, self.n_cols)}, got {shape}")
