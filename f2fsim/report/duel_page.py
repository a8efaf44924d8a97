"""The report of a duel: verdict, regime maps with crossovers, best designs and fronts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from f2fsim.config.sweep import objective_parts
from f2fsim.explore.duel_result import DuelResult
from f2fsim.report.duel import duel_answer
from f2fsim.report.regimes import crossing_table, regime_figure, regime_table, short_design
from f2fsim.report.value import Column, Figure, Report, Section, Series, Table
from f2fsim.report.write import Progress, write_report


def make_duel_report(
    found: DuelResult,
    out: str | Path,
    *,
    command: str = "",
    page: bool = True,
    drawings: bool = True,
    progress: Progress | None = None,
) -> Path:
    """Write the report of a duel and return the path of its page.

    Parameters
    ----------
    found : DuelResult
        What `f2fsim.duel` returned.
    out : path
        Folder of the report.
    command : str
        The command that makes the duel again.
    page : bool
        Whether ``index.html`` and PNG files are written; without them the path is that of
        ``report.md``.
    drawings : bool
        Whether SVG and PNG are drawn.
    progress : callable, optional
        Called with (done, total, label).
    """
    report = duel_report(found, command)
    return write_report(report, Path(out), page=page, drawings=drawings, progress=progress)


def duel_report(found: DuelResult, command: str = "") -> Report:
    """Return the report of a duel as a value."""
    sections = [_scenario(found, name, i) for i, name in enumerate(found.spec.scenarios, 1)]
    title = found.spec.description or f"Best against best: {found.spec.name}"
    return Report(title, (duel_answer(found),), tuple(sections), command)


def _scenario(found: DuelResult, scenario: str, number: int) -> Section:
    name = f"duel{number}"
    figures: list[Figure] = []
    tables: list[Table] = []
    if found.spec.map:
        figure = regime_figure(found, scenario, f"{name}_map")
        figures += [figure] if figure else []
        crossings = crossing_table(found, scenario, f"{name}_crossings")
        tables += [crossings] if crossings else []
        folded = (regime_table(found, scenario, f"{name}_cells"), best_table(found, scenario, name))
        words = _words(found, scenario)
        return Section(scenario, name, words, tuple(figures), tuple(tables), folded)
    front = front_figure(found, scenario, f"{name}_front")
    figures += [front] if front else []
    tables.append(best_table(found, scenario, name))
    return Section(scenario, name, _words(found, scenario), tuple(figures), tuple(tables))


def _words(found: DuelResult, scenario: str) -> tuple[tuple[str, ...], ...]:
    one = found.spec.scenarios[scenario]
    budgets = one.budgets.over(found.spec.budgets)
    given = {"sparsity": "S", "weight_type": "weights", "batch": "batch"}
    words = [", ".join(one.workloads)]
    words += [f"{word} {getattr(one, key)}" for key, word in given.items() if getattr(one, key)]
    words += [f"{path} {value}" for path, value in one.set.items()]
    if budgets.area_mm2:
        words.append(f"at most {budgets.area_mm2:g} mm²")
    counts = dict.fromkeys(("simulated", "bound"), 0)
    for decision in found.decisions:
        if decision.conditions.scenario == scenario:
            for entry in decision.entries.values():
                for name in counts:
                    counts[name] += entry.counts[name]
    told = (
        f"Simulated {counts['simulated']} designs; {counts['bound']} were ruled out by bounds, "
        "exactly."
    )
    return ((f"{', '.join(words)}. {told}",),)


def best_table(found: DuelResult, scenario: str, name: str) -> Table:
    """Return one row a family and conditions: its best design and the command that runs it."""
    rows: list[dict[str, Any]] = []
    for one in found.decisions:
        if one.conditions.scenario != scenario:
            continue
        for entry in one.entries.values():
            row: dict[str, Any] = {**one.conditions.cell, "family": entry.family}
            row |= {"simulated": entry.counts["simulated"], "of": sum(entry.counts.values())}
            if entry.best is not None:
                energy = entry.best.get("energy_pj")
                row |= {
                    "time_us": entry.best["seconds"] * 1e6,
                    "energy_uj": None if energy is None else energy / 1e6,
                    "area_mm2": entry.best["area_mm2"],
                    "bits_per_weight": entry.best.get("bits_per_weight"),
                    "design": short_design(entry.best, found),
                    "command": entry.best["command"],
                }
            rows.append(row)
    columns = (
        *(Column(path, path) for path in found.spec.map),
        Column("family", "family", numeric=False),
        Column("time_us", "time", "us"),
        Column("energy_uj", "energy", "uJ"),
        Column("area_mm2", "area", "mm²"),
        Column("bits_per_weight", "size", "bit/weight"),
        Column("simulated", "simulated"),
        Column("of", "designs"),
        Column("design", "design", numeric=False),
        Column("command", "run again by", numeric=False),
    )
    return Table(f"{name}_best", f"Best design of each family: {scenario}", columns, tuple(rows))


def front_figure(found: DuelResult, scenario: str, name: str) -> Figure | None:
    """Return the Pareto fronts of all families in the first two objectives, None with one."""
    columns = [objective_parts(text)[0] for text in found.spec.objectives]
    (one,) = (d for d in found.decisions if d.conditions.scenario == scenario)
    if len(columns) < 2 or not one.winner:
        return None
    x, y = columns[:2]
    series = []
    for style, entry in enumerate(one.entries.values()):
        points = sorted(entry.front, key=lambda row: row[x])
        if points:
            labels = tuple(short_design(row, found) for row in points)
            xs, ys = tuple(row[x] for row in points), tuple(row[y] for row in points)
            series.append(Series(entry.family, xs, ys, labels, "line", style))
    return Figure(
        name,
        f"Pareto front of each family: {scenario}",
        f"{y} over {x} of the designs on the Pareto front of each family.",
        x,
        y,
        tuple(series),
        x_log=True,
        y_log=True,
    )
