"""What goes into a decoder group and what must come out, block by block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.f2f.patches import to_fields
from f2fsim.rtl.patch_fields import PatchMoves

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class GroupVectors:
    """Encoded blocks of one group, and its decoded weights.

    Attributes
    ----------
    words : ndarray of int64, shape (n_blocks, n_planes)
        Encoded words.
    inverted : ndarray of bool, shape (n_planes,)
        Planes that are inverted after decoding.
    mask : ndarray of bool, shape (n_blocks, n_out)
        Kept weights.
    patches : ndarray of int64, shape (n_patches, 3)
        Block, plane and position of each bit to flip, ascending by block.
    expected : ndarray of bool, shape (n_blocks, n_planes, n_out)
        Decoded bits, pruned weights zero.
    n_used : int
        Outputs that the layer uses, at most n_out: the weights of a block.  The mask is False
        from there on.
    stored : ndarray of int64
        Planes that have care bits, ascending; the others are constant.
    """

    words: IntArray
    inverted: NDArray[np.bool_]
    mask: NDArray[np.bool_]
    patches: IntArray
    expected: NDArray[np.bool_]
    n_used: int
    stored: IntArray

    @property
    def n_blocks(self) -> int:
        """Blocks of the group."""
        return int(self.words.shape[0])

    def patch_moves(self, rate: int) -> PatchMoves:
        """Return the patch stream of the group as fields that move `rate` a cycle."""
        n_u = self.mask.sum(axis=1)
        care = n_u * self.stored.size
        block, plane, position = self.patches.T
        number = np.searchsorted(self.stored, plane)
        rank = (self.mask.cumsum(axis=1) - 1)[block, position]
        places = np.sort((np.cumsum(care) - care)[block] + number * n_u[block] + rank)
        return PatchMoves(to_fields(places), care, rate)


def decode_reference(
    matrix: NDArray[np.bool_], n_in: int, words: IntArray, inverted: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return the raw outputs of the decoder, straight from its definition.

    Returns
    -------
    bits : ndarray of bool, shape (n_blocks, n_planes, n_out)
    """
    n_blocks, n_planes = words.shape
    bits = (words[..., None] >> np.arange(n_in)) & 1
    state = np.zeros((n_blocks, n_planes, matrix.shape[1]), dtype=np.int64)
    for j in range(min(matrix.shape[1] // n_in, n_blocks)):
        state[j:, :, j * n_in : (j + 1) * n_in] = bits[: n_blocks - j]
    outputs = (state @ matrix.T.astype(np.int64)) & 1
    return (outputs.astype(np.bool_)) ^ inverted[None, :, None]


def random_vectors(
    matrix: NDArray[np.bool_],
    n_in: int,
    n_planes: int,
    n_blocks: int,
    *,
    sparsity: float = 0.9,
    patch_share: float = 0.01,
    n_used: int = 0,
    seed: int = 0,
) -> GroupVectors:
    """Draw words, masks and patches: hard cases for the hardware, no trained weights.

    Parameters
    ----------
    sparsity : float
        Share of pruned weights; every eighth block is empty and every eighth full.
    patch_share : float
        Patches a kept bit; a block in sixteen has three times as many.
    n_used : int
        Outputs that are used; 0 for all.
    """
    rng = np.random.default_rng(seed)
    n_out = matrix.shape[0]
    words = rng.integers(0, 1 << n_in, (n_blocks, n_planes))
    inverted = rng.random(n_planes) < 0.5
    mask = rng.random((n_blocks, n_out)) < 1.0 - sparsity
    mask[rng.random(n_blocks) < 0.125] = False
    mask[rng.random(n_blocks) < 0.125] = True
    n_used = n_used or n_out
    mask[:, n_used:] = False
    share = np.where(rng.random(n_blocks) < 1 / 16, 3 * patch_share, patch_share)
    flips = mask[:, None, :] & (rng.random((n_blocks, n_planes, n_out)) < share[:, None, None])
    patches = np.argwhere(flips)
    expected = decode_reference(matrix, n_in, words, inverted)
    expected[tuple(patches.T)] ^= True
    stored = np.arange(n_planes)
    expected &= mask[:, None, :]
    return GroupVectors(words, inverted, mask, patches, expected, n_used, stored)
