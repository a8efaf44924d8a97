"""Streams of equal fields and per-unit sums: what every format is built from.

Owns packing a column of equal-width fields into a `BitStream`, reading it back with every damage
turned into `DataError`, and cutting positions into work units.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.bits import n_bytes_of, pack_fields, unpack_fields
from f2fsim.codec.base import BitStream, EncodedTensor, IntArray
from f2fsim.errors import DataError, in_a_line

#: Fields handled at once: a multiple of 8, so that a chunk ends on a byte; bounds the memory.
_CHUNK_FIELDS = 1 << 20
_BYTE_TYPES = {8: "<u1", 16: "<u2", 32: "<u4", 64: "<u8"}


def bits_for(n_values: int) -> int:
    """Return the bits that tell `n_values` values apart, ``ceil(log2 n)``; 0 for one or none."""
    return max(int(n_values) - 1, 0).bit_length()


def pack_equal(values: NDArray[Any], width: int) -> BitStream:
    """Pack unsigned values one after another, each in `width` bits (0 to 64).

    Parameters
    ----------
    values : ndarray of int, shape (n,)
        Each must fit its field.
    width : int
        Bits of a field.

    Raises
    ------
    ValueError
        If a value does not fit.
    """
    n = int(values.shape[0])
    if width in _BYTE_TYPES:
        if values.dtype.itemsize * 8 > width and n and int(values.max()) >> width:
            raise ValueError("a value does not fit its field")
        data = np.ascontiguousarray(values.astype(_BYTE_TYPES[width])).view(np.uint8)
        return BitStream(data, n * width)
    out = np.zeros(n_bytes_of(n * width), dtype=np.uint8)
    for at in range(0, n, _CHUNK_FIELDS):
        part, _ = pack_fields(values[at : at + _CHUNK_FIELDS], width)
        first = at * width // 8
        out[first : first + part.shape[0]] = part
    return BitStream(out, n * width)


def unpack_equal(stream: BitStream, width: int, what: str) -> NDArray[np.unsignedinteger]:
    """Return all fields of a stream of `width`-bit fields (1 to 64) in the smallest dtype.

    Raises
    ------
    DataError
        If the stream does not end with a whole field or has bits beyond its end.
    """
    if stream.n_bits % width:
        raise DataError(f"{what}: {stream.n_bits} bits are no multiple of {width}")
    check_tail(stream, what)
    n = stream.n_bits // width
    dtype = np.dtype(f"u{1 if width <= 8 else 2 if width <= 16 else 4 if width <= 32 else 8}")
    if width in _BYTE_TYPES:
        return np.ascontiguousarray(stream.data).view(_BYTE_TYPES[width]).astype(dtype)
    out = np.empty(n, dtype=dtype)
    for at in range(0, n, _CHUNK_FIELDS):
        part = min(_CHUNK_FIELDS, n - at)
        out[at : at + part] = unpack_fields(stream.data[at * width // 8 :], width, part)
    return out


def pack_bools(values: NDArray[np.bool_]) -> BitStream:
    """Pack one bit a value."""
    return BitStream(np.packbits(values, bitorder="little"), int(values.shape[0]))


def unpack_bools(stream: BitStream, what: str) -> NDArray[np.bool_]:
    """Return one bool for each bit of the stream."""
    check_tail(stream, what)
    bits = np.unpackbits(stream.data, count=stream.n_bits, bitorder="little")
    return bits.view(np.bool_)


def check_tail(stream: BitStream, what: str) -> None:
    """Refuse a stream whose unused bits in the last byte are not 0."""
    used = stream.n_bits % 8
    if used and int(stream.data[-1]) >> used:
        raise DataError(f"{what}: bits beyond the end of the stream are set")


def read_fields(
    encoded: EncodedTensor, name: str, width: int, n: int
) -> NDArray[np.unsignedinteger]:
    """Return the `n` fields of `width` bits (0 to 64) of a named stream.

    Raises
    ------
    DataError
        If the stream is missing or not exactly `n` fields long.
    """
    stream = read_stream(encoded, name)
    what = f"{encoded.label}, stream {name!r}"
    if n < 0 or stream.n_bits != n * width:
        raise DataError(f"{what}: {stream.n_bits} bits in place of {n} fields of {width}")
    if width == 0:
        return np.zeros(n, dtype=np.uint8)
    return unpack_equal(stream, width, what)


def read_stream(encoded: EncodedTensor, name: str) -> BitStream:
    """Return a named stream; `DataError` if the encoding has none of that name."""
    if name not in encoded.streams:
        raise DataError(f"{encoded.label}: stream {name!r} is missing")
    return encoded.streams[name]


def int_param(encoded: EncodedTensor, key: str, low: int, high: int) -> int:
    """Return an integer parameter; `DataError` if it is missing or not in ``low … high``."""
    value = encoded.params.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise DataError(
            f"{encoded.label}: parameter {key!r} must be {low} to {high}, got {in_a_line(value)}"
        )
    return value


def check_format(encoded: EncodedTensor, name: str) -> None:
    """Refuse an encoding of another format or of a negative shape."""
    if encoded.format != name:
        raise DataError(f"{encoded.label} is in format {in_a_line(encoded.format)}, not {name!r}")
    if min(encoded.shape) < 0:
        raise DataError(f"{encoded.label}: negative shape {encoded.shape}")


def unit_sizes(n: int, unit: int) -> IntArray:
    """Return the sizes of the units that cut `n` positions: all `unit`, the last the rest."""
    n_units = -(-n // unit)
    sizes = np.full(n_units, unit, dtype=np.int64)
    if n_units:
        sizes[-1] = n - (n_units - 1) * unit
    return sizes


def unit_sums(unit_of: NDArray[Any], n_units: int, values: NDArray[Any] | None = None) -> IntArray:
    """Return the sum of `values` (default: the count) of each unit, exact below 2**53."""
    return np.bincount(unit_of, weights=values, minlength=n_units).astype(np.int64)


def unit_counts(flags: NDArray[np.bool_], unit: int) -> IntArray:
    """Return how many of each `unit` consecutive flags are set; the last unit may be short."""
    n = int(flags.shape[0])
    n_whole = n // unit
    counts = np.zeros(-(-n // unit), dtype=np.int64)
    # The narrowest sums that hold a unit are several times as fast as 64 bits wide ones.
    whole = flags[: n_whole * unit].view(np.uint8).reshape(n_whole, unit)
    counts[:n_whole] = np.add.reduce(whole, axis=1, dtype=np.min_scalar_type(unit))
    counts[n_whole:] = np.count_nonzero(flags[n_whole * unit :])
    return counts
