"""Lanes get full groups at every density, whatever a front end decodes at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from f2fsim.codec import SCALES
from f2fsim.config.arch import load_arch
from f2fsim.config.load_workload import build_workload
from f2fsim.hw.arrays.lane_estimates import mean_gather_cycles
from f2fsim.hw.arrays.lane_steps import Weights, full_steps
from f2fsim.mapping.steps import BandSteps
from f2fsim.pipeline.cost import CostModel
from f2fsim.pipeline.layer import prepare_layer, run_layer
from f2fsim.pipeline.run import layer_jobs
from f2fsim.shipped import names

#: A memory that never binds.
FAST = {"memory.preset": "hbm2_stack", "streams.prefetch": "64 KiB"}


WORKLOAD = {
    "name": "one",
    "synthetic": {"distribution": "normal"},
    "pruning": {"method": "magnitude", "sparsity": 0.8},
    "layers": [{"name": "l", "op": "linear", "in_features": 64, "out_features": 32, "n_tokens": 3}],
}


def result_of(name: str, sparsity: float, values: dict[str, Any] | None = None) -> Any:
    arch = load_arch(name).with_values(FAST | (values or {}))
    data = {
        "name": "one",
        "synthetic": {"distribution": "normal"},
        "pruning": {"method": "magnitude", "sparsity": sparsity},
        "layers": [
            {"name": "l", "op": "linear", "in_features": 512, "out_features": 192, "n_tokens": 160}
        ],
    }
    return run_layer(next(layer_jobs(build_workload(data, Path(), "one"), arch)))


@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.7, 0.9])
def test_gated_f2f_is_as_fast_as_dense_where_both_are_bound_by_multipliers(
    sparsity: float,
) -> None:
    """Equal multipliers, no lane left idle: within 5 %."""
    dense, f2f = result_of("dense_edge", sparsity), result_of("f2f_edge", sparsity)
    assert f2f.n_multipliers == dense.n_multipliers
    assert dense.n_cycles <= 1.03 * dense.bound_cycles["multipliers"]
    assert f2f.n_cycles <= 1.05 * dense.n_cycles


@pytest.mark.parametrize("sparsity", [0.5, 0.7, 0.9])
def test_skipping_f2f_keeps_its_lanes_fed(sparsity: float) -> None:
    """The array works nine tenths of the time; its gathers' conflicts are the rest of the way."""
    f2f = result_of("f2f_skip_edge", sparsity)
    array = next(part for part in f2f.components if part.name == "pe array")
    conflicts = mean_gather_cycles(32, 64, 16, round(1 - sparsity, 2), 512, shares=False)
    assert array.busy_cycles >= 0.9 * f2f.n_cycles
    assert array.busy_cycles <= 1.1 * conflicts * f2f.macs_effectual / f2f.n_multipliers


@pytest.mark.parametrize("name", sorted(names("arch_configs")))
def test_lanes_pay_for_one_network_and_for_the_queue_they_have(name: str) -> None:
    """Rotators for neighbouring columns, a crossbar for any; the queue's every place is priced."""
    arch = load_arch(name)
    if arch.pe_array.kind != "lanes":
        return
    area = CostModel.of(arch).area_um2("int8")
    networks = {"operand crossbar", "operand rotators"} & set(area)
    compacts = arch.pe_array.zeros == "skip" and arch.front_end.kind != "nm"
    assert networks == {"operand crossbar" if compacts else "operand rotators"}
    assert ("operand requests" in area) is compacts
    assert ("operand select" in area) is (arch.front_end.kind == "nm")
    job = next(layer_jobs(build_workload(WORKLOAD, Path(), "one"), arch))
    built, _ = prepare_layer(job)
    queue = [channel for channel in built.machine.channels if channel.name == "lane queue"]
    lanes = arch.pe_array.weights_per_cycle
    assert [channel.capacity for channel in queue] == [3 * lanes] * ("lane queue" in area)
    assert ("lane queue" in area) is (arch.front_end.kind != "dense")


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 999), n_rows=st.integers(1, 9), n_cols=st.integers(1, 30),
    lanes=st.integers(1, 20), density=st.floats(0, 1), skips=st.booleans(),
)  # fmt: skip
def test_full_groups_are_cut_one_by_one(
    seed: int, n_rows: int, n_cols: int, lanes: int, density: float, skips: bool
) -> None:
    """Weights dealt by hand; a row is done when the next weight that is taken is of a later one."""
    mask = np.random.default_rng(seed).random(n_rows * n_cols) < density
    places = [i for i in range(mask.size) if mask[i] or not skips]
    groups = [places[at : at + lanes] for at in range(0, len(places), lanes)] or [[]]
    nothing = np.zeros(1, dtype=np.int64)
    whole = np.array([mask.size])
    fed = BandSteps({SCALES: np.array([32 * n_rows])}, whole, nothing, *([nothing] * 6))
    kept = np.flatnonzero(mask)
    weights = Weights(kept, np.array([0, kept.size]), nothing, nothing)
    ways = {"lanes": lanes, "skips": skips}
    (found,), bounds = full_steps([fed], weights, [n_rows], n_cols, **ways, all_rows=False)
    assert bounds.tolist() == [0, len(groups)]
    assert found.n_kept.tolist() == [sum(bool(mask[i]) for i in group) for group in groups]
    ends = [group[0] for group in groups[1:]] + [mask.size]
    assert np.cumsum(found.n_weights).tolist() == ends
    assert np.cumsum(found.rows_done).tolist() == [end // n_cols for end in ends]
    assert int(found.stream_bits[SCALES].sum()) == 32 * n_rows
    (last,), _ = full_steps([fed], weights, [n_rows], n_cols, **ways, all_rows=True)
    assert last.rows_done.tolist() == [0] * (len(groups) - 1) + [n_rows]
