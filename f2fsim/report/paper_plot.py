"""The figure of ``f2fsim paper``: its curves as values, then drawn."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from f2fsim.errors import MissingDependencyError
from f2fsim.explore.paper import DECODERS, PaperRow
from f2fsim.report.paper_text import decoder_name

#: Markers that tell the curves apart without colour.
_MARKERS = "osD^vPX*"


@dataclass(frozen=True)
class Panel:
    """One panel: a title and a curve (sparsities, E in %) for each decoder."""

    title: str
    curves: dict[str, tuple[tuple[float, ...], tuple[float, ...]]]


def panels(rows: Sequence[PaperRow], weight_type: str = "int8") -> list[Panel]:
    """Return a panel for each source and pruning of one weight type."""
    groups: dict[tuple[str, str, str], list[PaperRow]] = {}
    for row in rows:
        if row.weight_type == weight_type:
            groups.setdefault((row.source, row.origin, row.pruning), []).append(row)
    found = []
    for (source, origin, pruning), group in groups.items():
        curves = {}
        for decoder in DECODERS:
            mine = [r for r in group if (r.encoder, r.n_s, r.order) == decoder]
            curves[decoder_name(*decoder)] = (
                tuple(r.sparsity for r in mine),
                tuple(100 * r.efficiency for r in mine),
            )
        found.append(Panel(f"{source} ({origin}), {pruning}", curves))
    return found


def draw_panels(found: Sequence[Panel], title: str) -> dict[str, bytes]:
    """Return the figure as ``svg`` and ``png``.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingDependencyError(
            "the figure needs matplotlib; run: pip install 'f2fsim[report]'"
        ) from None
    n_columns = min(4, max(1, len(found)))
    n_rows = -(-len(found) // n_columns)
    settings: Any = {"svg.hashsalt": "f2fsim", "svg.fonttype": "none", "font.size": 8}
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(3.2 * n_columns, 2.6 * n_rows + 0.9), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(n_rows, n_columns, squeeze=False)
        for axis in axes.ravel()[len(found) :]:
            axis.set_visible(False)
        for axis, panel in zip(axes.ravel(), found, strict=False):
            for number, (name, (x, y)) in enumerate(panel.curves.items()):
                dash = "-" if name.startswith("viterbi") else "--"
                axis.plot(x, y, dash, marker=_MARKERS[number], markersize=4, label=name)
            axis.set_title(panel.title)
            axis.set_xlabel("sparsity S")
            axis.set_ylabel("E in %")
            axis.grid(alpha=0.3)
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4)
        figure.suptitle(title)
        out = {}
        for kind, extra in (("svg", {"Date": None}), ("png", {"Software": "f2fsim"})):
            data = io.BytesIO()
            figure.savefig(data, format=kind, metadata=extra, dpi=120)
            out[kind] = data.getvalue()
    return out
