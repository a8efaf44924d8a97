"""``f2fsim duel``: each family's best design under the same conditions, and who wins."""

from __future__ import annotations

import shlex
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from f2fsim.cli import console
from f2fsim.cli.explore import Dask, Out, Retry, Workers, say_how_to_go_on
from f2fsim.cli.options import (
    WORKLOADS,
    Batch,
    Csv,
    Json,
    Layers,
    Objectives,
    Quiet,
    Seed,
    Sparsity,
    WeightType,
    shipped_names,
)
from f2fsim.errors import InputError

if TYPE_CHECKING:
    from f2fsim.config.duel import DuelSpec
    from f2fsim.explore.duel_result import DuelResult


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("duel")(duel_command)


def duel_command(
    spec: Annotated[
        str,
        typer.Argument(
            help="Shipped duel, or a specification (YAML).",
            autocompletion=shipped_names("duels"),
        ),
    ],
    workload: Annotated[
        list[str] | None,
        typer.Option(
            "--workload",
            "-w",
            metavar="NAME",
            show_default="the specification's",
            help="Scenario of this workload in place of the specification's (may be repeated).",
            autocompletion=WORKLOADS,
        ),
    ] = None,
    sparsity: Sparsity = None,
    weight_type: WeightType = None,
    batch: Batch = None,
    seed: Seed = None,
    layer: Layers = None,
    family: Annotated[
        list[str] | None,
        typer.Option(
            "--family",
            metavar="NAME",
            show_default="all",
            help="Only these families (may be repeated).",
        ),
    ] = None,
    area: Annotated[
        float | None,
        typer.Option(
            "--area",
            metavar="MM2",
            min=0.0,
            show_default="the specification's",
            help="Area of a machine at most.",
        ),
    ] = None,
    objective: Objectives = None,
    reasons: Annotated[
        bool | None,
        typer.Option(
            "--reasons/--no-reasons",
            show_default="without a map",
            help="Find by experiment what binds the winner, and how firm energies are.",
        ),
    ] = None,
    out: Out = None,
    table: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            show_default="none",
            help="Every design as a table: .csv, .json or .parquet.",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            show_default="none",
            help="Report: page, Markdown, CSV, SVG, PNG; with regime maps if the duel has a map.",
        ),
    ] = None,
    brief: Annotated[
        bool, typer.Option("--brief", help="Report without a page and PNG: Markdown, CSV and SVG.")
    ] = False,
    workers: Workers = None,
    dask: Dask = None,
    retry_failed: Retry = False,
    as_json: Json = False,
    as_csv: Csv = False,
    quiet: Quiet = False,
) -> None:
    """Find each family's best design under the same conditions and budgets, and who wins.

    Designs that a bound rules out are not simulated: the result is that of all designs.

    Examples
    --------
    f2fsim duel edge --workload opennsfw --sparsity 0.9 --area 3 -o out/duel

    f2fsim duel my_duel.yaml -o out/duel --table out/designs.parquet
    """
    from f2fsim.config.duel import load_duel
    from f2fsim.explore.duel import duel
    from f2fsim.explore.export import check_ending, write_rows

    if as_json and as_csv:
        raise InputError("--json and --csv exclude each other")
    if table is not None:
        check_ending(table)
    chosen = load_duel(spec)
    conditions = {
        "sparsity": sparsity,
        "weight_type": weight_type,
        "batch": batch,
        "seed": seed,
        "layers": layer,
    }
    chosen = chosen.narrowed(
        workloads=workload or (),
        conditions={key: value for key, value in conditions.items() if value},
        families=family or (),
        area_mm2=area,
        objectives=objective or (),
    )
    try:
        with console.progress("designs", quiet=quiet) as progress:
            found = duel(
                chosen,
                out=out,
                workers=workers,
                dask=dask,
                retry_failed=retry_failed,
                reasons=reasons,
                progress=progress,
            )
    except KeyboardInterrupt:
        say_how_to_go_on(out)
        raise
    for path in [table, None if out is None else out / "points.csv"]:
        if path is not None:
            write_rows(path, found.rows())
    if out is not None:
        write_rows(out / "best.csv", found.best())
    if report is not None:
        _write_report(found, report, brief)
    if as_json or as_csv:
        console.print_rows(found.best(), as_json=as_json, as_csv=as_csv)
    elif not quiet:
        _print(found, chosen, out)


def _write_report(found: DuelResult, folder: Path, brief: bool) -> None:
    from f2fsim.report.duel_page import make_duel_report

    make_duel_report(found, folder, command=shlex.join(["f2fsim", *sys.argv[1:]]), page=not brief)


def _print(found: DuelResult, spec: DuelSpec, out: Path | None) -> None:
    from f2fsim.cli.verdict import print_answer
    from f2fsim.report.duel import design_text, duel_answer

    answer = duel_answer(found)
    print_answer(answer)
    if answer.table is not None and answer.table.caption:
        typer.echo(answer.table.caption)
    width = console.table_width()
    if len(found.decisions) == 1 and (best := found.decisions[0].best) is not None:
        for line in textwrap.wrap(f"design: {design_text(best, found)}", width):
            typer.echo(line)
        if best["command"]:
            typer.echo(f"again: {best['command']}")
    counts: dict[str, Any] = found.counts()
    text = ", ".join(f"{n} {what}" for what, n in counts.items() if n)
    typer.echo(f"designs: {text}; {found.n_run} points run now")
    if out is not None:
        typer.echo(f"results: {out / 'best.csv'}, {out / 'points.csv'}")
