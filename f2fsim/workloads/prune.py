"""Pruning masks: each function returns which weights of a matrix stay.

All are exact in the number of weights (or blocks) that go and reproducible: what the magnitudes
leave open is drawn from the generator given.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

#: Weights whose magnitudes and flags fit a core's cache together.
_CACHED_WEIGHTS = 2**16

#: Elements that bracket a threshold before all are looked at.
_SAMPLE = 2**14

#: Weights that are worked on at once.
_BLOCK_WEIGHTS = 2**17


def n_pruned(sparsity: float, n_weights: int) -> int:
    """Return how many of `n_weights` go at a sparsity: the nearest whole number."""
    return min(n_weights, max(0, round(sparsity * n_weights)))


def magnitude_mask(weights: NDArray[Any], n_prune: int, rng: np.random.Generator) -> Mask:
    """Prune the `n_prune` smallest magnitudes; among equals at the threshold the generator draws.

    Parameters
    ----------
    weights : ndarray, any shape
        Finite numbers.
    n_prune : int
        0 to ``weights.size``.
    """
    return _keep_largest(_real(weights), n_prune, rng)


def _real(weights: NDArray[Any]) -> NDArray[Any]:
    return weights if weights.dtype.kind == "f" else weights.astype(np.float32)


def _keep_largest(scores: NDArray[Any], n_prune: int, rng: np.random.Generator) -> Mask:
    """Keep all but the `n_prune` scores of the smallest magnitude."""
    flat = scores.ravel()
    if n_prune <= 0 or n_prune >= flat.size:
        return np.full(scores.shape, n_prune <= 0)
    threshold = _nth_smallest(flat, n_prune - 1)
    mask = np.empty(flat.shape, dtype=np.bool_)
    tied = []
    for first, magnitudes in _magnitudes(flat):
        np.greater_equal(magnitudes, threshold, out=mask[first : first + magnitudes.size])
        tied.append(np.flatnonzero(magnitudes == threshold) + first)
    ties = np.concatenate(tied)
    n_ties_pruned = n_prune - int(flat.size - np.count_nonzero(mask))
    mask[rng.permutation(ties)[:n_ties_pruned]] = False
    return mask.reshape(scores.shape)


def _magnitudes(flat: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield the magnitudes in blocks that stay in the processor's cache, and where each begins."""
    for first in range(0, flat.size, _CACHED_WEIGHTS):
        yield first, np.abs(flat[first : first + _CACHED_WEIGHTS])


def _nth_smallest(flat: NDArray[Any], rank: int) -> Any:
    """Return the magnitude that sorting would put at `rank` (from 0).

    A sample brackets it, so that all but a few elements are only compared; where the bracket
    missed, all are partitioned.
    """
    n = flat.shape[0]
    sample = np.sort(np.abs(flat[:: max(1, n // _SAMPLE)]))
    # Six standard deviations of the rank's place in the sample, to both sides.
    share = (rank + 0.5) / n
    spread = 6.0 * math.sqrt(share * (1.0 - share) * sample.shape[0]) + 1.0
    low = sample[max(0, math.floor(share * sample.shape[0] - spread))]
    high = sample[min(sample.shape[0] - 1, math.ceil(share * sample.shape[0] + spread))]
    n_below, found = 0, []
    for _, magnitudes in _magnitudes(flat):
        below = magnitudes < low
        n_below += int(np.count_nonzero(below))
        found.append(magnitudes[~below & (magnitudes <= high)])
    inside = np.concatenate(found)
    if n_below <= rank < n_below + inside.shape[0]:
        return np.partition(inside, rank - n_below)[rank - n_below]
    return np.partition(np.abs(flat), rank)[rank]


def random_mask(shape: tuple[int, ...], n_prune: int, rng: np.random.Generator) -> Mask:
    """Prune `n_prune` weights drawn at random without replacement."""
    return _keep_largest(rng.random(shape), n_prune, rng)


def row_blocks(shape: tuple[int, int]) -> Iterator[slice]:
    """Cut the rows into slices whose scratch arrays stay in the processor's cache."""
    height = max(1, _BLOCK_WEIGHTS // max(1, shape[1]))
    for start in range(0, shape[0], height):
        yield slice(start, start + height)


def nm_mask(weights: NDArray[Any], n: int, m: int) -> Mask:
    """Keep the `n` largest magnitudes of each `m` neighbours in a row (the first among equals).

    A shorter group at the end of a row, of r weights, keeps ``ceil(r·n/m)``.
    """
    mask = np.zeros(weights.shape, dtype=np.bool_)
    n_columns = weights.shape[1]
    whole = n_columns // m * m
    rest_keep = -(-(n_columns - whole) * n // m)
    for rows in row_blocks((weights.shape[0], n_columns)):
        scores = -np.abs(_real(weights[rows]))
        if whole:
            groups = scores[:, :whole].reshape(-1, whole // m, m)
            chosen = np.argsort(groups, axis=2, kind="stable")[:, :, :n]
            view = np.zeros(groups.shape, dtype=np.bool_)
            np.put_along_axis(view, chosen, True, axis=2)
            mask[rows, :whole] = view.reshape(-1, whole)
        if n_columns > whole:
            chosen = np.argsort(scores[:, whole:], axis=1, kind="stable")[:, :rest_keep] + whole
            np.put_along_axis(mask[rows], chosen, True, axis=1)
    return mask


def block_mask(
    weights: NDArray[Any], sparsity: float, rows: int, columns: int, rng: np.random.Generator
) -> Mask:
    """Prune whole blocks of `rows` × `columns`, those with the smallest root mean square.

    The number of blocks that go is the nearest to ``sparsity`` of them; blocks at the right and
    lower edge may be smaller.
    """
    n_rows, n_columns = weights.shape
    row_starts, column_starts = np.arange(0, n_rows, rows), np.arange(0, n_columns, columns)
    squares = np.square(_real(weights), dtype=np.float64)
    sums = np.add.reduceat(np.add.reduceat(squares, row_starts, axis=0), column_starts, axis=1)
    heights = np.diff(np.append(row_starts, n_rows))
    widths = np.diff(np.append(column_starts, n_columns))
    scores = sums / np.outer(heights, widths)
    blocks = _keep_largest(scores, n_pruned(sparsity, scores.size), rng)
    return np.repeat(np.repeat(blocks, heights, axis=0), widths, axis=1)


def row_uneven_mask(
    weights: NDArray[Any], sparsity: float, row_cv: float, rng: np.random.Generator
) -> Mask:
    """Prune rows to densities drawn from a Beta distribution, smallest magnitudes first.

    Mean ``1 - sparsity`` and coefficient of variation `row_cv` fix the distribution; the drawn
    densities are scaled so that the whole matrix hits the sparsity to one weight.
    """
    n_rows, n_columns = weights.shape
    n_keep = weights.size - n_pruned(sparsity, weights.size)
    density = 1.0 - sparsity
    spread = density * row_cv**2
    # A coefficient of variation near 1e-6 moves no weight, and the Beta would overflow.
    if spread > 1e-12 and 0.0 < density < 1.0:
        strength = (1.0 - density) / spread - 1.0
        a, b = density * strength, (1.0 - density) * strength
        shares = np.asarray(rng.beta(a, b, size=n_rows))
    else:
        shares = np.full(n_rows, density)
    keep = apportion(shares * n_columns, np.full(n_rows, n_columns), n_keep)
    mask = np.zeros(weights.shape, dtype=np.bool_)
    for rows in row_blocks((n_rows, n_columns)):
        order = np.argsort(-np.abs(_real(weights[rows])), axis=1, kind="stable")
        ranked = np.arange(n_columns) < keep[rows, None]
        np.put_along_axis(mask[rows], order, ranked, axis=1)
    return mask


def apportion(wanted: NDArray[Any], capacity: NDArray[Any], total: int) -> NDArray[np.int64]:
    """Split `total` in proportion to `wanted`, no share above its capacity.

    Shares are ``min(f · wanted, capacity)`` with the one factor f that gives the total, rounded
    by largest remainder (the first among equals).

    Parameters
    ----------
    wanted : ndarray of float, shape (n,)
        Not negative.
    capacity : ndarray of int, shape (n,)
    total : int
        0 to the sum of the capacities.

    Returns
    -------
    ndarray of int64, shape (n,)
        Sums to `total` exactly.
    """
    want = np.maximum(np.asarray(wanted, dtype=np.float64), 1e-300)
    room = np.asarray(capacity, dtype=np.int64)
    order = np.argsort(room / want, kind="stable")
    # With the first i shares full, the others have the factor (total - full) / their wants.
    full = np.concatenate([[0], np.cumsum(room[order])])[:-1]
    left = np.cumsum(want[order][::-1])[::-1]
    factors = (total - full) / left
    open_from = np.flatnonzero(factors * want[order] <= room[order])
    factor = float(factors[open_from[0]]) if open_from.size else math.inf
    shares = np.minimum(max(factor, 0.0) * want, room)
    result = np.minimum(np.floor(shares).astype(np.int64), room)
    missing = total - int(result.sum())
    by_remainder = np.argsort(-(shares - result), kind="stable")
    by_remainder = by_remainder[result[by_remainder] < room[by_remainder]]
    result[by_remainder[:missing]] += 1
    return _settle(result, room, total)


def _settle(shares: NDArray[np.int64], room: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Move what floating point left over or took too much, first shares first."""
    difference = total - int(shares.sum())
    for i in range(shares.size):
        if difference == 0:
            break
        move = max(-int(shares[i]), min(difference, int(room[i] - shares[i])))
        shares[i] += move
        difference -= move
    return shares
