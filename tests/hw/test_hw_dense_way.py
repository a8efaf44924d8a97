"""Layers that a sparse machine stores as they are: exact, bounded, and chosen where it is faster."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from f2fsim.config.arch import load_arch
from f2fsim.config.load_workload import build_workload
from f2fsim.engine import run
from f2fsim.pipeline.layer import LayerJob, chosen_plan, prepare_layer, run_layer, run_plan
from f2fsim.pipeline.run import layer_jobs

MACHINES = ("csr_edge", "bitmap_edge", "scnn_like")


def job_of(arch: str, sparsity: float, **layer: Any) -> LayerJob:
    sizes = {"in_features": 70, "out_features": 83, "n_tokens": 5} | layer
    data = {
        "name": "one",
        "synthetic": {"distribution": "normal"},
        "pruning": {"method": "magnitude", "sparsity": sparsity},
        "layers": [{"name": "linear", "op": "linear", **sizes}],
    }
    return next(layer_jobs(build_workload(data, Path(), "one"), load_arch(arch)))


@pytest.mark.parametrize("arch", MACHINES)
@pytest.mark.parametrize("sparsity", [0.0, 0.2, 0.9])
def test_exact_and_equal_in_both_engines(arch: str, sparsity: float) -> None:
    """Whatever the mask: `run_plan` checks bytes, bounds and every output."""
    job = job_of(arch, sparsity)
    plan = replace(chosen_plan(job), is_dense=True)
    result = run_plan(replace(job, functional=True), plan)
    assert result.format == "dense"
    assert result.outputs_checked == 83 * 5
    assert result.encoded_bits["weights"] == 83 * 70 * 8
    assert result.macs_issued == 83 * 70 * 5
    built, _ = prepare_layer(job, plan)
    assert run(built.machine, job.dram, "event") == run(built.machine, job.dram, "compiled")


@pytest.mark.parametrize("arch", MACHINES)
def test_an_unpruned_layer_is_stored_densely_and_a_sparse_one_is_not(arch: str) -> None:
    full, sparse = (run_layer(job_of(arch, s, in_features=512)) for s in (0.0, 0.9))
    assert full.format == "dense"
    assert sparse.format != "dense"
    assert full.encoded_bits["dense flags"] >= 1
    assert full.encoded_bits["weights"] == 83 * 512 * 8
    own = job_of(arch, 0.0, in_features=512)
    other = run_plan(own, replace(chosen_plan(own), is_dense=False))
    assert full.n_cycles < other.n_cycles
    assert sum(full.encoded_bits.values()) < sum(other.encoded_bits.values())


@pytest.mark.parametrize("arch", ["f2f_edge", "f2f_skip_edge"])
def test_an_unpruned_layer_of_f2f_has_no_mask(arch: str) -> None:
    """Its blocks are the weights as they are, and a mask without holes is a flag: dense bits."""
    full, dense = (run_layer(job_of(name, 0.0, in_features=512)) for name in (arch, "dense_edge"))
    assert full.encoded_bits["mask"] == 0
    assert sum(full.encoded_bits.values()) <= 1.002 * sum(dense.encoded_bits.values())
    sparse = run_layer(job_of(arch, 0.02, in_features=512))
    assert sparse.encoded_bits["mask"] == 83 * 512


def test_a_dense_row_parallel_round_is_one_read() -> None:
    """96 rows on 32 PEs: three waves of 70 columns, one cycle each and wave of 8 activations."""
    job = job_of("csr_edge", 0.0, out_features=96, n_tokens=8)
    plan = replace(chosen_plan(job), is_dense=True, band_rows=(96,), tile_columns=(8,))
    built, _ = prepare_layer(job, plan)
    array = next(part for part in built.machine.components if part.name == "pe array")
    assert int(array.service_cycles.sum()) == 3 * 70
    assert built.unit_rates["operand banks"] == (3 * 2, 1)  # columns 0 and 64


def test_flags_of_kept_zeros_are_not_fetched() -> None:
    """They are there in some bands only (a kept weight of value 0), and no machine reads them."""
    job = job_of("bitmap_edge", 0.0, in_features=276, out_features=84)
    plan = replace(chosen_plan(job), is_dense=True, band_rows=(1,) * 84)
    built, encoded = prepare_layer(job, plan)
    flagged = ["mask" in band.streams for band in encoded]
    assert any(flagged)
    assert not all(flagged)
    assert "mask" not in built.payload_bits
    passes = 1 if plan.holds_weights else len(plan.tile_columns)
    assert built.payload_bits["weights"] == 8 * 276 * 84 * passes
