"""Patches: which decoded care bits have to be flipped, in fixed fields.

Care bits are numbered in stream order: block after block, in a block stored plane after stored
plane, in a plane kept weight after kept weight.  The stream is a sequence of fields of k bits.  A
field below ``2**k - 1`` means: that many care bits are right, the next one is flipped.  The field
``2**k - 1`` means: so many care bits are right, read on.  After the last patch nothing follows.
k is chosen for each tensor so that the stream is shortest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.bits import pack_fields, unpack_fields
from f2fsim.codec.base import BitStream
from f2fsim.errors import DataError

MIN_FIELD_BITS = 2
MAX_FIELD_BITS = 24


@dataclass(frozen=True, eq=False)
class PatchFields:
    """A sequence of events in fields.

    Attributes
    ----------
    field_bits : int
        k; 0 when there is no event.
    values : ndarray of int64
        One entry a field.
    ends : ndarray of int64
        Where each field ends: the event's place, or the last place that an escape covers.
    """

    field_bits: int
    values: NDArray[np.int64]
    ends: NDArray[np.int64]

    @property
    def n_bits(self) -> int:
        """Bits of all fields."""
        return self.field_bits * int(self.values.shape[0])


def best_field_bits(gaps: NDArray[np.int64]) -> int:
    """Return the k with the fewest bits for these gaps (places passed over before an event)."""
    if not gaps.size:
        return 0
    widths = range(MIN_FIELD_BITS, MAX_FIELD_BITS + 1)
    return min(widths, key=lambda k: k * int((gaps // ((1 << k) - 1) + 1).sum()))


def to_fields(places: NDArray[np.int64], field_bits: int | None = None) -> PatchFields:
    """Return the fields of events at ascending places.

    Parameters
    ----------
    places : ndarray of int64
        Strictly ascending, from 0.
    field_bits : int or None
        k, None for the best one.
    """
    gaps = np.diff(places, prepend=-1) - 1
    k = best_field_bits(gaps) if field_bits is None or not gaps.size else field_bits
    if not gaps.size:
        return PatchFields(0, np.zeros(0, np.int64), np.zeros(0, np.int64))
    top = (1 << k) - 1
    n_fields = gaps // top + 1
    values = np.full(int(n_fields.sum()), top, dtype=np.int64)
    values[np.cumsum(n_fields) - 1] = gaps % top
    ends = np.cumsum(np.where(values == top, top, values + 1)) - 1
    return PatchFields(k, values, ends)


def from_fields(values: NDArray[np.int64], field_bits: int) -> NDArray[np.int64]:
    """Return the places of the events of a field sequence."""
    top = (1 << field_bits) - 1
    escape = values == top
    ends = np.cumsum(np.where(escape, top, values + 1)) - 1
    places: NDArray[np.int64] = ends[~escape]
    return places


def pack_patches(fields: PatchFields) -> BitStream:
    """Return the stream of a field sequence."""
    return BitStream(*pack_fields(fields.values, fields.field_bits))


def unpack_patches(stream: BitStream, field_bits: int, n_places: int) -> NDArray[np.int64]:
    """Return the places of a patch stream.

    Raises
    ------
    DataError
        If the length is no multiple of the field, a place is out of range or the last field is
        an escape.
    """
    if not stream.n_bits:
        return np.zeros(0, dtype=np.int64)
    if not 1 <= field_bits <= MAX_FIELD_BITS or stream.n_bits % field_bits:
        raise DataError(f"patches: {stream.n_bits} bits are not whole fields of {field_bits} bits")
    values = unpack_fields(stream.data, field_bits, stream.n_bits // field_bits).astype(np.int64)
    if values[-1] == (1 << field_bits) - 1:
        raise DataError("patches: the last field is an escape")
    places = from_fields(values, field_bits)
    if int(places[-1]) >= n_places:
        raise DataError(f"patches: place {int(places[-1])} beyond the {n_places} care bits")
    return places


def events_per_block(places: NDArray[np.int64], edges: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count ascending places in each block; block b covers ``edges[b] … edges[b + 1] - 1``."""
    return np.diff(np.searchsorted(places, edges))
