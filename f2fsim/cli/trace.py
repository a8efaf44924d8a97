"""Options of ``f2fsim simulate`` that write a timeline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from f2fsim.cli import console
from f2fsim.errors import InputError

if TYPE_CHECKING:
    from f2fsim.config import Workload
    from f2fsim.engine.trace import Trace, TraceOptions

TraceFile = Annotated[
    Path | None,
    typer.Option(
        "--trace",
        metavar="FILE",
        show_default="none",
        help="Timeline for Perfetto; its layers run on the event engine.",
    ),
]
TraceLayers = Annotated[
    list[str] | None,
    typer.Option(
        "--trace-layer",
        metavar="NAME",
        show_default="all",
        help="Trace this layer only (may be repeated).",
    ),
]
TraceWindow = Annotated[
    str | None,
    typer.Option(
        "--trace-window",
        metavar="START:END",
        show_default="the whole run",
        help="In cycles of a layer's run.",
    ),
]
TraceSample = Annotated[
    int,
    typer.Option(
        "--trace-sample", metavar="CYCLES", min=1, help="Cycles between values of a counter."
    ),
]
TraceMost = Annotated[
    int,
    typer.Option(
        "--trace-max-events", metavar="EVENTS", min=1, help="Record no more events than this."
    ),
]


def trace_options(
    layers: list[str] | None, window: str | None, sample_cycles: int, max_events: int
) -> TraceOptions:
    """Turn the options into `TraceOptions`; `InputError` for a window of another form."""
    from f2fsim.engine.trace import TraceOptions

    span = None
    if window is not None:
        start, colon, end = window.partition(":")
        if not (colon and start.isdecimal() and end.isdecimal()):
            raise InputError(f"--trace-window: must be START:END in cycles, got {window!r}")
        span = int(start), int(end)
    return TraceOptions(tuple(layers) if layers else None, span, sample_cycles, max_events)


def check_trace(
    path: Path | None, options: TraceOptions, workload: Workload, layers: list[str] | None
) -> None:
    """Refuse a folder in place of the file, and layers that are not run."""
    from f2fsim.engine.trace import TraceOptions

    if path is None:
        if options != TraceOptions():
            raise InputError("--trace-layer, --trace-window … need --trace FILE")
        return
    if path.is_dir():
        raise InputError(f"--trace: {path} is a folder, a file is needed")
    for name in options.layers or ():
        workload.layer(name)
        if layers and all(name not in workload.layer_names(pattern) for pattern in layers):
            raise InputError(f"--trace-layer: {name!r} is not among the layers of --layer")


def say_trace(trace: Trace) -> None:
    """Say where the trace is, and whether it is cut."""
    console.ERR.print(f"trace: {trace.path} ({trace.n_events} events)", markup=False)
    if trace.truncated_at_us is not None:
        console.ERR.print(
            f"trace: cut at {trace.truncated_at_us:.3f} us by --trace-max-events", markup=False
        )
