"""What a report says and shows of one sweep or search: words, figures, tables."""

from __future__ import annotations

from f2fsim.report.sweeps import METRICS, Sweep, front_figure, is_number, label, objectives, pareto
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
    points: list[Paragraph] = [(*count, ".")]
    for key in dict.fromkeys([*(objectives(sweep) or ()), "efficiency", "bits_per_weight"]):
        usable = [row for row in good if is_number(row.get(key))]
        if not usable or key not in METRICS:
            continue
        metric = METRICS[key]
        best = (max if metric.more_is_better else min)(usable, key=lambda row: row[key])
        ending = f" {metric.unit}".rstrip()
        points.append(
            (
                f"{'Highest' if metric.more_is_better else 'Lowest'} {metric.title}: ",
                number(best[key], f"best {key} of {sweep.name}", digits=4, suffix=ending),
                f" at {label(sweep, best)}.",
            )
        )
    return Answer(f"Design space: {sweep.name}", tuple(points))


def sweep_section(sweep: Sweep, number_: int) -> Section:
    """Return the section of one sweep: figures, the front's points, then all points."""
    prefix = f"sweep{number_}_"
    front = front_figure(sweep, prefix)
    figures = [*([front] if front else []), *curve_figures(sweep, prefix)]
    table = points_table(sweep, prefix)
    tables = []
    pair = objectives(sweep)
    if pair:
        rows = tuple(pareto(sweep.good, pair))
        tables.append(Table(f"{prefix}front", "Points on the Pareto front", table.columns, rows))
    return Section(
        f"Design space: {sweep.name}",
        f"sweep{number_}",
        (),
        tuple(figures),
        tuple(tables),
        (table,),
    )
