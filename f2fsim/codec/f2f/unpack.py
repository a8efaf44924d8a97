"""From the streams of an encoding to weights in block order, in one pass of a kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.f2f import _decode
from f2fsim.codec.f2f.decode import check_words, look_up_tables
from f2fsim.codec.f2f.matrix import DecoderMatrix
from f2fsim.codec.f2f.planes import PlaneLayout
from f2fsim.codec.f2f.simd import instruction_set
from f2fsim.codec.f2f.threads import run
from f2fsim.codec.f2f.value_code import ValueCode

#: Bytes that the kernel may read beyond the mask.
_MASK_PADDING = 16
#: A multiple of 8, so that the mask of a range of blocks starts with a byte.
_BLOCKS_PER_TASK = 1 << 14
#: Number of the set of instructions that the kernel uses.
INSTRUCTIONS = instruction_set()

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
    code : ValueCode or None
        What the planes mean; None: the bits of the patterns.
    """

    words: NDArray[np.uint16]
    n_groups: int
    mask: NDArray[np.uint8]
    n_weights: int
    patches: Places
    layout: PlaneLayout
    code: ValueCode | None


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
    n_coded, values = dtype.itemsize, _NO_VALUES
    if coded.code is not None:
        n_coded, values = max(1, -(-coded.code.n_planes // 8)), _values(coded.code)

    def work(part: tuple[int, int, int, int]) -> None:
        _decode.unpack(
            look_up_tables(matrix),
            coded.words,
            coded.n_groups,
            matrix.n_out,
            mask,
            row_of,
            coded.layout.inversion,
            coded.patches,
            *values,
            part,
            dtype.itemsize,
            n_coded,
            INSTRUCTIONS,
            patterns.view(np.uint8),
        )

    run(work, _parts(coded, matrix.n_out), n_threads)
    return patterns


_Values = tuple[tuple[int, ...], NDArray[np.uint8], NDArray[np.uint32]]
_NO_VALUES: _Values = ((), np.zeros(0, np.uint8), np.zeros((2, 0), np.uint32))


def _values(code: ValueCode) -> _Values:
    """Return a value code as the kernel takes it."""
    fold = code.fold
    look_up = np.zeros(0, dtype=np.uint8)
    if fold.weight_type.n_bits <= 8:
        # As long as the bytes of a coded weight can count: the kernel reads beyond the last one.
        n_known = 1 << code.n_planes
        look_up = np.zeros(1 << (8 * max(1, -(-code.n_planes // 8))), dtype=np.uint8)
        look_up[:n_known] = code.decode(np.arange(n_known, dtype=np.uint32))
    # Without a prefix the highest bit of 32 chooses between two equal entries.
    of = code.class_table if code.prefix_planes else np.zeros(2, dtype=np.uint8)
    shift = code.n_planes - code.prefix_planes if code.prefix_planes else 31
    classes = np.array(
        [[c.base, (1 << c.suffix_bits) - 1] for c in code.classes] or [[0, 0]], dtype=np.uint32
    )
    order = 0 if not fold.signed else 2 if fold.weight_type.is_float else 1
    numbers = (shift, order, fold.centre, fold.mask, fold.n_bits - 1, fold.shift)
    return numbers, look_up, np.ascontiguousarray(classes[of].T)


def _parts(coded: CodedBlocks, n_out: int) -> list[tuple[int, int, int, int]]:
    """Return for each range of blocks: first, number, kept weights and patches before."""
    n_blocks, n_planes = coded.words.shape
    parts = []
    kept = 0
    for first in range(0, n_blocks, _BLOCKS_PER_TASK):
        n = min(_BLOCKS_PER_TASK, n_blocks - first)
        patch = int(np.searchsorted(coded.patches, kept * n_planes))
        parts.append((first, n, kept, patch))
        own = coded.mask[first * n_out // 8 : (first + n) * n_out // 8]
        kept += int(np.bitwise_count(own).sum(dtype=np.int64))
    return parts
