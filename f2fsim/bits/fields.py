"""Checked wrappers of the packing kernels; the meaning of a bit's place in a stream.

Bit *i* of a stream is bit ``i % 8`` (least significant first) of byte ``i // 8``; a field's least
significant bit comes first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from f2fsim.bits import _pack


def n_bytes_of(n_bits: int) -> int:
    """Return the bytes that hold `n_bits` bits."""
    return (n_bits + 7) // 8


def _widths(widths: ArrayLike, n: int) -> NDArray[np.int64]:
    full = np.ascontiguousarray(np.broadcast_to(np.asarray(widths, dtype=np.int64), (n,)))
    if n and (int(full.min()) < 0 or int(full.max()) > 64):
        raise ValueError("field widths must be 0 to 64 bits")
    return full


def pack_fields(values: ArrayLike, widths: ArrayLike) -> tuple[NDArray[np.uint8], int]:
    """Pack fields one after another.

    Parameters
    ----------
    values : array_like of unsigned int, shape (n,)
        Bits of a value beyond its width must be 0.
    widths : array_like of int, shape (n,) or scalar
        Width of each field, 0 to 64 bits.

    Returns
    -------
    data : ndarray of uint8
        The stream, unused bits of the last byte 0.
    n_bits : int
        Its exact length.

    Raises
    ------
    ValueError
        If a width is out of range or a value does not fit its width.
    """
    fields = np.ascontiguousarray(values, dtype=np.uint64)
    if fields.ndim != 1:
        raise ValueError(f"values must be one-dimensional, got shape {fields.shape}")
    full = _widths(widths, fields.shape[0])
    narrow = full < 64
    shift = np.where(narrow, full, 0).astype(np.uint64)
    if (narrow & ((fields >> shift) != 0)).any():
        raise ValueError("a value does not fit its field")
    n_bits = int(full.sum())
    out = np.zeros(n_bytes_of(n_bits), dtype=np.uint8)
    _pack.pack_fields(fields, full, out)
    return out, n_bits


def unpack_fields(data: NDArray[np.uint8], widths: ArrayLike, n: int) -> NDArray[np.uint64]:
    """Read `n` fields of `widths` bits from the start of `data`; `ValueError` if too short."""
    full = _widths(widths, n)
    if n_bytes_of(int(full.sum())) > data.shape[0]:
        raise ValueError(f"{n} fields need {int(full.sum())} bits, the stream has fewer")
    out = np.empty(n, dtype=np.uint64)
    _pack.unpack_fields(np.ascontiguousarray(data), full, out)
    return out
