"""Figures of decoder width: E, size and time over N_out, and the error against area."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from f2fsim.report.sweeps import METRICS, Sweep, axis_title, is_number, label
from f2fsim.report.value import Figure, Series


def curve_figures(sweep: Sweep, prefix: str) -> list[Figure]:
    """Return what the decoder width does: E and size over N_out, and the error against area."""
    x = sweep.axis("n_out") or sweep.axis("n_in")
    if x is None or not all(is_number(row.get(x)) for row in sweep.good):
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
        usable = sorted((row for row in rows if is_number(row.get(y))), key=lambda row: row[x])
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
        axis_title(y),
        tuple(series),
    )


def _error_area(sweep: Sweep, prefix: str) -> Figure:
    series = []
    for number_, (words, rows) in enumerate(_groups(sweep, sweep.axis("n_out")).items()):
        usable = [
            r for r in rows if is_number(r.get("efficiency")) and is_number(r.get("area_mm2"))
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
        axis_title("area_mm2"),
        "unmatched care bits, 1 - E [%]",
        tuple(series),
        "What a larger decoder buys: fewer patches.",
    )
