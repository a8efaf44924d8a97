"""Regime maps of a duel: who wins where over two conditions, by how much, and where it turns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from f2fsim.config.sweep import objective_parts
from f2fsim.explore.duel_result import Decision, DuelResult
from f2fsim.report.value import Column, Figure, Series, Table, number_text

#: What people call the conditions of maps.
TITLES = {
    "sparsity": "sparsity S",
    "memory.n_channels": "memory channels",
    "area_mm2": "area of the machine at most [mm²]",
    "energy_uj": "energy of a run at most [uJ]",
    "time_us": "time of a run at most [us]",
    "batch": "batch",
}


def axis_title(path: str) -> str:
    """Return a condition in words."""
    return TITLES.get(path, path)


def decisions_of(found: DuelResult, scenario: str) -> list[Decision]:
    """Return the decisions of a scenario that have a winner."""
    return [one for one in found.decisions if one.conditions.scenario == scenario and one.winner]


def regime_figure(found: DuelResult, scenario: str, name: str) -> Figure | None:
    """Return the map of a scenario, a series a family that wins anywhere; None without a cell."""
    decisions = decisions_of(found, scenario)
    x, y = found.spec.map
    series = []
    for style, family in enumerate(found.spec.families):
        mine = [one for one in decisions if one.winner == family]
        if mine:
            series.append(
                Series(
                    family,
                    tuple(one.conditions.cell[x] for one in mine),
                    tuple(one.conditions.cell[y] for one in mine),
                    tuple(_label(found, one) for one in mine),
                    "cell",
                    style,
                    tuple(one.margin or 1.0 for one in mine),
                )
            )
    if not series:
        return None
    wins = ", ".join(f"{one.name} in {len(one.x)}" for one in series)
    return Figure(
        name,
        f"Who wins where: {scenario}",
        f"Map of the winning family over {axis_title(x)} and {axis_title(y)}: {wins} cells.",
        axis_title(x),
        axis_title(y),
        tuple(series),
        "The number in a cell is the margin over the next family's best design; dotted lines are "
        "equal margins.",
        z_title="margin",
    )


def _label(found: DuelResult, one: Decision) -> str:
    """Return what a pointer shows at a cell: best design and figures of the first families."""
    objective, _ = objective_parts(found.spec.objectives[0])
    place = ", ".join(f"{axis_title(path)} {value}" for path, value in one.conditions.cell.items())
    lines = [place]
    ranked = sorted(
        (entry for entry in one.entries.values() if entry.best is not None),
        key=lambda entry: (entry.best or {})[objective],
    )
    for entry in ranked[:3]:
        row = entry.best or {}
        lines.append(
            f"{entry.family}: {number_text(row['seconds'] * 1e6)} us, "
            f"{number_text((row.get('energy_pj') or 0.0) / 1e6)} uJ, "
            f"{number_text(row['area_mm2'])} mm²"
        )
        lines.append(f"  {short_design(row, found)}")
    return "<br>".join(lines)


def short_design(row: Mapping[str, Any], found: DuelResult) -> str:
    """Return a design by the last words of its axes."""
    space = found.spec.families[row["family"]]
    values = [
        f"{path.rpartition('.')[2]}={row[path]}"
        for path in (*space.axes, *space.derive)
        if row.get(path) is not None and _varies(space.axes, path)
    ]
    return " ".join([row["arch"], *values])


def _varies(axes: Mapping[str, Any], path: str) -> bool:
    return path not in axes or len(axes[path].values) > 1


def regime_table(found: DuelResult, scenario: str, name: str) -> Table:
    """Return one row a cell, with the command that runs its winner again."""
    conditions = [Column(path, axis_title(path)) for path in found.spec.map]
    columns = (
        *conditions,
        Column("winner", "winner", numeric=False),
        Column("margin", "margin", "×"),
        Column("second", "over", numeric=False),
        Column("time_us", "time", "us"),
        Column("energy_uj", "energy", "uJ"),
        Column("area_mm2", "area", "mm²"),
        Column("design", "design", numeric=False),
        Column("command", "run again by", numeric=False),
    )
    rows = []
    for one in found.decisions:
        if one.conditions.scenario != scenario:
            continue
        row: dict[str, Any] = {**one.conditions.cell, "winner": one.winner or "none"}
        if one.best is not None:
            energy = one.best.get("energy_pj")
            row |= {
                "margin": one.margin,
                "second": one.second or "none",
                "time_us": one.best["seconds"] * 1e6,
                "energy_uj": None if energy is None else energy / 1e6,
                "area_mm2": one.best["area_mm2"],
                "design": short_design(one.best, found),
                "command": one.best["command"],
            }
        rows.append(row)
    return Table(name, f"Cells of the map: {scenario}", columns, tuple(rows))


def crossing_rows(found: DuelResult, scenario: str) -> list[dict[str, Any]]:
    """Return where the winner changes between neighbours along each condition of the map.

    ``at`` is where both families' best designs would be equal, by a straight line through the
    logarithms of their ratio at both neighbours; None where a condition is no number or one of
    the two has no design at a neighbour.
    """
    decisions = decisions_of(found, scenario)
    axes = list(found.spec.map)
    rows = []
    for along, across in (axes, axes[::-1]):
        lines: dict[str, list[Decision]] = {}
        for one in decisions:
            lines.setdefault(str(one.conditions.cell[across]), []).append(one)
        for line in lines.values():
            for a, b in pairwise(sorted(line, key=lambda one: _rank(one.conditions.cell[along]))):
                if a.winner != b.winner:
                    rows.append(
                        {
                            "over": axis_title(along),
                            "with": f"{axis_title(across)} {a.conditions.cell[across]}",
                            "from": a.winner,
                            "to": b.winner,
                            "low": a.conditions.cell[along],
                            "high": b.conditions.cell[along],
                            "at": _crossing(found, along, a, b),
                        }
                    )
    return rows


def crossing_table(found: DuelResult, scenario: str, name: str) -> Table | None:
    """Return `crossing_rows` as a table, None if the winner never changes."""
    rows = crossing_rows(found, scenario)
    if not rows:
        return None
    columns = (
        Column("over", "over", numeric=False),
        Column("with", "with", numeric=False),
        Column("from", "from", numeric=False),
        Column("to", "to", numeric=False),
        Column("low", "between"),
        Column("high", "and"),
        Column("at", "equal at"),
    )
    caption = "Equal at: where both families' best would be equal, on a line between neighbours."
    return Table(name, f"Where the winner changes: {scenario}", columns, tuple(rows), caption)


def _rank(value: Any) -> tuple[bool, Any]:
    return (False, value) if isinstance(value, int | float) else (True, str(value))


def _crossing(found: DuelResult, along: str, a: Decision, b: Decision) -> float | None:
    low, high = a.conditions.cell[along], b.conditions.cell[along]
    objective, _ = objective_parts(found.spec.objectives[0])
    ratios = [_ratio(one, a.winner, b.winner, objective) for one in (a, b)]
    if not isinstance(low, int | float) or not isinstance(high, int | float) or None in ratios:
        return None
    first, last = (math.log(ratio) for ratio in ratios if ratio is not None)
    return low + (high - low) * first / (first - last) if first != last else None


def _ratio(one: Decision, family: str, other: str, objective: str) -> float | None:
    """Return the figure of one family's best over that of another's, None if one has none."""
    rows: Sequence[Mapping[str, Any] | None] = [one.entries[f].best for f in (family, other)]
    first, second = (0.0 if row is None else row[objective] or 0.0 for row in rows)
    return float(first / second) if first > 0 and second > 0 else None
