"""Weights that a plan holds fit what it reserves for them, whatever the mask."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from f2fsim.codec import PrunedTensor, weight_type
from f2fsim.config.arch import load_arch
from f2fsim.config.load_workload import build_workload
from f2fsim.pipeline.layer import LayerJob, prepare_layer
from f2fsim.pipeline.run import layer_jobs
from f2fsim.scheduling import every_plan

MACHINES = (
    "f2f_edge",
    "f2f_skip_edge",
    "f2f_values_edge",
    "csr_edge",
    "bitmap_edge",
    "huffman_edge",
    "dense_edge",
    "scnn_like",
)


def job_of(arch: str, shape: tuple[int, int], density: float, uneven: float) -> LayerJob:
    """Return a layer whose rows keep more or less by `uneven`, log-normal."""
    n_rows, n_cols = shape
    data = {
        "name": "one",
        "synthetic": {"distribution": "normal"},
        "pruning": {"method": "magnitude", "sparsity": 0.5},
        "layers": [
            {
                "name": "linear",
                "op": "linear",
                "in_features": n_cols,
                "out_features": n_rows,
                "n_tokens": 40,
            }
        ],
    }
    machine = load_arch(arch).with_values({"schedule": "weight_stationary"})
    job = next(layer_jobs(build_workload(data, Path(), "one"), machine))
    rng = np.random.default_rng(7)
    of_row = np.minimum(density * np.exp(uneven * rng.standard_normal(n_rows)), 1.0)
    mask = rng.random(shape) < of_row[:, None]
    patterns = np.where(mask, rng.integers(0, 256, shape), 0).astype(np.uint8)
    tensor = PrunedTensor("linear", patterns, mask, weight_type("int8"))
    return replace(job, data=replace(job.data, tensor=tensor))


@pytest.mark.parametrize("arch", MACHINES)
@pytest.mark.parametrize(
    ("shape", "density", "uneven"),
    [
        pytest.param((300, 200), 1.0, 0.0, marks=pytest.mark.slow),
        pytest.param((300, 200), 0.9, 0.0, marks=pytest.mark.slow),
        pytest.param((160, 210), 0.5, 0.0, marks=pytest.mark.slow),
        ((161, 130), 0.1, 0.0),
        pytest.param((160, 200), 0.3, 1.0, marks=pytest.mark.slow),
        ((224, 100), 0.1, 1.5),
        ((97, 60), 0.02, 0.5),
    ],
)
def test_held_weights_fit_what_is_reserved(
    arch: str, shape: tuple[int, int], density: float, uneven: float
) -> None:
    job = job_of(arch, shape, density, uneven)
    plans = every_plan(job.arch, job.dram, job.data.layer, job.data.tensor)
    held = {
        (plan.is_dense, len(plan.band_rows)): plan for plan in plans if len(plan.tile_columns) > 1
    }
    assert held
    # Few of the numbers of bands, most and fewest among them: each is encoded.
    tried = list(held.values())
    for plan in [*tried[:: max(len(tried) // 3, 1)], tried[-1]]:
        assert plan.holds_weights
        _, encoded = prepare_layer(job, plan)
        bits = [sum(s.n_bits for s in one.streams.values()) + one.scale_bits for one in encoded]
        assert max(bits) <= plan.scratchpad_bits["weights"], (plan.is_dense, plan.band_rows)
