"""``f2fsim list | schema | cache``: what comes with the program, and what it keeps."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from f2fsim import shipped
from f2fsim.cli import console
from f2fsim.cli.options import Csv, Json
from f2fsim.errors import InputError, choices, near_miss

if TYPE_CHECKING:
    from f2fsim.pipeline import EncodingCache


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("list")(list_command)
    app.command("schema")(schema_command)
    cache = typer.Typer(help="Encodings kept on disk.", no_args_is_help=True)
    cache.command("info")(cache_info)
    cache.command("clear")(cache_clear)
    app.add_typer(cache, name="cache")


def list_command(as_json: Json = False, as_csv: Csv = False) -> None:
    """List shipped architectures, workloads, DRAM presets and duels.

    Example: f2fsim list --json
    """
    found = [
        {"kind": what, "name": name}
        for what, kind, sub in (
            ("architecture", "arch_configs", ""),
            ("workload", "workloads", ""),
            ("dram", "arch_configs", "dram"),
            ("duel", "duels", ""),
        )
        for name in shipped.names(kind, sub)
    ]
    console.print_rows(found, as_json=as_json, as_csv=as_csv)


def schema_command(
    kind: Annotated[
        str, typer.Argument(help="arch, workload, dram, sweep, search, duel, or results.")
    ],
) -> None:
    """Print the JSON Schema of a file kind, with a description of every key.

    Editors complete keys with it; that of results describes results.json and --json.

    Example: f2fsim schema arch > arch.schema.json
    """
    from f2fsim.config.schema import file_schemas

    schemas = file_schemas()
    if kind not in schemas:
        raise InputError(
            f"unknown file kind {kind!r}{near_miss(kind, schemas)}; known: {choices(schemas)}"
        )
    typer.echo(json.dumps(schemas[kind](), indent=2))


def cache_info(as_json: Json = False, as_csv: Csv = False) -> None:
    """Say where encodings are kept and how much there is.

    Example: F2FSIM_CACHE_DIR=/tmp/encodings f2fsim cache info
    """
    console.print_rows([vars(_cache().info())], as_json=as_json, as_csv=as_csv)


def cache_clear() -> None:
    """Remove all kept encodings.

    Example: f2fsim cache clear
    """
    cache = _cache()
    typer.echo(f"removed {cache.clear()} entries from {cache.folder}")


def _cache() -> EncodingCache:
    """Return the cache of encodings; `InputError` if it is switched off."""
    from f2fsim.pipeline import EncodingCache

    cache = EncodingCache.default()
    if cache is None:
        raise InputError("the cache is switched off (F2FSIM_CACHE_DIR=off)")
    return cache
