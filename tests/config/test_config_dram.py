"""DRAM presets: the shipped ones, the rules, the address maps, DRAMsim3's files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from f2fsim.config.dram import DramSpec
from f2fsim.config.dram_map import mapping_segments
from f2fsim.config.dram_preset import load_dram
from f2fsim.config.dramsim3 import export_ini, import_ini, preset_yaml
from f2fsim.errors import ConfigError
from f2fsim.hw.dram import dram_params
from f2fsim.hw.dram.mapping import locate
from f2fsim.shipped import names

PRESETS = names("arch_configs", "dram")

INI = """\
; a comment
[dram_structure]
protocol = GDDR6
bankgroups = 4
banks_per_group = 4
rows = 16384
columns = 128
device_width = 16
BL = 16
bankgroup_enable = false

[timing]
tCK = 0.66
CL = 24
CWL = 16
tRCDRD = 24
tRCDWR = 20
tRP = 24
tRAS = 54
tRFC = 126
tREFI = 11862 ; refresh
tRRD_S = 9
tRRD_L = 9
tWTR_S = 7
tWTR_L = 7
tFAW = 32
tWR = 16
tCCD_S = 3
tCCD_L = 4
tRTRS = 1
tPPD = 2
t32AW = 420

[system]
channel_size = 4096
channels = 1
bus_width = 128
address_mapping = rochrababgco
queue_structure = PER_BANK
row_buf_policy = OPEN_PAGE
cmd_queue_size = 8
trans_queue_size = 32
"""


def written(folder: Path, text: str, name: str = "memory.ini") -> Path:
    """Write a file and return its path."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", PRESETS)
def test_every_shipped_number_names_its_source(name: str) -> None:
    for line in PRESETS[name].read_text(encoding="utf-8").splitlines():
        if re.match(r"\s+\w+: ", line):
            assert re.search(r"# (source|assumed): \S", line), line


@pytest.mark.parametrize("name", PRESETS)
def test_shipped_presets_are_valid_and_consistent(name: str) -> None:
    spec = load_dram(name)
    params = dram_params(spec)
    organisation = spec.organisation
    cells = organisation.ranks * organisation.bank_groups * organisation.banks_per_group
    cells *= organisation.rows * organisation.columns * organisation.bus_width_bits
    assert spec.capacity_bytes == organisation.channels * cells // 8
    assert params.peak_bytes_per_second == pytest.approx(
        params.burst_bytes / params.burst_clocks * params.clock_hz * params.n_channels
    )
    assert spec.power is not None or spec.standard == "ideal"


def test_peaks_of_the_standards() -> None:
    peaks = {name: load_dram(name).peak_bytes_per_second / 1e9 for name in PRESETS}
    assert peaks["ddr4_2400"] == pytest.approx(19.2)
    assert peaks["ddr4_3200"] == pytest.approx(25.6)
    assert peaks["lpddr4_3200"] == pytest.approx(4 * 6.4)
    assert peaks["lpddr5_6400"] == pytest.approx(4 * 12.8)
    assert peaks["hbm2_channel"] == pytest.approx(32)
    assert peaks["hbm2_stack"] == pytest.approx(256)
    assert peaks["hbm3"] == pytest.approx(819.2)
    assert peaks["gddr6"] == pytest.approx(56)


def test_address_map_by_hand() -> None:
    """DRAMsim3's rochrababgco on DDR4: column bits 0-6, bank group 7-8, bank 9-10, row above."""
    params = dram_params(load_dram("ddr4_2400"))
    place = locate(params, 64 * (5 | 2 << 7 | 3 << 9 | 1234 << 11))
    assert (place.column, place.bank_group, place.row) == (5, 2, 1234)
    assert place.bank == 2 * 4 + 3


def test_split_fields_reach_every_place_once() -> None:
    spec = load_dram("hbm2_stack")
    params = dram_params(spec)
    assert len(mapping_segments(spec.controller.mapping, spec.field_bits)) == 6
    seen = {locate(params, 64 * line) for line in range(8192)}
    assert len(seen) == 8192
    assert {place.channel for place in seen} == set(range(8))


def changed(section: str, key: str, value: Any) -> dict[str, Any]:
    """Return the plain data of a preset with one value changed."""
    data = load_dram("ddr4_2400").model_dump()
    data["timing"]["clock"] = "1200 MHz"
    data[section][key] = value
    return data


@pytest.mark.parametrize(
    ("section", "key", "value", "rule"),
    [
        ("organisation", "rows", 1000, "power of two"),
        ("organisation", "device_width_bits", 128, "device_width_bits"),
        ("organisation", "columns", 4, "burst_length"),
        ("timing", "tCCD_L", 3, "tCCD_S"),
        ("timing", "tRC", 20, "tRAS"),
        ("timing", "tREFI", 300, "only refreshes"),
        ("timing", "tRCD", None, "tRCDRD"),
        ("timing", "AL", 17, "below tRCD"),
        ("timing", "transfers_per_clock", 16, "multiple"),
        ("timing", "CL", -1, "greater"),
        ("controller", "mapping", "row rank bank bank_group", "column"),
        ("controller", "mapping", "row rank bank bank_grp column", "bank_group"),
        ("controller", "mapping", "row row rank bank bank_group column", "only once"),
        ("controller", "mapping", "row rank bank bank_group column:3 column:3", "7 bits"),
        ("controller", "window", 0, "greater"),
    ],
)
def test_broken_rules_are_named(section: str, key: str, value: Any, rule: str) -> None:
    with pytest.raises(ValueError, match=re.escape(rule)):
        DramSpec.model_validate(changed(section, key, value))


def test_unknown_preset_suggests_a_known_one() -> None:
    with pytest.raises(ConfigError, match="did you mean 'ddr4_2400'"):
        load_dram("ddr4_240")


def test_import_takes_dramsim3s_meaning(tmp_path: Path) -> None:
    imported = import_ini(written(tmp_path, INI))
    spec = imported.spec
    params = dram_params(spec)
    # 128 bits × BL16; columns count bursts in GDDR; one group as bank groups are off.
    assert params.burst_bytes == 256
    assert (params.burst_clocks, params.n_columns, params.n_bank_groups) == (1, 128, 1)
    assert params.n_banks_per_group == 16
    assert (params.act_rd, params.act_wr, params.thirty_two_act) == (24, 20, 420)
    assert (params.rd_rd_s, params.rd_rd_l) == (3, 3)
    assert params.rd_wr == 24 + 1 + 1 - 16
    assert params.rd_pre == 5
    # DRAMsim3 drains a full write buffer; the rest are the rules of its command queue.
    assert (params.write_queue, params.write_high, params.write_low) == (32, 31, 7)
    assert (params.hit_limit, params.reserve_opened, params.precharge_all) == (4, False, False)
    assert "timing.tRTP = 5" in imported.defaulted
    assert spec.timing.clock == round(1e9 / 0.66)


def test_imported_preset_reads_back_the_same(tmp_path: Path) -> None:
    imported = import_ini(written(tmp_path, INI))
    text = preset_yaml(imported, "memory.ini")
    assert load_dram(written(tmp_path, text, "memory.yaml")) == imported.spec
    assert "tRTP: 5  # assumed" in text
    assert "CL: 24  # source: memory.ini" in text


@pytest.mark.parametrize("name", ["ddr4_2400", "ddr4_3200", "hbm2_channel", "gddr6 ini"])
def test_export_and_import_give_the_same_timing(tmp_path: Path, name: str) -> None:
    imported = import_ini(written(tmp_path, INI)).spec
    spec = imported if name == "gddr6 ini" else load_dram(name)
    again = import_ini(written(tmp_path, export_ini(spec), "again.ini")).spec
    assert again.timing.model_dump() == spec.timing.model_dump() | {"clock": again.timing.clock}
    assert again.timing.clock == pytest.approx(spec.timing.clock, rel=1e-5)
    assert again.organisation == spec.organisation
    assert again.power == (spec.power or again.power)


def test_export_refuses_what_dramsim3_cannot_say() -> None:
    with pytest.raises(ConfigError, match="LPDDR5"):
        export_ini(load_dram("lpddr5_6400"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("CL = 24", "CL = fast", "memory.ini:14: [timing] CL: must be a whole number, got 'fast'"),
        ("CL = 24", "CL = 24\nCL = 25", "memory.ini:15: [timing] CL: is given twice"),
        ("protocol = GDDR6", "protocol = HMC", "LPDDR3, LPDDR4 (HMC is not modelled), got 'HMC'"),
        ("BL = 16", "BL = 0", "memory.ini:9: [dram_structure] BL: must be ≥ 1, got 0"),
        ("rows = 16384", "rows = 1000", "must be a power of two, got 1000"),
        ("rochrababgco", "rochrababgba", "must hold each of"),
        ("OPEN_PAGE", "OPEN", "must be one of CLOSE_PAGE, OPEN_PAGE"),
        ("tCK = 0.66", "tCK = 0", "[timing] tCK"),
        ("[timing]", "timing", "memory.ini:12: must be '[section]' or 'key = value'"),
    ],
)
def test_bad_ini_files_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = written(tmp_path, INI.replace(old, new))
    with pytest.raises(ConfigError, match=re.escape(message)):
        import_ini(path)


def test_a_file_that_is_no_dramsim3_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no DRAMsim3 file"):
        import_ini(written(tmp_path, "[user]\nname = x\n"))
