"""Units of the Verilog with their sizes: what a part of a machine is made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from f2fsim.cost.cells import GateCount
from f2fsim.cost.unit_gates import estimate_unit_gates, estimate_unit_levels


@dataclass(frozen=True)
class UnitSpec:
    """`count` units of one Verilog module.

    Attributes
    ----------
    module : str
        A name in `f2fsim.cost.unit_gates.UNITS`.
    sizes : tuple of (str, int)
        Its parameters.
    count : int
        How many there are.
    """

    module: str
    sizes: tuple[tuple[str, int], ...]
    count: int = 1

    @property
    def gates(self) -> GateCount:
        """Estimated cells of all of them."""
        return estimate_unit_gates(self.module, **dict(self.sizes)).times(self.count)

    @property
    def levels(self) -> int:
        """Estimated levels of logic of its slowest stage."""
        return estimate_unit_levels(self.module, **dict(self.sizes))


Units = tuple[UnitSpec, ...]


def total_gates(units: Iterable[UnitSpec]) -> GateCount:
    """Return the cells of several units."""
    total = GateCount()
    for one in units:
        total = total + one.gates
    return total


def unit(module: str, count: int = 1, **sizes: int) -> UnitSpec:
    """Return `count` units of a module."""
    return UnitSpec(module, tuple(sizes.items()), count)
