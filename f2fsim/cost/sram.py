"""Energy and area of on-chip memories by size.

Energy a byte is interpolated between the points of the table's curve on log-log axes; beyond the
ends it goes with the square root of the size (wire length), which is also the slope between the
published points.  Area is a fixed part for a bank plus an amount for each byte.
"""

from __future__ import annotations

import math
from bisect import bisect_right

from f2fsim.cost.table import CostTable, Level, SramCurve
from f2fsim.errors import InputError


def size_factor(curve: SramCurve, bank_bytes: int) -> float:
    """Return the energy of a byte from a bank of `bank_bytes` over that at the reference size.

    Raises
    ------
    InputError
        If the size is not positive.
    """
    if bank_bytes <= 0:
        raise InputError(f"an SRAM bank needs a positive size, got {bank_bytes} bytes")
    sizes, factors = curve.sizes_bytes, curve.factors
    if bank_bytes <= sizes[0]:
        return factors[0] * math.sqrt(bank_bytes / sizes[0])
    if bank_bytes >= sizes[-1]:
        return factors[-1] * math.sqrt(bank_bytes / sizes[-1])
    i = bisect_right(sizes, bank_bytes) - 1
    share = math.log(bank_bytes / sizes[i]) / math.log(sizes[i + 1] / sizes[i])
    return factors[i] * math.exp(share * math.log(factors[i + 1] / factors[i]))


def sram_byte_pj(
    table: CostTable, bank_bytes: int, *, write: bool = False, level: Level = "typical"
) -> float:
    """Return the energy of one byte read from (or written to) a bank, picojoules."""
    key = "sram_write_byte" if write else "sram_read_byte"
    return table.energy(key, level) * size_factor(table.sram_curve, bank_bytes)


def sram_um2(
    table: CostTable,
    capacity_bytes: int,
    n_banks: int = 1,
    level: Level = "typical",
    n_ports: int = 1,
) -> float:
    """Return the area of a memory of `n_banks` equal banks, square micrometres.

    A further port has a decoder and sense amplifiers of its own, and makes every cell larger.  A
    bank that is smaller in flip-flops than as a macro counts as flip-flops.
    """
    if capacity_bytes < 0 or n_banks <= 0 or n_ports <= 0:
        raise InputError(
            f"a memory needs a size >= 0, at least one bank and at least one port, got "
            f"{capacity_bytes} bytes, {n_banks} banks, {n_ports} ports"
        )
    if capacity_bytes == 0:
        return 0.0
    bank_bytes = capacity_bytes / n_banks
    byte = table.area("sram_byte", level)
    if n_ports > 1:
        byte += (n_ports - 1) * table.area("sram_port_byte", level)
    macro = n_ports * table.area("sram_bank", level) + bank_bytes * byte
    registers = 8 * bank_bytes * table.cell("DFF", level)
    return n_banks * min(macro, registers)
