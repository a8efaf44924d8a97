"""``f2fsim report``: pages, figures and tables from results, sweeps and searches."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from f2fsim.cli import console
from f2fsim.cli.options import Json, Quiet
from f2fsim.whole_file import check_folder


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(report_command)


def report_command(
    results: Annotated[
        list[Path],
        typer.Argument(help="Folders or files of simulate, compare, sweep and search results."),
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Folder for the report.")
    ],
    title: Annotated[
        str, typer.Option(metavar="HEADING", show_default="the workloads' names", help="Heading.")
    ] = "",
    made_by: Annotated[
        str,
        typer.Option(
            metavar="COMMAND",
            show_default="this command",
            help="Command to print on the page as the one that makes it again.",
        ),
    ] = "",
    drawings: Annotated[bool, typer.Option(help="Draw SVG and PNG files beside the page.")] = True,
    brief: Annotated[
        bool,
        typer.Option(
            help="Words, crossovers and one table of all cases: Markdown, CSV and SVG, no page."
        ),
    ] = False,
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="COLUMN",
            show_default="conditions that vary, such as sparsity",
            help="Of a sweep: a front and curves for each value of this column (may be repeated).",
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a report: a page that works offline, Markdown, CSV, SVG and PNG.

    Example: f2fsim compare opennsfw f2f_edge csr_edge dense_edge --out out/nsfw;
    f2fsim report out/nsfw -o out/nsfw/report
    """
    page = write_page(
        results,
        out,
        title=title,
        made_by=made_by,
        drawings=drawings,
        brief=brief,
        by=by or (),
        quiet=quiet,
    )
    if as_json:
        console.print_json({"page": str(page), "folder": str(out)})
    elif not quiet:
        typer.echo(f"report: {page}")


def write_page(
    results: Sequence[Path],
    out: Path,
    *,
    title: str = "",
    made_by: str = "",
    drawings: bool = True,
    brief: bool = False,
    by: Sequence[str] = (),
    quiet: bool = False,
) -> Path:
    """Write the report of result files into `out` with progress; return the page's path."""
    from f2fsim.report import make_report

    check_folder(out, "--out")
    command = made_by or shlex.join(["f2fsim", "report", *map(str, results), "-o", str(out)])
    with console.progress("drawing", quiet=quiet) as progress:
        return make_report(
            list(results),
            out,
            title=title,
            command=command,
            drawings=drawings,
            brief=brief,
            by=by,
            progress=progress,
        )
