"""Points of a sweep as a table: columns, comparison with baselines, best-of, Pareto front."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from f2fsim.config.sweep import objective_parts
from f2fsim.errors import InputError, near_miss
from f2fsim.explore.pareto import pareto_mask
from f2fsim.explore.store import Member

if TYPE_CHECKING:
    import pandas as pd

#: Figures that a comparison with a baseline gives: name of the column, figure, and whether the
#: baseline's figure is divided by the point's (more than 1 is better for the point in each).
RATIOS = {
    "speedup": "seconds",
    "dram_saving": "dram_bytes",
    "bits_saving": "bits_per_weight",
    "energy_saving": "energy_pj",
    "area_saving": "area_um2",
}


def member_rows(
    members: Sequence[Member], roles: Sequence[str] = ("point",)
) -> list[dict[str, Any]]:
    """Return one flat row a point.

    Columns: ``point``, ``arch``, ``workload``, the specification's axes and named values, figures,
    ``<ratio>_over_<baseline>`` (see `RATIOS`), ``status``, ``error``, ``digest``.  All rows have
    all columns; what a point does not have is None.
    """
    by_digest = {member.digest: member for member in members}
    rows = []
    for member in members:
        if member.role not in roles:
            continue
        row: dict[str, Any] = {
            "point": member.point,
            "arch": member.arch,
            "workload": member.workload,
            **{name: _plain(value) for name, value in member.columns.items()},
            **{f: v for f, v in member.metrics.items() if f not in member.columns},
        }
        for name, digest in member.baselines.items():
            row |= _ratios(member.metrics, by_digest[digest].metrics, name)
        row |= {"status": member.status, "error": member.error, "digest": member.digest}
        rows.append(row)
    last = ("status", "error", "digest")
    keys = [key for key in dict.fromkeys(key for row in rows for key in row) if key not in last]
    return [{key: row.get(key) for key in (*keys, *last)} for row in rows]


def _ratios(mine: Mapping[str, Any], other: Mapping[str, Any], name: str) -> dict[str, Any]:
    ratios: dict[str, Any] = {}
    for ratio, figure in RATIOS.items():
        a, b = mine.get(figure), other.get(figure)
        ratios[f"{ratio}_over_{name}"] = b / a if a and b is not None else None
    return ratios


def _plain(value: Any) -> Any:
    """Return a cell: sections and lists as JSON text."""
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else value


def to_frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as a DataFrame; a missing figure is NaN, columns keep their order."""
    import pandas as pd  # a tenth of a second that other commands need not wait for

    return pd.DataFrame(list(rows), columns=list(rows[0]) if rows else [])


def split_objectives(objectives: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return columns and directions of objectives (see `objective_parts`)."""
    parts = [objective_parts(text) for text in objectives]
    return [column for column, _ in parts], [direction for _, direction in parts]


def pareto_rows(
    frame: pd.DataFrame, objectives: Sequence[str], by: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the rows of `frame` on the Pareto front: of all, or of each group of equal `by`.

    Sorted by the columns of `by`, then by the first objective.

    Raises
    ------
    InputError
        If an objective or column is unknown, or no point has a figure for an objective.
    """
    columns, directions = split_objectives(objectives)
    _check_columns(frame, by)
    good = frame[frame["status"] == "ok"] if "status" in frame else frame
    figures = _figures(good, columns)
    on_front = np.zeros(len(good), np.bool_)
    for places in _places(good, by):
        on_front[places] = pareto_mask(figures[places], directions)
    rising = [True] * len(by) + [directions[0] == "min"]
    return good[on_front].sort_values([*by, columns[0]], ascending=rising, kind="stable")


def _places(frame: pd.DataFrame, by: Sequence[str]) -> list[np.ndarray[Any, np.dtype[np.intp]]]:
    """Return the row numbers of each group with equal values of `by`."""
    if not by:
        return [np.arange(len(frame))]
    groups = frame.groupby([frame[name] for name in by], sort=False, dropna=False)
    return [np.asarray(places, dtype=np.intp) for places in groups.indices.values()]


def _check_columns(frame: pd.DataFrame, by: Sequence[str]) -> None:
    for name in by:
        if name not in frame:
            near = near_miss(name, list(frame.columns))
            raise InputError(f"no column {name!r} to group by{near}")


def _figures(frame: pd.DataFrame, columns: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float64]]:
    import pandas as pd

    done = int((frame["status"] == "ok").sum()) if "status" in frame else 0
    if not done:
        raise InputError("no point is finished yet")
    for column in columns:
        if column not in frame:
            near = near_miss(column, list(frame.columns))
            raise InputError(f"no point has a column {column!r}{near}")
    figures = np.column_stack(
        [pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64) for name in columns]
    )
    empty = np.isnan(figures).all(axis=0)
    if empty.any():
        name = columns[int(np.flatnonzero(empty)[0])]
        raise InputError(f"no point has a figure for {name!r}")
    return figures


def best_rows(
    frame: pd.DataFrame, objective: str, by: Sequence[str] = (), n_best: int = 1
) -> pd.DataFrame:
    """Return the best points by an objective: of all, or of each group with equal values of `by`.

    Ties go to the point that comes first in the sweep.
    """
    (column,), (direction,) = split_objectives([objective])
    _figures(frame, [column])
    _check_columns(frame, by)
    import pandas as pd

    known = frame[pd.to_numeric(frame[column], errors="coerce").notna() & (frame["status"] == "ok")]
    ordered = known.sort_values(column, ascending=direction == "min", kind="stable")
    if not by:
        return ordered.head(n_best)
    best = ordered.groupby([ordered[name] for name in by], sort=False, dropna=False).head(n_best)
    return best.sort_values([*by, column], ascending=[True] * len(by) + [direction == "min"])
