"""A map of cells as a Plotly specification: a colour a kind of cell, its value in it, contours."""

from __future__ import annotations

from typing import Any

from f2fsim.report.style import style
from f2fsim.report.value import Figure, Series

#: Distances of contours, of which the least that gives no more than `MOST_LEVELS` is taken.
STEPS = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
MOST_LEVELS = 6

#: Value from which a cell has its full colour; at 1 it is pale.
FULL = 2.0


def map_spec(figure: Figure) -> dict[str, Any]:
    """Return ``data``, ``layout`` and ``height`` of a map."""
    columns, rows = figure.places()
    data = [_field(figure, series, columns, rows) for series in figure.series]
    contours = _contours(figure, columns, rows)
    data += [contours] if contours else []
    data += [_key(series) for series in figure.series]
    layout: dict[str, Any] = {
        "hovermode": "closest",
        "xaxis": _axis(figure.x_title, columns),
        "yaxis": _axis(figure.y_title, rows),
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom"},
        "showlegend": True,
        "margin": {"l": 70, "r": 16, "t": 30, "b": 60},
        "shapes": [],
    }
    return {"data": data, "layout": layout, "height": 190 + 46 * len(rows)}


def contour_levels(figure: Figure) -> list[float]:
    """Return the values that contours of a map are drawn at, above 1."""
    most = max((z for series in figure.series for z in series.z), default=1.0)
    step = next((step for step in STEPS if (most - 1) / step <= MOST_LEVELS), most)
    return [1 + step * i for i in range(1, MOST_LEVELS + 1)]


def grid_of(series: Series, columns: list[Any], rows: list[Any]) -> list[list[float | None]]:
    """Return the values of a series as a grid, None where it has no cell."""
    found: list[list[float | None]] = [[None] * len(columns) for _ in rows]
    for x, y, z in zip(series.x, series.y, series.z, strict=True):
        found[rows.index(y)][columns.index(x)] = z
    return found


def _axis(title: str, places: list[Any]) -> dict[str, Any]:
    numbers = list(range(len(places)))
    return {
        "title": {"text": title}, "automargin": True, "tickvals": numbers,
        "ticktext": [str(place) for place in places], "showgrid": False, "zeroline": False,
    }  # fmt: skip


def _field(figure: Figure, series: Series, columns: list[Any], rows: list[Any]) -> dict[str, Any]:
    colour = style(series.style).colour
    labels = [[""] * len(columns) for _ in rows]
    for i, (x, y) in enumerate(zip(series.x, series.y, strict=True)):
        labels[rows.index(y)][columns.index(x)] = series.labels[i] if series.labels else ""
    return {
        "type": "heatmap",
        "name": series.name,
        "x": list(range(len(columns))),
        "y": list(range(len(rows))),
        "z": grid_of(series, columns, rows),
        "text": labels,
        "texttemplate": "%{z:.3~g}",
        "hovertemplate": f"<b>{series.name}</b><br>%{{text}}<extra></extra>",
        "colorscale": [[0, f"{colour}55"], [1, colour]],
        "zmin": 1.0,
        "zmax": FULL,
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "hoverongaps": False,
    }


def _contours(figure: Figure, columns: list[Any], rows: list[Any]) -> dict[str, Any] | None:
    """Return lines of equal value over all kinds of cells, None where a map is a line."""
    if min(len(columns), len(rows)) < 2:
        return None
    whole: list[list[float | None]] = [[None] * len(columns) for _ in rows]
    for series in figure.series:
        for r, row in enumerate(grid_of(series, columns, rows)):
            for c, value in enumerate(row):
                whole[r][c] = value if value is not None else whole[r][c]
    levels = contour_levels(figure)
    return {
        "type": "contour",
        "name": "contours",
        "x": list(range(len(columns))),
        "y": list(range(len(rows))),
        "z": whole,
        "contours": {
            "coloring": "none",
            "start": levels[0],
            "end": levels[-1],
            "size": levels[1] - levels[0],
            "showlabels": True,
        },
        "line": {"color": "#333", "width": 1, "dash": "dot"},
        "showlegend": False,
        "hoverinfo": "skip",
    }


def _key(series: Series) -> dict[str, Any]:
    marker = {"color": style(series.style).colour, "symbol": "square", "size": 12}
    return {
        "type": "scatter", "mode": "markers", "x": [None], "y": [None], "name": series.name,
        "marker": marker, "hoverinfo": "skip",
    }  # fmt: skip
