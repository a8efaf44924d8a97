"""Reports of duels: cells of maps are the decisions, crossovers are where lines meet."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

import f2fsim
from f2fsim.cli import console
from f2fsim.cli.main import app
from f2fsim.config.duel import Budgets, Conditions, load_duel, make_duel
from f2fsim.explore.duel_result import Decision, DuelResult, Entry
from f2fsim.explore.store import ResultStore
from f2fsim.report.duel import duel_answer
from f2fsim.report.duel_page import duel_report, make_duel_report
from f2fsim.report.interactive import plotly_spec
from f2fsim.report.regimes import crossing_rows, regime_figure

REPORTS = Path(__file__).parents[2] / "reports" / "duel"
MAP = {"sparsity": [0.5, 0.9], "memory.n_channels": [1, 4]}


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("F2FSIM_CACHE_DIR", "off")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> DuelResult:
    workload = tmp_path_factory.mktemp("duel") / "workload.yaml"
    workload.write_text(
        "name: small\nsynthetic: {distribution: normal}\n"
        "layers: [{name: a, op: linear, in_features: 96, out_features: 64, n_tokens: 8}]\n"
    )
    columns = {"pe_array.columns": [1, 4, 8]}
    return f2fsim.duel(
        families={
            "bitmap": {"archs": ["bitmap_edge"], "axes": columns},
            "dense": {"archs": ["dense_edge"], "axes": columns},
        },
        scenarios={"one": {"workloads": [str(workload)]}},
        map=MAP,
        objectives=["seconds"],
        workers=1,
    )


def test_a_cell_is_a_decision(found: DuelResult) -> None:
    figure = regime_figure(found, "one", "map")
    assert figure is not None
    cells = {
        (x, y): (series.name, z, label)
        for series in figure.series
        for x, y, z, label in zip(series.x, series.y, series.z, series.labels, strict=True)
    }
    assert set(cells) == {(s, c) for s in MAP["sparsity"] for c in MAP["memory.n_channels"]}
    for one in found.decisions:
        place = one.conditions.cell["sparsity"], one.conditions.cell["memory.n_channels"]
        name, margin, label = cells[place]
        assert (name, margin) == (one.winner, one.margin)
        assert one.best is not None
        assert f"columns={one.best['pe_array.columns']}" in label
    assert figure.places() == (MAP["sparsity"], MAP["memory.n_channels"])
    spec = plotly_spec(figure)
    drawn = [trace for trace in spec["data"] if trace["type"] == "heatmap"]
    values = [v for trace in drawn for row in trace["z"] for v in row if v is not None]
    assert sorted(values) == sorted(z for _, z, _ in cells.values())


def test_a_cell_is_run_again_by_its_command(
    found: DuelResult, capsys: pytest.CaptureFixture[str]
) -> None:
    report = duel_report(found)
    (table,) = [table for table in report.tables() if table.name == "duel1_cells"]
    assert len(table.rows) == 4
    for row in table.rows:
        arguments = [*shlex.split(row["command"])[1:], "-j", "1", "--json"]
        assert console.run(lambda a=arguments: app(a, standalone_mode=False)) == 0
        (again,) = json.loads(capsys.readouterr().out)
        assert again["seconds"] * 1e6 == row["time_us"]
        assert again["energy_pj"] / 1e6 == row["energy_uj"]
        assert again["area_um2"] == pytest.approx(row["area_mm2"] * 1e6)


@pytest.mark.parametrize("name", ["equal_area", "llama7b", "maps"])
def test_families_of_the_reports_are_run_again_by_their_commands(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every family of `make report-duel`, on a small layer in place of its networks."""
    workload = tmp_path / "workload.yaml"
    workload.write_text(
        "name: small\nsynthetic: {distribution: normal}\n"
        "pruning: {method: magnitude, sparsity: 0.9}\n"
        "layers: [{name: a, op: linear, in_features: 96, out_features: 64}]\n"
    )
    scenarios = {"one": {"workloads": [str(workload)], "sparsity": 0.9}}
    spec = load_duel(REPORTS / f"{name}.yaml").with_fields({"scenarios": scenarios, "map": {}})
    found = f2fsim.duel(spec, workers=1, reasons=False)
    assert [row["family"] for row in found.best()] == list(spec.families)
    for row in found.best():
        assert row["fidelity"] == "simulated"
        arguments = [*shlex.split(row["command"])[1:], "-j", "1", "--json"]
        assert console.run(lambda a=arguments: app(a, standalone_mode=False)) == 0
        (again,) = json.loads(capsys.readouterr().out)
        for figure in ("seconds", "energy_pj", "area_um2", "dram_bytes"):
            assert again[figure] == row[figure], (row["family"], figure)


def test_the_whole_report_is_written(found: DuelResult, tmp_path: Path) -> None:
    page = make_duel_report(found, tmp_path / "report", command="f2fsim duel x.yaml")
    text = page.read_text()
    assert "Who wins where: one" in text
    assert "f2fsim duel x.yaml" in text
    for name in ("figures/duel1_map.svg", "figures/duel1_map.png", "tables/duel1_cells.csv"):
        assert (tmp_path / "report" / name).stat().st_size > 0
    csv = (tmp_path / "report" / "figures" / "duel1_map.csv").read_text().splitlines()
    assert csv[0].split(",")[:4] == ["series", "sparsity S", "memory channels", "margin"]
    assert len(csv) == 5


def decision(sparsity: float, seconds: dict[str, float | None]) -> Decision:
    entries = {
        family: Entry(family, {}, None if t is None else {"seconds": t, "family": family}, ())
        for family, t in seconds.items()
    }
    order = sorted((t, family) for family, t in seconds.items() if t is not None)
    cell = {"sparsity": sparsity, "memory.n_channels": 1}
    conditions = Conditions("one", cell, cell, Budgets())
    margin = order[1][0] / order[0][0] if len(order) > 1 else None
    return Decision(conditions, entries, order[0][1], order[-1][1], margin)


def result(*decisions: Decision) -> DuelResult:
    spec = make_duel(
        families={"a": {"archs": ["f2f_edge"]}, "b": {"archs": ["csr_edge"]}},
        scenarios={"one": {"workloads": ["silero_vad"]}},
        map={"sparsity": [0.5, 0.7, 0.9], "memory.n_channels": [1]},
    )
    return DuelResult(spec, ResultStore(None), decisions, (), 0)


def test_lines_cross_where_both_are_equal() -> None:
    rows = crossing_rows(
        result(
            decision(0.5, {"a": 1.0, "b": 2.0}),
            decision(0.7, {"a": 3.0, "b": 1.5}),
            decision(0.9, {"a": None, "b": 1.0}),
        ),
        "one",
    )
    (row,) = rows
    assert (row["from"], row["to"], row["low"], row["high"]) == ("a", "b", 0.5, 0.7)
    assert row["at"] == pytest.approx(0.6)


def test_a_crossing_without_a_rival_has_no_number() -> None:
    rows: list[dict[str, Any]] = crossing_rows(
        result(decision(0.5, {"a": 1.0, "b": None}), decision(0.7, {"a": 3.0, "b": 2.0})), "one"
    )
    assert [row["at"] for row in rows] == [None]


def test_many_contests_are_counted() -> None:
    cells = [decision(0.01 * i, {"a": 1.0, "b": 2.0 if i else 0.5}) for i in range(12)]
    answer = duel_answer(result(*cells))
    assert answer.words == "Wins: a 11, b 1 of 12."
    assert answer.table is not None
    assert [row["wins"] for row in answer.table.rows] == [11, 1]
