"""What is said to decide a planned layer's machine does: what is left out of it changes nothing."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from f2fsim.config.arch import ArchConfig, load_arch
from f2fsim.config.load_workload import build_workload
from f2fsim.engine import Outcome, run
from f2fsim.errors import ConfigError
from f2fsim.hw.arrays import array_kind
from f2fsim.hw.description import Machine
from f2fsim.pipeline import layer
from f2fsim.pipeline.deciding import decided_by_arch
from f2fsim.pipeline.layer import chosen_plan, prepare_layer, run_plan
from f2fsim.pipeline.run import layer_jobs
from f2fsim.sharing import Shared, sharing
from f2fsim.shipped import names

WORKLOAD = {
    "name": "one",
    "synthetic": {"distribution": "normal"},
    "pruning": {"method": "magnitude", "sparsity": 0.7},
    "layers": [{"name": "l", "op": "linear", "in_features": 96, "out_features": 48, "n_tokens": 5}],
}


def equal(one: Any, other: Any) -> bool:
    """Whether two values are the same, arrays and what they are in included."""
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(equal, one, other))
    if is_dataclass(one):
        return all(equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    return bool(one == other)


def larger(arch: ArchConfig) -> ArchConfig:
    """Return the machine with other names, more memory on the chip and other prices."""
    values = {
        "name": "larger",
        "scratchpad.capacity": 2 * arch.scratchpad.capacity,
        "schedule": "predicted",
    }
    if getattr(arch.pe_array, "dataflow", "") != "output_stationary":  # which may not say it
        values["pe_array.accumulators.capacity"] = 2 * arch.pe_array.accumulator_bytes
    return arch.with_values(values)


@pytest.mark.parametrize("name", names("arch_configs"))
def test_what_is_left_out_changes_no_machine(name: str) -> None:
    workload = build_workload(WORKLOAD, Path(), "one")
    job = next(layer_jobs(workload, load_arch(name)))
    other = next(layer_jobs(workload, larger(load_arch(name))))
    same = decided_by_arch(job.arch) == decided_by_arch(other.arch)
    assert same != array_kind(job.arch).sized_by_capacity
    if same:
        plan = chosen_plan(job)
        built, encoded = prepare_layer(job, plan)
        again, encoded_again = prepare_layer(other, plan)
        assert equal(built.machine, again.machine)
        assert equal(replace(built, machine=None), replace(again, machine=None))
        assert equal(encoded, encoded_again)
        with sharing(Shared(1 << 24)):
            run_plan(job, plan)
            shared = run_plan(other, plan)
        assert shared == run_plan(other, plan)


def test_a_plan_is_all_of_its_fields() -> None:
    plan = chosen_plan(next(layer_jobs(build_workload(WORKLOAD, Path(), "one"), load_arch("eie"))))
    others = [
        replace(plan, schedule="other"),
        replace(plan, band_rows=(47, 1)),
        replace(plan, tile_columns=(4, 1)),
        replace(plan, rows_in_flight=99),
        replace(plan, scratchpad_bits={}),
        replace(plan, is_dense=True),
    ]
    assert len(others) == len(fields(plan))
    assert len({one.key for one in [plan, *others]}) == len(others) + 1


#: Other values of the keys that are said to decide an array's own component alone.
OTHERS: dict[str, dict[str, Any]] = {
    "window": {"pe_array.window": 3},
    "columns": {"pe_array.columns": 3},
    "shared_reads": {"pe_array.shared_reads": True},
    "accumulators": {"pe_array.accumulators.capacity": 1 << 22},
}


@pytest.mark.parametrize("key", OTHERS)
@pytest.mark.parametrize(
    "name", ["f2f_edge", "f2f_skip_edge", "bitmap_edge", "nm_edge", "csr_edge"]
)
def test_own_keys_decide_the_array_alone(name: str, key: str) -> None:
    arch = load_arch(name)
    if key not in array_kind(arch).own_keys:
        assert (name, key) == ("csr_edge", "window")  # its steps are windows
        return
    if key == "shared_reads" and name in ("f2f_edge", "nm_edge"):
        with pytest.raises(ConfigError):
            arch.with_values(OTHERS[key])
        return
    workload = build_workload(WORKLOAD, Path(), "one")
    job = next(layer_jobs(workload, arch))
    other = next(layer_jobs(workload, arch.with_values(OTHERS[key])))
    plan = chosen_plan(job)
    one, two = (prepare_layer(of, plan)[0].machine for of in (job, other))
    assert one.components[-1].name == "pe array"
    assert equal(one.components[-1].inputs, two.components[-1].inputs)
    assert equal(one.components[-1].outputs, two.components[-1].outputs)
    for of in (one, two):
        object.__setattr__(of, "components", of.components[:-1])
    assert equal(one, two)


def test_machines_that_are_one_in_time_are_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """More columns than a layer has: other energy, the same cycles."""
    workload = build_workload(WORKLOAD, Path(), "one")
    archs = [
        load_arch("f2f_skip_edge").with_values({"pe_array.columns": n, "pe_array.window": window})
        for n in (8, 16)
        for window in (2, 9)
    ]
    jobs = [next(layer_jobs(workload, arch)) for arch in archs]
    jobs = [replace(job, data=jobs[0].data) for job in jobs]
    plan = chosen_plan(jobs[0])
    alone = [run_plan(job, plan) for job in jobs]
    runs = []

    def counted(machine: Machine, *others: Any) -> Outcome:
        runs.append(machine)
        return run(machine, *others)

    monkeypatch.setattr(layer, "run", counted)
    with sharing(Shared(1 << 24)):
        together = [run_plan(job, plan) for job in jobs]
    assert together == alone
    assert len(runs) == len({one.n_ticks for one in alone}) == 2
    assert alone[0].energy_pj != alone[2].energy_pj
    # What takes other cycles by one alone is another machine in time.
    array = runs[0].components[-1]
    assert not np.array_equal(array.service_cycles, runs[1].components[-1].service_cycles)
