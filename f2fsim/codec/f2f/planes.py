"""From weights to the bit planes that are stored, and back, without a value code.

Steps: every plane whose care bits are all equal is dropped; a plane with mostly ones is inverted;
the planes that are left move together, lowest first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.uint32]


@dataclass(frozen=True)
class PlaneLayout:
    """Which planes of a coded weight are stored.

    Attributes
    ----------
    n_planes : int
        Planes of a weight.
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
        """Return the stored planes of weights: bit i is stored plane i."""
        flipped = values ^ np.uint32(self.inversion)
        out = np.zeros_like(values)
        for i, p in enumerate(self.stored):
            out |= ((flipped >> np.uint32(p)) & np.uint32(1)) << np.uint32(i)
        return out


def plan_planes(values: Values, n_planes: int, invert: bool) -> PlaneLayout:
    """Choose stored and inverted planes of weights."""
    stored: list[int] = []
    inverted: list[int] = []
    for p in range(n_planes):
        ones = int(np.count_nonzero(values & np.uint32(1 << p)))
        if 0 < ones < values.size:
            stored.append(p)
        if values.size and (ones == values.size or (invert and 2 * ones > values.size)):
            inverted.append(p)
    return PlaneLayout(n_planes, tuple(stored), tuple(inverted))
