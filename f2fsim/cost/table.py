"""What a cost table holds: constants with range, source and origin; no number lives in code.

Owns the shape of a table and the rules that a table must keep.  Reading YAML is the business of
`f2fsim.config.cost`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from f2fsim.errors import InputError, choices, near_miss

#: Which end of every constant's range a calculation uses.
Level = Literal["low", "typical", "high"]
LEVELS: tuple[Level, ...] = get_args(Level)

#: Where a constant comes from: a publication, arithmetic on published ones, or our assumption.
Origin = Literal["published", "derived", "assumed"]


@dataclass(frozen=True)
class Constant:
    """One constant of a table with its range.

    Attributes
    ----------
    low, typical, high : float
        The range that the sources leave open, ``0 <= low <= typical <= high``.
    per : str
        What it is counted for: ``byte``, ``bit``, ``operation`` …
    origin : Origin
        How it came about.
    source : str
        Publication, or the arithmetic and what it starts from, scaling of technology included.
    """

    low: float
    typical: float
    high: float
    per: str
    origin: Origin
    source: str

    def __post_init__(self) -> None:
        if not 0.0 <= self.low <= self.typical <= self.high < float("inf"):
            raise ValueError(
                f"needs 0 <= low <= typical <= high, got {self.low}, {self.typical}, {self.high}"
            )
        if not self.source.strip():
            raise ValueError("needs a source")

    def at(self, level: Level) -> float:
        """Return the value at one end of the range, or the typical one."""
        value: float = getattr(self, level)
        return value


@dataclass(frozen=True)
class SramCurve:
    """How the energy of a byte grows with the size of a memory.

    Attributes
    ----------
    sizes_bytes : tuple of int
        Ascending sizes.
    factors : tuple of float
        Energy a byte at each size over that at the reference size, where the factor is 1.
    source : str
        Where the points come from.
    """

    sizes_bytes: tuple[int, ...]
    factors: tuple[float, ...]
    source: str

    def __post_init__(self) -> None:
        if len(self.sizes_bytes) != len(self.factors) or len(self.sizes_bytes) < 2:
            raise ValueError("an SRAM curve needs at least two sizes and as many factors")
        for name, points in (("sizes_bytes", self.sizes_bytes), ("factors", self.factors)):
            if points[0] <= 0 or any(b <= a for a, b in itertools.pairwise(points)):
                raise ValueError(f"{name} of an SRAM curve must be positive and ascending")


@dataclass(frozen=True)
class CostTable:
    """Constants of one technology.

    Attributes
    ----------
    name : str
        Name of the table.
    technology : str
        Node and voltage that all constants are stated for.
    energy_pj : mapping of str to Constant
        Energy by action (`f2fsim.cost.energy` lists the keys), picojoules.
    dram_pj_per_bit : mapping of str to Constant
        Energy of a bit to or from DRAM, by standard.
    area_um2 : mapping of str to Constant
        Area by part (`f2fsim.cost.area`), square micrometres.
    cell_um2 : mapping of str to Constant
        Area of standard cells: ``NAND2``, ``XOR2``, ``DFF`` …
    sram_curve : SramCurve
        Energy a byte by size, relative to the size that ``sram_read_byte`` is stated for.
    delay_ps : mapping of str to Constant
        Picoseconds of a ``level`` of logic, and of a ``register`` (clock to output, and set-up).
    """

    name: str
    technology: str
    energy_pj: Mapping[str, Constant]
    dram_pj_per_bit: Mapping[str, Constant]
    area_um2: Mapping[str, Constant]
    cell_um2: Mapping[str, Constant]
    sram_curve: SramCurve
    delay_ps: Mapping[str, Constant]

    def energy(self, key: str, level: Level = "typical") -> float:
        """Return the energy of one action, picojoules; `InputError` for an unknown one."""
        return self._get(self.energy_pj, "energy_pj", key).at(level)

    def area(self, key: str, level: Level = "typical") -> float:
        """Return the area of one part, square micrometres; `InputError` for an unknown one."""
        return self._get(self.area_um2, "area_um2", key).at(level)

    def cell(self, key: str, level: Level = "typical") -> float:
        """Return the area of a standard cell, square micrometres."""
        return self._get(self.cell_um2, "cell_um2", key).at(level)

    def clock_limit_hz(self, levels: int, level: Level = "typical") -> float:
        """Return the clock that a path of so many levels of logic between registers allows.

        `level` is the end of the delays' range: ``low`` delays give the highest clock.
        """
        a_level = self._get(self.delay_ps, "delay_ps", "level").at(level)
        register = self._get(self.delay_ps, "delay_ps", "register").at(level)
        return 1e12 / (register + levels * a_level)

    def dram(self, standard: str) -> Constant:
        """Return the energy a bit of the DRAM standard that `standard` begins with.

        ``LPDDR4-3200`` finds ``LPDDR4``; the longest matching key counts, case does not.
        """
        name = standard.lower()
        fitting = [key for key in self.dram_pj_per_bit if name.startswith(key.lower())]
        return self._get(
            self.dram_pj_per_bit, "dram_pj_per_bit", max(fitting, key=len, default=standard)
        )

    def _get(self, table: Mapping[str, Constant], section: str, key: str) -> Constant:
        if key not in table:
            raise InputError(
                f"cost table {self.name!r}: {section} has no {key!r}{near_miss(key, table)}; "
                f"known: {choices(table)}"
            )
        return table[key]
