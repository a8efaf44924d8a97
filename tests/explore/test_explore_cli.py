"""``sweep``, ``search`` and ``store`` from the command line."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_space import write_space

from f2fsim.cli import console
from f2fsim.cli.main import app
from f2fsim.errors import DataError
from f2fsim.explore import ResultStore
from f2fsim.report.inputs import read_inputs

QUICK = ["--axis", "front_end.n_out=24:40:8", "-j", "1"]


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("F2FSIM_CACHE_DIR", "off")


@pytest.fixture
def space(tmp_path: Path) -> Path:
    return write_space(tmp_path / "space").parent


def run(*arguments: object) -> int:
    return console.run(lambda: app([str(a) for a in arguments], standalone_mode=False))


def machine(space: Path) -> list[str]:
    return ["--arch", str(space / "arch.yaml"), "--workload", str(space / "workload.yaml")]


def test_a_quick_sweep_and_its_tables(
    space: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    line = ["sweep", *machine(space), *QUICK, "--baseline", space / "csr.yaml", "-o", out]
    assert run(*line, "--csv") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["front_end.n_out"] for row in rows] == ["24", "32", "40"]
    assert {row["status"] for row in rows} == {"ok"}
    assert all(float(row["speedup_over_small_csr"]) > 0 for row in rows)
    assert run(*line) == 0
    (report,) = read_inputs([out]).sweeps
    assert {"time_us", "cycles", "bits_per_weight", "dram_bytes"} <= set(report.metrics)
    assert report.axes == ["front_end.n_out"]
    assert [row["time_us"] for row in report.good] == [
        pytest.approx(float(row["seconds"]) * 1e6) for row in rows
    ]
    text = capsys.readouterr().out
    assert "Pareto front of seconds, bits_per_weight" in text
    assert "4 ok; 0 run now" in text
    for ending in ("csv", "json", "parquet"):
        assert run("store", "export", out, tmp_path / f"t.{ending}") == 0
    assert len(json.loads((tmp_path / "t.json").read_text())) == 3
    capsys.readouterr()
    assert run("store", "info", out, "--json") == 0
    (info,) = json.loads(capsys.readouterr().out)
    assert (info["ok"], info["missing"]) == (4, 0)
    assert run("store", "best", out, "--n", 1, "--objective", "bits_per_weight", "--json") == 0
    (best,) = json.loads(capsys.readouterr().out)
    fewest = min(rows, key=lambda row: float(row["bits_per_weight"]))
    assert best["point"] == int(fewest["point"])
    assert run("store", "pareto", out, "--objective", "pe_utilisation", "--csv") == 0
    assert run("store", "sensitivity", out) == 0


def test_bad_input_is_one_clear_line(
    space: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, blocked = tmp_path / "out", tmp_path / "blocked"
    (blocked / "sweep.sqlite").mkdir(parents=True)  # SQLite can open no file there
    for line, message in (
        (["sweep"], "needs a specification"),
        (["sweep", *machine(space), "--axis", "n_out"], "--axis must be path=values"),
        (["sweep", *machine(space), "--axis", "front_end.n_outt=1:4"], "did you mean"),
        (["sweep", *machine(space), *QUICK, "--constraint", "import os"], "is not an expression"),
        (["sweep", *machine(space), *QUICK, "--dask", "nowhere"], "workers has no meaning"),
        (["sweep", *machine(space), *QUICK[:2], "--dask", "nowhere"], "neither an address"),
        (["sweep", space / "spec.yaml", "--dask", space / "spec.yaml"], "is no scheduler file"),
        (["sweep", space / "spec.yaml", "--dask", space / "no.json"], "there is no such file"),
        (["sweep", *machine(space), *QUICK, "--json", "--csv"], "exclude each other"),
        (["sweep", space / "missing.yaml"], "cannot be read"),
        (["search", space / "spec.yaml", "-o", out], "spec.yaml:"),
        (["store", "info", out / "none"], "there is no store"),
        (["store", "export", space, tmp_path / "t.xls"], "the ending must be"),
        (["sweep", *machine(space), *QUICK, "-o", space / "spec.yaml"], "is a file"),
        (["sweep", *machine(space), *QUICK, "-o", blocked], "cannot be opened or made there"),
    ):
        assert run(*line) == 2, line
        error = capsys.readouterr().err
        assert message in error, (line, error)
        assert "Traceback" not in error
    assert not (out / "none").exists()


def test_ctrl_c_says_how_to_go_on(space: Path, tmp_path: Path) -> None:
    code = "from f2fsim.cli.main import main; main()"
    out = tmp_path / "out"
    axis = ["--axis", "seed=1:4000", "-j", "2"]
    command = [sys.executable, "-c", code, "sweep", *machine(space), *axis, "-o", str(out)]
    run = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "F2FSIM_CACHE_DIR": "off"},
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not _begun(out) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does: workers that still load get it too
    _, error = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "of 4000 points are in" in error
    assert "go on with: f2fsim sweep" in error
    assert "Traceback" not in error


def _begun(folder: Path) -> bool:
    try:
        with ResultStore(folder, read_only=True) as store:
            return bool(store.statuses())
    except DataError:
        return False
