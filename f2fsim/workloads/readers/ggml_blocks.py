"""GGML's block formats: codes, scales and offsets of each, as llama.cpp's reference defines them.

A row of weights is a run of blocks.  Integers of 4 and 8 bits keep their codes; what has other
codes is read by its values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.workloads.readers.stored import Codes, Stored

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Parts:
    """The numbers of some blocks, one row a group of weights that share a scale.

    ``numbers · scale + offset``; ``codes_type`` names the codec's type that holds the numbers.
    """

    numbers: NDArray[np.float32] | NDArray[np.int8] | NDArray[np.uint8]
    scale: NDArray[np.float32]
    offset: NDArray[np.float32] | None = None
    codes_type: str = ""


@dataclass(frozen=True)
class BlockType:
    """A block format: weights and bytes of a block, bits of a block that are no codes."""

    name: str
    n_weights: int
    n_bytes: int
    side_bits: int = 0
    split: Callable[[Bytes], Parts] | None = None


def _half(blocks: Bytes, at: int) -> NDArray[np.float32]:
    """Return the float16 at a byte of each block."""
    return np.ascontiguousarray(blocks[:, at : at + 2]).view("<f2").astype(np.float32)


def _nibbles(packed: Bytes) -> Bytes:
    """Return all low nibbles of a block, then all high ones."""
    return np.concatenate([packed & np.uint8(15), packed >> np.uint8(4)], axis=1)


def _q4_0(b: Bytes) -> Parts:
    return Parts(_nibbles(b[:, 2:]).astype(np.int8) - np.int8(8), _half(b, 0), None, "int4")


def _q4_1(b: Bytes) -> Parts:
    return Parts(_nibbles(b[:, 4:]), _half(b, 0), _half(b, 2), "uint4")


def _fifth_bits(packed: Bytes) -> Bytes:
    return np.unpackbits(packed, axis=1, bitorder="little") << np.uint8(4)


def _q5_0(b: Bytes) -> Parts:
    fields = _nibbles(b[:, 6:]) | _fifth_bits(b[:, 2:6])
    return Parts(fields.astype(np.int8) - np.int8(16), _half(b, 0))


def _q5_1(b: Bytes) -> Parts:
    return Parts(_nibbles(b[:, 8:]) | _fifth_bits(b[:, 4:8]), _half(b, 0), _half(b, 2))


def _q8_0(b: Bytes) -> Parts:
    return Parts(np.ascontiguousarray(b[:, 2:]).view(np.int8), _half(b, 0), None, "int8")


def _six_bits(packed: Bytes) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the eight 6-bit scales and minima that a K block packs into twelve bytes."""
    low, middle, high = packed[:, 0:4], packed[:, 4:8], packed[:, 8:12]
    scales = np.concatenate([low & 63, (high & 15) | ((low >> 6) << 4)], axis=1)
    minima = np.concatenate([middle & 63, (high >> 4) | ((middle >> 6) << 4)], axis=1)
    return scales.astype(np.float32), minima.astype(np.float32)


def _k_groups(b: Bytes) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return scale and offset of each of a K block's eight groups, one a row."""
    scales, minima = _six_bits(b[:, 4:16])
    return (_half(b, 0) * scales).reshape(-1, 1), -(_half(b, 2) * minima).reshape(-1, 1)


def _k_nibbles(packed: Bytes) -> Bytes:
    """Return the nibbles of a K block, 32 low ones before the 32 high ones of the same bytes."""
    runs = packed.reshape(-1, 4, 1, 32) >> np.array([0, 4], dtype=np.uint8).reshape(1, 1, 2, 1)
    return (runs & np.uint8(15)).reshape(-1, 32)


def _q4_k(b: Bytes) -> Parts:
    scale, offset = _k_groups(b)
    return Parts(_k_nibbles(b[:, 16:]), scale, offset, "uint4")


def _q5_k(b: Bytes) -> Parts:
    scale, offset = _k_groups(b)
    high = (b[:, None, 16:48] >> np.arange(8, dtype=np.uint8)[None, :, None]) & np.uint8(1)
    return Parts(_k_nibbles(b[:, 48:]) | (high << np.uint8(4)).reshape(-1, 32), scale, offset)


def _q6_k(b: Bytes) -> Parts:
    low = b[:, :128].reshape(-1, 2, 1, 64) >> np.array([0, 4], dtype=np.uint8).reshape(1, 1, 2, 1)
    shifts = np.array([0, 2, 4, 6], dtype=np.uint8).reshape(1, 1, 4, 1)
    high = (b[:, 128:192].reshape(-1, 2, 1, 32) >> shifts) & np.uint8(3)
    fields = (low & np.uint8(15)).reshape(-1, 256) | (high << np.uint8(4)).reshape(-1, 256)
    scales = np.ascontiguousarray(b[:, 192:208]).view(np.int8).astype(np.float32)
    numbers = fields.astype(np.int8).reshape(-1, 16) - np.int8(32)
    return Parts(numbers, (_half(b, 208) * scales).reshape(-1, 1))


_FP4 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6], np.float32)


def _mxfp4(b: Bytes) -> Parts:
    powers = np.ldexp(np.float32(1), b[:, :1].astype(np.int32) - 127)
    return Parts(_FP4[_nibbles(b[:, 1:])], powers.astype(np.float32))


#: By the number that a file names; without `split` a type is known and not read.
BLOCK_TYPES: dict[int, BlockType] = {
    2: BlockType("Q4_0", 32, 18, 16, _q4_0),
    3: BlockType("Q4_1", 32, 20, 32, _q4_1),
    6: BlockType("Q5_0", 32, 22, 16, _q5_0),
    7: BlockType("Q5_1", 32, 24, 32, _q5_1),
    8: BlockType("Q8_0", 32, 34, 16, _q8_0),
    9: BlockType("Q8_1", 32, 36),
    10: BlockType("Q2_K", 256, 84),
    11: BlockType("Q3_K", 256, 110),
    12: BlockType("Q4_K", 256, 144, 128, _q4_k),
    13: BlockType("Q5_K", 256, 176, 128, _q5_k),
    14: BlockType("Q6_K", 256, 210, 144, _q6_k),
    15: BlockType("Q8_K", 256, 292),
    16: BlockType("IQ2_XXS", 256, 66),
    17: BlockType("IQ2_XS", 256, 74),
    18: BlockType("IQ3_XXS", 256, 98),
    19: BlockType("IQ1_S", 256, 50),
    20: BlockType("IQ4_NL", 32, 18),
    21: BlockType("IQ3_S", 256, 110),
    22: BlockType("IQ2_S", 256, 82),
    23: BlockType("IQ4_XS", 256, 136),
    29: BlockType("IQ1_M", 256, 56),
    34: BlockType("TQ1_0", 256, 54),
    35: BlockType("TQ2_0", 256, 66),
    39: BlockType("MXFP4", 32, 17, 8, _mxfp4),
}
#: Element type by the number that a file names.
PLAIN_TYPES = {0: "F32", 1: "F16", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 30: "BF16"}


def read_blocks(raw: Bytes, kind: BlockType, shape: tuple[int, ...]) -> Stored:
    """Return the weights of a run of blocks.

    Parameters
    ----------
    raw : ndarray of uint8
        The blocks, rows behind one another.
    kind : BlockType
        One that can be read.
    shape : tuple of int
        Of the weights; the last axis is a whole number of blocks.
    """
    assert kind.split is not None
    parts = kind.split(raw.reshape(-1, kind.n_bytes))
    n_columns = shape[-1]
    size = parts.numbers.shape[1]
    n_groups = n_columns // size
    numbers = parts.numbers.reshape(-1, n_columns)
    codes = Codes(
        numbers,
        parts.codes_type,
        parts.scale.reshape(-1, n_groups),
        np.arange(n_columns) // size,
        offsets=None if parts.offset is None else parts.offset.reshape(-1, n_groups),
        side_bits=numbers.size // kind.n_weights * kind.side_bits,
    )
    values = codes.values().reshape(shape)
    return Stored(values, codes=codes if parts.codes_type and len(shape) == 2 else None)
