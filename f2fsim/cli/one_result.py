"""One result on the terminal: totals first, then each layer with its plan once, slowest first."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import typer

from f2fsim.cli import console
from f2fsim.cli.verdict import table_lines
from f2fsim.results.rows import result_row, stall_rows, stream_rows

if TYPE_CHECKING:
    from f2fsim.report.value import Table
    from f2fsim.results import NetworkRun, SimResult

#: Longer names of layers lose their middle.
LONGEST_NAME = 22

#: States of less than this share of the cycles are left out.
LEAST_SHARE = 0.05


def print_result(result: SimResult) -> None:
    """Print a result: totals, layers with their plans, traffic, where the cycles went."""
    totals = {key: value for key, value in result_row(result).items() if key != "arch"}
    whole = "all layers, each by itself" if result.network is None else "as one run"
    console.print_rows([totals], title=f"{result.workload} on {result.arch}: {whole}")
    run = result.network
    table = layers_with_plans(result) if run is None else stages_with_plans(run)
    typer.echo(f"{table.title}\n")
    for line in table_lines(table, console.table_width()):
        typer.echo(line)
    typer.echo("")
    streams = [{k: v for k, v in row.items() if k != "arch"} for row in stream_rows(result)]
    console.print_rows(streams, title="Memory traffic by stream")
    states = [
        {key: row[key] for key in ("component", "state", "cycles", "share")}
        for row in stall_rows(result)
        if row["share"] >= LEAST_SHARE
    ]
    console.print_rows(states, title="Where the cycles went (5 % and more)")
    for note in run.notes if run is not None else ():
        typer.echo(f"{result.arch}: {note}")
    if result.manifest.get("zero_activations") == "multiplied":
        typer.echo(
            f"activations: zeros are multiplied too, {result.arch}'s array skips none: their "
            "density changes nothing"
        )


def layers_with_plans(result: SimResult) -> Table:
    """Return one row a layer, the slowest first: how it was cut, and what it fetched again."""
    from f2fsim.report.value import Column, Table

    rows = []
    for layer in sorted(result.layers, key=lambda one: -one.seconds):
        plan = layer.plan
        row: dict[str, Any] = {
            "layer": _shortened(layer.name),
            "time_us": layer.seconds * 1e6,
            "share": 100 * layer.seconds / result.seconds if result.seconds else 0.0,
            "stays": None,
        }
        if plan is not None:
            row |= {
                "stays": "weights" if plan.schedule == "weight_stationary" else "inputs",
                "bands": f"{plan.n_bands}·{plan.band_rows}",
                "tiles": f"{plan.n_tiles}·{plan.tile_columns}",
                "weights": plan.weight_fetches,
                "inputs": plan.activation_fetches,
            }
        rows.append({**row, "share": f"{row['share']:.1f}"})
    columns = (
        Column("layer", "layer", numeric=False),
        Column("time_us", "time", "us"),
        Column("share", "share", "%"),
        Column("stays", "stays", "on chip", numeric=False),
        Column("bands", "bands", "n·rows"),
        Column("tiles", "tiles", "n·cols"),
        Column("weights", "weights", "×"),
        Column("inputs", "inputs", "×"),
    )
    title = "Layers, slowest first: what stays on the chip, how often the rest is fetched"
    return Table("layers_with_plans", title, columns, tuple(rows))


def stages_with_plans(run: NetworkRun) -> Table:
    """Return one row a stage, the slowest first: its time, how it was cut, what was held."""
    from f2fsim.report.value import Column, Table

    rows = []
    ends = [0, *(stage.done for stage in run.stages)]
    spans = [end - before for before, end in pairwise(ends)]
    for span, stage in sorted(zip(spans, run.stages, strict=True), key=lambda one: -one[0]):
        rows.append(
            {
                "stage": _shortened(stage.name),
                "time_us": span / run.ticks_per_second * 1e6,
                "share": f"{100 * span / run.n_ticks:.1f}",
                "kib": stage.n_bytes / 1024,
                "held": stage.held_bits / 8192,
                "used": stage.used_bits / 8192,
                "plan": stage.plan.replace(" stationary", "") or "vector unit",
            }
        )
    columns = (
        Column("stage", "stage", numeric=False),
        Column("time_us", "time", "us"),
        Column("share", "share", "%"),
        Column("kib", "DRAM", "KiB"),
        Column("held", "maps kept", "KiB"),
        Column("used", "held in all", "KiB"),
        Column("plan", "stays, bands x tiles", numeric=False),
    )
    kept = f"{run.n_kept_tensors} of {len(run.tensors)} maps stay on the chip"
    title = f"Stages, slowest first (time from the end of the one before); {kept}"
    return Table("stages_with_plans", title, columns, tuple(rows))


def _shortened(name: str) -> str:
    if len(name) <= LONGEST_NAME:
        return name
    half = (LONGEST_NAME - 1) // 2
    return f"{name[:half]}…{name[-half:]}"
