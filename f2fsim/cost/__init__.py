"""Energy and area: tables with sources, and the formulas over them."""

from f2fsim.cost.area import MachineParts, Sram, machine_area_um2
from f2fsim.cost.cells import GateCount
from f2fsim.cost.energy import (
    CostShape,
    EnergyTerm,
    Prices,
    energy_terms,
    layer_energy_pj,
    static_bound_pj,
    sum_terms,
)
from f2fsim.cost.gates import estimate_decoder_gates
from f2fsim.cost.sensitivity import ConstantEffect, RatioRange, amounts, ratio_range
from f2fsim.cost.sram import sram_byte_pj, sram_um2
from f2fsim.cost.table import LEVELS, Constant, CostTable, Level, SramCurve
from f2fsim.cost.unit_gates import estimate_unit_gates, estimate_unit_levels
from f2fsim.cost.vector_lane import estimate_vector_lane_gates

__all__ = [
    "LEVELS",
    "Constant",
    "ConstantEffect",
    "CostShape",
    "CostTable",
    "EnergyTerm",
    "GateCount",
    "Level",
    "MachineParts",
    "Prices",
    "RatioRange",
    "Sram",
    "SramCurve",
    "amounts",
    "energy_terms",
    "estimate_decoder_gates",
    "estimate_unit_gates",
    "estimate_unit_levels",
    "estimate_vector_lane_gates",
    "layer_energy_pj",
    "machine_area_um2",
    "ratio_range",
    "sram_byte_pj",
    "sram_um2",
    "static_bound_pj",
    "sum_terms",
]
