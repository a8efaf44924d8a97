"""``block``: a fixed-rate block code of masks with escapes.

Blocks of n positions (n ≤ 64).  All blocks of at most c ones are numbered, those of fewer ones
first, those of as many ones by the combinatorial number system (Lehmer 1964; Knuth, TAOCP 4A,
7.2.1.3): ones at positions p_1 < p_2 < … < p_j have the rank C(p_1, 1) + C(p_2, 2) + … + C(p_j, j).
Each block is one word of a fixed width; a block of more ones is the word right after the last
number, the escape, followed by its n raw bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from math import comb

import numpy as np
from numpy.typing import NDArray

from f2fsim.bits import pack_fields
from f2fsim.codec import _mask_words
from f2fsim.codec.base import BitStream
from f2fsim.codec.streams import bits_for
from f2fsim.errors import DataError

#: Longest block: it fits a 64-bit field, and so do all words of at most 63 ones and the escape.
MAX_BLOCK = 64

#: Blocks that are tried.
BLOCKS = tuple(range(8, MAX_BLOCK + 1, 8))

#: Positions and most ones of the words that a machine's mask unit is built for, near the best at
#: S=0.9: words of fewer ones are the first of them, so that `max_ones` is a layer's own.
UNIT_BLOCK, UNIT_ONES = 32, 6

BoolArray = NDArray[np.bool_]


@cache
def _binomial() -> NDArray[np.uint64]:
    table = [[comb(n, k) for k in range(MAX_BLOCK + 1)] for n in range(MAX_BLOCK)]
    return np.array(table, dtype=np.uint64)


@cache
def word_bits(block: int, max_ones: int, escapes: bool) -> int:
    """Return the width of a word: it tells all blocks of at most `max_ones` ones apart."""
    return bits_for(sum(comb(block, j) for j in range(max_ones + 1)) + escapes)


def _first_words(block: int, max_ones: int) -> NDArray[np.uint64]:
    """Return the first word of 0, 1 … `max_ones` ones, and the escape word last."""
    sizes = [comb(block, j) for j in range(max_ones + 1)]
    return np.array([sum(sizes[:j]) for j in range(max_ones + 2)], dtype=np.uint64)


def fit_block(
    mask: BoolArray, blocks: Sequence[int] = BLOCKS, most_ones: int = MAX_BLOCK - 1
) -> tuple[dict[str, int], int]:
    """Return the parameters of fewest bits, blocks of 8, 16, … 64 tried, and the bits.

    Parameters
    ----------
    mask : ndarray of bool, shape (n,)
    blocks : sequence of int
        Blocks to choose from, multiples of 8.
    most_ones : int
        The most ones that a word may have.

    Returns
    -------
    params : dict of str to int
        ``block`` n, ``max_ones`` c, ``inverted`` (1: the ones of a block are its pruned weights)
        and ``escapes`` (0: there is none, and no word is set aside).
    n_bits : int
    """
    n = int(mask.shape[0])
    ones_of_bytes = np.bitwise_count(np.packbits(mask, bitorder="little")).astype(np.int64)
    best: tuple[int, dict[str, int]] | None = None
    for block in blocks:
        n_blocks = -(-n // block)
        padded = np.zeros(n_blocks * block // 8, dtype=np.int64)
        padded[: ones_of_bytes.shape[0]] = ones_of_bytes
        ones = padded.reshape(n_blocks, block // 8).sum(axis=1)
        for inverted in (0, 1):
            if inverted and n_blocks:
                ones = block - ones
                ones[-1] -= n_blocks * block - n
            counts = np.bincount(ones, minlength=block + 1)
            above = n_blocks - np.cumsum(counts)
            for max_ones in range(min(block, most_ones) + 1):
                escapes = int(above[max_ones])
                size = n_blocks * word_bits(block, max_ones, escapes > 0) + escapes * block
                if best is None or size < best[0]:
                    params = {
                        "block": block,
                        "max_ones": max_ones,
                        "inverted": inverted,
                        "escapes": int(escapes > 0),
                    }
                    best = (size, params)
                if not escapes:
                    break
    assert best is not None
    return best[1], best[0]


def encode_block(
    mask: BoolArray, params: Mapping[str, int]
) -> tuple[BitStream, NDArray[np.int64], NDArray[np.int64]]:
    """Encode `mask`.

    Returns
    -------
    stream : BitStream
    bits : ndarray of int64, shape (n_blocks,)
        Bits of each block, its escape counted.
    words : ndarray of int64, shape (n_blocks,)
        1, or 2 for an escaped block.

    Raises
    ------
    ValueError
        If `params` allow no escapes and a block needs one.
    """
    block, max_ones = params["block"], params["max_ones"]
    n_blocks = -(-int(mask.shape[0]) // block)
    ones_are = np.zeros(n_blocks * block, dtype=np.uint8)
    ones_are[: mask.shape[0]] = mask != bool(params["inverted"])
    ranks = np.empty(n_blocks, dtype=np.uint64)
    raw = np.empty(n_blocks, dtype=np.uint64)
    _mask_words.rank_blocks(ones_are, block, _binomial(), ranks, raw)
    n_ones = np.bitwise_count(raw).astype(np.int64)
    escaped = n_ones > max_ones
    if escaped.any() and not params["escapes"]:
        raise ValueError("a block has more ones than the code allows without escapes")
    first = _first_words(block, max_ones)
    words = first[np.minimum(n_ones, max_ones + 1)] + np.where(escaped, 0, ranks)
    n_words = 1 + escaped.astype(np.int64)
    at = np.cumsum(n_words) - n_words
    fields = np.empty(int(n_words.sum()), dtype=np.uint64)
    widths = np.empty(fields.shape[0], dtype=np.int64)
    width = word_bits(block, max_ones, bool(params["escapes"]))
    fields[at], widths[at] = words, width
    fields[at[escaped] + 1], widths[at[escaped] + 1] = raw[escaped], block
    data, n_bits = pack_fields(fields, widths)
    return BitStream(data, n_bits), width + escaped * block, n_words


def decode_block(stream: BitStream, n: int, params: Mapping[str, int]) -> BoolArray:
    """Return the mask of `n` weights; `DataError` if the stream does not hold exactly them."""
    block, max_ones = params["block"], params["max_ones"]
    n_blocks = -(-n // block)
    ones_are = np.zeros(n_blocks * block, dtype=np.uint8)
    width = word_bits(block, max_ones, bool(params["escapes"]))
    data = stream.data if stream.data.size else np.zeros(1, dtype=np.uint8)
    first = _first_words(block, max_ones)
    if not _mask_words.read_blocks(
        np.ascontiguousarray(data),
        stream.n_bits,
        block,
        width,
        _binomial(),
        first,
        bool(params["escapes"]),
        ones_are,
    ):
        raise DataError(f"block mask: {stream.n_bits} bits do not hold {n_blocks} blocks")
    if ones_are[n:].any():
        raise DataError("block mask: a position beyond the last weight is set")
    mask: BoolArray = ones_are[:n].view(np.bool_) ^ bool(params["inverted"])
    return mask
