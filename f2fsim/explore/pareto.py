"""The Pareto front: points that no other point beats in every objective."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from f2fsim.errors import InputError


def pareto_mask(values: ArrayLike, directions: Sequence[str] | None = None) -> NDArray[np.bool_]:
    """Return which points are on the front.

    A point is dominated if another is nowhere worse and somewhere better; equal points are all on
    the front.  Points with a NaN (an objective without a figure) are never on it and beat nobody.

    Parameters
    ----------
    values : array_like of float, shape (n_points, n_objectives)
    directions : sequence of {"min", "max"}, optional
        One an objective; all ``min`` by default.

    Returns
    -------
    ndarray of bool, shape (n_points,)

    Raises
    ------
    InputError
        If shapes or directions do not fit.

    Notes
    -----
    Points sorted by their objectives can only be dominated by earlier ones, so that each is
    compared with the front found so far: O(n · front · objectives).
    """
    costs = np.array(values, dtype=np.float64)
    if costs.ndim != 2:
        raise InputError(f"objectives must be a table of points by objectives, got {costs.ndim}-D")
    if directions is not None:
        if len(directions) != costs.shape[1] or set(directions) - {"min", "max"}:
            raise InputError(
                f"directions must be min or max for each of {costs.shape[1]} objectives, "
                f"got {list(directions)}"
            )
        costs *= np.array([1.0 if d == "min" else -1.0 for d in directions])
    mask = np.zeros(len(costs), dtype=np.bool_)
    usable = np.flatnonzero(~np.isnan(costs).any(axis=1))
    if not usable.size or not costs.shape[1]:
        return mask
    order = usable[np.lexsort(costs[usable].T[::-1])]
    front = np.empty((len(order), costs.shape[1]))
    n_front = 0
    for point in order:
        ahead, mine = front[:n_front], costs[point]
        if np.any(np.all(ahead <= mine, axis=1) & np.any(ahead < mine, axis=1)):
            continue
        front[n_front] = mine
        n_front += 1
        mask[point] = True
    return mask
