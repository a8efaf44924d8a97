"""A figure as SVG and PNG by matplotlib, for papers: the same numbers, no colour needed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from f2fsim.errors import MissingDependencyError
from f2fsim.report.static_map import draw_map
from f2fsim.report.style import style
from f2fsim.report.value import Figure, Series

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

#: Inches of a drawing.
WIDTH = 7.0
#: Fixed, so that equal figures are equal bytes.
SETTINGS: Any = {
    "svg.hashsalt": "f2fsim",
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "hatch.linewidth": 0.6,
    "figure.dpi": 100,
}


def canvas_of(figure: Figure, kind: type[Canvas] | None = None) -> Canvas:
    """Return the figure drawn by matplotlib, not written anywhere; call it inside `settings`.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as PlainCanvas

    canvas = (kind or PlainCanvas)(figsize=(WIDTH, _height(figure)), layout="constrained")
    FigureCanvasAgg(canvas)
    if figure.panels:
        _strips(canvas, figure)
    elif figure.is_map:
        draw_map(canvas, figure)
    else:
        _fill(canvas.add_subplot(), figure)
        canvas.legend(
            loc="outside lower left",
            ncols=_legend_columns(figure),
            frameon=False,
            fontsize=7.5,
        )
    return canvas


@contextmanager
def settings() -> Iterator[None]:
    """Draw with `SETTINGS`, whatever the user has set for figures of their own.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        raise MissingDependencyError(
            "reports need matplotlib: pip install 'f2fsim[report]'"
        ) from None
    with matplotlib.rc_context(SETTINGS):
        yield


def draw(figure: Figure) -> tuple[bytes, bytes]:
    """Return the figure as SVG and as PNG (200 dots an inch).

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    """
    with settings():
        canvas = canvas_of(figure)
        svg, png = io.BytesIO(), io.BytesIO()
        text = {"Title": figure.title, "Description": figure.alt, "Date": None}
        canvas.savefig(svg, format="svg", metadata=text)
        canvas.set_layout_engine("none")
        png_text = {"Title": figure.title, "Description": figure.alt, "Software": "f2fsim"}
        canvas.savefig(png, format="png", dpi=200, metadata=png_text)
    return svg.getvalue(), png.getvalue()


def _height(figure: Figure) -> float:
    """Return the height of a drawing in inches: rows of its legend and its strips counted."""
    if figure.is_map:
        return 1.3 + 0.42 * len(figure.places()[1])
    if figure.panels:
        return 1.1 + 0.85 * len(figure.series)
    legend = 0.18 * -(-len(figure.series) // _legend_columns(figure))
    return (1.2 + 0.42 * len(figure.categories) if figure.horizontal else 3.6) + legend


def _legend_columns(figure: Figure) -> int:
    """Return how many entries of the legend stand side by side on `WIDTH` inches."""
    # The key, and the average width of a letter.
    widest = 0.55 + 0.062 * max((len(series.name) for series in figure.series), default=0)
    return max(1, min(len(figure.series), int(WIDTH / widest)))


def _strips(canvas: Canvas, figure: Figure) -> None:
    """Draw each series in a strip of its own, with common axes."""
    grid = canvas.subplots(len(figure.series), sharex=True, sharey=True, squeeze=False)
    for axes, series in zip(grid[:, 0], figure.series, strict=True):
        look = style(series.style)
        axes.plot(series.x, series.y, color=look.colour, linewidth=1.2)
        axes.set_title(series.name, loc="left", fontsize=8, pad=2)
        if figure.reference is not None:
            axes.axhline(figure.reference, color="#666", linestyle="--", linewidth=1)
    top = max([figure.reference or 0.0, *(y for series in figure.series for y in series.y)])
    grid[0, 0].set_ylim(0, 1.08 * top if top else 1.0)  # of all strips: they share it
    grid[-1, 0].set_xlabel(figure.x_title)
    canvas.supylabel(figure.y_title, fontsize=9)
    canvas.suptitle(figure.title, x=0.02, ha="left", fontsize=10, fontweight="bold")


def _fill(axes: Axes, figure: Figure) -> None:
    bars = [series for series in figure.series if series.mark == "bar"]
    categories = figure.categories
    places = {x: float(i) for i, x in enumerate(categories)}
    if bars:
        _bars(axes, figure, bars, places)
    for series in figure.series:
        if series.mark != "bar":
            _curve(axes, series, places, horizontal=figure.horizontal)
    axes.set_title(figure.title, loc="left", fontsize=10, fontweight="bold")
    if figure.horizontal:
        axes.set_xlabel(figure.y_title)
        axes.invert_yaxis()
    else:
        axes.set_xlabel("" if categories else figure.x_title)
        axes.set_ylabel(figure.y_title)
    if figure.x_log:
        axes.set_xscale("log")
        _few_decades(axes)
    if figure.y_log:
        axes.set_yscale("log")
    if figure.reference is not None:
        line = axes.axvline if figure.horizontal else axes.axhline
        line(figure.reference, color="#666", linestyle="--", linewidth=1)


def _few_decades(axes: Axes) -> None:
    """Write 1, 2, 5 in words of a figure at an axis that has less than two decades."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axes.get_xlim()
    if high < 100 * low:
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())


def _bars(axes: Axes, figure: Figure, bars: list[Series], places: dict[Any, float]) -> None:
    base = dict.fromkeys(places, 0.0)
    width = 0.8 if figure.stacked else 0.8 / len(bars)
    for i, series in enumerate(bars):
        look = style(series.style)
        shift = 0.0 if figure.stacked else (i - (len(bars) - 1) / 2) * width
        at = [places[x] + shift for x in series.x]
        start = [base[x] for x in series.x] if figure.stacked else [0.0] * len(at)
        common: dict[str, Any] = {
            "label": series.name, "color": look.colour, "hatch": look.hatch,
            "edgecolor": "white", "linewidth": 0.5,
        }  # fmt: skip
        if figure.horizontal:
            axes.barh(at, series.y, width, left=start, **common)
        else:
            drawn = axes.bar(at, series.y, width, bottom=start, **common)
            if figure.values_shown and len(places) * len(bars) <= 16:
                axes.bar_label(drawn, fmt="%.3g", fontsize=7, padding=1)
        if figure.stacked:
            for x, y in zip(series.x, series.y, strict=True):
                base[x] += y
    names = [str(x).replace(", ", "\n") if not figure.horizontal else str(x) for x in places]
    if figure.horizontal:
        axes.set_yticks(list(places.values()), names)
        axes.grid(visible=False, axis="y")
    else:
        axes.set_xticks(list(places.values()), names, fontsize=7.5)
        axes.grid(visible=False, axis="x")


def _curve(
    axes: Axes, series: Series, places: dict[Any, float], *, horizontal: bool = False
) -> None:
    look = style(series.style)
    x = [places.get(at, at) for at in series.x]
    if series.mark == "limit":
        axes.plot(x, series.y, label=series.name, color=look.colour, linestyle="--", linewidth=1.5)
        return
    if series.mark == "line":
        marker = look.marker if len(x) <= 60 else ""
        axes.plot(
            x, series.y, label=series.name, color=look.colour, linestyle=look.dash,
            marker=marker, markersize=4, linewidth=1.5,
        )  # fmt: skip
        return
    for at, y in zip(x, series.y, strict=True) if places else ():
        across = axes.vlines if horizontal else axes.hlines
        across(y, at - 0.45, at + 0.45, color="#444", linestyle=":", linewidth=1.2)
    along, up = (series.y, x) if horizontal else (x, series.y)
    axes.scatter(
        along, up, label=series.name, color="#fff" if places else look.colour,
        marker=look.marker, s=110 if places else 22,
        edgecolors="#333", linewidths=0.4, zorder=3,
    )  # fmt: skip
