"""Patches: which decoded care bits have to be flipped, as gaps in fields of four widths.

Care bits are numbered in stream order: block after block, in a block stored plane after stored
plane, in a plane kept weight after kept weight.  A patch is given by its gap: the care bits passed
over since the previous patch (or the start).  A field is a 2-bit class c and then
``w_c = k + c * d`` bits; with ``o_0 = 0`` and ``o_(c+1) = o_c + 2**w_c`` it holds the gap less
``o_c``.  The greatest gap of class 3 is an escape: that many care bits are passed over and nothing
is flipped.  k and d are chosen for each tensor so that the stream is shortest.  After the last
patch nothing follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.bits import pack_fields
from f2fsim.codec.base import BitStream
from f2fsim.codec.f2f import _patches
from f2fsim.codec.streams import check_tail
from f2fsim.errors import DataError, in_a_line

MAX_BASE_BITS = 16
MAX_STEP_BITS = 4
CLASS_BITS = 2
_FIT_GAPS = 20_000

Places = NDArray[np.int64]


@dataclass(frozen=True)
class GapCode:
    """The widths of the four classes.

    Attributes
    ----------
    base_bits : int
        k, width of class 0: 0 to 16.
    step_bits : int
        d, by which each class is wider than the one before: 1 to 4.
    """

    base_bits: int
    step_bits: int

    @property
    def widths(self) -> NDArray[np.int64]:
        """Widths of the classes 0 to 3."""
        return self.base_bits + self.step_bits * np.arange(4, dtype=np.int64)

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Least gap of each class."""
        return np.concatenate([[0], np.cumsum(1 << self.widths)[:3]]).astype(np.int64)

    @property
    def escape(self) -> int:
        """Care bits that an escape passes over: one more than the greatest gap of a patch."""
        return int((1 << self.widths).sum()) - 1


@dataclass(frozen=True, eq=False)
class GapFields:
    """Events as fields, escapes included.

    Attributes
    ----------
    code : GapCode
    values, widths : ndarray of int64
        One entry a field, class and rest together.
    ends : ndarray of int64
        Where each field ends: the event's place, or the last place that an escape covers.
    is_event : ndarray of bool
        False for escapes.
    """

    code: GapCode
    values: Places
    widths: Places
    ends: Places
    is_event: NDArray[np.bool_]


def _field_classes(rests: Places, code: GapCode) -> Places:
    classes: Places = np.searchsorted(code.offsets, rests, side="right") - 1
    return classes


def best_code(gaps: Places) -> GapCode:
    """Return the code with the fewest bits for these gaps (for a sample of very many)."""
    if not gaps.size:
        return GapCode(0, 1)
    # Few gaps are different ones: every code is tried on each of them once.
    found, counts = np.unique(gaps[:: gaps.size // _FIT_GAPS + 1], return_counts=True)
    codes, offsets, escapes, widths = _all_codes()
    n_escapes, rests = np.divmod(found, escapes[:, None])
    bits = np.repeat(widths[:, :1], found.size, axis=1)
    for c in range(1, 4):
        bits += (widths[:, c] - widths[:, c - 1])[:, None] * (rests >= offsets[:, c, None])
    bits += n_escapes * widths[:, 3, None]
    return codes[int(np.argmin(bits @ counts))]


@cache
def _all_codes() -> tuple[list[GapCode], Places, Places, Places]:
    """Return the codes to choose from, and their offsets, escapes and field widths in rows."""
    codes = [GapCode(k, d) for d in range(1, MAX_STEP_BITS + 1) for k in range(MAX_BASE_BITS + 1)]
    return (
        codes,
        np.array([code.offsets for code in codes]),
        np.array([code.escape for code in codes]),
        np.array([CLASS_BITS + code.widths for code in codes]),
    )


def to_fields(places: Places) -> GapFields:
    """Return the fields of events at ascending places (int64, from 0)."""
    gaps = np.diff(places, prepend=-1) - 1
    code = best_code(gaps)
    n_escapes, rests = np.divmod(gaps, code.escape)
    last = np.cumsum(n_escapes + 1) - 1
    n_fields = int(last[-1]) + 1 if last.size else 0
    full = np.full(n_fields, code.escape, dtype=np.int64)
    full[last] = rests
    is_event = np.zeros(n_fields, dtype=np.bool_)
    is_event[last] = True
    classes = _field_classes(full, code)
    return GapFields(
        code,
        classes | ((full - code.offsets[classes]) << CLASS_BITS),
        CLASS_BITS + code.widths[classes],
        np.cumsum(full + is_event) - 1,
        is_event,
    )


def pack_patches(fields: GapFields) -> BitStream:
    """Return the stream of a field sequence."""
    return BitStream(*pack_fields(fields.values, fields.widths))


def read_code(given: Any, what: str) -> GapCode:
    """Return the code stored as ``[k, d]``; `DataError` if it is damaged."""
    if (
        not isinstance(given, list | tuple)
        or len(given) != 2
        or not all(type(x) is int for x in given)
        or not 0 <= given[0] <= MAX_BASE_BITS
        or not 1 <= given[1] <= MAX_STEP_BITS
    ):
        raise DataError(f"{what}: damaged gap code {in_a_line(given)}")
    return GapCode(given[0], given[1])


def unpack_patches(stream: BitStream, code: GapCode, n_places: int, what: str) -> Places:
    """Return the places of all patches.

    Raises
    ------
    DataError
        If the stream ends within a field or after an escape, or a place is `n_places` or more.
    """
    check_tail(stream, what)
    places = np.empty(stream.n_bits // (CLASS_BITS + code.base_bits), dtype=np.int64)
    n = _patches.unpack_patches(
        stream.data, stream.n_bits, code.base_bits, code.step_bits, n_places, places
    )
    if n < 0:
        raise DataError(f"{what}: the patches do not end with the stream or exceed {n_places}")
    return places[:n]


def events_per_block(places: Places, edges: Places) -> Places:
    """Count ascending places in each block; block b covers ``edges[b] … edges[b + 1] - 1``."""
    return np.diff(np.searchsorted(places, edges))


def bits_per_block(fields: GapFields, edges: Places) -> Places:
    """Return the bits of the fields that end in each block; blocks as for `events_per_block`."""
    total = np.concatenate([[0], np.cumsum(fields.widths)])
    return np.diff(total[np.searchsorted(fields.ends, edges)])
