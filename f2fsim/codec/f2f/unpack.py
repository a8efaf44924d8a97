"""From the streams of an encoding to weights in block order, in one pass of a kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.f2f import _decode
from f2fsim.codec.f2f.decode import check_words, look_up_tables
from f2fsim.codec.f2f.matrix import DecoderMatrix
from f2fsim.codec.f2f.planes import Codebook, PlaneLayout
from f2fsim.codec.f2f.threads import run

#: Bytes that the kernel may read beyond the mask.
_MASK_PADDING = 16
#: A multiple of 8, so that the mask of a range of blocks starts with a byte.
_BLOCKS_PER_TASK = 1 << 14
#: What the kernel uses of the processor: 0 any, 1 AVX2, 2 AVX2 and GFNI.
INSTRUCTIONS = _decode.best_instructions()

Places = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CodedBlocks:
    """All that the weights of a tensor are decoded from.

    Attributes
    ----------
    words : ndarray of uint16, shape (n_blocks, n_stored_planes)
        Encoded words.
    n_groups : int
        Interleaved decoders.
    mask : ndarray of uint8, shape (ceil(n_weights / 8),)
        Kept flags in block order, a bit each, unused bits 0.
    n_weights : int
        Weights, pruned ones included.
    patches : ndarray of int64
        Numbers of the care bits to flip, ascending.
    layout : PlaneLayout
        Which planes are stored.
    book : Codebook or None
        Exponent codebook.
    outliers, exponents : ndarray of int64, of uint32
        Numbers of kept weights, ascending, and their exponent fields.
    """

    words: NDArray[np.uint16]
    n_groups: int
    mask: NDArray[np.uint8]
    n_weights: int
    patches: Places
    layout: PlaneLayout
    book: Codebook | None
    outliers: Places
    exponents: NDArray[np.uint32]


def unpack_blocks(
    matrix: DecoderMatrix,
    coded: CodedBlocks,
    dtype: np.dtype[np.unsignedinteger],
    n_threads: int = 1,
) -> NDArray[np.unsignedinteger]:
    """Return the patterns of all weights in block order, 0 where pruned.

    Parameters
    ----------
    matrix : DecoderMatrix
        The decoder.
    coded : CodedBlocks
        The streams, taken apart.
    dtype : numpy.dtype
        Pattern dtype of the weight type.
    n_threads : int
        Threads over ranges of blocks.

    Returns
    -------
    patterns : ndarray of `dtype`, shape (n_weights,)
    """
    check_words(matrix, coded.words, coded.n_groups)
    n = coded.n_weights
    if coded.words.shape[0] != -(-n // matrix.n_out) or coded.mask.shape[0] != -(-n // 8):
        raise ValueError("words and mask belong to different tensors")
    patterns = np.empty(n, dtype=dtype)
    if not n:
        return patterns
    mask = np.concatenate([coded.mask, np.zeros(_MASK_PADDING, np.uint8)])
    row_of = np.full(32, -1, dtype=np.int64)
    row_of[list(coded.layout.stored)] = np.arange(len(coded.layout.stored))
    book, widths, exponents = coded.book, (0, 0, 0), np.zeros(0, np.uint32)
    if book is not None:
        t = book.weight_type
        widths, exponents = (book.index_bits, t.n_mantissa_bits, t.n_exponent_bits), book.exponents

    def work(part: tuple[int, int, int, int, int]) -> None:
        _decode.unpack(
            look_up_tables(matrix),
            coded.words,
            coded.n_groups,
            matrix.n_out,
            mask,
            row_of,
            coded.layout.inversion,
            coded.patches,
            widths,
            exponents,
            coded.outliers,
            coded.exponents,
            part,
            dtype.itemsize,
            INSTRUCTIONS,
            patterns.view(np.uint8),
        )

    run(work, _parts(coded, matrix.n_out), n_threads)
    return patterns


def _parts(coded: CodedBlocks, n_out: int) -> list[tuple[int, int, int, int, int]]:
    """Return for each range of blocks: first, number, kept weights, patches, outliers before."""
    n_blocks, n_planes = coded.words.shape
    parts = []
    kept = 0
    for first in range(0, n_blocks, _BLOCKS_PER_TASK):
        n = min(_BLOCKS_PER_TASK, n_blocks - first)
        patch = int(np.searchsorted(coded.patches, kept * n_planes))
        parts.append((first, n, kept, patch, int(np.searchsorted(coded.outliers, kept))))
        own = coded.mask[first * n_out // 8 : (first + n) * n_out // 8]
        kept += int(np.bitwise_count(own).sum(dtype=np.int64))
    return parts
