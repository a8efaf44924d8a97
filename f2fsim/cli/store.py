"""``f2fsim store``: what a store holds, as tables and files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from f2fsim.cli import console
from f2fsim.cli.options import Csv, Json, Objectives
from f2fsim.errors import InputError

if TYPE_CHECKING:
    from f2fsim.explore.searches import SearchResult

SweepKey = Annotated[
    str | None,
    typer.Option(
        "--sweep",
        metavar="KEY",
        show_default="the latest",
        help="Which sweep (or search) of the store.",
    ),
]
Store = Annotated[Path, typer.Argument(help="Folder of a store.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    store = typer.Typer(help="Results of sweeps and searches.", no_args_is_help=True)
    store.command("info")(store_info)
    store.command("export")(store_export)
    store.command("pareto")(store_pareto)
    store.command("best")(store_best)
    store.command("sensitivity")(store_sensitivity)
    app.add_typer(store, name="store")


def cells(frame: Any, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Return rows of a frame as plain cells, None for what is missing."""
    kept = frame[[name for name in columns if name in frame]].astype(object)
    return list(kept.where(kept.notna(), None).to_dict("records"))


def store_info(store: Store, as_json: Json = False, as_csv: Csv = False) -> None:
    """Say which sweeps a store holds and how far they are (also while one runs).

    Example: f2fsim store info out/n_out
    """
    from f2fsim.explore.store import ResultStore

    with ResultStore(store, read_only=True) as opened:
        rows = opened.sweeps()
    found = _search(store, None)
    if found is not None:
        rows.append({"search": found.spec.name, **found.counts()})
        rows[-1].pop("simulated now")
    console.print_rows(rows, as_json=as_json, as_csv=as_csv, title=str(store))


def _rows(
    store: Path, key: str | None, baselines: bool = False
) -> tuple[list[dict[str, Any]], Any]:
    """Return the rows and the specification of a store's sweep, or of the search in its folder."""
    from f2fsim.explore.store import ResultStore
    from f2fsim.explore.tables import member_rows

    with ResultStore(store, read_only=True) as opened:
        sweeps = [row["sweep"] for row in opened.sweeps()]
        if key not in sweeps and (key or not sweeps):
            found = _search(store, key)
            if found is not None:
                return found.points(), found.spec.model_dump(mode="json")
        sweep_key = key or opened.latest()
        spec = opened.spec(sweep_key)
        roles = ("point", "baseline") if baselines else ("point",)
        return member_rows(opened.members(sweep_key), roles), spec


def _search(folder: Path, name: str | None) -> SearchResult | None:
    """Return the search in a folder; Optuna is not loaded if there is none."""
    if not (folder / "study.sqlite").is_file():
        return None
    from f2fsim.explore.searches import open_search

    return open_search(folder, name)


def store_export(
    store: Store,
    file: Annotated[Path, typer.Argument(help="File to write: .csv, .json or .parquet.")],
    key: SweepKey = None,
    baselines: Annotated[
        bool, typer.Option("--baselines", help="Rows of the baselines too.")
    ] = False,
) -> None:
    """Write one row a point to a file.

    Example: f2fsim store export out/n_out points.parquet
    """
    from f2fsim.explore.export import check_ending, write_rows

    check_ending(file)
    rows, _ = _rows(store, key, baselines)
    write_rows(file, rows)
    typer.echo(f"{len(rows)} points: {file}")


def store_pareto(
    store: Store,
    objective: Objectives = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="COLUMN",
            show_default="of all",
            help="A front for each value of this column (may be repeated).",
        ),
    ] = None,
    key: SweepKey = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show the points that no other point beats in every objective.

    Example: f2fsim store pareto out/n_out --objective seconds --objective area_um2 --by sparsity
    """
    from f2fsim.explore.tables import pareto_rows, to_frame

    rows, spec = _rows(store, key)
    objectives = objective or spec["objectives"]
    front = pareto_rows(to_frame(rows), objectives, by or ())
    columns = _columns(rows, spec, objectives)
    title = f"Pareto front of each {', '.join(by)}" if by else "Pareto front"
    console.print_rows(cells(front, columns), title=title, as_json=as_json, as_csv=as_csv)


def store_best(
    store: Store,
    objective: Annotated[
        str, typer.Option(metavar="FIGURE", help="Figure to judge by.")
    ] = "seconds",
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            metavar="COLUMN",
            show_default="of all",
            help="Best of each value of this column (may be repeated).",
        ),
    ] = None,
    n_best: Annotated[
        int, typer.Option("--n", metavar="POINTS", min=1, help="Points to show (of each).")
    ] = 5,
    key: SweepKey = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show the best points, of all or of each group.

    Example: f2fsim store best out/n_out --objective bits_per_weight --by front_end.n_s --n 1
    """
    from f2fsim.explore.tables import best_rows, to_frame

    rows, spec = _rows(store, key)
    best = best_rows(to_frame(rows), objective, by or (), n_best)
    columns = _columns(rows, spec, [objective])
    title = f"Best by {objective}"
    console.print_rows(cells(best, columns), title=title, as_json=as_json, as_csv=as_csv)


def store_sensitivity(
    store: Store,
    objective: Annotated[
        str, typer.Option(metavar="FIGURE", help="Figure to explain.")
    ] = "seconds",
    key: SweepKey = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show how much of a figure's variance each axis explains.

    Example: f2fsim store sensitivity out/n_out --objective energy_pj
    """
    from f2fsim.explore.sensitivity import sensitivity
    from f2fsim.explore.tables import to_frame

    rows, spec = _rows(store, key)
    table = sensitivity(to_frame(rows), ["arch", "workload", *spec["axes"]], objective)
    if not table:
        raise InputError(f"no axis varies {objective!r}, or no point has a figure for it")
    title = f"Which axis matters for {objective}"
    console.print_rows(table, title=title, as_json=as_json, as_csv=as_csv)


def _columns(rows: list[dict[str, Any]], spec: Any, objectives: Sequence[str]) -> list[str]:
    named = ["trial", *spec["axes"], *spec["define"], *spec["derive"]]
    ratios = [key for key in (rows[0] if rows else ()) if "_over_" in key]
    figures = [objective.partition(":")[0] for objective in objectives]
    return list(dict.fromkeys(["point", "arch", "workload", *named, *figures, *ratios]))
