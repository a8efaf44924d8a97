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
    masks: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            show_default="none",
            help="Real masks, NETWORK/METHOD/SPARSITY/*.smtx below it, tar archives too.",
        ),
    ] = None,
    quality: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            show_default="none",
            help="Table of the masks' collection (dlmc.csv): sizes and model quality.",
        ),
    ] = None,
    exact_planes: Annotated[
        int | None,
        typer.Option(
            metavar="PLANES",
            min=1,
            max=8,
            show_default="as many as end in an hour on two cores",
            help="With --masks: bit planes of a layer for the exact encoder with N_s=2.",
        ),
    ] = None,
    exact_every: Annotated[
        int,
        typer.Option(
            metavar="LAYERS",
            min=1,
            help="With --masks: every how many layers of a set the exact encoder with N_s=2 takes.",
        ),
    ] = 1,
    n_workers: Annotated[
        int, typer.Option("--workers", "-j", metavar="PROCESSES", min=1, help="Local processes.")
    ] = 1,
    as_json: Json = False,
    as_csv: Csv = False,
    quiet: Quiet = False,
) -> None:
    """Measure E and memory reduction for S 0.5 to 0.95, encoders, prunings and weight types.

    Writes paper.md, paper.csv and the figure paper.svg and paper.png.  Weights are the shipped
    trained models and synthetic matrices of Transformer and ResNet-50 shapes.

    With --masks: real pruning masks, whole layers, as a report of its own with the default folder
    reports/masks.  What was measured of a layer is kept in OUT/measured: a run that was stopped
    goes on there.

    For example:
      f2fsim paper --quick -o out
      f2fsim paper -j 2 -o reports/paper
      f2fsim paper --masks dlmc --quality dlmc.csv -j 2 -o reports/masks
    """
    if masks is not None:
        if quick or n_blocks != 4000:
            raise InputError("--quick and --blocks have no meaning with --masks: layers are whole")
        _masks(
            masks, quality, out, seed, exact_planes, exact_every, n_workers, as_json, as_csv, quiet
        )
        return
    if quality is not None or exact_planes is not None or exact_every != 1:
        raise InputError("--quality, --exact-planes and --exact-every need --masks")
    from f2fsim.explore.paper import paper_cases, run_paper
    from f2fsim.report.paper_plot import draw_panels, panels
    from f2fsim.report.paper_text import paper_csv, paper_markdown

    if n_blocks < 400:
        raise InputError(f"--blocks must be ≥ 400, got {n_blocks}")
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


def _masks(
    folder: Path,
    quality: Path | None,
    out: Path,
    seed: int,
    exact_planes: int | None,
    exact_every: int,
    n_workers: int,
    as_json: bool,
    as_csv: bool,
    quiet: bool,
) -> None:
    from f2fsim.explore.mask_sets import mask_files, read_table
    from f2fsim.explore.mask_study import affordable_planes, make_tasks, run_masks
    from f2fsim.explore.mask_totals import by_set, layer_rows
    from f2fsim.report.mask_report import mask_report
    from f2fsim.report.write import write_report

    check_folder(out, "--out")
    table = read_table(quality) if quality else None
    with mask_files(folder) as files:
        planes = exact_planes or affordable_planes(files)
        tasks = make_tasks(files, seed, planes, exact_every, out / "measured")
        with console.progress("measuring layers", quiet=quiet) as advance:
            layers = run_masks(tasks, n_workers=n_workers, progress=advance)
    totals = by_set(layers)
    command = f"f2fsim paper --masks DIR --seed {seed} --exact-planes {planes}"
    if exact_every > 1:
        command += f" --exact-every {exact_every}"
    if quality:
        command += f" --quality {quality.name}"
    page = write_report(mask_report(totals, planes, command, table), out)
    if as_json or as_csv:
        console.print_rows(layer_rows(totals), as_json=as_json, as_csv=as_csv)
    elif not quiet:
        typer.echo(f"{len(layers)} layers of {len(totals)} sets: {page}")
