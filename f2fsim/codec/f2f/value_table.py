"""The stream ``codebook``: a layer's value code and the rates of its planes (docs/format.md)."""

from __future__ import annotations

from typing import Any

import numpy as np

from f2fsim.bits import pack_fields
from f2fsim.codec.base import BitStream
from f2fsim.codec.f2f.rates import PERIOD, PlaneRates
from f2fsim.codec.f2f.value_code import (
    MAX_CLASSES,
    MAX_CODEWORD_BITS,
    MAX_PREFIX_BITS,
    Fold,
    ValueClass,
    ValueCode,
)
from f2fsim.codec.streams import bits_for, check_tail
from f2fsim.codec.tensor import WeightType
from f2fsim.errors import DataError

_SHIFT_BITS, _N_CLASSES_BITS, _PREFIX_BITS = 5, 5, 3


#: Value and bits.
_Field = tuple[int, int]


def table_items(code: ValueCode, rates: PlaneRates, n_in: int) -> list[list[_Field]]:
    """Return the fields of a table: of its head, of each class, of each plane's rate.

    A plane that the same classes care for as for an earlier one has no fields.
    """
    fold, n_w = code.fold, code.fold.weight_type.n_bits
    head = [(int(fold.signed), 1), (int(fold.shift > 0), 1)]
    head += [(fold.shift, _SHIFT_BITS)] * (fold.shift > 0)
    head += [(int(fold.centre > 0), 1)]
    head += [(fold.centre, n_w)] * (fold.centre > 0)
    head.append((len(code.classes), _N_CLASSES_BITS))
    items = [head]
    expected = 0
    for c in code.classes:
        fields = [(int(c.base != expected), 1)]
        fields += [(c.base, n_w)] * (c.base != expected)
        fields += [(c.suffix_bits, bits_for(n_w + 1)), (c.prefix_bits, _PREFIX_BITS)]
        items.append(fields)
        expected = c.base + (1 << c.suffix_bits)
    width = bits_for(n_in * PERIOD + 1)
    first = {planes[0] for planes in code.plane_sets}
    planes = enumerate(rates.sixty_fourths)
    return items + [[(rate, width)] * (plane in first) for plane, rate in planes]


def pack_table(code: ValueCode, rates: PlaneRates, n_in: int) -> BitStream:
    """Return the stream of a code and its rates."""
    fields = [field for item in table_items(code, rates, n_in) for field in item]
    values, widths = zip(*fields, strict=True)
    return BitStream(*pack_fields(values, widths))


class _Reader:
    """Fields of a table, each refused where the stream has ended."""

    def __init__(self, stream: BitStream, what: str) -> None:
        check_tail(stream, what)
        self._bits = int.from_bytes(stream.data.tobytes(), "little")
        self._left, self._what = stream.n_bits, what

    def take(self, width: int) -> int:
        if width > self._left:
            raise DataError(f"{self._what}: the table is too short")
        field = self._bits & ((1 << width) - 1)
        self._bits >>= width
        self._left -= width
        return field

    def end(self) -> None:
        if self._left:
            raise DataError(f"{self._what}: {self._left} bits follow the table")


def unpack_table(
    stream: BitStream, weight_type: WeightType, n_in: int, what: str
) -> tuple[ValueCode, PlaneRates]:
    """Return code and rates; `DataError` if the stream is no whole table of a complete code."""
    reader, n_w = _Reader(stream, what), weight_type.n_bits
    signed = bool(reader.take(1))
    shift = reader.take(_SHIFT_BITS) if reader.take(1) else 0
    centre = reader.take(n_w) if reader.take(1) else 0
    if shift >= n_w or (centre and weight_type.is_float):
        raise DataError(f"{what}: shift {shift}, centre {centre} of {weight_type.name}")
    fold = Fold(weight_type, signed, centre, shift)
    classes: list[ValueClass] = []
    expected = 0
    for _ in range(reader.take(_N_CLASSES_BITS)):
        base = reader.take(n_w) if reader.take(1) else expected
        suffix, prefix = reader.take(bits_for(n_w + 1)), reader.take(_PREFIX_BITS)
        classes.append(ValueClass(base, suffix, prefix))
        expected = base + (1 << suffix)
    code = ValueCode(fold, tuple(classes))
    _check(code, what)
    width = bits_for(n_in * PERIOD + 1)
    rates = [0] * code.n_planes
    for planes in code.plane_sets:
        rate = reader.take(width)
        if rate > n_in * PERIOD:
            raise DataError(f"{what}: a rate of {rate} / {PERIOD} bits, words have {n_in}")
        for plane in planes:
            rates[plane] = rate
    reader.end()
    return code, PlaneRates(tuple(rates))


def _check(code: ValueCode, what: str) -> None:
    n_bits = code.fold.n_bits
    good = (
        len(code.classes) <= MAX_CLASSES
        and code.n_planes <= MAX_CODEWORD_BITS
        and all(
            c.base >> n_bits == 0
            and c.suffix_bits <= n_bits
            and (0 < c.prefix_bits <= MAX_PREFIX_BITS or len(code.classes) == 1)
            for c in code.classes
        )
        and (not code.classes or code.is_complete)
    )
    if not good:
        raise DataError(f"{what}: the classes are no complete prefix code")


def describe(code: ValueCode, rates: PlaneRates) -> dict[str, Any]:
    """Return a code and its rates as plain numbers, for tables and JSON."""
    return {
        "signed": code.fold.signed,
        "centre": code.fold.centre,
        "shift": code.fold.shift,
        "classes": [[c.base, c.suffix_bits, c.prefix_bits] for c in code.classes],
        "bits_a_step": [rate / PERIOD for rate in rates.sixty_fourths],
        "bits_a_step_total": float(np.sum(rates.sixty_fourths)) / PERIOD,
    }
