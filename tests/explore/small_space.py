"""A design space that is small enough to be run many times: shared by the tests of sweeps."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from f2fsim.explore import runners
from f2fsim.explore.evaluate import Task, run_task
from f2fsim.explore.store import Outcome

ARCH = """\
name: small_f2f
clock: 800 MHz
memory: {preset: ddr4_2400}
front_end: {kind: f2f, n_in: 8, n_out: 40, n_s: 3, groups: 1, outputs: all}
pe_array: {kind: lanes, weights_per_cycle: 64, columns: 1, zeros: gate}
scratchpad: {capacity: 64 KiB, n_banks: 16}
streams: {prefetch: 4 KiB}
"""
CSR = """\
name: small_csr
clock: 800 MHz
memory: {preset: ddr4_2400}
front_end: {kind: csr}
pe_array: {kind: row_parallel, n_pes: 64}
scratchpad: {capacity: 64 KiB, n_banks: 64}
streams: {prefetch: 4 KiB}
"""
WORKLOAD = """\
name: small
synthetic: {distribution: normal}
pruning: {method: magnitude, sparsity: 0.8}
layers:
  - {name: a, op: linear, in_features: 96, out_features: 64}
  - {name: b, op: linear, in_features: 64, out_features: 32}
"""
SPEC = """\
name: small_space
archs: [arch.yaml]
workloads: [workload.yaml]
baselines: [csr.yaml]
axes:
  front_end.n_out: "16:48:8"
  front_end.n_s: [0, 3, 7]
  sparsity: [0.7, 0.8]
constraints: ["n_out * (1 - sparsity) <= 12"]
"""


def write_space(folder: Path, spec: str = SPEC) -> Path:
    """Write the files of the design space; return the specification's path."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("arch.yaml", ARCH),
        ("csr.yaml", CSR),
        ("workload.yaml", WORKLOAD),
        ("spec.yaml", spec),
    ):
        (folder / name).write_text(text)
    return folder / "spec.yaml"


def comparable(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows in the order of their points: all they hold, nothing of when they were run."""
    return sorted(rows, key=lambda row: int(row["point"]))


def slow_task(task: Task) -> Outcome:
    """A point that takes long enough to be killed in the middle."""
    time.sleep(0.25)
    return run_task(task)


def process_task(task: Task) -> Outcome:
    """A point that only tells which process it ran in."""
    return Outcome(task.digest, "ok", {"process": os.getpid()})


def met_task(task: Task) -> Outcome:
    """A point that tells its process, and begins when two have begun; starts differ under load."""
    folder, deadline = Path(os.environ["F2FSIM_TEST_FOLDER"]), time.monotonic() + 60
    (folder / f"began {os.getpid()}").touch()
    while len(list(folder.glob("began *"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.02)
    return process_task(task)


def late_task(task: Task) -> Outcome:
    """A point that takes all the time of its worker's block."""
    runners.BLOCK_SECONDS = -1.0
    return process_task(task)


def deadly_task(task: Task) -> Outcome:
    """Kill the worker: at the first point of all, and always at the smallest digest."""
    folder = Path(os.environ["F2FSIM_TEST_FOLDER"])
    if (folder / "always").read_text() == task.digest:
        os.kill(os.getpid(), signal.SIGKILL)
    try:
        (folder / "died").touch(exist_ok=False)
    except FileExistsError:
        return run_task(task)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError
