"""A figure as a Plotly specification: plain data that the page's script hands to Plotly.

Nothing is computed here: x and y are those of the figure, so that a test can read them back.
Text and grid colours are set by the page, for light and dark.
"""

from __future__ import annotations

from typing import Any

from f2fsim.report.style import style
from f2fsim.report.value import Figure, Series


def plotly_spec(figure: Figure) -> dict[str, Any]:
    """Return ``data`` and ``layout`` of a figure."""
    data = [_trace(figure, series) for series in figure.series]
    layout: dict[str, Any] = {
        "barmode": "stack" if figure.stacked else "group",
        "hovermode": "closest",
        "xaxis": _axis(figure.x_title, figure.x_log, _ticks(figure)),
        "yaxis": _axis(figure.y_title, figure.y_log),
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "traceorder": "normal",
        },
        "showlegend": True,
        "margin": {"l": 60, "r": 16, "t": 30, "b": 60},
        "shapes": [],
    }
    if not figure.horizontal and figure.series and figure.series[0].mark == "bar":
        names = list(dict.fromkeys(x for series in figure.series for x in series.x))
        broken = [str(name).replace(", ", "<br>") for name in names]
        layout["xaxis"] |= {"tickvals": names, "ticktext": broken, "title": {"text": ""}}
    if figure.horizontal:
        layout["xaxis"], layout["yaxis"] = layout["yaxis"], layout["xaxis"]
        layout["yaxis"] |= {"autorange": "reversed", "title": {"text": ""}}
    if figure.reference is not None:
        layout["shapes"].append(_reference(figure.reference))
    return {"data": data, "layout": layout}


def _axis(title: str, log: bool, ticks: list[float] | None = None) -> dict[str, Any]:
    axis: dict[str, Any] = {"title": {"text": title}, "automargin": True}
    if log:
        axis["type"] = "log"
    if ticks:
        axis |= {"tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}
    return axis


def _ticks(figure: Figure) -> list[float] | None:
    """Return the points of a logarithmic axis with few of them (batch sizes), else None."""
    points = sorted({x for series in figure.series for x in series.x if figure.x_log})
    return points if len(points) <= 10 else None


def _reference(value: float) -> dict[str, Any]:
    line = {"dash": "dash", "width": 1.5, "color": "#888"}
    ends = {"xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": value, "y1": value}
    return {"type": "line", "line": line, **ends}


def _trace(figure: Figure, series: Series) -> dict[str, Any]:
    look = style(series.style)
    hover = _hover(figure, series)
    common: dict[str, Any] = {
        "name": series.name,
        "x": list(series.y if figure.horizontal else series.x),
        "y": list(series.x if figure.horizontal else series.y),
        "hovertemplate": hover,
    }
    if series.labels:
        common["text"] = list(series.labels)
    if series.mark == "bar":
        pattern = {
            "shape": look.plotly_pattern, "fillmode": "replace", "bgcolor": look.colour,
            "fgcolor": "#fff", "fgopacity": 0.75, "size": 7, "solidity": 0.2,
        }  # fmt: skip
        edge = {"width": 0.5, "color": "#888"}
        bar: dict[str, Any] = {"color": look.colour, "pattern": pattern, "line": edge}
        orientation = {"orientation": "h"} if figure.horizontal else {}
        return common | orientation | {"type": "bar", "marker": bar, "textposition": "none"}
    marker: dict[str, Any] = {"color": look.colour, "symbol": look.plotly_marker, "size": 8}
    if series.mark == "line":
        line = {"color": look.colour, "dash": look.plotly_dash, "width": 2}
        steps = len(series.x) > 60
        mode = "lines" if steps else "lines+markers"
        return common | {"type": "scatter", "mode": mode, "line": line, "marker": marker}
    marker |= {"opacity": 0.85, "line": {"width": 0.5, "color": "#444"}}
    if any(other.mark == "bar" for other in figure.series):  # to be seen in front of bars
        outline = {"width": 1.5, "color": "#000"}
        marker |= {"size": 15, "opacity": 1, "color": "#fff", "line": outline}
    return common | {"type": "scatter", "mode": "markers", "marker": marker}


def _hover(figure: Figure, series: Series) -> str:
    """Return Plotly's template: names with units and the values, four digits."""
    x, y = ("y", "x:.4~g") if figure.horizontal else ("x", "y:.4~g")
    numeric = bool(series.x) and isinstance(series.x[0], int | float)
    x = f"{x}:.4~g" if numeric else x
    extra = "<br>%{text}" if series.labels else ""
    return (
        f"<b>{_escape(series.name)}</b><br>{_escape(figure.x_title)}: %{{{x}}}"
        f"<br>{_escape(figure.y_title)}: %{{{y}}}{extra}<extra></extra>"
    )


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("%", "&#37;")
