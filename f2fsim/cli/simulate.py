"""``f2fsim simulate | compare | list | schema | cache``."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from f2fsim import shipped
from f2fsim.cli import console
from f2fsim.cli.options import ARCHS, Csv, Json, Quiet, WorkloadName
from f2fsim.cli.report import write_page
from f2fsim.cli.trace import (
    TraceFile,
    TraceLayers,
    TraceMost,
    TraceSample,
    TraceWindow,
    check_trace,
    say_trace,
    trace_options,
)
from f2fsim.engine import ENGINES
from f2fsim.errors import InputError, MissingDependencyError, choices, near_miss
from f2fsim.results.files import write_results
from f2fsim.results.rows import comparison_rows, layer_row, result_row, stall_rows, stream_rows
from f2fsim.whole_file import check_folder

if TYPE_CHECKING:
    from f2fsim.config.quantity import ConfigModel
    from f2fsim.pipeline import EncodingCache
    from f2fsim.results import SimResult

Sparsity = Annotated[
    float | None, typer.Option(min=0.0, max=1.0, help="Share pruned, in place of the workload's.")
]
Dtype = Annotated[
    str | None, typer.Option("--dtype", help="Weight type: int8, int4, fp16, bf16, fp32 …")
]
Batch = Annotated[int | None, typer.Option(min=1, help="Samples at once.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Seed of pruning and synthetic weights.")]
Layers = Annotated[
    list[str] | None, typer.Option("--layer", help="Only this layer (may be repeated).")
]
Engine = Annotated[str, typer.Option(help=f"One of {', '.join(ENGINES)}; same counters.")]
Functional = Annotated[
    bool,
    typer.Option("--functional", help="Let values flow too; compare every output with NumPy's."),
]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", help="Folder for results, tables and manifest.")
]
Report = Annotated[
    bool, typer.Option("--report/--no-report", help="Write a report into --out's folder too.")
]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Encode afresh, keep nothing.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("simulate")(simulate_command)
    app.command("compare")(compare_command)
    app.command("list")(list_command)
    app.command("schema")(schema_command)
    cache = typer.Typer(help="Encodings kept on disk.", no_args_is_help=True)
    cache.command("info")(cache_info)
    cache.command("clear")(cache_clear)
    app.add_typer(cache, name="cache")


def simulate_command(
    arch: Annotated[
        str, typer.Argument(help="Shipped architecture or YAML file.", autocompletion=ARCHS)
    ],
    workload: WorkloadName,
    sparsity: Sparsity = None,
    dtype: Dtype = None,
    batch: Batch = None,
    seed: Seed = None,
    layer: Layers = None,
    engine: Engine = "compiled",
    functional: Functional = False,
    trace: TraceFile = None,
    trace_layer: TraceLayers = None,
    trace_window: TraceWindow = None,
    trace_sample: TraceSample = 100,
    trace_max_events: TraceMost = 1_000_000,
    out: Out = None,
    as_json: Json = False,
    as_csv: Csv = False,
    quiet: Quiet = False,
    no_cache: NoCache = False,
) -> None:
    """Simulate a workload on an architecture.

    Example: f2fsim simulate f2f_edge opennsfw --sparsity 0.9 --dtype int8
    """
    from f2fsim.config import load_workload
    from f2fsim.engine.trace import Trace
    from f2fsim.pipeline import simulate

    _check_output(as_json, as_csv, out)
    options = trace_options(trace_layer, trace_window, trace_sample, trace_max_events)
    check_trace(trace, options, load_workload(workload), layer)
    opened = Trace(trace, options) if trace is not None else None
    with (
        opened if opened is not None else nullcontext(),
        console.progress("simulating", quiet=quiet) as progress,
    ):
        result = simulate(
            arch,
            workload,
            sparsity=sparsity,
            weight_type=dtype,
            batch=batch,
            seed=seed,
            layers=layer,
            engine=engine,
            functional=functional,
            cache=None if no_cache else "default",
            trace=opened,
            progress=progress,
        )
    if out is not None:
        write_results(out, [result])
    if as_json:
        console.print_json(result.to_dict())
        return
    rows = [layer_row(one) for one in result.layers]
    if as_csv:
        console.print_rows(rows, as_csv=True)
        return
    if quiet:
        return
    console.print_rows([_brief(row) for row in rows], title=f"{result.workload} on {result.arch}")
    console.print_rows([result_row(result)], title="Total")
    console.print_rows(stream_rows(result), title="Memory traffic by stream")
    console.print_rows(_main_states(result), title="Where the cycles went (5 % and more)")
    if functional:
        _say_checked(result)
    _say_out(out)
    if opened is not None:
        say_trace(opened)


def compare_command(
    workload: WorkloadName,
    arch: Annotated[
        list[str], typer.Argument(help="Architectures, two or more.", autocompletion=ARCHS)
    ],
    sparsity: Sparsity = None,
    dtype: Dtype = None,
    batch: Batch = None,
    seed: Seed = None,
    layer: Layers = None,
    engine: Engine = "compiled",
    functional: Functional = False,
    out: Out = None,
    with_report: Report = True,
    as_json: Json = False,
    as_csv: Csv = False,
    quiet: Quiet = False,
    no_cache: NoCache = False,
) -> None:
    """Simulate a workload on several architectures, side by side.

    Example: f2fsim compare opennsfw f2f_edge csr_edge bitmap_edge dense_edge --sparsity 0.9
    """
    from f2fsim.pipeline import compare

    _check_output(as_json, as_csv, out)
    with console.progress("comparing", quiet=quiet) as progress:
        results = compare(
            workload,
            list(arch),
            sparsity=sparsity,
            weight_type=dtype,
            batch=batch,
            seed=seed,
            layers=layer,
            engine=engine,
            functional=functional,
            cache=None if no_cache else "default",
            progress=progress,
        )
    if out is not None:
        write_results(out, results)
    page = _report(out, quiet) if out is not None and with_report else None
    if as_json:
        console.print_json([result.to_dict() for result in results])
        return
    rows = comparison_rows(results)
    if as_csv:
        console.print_rows(rows, as_csv=True)
    elif not quiet:
        title = f"{results[0].workload} (speed-up over {results[-1].arch})"
        console.print_rows(rows, title=title)
        _say_out(out)
        if page is not None:
            typer.echo(f"report:  {page}")


def _report(out: Path, quiet: bool) -> Path | None:
    """Write the report beside the results; without its packages say how to get them."""
    try:
        return write_page([out], out / "report", quiet=quiet)
    except MissingDependencyError as error:
        console.ERR.print(f"f2fsim: no report: {error}", markup=False)
        return None


def list_command(as_json: Json = False) -> None:
    """List shipped architectures, workloads and DRAM presets.

    Example: f2fsim list --json
    """
    found = [
        {"kind": what, "name": name}
        for what, kind, sub in (
            ("architecture", "arch_configs", ""),
            ("workload", "workloads", ""),
            ("dram", "arch_configs", "dram"),
        )
        for name in shipped.names(kind, sub)
    ]
    console.print_rows(found, as_json=as_json)


def _models() -> dict[str, type[ConfigModel]]:
    """Return the model of each kind of file."""
    from f2fsim.config import Workload
    from f2fsim.config.arch import ArchConfig
    from f2fsim.config.dram import DramSpec
    from f2fsim.config.sweep import SearchSpec, SweepSpec

    return {
        "arch": ArchConfig,
        "workload": Workload,
        "dram": DramSpec,
        "sweep": SweepSpec,
        "search": SearchSpec,
    }


def schema_command(
    kind: Annotated[str, typer.Argument(help="arch, workload, dram, sweep or search.")],
) -> None:
    """Print the JSON Schema of a file kind, for editors that complete keys.

    Example: f2fsim schema arch > arch.schema.json
    """
    models = _models()
    if kind not in models:
        raise InputError(
            f"unknown file kind {kind!r}{near_miss(kind, models)}; known: {choices(models)}"
        )
    typer.echo(json.dumps(models[kind].model_json_schema(), indent=2))


def cache_info(as_json: Json = False) -> None:
    """Say where encodings are kept and how much there is.

    Example: F2FSIM_CACHE_DIR=/tmp/encodings f2fsim cache info
    """
    console.print_rows([vars(_cache().info())], as_json=as_json)


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


def _check_output(as_json: bool, as_csv: bool, out: Path | None) -> None:
    """Refuse what cannot work before anything runs."""
    if as_json and as_csv:
        raise InputError("--json and --csv exclude each other")
    if out is not None:
        check_folder(out, "--out")


def _brief(row: dict[str, Any]) -> dict[str, Any]:
    keys = ("layer", "M", "K", "N", "sparsity", "bits_per_weight", "cycles", "bound_cycles")
    return {key: row[key] for key in (*keys, "bound_by", "time_us", "dram_bytes", "stall")}


def _main_states(result: SimResult) -> list[dict[str, Any]]:
    return [
        {key: row[key] for key in ("component", "state", "cycles", "share")}
        for row in stall_rows(result)
        if row["share"] >= 0.05
    ]


def _say_checked(result: SimResult) -> None:
    n_outputs = sum(layer.outputs_checked for layer in result.layers)
    error = max((layer.output_error for layer in result.layers), default=0.0)
    typer.echo(f"outputs: {n_outputs} compared with NumPy, largest relative error {error:.3g}")


def _say_out(out: Path | None) -> None:
    if out is not None:
        typer.echo(f"results: {out}")
