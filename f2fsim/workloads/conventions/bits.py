"""Packed integers: fields of 32-bit words, nibbles, bit masks, FP4."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: What the 16 patterns of E2M1 mean (OCP Microscaling Formats, 1.0): sign, exponent, fraction.
FP4_VALUES = np.array(
    [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0],
    dtype=np.float32,
)


#: What the 64 patterns of E2M3 mean (the same): subnormals below 1, then three binades.
FP6_VALUES = np.concatenate(
    [
        sign
        * np.concatenate([np.arange(8) / 8, *(np.arange(8, 16) / 8 * 2.0**e for e in range(3))])
        for sign in (1.0, -1.0)
    ]
).astype(np.float32)


def six_bits(packed: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Return the four 6-bit fields of each three bytes, the lowest bits first."""
    raw = packed.astype(np.uint32, copy=False).reshape(*packed.shape[:-1], -1, 3)
    word = raw[..., 0] | (raw[..., 1] << np.uint32(8)) | (raw[..., 2] << np.uint32(16))
    fields = (word[..., None] >> np.array([0, 6, 12, 18], dtype=np.uint32)) & np.uint32(63)
    return np.asarray(fields.reshape(*packed.shape[:-1], -1), dtype=np.uint8)


def words_to_fields(words: NDArray[np.generic], n_bits: int, n: int) -> NDArray[np.uint8]:
    """Cut each row of 32-bit words into fields, the lowest bits first, none across two words.

    Parameters
    ----------
    words : ndarray of int32, shape (n_rows, n_words)
    n_bits : int
        Bits of a field; a word holds ``32 // n_bits``.
    n : int
        Fields wanted of each row.

    Returns
    -------
    ndarray of uint8, shape (n_rows, n)
    """
    shifts = np.arange(32 // n_bits, dtype=np.uint32) * np.uint32(n_bits)
    unsigned = np.ascontiguousarray(words).view(np.uint32)
    fields = (unsigned[:, :, None] >> shifts) & np.uint32(2**n_bits - 1)
    return fields.reshape(words.shape[0], -1)[:, :n].astype(np.uint8)


def words_to_stream(words: NDArray[np.generic], n_bits: int, n: int) -> NDArray[np.uint8]:
    """Cut each row of 32-bit words into fields that may lie across two words (GPTQ's 3 bits)."""
    unsigned = np.ascontiguousarray(words).astype("<u4", copy=False)
    raw = np.ascontiguousarray(unsigned).view(np.uint8).reshape(words.shape[0], -1)
    bits = np.unpackbits(raw, axis=1, bitorder="little")[:, : n * n_bits]
    places = (1 << np.arange(n_bits)).astype(np.uint8)
    fields = (bits.reshape(words.shape[0], n, n_bits) * places).sum(axis=2, dtype=np.uint8)
    return np.asarray(fields, dtype=np.uint8)


def nibbles(packed: NDArray[np.generic], *, high_first: bool = False) -> NDArray[np.uint8]:
    """Return the two nibbles of each byte side by side along the last axis."""
    raw = packed.astype(np.uint8, copy=False)
    low, high = raw & np.uint8(15), raw >> np.uint8(4)
    pair = (high, low) if high_first else (low, high)
    return np.stack(pair, axis=-1).reshape(*raw.shape[:-1], -1)


def bit_rows(packed: NDArray[np.generic], n_columns: int) -> NDArray[np.bool_]:
    """Return the rows of a packed mask, the lowest bit of each byte first."""
    bits = np.unpackbits(packed.astype(np.uint8, copy=False), axis=1, bitorder="little")
    return np.asarray(bits[:, :n_columns], dtype=np.bool_)
