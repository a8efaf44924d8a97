"""Quick estimates of the units of front ends and operand networks, fitted to synthesis.

Flip-flops are counted, those that cut a network into stages are fitted.  Combinational cells (as
NAND2 equivalents) and levels of logic between registers are linear in a few terms that the
construction gives: so many multiplexers, so many adders.  Their factors,
`unit_fits.json` beside the cost tables, come from ``benchmarks/rtl_fit.py``;
``docs/hardware_cost.md`` states the errors on configurations that were not used to fit them.  Names
and sizes are those of the Verilog modules (`f2fsim.rtl`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

from f2fsim.cost import tables
from f2fsim.cost.cells import GateCount
from f2fsim.cost.counted import Counted, Sizes, Terms
from f2fsim.cost.decoder_counts import DECODERS
from f2fsim.cost.f2f_counts import F2F_UNITS
from f2fsim.cost.network_counts import NETWORKS
from f2fsim.errors import InputError, choices, near_miss

FITS_FILE = "unit_fits.json"

#: What each module is made of.
UNITS: dict[str, Callable[[Sizes], Counted]] = {**DECODERS, **F2F_UNITS, **NETWORKS}


@cache
def _fits() -> dict[str, dict[str, list[float]]]:
    folder = Path(tables.__file__).parent
    fits: dict[str, dict[str, list[float]]] = json.loads(
        (folder / FITS_FILE).read_text(encoding="utf-8")
    )
    return fits


def _look_up(module: str, sizes: Sizes) -> Counted:
    if module not in UNITS:
        raise InputError(
            f"no estimate for unit {module!r}{near_miss(module, UNITS)}; known: {choices(UNITS)}"
        )
    return UNITS[module](sizes)


def estimate_unit_gates(module: str, **sizes: int) -> GateCount:
    """Return the estimated cells of a unit; its logic is counted in NAND2 equivalents.

    Parameters
    ----------
    module : str
        A name in `UNITS`.
    sizes : int
        Its Verilog parameters (those that are widths of others may be left out).

    Raises
    ------
    InputError
        If there is no such unit.
    """
    counted = _look_up(module, sizes)
    factors = _fits()[module]
    cuts = _linear(factors.get("dff", []), counted.cuts)
    return GateCount(
        dff=counted.dff + round(cuts), nand2=round(_linear(factors["nand2"], counted.logic))
    )


def estimate_unit_levels(module: str, **sizes: int) -> int:
    """Return the estimated levels of logic on the longest path of a unit between registers."""
    return round(_linear(_fits()[module]["levels"], _look_up(module, sizes).levels))


def _linear(factors: list[float], terms: Terms) -> float:
    return sum(factor * term for factor, term in zip(factors, terms, strict=True))
