"""The XOR decoder in software: raw outputs of all planes, or the bits of the kept weights only.

A block's outputs need only its own and the `n_s` earlier words of its group, so any range of blocks
decodes alone.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.f2f import _decode
from f2fsim.codec.f2f.care import CareList
from f2fsim.codec.f2f.matrix import DecoderMatrix
from f2fsim.codec.f2f.threads import run

_BLOCKS_PER_TASK = 1 << 15


@lru_cache(maxsize=64)
def look_up_tables(matrix: DecoderMatrix) -> NDArray[np.uint64]:
    """Return the decoder's contribution of each register byte.

    Returns
    -------
    tables : ndarray of uint64, shape (n_s + 1, ceil(n_in / 8), 256, ceil(n_out / 64))
        ``tables[j, h, v]`` is the output, bit o in word ``o // 64``, for the value v of byte h of
        ``w_(t-j)`` alone.
    """
    n_half = (matrix.n_in + 7) // 8
    n_words = (matrix.n_out + 63) // 64
    columns = np.zeros((matrix.n_s + 1, n_half * 8, n_words * 64), dtype=np.uint8)
    split = matrix.bits.T.reshape(matrix.n_s + 1, matrix.n_in, matrix.n_out)
    columns[:, : matrix.n_in, : matrix.n_out] = split
    packed = np.packbits(columns, axis=-1, bitorder="little").view("<u8").astype(np.uint64)
    packed = packed.reshape(matrix.n_s + 1, n_half, 8, n_words)
    tables = np.zeros((matrix.n_s + 1, n_half, 256, n_words), dtype=np.uint64)
    for bit in range(8):
        low = 1 << bit
        tables[:, :, low : 2 * low] = tables[:, :, :low] ^ packed[:, :, bit : bit + 1]
    tables.setflags(write=False)
    return tables


def check_words(matrix: DecoderMatrix, words: NDArray[np.uint16], n_groups: int) -> None:
    """Refuse (`ValueError`) words that are not the decoder's."""
    if words.dtype != np.uint16 or words.ndim != 2 or words.shape[1] > 32 or n_groups < 1:
        raise ValueError("words must be uint16 (n_blocks, ≤ 32 planes) with n_groups ≥ 1")
    if words.size and matrix.n_in < 16 and int(words.max()) >> matrix.n_in:
        raise ValueError(f"a word has more than {matrix.n_in} bits")


def decode_planes(
    matrix: DecoderMatrix, words: NDArray[np.uint16], n_groups: int = 1
) -> NDArray[np.bool_]:
    """Return the raw decoder outputs of every block and plane, before patches and mask.

    Parameters
    ----------
    matrix : DecoderMatrix
        The decoder.
    words : ndarray of uint16, shape (n_blocks, n_planes)
        Encoded words in stream order; block b is step ``b // n_groups`` of group
        ``b % n_groups``.
    n_groups : int
        Interleaved decoders, each with registers of its own that start at zero.

    Returns
    -------
    outputs : ndarray of bool, shape (n_blocks, n_planes, n_out)
    """
    check_words(matrix, words, n_groups)
    n_words = (matrix.n_out + 63) // 64
    out = np.zeros((*words.shape, n_words), dtype=np.uint64)
    if out.size:
        _decode.planes(look_up_tables(matrix), np.ascontiguousarray(words), n_groups, 0, out)
    bits = np.unpackbits(out.astype("<u8").view(np.uint8), axis=-1, bitorder="little")
    return bits[..., : matrix.n_out].astype(np.bool_)


def decode_values(
    matrix: DecoderMatrix,
    words: NDArray[np.uint16],
    care: CareList,
    n_groups: int = 1,
    n_threads: int = 1,
) -> NDArray[np.uint32]:
    """Return what the decoder puts out at each kept weight: bit p = plane p, before patches.

    Parameters
    ----------
    matrix, words, n_groups
        As for `decode_planes`.
    care : CareList
        Kept places; its values are not read.
    n_threads : int
        Threads over ranges of blocks.

    Returns
    -------
    values : ndarray of uint32, shape (care.n_kept,)
    """
    check_words(matrix, words, n_groups)
    if words.shape[0] != care.n_blocks or care.n_out != matrix.n_out:
        raise ValueError("words and care list belong to different tensors")
    out = np.zeros(care.n_kept, dtype=np.uint32)
    if not words.size or not care.n_kept:
        return out
    tables = look_up_tables(matrix)

    def work(first: int) -> None:
        n = min(_BLOCKS_PER_TASK, care.n_blocks - first)
        _decode.values(tables, words, n_groups, first, n, care.block_ptr, care.pos, out)

    run(work, range(0, care.n_blocks, _BLOCKS_PER_TASK), n_threads)
    return out
