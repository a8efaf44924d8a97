"""Sweep and search points as values: decoder-width curves, Pareto front, answer in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from f2fsim.report.value import (
    Answer,
    Column,
    Figure,
    Number,
    Paragraph,
    Section,
    Series,
    Table,
    number,
)


@dataclass(frozen=True)
class Metric:
    """A measured column: words, unit, and whether more is better."""

    title: str
    unit: str = ""
    more_is_better: bool = False


METRICS = {
    "time_us": Metric("time", "us"),
    "cycles": Metric("cycles"),
    "energy_uj": Metric("energy", "uJ"),
    "area_mm2": Metric("area", "mm2"),
    "dram_bytes": Metric("DRAM traffic", "B"),
    "bits_per_weight": Metric("encoded size", "bit/weight"),
    "bits_without_mask": Metric("encoded size without mask", "bit/weight"),
    "efficiency": Metric("encoding efficiency E", more_is_better=True),
    "gmac_s": Metric("throughput", "GMAC/s", more_is_better=True),
    "bandwidth_gb_s": Metric("bandwidth", "GB/s", more_is_better=True),
    "peak_gb_s": Metric("peak bandwidth", "GB/s"),
    "pe_busy": Metric("PE utilisation", "share", more_is_better=True),
    "speedup": Metric("speed-up", "times", more_is_better=True),
}

#: Columns of a store of points under their names here, and the factor to the unit here.
ALIASES = {
    "seconds": ("time_us", 1e6),
    "n_cycles": ("cycles", 1),
    "energy_pj": ("energy_uj", 1e-6),
    "area_um2": ("area_mm2", 1e-6),
    "bits_per_weight_without_mask": ("bits_without_mask", 1),
    "effective_gmacs_per_second": ("gmac_s", 1),
    "pe_utilisation": ("pe_busy", 1),
    "encoding_efficiency": ("efficiency", 1),
}

#: Columns that describe the bookkeeping of a store or parts of a figure, not the design.
BOOKKEEPING = frozenset(
    (
        "index", "point", "digest", "status", "error", "role", "trial", "generation", "state",
        "bound_cycles", "sparsity", "n_unmatched_bits",
    )
)  # fmt: skip
PARTS = ("energy_pj.", "area_um2.", "values_", "params_", "user_attrs_")


def named(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored row under the names of `METRICS`."""
    out: dict[str, Any] = {}
    for key, value in row.items():
        name, factor = ALIASES.get(key, (key, 1))
        scaled = value * factor if factor != 1 and _is_number(value) else value
        out[name] = None if isinstance(scaled, float) and math.isnan(scaled) else scaled
    return out


#: Pairs of objectives for the front, the first that a sweep has.
FRONTS = (
    ("area_mm2", "time_us"),
    ("energy_uj", "time_us"),
    ("bits_per_weight", "time_us"),
    ("dram_bytes", "time_us"),
    ("bits_per_weight", "efficiency"),
)


@dataclass(frozen=True)
class Sweep:
    """Points of a sweep or search: rows with the values of the axes and what was measured."""

    name: str
    rows: tuple[Mapping[str, Any], ...]

    @cached_property
    def good(self) -> list[Mapping[str, Any]]:
        """Points that ran and are no baseline."""
        return [
            row
            for row in self.rows
            if str(row.get("status", "done")) in ("done", "ok", "ready", "complete", "cached")
            and str(row.get("role", "point")) == "point"
        ]

    @cached_property
    def metrics(self) -> list[str]:
        """Measured columns with numbers in them."""
        return [key for key in METRICS if any(_is_number(row.get(key)) for row in self.good)]

    @cached_property
    def axes(self) -> list[str]:
        """Columns that vary and are neither measured nor bookkeeping."""
        keys = dict.fromkeys(key for row in self.rows for key in row)
        return [
            key
            for key in keys
            if key not in METRICS
            and key not in BOOKKEEPING
            and not key.endswith("digest")
            and "_over_" not in key
            and not key.startswith(PARTS)
            and len({repr(row.get(key)) for row in self.good}) > 1
        ]

    def axis(self, ending: str) -> str | None:
        """Return the axis whose last name is `ending`, such as ``n_out``."""
        return next((key for key in self.axes if key.rpartition(".")[2] == ending), None)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def label(sweep: Sweep, row: Mapping[str, Any]) -> str:
    """Return a point's axes in words."""
    return ", ".join(f"{key.rpartition('.')[2]}={row.get(key)}" for key in sweep.axes)


def pareto(rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[Mapping[str, Any]]:
    """Return the rows that no other row beats in all `keys` (at least equal, one better).

    Rows are sorted by the first key; of equal points the first stays.
    """
    signs = [-1.0 if METRICS[key].more_is_better else 1.0 for key in keys]
    usable = [row for row in rows if all(_is_number(row.get(key)) for key in keys)]
    scored = [
        (tuple(s * row[k] for s, k in zip(signs, keys, strict=True)), i, row)
        for i, row in enumerate(usable)
    ]
    scored.sort(key=lambda item: item[:2])
    front: list[tuple[tuple[float, ...], Mapping[str, Any]]] = []
    for point, _, row in scored:
        beaten = any(all(a <= b for a, b in zip(other, point, strict=True)) for other, _ in front)
        if not beaten:
            front.append((point, row))
    return [row for _, row in front]


def objectives(sweep: Sweep) -> tuple[str, str] | None:
    """Return the two measured columns of the front."""
    have = sweep.metrics
    varying = [
        pair
        for pair in FRONTS
        if all(k in have and len({row.get(k) for row in sweep.good}) > 1 for k in pair)
    ]
    return varying[0] if varying else None


def front_figure(sweep: Sweep, prefix: str) -> Figure | None:
    """Return all points and the Pareto front of the first pair of objectives."""
    pair = objectives(sweep)
    if pair is None:
        return None
    usable = [row for row in sweep.good if all(_is_number(row.get(key)) for key in pair)]
    front = pareto(usable, pair)
    chosen = {id(row) for row in front}
    rest = [row for row in usable if id(row) not in chosen]

    def series(name: str, rows: Sequence[Mapping[str, Any]], style: int, mark: Any) -> Series:
        return Series(
            name,
            tuple(row[pair[0]] for row in rows),
            tuple(row[pair[1]] for row in rows),
            tuple(label(sweep, row) for row in rows),
            mark,
            style,
        )

    return Figure(
        f"{prefix}pareto",
        f"{sweep.name}: {METRICS[pair[0]].title} against {METRICS[pair[1]].title}",
        f"Scatter of {len(usable)} points with the {len(front)} on the Pareto front joined.",
        _axis_title(pair[0]),
        _axis_title(pair[1]),
        (
            series("other points", rest, 7, "points"),
            series("Pareto front", front, 5, "line"),
        ),
        f"{len(front)} of {len(usable)} points are not beaten in both. Point at one for its axes.",
    )


def _axis_title(key: str) -> str:
    metric = METRICS[key]
    return f"{metric.title} [{metric.unit}]" if metric.unit else metric.title


def curve_figures(sweep: Sweep, prefix: str) -> list[Figure]:
    """Return what the decoder width does: E and size over N_out, and the error against area."""
    x = sweep.axis("n_out") or sweep.axis("n_in")
    if x is None or not all(_is_number(row.get(x)) for row in sweep.good):
        return []
    have = sweep.metrics
    figures = [
        _curves(sweep, f"{prefix}width_{key}", x, key)
        for key in ("efficiency", "bits_per_weight", "time_us")
        if key in have
    ]
    if "efficiency" in have and "area_mm2" in have:
        figures.append(_error_area(sweep, prefix))
    return figures


def _groups(sweep: Sweep, x: str | None) -> dict[str, list[Mapping[str, Any]]]:
    """Return the points by the values of the axes other than `x`, at most twelve groups."""
    others = [key for key in sweep.axes if key != x]
    for n_axes in range(len(others), -1, -1):
        groups: dict[str, list[Mapping[str, Any]]] = {}
        for row in sweep.good:
            words = [f"{key.rpartition('.')[2]}={row.get(key)}" for key in others[:n_axes]]
            groups.setdefault(", ".join(words) or "all points", []).append(row)
        if len(groups) <= 12:
            return groups
    return {"all points": sweep.good}


def _curves(sweep: Sweep, name: str, x: str, y: str) -> Figure:
    series = []
    groups = _groups(sweep, x)
    dense = len(sweep.good) >= 3 * len(groups)  # a search leaves scattered points, not curves
    for number_, (words, rows) in enumerate(groups.items()):
        usable = sorted((row for row in rows if _is_number(row.get(y))), key=lambda row: row[x])
        single = len({row[x] for row in usable}) == len(usable)
        series.append(
            Series(
                words,
                tuple(row[x] for row in usable),
                tuple(row[y] for row in usable),
                tuple(label(sweep, row) for row in usable),
                "line" if single and dense else "points",
                number_,
            )
        )
    width = x.rpartition(".")[2]
    return Figure(
        name,
        f"{sweep.name}: {METRICS[y].title} over {width}",
        f"Curves of {METRICS[y].title} against {width}, one for each setting of the other axes.",
        f"{width} [weights a cycle]" if width == "n_out" else f"{width} [bits a cycle]",
        _axis_title(y),
        tuple(series),
    )


def _error_area(sweep: Sweep, prefix: str) -> Figure:
    series = []
    for number_, (words, rows) in enumerate(_groups(sweep, sweep.axis("n_out")).items()):
        usable = [
            r for r in rows if _is_number(r.get("efficiency")) and _is_number(r.get("area_mm2"))
        ]
        usable.sort(key=lambda row: (row["area_mm2"], row["efficiency"]))
        series.append(
            Series(
                words,
                tuple(row["area_mm2"] for row in usable),
                tuple(100 * (1 - row["efficiency"]) for row in usable),
                tuple(label(sweep, row) for row in usable),
                "points",
                number_,
            )
        )
    return Figure(
        f"{prefix}error_area",
        f"{sweep.name}: unmatched care bits against area",
        "Scatter of the share of care bits that patches repair against area, one point a decoder.",
        _axis_title("area_mm2"),
        "unmatched care bits, 1 - E [%]",
        tuple(series),
        "What a larger decoder buys: fewer patches.",
    )


def points_table(sweep: Sweep, prefix: str) -> Table:
    """Return all points, best first by the second objective (or the first measured column)."""
    pair, have = objectives(sweep), sweep.metrics
    key = pair[1] if pair else (have[0] if have else None)
    rows = [row for row in sweep.good if key is None or _is_number(row.get(key))]
    if key:
        rows.sort(key=lambda row: row[key], reverse=METRICS[key].more_is_better)
    columns = [
        Column(axis, axis, numeric=all(_is_number(row.get(axis)) for row in rows))
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
        usable = [row for row in good if _is_number(row.get(key))]
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
