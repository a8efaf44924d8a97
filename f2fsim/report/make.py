"""The whole way from results to a written report, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from f2fsim.report.build import build_report
from f2fsim.report.inputs import Inputs, read_inputs
from f2fsim.report.sweeps import Sweep, named
from f2fsim.report.write import Progress, write_report
from f2fsim.results import SimResult
from f2fsim.whole_file import check_folder


class Explored(Protocol):
    """What `f2fsim.sweep` returns: rows of points, and a specification with a name."""

    def rows(self) -> list[dict[str, object]]:
        """Return one row a point."""


#: A folder or file of results, a result, several that are compared, or what a sweep returned.
Source = str | Path | SimResult | Sequence[SimResult] | Explored


def make_report(
    sources: Source | Sequence[Source],
    out: str | Path,
    *,
    title: str = "",
    command: str = "",
    drawings: bool = True,
    brief: bool = False,
    by: Sequence[str] = (),
    progress: Progress | None = None,
) -> Path:
    """Write a report and return the path of its page.

    Parameters
    ----------
    sources : path, SimResult, list of SimResult, result of a sweep, or a list of these
        What the report is about; results that are listed together are compared.
    out : path
        Folder of the report.
    title : str
        Heading, in place of the workloads' names.
    command : str
        The command that makes the report again.
    drawings : bool
        Whether SVG and PNG files are drawn beside the page.
    brief : bool
        Words, crossovers over batch and one table of all cases, as Markdown, CSV and SVG only.
    by : sequence of str
        Columns of a sweep of which each value has a front and curves of its own, in place of the
        conditions that vary (sparsity, weight type, batch …).
    progress : callable, optional
        Called with (done, total, label).

    Raises
    ------
    InputError
        If a file is damaged or holds neither results nor points, or `out` cannot be written.

    Examples
    --------
    >>> import f2fsim
    >>> pair = f2fsim.compare("silero_vad", ["f2f_edge", "csr_edge"], sparsity=0.9)
    >>> f2fsim.make_report([pair], "out/report")  # doctest: +SKIP
    """
    check_folder(Path(out), "out")
    listed: Sequence[Any] = sources if isinstance(sources, list | tuple) else [sources]
    if listed and all(isinstance(one, SimResult) for one in listed):
        listed = [listed]
    results: list[tuple[SimResult, ...]] = []
    sweeps: list[Sweep] = []
    for one in listed:
        if isinstance(one, str | Path):
            found = read_inputs([Path(one)])
            results += found.results
            sweeps += found.sweeps
        elif isinstance(one, SimResult):
            results.append((one,))
        elif isinstance(one, Sequence):
            results.append(tuple(one))
        else:
            name = getattr(getattr(one, "spec", None), "name", "sweep")
            sweeps.append(Sweep(name, tuple(named(row) for row in one.rows())))
    inputs = Inputs(tuple(results), tuple(replace(one, asked_by=tuple(by)) for one in sweeps))
    report = build_report(inputs, title=title, command=command, brief=brief)
    return write_report(report, Path(out), page=not brief, drawings=drawings, progress=progress)
