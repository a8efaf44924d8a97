"""``f2fsim simulate | compare``."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from f2fsim.cli import console
from f2fsim.cli.one_result import print_result
from f2fsim.cli.options import (
    ARCHS,
    Archs,
    Batch,
    Context,
    Csv,
    Engine,
    Functional,
    Isolated,
    Json,
    KvType,
    Layers,
    NoCache,
    Out,
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
from f2fsim.cli.verdict import print_comparison, print_remarks
from f2fsim.errors import InputError, MissingDependencyError
from f2fsim.results import Comparison
from f2fsim.results.network import stage_rows
from f2fsim.results.rows import layer_row
from f2fsim.whole_file import check_folder

if TYPE_CHECKING:
    from f2fsim.results import SimResult

Baseline = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        show_default="the last one",
        help="Machine that speed-ups are over.",
        autocompletion=ARCHS,
    ),
]
Report = Annotated[
    bool, typer.Option("--report/--no-report", help="Write a report into --out's folder too.")
]
Why = Annotated[
    bool,
    typer.Option(
        "--what-if",
        help="Find what binds each machine by experiment: each resource doubled, run again.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("simulate")(simulate_command)
    app.command("compare")(compare_command)
    app.command("what-if")(what_if_command)


def simulate_command(
    arch: Annotated[
        str, typer.Argument(help="Shipped architecture or YAML file.", autocompletion=ARCHS)
    ],
    workload: WorkloadName,
    settings: Settings = None,
    sparsity: Sparsity = None,
    weight_type: WeightType = None,
    batch: Batch = None,
    seed: Seed = None,
    layer: Layers = None,
    isolated: Isolated = False,
    residency: Residency = None,
    context: Context = None,
    kv_type: KvType = None,
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
    """Simulate a workload on an architecture: the whole network as one run.

    Maps that fit stay in the scratchpad, the next layer's weights are fetched while this one
    computes; with --isolated each layer runs by itself.

    Example: f2fsim simulate f2f_edge opennsfw --sparsity 0.9 --weight-type int8
    """
    from f2fsim.config import load_workload
    from f2fsim.engine.trace import Trace
    from f2fsim.pipeline import simulate

    _check_output(as_json, as_csv, out)
    options = trace_options(trace_layer, trace_window, trace_sample, trace_max_events)
    check_trace(trace, options, load_workload(workload), layer)
    if trace_layer and not isolated:
        raise InputError("--trace-layer: a network is traced whole; with --isolated, by layer")
    opened = Trace(trace, options) if trace is not None else None
    with (
        opened if opened is not None else nullcontext(),
        console.progress("simulating", quiet=quiet) as progress,
    ):
        result = simulate(
            machines([arch], settings)[0],
            workload,
            sparsity=sparsity,
            weight_type=weight_type,
            batch=batch,
            seed=seed,
            layers=layer,
            isolated=isolated,
            residency=residency_policy(residency),
            context=context,
            kv_type=kv_type,
            engine=engine,
            functional=functional,
            cache=None if no_cache else "default",
            trace=opened,
            progress=progress,
        )
    if out is not None:
        result.save(out)
    if as_json:
        console.print_json(result.to_dict())
        return
    if as_csv:
        run = result.network
        rows = stage_rows(run) if run else [layer_row(one) for one in result.layers]
        console.print_rows(rows, as_csv=True)
        return
    if quiet:
        return
    print_result(result)
    _say_clock(result)
    if functional:
        _say_checked(result)
    _say_out(out)
    if opened is not None:
        say_trace(opened)


def _say_clock(result: SimResult) -> None:
    """Say if a part of the machine is too slow for its clock."""
    if result.clock_note:
        typer.echo(f"{result.arch}: {result.clock_note}")


def compare_command(
    workload: WorkloadName,
    arch: Archs,
    settings: Settings = None,
    sparsity: Sparsity = None,
    weight_type: WeightType = None,
    batch: Batch = None,
    seed: Seed = None,
    layer: Layers = None,
    isolated: Isolated = False,
    residency: Residency = None,
    context: Context = None,
    kv_type: KvType = None,
    engine: Engine = "compiled",
    functional: Functional = False,
    baseline: Baseline = None,
    why: Why = False,
    out: Out = None,
    with_report: Report = True,
    as_json: Json = False,
    as_csv: Csv = False,
    quiet: Quiet = False,
    no_cache: NoCache = False,
) -> None:
    """Simulate a workload on several architectures, side by side, each network as one run.

    Example: f2fsim compare opennsfw f2f_edge csr_edge bitmap_edge dense_edge --sparsity 0.9
    """
    from f2fsim.explore.whatif import what_if
    from f2fsim.pipeline import compare

    _check_output(as_json, as_csv, out)
    if why and (functional or engine != "compiled"):
        raise InputError("--what-if runs on the compiled engine, without --functional")
    names = list(arch)
    if baseline is not None and baseline not in names:
        names.append(baseline)
    taken = machines(names, settings)
    conditions: dict[str, Any] = {
        "sparsity": sparsity, "weight_type": weight_type, "batch": batch, "seed": seed,
        "layers": layer, "cache": None if no_cache else "default", "isolated": isolated,
        "residency": residency_policy(residency), "context": context, "kv_type": kv_type,
    }  # fmt: skip
    with console.progress("comparing", quiet=quiet) as progress:
        found = (
            what_if(workload, taken, progress=progress, **conditions)
            if why
            else compare(
                workload, taken, engine=engine, functional=functional, progress=progress,
                **conditions,
            )
        )  # fmt: skip
    results = Comparison(found, -1 if baseline is None else names.index(baseline))
    if out is not None:
        results.save(out)
    page = _report(out, quiet) if out is not None and with_report else None
    if as_json:
        console.print_json([result.to_dict() for result in results])
    elif as_csv:
        console.print_rows(results.rows(), as_csv=True)
    elif not quiet:
        print_comparison(results, results.baseline.arch if baseline else "")
        _say_out(out)
        if page is not None:
            typer.echo(f"report:  {page}")
        print_remarks(results)


def what_if_command(
    workload: WorkloadName,
    arch: Archs,
    settings: Settings = None,
    sparsity: Sparsity = None,
    weight_type: WeightType = None,
    batch: Batch = None,
    seed: Seed = None,
    layer: Layers = None,
    isolated: Isolated = False,
    by_layer: Annotated[
        bool, typer.Option("--by-layer", help="What binds each layer, in place of the whole run.")
    ] = False,
    out: Out = None,
    as_json: Json = False,
    as_csv: Csv = False,
    quiet: Quiet = False,
    no_cache: NoCache = False,
) -> None:
    """Find what binds a machine: each of its resources doubled alone, and the best pair.

    Every line is a simulation. Twice of what binds is about twice as fast (elasticity 1), twice
    of anything else is no faster (elasticity 0).

    Example: f2fsim what-if opennsfw f2f_edge --sparsity 0.9
    """
    from f2fsim.explore.whatif import what_if
    from f2fsim.results.binding import layer_bindings, what_if_rows

    _check_output(as_json, as_csv, out)
    with console.progress("doubling", quiet=quiet) as progress:
        results = what_if(
            workload,
            machines(list(arch), settings),
            sparsity=sparsity,
            weight_type=weight_type,
            batch=batch,
            seed=seed,
            layers=layer,
            isolated=isolated,
            cache=None if no_cache else "default",
            progress=progress,
        )
    if out is not None:
        results.save(out)
    rows: list[dict[str, Any]] = []
    for one in results:
        rows += layer_bindings(one) if by_layer else what_if_rows(one.arch, one.what_if)
    if as_json or as_csv:
        console.print_rows(rows, as_json=as_json, as_csv=as_csv)
    elif not quiet:
        console.print_rows(
            rows, title=f"{results.workload}: how many times faster with twice of it"
        )
        _say_out(out)


def _report(out: Path, quiet: bool) -> Path | None:
    """Write the report beside the results; without its packages say how to get them."""
    try:
        return write_page([out], out / "report", quiet=quiet)
    except MissingDependencyError as error:
        console.ERR.print(f"f2fsim: no report: {error}", markup=False)
        return None


def _check_output(as_json: bool, as_csv: bool, out: Path | None) -> None:
    """Refuse what cannot work before anything runs."""
    if as_json and as_csv:
        raise InputError("--json and --csv exclude each other")
    if out is not None:
        check_folder(out, "--out")


def _say_checked(result: SimResult) -> None:
    if result.network is not None:
        typer.echo(f"outputs: {result.network.outputs_checked} of all stages equal NumPy's")
        return
    n_outputs = sum(layer.outputs_checked for layer in result.layers)
    error = max((layer.output_error for layer in result.layers), default=0.0)
    typer.echo(f"outputs: {n_outputs} compared with NumPy, largest relative error {error:.3g}")


def _say_out(out: Path | None) -> None:
    if out is not None:
        typer.echo(f"results: {out}")
