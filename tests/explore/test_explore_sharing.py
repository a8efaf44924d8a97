"""What a worker keeps from point to point decides no figure: every record is that of a fresh run."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import yaml
from small_space import write_space

from f2fsim import shipped
from f2fsim.config import load_workload
from f2fsim.config.arch import ArchConfig, load_arch
from f2fsim.explore.evaluate import Task, metrics_of, run_task
from f2fsim.explore.points import code_digest
from f2fsim.explore.store import Outcome
from f2fsim.pipeline import simulate
from f2fsim.sharing import Shared, shared, sharing

#: Machines, and values of keys that leave something to share: encodings, places, reads, folds.
MACHINES = {
    "f2f_edge": {"pe_array.columns": (1, 4), "pe_array.window": (1, 8), "front_end.n_out": (40,)},
    "f2f_skip_edge": {"pe_array.weights_per_cycle": (8, 16), "front_end.groups": (1, 3)},
    "bitmap_edge": {
        "pe_array.columns": (2, 8),
        "pe_array.window": (1, 16),
        "scratchpad.n_banks": (16, 64),
        "memory.n_channels": (1,),
        "front_end.aligner_weights": (8,),
    },
    "csr_edge": {
        "pe_array.n_pes": (8, 32),
        "pe_array.window": (4,),
        "scratchpad.capacity": ("32 KiB",),
    },
    "nm_edge": {"pe_array.columns": (2, 8), "front_end.m": (8,)},
    "dense_edge": {
        "memory.n_channels": (1, 2),
        "schedule": ("weight_stationary",),
        "scratchpad.capacity": ("8 KiB", "64 KiB"),
        "pe_array.accumulators.capacity": ("16 KiB", "1 MiB"),
    },
    "systolic_32x32": {"pe_array.rows": (8, 16), "scratchpad.n_banks": (16,)},
    "scnn_like": {"pe_array.columns": (16, 64)},
    "sigma": {"pe_array.n_multipliers": (1024, 16384), "pe_array.chunk": (64,)},
    "eie": {"pe_array.n_pes": (16, 64)},
    "hisparse": {"scratchpad.capacity": ("512 KiB", "1 MiB")},
}


def variants(name: str) -> list[ArchConfig]:
    base = load_arch(name)
    found = [base]
    for path, values in MACHINES[name].items():
        found += [one.with_values({path: value}) for one in found[:2] for value in values]
    return found


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("F2FSIM_CACHE_DIR", "off")


@pytest.mark.parametrize("name", MACHINES)
def test_records_do_not_depend_on_what_ran_before(name: str, tmp_path: Path) -> None:
    spec = write_space(tmp_path / "space")
    convolutions = (
        "  - {name: c, op: conv2d, in_channels: 8, out_channels: 12, kernel: [3, 3], "
        "input_size: [9, 7], groups: 2}\n"
    )
    file = spec.parent / "workload.yaml"
    file.write_text(file.read_text() + convolutions)
    workloads = [load_workload(file).with_overrides(batch=batch) for batch in (1, 3)]
    tasks = [
        Task(f"{i}", arch, workload, "compiled", code_digest())
        for i, (arch, workload) in enumerate((a, w) for a in variants(name) for w in workloads)
    ]
    random.Random(1).shuffle(tasks)
    for task in tasks:
        outcome = run_task(task)
        assert outcome.status == "ok", outcome.error
        assert outcome.metrics == metrics_of(simulate(task.arch, task.workload, isolated=True))


def test_a_machine_of_a_larger_memory_is_no_leave_to_run_on_a_small_one(tmp_path: Path) -> None:
    file = write_space(tmp_path / "space").parent / "workload.yaml"
    file.write_text(file.read_text().replace("in_features: 96", "in_features: 8192"))
    workload = load_workload(file)
    preset = yaml.safe_load(shipped.names("arch_configs", "dram")["lpddr4_3200"].read_text())

    def ran(name: str, rows: int) -> Outcome:
        path = tmp_path / f"{name}.yaml"
        preset["organisation"]["rows"] = rows
        path.write_text(yaml.safe_dump(preset))
        arch = load_arch("bitmap_edge").with_values({"memory.preset": str(path)})
        return run_task(Task(name, arch, workload, "compiled", code_digest()))

    assert ran("large", 4096).status == "ok"
    small = ran("small", 1)
    assert (small.status, "a layer needs" in small.error) == ("invalid", True), small.error


def test_a_value_is_made_once_for_its_owner_while_there_is_room() -> None:
    made: list[str] = []

    def make(name: str) -> np.ndarray:
        made.append(name)
        return np.zeros(1000, dtype=np.uint8)

    store, one, other = Shared(4000), object(), object()
    shared(one, "a", lambda: make("outside"))
    shared(one, "a", lambda: make("outside"))
    with sharing(store):
        first = shared(one, "a", lambda: make("one"))
        assert shared(one, "a", lambda: make("one")) is first
        assert shared(other, "a", lambda: make("other")) is not first
        shared(one, "b", lambda: make("b"))
        shared(one, "c", lambda: make("c"))  # no room for four
        assert shared(other, "a", lambda: make("again")) is not None
        shared(one, "a", lambda: make("evicted"))
    assert made == ["outside", "outside", "one", "other", "b", "c", "evicted"]
    with sharing(store):
        big = np.zeros(10_000, dtype=np.uint8)
        shared(one, "big", lambda: big)
        shared(one, "big", lambda: make("never kept"))
    assert made[-1] == "never kept"
