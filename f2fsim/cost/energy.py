"""Energy: counted actions times energy an action, by component.

A run's energy is a sum of terms ``amount × constant`` (`energy_terms`); that form gives the value
at any end of the constants' ranges and, in `f2fsim.cost.sensitivity`, the range of a comparison.

Actions that components count (``ComponentStats.actions``):

==================  =====================================================================
``mac_<type>``      multiplications done (by a zero too, where the machine multiplies it)
``mac_<type>_gated`` cycles of a multiplier that was held still by a zero
``xor_decode``      blocks decoded, one for each bit plane; `CostShape.decoder` gives the cells
``patch``           patches applied
``mask_bit``        mask bits delivered
``index_decode``    indices, runs, pointers turned into addresses
``accumulate``      partial sums added
``sram_read_byte``, ``sram_write_byte``  bytes; `CostShape.sram_bank_bytes` gives the size
``accumulator_read_byte``, ``accumulator_write_byte``  bytes of partial sums;
``strip_read_byte``, ``strip_write_byte``  bytes of a strip's weights (output-stationary);
                    `CostShape.array_bank_bytes` gives the size of both
``fifo_byte``, ``register_byte``         bytes through FIFOs and registers
==================  =====================================================================

Static energy is not in the sum; `static_bound_pj` bounds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from f2fsim.cost.cells import GateCount
from f2fsim.cost.sram import size_factor
from f2fsim.cost.table import Constant, CostTable, Level
from f2fsim.errors import InputError
from f2fsim.results import ComponentStats, MemoryStats, StreamStats, common_name

#: Component name under which DRAM energy is given.
DRAM = "dram"

#: Power density of a whole EIE processing element, static power included, W/um²: 9.157 mW over
#: 638 024 um² (EIE, ISCA 2016, Table II; 45 nm, 800 MHz).
EIE_WATT_PER_UM2 = 9.157e-3 / 638_024

_INTEGER_TWINS = {"mac_uint4": "mac_int4", "mac_uint8": "mac_int8"}
_SIZED = ("sram_read_byte", "sram_write_byte")
#: Actions on an array's own memories: which memory, and the constant of the table.
_OF_ARRAY = {
    f"{memory}_{way}_byte": (memory, f"sram_{way}_byte")
    for memory in ("accumulator", "strip")
    for way in ("read", "write")
}


@dataclass(frozen=True)
class CostShape:
    """What of a machine's shape the energy of an action depends on.

    Attributes
    ----------
    sram_bank_bytes : mapping of str to int
        Size of one bank of the memory that a component reads or writes, by component name.
    decoder : GateCount or None
        Cells of one XOR decoder (one plane), needed if ``xor_decode`` is counted.
    dram_standard : str
        Standard for energy a bit; ``MemoryStats.preset`` if empty.
    array_bank_bytes : mapping of str to int
        Size of a bank of the array's own memories: ``accumulator``, ``strip``.
    """

    sram_bank_bytes: Mapping[str, int] = field(default_factory=dict)
    decoder: GateCount | None = None
    dram_standard: str = ""
    array_bank_bytes: Mapping[str, int] = field(default_factory=dict)


class EnergyTerm(NamedTuple):
    """``amount`` times a constant, spent by `component`.

    `key` is the constant's key in ``energy_pj``, or ``dram:<standard>`` for one of
    ``dram_pj_per_bit``; ``dram_device`` counts picojoules that the DRAM model gave itself.
    """

    component: str
    key: str
    amount: float


#: Constants that the actions of components are priced by, and how often each a time.
Prices = dict[tuple[str, str], tuple[tuple[str, float], ...]]


def constant_of(key: str, table: CostTable) -> Constant:
    """Return the constant that a term with this key multiplies."""
    if key.startswith("dram:"):
        return table.dram(key.removeprefix("dram:"))
    table.energy(key)  # refuses an unknown key with the near miss
    return table.energy_pj[key]


def energy_terms(
    components: Sequence[ComponentStats],
    memory: MemoryStats | None,
    shape: CostShape,
    table: CostTable,
    streams: Sequence[StreamStats] = (),
    known: Prices | None = None,
) -> list[EnergyTerm]:
    """Return the terms of a layer's energy, components in order, DRAM last.

    Components that are several of a kind are one in them (`f2fsim.results.common_name`).  `known`
    keeps what actions are priced by for the next layer of the same machine: the same sizes for the
    same names, decoder and table.

    DRAM energy is what the memory model computed (``memory.energy_pj``); where it computed none,
    the bytes of `streams` times the energy a bit of the standard.

    Raises
    ------
    InputError
        If an action is unknown, or the shape lacks what an action needs.
    """
    prices: Prices = {} if known is None else known
    terms = []
    for component in components:
        for action, count in component.actions.items():
            if not count:
                continue
            place = component.name, action
            if place not in prices:
                prices[place] = tuple(_action_prices(component.name, action, shape, table))
            name = common_name(component.name)
            terms += [EnergyTerm(name, key, count * each) for key, each in prices[place]]
    if memory is None:
        return terms
    if memory.energy_pj:
        terms.append(EnergyTerm(DRAM, "dram_device", sum(memory.energy_pj.values())))
    elif n_bits := 8 * sum(stream.n_bytes for stream in streams):
        terms.append(EnergyTerm(DRAM, f"dram:{shape.dram_standard or memory.preset}", n_bits))
    return terms


def _action_prices(
    name: str, action: str, shape: CostShape, table: CostTable
) -> Iterator[tuple[str, float]]:
    """Yield the constants that an action of a component is priced by, and how often each a time."""
    if action == "xor_decode":
        if shape.decoder is None:
            raise InputError(
                f"component {name!r} counts xor_decode, but no decoder cells are given"
            )
        cells = shape.decoder
        yield ("xor2", cells.xor2)
        yield ("dff", cells.dff)
        yield ("nand2", cells.nand2 + cells.inv)
        return
    each = 1.0
    if action in _OF_ARRAY:
        memory, action = _OF_ARRAY[action]
        if memory not in shape.array_bank_bytes:
            raise InputError(
                f"component {name!r} uses its {memory} memory, whose size is not given"
            )
        each = size_factor(table.sram_curve, shape.array_bank_bytes[memory])
    elif action in _SIZED:
        if name not in shape.sram_bank_bytes:
            raise InputError(f"component {name!r} counts {action}, but no bank size is given")
        each = size_factor(table.sram_curve, shape.sram_bank_bytes[name])
    stem = action.removesuffix("_gated")
    key = _INTEGER_TWINS.get(stem, stem) + action[len(stem) :]
    table.energy(key)
    yield key, each


def sum_terms(
    terms: Sequence[EnergyTerm], table: CostTable, level: Level = "typical"
) -> dict[str, float]:
    """Return the sum of the terms by component, picojoules."""
    total: dict[str, float] = {}
    values: dict[str, float] = {}
    for component, key, amount in terms:
        if key not in values:
            values[key] = constant_of(key, table).at(level)
        total[component] = total.get(component, 0.0) + amount * values[key]
    return total


def layer_energy_pj(
    components: Sequence[ComponentStats],
    memory: MemoryStats | None,
    table: CostTable,
    *,
    shape: CostShape | None = None,
    streams: Sequence[StreamStats] = (),
    level: Level = "typical",
) -> dict[str, float]:
    """Return the dynamic energy of one run of a layer by component, picojoules.

    Parameters
    ----------
    components : sequence of ComponentStats
        Their `actions` are what is priced.
    memory : MemoryStats or None
        DRAM; None for a machine without memory.
    table : CostTable
        Constants.
    shape : CostShape or None
        Sizes that prices depend on; needed if memories or decoders are among the actions.
    streams : sequence of StreamStats
        Bytes on the bus, for DRAM presets without currents.
    level : {'low', 'typical', 'high'}
        End of every constant's range.
    """
    terms = energy_terms(components, memory, shape or CostShape(), table, streams)
    return sum_terms(terms, table, level)


def static_bound_pj(area_um2: float, seconds: float) -> float:
    """Return an upper bound on static energy, picojoules.

    The whole power density of an EIE processing element, dynamic power included, over the area
    and the time: leakage of such a circuit cannot be more.
    """
    return EIE_WATT_PER_UM2 * area_um2 * seconds * 1e12
