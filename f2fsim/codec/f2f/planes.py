"""From weights to the bit planes that are stored, and back.

Steps: floats may replace the exponent field by an index into a codebook; every plane whose care
bits are all equal is dropped; a plane with mostly ones is inverted; the planes that are left move
together, lowest first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.tensor import WeightType
from f2fsim.errors import ConfigError

Values = NDArray[np.uint32]


@dataclass(frozen=True)
class PlaneLayout:
    """Which planes of a coded weight are stored.

    Attributes
    ----------
    n_planes : int
        Planes of a coded weight.
    stored : tuple of int
        Planes in the stream, ascending.
    inverted : tuple of int
        Planes whose bits are complemented: stored ones in the stream, constant ones (not stored)
        are all ones.
    """

    n_planes: int
    stored: tuple[int, ...]
    inverted: tuple[int, ...]

    @property
    def inversion(self) -> int:
        """Bit mask of the inverted planes."""
        return sum(1 << p for p in self.inverted)

    def compact(self, values: Values) -> Values:
        """Return the stored planes of coded weights: bit i is stored plane i."""
        flipped = values ^ np.uint32(self.inversion)
        out = np.zeros_like(values)
        for i, p in enumerate(self.stored):
            out |= ((flipped >> np.uint32(p)) & np.uint32(1)) << np.uint32(i)
        return out


def plan_planes(values: Values, n_planes: int, invert: bool) -> PlaneLayout:
    """Choose stored and inverted planes of coded weights."""
    stored: list[int] = []
    inverted: list[int] = []
    for p in range(n_planes):
        ones = int(np.count_nonzero(values & np.uint32(1 << p)))
        if 0 < ones < values.size:
            stored.append(p)
        if values.size and (ones == values.size or (invert and 2 * ones > values.size)):
            inverted.append(p)
    return PlaneLayout(n_planes, tuple(stored), tuple(inverted))


@dataclass(frozen=True, eq=False)
class Codebook:
    """Exponents in place of which a short index is stored.

    A coded weight holds, from the low end, the mantissa, the index, the sign.

    Attributes
    ----------
    weight_type : WeightType
        A float type.
    index_bits : int
        Bits of an index.
    exponents : ndarray of uint32, shape (2**index_bits,)
        Exponent fields; the distinct ones ascending, then the last one again as filler.
    """

    weight_type: WeightType
    index_bits: int
    exponents: Values

    @property
    def n_planes(self) -> int:
        """Planes of a coded weight."""
        return self.weight_type.n_mantissa_bits + self.index_bits + 1

    def encode(self, patterns: Values) -> tuple[Values, NDArray[np.int64], Values]:
        """Return coded weights, places of the outliers and their exponent fields."""
        t = self.weight_type
        fields = exponent_fields(patterns, t)
        distinct = np.unique(self.exponents)
        index = np.minimum(np.searchsorted(distinct, fields), distinct.size - 1).astype(np.uint32)
        outliers = np.flatnonzero(distinct[index] != fields)
        index[outliers] = 0
        mantissa = patterns & np.uint32((1 << t.n_mantissa_bits) - 1)
        sign = patterns >> np.uint32(t.n_bits - 1)
        coded = mantissa | (index << np.uint32(t.n_mantissa_bits))
        coded |= sign << np.uint32(t.n_mantissa_bits + self.index_bits)
        return coded, outliers, fields[outliers]


def exponent_fields(patterns: Values, weight_type: WeightType) -> Values:
    """Return the exponent field of each float pattern."""
    mask = np.uint32((1 << weight_type.n_exponent_bits) - 1)
    fields: Values = (patterns >> np.uint32(weight_type.n_mantissa_bits)) & mask
    return fields


def choose_codebook(patterns: Values, weight_type: WeightType, index_bits: int) -> Codebook:
    """Return the codebook of the most frequent exponents (ties: the smaller exponent)."""
    if not weight_type.is_float:
        raise ConfigError(f"codebook_bits: {weight_type.name} weights have no exponent; use 0")
    if index_bits >= weight_type.n_exponent_bits:
        raise ConfigError(
            f"codebook_bits: {index_bits} bits save nothing over the "
            f"{weight_type.n_exponent_bits} exponent bits of {weight_type.name}"
        )
    counts = np.bincount(exponent_fields(patterns, weight_type), minlength=1)
    frequent = np.argsort(-counts, kind="stable")[: 1 << index_bits]
    chosen = np.sort(frequent[counts[frequent] > 0]) if patterns.size else np.zeros(1, np.int64)
    table = np.full(1 << index_bits, chosen[-1], dtype=np.uint32)
    table[: chosen.size] = chosen
    return Codebook(weight_type, index_bits, table)
