"""Search: finds the grid's front, repeats, resumes, keeps to its limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import optuna
import pytest
from small_space import write_space

from f2fsim.cli import console
from f2fsim.cli.main import app
from f2fsim.config.sweep import load_search
from f2fsim.errors import InputError
from f2fsim.explore import InProcess, search, sweep

AXES = """\
archs: [arch.yaml]
workloads: [workload.yaml]
objectives: [seconds, bits_per_weight_without_mask]
axes:
  front_end.n_out: "16:64:8"
  front_end.n_s: [0, 1, 3, 7]
"""
#: The space has 7 · 4 = 28 points.
N_POINTS = 28
N_TRIALS = 56


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("F2FSIM_CACHE_DIR", "off")


def write(folder: Path, **changes: object) -> Path:
    options = {"name": "study", "n_trials": 24, "batch": 8, "seed": 5, **changes}
    return write_space(folder, AXES + "".join(f"{k}: {v}\n" for k, v in options.items()))


def points(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(r["front_end.n_out"], r["front_end.n_s"]) for r in rows]


@pytest.mark.parametrize("sampler", ["nsga2", "tpe"])
def test_finds_the_front_of_the_grid(tmp_path: Path, sampler: str) -> None:
    grid = sweep(write_space(tmp_path / "grid", AXES), workers=1)
    assert len(grid.rows()) == N_POINTS
    front = {
        (r["seconds"], r["bits_per_weight_without_mask"]) for r in grid.pareto().to_dict("records")
    }
    spec = write(tmp_path / "study", sampler=sampler, n_trials=N_TRIALS, batch=8)
    found = search(spec, out=tmp_path / "out", runner=InProcess())
    got = {(r["seconds"], r["bits_per_weight_without_mask"]) for r in found.front()}
    assert got == front
    assert found.n_run <= N_POINTS


def test_repeats_resumes_and_opens_in_optuna(tmp_path: Path) -> None:
    spec = write(tmp_path, sampler="tpe")
    whole = search(spec, out=tmp_path / "whole", runner=InProcess())
    search(spec, out=tmp_path / "parts", n_trials=8, runner=InProcess())
    parts = search(spec, out=tmp_path / "parts", workers=1)
    assert points(parts.rows()) == points(whole.rows())
    assert parts.rows() == whole.rows()
    assert search(spec, out=tmp_path / "parts", runner=InProcess()).n_run == 0
    study = optuna.load_study(study_name="study", storage=parts.study_url)
    assert len(study.trials) == 24
    assert study.metric_names == ["seconds", "bits_per_weight_without_mask"]


def test_more_trials_later_are_those_of_one_search(tmp_path: Path) -> None:
    """Also when the first call ended in the middle of a batch."""
    spec = write(tmp_path, n_trials=24)
    whole = search(spec, out=tmp_path / "whole", runner=InProcess())
    search(spec, out=tmp_path / "parts", n_trials=11, runner=InProcess())
    parts = search(spec, out=tmp_path / "parts", runner=InProcess())
    assert parts.rows() == whole.rows()
    fewer = search(spec, out=tmp_path / "parts", n_trials=3, runner=InProcess())
    assert fewer.rows() == whole.rows()


def test_a_trial_of_somebody_else_is_refused(tmp_path: Path) -> None:
    spec = write(tmp_path, n_trials=8)
    found = search(spec, out=tmp_path / "out", runner=InProcess())
    optuna.load_study(study_name="study", storage=found.study_url).ask()
    with pytest.raises(InputError, match="trial 8 is not this search's own"):
        search(spec, out=tmp_path / "out", n_trials=12, runner=InProcess())


def test_limits_and_constraints(tmp_path: Path) -> None:
    spec = write(
        tmp_path,
        limits="['bits_per_weight_without_mask <= 2.2', 'n_s < 7']",
        constraints="['n_out <= 56']",
    )
    found = search(spec, out=tmp_path / "out", runner=InProcess())
    rows = found.rows()
    for row in rows:
        if row["state"] == "fail":
            assert row["front_end.n_out"] > 56
            assert "does not hold" in row["error"]
        else:
            holds = row["bits_per_weight_without_mask"] <= 2.2 and row["front_end.n_s"] < 7
            assert row["feasible"] == holds
    assert {row["state"] for row in rows} == {"complete", "fail"}
    assert found.front()
    assert all(row["feasible"] for row in found.front())


def test_another_specification_is_refused(tmp_path: Path) -> None:
    search(write(tmp_path, n_trials=2, batch=2), out=tmp_path / "out", runner=InProcess())
    other = load_search(write(tmp_path, n_trials=2, batch=2, seed=6))
    with pytest.raises(InputError, match=r"another specification \(seed differ\)"):
        search(other, out=tmp_path / "out", runner=InProcess())


def test_the_store_s_commands_read_a_search(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``store export | info | best | pareto`` of a search's folder, which holds no sweep."""

    def run(*arguments: object) -> str:
        with pytest.raises(SystemExit) as end:
            console.run(lambda: app(["store", *map(str, arguments)]))
        assert end.value.code == 0
        return capsys.readouterr().out

    spec = write(tmp_path, sampler="random", n_trials=8)
    found = search(spec, out=tmp_path / "out", runner=InProcess())
    run("export", tmp_path / "out", tmp_path / "t.json")
    rows = json.loads((tmp_path / "t.json").read_text())
    assert [row["digest"] for row in rows] == [row["digest"] for row in found.points()]
    (info,) = json.loads(run("info", tmp_path / "out", "--json"))
    assert (info["search"], info["complete"]) == ("study", 8)
    (best,) = json.loads(run("best", tmp_path / "out", "--n", 1, "--json"))
    assert best["seconds"] == min(row["seconds"] for row in rows)
    front = json.loads(run("pareto", tmp_path / "out", "--json", "--sweep", "study"))
    assert {row["trial"] for row in front} == {row["trial"] for row in found.front()}
