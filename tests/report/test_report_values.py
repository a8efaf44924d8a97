"""Cases, figures, sweeps and drawings as values; bad inputs."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sample_results import comparison, result, sweep_rows

from f2fsim.errors import DataError, InputError
from f2fsim.report import build_report, read_inputs, write_report
from f2fsim.report.cases import binary_entropy, make_cases
from f2fsim.report.figures import crossover_figure
from f2fsim.report.static import draw
from f2fsim.report.style import style
from f2fsim.report.sweeps import Sweep, pareto
from f2fsim.report.value import Figure, Series, number_text
from f2fsim.results.files import write_results


def test_results_of_one_condition_form_a_case() -> None:
    cases = make_cases([comparison(1), comparison(4), [result("other", "csr", 3.0)]])
    assert [(case.batch, len(case.runs)) for case in cases] == [(1, 6), (4, 5)]
    assert cases[0].sparsity == 0.9, "N:M follows the file's sparsity"
    assert cases[0].subject.name == "f2f_edge"


def test_a_name_used_twice_is_told_apart() -> None:
    case = make_cases([[result("a", "f2f", 1.0), result("a", "f2f", 2.0)]])[0]
    assert [run.name for run in case.runs] == ["a", "a (2)"]


def test_entropy() -> None:
    assert binary_entropy(0.5) == 1.0
    assert binary_entropy(0.9) == pytest.approx(0.4689956)
    assert binary_entropy(0.0) == binary_entropy(1.0) == 0.0


def test_crossover_falls_below_one_where_the_subject_loses() -> None:
    cases = make_cases([comparison(batch) for batch in (1, 4, 16)])
    figure = crossover_figure(cases, "batch")
    assert figure is not None
    bitmap = next(series for series in figure.series if series.name == "over bitmap_edge")
    assert bitmap.x == (1.0, 4.0, 16.0)
    assert bitmap.y[0] > 1 > bitmap.y[-1]


def test_pareto_by_brute_force() -> None:
    rows = sweep_rows(300)
    keys = ("area_mm2", "efficiency")

    def beats(a: dict[str, object], b: dict[str, object]) -> bool:
        better = [a[keys[0]] <= b[keys[0]], a[keys[1]] >= b[keys[1]]]  # type: ignore[operator]
        return all(better) and any(a[k] != b[k] for k in keys)

    wanted = [row for row in rows if not any(beats(other, row) for other in rows)]
    found = pareto(rows, keys)
    assert {(r[keys[0]], r[keys[1]]) for r in found} == {(r[keys[0]], r[keys[1]]) for r in wanted}


def test_styles_differ_without_colour() -> None:
    styles = [style(i) for i in range(8)]
    for field in ("hatch", "plotly_pattern", "marker", "plotly_marker", "colour"):
        assert len({getattr(one, field) for one in styles}) == 8
    assert style(8).colour == style(0).colour
    assert style(8).hatch != style(0).hatch


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (1234567, "1,234,567"), (0.123456, "0.1235"), (54321.5, "54,322"), (0.0, "0"),
     (1e-9, "1.000e-09"), ("x", "x"), (float("nan"), "–"), (-2.5, "-2.5")],
)  # fmt: skip
def test_numbers_for_people(value: object, text: str) -> None:
    assert number_text(value) == text


def test_drawing_is_the_same_every_time() -> None:
    figure = Figure(
        "f", "Title & <more>", "alt", "x [us]", "y [GB/s]",
        (Series("a", ("p", "q"), (1.0, 2.0)), Series("b", ("p", "q"), (2.0, 1.0), (), "points", 1)),
        reference=1.0,
    )  # fmt: skip
    svg, png = draw(figure)
    assert (svg, png) == draw(figure)
    assert b"y [GB/s]" in svg
    assert png.startswith(b"\x89PNG")


def test_five_thousand_points_in_time(tmp_path: Path) -> None:
    (tmp_path / "points.json").write_text(json.dumps(sweep_rows(5000)))
    start = time.process_time()  # of this process: other work on the machine does not count
    page = write_report(build_report(read_inputs([tmp_path])), tmp_path / "out")
    assert time.process_time() - start < 20
    assert page.stat().st_size < 10e6
    assert len((tmp_path / "out/tables/sweep1_points.csv").read_text().splitlines()) == 5001
    names = {path.stem for path in (tmp_path / "out/figures").glob("*.svg")}
    assert {"sweep1_pareto", "sweep1_width_efficiency", "sweep1_error_area"} <= names


def test_points_from_csv_and_parquet(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(sweep_rows(20))
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_parquet(tmp_path / "b.parquet")
    (tmp_path / "c.json").write_text(json.dumps({"points": sweep_rows(20)}))
    sweeps = read_inputs([tmp_path / name for name in ("a.csv", "b.parquet", "c.json")]).sweeps
    assert sweeps[0].rows == sweeps[1].rows == sweeps[2].rows


def test_points_of_a_store_take_the_reports_names_and_units(tmp_path: Path) -> None:
    row = {
        "point": 0, "n_out": 40, "seconds": 2e-6, "area_um2": 5e5, "encoding_efficiency": 0.75,
        "energy_pj.mac": 7.0, "speedup_over_csr": 2.0, "status": "ok", "digest": "ab",
    }  # fmt: skip
    other = row | {"point": 1, "n_out": 80, "seconds": 1e-6, "area_um2": 1e6, "energy_pj.mac": 8.0}
    (tmp_path / "p.json").write_text(json.dumps([row, other]))
    sweep = read_inputs([tmp_path / "p.json"]).sweeps[0]
    assert [(r["time_us"], r["area_mm2"]) for r in sweep.good] == [(2.0, 0.5), (1.0, 1.0)]
    assert sweep.axes == ["n_out"]
    assert sweep.metrics == ["time_us", "area_mm2", "efficiency"]


def test_failed_points_are_counted_not_drawn() -> None:
    rows = [*sweep_rows(3), {"status": "invalid", "error": "n_out < n_in", "front_end.n_out": 4}]
    sweep = Sweep("s", tuple(rows))
    assert len(sweep.good) == 3


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    write_results(tmp_path / "run", comparison())
    for name in ("a", "b"):
        report = build_report(read_inputs([tmp_path / "run"]))
        write_report(report, tmp_path / name, drawings=False)
    assert (tmp_path / "a/index.html").read_bytes() == (tmp_path / "b/index.html").read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("missing", None, "no such file or folder"),
        ("folder", "", "one of results.json"),
        ("results.json", "[]", "the list is empty"),
        ("results.json", '[{"arch": 1}]', "arch: must be text, got 1"),
        ("x.json", "{", "no JSON"),
        ("x.json", "3", "no list of points"),
        ("x.csv", "a,b\n1,2\n", "has no measured column"),
        ("x.csv", "time_us,b\n1\n", "x.csv:2: another number of cells"),
        ("x.csv", "time_us\n", "holds no points"),
        ("x.csv", "time_us,n_out\n1e400,4\n", "time_us: must be finite and ≥ 0, got inf"),
        ("x.csv", "time_us,n_out\nabc,4\n", "point 1: time_us: must be a number, got 'abc'"),
        ("x.csv", "time_us,time_us\n1,2\n", "x.csv:1: column 'time_us' is given twice"),
        ("results.json", '{"arch": 1, "arch": 2}', "key 'arch' is given twice"),
        ("results.json", "[" * 100_000, "nests too deeply"),
        ("x.parquet", "PAR", "no Parquet file"),
        ("x.txt", "hello", "got '.txt'"),
    ],
)
def test_bad_inputs(tmp_path: Path, name: str, content: str | None, words: str) -> None:
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    elif content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=words) as caught:
        read_inputs([path])
    assert str(path) in str(caught.value)


Json = dict[str, Any]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda r: r.pop("layers"), r"result\[0\].layers: is missing"),
        (lambda r: r.update(layers=[]), "must have at least one layer"),
        (lambda r: r.update(layrs=1), "unknown field 'layrs' .did you mean 'layers'"),
        (lambda r: r.update(manifest={"arch": 5}), "manifest.arch: must be a mapping"),
        (
            lambda r: r["layers"][1].update(n_ticks="many"),
            r"layers\[1\].n_ticks: must be an integer",
        ),
        (lambda r: r["layers"][1].update(n_ticks=0), r"layers\[1\].n_ticks: must be > 0"),
        (lambda r: r["layers"][1].update(n_ticks=-5), "must be finite and ≥ 0, got -5"),
        (lambda r: r["layers"][0].update(n_ticks=True), "must be an integer, got True"),
        (lambda r: r["layers"][0].update(n_kept=10**9), r"n_kept: must be ≤ n_weights \(10000\)"),
        (lambda r: r["layers"][0].update(weight_type="int9"), "unknown weight type 'int9'"),
        (
            lambda r: r["layers"][0].update(energy_pj={"x": float("nan")}),
            "energy_pj.x: must be fin",
        ),
        (lambda r: r["layers"][0].update(encoded_bits=[1]), "encoded_bits: must be a mapping"),
        (
            lambda r: r["layers"][0]["components"][0].update(busy_cycles=3),
            r"components\[0\].total_cycles: busy, stalled and idle add up to",
        ),
        (lambda r: r["layers"][0]["memory"].update(idle_cycles=3), "memory.total_cycles: busy"),
        (lambda r: r["layers"][0].update(memory=5), "memory: must be a mapping"),
        (lambda r: r["layers"][0].update(clock_hz=7), "must be a multiple of clock_hz"),
    ],
)
def test_damaged_results_are_refused(
    tmp_path: Path, spoil: Callable[[Json], object], words: str
) -> None:
    data = [one.to_dict() for one in comparison()]
    spoil(data[0])
    (tmp_path / "results.json").write_text(json.dumps(data))
    with pytest.raises(DataError, match=words):
        read_inputs([tmp_path])


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    write_results(tmp_path / "run", comparison())
    (tmp_path / "out").write_text("mine")
    with pytest.raises(InputError, match="a folder is needed"):
        write_report(build_report(read_inputs([tmp_path / "run"])), tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


def test_heavy_packages_are_imported_late() -> None:
    code = "import sys, f2fsim.report, f2fsim.cli.report; print([m for m in ('matplotlib', 'plotly', 'jinja2', 'pyarrow.parquet') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
