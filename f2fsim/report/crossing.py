"""Where the order of two machines changes over batch or sparsity, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from f2fsim.report.cases import Case
from f2fsim.report.value import Column, Table


def crossing_table(cases: Sequence[Case]) -> Table | None:
    """Return one row for each F2F machine, each other one and each set of cases that differ in one.

    Cases of a set differ in batch, or in sparsity.  Without an F2F machine the subject of the cases
    takes its place.  None if no condition is varied.
    """
    rows: list[dict[str, Any]] = []
    for by, kept in (("batch", "sparsity"), ("sparsity", "batch")):
        groups: dict[tuple[str, str, object], list[Case]] = {}
        for case in cases:
            key = case.workload, case.weight_type, getattr(case, kept)
            groups.setdefault(key, []).append(case)
        for (workload, _, _), group in groups.items():
            for me in f2f_machines(group) or [group[0].subject.name]:
                place = {"workload": workload, "at": group[0].condition(kept)}
                rows += [{**place, **found} for found in crossings(group, by, me)]
    if not rows:
        return None
    columns = (
        Column("workload", "workload", numeric=False),
        Column("at", "at", numeric=False),
        Column("machine", "machine", numeric=False),
        Column("other", "against", numeric=False),
        Column("by", "over", numeric=False),
        Column("faster", "faster at", numeric=False),
        Column("slower", "not faster at", numeric=False),
        Column("cross", "they cross between", numeric=False),
    )
    return Table("crossovers", "Where machines cross", columns, tuple(rows))


def f2f_machines(cases: Sequence[Case]) -> list[str]:
    """Return the names of all F2F machines in order."""
    runs = [run for case in cases for run in case.runs if run.is_fixed_to_fixed]
    return list(dict.fromkeys(run.name for run in runs))


def crossings(cases: Sequence[Case], by: str, me: str) -> list[dict[str, Any]]:
    """Return for each other machine where `me` is faster, where it is not, and where they cross.

    Parameters
    ----------
    cases : sequence of Case
        That differ in `by` only.
    by : {"batch", "sparsity"}
        What is varied; nothing is returned if it is the same everywhere.
    me : str
        Name of the machine that the rows are about; of two F2F machines one row is enough.
    """
    ordered = sorted(
        (case for case in cases if getattr(case, by) is not None),
        key=lambda case: float(getattr(case, by)),
    )
    if len({getattr(case, by) for case in ordered}) < 2:
        return []
    signs: dict[str, list[tuple[str, bool]]] = {}
    for case in ordered:
        for other, ratio in _meetings(case, me):
            at = f"{getattr(case, by):g}"
            signs.setdefault(other, []).append((at, ratio > 1))
    return [
        {"machine": me, "other": name, "by": by, **_places(found)}
        for name, found in signs.items()
        if len(found) > 1
    ]


def _meetings(case: Case, name: str) -> list[tuple[str, float]]:
    """Return each other machine's time over mine; of F2F pairs only the first one's side."""
    names = [run.name for run in case.runs]
    if name not in names:
        return []
    at = names.index(name)
    me = case.runs[at].result
    return [
        (other.name, other.result.seconds / me.seconds)
        for i, other in enumerate(case.runs)
        if i != at and not (i < at and other.is_fixed_to_fixed) and me.seconds
    ]


def _places(found: Sequence[tuple[str, bool]]) -> dict[str, str]:
    turns = [f"{a} and {b}" for (a, before), (b, after) in pairwise(found) if before != after]
    return {
        "faster": ", ".join(at for at, won in found if won) or "–",
        "slower": ", ".join(at for at, won in found if not won) or "–",
        "cross": "; ".join(turns) or "–",
    }
