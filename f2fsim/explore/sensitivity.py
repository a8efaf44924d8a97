"""Which axis matters how much: shares of an objective's variance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


def sensitivity(frame: pd.DataFrame, axes: Sequence[str], objective: str) -> list[dict[str, Any]]:
    """Return one row an axis, the most important first.

    ``main_effect`` is the first-order index Var(E[y | axis]) / Var(y), the share of the variance
    that the axis explains alone (Sobol', 1993).  ``total_effect`` is 1 - Var(E[y | all other
    axes]) / Var(y), its share with all interactions; it is given for a full grid only, where every
    combination of the axes occurs equally often, and None otherwise.  On a random sample a main
    effect holds about ``(n_levels - 1) / n_points`` by chance.

    Parameters
    ----------
    frame : DataFrame
        One row a point; rows without a figure are left out.
    axes : sequence of str
        Columns that were varied.
    objective : str
        Column with the figure (``column:max`` too: the direction has no meaning here).

    Returns
    -------
    list of dict
        ``axis``, ``n_levels``, ``n_points``, ``main_effect``, ``total_effect``, ``spread`` (largest
        minus smallest mean over the axis' values, in the objective's unit), ``smallest_at`` and
        ``largest_at`` (values of the axis with the smallest and largest mean).
    """
    objective = objective.partition(":")[0]
    if objective not in frame:
        return []
    import pandas as pd

    known = frame[pd.to_numeric(frame[objective], errors="coerce").notna()]
    y = known[objective].to_numpy(dtype=np.float64)
    levels = {axis: _levels(known[axis]) for axis in axes}
    varied = {axis: level for axis, level in levels.items() if level.size and level.max() > 0}
    full = _is_full_grid(list(varied.values()))
    rows = []
    for axis, level in varied.items():
        means = np.bincount(level, y) / np.bincount(level)
        others = [other for name, other in varied.items() if name != axis]
        first = _explained(level, y)
        total = 1.0 - _explained(_joint(others, len(y)), y) if full and y.var() > 0 else None
        values = known[axis].to_numpy(dtype=object)
        rows.append(
            {
                "axis": axis,
                "n_levels": len(means),
                "n_points": len(y),
                "main_effect": first,
                "total_effect": total,
                "spread": float(means.max() - means.min()),
                "smallest_at": values[np.flatnonzero(level == means.argmin())[0]],
                "largest_at": values[np.flatnonzero(level == means.argmax())[0]],
            }
        )
    return sorted(rows, key=lambda row: -row["main_effect"])


def _levels(column: pd.Series[Any]) -> NDArray[np.int64]:
    """Number the different values of a column, sections and lists included."""
    import pandas as pd

    codes, _ = pd.factorize(column.map(repr))
    return codes.astype(np.int64)


def _joint(levels: list[NDArray[np.int64]], n_points: int) -> NDArray[np.int64]:
    """Number the different combinations of several axes."""
    joint = np.zeros(n_points, dtype=np.int64)
    for level in levels:
        _, joint = np.unique(joint * (level.max() + 1) + level, return_inverse=True)
    return joint


def _explained(level: NDArray[np.int64], y: NDArray[np.float64]) -> float:
    """Return the share of the variance of `y` that lies between the groups of `level`."""
    variance = float(y.var())
    if variance == 0.0:
        return 0.0
    counts = np.bincount(level)
    means = np.bincount(level, y) / counts
    between = float(np.sum(counts * (means - y.mean()) ** 2)) / len(y)
    return min(between / variance, 1.0)


def _is_full_grid(levels: list[NDArray[np.int64]]) -> bool:
    """Whether every combination of the axes occurs, and all equally often."""
    if not levels or not levels[0].size:
        return False
    n_cells = int(np.prod([level.max() + 1 for level in levels]))
    counts = np.bincount(_joint(levels, len(levels[0])))
    return len(counts) == n_cells and counts.min() == counts.max()
