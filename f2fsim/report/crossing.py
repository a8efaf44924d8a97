"""Where the order of two machines changes over batch or sparsity, in words."""

from __future__ import annotations

from collections.abc import Sequence

from f2fsim.report.cases import Case
from f2fsim.report.figures import speedups
from f2fsim.report.value import Answer, Paragraph


def crossing_answers(cases: Sequence[Case]) -> list[Answer]:
    """Return an answer for each set of cases that differ in batch, or in sparsity, alone."""
    found = []
    for by, kept in (("batch", "sparsity"), ("sparsity", "batch")):
        groups: dict[tuple[str, str, object], list[Case]] = {}
        for case in cases:
            key = case.workload, case.weight_type, getattr(case, kept)
            groups.setdefault(key, []).append(case)
        for (workload, _, _), group in groups.items():
            points = crossings(group, by)
            if points:
                where = group[0].condition(kept)
                title = f"{workload}, {where}: {group[0].subject.name} over {by}"
                found.append(Answer(title, tuple(points)))
    return found


def crossings(cases: Sequence[Case], by: str) -> list[Paragraph]:
    """Say for each other machine where the subject is faster, and where it is slower.

    Parameters
    ----------
    cases : sequence of Case
        That differ in `by` only.
    by : {"batch", "sparsity"}
        What is varied; no words if it is the same everywhere.
    """
    ordered = sorted(
        (case for case in cases if getattr(case, by) is not None),
        key=lambda case: float(getattr(case, by)),
    )
    if len({getattr(case, by) for case in ordered}) < 2:
        return []
    me = ordered[0].subject.name
    signs: dict[str, list[tuple[str, bool]]] = {}
    for case in ordered:
        if case.subject.name == me:
            for run, speedup in speedups(case):
                at = f"{getattr(case, by):g}"
                signs.setdefault(run.name, []).append((at, speedup > 1))
    return [(_words(me, name, by, found),) for name, found in signs.items() if len(found) > 1]


def _words(me: str, other: str, by: str, found: Sequence[tuple[str, bool]]) -> str:
    word = "batch" if by == "batch" else "S"
    wins = [at for at, won in found if won]
    losses = [at for at, won in found if not won]
    if not losses:
        return f"{me} is faster than {other} at every {by} here ({word} {_list(wins)})."
    if not wins:
        return f"{me} is not faster than {other} at any {by} here ({word} {_list(losses)})."
    return (
        f"{me} is faster than {other} at {word} {_list(wins)}, and not at {word} {_list(losses)}."
    )


def _list(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} and {values[-1]}"
