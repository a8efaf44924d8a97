"""Area of a machine by component, cells and macros without place-and-route overhead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from f2fsim.cost.cells import GateCount
from f2fsim.cost.sram import sram_um2
from f2fsim.cost.table import CostTable, Level
from f2fsim.errors import InputError

_INTEGER_TWINS = {"uint4": "int4", "uint8": "int8"}


@dataclass(frozen=True)
class Sram:
    """A memory: bytes in all, equal banks, each of one port or of one to read and one to write."""

    capacity_bytes: int
    n_banks: int = 1
    n_ports: int = 1


@dataclass(frozen=True)
class MachineParts:
    """What a machine is made of; every mapping goes from a component's name to its parts.

    Attributes
    ----------
    weight_type : str
        Type that the multipliers take (``int8`` …).
    n_multipliers : int
        Multipliers with their adders.
    gates : mapping of str to GateCount
        Logic counted in cells: decoders, patch units, mask units.
    srams : mapping of str to Sram
        Memories.
    fifo_bits : mapping of str to int
        Capacity of the FIFOs that are made of flip-flops.
    register_bits : mapping of str to int
        Plain registers: accumulators, pipelines.
    mux2_bits : mapping of str to int
        2-to-1 multiplexers of alignment and gather networks.
    index_units : mapping of str to int
        Index decoders, one index a cycle each.
    """

    weight_type: str
    n_multipliers: int
    gates: Mapping[str, GateCount] = field(default_factory=dict)
    srams: Mapping[str, Sram] = field(default_factory=dict)
    fifo_bits: Mapping[str, int] = field(default_factory=dict)
    register_bits: Mapping[str, int] = field(default_factory=dict)
    mux2_bits: Mapping[str, int] = field(default_factory=dict)
    index_units: Mapping[str, int] = field(default_factory=dict)


def machine_area_um2(
    parts: MachineParts, table: CostTable, level: Level = "typical"
) -> dict[str, float]:
    """Return the area of each component, square micrometres.

    Raises
    ------
    InputError
        If the table has no multiplier of the type or a count is negative.
    """
    if parts.n_multipliers < 0:
        raise InputError(f"n_multipliers must be >= 0, got {parts.n_multipliers}")
    kind = _INTEGER_TWINS.get(parts.weight_type, parts.weight_type)
    area = {"multipliers": parts.n_multipliers * table.area(f"mac_{kind}", level)}

    def add(name: str, value_um2: float) -> None:
        if value_um2 < 0:
            raise InputError(f"component {name!r} has a negative count")
        area[name] = area.get(name, 0.0) + value_um2

    for name, gates in parts.gates.items():
        add(name, gates.area_um2(table, level))
    for name, sram in parts.srams.items():
        add(name, sram_um2(table, sram.capacity_bytes, sram.n_banks, level, sram.n_ports))
    for name, n_bits in parts.fifo_bits.items():
        add(name, n_bits * table.area("fifo_bit", level))
    for name, n_bits in parts.register_bits.items():
        add(name, n_bits * table.cell("DFF", level))
    for name, n_bits in parts.mux2_bits.items():
        add(name, n_bits * table.area("lane_mux_bit", level))
    for name, n_units in parts.index_units.items():
        add(name, n_units * table.area("index_unit", level))
    return area
