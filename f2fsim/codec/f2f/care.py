"""Kept weights of a tensor in block order: what encoders solve for and decoders fill in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.f2f import _order


@dataclass(frozen=True, eq=False)
class CareList:
    """Kept weights block after block.

    Attributes
    ----------
    n_out : int
        Weights of a block.
    block_ptr : ndarray of int64, shape (n_blocks + 1,)
        Kept weights of block b are ``block_ptr[b] … block_ptr[b + 1] - 1``; the differences are
        the ``n_u`` of the blocks.
    pos : ndarray of uint16, shape (n_kept,)
        Place in the block, ascending, below `n_out`.
    val : ndarray of uint32, shape (n_kept,)
        Bits of the weight; what they mean is the caller's (patterns, or coded planes).
    """

    n_out: int
    block_ptr: NDArray[np.int64]
    pos: NDArray[np.uint16]
    val: NDArray[np.uint32]

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return int(self.block_ptr.shape[0]) - 1

    @property
    def n_kept(self) -> int:
        """Number of kept weights."""
        return int(self.pos.shape[0])

    @property
    def n_u(self) -> NDArray[np.int64]:
        """Kept weights of each block."""
        return np.diff(self.block_ptr)

    def with_values(self, val: NDArray[np.uint32]) -> CareList:
        """Return the same places with other values."""
        return CareList(self.n_out, self.block_ptr, self.pos, val)


def care_from_mask(mask_seq: NDArray[np.bool_], n_out: int) -> CareList:
    """Return the kept places of a mask in block order (values 0).

    Parameters
    ----------
    mask_seq : ndarray of bool, shape (n_weights,)
        True where a weight is kept, in block order; the last block may be short.
    n_out : int
        Weights of a block.
    """
    n_blocks = (mask_seq.shape[0] + n_out - 1) // n_out
    block_ptr = np.zeros(n_blocks + 1, dtype=np.int64)
    pos = np.empty(int(np.count_nonzero(mask_seq)), dtype=np.uint16)
    _order.kept_places(np.ascontiguousarray(mask_seq).view(np.uint8), n_out, block_ptr, pos)
    return CareList(n_out, block_ptr, pos, np.zeros(pos.shape[0], dtype=np.uint32))
