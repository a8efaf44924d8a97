"""The entry point: one typer application; each group of commands registers itself here.

A module of commands imports what its commands are described with; what one needs to run is
imported by its function.  Help, lists and completion then load neither NumPy nor the models.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from f2fsim import __version__
from f2fsim.cli import (
    codec,
    console,
    dram,
    duel,
    explore,
    paper,
    report,
    rtl,
    shipped_files,
    simulate,
    store,
    tokens,
    workload,
)

app = typer.Typer(
    name="f2fsim",
    help="What fixed-to-fixed (F2F) encoded weights give on a given machine.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    epilog=(
        "Start with: [bold]f2fsim compare silero_vad f2f_edge csr_edge dense_edge --sparsity 0.9 "
        "--out out/first[/bold]"
    ),
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"f2fsim {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    width: Annotated[
        int | None,
        typer.Option(
            metavar="COLUMNS",
            min=40,
            show_default="COLUMNS, else the terminal's, else 80",
            help="Width of tables in characters.",
        ),
    ] = None,
) -> None:
    """Simulate, sweep and report machines that read F2F-encoded weights."""
    console.WIDTH.columns = width


# One line a group: GROUPS holds functions that add their commands to the application.
GROUPS: tuple[Callable[[typer.Typer], None], ...] = (
    simulate.register,
    tokens.register,
    codec.register,
    paper.register,
    explore.register,
    duel.register,
    store.register,
    rtl.register,
    workload.register,
    report.register,
    dram.register,
    shipped_files.register,
)

for _register in GROUPS:
    _register(app)


def main() -> None:
    """Run the command line and exit with its status."""
    sys.exit(console.run(lambda: app(standalone_mode=True)))
