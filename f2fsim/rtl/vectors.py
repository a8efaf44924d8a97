"""What goes into a decoder group and what must come out, block by block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.rtl.design import GroupDesign
from f2fsim.rtl.fields import RunFields, zero_run_fields

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
    """

    words: IntArray
    inverted: NDArray[np.bool_]
    mask: NDArray[np.bool_]
    patches: IntArray
    expected: NDArray[np.bool_]
    n_used: int

    @property
    def n_blocks(self) -> int:
        """Blocks of the group."""
        return int(self.words.shape[0])

    @property
    def patch_counts(self) -> IntArray:
        """Patches of each block."""
        return np.bincount(self.patches[:, 0], minlength=self.n_blocks).astype(np.int64)

    def zero_runs(self, run_bits: int) -> RunFields:
        """Return the mask of the used outputs as zero-run code words."""
        return zero_run_fields(self.mask[:, : self.n_used], run_bits)


def decode_reference(
    design: GroupDesign, words: IntArray, inverted: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return the raw outputs of the decoder, straight from its definition.

    Returns
    -------
    bits : ndarray of bool, shape (n_blocks, n_planes, n_out)
    """
    n_blocks, n_planes = words.shape
    bits = (words[..., None] >> np.arange(design.n_in)) & 1
    state = np.zeros((n_blocks, n_planes, design.matrix.shape[1]), dtype=np.int64)
    for j in range(min(design.n_s + 1, n_blocks)):
        state[j:, :, j * design.n_in : (j + 1) * design.n_in] = bits[: n_blocks - j]
    outputs = (state @ design.matrix.T.astype(np.int64)) & 1
    return (outputs.astype(np.bool_)) ^ inverted[None, :, None]


def random_vectors(
    design: GroupDesign,
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
    words = rng.integers(0, 1 << design.n_in, (n_blocks, design.n_planes))
    inverted = rng.random(design.n_planes) < 0.5
    mask = rng.random((n_blocks, design.n_out)) < 1.0 - sparsity
    mask[rng.random(n_blocks) < 0.125] = False
    mask[rng.random(n_blocks) < 0.125] = True
    n_used = n_used or design.n_out
    mask[:, n_used:] = False
    share = np.where(rng.random(n_blocks) < 1 / 16, 3 * patch_share, patch_share)
    flips = mask[:, None, :] & (
        rng.random((n_blocks, design.n_planes, design.n_out)) < share[:, None, None]
    )
    patches = np.argwhere(flips)
    counts = np.bincount(patches[:, 0], minlength=n_blocks)
    keep = np.arange(patches.shape[0]) - np.repeat(counts.cumsum() - counts, counts)
    patches = patches[keep < design.max_patches]
    expected = decode_reference(design, words, inverted)
    expected[tuple(patches.T)] ^= True
    return GroupVectors(words, inverted, mask, patches, expected & mask[:, None, :], n_used)
