"""The command ``paper``: encoding efficiency and memory reduction over many cases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from f2fsim.cli import console
from f2fsim.cli.options import Csv, Json, Quiet
from f2fsim.errors import InputError
from f2fsim.whole_file import check_folder


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("paper")(paper)


def paper(
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Folder of the report.")
    ] = Path("reports/paper"),
    quick: Annotated[
        bool, typer.Option("--quick", help="A few cases with fewer blocks, in seconds.")
    ] = False,
    seed: Annotated[
        int, typer.Option(metavar="SEED", min=0, help="Seed of synthetic weights and of pruning.")
    ] = 0,
    n_blocks: Annotated[
        int,
        typer.Option(
            "--blocks", metavar="BLOCKS", help="Blocks of a case, all bit planes counted."
        ),
    ] = 4000,
    n_workers: Annotated[
        int, typer.Option("--workers", "-j", metavar="PROCESSES", help="Local processes.")
    ] = 1,
    as_json: Json = False,
    as_csv: Csv = False,
    quiet: Quiet = False,
) -> None:
    """Measure E and memory reduction for S 0.5 to 0.95, encoders, prunings and weight types.

    Writes paper.md, paper.csv and the figure paper.svg and paper.png.  Weights are the shipped
    trained models and synthetic matrices of Transformer and ResNet-50 shapes.

    For example:
      f2fsim paper --quick -o out
      f2fsim paper -j 2 -o reports/paper
    """
    from f2fsim.explore.paper import paper_cases, run_paper
    from f2fsim.report.paper_plot import draw_panels, panels
    from f2fsim.report.paper_text import paper_csv, paper_markdown

    if n_blocks < 400:
        raise InputError(f"--blocks must be ≥ 400, got {n_blocks}")
    if n_workers < 1:
        raise InputError(f"--workers must be ≥ 1, got {n_workers}")
    check_folder(out, "--out")
    cases = paper_cases(quick=quick, seed=seed, n_blocks=n_blocks)
    with console.progress("measuring", quiet=quiet) as advance:
        rows = run_paper(cases, n_workers=n_workers, progress=advance)
    command = f"f2fsim paper{' --quick' if quick else ''} --seed {seed} --blocks {n_blocks}"
    figure = draw_panels(panels(rows), "Encoding efficiency E, int8, measured here")
    console.write_text(out / "paper.md", paper_markdown(rows, command, cases[0].n_blocks))
    console.write_text(out / "paper.csv", paper_csv(rows))
    console.write_text(out / "paper.svg", figure["svg"].decode())
    console.write_bytes(out / "paper.png", figure["png"])
    if as_json or as_csv:
        console.print_rows([row.to_table() for row in rows], as_json=as_json, as_csv=as_csv)
    elif not quiet:
        typer.echo(f"{len(rows)} measurements of {len(cases)} cases: {out / 'paper.md'}")
