"""Pruning: exact counts, reproducible ties, structure; against sorting in plain Python."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from f2fsim.workloads import prune

MATRICES = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=24),
    elements=st.sampled_from([0.0, -0.0, 0.5, -0.5, 1.0, -2.0, 3.25, 1e-30]),
)


def rng(seed: int = 7) -> np.random.Generator:
    return np.random.default_rng(seed)


@given(MATRICES, st.floats(0, 1))
def test_magnitude_is_exact_and_takes_the_smallest(w: np.ndarray, sparsity: float) -> None:
    n = prune.n_pruned(sparsity, w.size)
    assert abs(n - sparsity * w.size) <= 0.5 + 1e-9
    mask = prune.magnitude_mask(w, n, rng())
    assert int((~mask).sum()) == n
    kept, gone = np.abs(w[mask]), np.abs(w[~mask])
    if kept.size and gone.size:
        assert gone.max() <= kept.min()
    np.testing.assert_array_equal(mask, prune.magnitude_mask(w, n, rng()))


def test_ties_are_drawn_evenly_not_from_one_end() -> None:
    mask = prune.magnitude_mask(np.ones((100, 100), dtype=np.float32), 5000, rng())
    by_row = mask.sum(axis=1)
    assert by_row.min() > 25
    assert by_row.max() < 75
    other = prune.magnitude_mask(np.ones((100, 100), dtype=np.float32), 5000, rng(8))
    assert (mask != other).any()


def test_hand_worked_magnitudes() -> None:
    w = np.array([[3.0, -1.0, 0.5], [-4.0, 0.25, 2.0]], dtype=np.float32)
    expected = np.array([[True, False, False], [True, False, True]])
    np.testing.assert_array_equal(prune.magnitude_mask(w, 3, rng()), expected)
    assert prune.magnitude_mask(w, 0, rng()).all()
    assert not prune.magnitude_mask(w, 6, rng()).any()


@given(st.integers(1, 20), st.integers(1, 20), st.floats(0, 1))
def test_random_is_exact(rows: int, columns: int, sparsity: float) -> None:
    n = prune.n_pruned(sparsity, rows * columns)
    mask = prune.random_mask((rows, columns), n, rng())
    assert int((~mask).sum()) == n


@given(MATRICES, st.integers(1, 4), st.integers(2, 6))
def test_n_of_m_against_sorting(w: np.ndarray, n: int, m: int) -> None:
    n = min(n, m)
    mask = prune.nm_mask(w, n, m)
    for r in range(w.shape[0]):
        for start in range(0, w.shape[1], m):
            group = [abs(float(x)) for x in w[r, start : start + m]]
            keep = -(-len(group) * n // m)
            best = sorted(range(len(group)), key=lambda i: (-group[i], i))[:keep]
            assert sorted(best) == list(np.flatnonzero(mask[r, start : start + m]))


def test_large_matrices_are_cut_into_row_blocks_without_a_seam() -> None:
    w = rng().standard_normal((5, 2**16)).astype(np.float32)
    assert len(list(prune.row_blocks(w.shape))) == 3
    by_row = np.concatenate([prune.nm_mask(w[i : i + 1], 1, 3) for i in range(5)])
    np.testing.assert_array_equal(prune.nm_mask(w, 1, 3), by_row)
    mask = prune.row_uneven_mask(w, 0.9, 0.5, rng())
    assert int(mask.sum()) == w.size - prune.n_pruned(0.9, w.size)
    assert all(np.abs(r[k]).min() >= np.abs(r[~k]).max() for r, k in zip(w, mask, strict=True))


@given(MATRICES, st.floats(0, 1), st.integers(1, 5), st.integers(1, 5))
def test_blocks_go_as_a_whole(w: np.ndarray, sparsity: float, rows: int, columns: int) -> None:
    mask = prune.block_mask(w, sparsity, rows, columns, rng())
    gone, kept = [], []
    for r in range(0, w.shape[0], rows):
        for c in range(0, w.shape[1], columns):
            part = mask[r : r + rows, c : c + columns]
            assert part.all() or not part.any()
            mean_square = np.mean(np.square(w[r : r + rows, c : c + columns].astype(float)))
            (kept if part.all() else gone).append(mean_square)
    assert len(gone) == prune.n_pruned(sparsity, len(gone) + len(kept))
    if gone and kept:
        assert max(gone) <= min(kept) * (1 + 1e-12)


@given(MATRICES, st.floats(0, 1), st.floats(0, 3))
def test_row_uneven_is_exact_and_by_magnitude(w: np.ndarray, sparsity: float, cv: float) -> None:
    if cv**2 >= sparsity / max(1 - sparsity, 1e-12):
        cv = 0.0
    mask = prune.row_uneven_mask(w, sparsity, cv, rng())
    assert int((~mask).sum()) == prune.n_pruned(sparsity, w.size)
    for row, kept in zip(np.abs(w), mask, strict=True):
        if kept.any() and not kept.all():
            assert row[~kept].max() <= row[kept].min()


@pytest.mark.parametrize("cv", [0.0, 0.3, 0.8])
def test_row_uneven_has_the_stated_spread(cv: float) -> None:
    w = rng().standard_normal((4000, 256)).astype(np.float32)
    density = prune.row_uneven_mask(w, 0.9, cv, rng()).mean(axis=1)
    assert density.mean() == pytest.approx(0.1, abs=1e-6)
    # The sampling error of a standard deviation over 4000 rows is about 2 %.
    assert density.std() / density.mean() == pytest.approx(cv, abs=0.06 * cv + 0.02)


@settings(max_examples=200)
@given(st.data())
def test_apportion_is_exact_within_capacity_and_proportional(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 12))
    wanted = np.array(data.draw(st.lists(st.floats(0, 1e3), min_size=n, max_size=n)))
    room = np.array(data.draw(st.lists(st.integers(0, 50), min_size=n, max_size=n)))
    total = data.draw(st.integers(0, int(room.sum())))
    shares = prune.apportion(wanted, room, total)
    assert int(shares.sum()) == total
    assert (shares >= 0).all()
    assert (shares <= room).all()
    for i in range(n):
        for j in range(n):
            # Two shares below their capacity stand in the ratio of their wants, to one unit.
            if wanted[i] > 1e-6 and wanted[j] > 1e-6 and shares[i] < room[i] - 1:
                assert (shares[j] - 1) / wanted[j] <= (shares[i] + 1) / wanted[i] * (1 + 1e-9)


def test_apportion_by_hand() -> None:
    shares = prune.apportion(np.array([1.0, 1.0, 2.0]), np.array([10, 1, 10]), 10)
    np.testing.assert_array_equal(shares, [3, 1, 6])
