"""What a report says and shows of one sweep or search: words, figures, tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from f2fsim.report.sweeps import (
    METRICS,
    Sweep,
    axis_title,
    front_figure,
    fronts,
    is_number,
    label,
    objectives,
)
from f2fsim.report.value import Answer, Column, Number, Paragraph, Section, Table, number
from f2fsim.report.width_figures import curve_figures


def points_table(sweep: Sweep, prefix: str) -> Table:
    """Return all points, best first by the second objective (or the first measured column)."""
    pair, have = objectives(sweep), sweep.metrics
    key = pair[1] if pair else (have[0] if have else None)
    rows = [row for row in sweep.good if key is None or is_number(row.get(key))]
    if key:
        rows.sort(key=lambda row: row[key], reverse=METRICS[key].more_is_better)
    columns = [
        Column(axis, axis, numeric=all(is_number(row.get(axis)) for row in rows))
        for axis in sweep.axes
    ]
    columns += [Column(metric, METRICS[metric].title, METRICS[metric].unit) for metric in have]
    if any(row.get("digest") for row in rows):
        columns.append(Column("digest", "digest of point and code", numeric=False))
    return Table(f"{prefix}points", f"Points of {sweep.name}", tuple(columns), tuple(rows))


def sweep_answer(sweep: Sweep) -> Answer:
    """Say how many points there are, and which is best in each figure."""
    good, failed = sweep.good, len(sweep.rows) - len(sweep.good)
    count: list[str | Number] = [
        Number(len(good), f"{len(good):,}", f"points of {sweep.name} with results"),
        f" points over {', '.join(sweep.axes) or 'no axis'}",
    ]
    if failed:
        count += ["; ", Number(failed, f"{failed:,}", "points without result or baselines")]
        count.append(" more were excluded, broke a limit, failed or are baselines")
    keys = dict.fromkeys([*(objectives(sweep) or ()), "efficiency", "bits_per_weight"])
    wanted = [key for key in keys if key in METRICS]
    title = f"Design space: {sweep.name}"
    if len(sweep.groups) > 1:
        return Answer(title, ((*count, "."),), _best_table(sweep, wanted))
    return Answer(title, ((*count, "."), *_best(sweep, wanted)))


def _best_of(rows: Sequence[Mapping[str, Any]], key: str) -> Mapping[str, Any] | None:
    """Return the best row by a figure, None if none has it."""
    usable = [row for row in rows if is_number(row.get(key))]
    choose = max if METRICS[key].more_is_better else min
    return choose(usable, key=lambda row: row[key]) if usable else None


def _best(sweep: Sweep, keys: Sequence[str]) -> list[Paragraph]:
    """Say which point is best in each figure."""
    points: list[Paragraph] = []
    for key in keys:
        best, metric = _best_of(sweep.good, key), METRICS[key]
        if best is None:
            continue
        ending = f" {metric.unit}".rstrip()
        points.append(
            (
                f"{'Highest' if metric.more_is_better else 'Lowest'} {metric.title}: ",
                number(best[key], f"best {key} of {sweep.name}", digits=4, suffix=ending),
                f" at {label(sweep, best)}.",
            )
        )
    return points


def _best_table(sweep: Sweep, keys: Sequence[str]) -> Table:
    """Return the best point of each group in each figure."""
    rows = []
    for words, group in sweep.groups.items():
        for key in keys:
            best = _best_of(group, key)
            if best is not None:
                metric = METRICS[key]
                what = f"{'highest' if metric.more_is_better else 'lowest'} {axis_title(key)}"
                rows.append(
                    {"group": words, "what": what, "value": best[key], "at": label(sweep, best)}
                )
    columns = (
        Column("group", ", ".join(sweep.by), numeric=False),
        Column("what", "best figure", numeric=False),
        Column("value", "value"),
        Column("at", "at", numeric=False),
    )
    return Table("best", f"Best points of each {', '.join(sweep.by)}", columns, tuple(rows))


def sweep_section(sweep: Sweep, number_: int) -> Section:
    """Return the section of one sweep: figures, the front's points, then all points."""
    prefix = f"sweep{number_}_"
    front = front_figure(sweep, prefix)
    figures = [*([front] if front else []), *curve_figures(sweep, prefix)]
    table = points_table(sweep, prefix)
    tables = []
    pair = objectives(sweep)
    if pair:
        rows = tuple(row for front in fronts(sweep, pair).values() for row in front)
        each = f" of each {', '.join(sweep.by)}" if sweep.by else ""
        title = f"Points on the Pareto front{each}"
        tables.append(Table(f"{prefix}front", title, table.columns, rows))
    return Section(
        f"Design space: {sweep.name}",
        f"sweep{number_}",
        (),
        tuple(figures),
        tuple(tables),
        (table,),
    )
