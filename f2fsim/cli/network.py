"""``f2fsim network``: whole networks, each as one run from the first fetch to the last write."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from f2fsim.cli import console
from f2fsim.cli.options import (
    Batch,
    Csv,
    Json,
    Layers,
    Quiet,
    Seed,
    Sparsity,
    WeightType,
    WorkloadName,
)
from f2fsim.cli.simulate import Archs, Engine, Functional, NoCache, Out
from f2fsim.cli.trace import (
    TraceFile,
    TraceMost,
    TraceSample,
    TraceWindow,
    check_trace,
    say_trace,
    trace_options,
)
from f2fsim.errors import InputError
from f2fsim.results.network import NetworkResult, network_row, stage_rows, tensor_rows
from f2fsim.whole_file import check_folder

if TYPE_CHECKING:
    from f2fsim.results import SimResult

Residency = Annotated[
    list[str] | None,
    typer.Option(
        metavar="auto | none | NAME",
        show_default="auto",
        help="Tensors that stay in the scratchpad (a name may be repeated).",
    ),
]
Isolated = Annotated[
    bool, typer.Option("--isolated", help="Show each layer from DRAM to DRAM beside it.")
]
Context = Annotated[
    list[int] | None,
    typer.Option(
        metavar="TOKENS",
        min=0,
        show_default="the workload's own",
        help="Tokens in the KV caches before the run (may be repeated: a row each).",
    ),
]
KvType = Annotated[
    str | None,
    typer.Option(
        metavar="TYPE",
        show_default="the workload's own",
        help="Type of the KV caches: int4, int8, fp16 or bf16.",
    ),
]
Stages = Annotated[bool, typer.Option("--stages", help="Show every stage and tensor.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("network")(network_command)


def network_command(
    workload: WorkloadName,
    arch: Archs,
    residency: Residency = None,
    context: Context = None,
    kv_type: KvType = None,
    isolated: Isolated = False,
    stages: Stages = False,
    sparsity: Sparsity = None,
    weight_type: WeightType = None,
    batch: Batch = None,
    seed: Seed = None,
    layer: Layers = None,
    engine: Engine = "compiled",
    functional: Functional = False,
    trace: TraceFile = None,
    trace_window: TraceWindow = None,
    trace_sample: TraceSample = 100,
    trace_max_events: TraceMost = 1_000_000,
    out: Out = None,
    as_json: Json = False,
    as_csv: Csv = False,
    quiet: Quiet = False,
    no_cache: NoCache = False,
) -> None:
    """Simulate whole networks as one run: maps stay on the chip, weights are fetched ahead.

    Example: f2fsim network resnet50 f2f_edge dense_edge --sparsity 0.9 --isolated
    """
    from f2fsim.config import load_workload
    from f2fsim.engine.trace import Trace
    from f2fsim.pipeline import compare
    from f2fsim.pipeline.network import simulate_network

    if as_json and as_csv:
        raise InputError("--json and --csv exclude each other")
    if out is not None:
        check_folder(out, "--out")
    conditions: dict[str, Any] = {
        "sparsity": sparsity, "weight_type": weight_type, "batch": batch, "seed": seed,
        "layers": layer, "cache": None if no_cache else "default", "engine": engine,
    }  # fmt: skip
    policy = _policy(residency)
    options = trace_options(None, trace_window, trace_sample, trace_max_events)
    check_trace(trace, options, load_workload(workload), None)
    opened = Trace(trace, options) if trace is not None else None
    if opened is not None and (len(arch) > 1 or len(context or []) > 1):
        raise InputError("--trace: one architecture and one context are needed")
    contexts: list[int | None] = [*context] if context else [None]
    with (
        opened if opened is not None else nullcontext(),
        console.progress("simulating", quiet=quiet) as progress,
    ):
        found = [
            simulate_network(
                one, workload, residency=policy, context=tokens, kv_type=kv_type,
                functional=functional, trace=opened, progress=progress, **conditions,
            )
            for one in arch
            for tokens in contexts
        ]  # fmt: skip
        alone = list(compare(workload, arch, progress=progress, **conditions)) if isolated else []
    if out is not None:
        text = json.dumps([one.to_dict() for one in found], indent=1, sort_keys=True)
        console.write_text(out / "network.json", text + "\n")
    if as_json:
        console.print_json([one.to_dict() for one in found])
        return
    rows = _rows(found, alone)
    if as_csv:
        console.print_rows(rows, as_csv=True)
    elif not quiet:
        _show(found, rows, stages)
        if functional:
            n_outputs = sum(one.outputs_checked for one in found)
            typer.echo(f"outputs: {n_outputs} of all stages equal NumPy's")
        if opened is not None:
            say_trace(opened)


def _policy(residency: list[str] | None) -> str | list[str]:
    """Return the policy: one word, or names of tensors."""
    if not residency:
        return "auto"
    if len(residency) == 1 and residency[0] in ("auto", "none"):
        return residency[0]
    return residency


def _rows(found: Sequence[NetworkResult], alone: Sequence[SimResult]) -> list[dict[str, Any]]:
    """Return a row an architecture, with its layers by themselves beside it."""
    rows = [network_row(one) for one in found]
    by_name = {one.arch: one for one in alone}
    for row in rows if alone else ():
        one = by_name[row["arch"]]
        row["isolated_time_us"] = one.seconds * 1e6
        row["isolated_dram_bytes"] = one.n_bytes
    return rows


def _show(found: list[NetworkResult], rows: list[dict[str, Any]], stages: bool) -> None:
    console.print_rows(rows, title=f"{found[0].workload}, as one run")
    for one in found:
        if stages:
            console.print_rows(stage_rows(one), title=f"Stages on {one.arch}")
            console.print_rows(tensor_rows(one), title=f"Tensors on {one.arch}")
        for note in one.notes:
            typer.echo(f"{one.arch}: {note}")
