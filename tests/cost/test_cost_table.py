"""The shipped table keeps its sources' figures; bad tables are refused; memories and areas."""

import pytest

from f2fsim.config.cost import cost_table_names, load_cost_table
from f2fsim.config.dram_preset import load_dram
from f2fsim.cost import (
    GateCount,
    MachineParts,
    Sram,
    machine_area_um2,
    sram_byte_pj,
    sram_um2,
)
from f2fsim.errors import ConfigError, InputError
from f2fsim.hw.dram.energy import command_energy_pj

TABLE = load_cost_table()


def test_published_figures():
    # EIE Table I (from Horowitz): int32 add 0.1, fp32 multiply 3.7 + add 0.9, 32 bits of a 32 KB
    # SRAM 5 pJ, 32 bits of DRAM 640 pJ.
    assert TABLE.energy("accumulate") == 0.1
    assert TABLE.energy("mac_fp32") == pytest.approx(3.7 + 0.9)
    assert 4 * sram_byte_pj(TABLE, 32 * 1024) == 5.0
    assert 32 * TABLE.dram("DDR3").typical == 640
    # Horowitz' caches, 64 bits: 10, 20, 100 pJ at 8 KB, 32 KB, 1 MB are the high end.
    for size, picojoules in ((2**13, 10), (2**15, 20), (2**20, 100)):
        assert 8 * sram_byte_pj(TABLE, size, level="high") == pytest.approx(picojoules)
    # EIE Table II: 128 KB and 32 KB memories.
    assert sram_um2(TABLE, 131072) == pytest.approx(469412, rel=1e-4)
    assert sram_um2(TABLE, 32768) == pytest.approx(121849, rel=1e-4)


def test_every_constant_has_a_source_and_an_origin():
    for section in (TABLE.energy_pj, TABLE.dram_pj_per_bit, TABLE.area_um2, TABLE.cell_um2):
        for key, constant in section.items():
            assert len(constant.source) > 10, key
            assert constant.origin in ("published", "derived", "assumed")
            if constant.origin == "assumed":
                assert constant.low < constant.high, key


def test_energy_of_dram_currents_is_a_constant_with_a_range():
    # What the preset's currents give counts once, typically; HBM2 in sequential reads is the case
    # that the interface is largest in: 5.1 pJ/bit published, 1.9 from the currents.
    device = TABLE.energy_pj["dram_device"]
    assert (device.typical, device.origin) == (1.0, "assumed")
    spec = load_dram("hbm2_stack")
    each = command_energy_pj(spec)
    n_bits = spec.organisation.bus_width_bits * spec.organisation.burst_length
    row_bits = spec.organisation.bus_width_bits * spec.organisation.columns
    read_pj = each["read"] + each["active_standby_clock"] * spec.burst_clocks
    per_bit = read_pj / n_bits + each["activate"] / row_bits
    assert device.high == pytest.approx(TABLE.dram("HBM2").typical / per_bit, abs=0.05)


def test_sram_energy_grows_with_size():
    sizes = [2**k for k in range(6, 25)]
    values = [sram_byte_pj(TABLE, size) for size in sizes]
    assert values == sorted(values)
    assert sram_byte_pj(TABLE, 2**11) == pytest.approx(sram_byte_pj(TABLE, 2**13) / 2)
    with pytest.raises(InputError, match="positive size"):
        sram_byte_pj(TABLE, 0)


def test_small_memories_are_flip_flops():
    assert sram_um2(TABLE, 16) == pytest.approx(16 * 8 * 4.522)
    assert sram_um2(TABLE, 0) == 0.0
    # Two banks pay the fixed part twice.
    assert sram_um2(TABLE, 65536, 2) == pytest.approx(2 * sram_um2(TABLE, 32768))


def test_area_by_hand():
    parts = MachineParts(
        "uint8",
        10,
        gates={"decoder": GateCount(xor2=100, dff=10, nand2=5, inv=2)},
        srams={"scratchpad": Sram(32768)},
        fifo_bits={"decoder": 100},
        register_bits={"pe": 64},
        mux2_bits={"aligner": 10},
        index_units={"aligner": 2},
    )
    area = machine_area_um2(parts, TABLE)
    assert area["multipliers"] == pytest.approx(4190)
    assert area["decoder"] == pytest.approx(
        100 * 1.596 + 10 * 4.522 + 5 * 0.798 + 2 * 0.532 + 100 * 6.4
    )
    assert area["pe"] == pytest.approx(64 * 4.522)
    assert area["aligner"] == pytest.approx(18.62 + 640)
    low, high = (machine_area_um2(parts, TABLE, level) for level in ("low", "high"))
    assert all(low[name] <= area[name] <= high[name] for name in area)


def test_table_errors_name_line_and_rule(tmp_path):
    text = cost_table_names()["nangate45"].read_text()
    bad = tmp_path / "mine.yaml"
    bad.write_text(text.replace("    low: 0.25\n", "    low: 0.5\n"))
    with pytest.raises(ConfigError, match=r"mine.yaml:\d+: energy_pj.mac_int8: must keep low <="):
        load_cost_table(bad)
    bad.write_text(text.replace("technology:", "technolgy:"))
    with pytest.raises(ConfigError, match="did you mean 'technology'"):
        load_cost_table(bad)
    with pytest.raises(ConfigError, match=r"no cost table 'nangate44' \(did you mean 'nangate45'"):
        load_cost_table("nangate44")
