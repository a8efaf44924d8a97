"""Mask statistics against plain counting, the closed form of independent masks, trained layers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from f2fsim.config import Workload, load_workload
from f2fsim.report.mask_figure import order_series
from f2fsim.workloads import load_layer
from f2fsim.workloads.statistics import (
    STATISTICS_ORDERS,
    block_counts,
    block_densities,
    iterate_statistics,
    mask_statistics,
)


def one_layer(n_out: int, n_in: int, **changes: object) -> Workload:
    data: dict[str, object] = {
        "name": "w",
        "synthetic": {"distribution": "normal"},
        "pruning": {"method": "magnitude", "sparsity": 0.9},
        "layers": [{"name": "a", "op": "linear", "in_features": n_in, "out_features": n_out}],
    }
    return Workload.model_validate(data | changes)


def test_independent_masks_have_the_closed_form() -> None:
    found = mask_statistics(load_layer(one_layer(512, 640), "a"), n_out=80)
    assert found.iid_cv == pytest.approx(math.sqrt(0.9 / (0.1 * 80)), rel=1e-4)
    # 4096 blocks: the sampling error of a CV is about 1.2 %.
    for order, value in found.n_u_cv.items():
        assert value == pytest.approx(found.iid_cv, rel=0.05), order
    assert found.row_cv == pytest.approx(math.sqrt(0.9 / (0.1 * 640)), rel=0.15)


def test_uneven_rows_show_in_row_order_and_not_along_diagonals() -> None:
    pruning = {"method": "row_uneven", "sparsity": 0.9, "row_cv": 0.8}
    found = mask_statistics(load_layer(one_layer(512, 640, pruning=pruning), "a"), n_out=80)
    assert found.row_cv == pytest.approx(0.8, rel=0.1)
    assert found.n_u_cv["row"] > 0.8
    assert found.n_u_cv["column"] < 0.55
    assert found.n_u_cv["diagonal_shuffled"] < 0.55


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 20), st.integers(0, 3))
def test_counts_and_densities_by_plain_counting(rows: int, columns: int, n: int, seed: int) -> None:
    mask = np.random.default_rng(seed).random((rows, columns)) < 0.4
    row = [bool(x) for r in mask for x in r]
    column = [bool(mask[r, c]) for c in range(columns) for r in range(rows)]
    diagonal = [bool(mask[i, (i + d) % columns]) for d in range(columns) for i in range(rows)]
    for order, flat in (("row", row), ("column", column), ("diagonal_1", diagonal)):
        expected = [sum(flat[i : i + n]) for i in range(0, len(flat) - n + 1, n)]
        assert block_counts(mask, order, n, 1).tolist() == expected
    dense = block_densities(mask, 2, 3)
    assert dense[-1, -1] == mask[(rows - 1) // 2 * 2 :, (columns - 1) // 3 * 3 :].mean()


@pytest.mark.parametrize("sparsity", [0.0, 1.0])
def test_all_and_nothing_pruned(sparsity: float) -> None:
    found = next(iterate_statistics(one_layer(7, 9).with_overrides(sparsity=sparsity), n_out=8))
    assert found.sparsity == sparsity
    assert found.row_cv == (0.0 if sparsity == 0 else None)
    assert found.empty_rows == (0 if sparsity == 0 else 7)
    assert set(found.n_u_cv) == set(STATISTICS_ORDERS)
    small = next(iterate_statistics(one_layer(2, 3), n_out=80))
    assert set(small.n_u_cv.values()) == {None}


@pytest.mark.weights
def test_trained_layers_are_uneven_in_row_order_and_even_along_diagonals() -> None:
    """The reason for the diagonal order, measured on a trained feed-forward layer at S=0.9."""
    workload = load_workload("minilm").with_overrides(sparsity=0.9)
    found = next(iterate_statistics(workload, ["encoder.layer.2.intermediate.dense"]))
    assert found.n_u_cv["row"] > 1.2 * found.iid_cv
    assert found.n_u_cv["diagonal_shuffled"] == pytest.approx(found.iid_cv, rel=0.05)
    series = order_series([found])
    assert series["row"] == [found.n_u_cv["row"]]
    assert series["independent"] == [found.iid_cv]
