"""Sweeps that are killed, share a store, lose workers: each point once, the same figures."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from small_space import (
    SPEC,
    comparable,
    deadly_task,
    late_task,
    met_task,
    process_task,
    slow_task,
    write_space,
)

from f2fsim.config.sweep import load_sweep
from f2fsim.explore import InProcess, Processes, ResultStore, search, sweep
from f2fsim.explore.evaluate import Task
from f2fsim.explore.expand import expand
from f2fsim.explore.inputs import load_inputs
from f2fsim.explore.lock import one_at_a_time
from f2fsim.explore.searches import SearchResult

HERE = Path(__file__).parent


@pytest.fixture(scope="module", autouse=True)
def _no_cache() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("F2FSIM_CACHE_DIR", "off")
        yield


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_space(tmp_path_factory.mktemp("space"))


@pytest.fixture(scope="module")
def undisturbed(spec: Path) -> list[dict[str, Any]]:
    result = sweep(spec, workers=1)
    assert result.counts() == {"ok": 26, "failed": 0, "invalid": 0, "excluded": 6, "missing": 0}
    return comparable(result.rows(baselines=True))


def read(folder: Path) -> list[dict[str, Any]]:
    from f2fsim.explore.tables import member_rows

    with ResultStore(folder, read_only=True) as store:
        return comparable(member_rows(store.members(store.latest()), ("point", "baseline")))


def test_killed_twenty_times(spec: Path, undisturbed: list[dict[str, Any]], tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, HERE / "kill_run.py", "sweep", spec, tmp_path / "out", "7"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    left = [int(line.split()[1]) for line in run.stdout.splitlines()]
    assert len(left) == 20
    assert left == sorted(left), "a kill lost a record"
    assert read(tmp_path / "out") == undisturbed
    with sqlite3.connect(tmp_path / "out" / "sweep.sqlite") as db:
        assert db.execute("SELECT max(n_attempts), count(*) FROM records").fetchone() == (1, 32)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


def test_local_processes_give_the_same(
    spec: Path, undisturbed: list[dict[str, Any]], tmp_path: Path
) -> None:
    sweep(spec, out=tmp_path, workers=2).store.close()
    assert read(tmp_path) == undisturbed


def test_a_worker_runs_neighbours(
    spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They share machines; where outcomes decide what comes next, nothing is taken ahead.

    Each worker has half of them in a row, but for those at the end that one takes over.
    """
    monkeypatch.setenv("F2FSIM_TEST_FOLDER", str(tmp_path))
    loaded = load_sweep(spec)
    points = [p for p in expand(loaded, load_inputs(loaded)) if p.status == "ready"]
    tasks = [Task.of(point, "compiled") for point in points[:20]]
    ran_by = {
        one.digest: one.metrics["process"] for one in Processes(2, met_task).run(tasks, ahead=True)
    }
    assert len(ran_by) == 20
    runs = [len(list(run)) for _, run in groupby(ran_by[task.digest] for task in tasks)]
    assert len(runs) <= 5
    assert runs[0] >= 8
    left = iter(tasks)
    one_by_one = Processes(2, process_task).run(left)
    next(one_by_one)
    assert len(list(left)) >= 15
    one_by_one.close()


def test_points_behind_a_slow_one_come_back(spec: Path) -> None:
    """A block that turns out long ends early, and every point is still run once."""
    loaded = load_sweep(spec)
    points = [p for p in expand(loaded, load_inputs(loaded)) if p.status == "ready"]
    tasks = [Task.of(point, "compiled") for point in points[:20]]
    ran = [one.digest for one in Processes(2, late_task).run(iter(tasks), ahead=True)]
    assert sorted(ran) == sorted(task.digest for task in tasks)


def test_dead_workers_cost_only_the_point_at_fault(
    spec: Path,
    undisturbed: list[dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("F2FSIM_TEST_FOLDER", str(tmp_path))
    fatal = next(row["digest"] for row in undisturbed[5:] if row["status"] == "ok")
    (tmp_path / "always").write_text(fatal)
    result = sweep(spec, runner=Processes(2, deadly_task))
    rows = comparable(result.rows(baselines=True))
    failed = [row for row in rows if row["digest"] == fatal]
    assert [row["status"] for row in failed] == ["failed"]
    assert "worker process died 3 times" in failed[0]["error"]
    assert (tmp_path / "died").exists()
    assert [r for r in rows if r["digest"] != fatal] == [
        r for r in undisturbed if r["digest"] != fatal
    ]


def test_failures_are_run_again_on_demand(spec: Path, tmp_path: Path) -> None:
    loaded = load_sweep(spec)
    points = expand(loaded, load_inputs(loaded))
    first = next(p for p in points if p.status == "ready")
    from f2fsim.explore import Outcome

    with ResultStore(tmp_path) as store:
        store.begin(loaded.name, {}, points)
        store.put(Outcome(first.digest, "failed", {}, "out of luck"))
    again = sweep(spec, out=tmp_path, workers=1)
    assert (again.n_run, again.counts()["failed"]) == (25, 1)
    assert again.rows()[first.index]["error"] == "out of luck"
    retried = sweep(spec, out=tmp_path, workers=1, retry_failed=True)
    assert (retried.n_run, retried.counts()["failed"]) == (1, 0)
    assert sweep(spec, out=tmp_path, workers=1, retry_failed=True).n_run == 0


SEARCH = """\
name: small_search
archs: [arch.yaml]
workloads: [workload.yaml]
objectives: [seconds, bits_per_weight_without_mask]
axes:
  front_end.n_out: "16:64:8"
  front_end.n_s: [0, 1, 3, 7]
batch: 8
seed: 5
"""


def trials(found: SearchResult) -> list[tuple[Any, ...]]:
    """All that the study on disk holds of its trials, but when they were told."""
    return [
        (t.number, t.state, t.values, t.params, t.user_attrs, t.system_attrs)
        for t in found.study.get_trials()
    ]


@pytest.fixture(scope="module")
def search_spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_space(tmp_path_factory.mktemp("search"), SEARCH + "n_trials: 24\n")


def test_search_killed_twenty_times(tmp_path: Path) -> None:
    spec = write_space(tmp_path / "space", SEARCH + "n_trials: 160\n")
    run = subprocess.run(
        [sys.executable, HERE / "kill_run.py", "search", spec, tmp_path / "out", "7"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    left = [int(line.split()[1]) for line in run.stdout.splitlines()]
    assert len(left) == 20
    assert left == sorted(left), "a kill lost a trial"
    whole = search(spec, out=tmp_path / "whole", runner=InProcess())
    resumed = search(spec, out=tmp_path / "out", runner=InProcess())
    assert resumed.n_run == 0
    assert trials(resumed) == trials(whole)
    assert resumed.points() == whole.points()
    with sqlite3.connect(tmp_path / "out" / "sweep.sqlite") as db:
        assert db.execute("SELECT max(n_attempts) FROM records").fetchone() == (1,)
    db.close()


@pytest.mark.parametrize("n_each", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_searches_and_sweeps_at_once(
    spec: Path,
    search_spec: Path,
    undisturbed: list[dict[str, Any]],
    tmp_path: Path,
    n_each: int,
) -> None:
    """In a new folder: each ends, none has a trial or a record twice."""
    runs = [
        *(f"search={search_spec}" for _ in range(n_each)),
        *(f"sweep={spec}" for _ in range(n_each)),
    ]
    run = subprocess.run(
        [sys.executable, HERE / "at_once.py", tmp_path / "out", *runs],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert read(tmp_path / "out") == undisturbed
    found = search(search_spec, out=tmp_path / "out", runner=InProcess())
    whole = search(search_spec, out=tmp_path / "whole", runner=InProcess())
    assert found.n_run == 0
    assert trials(found) == trials(whole)
    with sqlite3.connect(tmp_path / "out" / "sweep.sqlite") as db:
        assert db.execute("SELECT max(n_attempts) FROM records").fetchone() == (1,)
    db.close()


def test_a_search_waits_for_another_one(search_spec: Path, tmp_path: Path) -> None:
    waits = threading.Event()
    with ThreadPoolExecutor(1) as pool, one_at_a_time(tmp_path / "study.lock", waits.clear):
        second = pool.submit(
            search, search_spec, out=tmp_path, runner=InProcess(), on_wait=waits.set
        )
        assert waits.wait(60)
        assert not (tmp_path / "study.sqlite").exists()
    assert len(second.result().rows()) == 24


def test_a_study_whose_making_was_cut_short_is_made_anew(search_spec: Path, tmp_path: Path) -> None:
    for name in ("study.sqlite.new", "study.sqlite.new-journal"):
        (tmp_path / name).write_bytes(b"half a file")
    assert len(search(search_spec, out=tmp_path, runner=InProcess()).rows()) == 24
    assert not (tmp_path / "study.sqlite.new").exists()


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in found.read_text().split()] if found.exists() else []


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_the_sweep(tmp_path: Path, signal_number: int) -> None:
    # Over 90 points: Ctrl-C lets each worker end its block of up to 16.
    spec = write_space(tmp_path / "space", SPEC.replace("16:48:8", "16:48:2"))
    code = (
        "import sys; sys.path.insert(0, sys.argv[3]); import small_space\n"
        "from f2fsim.explore import sweep, Processes\n"
        "sweep(sys.argv[1], out=sys.argv[2], runner=Processes(2, small_space.slow_task))"
    )
    script = tmp_path / "run.py"
    script.write_text("if __name__ == '__main__':\n    " + code.replace("\n", "\n    "))
    run = subprocess.Popen(
        [sys.executable, script, spec, tmp_path / "out", HERE], stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    store = tmp_path / "out" / "sweep.sqlite"
    while not (store.exists() and _n_ok(store) >= 2) and time.monotonic() < deadline:
        time.sleep(0.05)
    workers = children(run.pid)
    assert len(workers) >= 2
    run.send_signal(signal_number)
    run.wait(30)
    while any(Path(f"/proc/{w}/cmdline").exists() and _alive(w) for w in workers):
        assert time.monotonic() < deadline, "workers outlive the sweep"
        time.sleep(0.05)
    assert 2 <= _n_ok(store) < 90


def _n_ok(store: Path) -> int:
    try:
        with ResultStore(store.parent, read_only=True) as opened:
            return list(opened.statuses().values()).count("ok")
    except Exception:  # not made yet
        return 0


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Cluster:
    """A real Dask scheduler and workers, each a process of its own."""

    def __init__(self, folder: Path, n_workers: int) -> None:
        self.file = folder / "scheduler.json"
        paths = os.pathsep.join([str(HERE), *sys.path])
        self.environment = {**os.environ, "PYTHONPATH": paths, "F2FSIM_CACHE_DIR": "off"}
        self.folder = folder
        self.scheduler = self._start(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"
        )
        self.workers = [
            self._start("worker", "--nthreads", "1", "--no-nanny", "--no-dashboard")
            for _ in range(n_workers)
        ]

    def _start(self, kind: str, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *options]
        command += ["--scheduler-file", str(self.file)]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def close(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.mark.filterwarnings("default")
def test_dask_gives_the_same_and_survives_a_killed_worker(
    spec: Path, undisturbed: list[dict[str, Any]], tmp_path: Path
) -> None:
    from f2fsim.explore.dask_runner import DaskCluster

    cluster = Cluster(tmp_path, 2)
    try:
        deadline = time.monotonic() + 60
        while not cluster.file.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        seen: list[int] = []

        def kill_one(done: int, total: int, label: str) -> None:
            seen.append(done)
            if done == 10:
                cluster.workers[0].kill()

        result = sweep(
            spec,
            out=tmp_path / "out",
            runner=DaskCluster(str(cluster.file), slow_task),
            progress=kill_one,
        )
        assert cluster.workers[0].wait(10) == -signal.SIGKILL
        assert cluster.workers[1].poll() is None
        assert result.n_run == 26
        assert comparable(result.rows(baselines=True)) == undisturbed
        assert seen == list(range(6, 33))
    finally:
        cluster.close()


def test_records_hold_their_cost(spec: Path, tmp_path: Path) -> None:
    result = sweep(spec, out=tmp_path, runner=InProcess())
    (row,) = result.store.sweeps()
    assert row["cpu_seconds"] >= 0
    with sqlite3.connect(tmp_path / "sweep.sqlite") as db:
        rows = db.execute("SELECT status, metrics, cpu_seconds FROM records").fetchall()
    db.close()
    assert all(cpu > 0 and json.loads(m)["seconds"] > 0 for s, m, cpu in rows if s == "ok")


@pytest.mark.filterwarnings("default")
def test_a_duel_on_dask_finds_what_one_process_finds(tmp_path: Path) -> None:
    from small_space import write_space

    from f2fsim.explore.duel import duel

    space = write_space(tmp_path / "space").parent
    families = {
        "f2f": {"archs": [str(space / "arch.yaml")], "axes": {"front_end.n_out": "16:48:8"}},
        "csr": {"archs": [str(space / "csr.yaml")], "axes": {"pe_array.columns": [1, 2, 4]}},
    }
    scenarios = {"one": {"workloads": [str(space / "workload.yaml")]}}
    given = {"families": families, "scenarios": scenarios, "reasons": False}
    cluster = Cluster(tmp_path, 1)
    try:
        deadline = time.monotonic() + 60
        while not cluster.file.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        found = duel(dask=str(cluster.file), **given)
    finally:
        cluster.close()
    alone = duel(workers=1, **given)
    assert found.n_run > 0
    assert [one.winner for one in found.decisions] == [one.winner for one in alone.decisions]
    assert [row["digest"] for row in found.front()] == [row["digest"] for row in alone.front()]
