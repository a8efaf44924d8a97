"""``f2fsim tokens``: tokens a second over the length of the context."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from f2fsim.cli import console
from f2fsim.cli.options import (
    Archs,
    Batch,
    Csv,
    Json,
    KvType,
    NoCache,
    Quiet,
    Residency,
    Seed,
    Settings,
    Sparsity,
    WeightType,
    WorkloadName,
    machines,
    residency_policy,
)
from f2fsim.cli.verdict import print_notes
from f2fsim.errors import InputError
from f2fsim.results.network import token_row

Contexts = Annotated[
    list[int] | None,
    typer.Option(
        "--context",
        metavar="TOKENS",
        min=0,
        show_default="the workload's own",
        help="Tokens in the KV caches before the run (may be repeated: a row each).",
    ),
]
Times = Annotated[
    int,
    typer.Option(
        metavar="RUNS", min=1, help="Runs of the workload a token takes: 32 of a block of 32."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("tokens")(tokens_command)


def tokens_command(
    workload: WorkloadName,
    arch: Archs,
    context: Contexts = None,
    times: Times = 1,
    kv_type: KvType = None,
    settings: Settings = None,
    sparsity: Sparsity = None,
    weight_type: WeightType = None,
    batch: Batch = None,
    seed: Seed = None,
    residency: Residency = None,
    as_json: Json = False,
    as_csv: Csv = False,
    quiet: Quiet = False,
    no_cache: NoCache = False,
) -> None:
    """Tokens a second of a network with attention, over the tokens in its KV caches.

    Example: f2fsim tokens llama7b_layer_decode f2f_edge dense_edge --context 511 --times 32 -s 0.7
    """
    from f2fsim.pipeline import compare

    if as_json and as_csv:
        raise InputError("--json and --csv exclude each other")
    taken = machines(list(arch), settings)
    conditions: dict[str, Any] = {
        "sparsity": sparsity, "weight_type": weight_type, "batch": batch, "seed": seed,
        "residency": residency_policy(residency), "kv_type": kv_type,
        "cache": None if no_cache else "default",
    }  # fmt: skip
    contexts: list[int | None] = [*context] if context else [None]
    with console.progress("simulating", quiet=quiet) as progress:
        found = [
            one
            for tokens in contexts
            for one in compare(workload, taken, context=tokens, progress=progress, **conditions)
        ]
    rows = []
    for one in found:
        assert one.network is not None
        if not one.network.tokens:
            raise InputError(f"workload {one.workload!r} has no attention, so it makes no tokens")
        rows.append({"arch": one.arch, "format": one.format, **token_row(one.network, times)})
    if as_json or as_csv:
        console.print_rows(rows, as_json=as_json, as_csv=as_csv)
    elif not quiet:
        console.print_rows(rows, title=f"{found[0].workload}, {times} runs a token")
        print_notes(found)
