"""Counts of standard cells: the common currency of the quick estimate, synthesis and area."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from f2fsim.cost.table import CostTable, Level


@dataclass(frozen=True)
class GateCount:
    """Cells of a circuit after mapping to NAND2, XOR2, INV and DFF.

    Attributes
    ----------
    xor2 : int
        2-input XOR and XNOR cells (equal area).
    dff : int
        Flip-flops; a synchronous reset or enable is counted in `nand2`.
    nand2 : int
        2-input NAND and NOR cells.
    inv : int
        Inverters.
    """

    xor2: int = 0
    dff: int = 0
    nand2: int = 0
    inv: int = 0

    def __add__(self, other: GateCount) -> GateCount:
        return GateCount(
            self.xor2 + other.xor2,
            self.dff + other.dff,
            self.nand2 + other.nand2,
            self.inv + other.inv,
        )

    def times(self, n: int) -> GateCount:
        """Return the cells of `n` such circuits."""
        return GateCount(n * self.xor2, n * self.dff, n * self.nand2, n * self.inv)

    def by_cell(self) -> Mapping[str, int]:
        """Return counts by the cell names of a cost table."""
        return {"XOR2": self.xor2, "DFF": self.dff, "NAND2": self.nand2, "INV": self.inv}

    def area_um2(self, table: CostTable, level: Level = "typical") -> float:
        """Return cell area without wiring, square micrometres."""
        return sum(n * table.cell(cell, level) for cell, n in self.by_cell().items())

    def nand2_equivalents(self, table: CostTable) -> float:
        """Return the area in NAND2 cells, the trade's "gate equivalents"."""
        return self.area_um2(table) / table.cell("NAND2")
