"""Where the order of two machines changes over batch or sparsity, in words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from f2fsim.report.cases import Case
from f2fsim.report.value import Answer, Paragraph
from f2fsim.report.verdict import f2f_machines, meetings


def crossing_answers(cases: Sequence[Case]) -> list[Answer]:
    """Return an answer for each F2F machine and set of cases that differ in batch, or sparsity.

    Without an F2F machine the subject of the cases takes its place.
    """
    found = []
    for by, kept in (("batch", "sparsity"), ("sparsity", "batch")):
        groups: dict[tuple[str, str, object], list[Case]] = {}
        for case in cases:
            key = case.workload, case.weight_type, getattr(case, kept)
            groups.setdefault(key, []).append(case)
        for (workload, _, _), group in groups.items():
            for me in f2f_machines(group) or [group[0].subject.name]:
                points = crossings(group, by, me)
                if points:
                    title = f"{workload}, {group[0].condition(kept)}: {me} over {by}"
                    found.append(Answer(title, tuple(points)))
    return found


def crossings(cases: Sequence[Case], by: str, me: str) -> list[Paragraph]:
    """Say for each other machine where `me` is faster, and where it is slower.

    Parameters
    ----------
    cases : sequence of Case
        That differ in `by` only.
    by : {"batch", "sparsity"}
        What is varied; no words if it is the same everywhere.
    me : str
        Name of the machine that the words are about.
    """
    ordered = sorted(
        (case for case in cases if getattr(case, by) is not None),
        key=lambda case: float(getattr(case, by)),
    )
    if len({getattr(case, by) for case in ordered}) < 2:
        return []
    signs: dict[str, list[tuple[str, bool]]] = {}
    for case in ordered:
        for meeting in meetings(case, me):
            at = f"{getattr(case, by):g}"
            signs.setdefault(meeting.other.name, []).append((at, meeting.ratio > 1))
    return [(_words(me, name, by, found),) for name, found in signs.items() if len(found) > 1]


def _words(me: str, other: str, by: str, found: Sequence[tuple[str, bool]]) -> str:
    word = "batch" if by == "batch" else "S"
    wins = [at for at, won in found if won]
    losses = [at for at, won in found if not won]
    if not losses:
        return f"{me} is faster than {other} at every {by} here ({word} {_list(wins)})."
    if not wins:
        return f"{me} is not faster than {other} at any {by} here ({word} {_list(losses)})."
    turns = [f"{a} and {b}" for (a, before), (b, after) in pairwise(found) if before != after]
    return (
        f"{me} is faster than {other} at {word} {_list(wins)}, and not at {word} {_list(losses)}: "
        f"they cross between {word} {', and between '.join(turns)}."
    )


def _list(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} and {values[-1]}"
