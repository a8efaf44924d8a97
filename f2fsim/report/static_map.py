"""A map of cells by matplotlib: colour and hatch a kind of cell, its value in it, contours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from f2fsim.report.interactive_map import FULL, contour_levels
from f2fsim.report.style import style
from f2fsim.report.value import Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

#: Opacity of a cell whose value is 1, and of one of `FULL` or more.
PALE, STRONG = 0.35, 0.95


def draw_map(canvas: Canvas, figure: Figure) -> None:
    """Draw the cells, their values, contours and the key."""
    from matplotlib.patches import Patch, Rectangle

    columns, rows = figure.places()
    axes = canvas.add_subplot()
    whole = [[float("nan")] * len(columns) for _ in rows]
    for series in figure.series:
        look = style(series.style)
        for x, y, z in zip(series.x, series.y, series.z, strict=True):
            c, r = columns.index(x), rows.index(y)
            whole[r][c] = z
            share = min(max((z - 1) / (FULL - 1), 0.0), 1.0)
            axes.add_patch(
                Rectangle(
                    (c - 0.5, r - 0.5), 1, 1, facecolor=look.colour, hatch=look.hatch,
                    alpha=PALE + (STRONG - PALE) * share, edgecolor="white", linewidth=1,
                )
            )  # fmt: skip
            box = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.8}
            axes.text(c, r, f"{z:.3g}", ha="center", va="center", fontsize=7, bbox=box)
    if min(len(columns), len(rows)) > 1:
        lines = axes.contour(
            whole, levels=contour_levels(figure), colors="#333", linewidths=0.8, linestyles=":"
        )
        axes.clabel(lines, fmt="%.3g", fontsize=6)
    axes.set_xlim(-0.5, len(columns) - 0.5)
    axes.set_ylim(-0.5, len(rows) - 0.5)
    axes.set_xticks(range(len(columns)), [str(x) for x in columns])
    axes.set_yticks(range(len(rows)), [str(y) for y in rows])
    axes.grid(visible=False)
    axes.set_xlabel(figure.x_title)
    axes.set_ylabel(figure.y_title)
    axes.set_title(figure.title, loc="left", fontsize=10, fontweight="bold")
    patches = [
        Patch(facecolor=style(s.style).colour, hatch=style(s.style).hatch, label=s.name)
        for s in figure.series
    ]
    canvas.legend(
        handles=patches, loc="outside lower left", ncols=max(len(patches), 1), frameon=False,
        fontsize=7.5,
    )  # fmt: skip
