"""Units of front ends: cells, levels, and the clock that they allow."""

from types import SimpleNamespace

import pytest

from f2fsim.codec.tensor import WEIGHT_TYPES
from f2fsim.config.arch import load_arch
from f2fsim.config.cost import load_cost_table
from f2fsim.cost import estimate_unit_gates, estimate_unit_levels
from f2fsim.cost.front_end_units import aligner, compaction, crossbar, mask_unit, total_gates
from f2fsim.cost.unit_gates import UNITS, _fits
from f2fsim.errors import InputError
from f2fsim.pipeline.cost import CostModel
from f2fsim.results import SimResult
from f2fsim.shipped import names

TABLE = load_cost_table()


def area_um2(units):
    return total_gates(units).area_um2(TABLE)


def test_a_larger_unit_costs_more():
    assert area_um2(aligner(64, 8, 8, 1)) < area_um2(aligner(128, 8, 8, 1))
    assert area_um2(aligner(64, 8, 8, 1)) < area_um2(aligner(64, 16, 8, 1))
    # What is decoded is moved with its place; packed values are not.
    assert area_um2(aligner(64, 8, 8, 1)) < area_um2(compaction(64, 8, 8, 1))
    assert area_um2(crossbar(32, 64, 64)) == pytest.approx(
        32 * 64 * area_um2(crossbar(1, 64, 1)), rel=0.01
    )
    raw, runs, block = (area_um2(mask_unit(80, code, 4)) for code in ("raw", "zero_runs", "block"))
    assert raw < runs < block


def test_stages_divide_the_levels():
    (_, whole, _), (_, half, _) = aligner(256, 32, 8, 1), aligner(256, 32, 8, 2)
    assert whole.gates == half.gates
    assert half.levels == -(-whole.levels // 2)


def test_flip_flops_are_counted():
    sizes = {"N": 32, "LANES": 8, "WEIGHT": 8}
    # 8 lanes of {5-bit place, weight}, count and last of the beat, its number, the flag.
    assert estimate_unit_gates("f2f_aligner", **sizes).dff == 8 * 13 + 4 + 1 + 2 + 1
    assert estimate_unit_levels("f2f_aligner", **sizes) > estimate_unit_levels("f2f_count", N=32)


def test_unknown_units_are_refused():
    with pytest.raises(InputError, match=r"no estimate for unit 'f2f_align' .did you mean"):
        estimate_unit_gates("f2f_align", N=4)
    assert set(_fits()) == set(UNITS)


@pytest.mark.parametrize("name", sorted(names("arch_configs")))
def test_every_machine_has_cells_and_clocks(name):
    arch = load_arch(name)
    cost = CostModel.of(arch)
    limits = cost.clock_limits_hz("int8")
    fast = cost.clock_limits_hz("int8", "low")
    assert all(50e6 < limits[part] < fast[part] for part in limits)
    gates = cost.parts("int8").gates
    assert all(gates[part].dff + gates[part].nand2 > 0 for part in limits)
    assert WEIGHT_TYPES["int8"].n_bits == 8


def test_the_clock_follows_from_levels():
    level, register = (TABLE.delay_ps[key].typical for key in ("level", "register"))
    assert TABLE.clock_limit_hz(40) == pytest.approx(1e12 / (register + 40 * level))
    assert TABLE.clock_limit_hz(40, "high") < TABLE.clock_limit_hz(40) < TABLE.clock_limit_hz(20)


def test_a_result_says_that_its_clock_is_too_high():
    layers = (SimpleNamespace(clock_hz=800_000_000),)
    fine = SimResult("a", "w", "bitmap", layers, clock_limits_hz={"aligner": 9e8})
    assert fine.clock_note == ""
    slow = SimResult("a", "w", "bitmap", layers, clock_limits_hz={"aligner": 6.98e8, "x": 7e8})
    assert slow.clock_note.startswith("800 MHz is above what the aligner allows, about 698 MHz")
