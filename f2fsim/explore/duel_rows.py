"""A duel's designs as rows, each with the command that runs it again; the best of each family."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from f2fsim.config.duel import DuelSpec
from f2fsim.config.sweep import objective_parts
from f2fsim.explore.duel_result import FIDELITIES, Decision, Entry, place_of
from f2fsim.explore.duel_run import FamilyRun
from f2fsim.explore.duel_space import Contest, Design
from f2fsim.explore.pareto import pareto_mask
from f2fsim.explore.tables import split_objectives


def design_rows(contest: Contest, run: FamilyRun[Design]) -> list[dict[str, Any]]:
    """Return one row a design of a family."""
    rows = []
    for i, design in enumerate(run.designs):
        figures, error, fidelity = run.known[i], design.error, "simulated"
        if i in run.failed:
            fidelity, error = "failed", run.failed[i]
        elif design.status != "ready":
            fidelity = design.status
        elif figures is None:
            fidelity = "bound"
        within = figures is not None and not run.breaks_budget(figures)
        area = None if design.area_um2 is None else design.area_um2 / 1e6
        rows.append(
            {
                **place_of(contest.conditions),
                "family": design.family,
                "design": design.number,
                "arch": design.arch_name,
                **{k: _plain(v) for k, v in design.columns.items()},
                "fidelity": fidelity,
                "within_budgets": within,
                "area_mm2": area,
                **{f"least_{name}": value for name, value in run.least[i].items()},
                **{k: v for k, v in (figures or {}).items() if k not in design.columns},
                "error": error,
                "digest": " ".join(point.digest for point in design.points),
                "command": command(design) if fidelity == "simulated" else "",
            }
        )
    return rows


def _plain(value: Any) -> Any:
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else value


def entry_of(spec: DuelSpec, family: str, rows: Sequence[Mapping[str, Any]]) -> Entry:
    """Return a family's best design and its front."""
    counts = dict.fromkeys(FIDELITIES, 0)
    for row in rows:
        counts[row["fidelity"]] += 1
    columns, directions = split_objectives(spec.objectives)
    good = [
        row
        for row in rows
        if row["within_budgets"] and all(row.get(column) is not None for column in columns)
    ]
    if not good:
        return Entry(family, counts, None, ())
    costs = [
        [row[c] if d == "min" else -row[c] for c, d in zip(columns, directions, strict=True)]
        for row in good
    ]
    on_front = pareto_mask(costs)
    order = sorted(range(len(good)), key=lambda i: (*costs[i], good[i]["area_mm2"], i))
    front = tuple(good[i] for i in order if on_front[i])
    return Entry(family, counts, front[0], front)


def decide(spec: DuelSpec, contest: Contest, entries: Mapping[str, Entry]) -> Decision:
    """Return who wins by the first objective, and by how much."""
    column, direction = objective_parts(spec.objectives[0])
    sign = 1 if direction == "min" else -1
    ranked = sorted(
        (entry for entry in entries.values() if entry.best is not None),
        key=lambda entry: sign * (entry.best or {})[column],
    )
    first = ranked[0].family if ranked else ""
    second = ranked[1].family if len(ranked) > 1 else ""
    margin = None
    if second:
        pair = [(entry.best or {})[column] for entry in ranked[:2]]
        top, bottom = (pair[1], pair[0]) if direction == "min" else (pair[0], pair[1])
        margin = top / bottom if bottom else None
    return Decision(contest.conditions, entries, first, second, margin)


def command(design: Design) -> str:
    """Return the command line that runs a design again, one point a workload.

    Empty where a value is a section, which no command line can give.
    """
    if any(isinstance(value, dict | list) for value in design.values.values()):
        return ""
    parts = ["f2fsim", "sweep", "--arch", design.arch_file]
    for name in design.workload_files:
        parts += ["--workload", name]
    for name in design.layers:
        parts += ["--layer", name]
    for path, value in design.values.items():
        parts += ["--axis", f"{path}={_text(value)}"]
    return shlex.join(parts)


def _text(value: Any) -> str:
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)
