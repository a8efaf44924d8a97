"""How results show themselves: frames, files, a notebook's table, figures.

Drawing belongs to `f2fsim.report`, which knows results and not the other way round; it is found
by its name when a figure or a page is asked for, as pandas finds its plotting backend.
"""

from __future__ import annotations

import importlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    import pandas as pd

    from f2fsim.results.stats import SimResult

#: The module that draws: it has `html` and `Plots`.
DRAWING = "f2fsim.report.notebook"


class Plots(Protocol):
    """The figures of a report for some results; each is drawn when it is called."""

    def __getattr__(self, name: str) -> Any:
        """Return what draws the figure of that name."""


class ResultViews:
    """What `SimResult` and `Comparison` share: ways to look at them and to keep them."""

    __slots__ = ()

    @abstractmethod
    def _runs(self) -> Sequence[SimResult]:
        """Return the results that are shown."""

    @abstractmethod
    def rows(self) -> list[dict[str, Any]]:
        """Return the totals, one row a run."""

    def frame(self) -> pd.DataFrame:
        """Return the totals as a pandas table, one row a machine."""
        import pandas as pd

        return pd.DataFrame(self.rows())

    def layers_frame(self) -> pd.DataFrame:
        """Return one row a layer of each machine; times and energies are those of one run."""
        from f2fsim.results.frames import layers_frame

        return layers_frame(self._runs())

    def save(self, path: str | Path) -> Path:
        """Write results, tables and manifest into a folder and return it; `load` reads it again.

        Raises
        ------
        InputError
            If `path` is a file.
        """
        from f2fsim.results.files import write_results
        from f2fsim.whole_file import check_folder

        folder = Path(path)
        check_folder(folder, "path")
        write_results(folder, self._runs(), rows=self.rows())
        return folder

    @property
    def plot(self) -> Plots:
        """Figures of the report: ``plot.traffic()`` and so on, each with its numbers as ``data``.

        ``dir(result.plot)`` lists them; `f2fsim.report.notebook.Plots` describes each.
        """
        return cast(Plots, importlib.import_module(DRAWING).Plots(self._runs()))

    def _repr_html_(self) -> str:
        return cast(str, importlib.import_module(DRAWING).html(self))


def text_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return rows as lines of text with aligned columns, the first to the left."""
    if not rows:
        return []
    keys = list(rows[0])
    cells = [keys, *([str(row[key]) for key in keys] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(keys))]
    return [
        "  ".join(
            text.ljust(width) if i == 0 else text.rjust(width)
            for i, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]
