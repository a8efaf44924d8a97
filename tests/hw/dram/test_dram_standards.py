"""Imported DRAMsim3 files of other standards against DRAMsim3's own runs."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from dram_reference import DATA
from dram_traces import TRACES, make_trace

from f2fsim.config.dram import DramSpec
from f2fsim.config.dramsim3 import import_ini
from f2fsim.hw.dram import dram_params, replay

REFERENCE = json.loads((DATA / "dramsim3.json").read_text(encoding="utf-8"))["memories"]
LATENCY_BOUND = ("e_paced8", "r_paced64", "g_chase", "g_chase_seq")


@cache
def imported(memory: str, folder: Path) -> DramSpec:
    """Return the preset that the import makes of a memory's ini file."""
    lines = []
    for section, values in REFERENCE[memory]["ini"].items():
        lines += [f"[{section}]", *(f"{key} = {value}" for key, value in values.items())]
    path = folder / f"{memory}.ini"
    path.write_text("\n".join(lines), encoding="ascii")
    return import_ini(path).spec


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ini")


def run(spec: DramSpec, trace: str, *, refresh: bool) -> dict[str, Any]:
    """Return our figures of a reference run, read latencies from the entry."""
    params = dram_params(spec)
    page_bytes = params.n_columns * params.burst_bytes
    requests = make_trace(trace, params.burst_bytes, page_bytes=page_bytes)
    result = replay(
        params if refresh else params.without_refresh(),
        requests[:, 0],
        requests[:, 1],
        requests[:, 2],
        max_outstanding=1 if trace.startswith("g_") else None,
    )
    reads = requests[:, 1] == 0
    latency = (result.done_clocks - result.enter_clocks)[reads].mean()
    return {"cycles": result.n_clocks, "latency": latency, "acts": result.stats.commands["ACT"]}


@pytest.mark.parametrize("trace", TRACES)
@pytest.mark.parametrize("memory", REFERENCE)
def test_imported_files_run_as_in_dramsim3(memory: str, trace: str, folder: Path) -> None:
    spec = imported(memory, folder)
    for refresh in (False, True):
        key = "refresh" if refresh else "no refresh"
        cycles, latency, acts = REFERENCE[memory]["runs"][trace][key]
        ours = run(spec, trace, refresh=refresh)
        if trace == "f_mixed":
            # DRAMsim3 lets a batch of writes into the queue of the reads; we change over.
            assert ours["cycles"] == pytest.approx(cycles, rel=0.033)
        elif trace in LATENCY_BOUND and not refresh:
            assert ours["cycles"] == cycles
            assert ours["latency"] == pytest.approx(latency, abs=6e-4)
            assert ours["acts"] == acts
        else:
            assert ours["cycles"] == pytest.approx(cycles, rel=0.0015)
            assert ours["acts"] == pytest.approx(acts, rel=0.02)
