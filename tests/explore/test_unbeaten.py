"""`sweep --prune`: the fronts of the whole sweep from fewer runs, and rows that say so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_space import write_space

from f2fsim.cli import console
from f2fsim.cli.main import app
from f2fsim.explore import InProcess, sweep

OBJECTIVES = ["seconds", "area_um2"]
AXES = {
    "front_end.n_out": [16, 32, 48],
    "pe_array.columns": [1, 2, 4],
    "clock": ["100 MHz", "800 MHz"],
    "sparsity": [0.5, 0.9],
}


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("F2FSIM_CACHE_DIR", "off")


def test_fronts_are_those_of_all_points(tmp_path: Path) -> None:
    space = write_space(tmp_path / "space").parent
    given = {
        "arch": space / "arch.yaml",
        "workload": space / "workload.yaml",
        "axes": AXES,
        "objectives": OBJECTIVES,
        "baselines": [str(space / "csr.yaml")],
        "runner": InProcess(),
    }
    whole, some = sweep(**given), sweep(**given, prune=True, out=tmp_path / "out")
    assert whole.n_run == len(whole.rows(baselines=True))
    assert 0 < len(some.pruned) < 36
    assert some.n_run + len(some.pruned) == whole.n_run
    for by in ([], ["sparsity"]):
        fronts = [one.pareto(by=by)["digest"].tolist() for one in (whole, some)]
        assert fronts[0] == fronts[1]
    for row, other in zip(some.rows(), whole.rows(), strict=True):
        assert row["digest"] == other["digest"]
        if row["status"] == "bound":
            assert row["seconds"] is None
            assert row["least_seconds"] <= other["seconds"]
            assert row["least_area_um2"] == pytest.approx(other["area_um2"])
        else:
            assert {key: row[key] for key in other} == other
            assert row["least_seconds"] is None
    # What was left out is missing in the store: a whole sweep runs it.
    some.store.close()
    rest = sweep(**given, out=tmp_path / "out")
    assert rest.n_run == len(some.pruned)
    assert rest.rows() == whole.rows()


def test_the_command_says_what_was_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space = write_space(tmp_path / "space").parent
    asked = ["sweep", "--arch", space / "arch.yaml", "--workload", space / "workload.yaml"]
    asked += ["--axis", "pe_array.columns=1,2,4,8", "--axis", "clock=100 MHz,800 MHz"]
    asked += ["--objective", "seconds", "--objective", "area_um2", "--prune", "-j", "1"]

    def run(*more: str) -> str:
        arguments = [str(one) for one in (*asked, *more)]
        assert console.run(lambda: app(arguments, standalone_mode=False)) == 0
        return capsys.readouterr().out

    rows = json.loads(run("--json"))
    left_out = [row for row in rows if row["status"] == "bound"]
    assert left_out
    assert "beaten" in left_out[0]["error"]
    assert f"{len(left_out)} of these ruled out by bounds" in run()
