"""Units of front ends: cells, levels, and the clock that they allow."""

from types import SimpleNamespace

import pytest

from f2fsim.codec.tensor import WEIGHT_TYPES
from f2fsim.config.arch import load_arch
from f2fsim.config.cost import load_cost_table
from f2fsim.cost import estimate_unit_gates, estimate_unit_levels
from f2fsim.cost.counted import log2_of
from f2fsim.cost.front_end_units import (
    aligner,
    compaction,
    mask_unit,
    nm_decoder,
    position_decoder,
    whole_levels,
)
from f2fsim.cost.network_units import PRODUCT_BITS, SUM_BITS, TREE_LEVELS, crossbar
from f2fsim.cost.unit_gates import UNITS, _fits
from f2fsim.cost.unit_spec import UnitSpec, total_gates
from f2fsim.errors import InputError
from f2fsim.hw.arrays import array_kind
from f2fsim.pipeline.cost import WHOLE, CostModel
from f2fsim.results import SimResult
from f2fsim.rtl.lane_path import RowSumsDevice
from f2fsim.shipped import names

TABLE = load_cost_table()


def area_um2(units):
    return total_gates(units).area_um2(TABLE)


def test_a_larger_unit_costs_more():
    small = area_um2(aligner(64, 8, 8, 1, 8))
    assert small < area_um2(aligner(128, 8, 8, 1, 8))
    assert small < area_um2(aligner(64, 16, 8, 1, 8))
    # What is decoded is moved with its place; packed values are not.
    assert small < area_um2(compaction(64, 8, 8, 1, 8))
    assert area_um2(crossbar(32, 64, 64)) == pytest.approx(
        32 * 64 * area_um2(crossbar(1, 64, 1)), rel=0.01
    )
    raw, runs, block = (area_um2(mask_unit(80, code, 4)) for code in ("raw", "zero_runs", "block"))
    assert raw < runs < block


def dealer_of(stages):
    return next(u for u in aligner(256, 32, 8, stages, 8) if u.module == "f2f_dealer")


def test_stages_cut_the_levels_and_cost_flip_flops():
    one, three = dealer_of(1), dealer_of(3)
    assert one.gates.nand2 == three.gates.nand2
    assert three.levels < 0.75 * one.levels
    # A cut holds an item of every place.
    assert three.gates.dff - one.gates.dff > 2 * 256


def test_flip_flops_are_counted():
    sizes = {"N": 32, "PLANES": 4, "RATE": 2, "KEPT": 6, "N_OUT": 32}
    # Planes, mask and positions of two patches; planes of these; flags.
    assert estimate_unit_gates("f2f_patch_unit", **sizes).dff == 32 * (4 + 1 + 2) + 2 * 4 + 2
    assert estimate_unit_levels("f2f_count", N=64, STAGES=1) > estimate_unit_levels(
        "f2f_count", N=64, STAGES=2
    )


def test_unknown_units_are_refused():
    with pytest.raises(InputError, match=r"no estimate for unit 'f2f_deal' .did you mean"):
        estimate_unit_gates("f2f_deal", N=4)
    assert set(_fits()) == set(UNITS)


@pytest.mark.parametrize("name", sorted(names("arch_configs")))
def test_every_machine_has_cells_and_clocks(name):
    arch = load_arch(name)
    cost = CostModel.of(arch)
    limits = cost.clock_limits_hz("int8")
    fast = cost.clock_limits_hz("int8", "low")
    assert all(50e6 < limits[part] < fast[part] for part in limits if part != WHOLE)
    parts = cost.parts("int8")
    cells = {part: one.dff + one.nand2 for part, one in parts.gates.items()}
    assert all(cells[part] + parts.mux2_bits.get(part, 0) for part in limits if part != WHOLE)
    assert WEIGHT_TYPES["int8"].n_bits == 8


@pytest.mark.parametrize("name", sorted(names("arch_configs")))
def test_shipped_clocks_are_those_that_the_parts_allow(name):
    arch = load_arch(name)
    limits = CostModel.of(arch).clock_limits_hz("int8")
    slowest = min(limits.values(), default=arch.clock)
    assert slowest >= arch.clock


def test_whole_front_ends_have_the_levels_of_their_handshakes():
    """Synthesised whole: small bitmap 43 levels, run length 39, N:M 17, F2F 44, block code 69."""
    fields = {"WIDTH": 8, "DEPTH": 32, "WRITE": 16, "READ": 16, "COUNT": 6, "LATENCY": 1}
    fields = UnitSpec("f2f_fields", tuple({**fields, "LOG_B": 4, "ROWS": 2}.items()))
    assert whole_levels("bitmap", [fields]) == pytest.approx(43, abs=2)
    assert whole_levels("rle", [fields]) == pytest.approx(39, abs=2)
    assert whole_levels("nm", nm_decoder(2, 4, 8, 8)) == pytest.approx(17, abs=2)
    group = position_decoder(80, 8, 2, 8, 1)
    assert whole_levels("f2f", group) == pytest.approx(44, abs=3)
    assert whole_levels("bitmap", mask_unit(80, "block", 3)) > 69
    assert whole_levels("dense", []) == 0


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


LANES = [name for name in names("arch_configs") if load_arch(name).pe_array.kind == "lanes"]


@pytest.mark.parametrize("name", sorted(LANES))
def test_trees_are_priced_with_the_registers_that_their_clock_has(name):
    arch = load_arch(name)
    cost, array = CostModel.of(arch), arch.pe_array
    (tree,) = array_kind(arch).units(arch, array)["adder tree"]
    lanes = 1 << log2_of(array.weights_per_cycle)
    device = RowSumsDevice(lanes, PRODUCT_BITS, SUM_BITS, TREE_LEVELS)
    assert dict(tree.sizes) == device.parameters()
    assert tree.count == array.columns
    registers = 0
    for level in range(device.log_lanes):  # adders of a level, and what they are behind it
        nodes, done = lanes >> (level + 1), level + 1
        cut = done % TREE_LEVELS == 0 and done < device.log_lanes
        registers += nodes * (2 * SUM_BITS + 1) * cut
        registers += nodes * (SUM_BITS + 1) * (device.stages - level // TREE_LEVELS)
    priced = cost.parts("int8").gates["adder tree"]
    assert (priced.dff, priced.nand2, priced.xor2) == (array.columns * registers, 0, 0)
    assert cost.levels("int8")["adder tree"] == tree.levels


def test_orders_through_all_rows_price_what_brings_groups_in_row_order():
    for name, module in (("f2f_edge", "f2f_benes"), ("f2f_skip_edge", "f2f_sorter")):
        arch = load_arch(name)
        (unit,) = array_kind(arch).units(arch, arch.pe_array)["row order"]
        assert unit.module == module
        parts = CostModel.of(arch).parts("int8")
        assert parts.gates["row order"].dff >= unit.gates.dff > 0
        scattered = parts.gates if module == "f2f_sorter" else parts.mux2_bits
        assert "sum scatter" in scattered
    assert "row order" not in CostModel.of(load_arch("bitmap_edge")).parts("int8").gates
