"""``f2fsim dram``: replay request traces, import DRAMsim3 files, list presets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from f2fsim.cli import console
from f2fsim.cli.options import PRESETS, Csv, Json, Quiet
from f2fsim.errors import InputError, near_miss
from f2fsim.shipped import names

if TYPE_CHECKING:
    import numpy as np

    from f2fsim.config.dram import DramSpec
    from f2fsim.hw.dram import DramParams, DramStreamStats, Replay
    from f2fsim.hw.dram.trace import RequestTrace

#: Refreshes that a command trace may hold (seven columns of eight bytes each in memory).
MAX_TRACED_REFRESHES = 10**6

app = typer.Typer(
    name="dram",
    help="DRAM timing: replay traces, import DRAMsim3 files, list presets.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


def register(root: typer.Typer) -> None:
    """Add the group to the application."""
    root.add_typer(app)


@app.command("run")
def run(
    preset: Annotated[
        str,
        typer.Argument(help="Preset name, .yaml or DRAMsim3 .ini file.", autocompletion=PRESETS),
    ],
    trace: Annotated[Path, typer.Argument(help="Request trace: text or binary.")],
    trace_format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="NAME",
            help="Form of the trace: auto, text, binary, ramulator, ramulator2, ramulator2_vector, "
            "ramulator_cpu.",
        ),
    ] = "auto",
    align: Annotated[
        bool,
        typer.Option("--align", help="Move unaligned addresses to the start of their burst."),
    ] = False,
    wrap: Annotated[
        bool,
        typer.Option("--wrap", help="Take addresses beyond the capacity modulo the capacity."),
    ] = False,
    instructions_per_clock: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            show_default="none",
            help="Instructions a memory clock of the core of a Ramulator core trace.",
        ),
    ] = None,
    max_outstanding: Annotated[
        int | None,
        typer.Option(
            metavar="REQUESTS",
            min=1,
            show_default="no limit",
            help="Requests between offer and completion at most (1: a pointer chase).",
        ),
    ] = None,
    in_order: Annotated[
        bool,
        typer.Option(
            "--in-order",
            help="One request a clock enters all channels together, in the order of the trace, as "
            "DRAMsim3 and Ramulator replay it; by default each channel takes its own.",
        ),
    ] = False,
    refresh: Annotated[
        bool, typer.Option("--refresh/--no-refresh", help="Switch refresh off for this run.")
    ] = True,
    command_trace: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", show_default="none", help="Write every DRAM command to this file."
        ),
    ] = None,
    as_json: Json = False,
    as_csv: Csv = False,
    quiet: Quiet = False,
) -> None:
    """Replay a request trace and print cycles, bandwidth, latency, rows, commands and energy.

    A text trace has a line ``0xADDRESS R|W CYCLE`` (or READ|WRITE) for each request, and may name
    the request's stream in a fourth column. Ramulator's forms have no cycles: requests come as soon
    as they can enter (Ramulator itself: --in-order). A trace may be compressed by gzip.

    Example: [bold]f2fsim dram run ddr4_2400 requests.txt --command-trace commands.txt[/bold]
    """
    from f2fsim.config.dram_preset import load_dram
    from f2fsim.hw.dram import dram_params, replay
    from f2fsim.hw.dram.trace import KINDS, TraceOptions, read_trace

    if trace_format not in KINDS:
        near = near_miss(trace_format, KINDS)
        raise InputError(
            f"--format must be one of {', '.join(KINDS)}{near}, got {trace_format[:40]!r}"
        )
    per_clock = instructions_per_clock
    if per_clock is not None and not 1e-6 <= per_clock <= 1e6:
        raise InputError(f"--instructions-per-clock must be 1e-6 to 1e6, got {per_clock}")
    if as_json and as_csv:
        raise InputError("--json and --csv exclude each other")
    if in_order and max_outstanding is not None:
        raise InputError("--in-order and --max-outstanding exclude each other")
    spec = load_dram(preset)
    params = dram_params(spec)
    if not refresh:
        params = params.without_refresh()
    options = TraceOptions(trace_format, align, wrap, per_clock)
    requests = read_trace(trace, params, options)
    if command_trace is not None:
        check_traceable(params, requests)
    result = replay(
        params,
        requests.addresses,
        requests.is_write,
        requests.clocks,
        streams=requests.streams,
        max_outstanding=max_outstanding,
        in_order=in_order,
        trace=command_trace is not None,
    )
    if command_trace is not None:
        console.write_text(command_trace, command_text(result))
    figures = summary(spec, requests, result)
    if as_json:
        console.print_json(figures)
        return
    if quiet and not as_csv:
        return
    rows = [{"figure": name, "value": value} for name, value in _flat(figures)]
    title = f"{spec.name}: {trace.name}"
    console.print_rows(rows, title=title, as_csv=as_csv)


def summary(spec: DramSpec, requests: RequestTrace, result: Replay) -> dict[str, Any]:
    """Return the figures of a replay: plain numbers, with their units in the names."""
    from f2fsim.hw.dram.energy import energy_pj

    stats = result.stats
    seconds = result.n_clocks / spec.timing.clock
    n_bytes = len(requests) * spec.organisation.burst_bytes
    latency = result.done_clocks - result.enter_clocks
    wait = result.enter_clocks - requests.clocks
    reads = ~requests.is_write
    return {
        "preset": spec.name,
        "requests": len(requests),
        "reads": int(reads.sum()),
        "writes": int(requests.is_write.sum()),
        "aligned_requests": requests.n_aligned,
        "wrapped_requests": requests.n_wrapped,
        "cycles": result.n_clocks,
        "time_ns": seconds * 1e9,
        "bytes": n_bytes,
        "bandwidth_bytes_per_second": n_bytes / seconds,
        "peak_bytes_per_second": spec.peak_bytes_per_second,
        "bandwidth_share": n_bytes / seconds / spec.peak_bytes_per_second,
        "read_latency_cycles": percentiles(latency[reads]),
        "write_latency_cycles": percentiles(latency[~reads]),
        "mean_wait_for_entry_cycles": float(wait.mean()),
        "rows": {
            "hits": sum(stream.row_hits for stream in stats.streams),
            "misses": sum(stream.row_misses for stream in stats.streams),
            "conflicts": sum(stream.row_conflicts for stream in stats.streams),
            "forwarded_reads": sum(stream.n_forwarded for stream in stats.streams),
        },
        "streams": {
            name: stream_figures(stream)
            for name, stream in zip(requests.stream_names, stats.streams, strict=True)
        },
        "commands": stats.commands,
        "bus_clocks": {
            "total": stats.total_clocks,
            "busy": stats.busy_clocks,
            "idle": stats.idle_clocks,
            **{f"stalled: {cause}": clocks for cause, clocks in stats.stall_clocks.items()},
        },
        "energy_pj": _with_total(energy_pj(spec, stats)),
    }


def stream_figures(stream: DramStreamStats) -> dict[str, int | float]:
    """Return the figures of one stream of a trace."""
    return {
        "requests": stream.n_bursts,
        "hits": stream.row_hits,
        "misses": stream.row_misses,
        "conflicts": stream.row_conflicts,
        "forwarded_reads": stream.n_forwarded,
        "mean_latency_cycles": stream.latency_sum_clocks / stream.n_bursts,
    }


def check_traceable(params: DramParams, requests: RequestTrace) -> None:
    """Refuse a command trace that would hold little but refreshes."""
    last = int(requests.clocks[-1])
    n_refreshes = last // params.ref_interval * params.n_ranks * params.n_channels
    if params.refresh and n_refreshes > MAX_TRACED_REFRESHES:
        raise InputError(
            f"--command-trace: up to cycle {last} the trace holds {n_refreshes} refreshes, at most "
            f"{MAX_TRACED_REFRESHES} are written; give --no-refresh or earlier cycles"
        )


def percentiles(latency: np.ndarray[Any, np.dtype[np.int64]]) -> dict[str, float]:
    """Return mean, extremes and percentiles (the value at or above the share); empty for none."""
    import numpy as np

    if not len(latency):
        return {}
    marks = {"p50": 50, "p95": 95, "p99": 99}
    return {
        "mean": float(latency.mean()),
        "min": int(latency.min()),
        **{
            name: int(np.percentile(latency, mark, method="higher")) for name, mark in marks.items()
        },
        "max": int(latency.max()),
    }


def _with_total(pieces: dict[str, float]) -> dict[str, float]:
    return {**pieces, "total": sum(pieces.values())} if pieces else {}


def _flat(figures: dict[str, Any], above: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in figures.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{above}{name} ")
        else:
            rows.append((above + name, value))
    return rows


def command_text(result: Replay) -> str:
    """Return the command trace as text, one command a line."""
    from f2fsim.hw.dram import COMMANDS

    lines = ["# clock channel rank bank_group bank row command (-1: all)"]
    if result.commands is not None:
        for *place, command in result.commands.tolist():
            lines.append(" ".join(map(str, place)) + " " + COMMANDS[command])
    return "\n".join(lines) + "\n"


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A DRAMsim3 ini file.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", show_default="stdout", help="Write the preset here."
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Turn a DRAMsim3 ini file into a preset; defaults that DRAMsim3 would take are listed.

    Example: [bold]f2fsim dram import DDR4_8Gb_x8_2400.ini -o my_ddr4.yaml[/bold]
    """
    from f2fsim.config.dramsim3 import import_ini, preset_yaml

    imported = import_ini(file)
    text = preset_yaml(imported, file.name)
    if out is None:
        typer.echo(text, nl=False)
    else:
        console.write_text(out, text)
    for default in () if quiet else imported.defaulted:
        console.ERR.print(f"{file}: not given, DRAMsim3's default: {default}", markup=False)


@app.command("export")
def export_file(
    preset: Annotated[
        str, typer.Argument(help="Preset name or .yaml file.", autocompletion=PRESETS)
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", show_default="stdout", help="Write the ini here."
        ),
    ] = None,
) -> None:
    """Write a preset as a DRAMsim3 ini file.

    Example: [bold]f2fsim dram export ddr4_2400 -o ddr4_2400.ini[/bold]
    """
    from f2fsim.config.dram_preset import load_dram
    from f2fsim.config.dramsim3 import export_ini

    text = export_ini(load_dram(preset))
    if out is None:
        typer.echo(text, nl=False)
    else:
        console.write_text(out, text)


@app.command("list")
def list_presets(as_json: Json = False, as_csv: Csv = False) -> None:
    """List the shipped presets.

    Example: [bold]f2fsim dram list --json[/bold]
    """
    from f2fsim.config.dram_preset import load_dram

    rows = []
    for name in names("arch_configs", "dram"):
        spec = load_dram(name)
        organisation = spec.organisation
        rows.append(
            {
                "preset": name,
                "name": spec.name,
                "channels": organisation.channels,
                "bus_bits": organisation.bus_width_bits,
                "burst_bytes": organisation.burst_bytes,
                "clock_mhz": spec.timing.clock / 1e6,
                "peak_gb_per_second": spec.peak_bytes_per_second / 1e9,
                "capacity_mib": spec.capacity_bytes // 2**20,
            }
        )
    console.print_rows(rows, title="DRAM presets", as_json=as_json, as_csv=as_csv)
