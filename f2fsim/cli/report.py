"""``f2fsim report``: pages, figures and tables from results, sweeps and searches."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from f2fsim.cli import console
from f2fsim.report import build_report, read_inputs, write_report
from f2fsim.whole_file import check_folder

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing, no progress.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(report_command)


def report_command(
    results: Annotated[
        list[Path],
        typer.Argument(help="Folders or files of simulate, compare, sweep and search results."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the report.")],
    title: Annotated[str, typer.Option(help="Heading, in place of the workloads' names.")] = "",
    made_by: Annotated[
        str, typer.Option(help="Command to print on the page as the one that makes it again.")
    ] = "",
    drawings: Annotated[bool, typer.Option(help="Draw SVG and PNG files beside the page.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Say what was written as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Write a report: a page that works offline, Markdown, CSV, SVG and PNG.

    Example: f2fsim compare opennsfw f2f_edge csr_edge dense_edge --out out/nsfw;
    f2fsim report out/nsfw -o out/nsfw/report
    """
    page = make_report(results, out, title=title, made_by=made_by, drawings=drawings, quiet=quiet)
    if as_json:
        console.print_json({"page": str(page), "folder": str(out)})
    elif not quiet:
        typer.echo(f"report: {page}")


def make_report(
    results: Sequence[Path],
    out: Path,
    *,
    title: str = "",
    made_by: str = "",
    drawings: bool = True,
    quiet: bool = False,
) -> Path:
    """Read results, build their report and write it into `out`; return the page's path."""
    check_folder(out, "--out")
    command = made_by or shlex.join(["f2fsim", "report", *map(str, results), "-o", str(out)])
    report = build_report(read_inputs(results), title=title, command=command)
    with console.progress("drawing", quiet=quiet) as progress:
        return write_report(report, out, drawings=drawings, progress=progress)
