"""Figures of decoder width: E, size and time over N_out, and the error against area."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from f2fsim.report.sweeps import METRICS, Sweep, axis_title, grouped, is_number, label
from f2fsim.report.value import Figure, Series

#: Most curves of a figure, and most figures of one kind.
MAX_CURVES, MAX_FIGURES = 12, 24

Rows = list[Mapping[str, Any]]


@dataclass(frozen=True)
class Facet:
    """One figure's share of a sweep: what is equal in it, and its points by all other axes."""

    words: str
    groups: dict[str, Rows]
    caption: str = ""


def curve_figures(sweep: Sweep, prefix: str) -> list[Figure]:
    """Return what the decoder width does: E and size over N_out, and the error against area.

    Each axis that varies is told: by curves, and by a figure for each value where there are more
    than `MAX_CURVES` of them or the axis is one of the sweep's `by`.
    """
    x = sweep.axis("n_out") or sweep.axis("n_in")
    if x is None or not all(is_number(row.get(x)) for row in sweep.good):
        return []
    have = sweep.metrics
    figures: list[Figure] = []
    for key in ("efficiency", "bits_per_weight", "time_us"):
        if key in have:
            name = f"{prefix}width_{key}"
            found = [_curves(sweep, facet, name, x, key) for facet in facets(sweep, x)]
            figures += _numbered(found)
    if "efficiency" in have and "area_mm2" in have:
        width = sweep.axis("n_out")
        figures += _numbered([_error_area(sweep, f, prefix) for f in facets(sweep, width)])
    return figures


def facets(sweep: Sweep, x: str | None) -> list[Facet]:
    """Share the points of a sweep among figures by the axes other than `x`."""
    others = [key for key in sweep.axes if key != x and not _follows(sweep, key)]
    apart = [key for key in others if key in sweep.by]
    while True:
        curves = [key for key in others if key not in apart]
        found = [
            Facet(words, grouped(rows, curves))
            for words, rows in grouped(sweep.good, apart).items()
        ]
        if all(len(facet.groups) <= MAX_CURVES for facet in found):
            break
        apart.append(min(curves, key=lambda key: len({repr(r.get(key)) for r in sweep.good})))
    if len(found) <= MAX_FIGURES:
        return found
    words = f"More settings of {', '.join(others)} than curves: point at one, or see the table."
    return [Facet(name, {"all points": rows}, words) for name, rows in sweep.groups.items()]


def _follows(sweep: Sweep, key: str) -> bool:
    """Whether a column, such as one of ``define``, says nothing that parameters do not say."""
    parameters = [axis for axis in sweep.axes if "." in axis]
    if "." in key or not parameters:
        return False
    found: dict[str, set[str]] = {}
    for row in sweep.good:
        of = repr([row.get(axis) for axis in parameters])
        found.setdefault(of, set()).add(repr(row.get(key)))
    return all(len(values) == 1 for values in found.values())


def _numbered(figures: list[Figure]) -> list[Figure]:
    """Return figures of one kind under names of their own."""
    if len(figures) == 1:
        return figures
    return [replace(f, name=f"{f.name}_{i}") for i, f in enumerate(figures, start=1)]


def _curves(sweep: Sweep, facet: Facet, name: str, x: str, y: str) -> Figure:
    series = []
    n_points = sum(len(rows) for rows in facet.groups.values())
    dense = n_points >= 3 * len(facet.groups)  # a search leaves scattered points, not curves
    for number_, (words, rows) in enumerate(facet.groups.items()):
        usable = sorted((row for row in rows if is_number(row.get(y))), key=lambda row: row[x])
        single = len({row[x] for row in usable}) == len(usable)
        series.append(
            Series(
                words or "all points",
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
        f"{sweep.name}: {METRICS[y].title} over {width}{_at(facet)}",
        f"Curves of {METRICS[y].title} against {width}, one for each setting of the other axes.",
        f"{width} [weights a cycle]" if width == "n_out" else f"{width} [bits a cycle]",
        axis_title(y),
        tuple(series),
        facet.caption,
    )


def _at(facet: Facet) -> str:
    return f", {facet.words}" if facet.words else ""


def _error_area(sweep: Sweep, facet: Facet, prefix: str) -> Figure:
    series = []
    for number_, (words, rows) in enumerate(facet.groups.items()):
        usable = [
            r for r in rows if is_number(r.get("efficiency")) and is_number(r.get("area_mm2"))
        ]
        usable.sort(key=lambda row: (row["area_mm2"], row["efficiency"]))
        series.append(
            Series(
                words or "all points",
                tuple(row["area_mm2"] for row in usable),
                tuple(100 * (1 - row["efficiency"]) for row in usable),
                tuple(label(sweep, row) for row in usable),
                "points",
                number_,
            )
        )
    return Figure(
        f"{prefix}error_area",
        f"{sweep.name}: unmatched care bits against area{_at(facet)}",
        "Scatter of the share of care bits that patches repair against area, one point a decoder.",
        axis_title("area_mm2"),
        "unmatched care bits, 1 - E [%]",
        tuple(series),
        f"What a larger decoder buys: fewer patches. {facet.caption}".rstrip(),
    )
