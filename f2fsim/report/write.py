"""A report as files: page, Markdown, CSV of every table and figure, SVG and PNG of every figure."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from f2fsim.report.markdown import render_markdown
from f2fsim.report.page import render_page
from f2fsim.report.static import draw
from f2fsim.report.value import Report, Table
from f2fsim.whole_file import check_folder, whole_file

#: Rows of a table on the page; longer ones are cut there, their CSV file has all.
MAX_PAGE_ROWS = 400

Progress = Callable[[int, int, str], None]


def write_report(
    report: Report,
    folder: Path,
    *,
    page: bool = True,
    drawings: bool = True,
    progress: Progress | None = None,
) -> Path:
    """Write a report into `folder` and return the path of its page.

    Parameters
    ----------
    report : Report
        What to write.
    folder : Path
        Made if missing; gets ``index.html``, ``report.md``, ``tables/`` and ``figures/``.
    page : bool
        Whether ``index.html`` and PNG drawings are written; without them the report is small, and
        the path returned is that of ``report.md``.
    drawings : bool
        Whether SVG and PNG are drawn.
    progress : callable, optional
        Called with (done, total, label).

    Raises
    ------
    InputError
        If `folder` is a file, or cannot be written to.
    MissingDependencyError
        If the packages of the extra ``report`` are missing.
    """
    check_folder(folder, "folder")
    html = render_page(_cut(report)) if page else ""
    figures = report.figures()
    for table in report.tables():
        rows = [{column.key: row.get(column.key) for column in table.columns} for row in table.rows]
        _write(folder / "tables" / f"{table.name}.csv", _csv(rows))
    for number, figure in enumerate(figures):
        if progress:
            progress(number, len(figures), figure.name)
        _write(folder / "figures" / f"{figure.name}.csv", _csv(figure.rows()))
        if drawings:
            svg, png = draw(figure)
            _write(folder / "figures" / f"{figure.name}.svg", svg)
            if page:
                _write(folder / "figures" / f"{figure.name}.png", png)
    _write(folder / "report.md", render_markdown(report).encode())
    if not page:
        return folder / "report.md"
    _write(folder / "index.html", html.encode())
    return folder / "index.html"


def _cut(report: Report) -> Report:
    """Return the report with long tables cut for the page."""
    sections = tuple(
        replace(
            section,
            tables=tuple(_cut_table(table) for table in section.tables),
            folded=tuple(_cut_table(table) for table in section.folded),
        )
        for section in report.sections
    )
    return replace(report, sections=sections)


def _cut_table(table: Table) -> Table:
    if len(table.rows) <= MAX_PAGE_ROWS:
        return table
    words = f"The first {MAX_PAGE_ROWS} of {len(table.rows)} rows; the CSV file has all."
    return replace(
        table, rows=table.rows[:MAX_PAGE_ROWS], caption=f"{table.caption} {words}".strip()
    )


def _csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    text = io.StringIO()
    keys = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.DictWriter(text, keys, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _write(path: Path, data: bytes) -> None:
    with whole_file(path) as partial:
        partial.write_bytes(data)
