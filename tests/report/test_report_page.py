"""Every number on the page equals the one that follows from the results file."""

from __future__ import annotations

import csv
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from page_reader import Page
from sample_results import TABLE, comparison

from f2fsim.report import build_report, read_inputs, write_report
from f2fsim.results.files import write_results


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Page, list[dict[str, Any]], Path]:
    folder = tmp_path_factory.mktemp("report")
    first, *others = comparison()
    gains = {"memory": 1.2, "PE rows": 1.7, "memory + PE rows": 1.75}
    write_results(folder / "run", [replace(first, what_if=gains), *others])
    out = folder / "out"
    report = build_report(read_inputs([folder / "run"]), command="f2fsim report run -o out")
    page = write_report(report, out, drawings=False)
    results = json.loads((folder / "run" / "results.json").read_text())
    return Page(page.read_text()), results, out


# The oracle: plain arithmetic on the JSON file, none of the program's classes.


def seconds(layer: dict[str, Any]) -> float:
    return float(layer["repeat"] * layer["n_ticks"] / layer["ticks_per_second"])


def layer_bytes(layer: dict[str, Any]) -> int:
    return sum(s["n_bursts"] * s["burst_bytes"] for s in layer["streams"])


def total(result: dict[str, Any]) -> dict[str, Any]:
    layers = result["layers"]
    time = sum(seconds(one) for one in layers)
    weights = sum(one["n_weights"] for one in layers)
    n_bytes = sum(layer_bytes(one) * one["repeat"] for one in layers)
    bits = sum(sum(one["encoded_bits"].values()) for one in layers)
    mask = sum(one["encoded_bits"].get("mask", 0) for one in layers)
    effectual = sum(one["macs_effectual"] * one["repeat"] for one in layers)
    cycles = sum(one["n_ticks"] // 2 * one["repeat"] for one in layers)
    entropy = of_values = 0.0
    for one in layers:
        p = 1 - one["n_kept"] / one["n_weights"]
        h = -p * math.log2(p) - (1 - p) * math.log2(1 - p)
        entropy += one["n_weights"] * h + 8 * one["n_kept"]
        of_values += one["n_weights"] * h + 7.25 * one["n_kept"]
    issued = sum(one["macs_issued"] * one["repeat"] for one in layers)
    care = sum(one["codec_stats"].get("n_care_bits", 0) for one in layers)
    wrong = sum(one["codec_stats"].get("n_unmatched_bits", 0) for one in layers)
    return {
        "time_us": time * 1e6,
        "gmac_s": sum(one["macs_dense"] * one["repeat"] for one in layers) / time / 1e9,
        "dram_bytes": n_bytes,
        "bits_per_weight": bits / weights,
        "bits_without_mask": (bits - mask) / weights,
        "entropy_bits": entropy / weights,
        "value_entropy_bits": of_values / weights,
        "bandwidth_gb_s": n_bytes / time / 1e9,
        "peak_gb_s": 12.8,
        "pe_busy": effectual / (cycles * 256),
        "energy_uj": sum(sum(one["energy_pj"].values()) * one["repeat"] for one in layers) / 1e6,
        "area_mm2": 1.5,
        "slots": issued,
        "sparsity": 1 - sum(one["n_kept"] for one in layers) / weights,
        "efficiency": 1 - wrong / care if care else None,
    }


def same(shown: float | None, wanted: float | None) -> bool:
    if shown is None or wanted is None:
        return shown is wanted
    return math.isclose(shown, wanted, rel_tol=1e-12, abs_tol=0)


def test_totals(made: tuple[Page, list[dict[str, Any]], Path]) -> None:
    page, results, _ = made
    rows = page.tables["totals"]
    assert [row["machine"][1] for row in rows] == [r["arch"] for r in results]
    for row, result in zip(rows, results, strict=True):
        wanted = total(result)
        wanted["speedup"] = wanted["time_us"] / total(results[0])["time_us"]
        for key, (exact, _) in row.items():
            assert key in ("machine", "format") or same(exact, wanted[key]), key


def test_layers(made: tuple[Page, list[dict[str, Any]], Path]) -> None:
    page, results, _ = made
    by_name = {r["arch"]: {layer["name"]: layer for layer in r["layers"]} for r in results}
    for row in page.tables["layers"]:
        name = row["layer"][1]
        mine = by_name["f2f_edge"][name]
        for key, (exact, _) in row.items():
            if key == "layer":
                continue
            kind, _, arch = key.partition(" ")
            if kind == "time_us":
                wanted = seconds(by_name[arch][name]) * 1e6
            elif kind == "speedup":
                wanted = seconds(by_name[arch][name]) / seconds(mine)
            else:
                fields = {"M": "n_outputs", "K": "n_reduction", "N": "n_columns", "runs": "repeat"}
                wanted = (
                    mine[fields[key]] if key in fields else 1 - mine["n_kept"] / mine["n_weights"]
                )
            assert same(exact, wanted), (name, key)


def test_layers_of_each_machine(made: tuple[Page, list[dict[str, Any]], Path]) -> None:
    page, results, _ = made
    for result in results:
        rows = page.tables[f"layers_{result['arch']}"]
        assert [row["layer"][1] for row in rows] == [one["name"] for one in result["layers"]]
        for row, layer in zip(rows, result["layers"], strict=True):
            wanted = {
                "M": layer["n_outputs"],
                "K": layer["n_reduction"],
                "N": layer["n_columns"],
                "repeat": layer["repeat"],
                "weights": layer["n_weights"],
                "sparsity": 1 - layer["n_kept"] / layer["n_weights"],
                "bits_per_weight": sum(layer["encoded_bits"].values()) / layer["n_weights"],
                "entropy_bits": total({"layers": [layer]})["entropy_bits"],
                "value_entropy_bits": total({"layers": [layer]})["value_entropy_bits"],
                "cycles": layer["n_ticks"] // 2,
                "bound_cycles": max(layer["bound_cycles"].values()),
                "time_us": layer["n_ticks"] / layer["ticks_per_second"] * 1e6,
                "dram_bytes": layer_bytes(layer),
                "bandwidth_gb_s": layer_bytes(layer) / (layer["n_ticks"] / 1.6e9) / 1e9,
                "energy_uj": sum(layer["energy_pj"].values()) / 1e6,
            }
            for key, (exact, _) in row.items():
                if exact is not None:
                    assert same(exact, wanted[key]), key
            assert row["cycles"][1] == f"{layer['n_ticks'] // 2:,}"


def test_streams_and_stalls(made: tuple[Page, list[dict[str, Any]], Path]) -> None:
    page, results, _ = made
    by_arch = {r["arch"]: r["layers"] for r in results}
    for row in page.tables["streams"]:
        of_stream = [
            (layer["repeat"], s)
            for layer in by_arch[row["arch"][1]]
            for s in layer["streams"]
            if s["name"] == row["stream"][1]
        ]
        assert same(row["dram_bytes"][0], sum(n * s["n_bursts"] * 64 for n, s in of_stream))
        assert same(row["payload_bytes"][0], sum(n * s["payload_bits"] / 8 for n, s in of_stream))
        for key in ("row_hits", "row_misses", "row_conflicts"):
            assert same(row[key][0], sum(n * s[key] for n, s in of_stream))
    for row in page.tables["stalls"]:
        cycles = total_cycles = 0
        for layer in by_arch[row["arch"][1]]:
            part = layer["components"][0]
            states = {"busy": part["busy_cycles"], "idle": part["idle_cycles"]}
            cycles += layer["repeat"] * (states | part["stall_cycles"])[row["state"][1]]
            total_cycles += layer["repeat"] * part["total_cycles"]
        assert same(row["cycles"][0], cycles)
        assert same(row["share"][0], cycles / total_cycles)


def _energy_ratios(results: list[dict[str, Any]], a: str, b: str) -> list[float]:
    """Return the ratio with every constant at either end of its range: all corners."""
    mac, dram = TABLE.energy_pj["mac_int8"], TABLE.dram("LPDDR4")
    sums = {}
    for result in results:
        for key in ("mac_int8", "dram:LPDDR4"):
            amounts = (one["repeat"] * one["energy_amounts"][key] for one in result["layers"])
            sums[result["arch"], key] = sum(amounts)
    energies = [
        [sums[x, "mac_int8"] * m + sums[x, "dram:LPDDR4"] * d for x in (a, b)]
        for m in (mac.low, mac.high)
        for d in (dram.low, dram.high)
    ]
    return [mine / other for mine, other in energies]


def _wanted(title: str, results: list[dict[str, Any]]) -> float:
    """Recompute a number of the text from what its title says it is."""
    t = {r["arch"]: total(r) for r in results}
    rules: list[tuple[str, Any]] = [
        (r"time of (\S+) / time of (\S+)", lambda a, b: t[a]["time_us"] / t[b]["time_us"]),
        (r"1 - bits a weight of (\S+) / bits of a weight",
         lambda a: 1 - t[a]["bits_per_weight"] / 8),
        (r"gain of (\S+) from twice of PE rows", lambda a: 1.7),
        (r"multiplier slots of (\S+) / multiplier slots of (\S+)",
         lambda a, b: t[a]["slots"] / t[b]["slots"]),
    ]  # fmt: skip
    for pattern, rule in rules:
        match = re.fullmatch(pattern, title)
        if match:
            return float(rule(*match.groups()))
    raise AssertionError(f"a number that no rule explains: {title}")


def test_numbers_of_the_answer(made: tuple[Page, list[dict[str, Any]], Path]) -> None:
    page, results, _ = made
    assert len(page.numbers) >= 4
    for title, exact, shown in page.numbers:
        assert same(exact, _wanted(title, results)), title
        written = float(re.sub(r"[^0-9.e+-]", "", shown))
        scale = 100 if shown.endswith("%") else 1
        assert math.isclose(written, exact * scale, rel_tol=6e-3), title


def test_every_table_is_checked(made: tuple[Page, list[dict[str, Any]], Path]) -> None:
    page, results, _ = made
    checked = {"totals", "layers", "streams", "stalls", *(f"layers_{r['arch']}" for r in results)}
    for name in set(page.tables) - checked:
        if name.startswith("configurations"):
            for row in page.tables[name]:
                for result in results:
                    at: Any = result["manifest"]["arch"]
                    for key in row["key"][1].split("."):
                        at = at[key]
                    exact, shown = row[result["arch"]]
                    assert exact == at if exact is not None else shown == str(at)
        elif name == "energy_ranges":
            for row in page.tables[name]:
                ratios = _energy_ratios(results, row["machine"][1], "f2f_edge")
                assert math.isclose(float(str(row["low"][0])), min(ratios))
                assert math.isclose(float(str(row["high"][0])), max(ratios))
                assert (row["firm"][1] == "yes") == (min(ratios) > 1 or max(ratios) < 1)
        elif name == "answer":
            for row in page.tables[name]:
                t = {r["arch"]: total(r) for r in results}
                me = t[row["machine"][1]]
                for key in ("time_us", "sparsity", "bits_per_weight", "energy_uj"):
                    assert same(row[key][0], me[key])
                assert same(row["dram_mb"][0], me["dram_bytes"] / 1e6)
                assert same(row["speedup"][0], t["dense_edge"]["time_us"] / me["time_us"])
                bound = "PE rows 1.7 ×" if row["machine"][1] == "f2f_edge" else "–"
                assert row["bound_by"][1] == bound
        elif name == "what_if":
            for row in page.tables[name]:
                (gain,) = (r["what_if"][row["twice_of"][1]] for r in results if r["what_if"])
                assert same(row["speedup"][0], gain)
                assert same(row["elasticity"][0], math.log2(gain))
        elif name == "origins":
            assert all(row["layers"][0] == 3 for row in page.tables[name])
        elif name.startswith("constants"):
            continue  # tests/cost compares these with their file
        else:
            assert name == "provenance"
            assert {row["arch_digest"][1] for row in page.tables[name]} == {
                r["manifest"]["arch_digest"][:16] for r in results
            }


def test_numbers_of_the_figures(made: tuple[Page, list[dict[str, Any]], Path]) -> None:
    page, results, _ = made
    t = {r["arch"]: total(r) for r in results}
    figures = page.figures
    for trace in figures["speedup"]["data"]:
        assert same(trace["y"][0], t["dense_edge"]["time_us"] / t[trace["name"]]["time_us"])
    for trace in figures["bits"]["data"]:
        keys = {"n_w": "entropy_bits", "H(value)": "value_entropy_bits"}
        key = keys.get(trace["name"].rpartition("·")[2], "bits_per_weight")
        arch = "f2f_edge" if key in keys.values() else trace["name"]
        assert same(trace["y"][0], t[arch][key])
    moved: dict[str, float] = {}
    for trace in figures["traffic"]["data"]:
        for value, arch in zip(trace["x"], trace["y"], strict=True):
            moved[arch] = moved.get(arch, 0) + value
    assert all(math.isclose(moved[a], t[a]["dram_bytes"] / 1e6) for a in t)
    shares: dict[str, float] = {}
    for trace in figures["stalls"]["data"]:
        for value, arch in zip(trace["x"], trace["y"], strict=True):
            shares[arch] = shares.get(arch, 0) + value
    assert all(math.isclose(share, 100) for share in shares.values())
    drawn = 0
    for trace in figures["roofline"]["data"]:
        if trace["mode"] != "markers":
            continue
        layers = next(r["layers"] for r in results if trace["name"].startswith(f"{r['arch']}: "))
        for x, y, text in zip(trace["x"], trace["y"], trace["text"], strict=True):
            layer = next(one for one in layers if text.startswith(f"{one['name']}: "))
            assert same(x, layer["macs_effectual"] / layer_bytes(layer))
            rate = layer["macs_effectual"] * layer["repeat"] / seconds(layer)
            assert math.isclose(y, rate / 1e9)
            drawn += 1
    assert drawn == sum(len(r["layers"]) for r in results)
    for trace in figures["bandwidth"]["data"]:
        assert math.isclose(trace["x"][-1], t[trace["name"]]["time_us"])


def test_csv_files_hold_the_same_numbers(made: tuple[Page, list[dict[str, Any]], Path]) -> None:
    page, _, out = made
    for name, rows in page.tables.items():
        with (out / "tables" / f"{name}.csv").open(newline="") as file:
            stored = list(csv.DictReader(file))
        assert len(stored) == len(rows)
        for kept, row in zip(stored, rows, strict=True):
            for key, (exact, _) in row.items():
                assert exact is None or float(kept[key]) == exact
    for name in page.figures:
        assert (out / "figures" / f"{name}.csv").stat().st_size > 0


def test_page_needs_nothing_else(made: tuple[Page, list[dict[str, Any]], Path]) -> None:
    page, _, out = made
    assert page.external == []
    assert (out / "index.html").stat().st_size < 10e6


def test_markdown_has_the_same_words(made: tuple[Page, list[dict[str, Any]], Path]) -> None:
    page, _, out = made
    text = (out / "report.md").read_text()
    for _, _, shown in page.numbers:
        assert shown in text
    assert "\\<conv>" in text
