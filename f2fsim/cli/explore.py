"""``f2fsim sweep | search``."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from f2fsim.cli import console
from f2fsim.cli.options import (
    ARCHS,
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
)
from f2fsim.cli.store import cells
from f2fsim.errors import F2fsimError, InputError

if TYPE_CHECKING:
    from f2fsim.explore.sweeps import SweepResult

Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FOLDER",
        show_default="in memory",
        help="Folder of the store; gone on with if there.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        "-j",
        metavar="PROCESSES",
        min=1,
        show_default="all cores",
        help="Local processes.",
    ),
]
Dask = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        show_default="none",
        help="Dask scheduler: tcp://host:8786, or its scheduler file.",
    ),
]
Retry = Annotated[bool, typer.Option("--retry-failed", help="Run failed points again.")]

Prune = Annotated[
    bool,
    typer.Option("--prune", help="Leave out points that bounds rule out in every objective."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("sweep")(sweep_command)
    app.command("search")(search_command)


def sweep_command(
    spec: Annotated[
        Path | None, typer.Argument(show_default="the options", help="Specification (YAML).")
    ] = None,
    arch: Annotated[
        list[str] | None,
        typer.Option(
            "--arch",
            "-a",
            metavar="NAME",
            show_default="the specification's",
            help="Architecture (may be repeated).",
            autocompletion=ARCHS,
        ),
    ] = None,
    workload: Annotated[
        list[str] | None,
        typer.Option(
            "--workload",
            "-w",
            metavar="NAME",
            show_default="the specification's",
            help="Workload (may be repeated).",
            autocompletion=WORKLOADS,
        ),
    ] = None,
    axis: Annotated[
        list[str] | None,
        typer.Option(
            "--axis",
            metavar="PATH=VALUES",
            show_default="the specification's",
            help="path=from:to:step (end included) or path=a,b,c (may be repeated).",
        ),
    ] = None,
    constraint: Annotated[
        list[str] | None,
        typer.Option(
            "--constraint",
            metavar="EXPRESSION",
            show_default="none",
            help="Expression that must hold (may be repeated).",
        ),
    ] = None,
    baseline: Annotated[
        list[str] | None,
        typer.Option(
            "--baseline",
            metavar="NAME",
            show_default="none",
            help="Architecture to compare with (may be repeated).",
            autocompletion=ARCHS,
        ),
    ] = None,
    sparsity: Sparsity = None,
    weight_type: WeightType = None,
    batch: Batch = None,
    seed: Seed = None,
    layer: Layers = None,
    objective: Objectives = None,
    out: Out = None,
    workers: Workers = None,
    dask: Dask = None,
    retry_failed: Retry = False,
    prune: Prune = False,
    as_json: Json = False,
    as_csv: Csv = False,
    quiet: Quiet = False,
) -> None:
    """Run every point of a design space; what a store holds already is not run again.

    Examples
    --------
    f2fsim sweep reports/decoder_width/sweep.yaml -o out/decoder_width

    f2fsim sweep --arch f2f_edge --workload opennsfw --axis front_end.n_out=40:120:4 -o out/n_out
    """
    from f2fsim.explore.export import write_rows
    from f2fsim.explore.sweeps import sweep

    if as_json and as_csv:
        raise InputError("--json and --csv exclude each other")
    fields: dict[str, Any] = {
        name: list(values)
        for name, values in (
            ("constraints", constraint),
            ("baselines", baseline),
            ("layers", layer),
            ("objectives", objective),
        )
        if values
    }
    axes = _axes(axis or [])
    conditions = _conditions(sparsity, weight_type, batch, seed)
    if spec is None and not axes:
        raise InputError("sweep needs a specification, or --arch, --workload and --axis")
    try:
        with console.progress("points", quiet=quiet) as progress:
            result = sweep(
                spec,
                arch=arch or (),
                workload=workload or (),
                axes=axes,
                out=out,
                workers=workers,
                dask=dask,
                retry_failed=retry_failed,
                prune=prune,
                progress=progress,
                **fields,
                **conditions,
            )
    except KeyboardInterrupt:
        say_how_to_go_on(out)
        raise
    if out is not None:
        write_rows(out / "points.csv", result.rows())
    if as_json or as_csv:
        console.print_rows(result.rows(), as_json=as_json, as_csv=as_csv)
    elif not quiet:
        _print_sweep(result, out)


def _axes(texts: Sequence[str]) -> dict[str, Any]:
    from f2fsim.config.axis import parse_axis

    axes: dict[str, Any] = {}
    for text in texts:
        path, values = parse_axis(text)
        if path in axes:
            raise InputError(f"--axis {path} is given twice")
        axes[path] = values
    return axes


def _conditions(
    sparsity: float | None, weight_type: str | None, batch: int | None, seed: int | None
) -> dict[str, Any]:
    """Return what the options ask of every workload."""
    given = {"sparsity": sparsity, "weight_type": weight_type, "batch": batch, "seed": seed}
    return {word: value for word, value in given.items() if value is not None}


def say_how_to_go_on(out: Path | None) -> None:
    """Say after an interrupt how far a store is, and the command that goes on."""
    if out is None:
        console.ERR.print("f2fsim: nothing is kept without --out", markup=False)
        return
    from f2fsim.explore.store import ResultStore

    counts: list[dict[str, Any]] = []
    with contextlib.suppress(F2fsimError), ResultStore(out, read_only=True) as store:
        counts = store.sweeps()
    if counts:
        done = sum(counts[-1][s] for s in ("ok", "failed", "invalid", "excluded"))
        console.ERR.print(
            f"f2fsim: {done} of {done + counts[-1]['missing']} points are in {out}", markup=False
        )
    command = shlex.join(["f2fsim", *sys.argv[1:]])
    console.ERR.print(f"f2fsim: go on with: {command}", markup=False)


def _print_sweep(result: SweepResult, out: Path | None) -> None:
    from f2fsim.explore.tables import split_objectives

    spec, rows = result.spec, result.rows()
    figures = split_objectives(spec.objectives)[0]
    counts = result.counts()
    if counts["ok"]:
        shown = [*spec.axes, *spec.define, *spec.derive, *figures]
        shown += [key for key in (rows[0] if rows else ()) if key.startswith("speedup_over_")]
        given = [
            objective
            for objective, figure in zip(spec.objectives, figures, strict=True)
            if any(row.get(figure) is not None for row in rows)
        ]
        front = result.pareto(given)
        title = f"{spec.name}: Pareto front of {', '.join(figures)} ({len(front)} points)"
        console.print_rows(cells(front, ["point", "arch", "workload", *shown]), title=title)
        for figure in figures:
            table = result.sensitivity(figure)
            if len(table) > 1:
                console.print_rows(table, title=f"Which axis matters for {figure}")
    bad = [row for row in rows if row["status"] in ("failed", "invalid")]
    if bad:
        brief = [{k: row[k] for k in ("point", *spec.axes, "status", "error")} for row in bad[:10]]
        console.print_rows(brief, title=f"Points without a result: {len(bad)}, the first ones")
    text = ", ".join(f"{n} {status}" for status, n in counts.items() if n)
    if result.pruned:
        text += f", {len(result.pruned)} of these ruled out by bounds"
    typer.echo(f"points with baselines: {text}; {result.n_run} run now")
    if out is not None:
        typer.echo(f"results: {out / 'points.csv'} (f2fsim report {out} -o DIR draws them)")


def search_command(
    spec: Annotated[Path, typer.Argument(help="Specification (YAML).")],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="FOLDER",
            help="Folder of the study and the store; gone on with.",
        ),
    ],
    trials: Annotated[
        int | None,
        typer.Option(
            metavar="TRIALS",
            min=1,
            show_default="the specification's",
            help="Trials of the whole study.",
        ),
    ] = None,
    sparsity: Sparsity = None,
    weight_type: WeightType = None,
    batch: Batch = None,
    seed: Seed = None,
    layer: Layers = None,
    workers: Workers = None,
    dask: Dask = None,
    as_json: Json = False,
    as_csv: Csv = False,
    quiet: Quiet = False,
) -> None:
    """Search a design space for its Pareto front with Optuna.

    The study lies in OUT/study.sqlite: optuna-dashboard sqlite:///OUT/study.sqlite

    Example: f2fsim search search.yaml -o out/search --trials 200
    """
    from f2fsim.config.sweep import load_search
    from f2fsim.explore.export import write_rows
    from f2fsim.explore.searches import search
    from f2fsim.explore.tables import split_objectives

    if as_json and as_csv:
        raise InputError("--json and --csv exclude each other")
    chosen = load_search(spec).with_conditions(_conditions(sparsity, weight_type, batch, seed))
    if layer:
        chosen = chosen.model_copy(update={"layers": tuple(layer)})

    def waits() -> None:
        if not quiet:
            console.ERR.print(f"f2fsim: {out}: waiting for another search to end", markup=False)

    try:
        with console.progress("trials", quiet=quiet) as progress:
            found = search(
                chosen,
                out=out,
                n_trials=trials,
                workers=workers,
                dask=dask,
                progress=progress,
                on_wait=waits,
            )
    except KeyboardInterrupt:
        say_how_to_go_on(out)
        raise
    write_rows(out / "points.csv", found.points())
    rows = found.front()
    if as_json or as_csv:
        console.print_rows(rows, as_json=as_json, as_csv=as_csv)
    elif not quiet:
        title = f"{chosen.name}: front of {', '.join(chosen.objectives)} ({len(rows)} points)"
        shown = ("trial", *chosen.axes, *split_objectives(chosen.objectives)[0])
        console.print_rows([{key: row[key] for key in shown} for row in rows], title=title)
        counts = ", ".join(f"{n} {what}" for what, n in found.counts().items() if n)
        typer.echo(f"trials: {counts}")
        typer.echo(f"study: {found.study_url} (optuna-dashboard {found.study_url})")
        typer.echo(f"results: {out / 'points.csv'} (f2fsim report {out} -o DIR draws them)")
