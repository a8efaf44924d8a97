"""Results in a notebook: a table of the totals, and the report's figures one by one.

`f2fsim.results.views` finds this module by its name; nothing is written to files here.
"""

from __future__ import annotations

import html as markup
import io
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from f2fsim.report import figures as fig
from f2fsim.report.answer import answer
from f2fsim.report.cases import Case, Run, make_cases
from f2fsim.report.network_figures import (
    residency_figure,
    timeline_figure,
    traffic_over_time_figure,
)
from f2fsim.report.roofline import roofline_figure
from f2fsim.report.static import canvas_of, settings
from f2fsim.report.value import Figure, number_text
from f2fsim.results import NetworkRun, SimResult
from f2fsim.results.views import ResultViews

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

#: How each figure is made from a case.
FIGURES: Mapping[str, Callable[[Case], Figure | None]] = {
    "speedup": lambda case: fig.speedup_figure([case]),
    "bits": lambda case: fig.bits_figure([case]),
    "traffic": fig.traffic_figure,
    "stalls": fig.stall_figure,
    "energy": fig.energy_figure,
    "bandwidth": fig.bandwidth_figure,
    "roofline": roofline_figure,
    "timeline": lambda case: _of_network(case, timeline_figure),
    "traffic_over_time": lambda case: _of_network(case, traffic_over_time_figure),
    "residency": lambda case: _of_network(case, residency_figure),
}


def _of_network(case: Case, make: Callable[[Run, NetworkRun], Figure]) -> Figure | None:
    network = case.subject.result.network
    return make(case.subject, network) if network is not None else None


@cache
def _drawing_class() -> type[Canvas]:
    """Return matplotlib's figure with its numbers and a picture of itself; imported late."""
    import pandas as pd
    from matplotlib.figure import Figure as Canvas

    class Drawing(Canvas):
        """A matplotlib figure; ``data`` has its numbers as a pandas table."""

        data: pd.DataFrame

        def _repr_png_(self) -> bytes:
            png = io.BytesIO()
            self.savefig(png, format="png", dpi=110)
            return png.getvalue()

    return Drawing


class Plots:
    """The figures of a report, drawn one at a time as matplotlib figures.

    Each figure has its numbers as ``data``, a pandas table, and all that matplotlib gives:
    ``compared.plot.traffic().savefig("traffic.pdf")``.
    """

    def __init__(self, results: Sequence[SimResult]) -> None:
        self._results = results

    def __repr__(self) -> str:
        return f"figures: {', '.join(FIGURES)}"

    def speedup(self) -> Canvas:
        """Speed-up of each machine over the dense one, else the slowest."""
        return self._drawn("speedup")

    def bits(self) -> Canvas:
        """Encoded bits a weight, mask counted, against the entropy."""
        return self._drawn("bits")

    def traffic(self) -> Canvas:
        """DRAM bytes by stream."""
        return self._drawn("traffic")

    def stalls(self) -> Canvas:
        """Where the cycles of the PE array went."""
        return self._drawn("stalls")

    def energy(self) -> Canvas:
        """Energy by component."""
        return self._drawn("energy")

    def bandwidth(self) -> Canvas:
        """DRAM bandwidth over time; of layers by themselves only."""
        return self._drawn("bandwidth")

    def roofline(self) -> Canvas:
        """Each layer under the roofline."""
        return self._drawn("roofline")

    def timeline(self) -> Canvas:
        """Stages on one time axis; of a network's run only, as the two below."""
        return self._drawn("timeline")

    def traffic_over_time(self) -> Canvas:
        """DRAM bytes so far over time, those of KV caches among them."""
        return self._drawn("traffic_over_time")

    def residency(self) -> Canvas:
        """What the scratchpad holds over time, tensor by tensor."""
        return self._drawn("residency")

    def _drawn(self, name: str) -> Canvas:
        import pandas as pd

        figure = FIGURES[name](make_cases([list(self._results)])[0])
        if figure is None or not figure.series:
            raise ValueError(f"plot.{name}: these results have no numbers for it")
        with settings():
            canvas: Any = canvas_of(figure, _drawing_class())
        canvas.data = pd.DataFrame(figure.rows())
        return canvas  # type: ignore[no-any-return]


def html(results: ResultViews) -> str:
    """Return the answer of these results as HTML: its sentences, then its table."""
    runs = list(results._runs())
    found = answer(make_cases([runs]), drawn=False)
    table = found.table
    if table is None:
        return f"<p>{markup.escape(found.words)}</p>"
    head = "".join(f"<th>{markup.escape(column.heading)}</th>" for column in table.columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{_cell(row.get(column.key))}</td>' for column in table.columns)}</tr>"
        for row in table.rows
    )
    return (
        f"<p><b>{markup.escape(found.title)}</b><br>{markup.escape(found.words)}</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        f"<p><small>{markup.escape(table.caption)}</small></p>"
    )


def _cell(value: object) -> str:
    return markup.escape(number_text(value))
