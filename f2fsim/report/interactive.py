"""A figure as a Plotly specification: plain data that the page's script hands to Plotly.

Nothing is computed here: x and y are those of the figure, so that a test can read them back.
Text and grid colours are set by the page, for light and dark.
"""

from __future__ import annotations

from typing import Any

from f2fsim.report.interactive_map import map_spec
from f2fsim.report.style import style
from f2fsim.report.value import Figure, Series


def plotly_spec(figure: Figure) -> dict[str, Any]:
    """Return ``data``, ``layout`` and ``height`` (pixels, legend not counted) of a figure."""
    if figure.is_map:
        return map_spec(figure)
    data = [_trace(figure, series) for series in figure.series]
    layout: dict[str, Any] = {
        "barmode": "stack" if figure.stacked else "group",
        "bargap": 0.3 if figure.horizontal else 0.2,
        "hovermode": "closest",
        "xaxis": _axis(figure.x_title, figure.x_log, _ticks(figure)),
        "yaxis": _axis(figure.y_title, figure.y_log),
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1.0,
            "yanchor": "bottom",
            "traceorder": "normal",
        },
        "showlegend": len(figure.series) > 1 and not figure.panels,
        "margin": {"l": 60, "r": 16, "t": 30, "b": 60},
        "shapes": [],
    }
    names = figure.categories
    if names and not figure.horizontal:
        broken = [str(name).replace(", ", "<br>") for name in names]
        layout["xaxis"] |= {"tickvals": names, "ticktext": broken, "title": {"text": ""}}
        layout["uniformtext"] = {"mode": "hide", "minsize": 8}
        layout["shapes"] += _levels(figure, names)
    if figure.horizontal:
        layout["xaxis"], layout["yaxis"] = layout["yaxis"], layout["xaxis"]
        layout["yaxis"] |= {"autorange": "reversed", "title": {"text": ""}}
    if figure.panels:
        _divide(figure, data, layout)
    elif figure.reference is not None:
        layout["shapes"].append(_reference(figure.reference))
    return {"data": data, "layout": layout, "height": _height(figure)}


def _height(figure: Figure) -> int:
    if figure.horizontal:
        return 110 + 44 * len(figure.categories)
    return 110 + 90 * len(figure.series) if figure.panels else 370


def _levels(figure: Figure, names: list[Any]) -> list[dict[str, Any]]:
    """Return a line across each group of bars at the values of point series, such as a bound."""
    return [
        {
            "type": "line", "xref": "x", "yref": "y", "layer": "above",
            "x0": names.index(x) - 0.45, "x1": names.index(x) + 0.45, "y0": y, "y1": y,
            "line": {"width": 1.5, "dash": "dot", "color": "#888"},
        }
        for series in figure.series if series.mark == "points"
        for x, y in zip(series.x, series.y, strict=True)
    ]  # fmt: skip


def _divide(figure: Figure, data: list[dict[str, Any]], layout: dict[str, Any]) -> None:
    """Give each series a strip of its own with the same range."""
    axis, n = layout.pop("yaxis"), len(figure.series)
    top = max([figure.reference or 0.0, *(y for series in figure.series for y in series.y)])
    layout["annotations"] = []
    for i, series in enumerate(figure.series):
        suffix = "" if i == 0 else str(i + 1)
        ends = [1 - (i + 1) / n, 1 - i / n - 0.24 / n]
        title = axis["title"] if i == n // 2 else {"text": ""}
        layout[f"yaxis{suffix}"] = {
            **axis, "domain": ends, "range": [0, 1.08 * top], "title": title, "nticks": 3,
            "anchor": "x",
        }  # fmt: skip
        data[i] |= {"yaxis": f"y{suffix}"}
        layout["annotations"].append(
            {
                "text": _escape(series.name), "xref": "paper", "yref": "paper", "x": 0,
                "y": ends[1], "xanchor": "left", "yanchor": "bottom", "showarrow": False,
            }
        )  # fmt: skip
        if figure.reference is not None:
            layout["shapes"].append(_reference(figure.reference, f"y{suffix}"))
    layout["xaxis"]["anchor"] = f"y{n}" if n > 1 else "y"


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


def _reference(value: float, axis: str = "y") -> dict[str, Any]:
    line = {"dash": "dash", "width": 1.5, "color": "#888"}
    ends = {"xref": "paper", "x0": 0, "x1": 1, "yref": axis, "y0": value, "y1": value}
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
        text: dict[str, Any] = {"textposition": "none"}
        if figure.values_shown:
            text = {"textposition": "outside", "texttemplate": "%{y:.3~g}", "cliponaxis": False}
        return common | orientation | {"type": "bar", "marker": bar} | text
    marker: dict[str, Any] = {"color": look.colour, "symbol": look.plotly_marker, "size": 8}
    if series.mark == "limit":
        line = {"color": look.colour, "dash": "dash", "width": 2}
        return common | {"type": "scatter", "mode": "lines", "line": line}
    if series.mark == "line":
        line = {"color": look.colour, "dash": look.plotly_dash, "width": 2}
        mode = "lines" if len(series.x) > 60 or figure.panels else "lines+markers"
        return common | {"type": "scatter", "mode": mode, "line": line, "marker": marker}
    marker |= {"opacity": 0.85, "line": {"width": 0.5, "color": "#444"}}
    if any(other.mark == "bar" for other in figure.series):  # to be seen in front of bars
        outline = {"width": 1.5, "color": "#000"}
        marker |= {"size": 13, "opacity": 1, "color": "#fff", "line": outline}
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
