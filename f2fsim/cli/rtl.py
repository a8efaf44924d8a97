"""``f2fsim rtl``: Verilog of an architecture's front end, its bench, simulation, synthesis."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from f2fsim.cli import console
from f2fsim.cli.options import ARCHS, WORKLOADS, Csv, Json, Quiet, Sparsity, WeightType
from f2fsim.whole_file import check_folder

if TYPE_CHECKING:
    from f2fsim.rtl.front_ends import DeviceJob

_HELP = """Write synthesizable Verilog of a weight front end, with a self-checking test bench.

F2F (one decoder group), bitmap, CSR with its gathers, relative CSC, N:M and run length. The bench
holds vectors of a real encoded layer; every bit and the cycle of every item must be those of the
model.

Examples:

    f2fsim rtl f2f_edge -o build/rtl

    f2fsim rtl bitmap_edge -o build/rtl --cosim --steps 2000

    f2fsim rtl f2f_edge -o build/rtl --synth --json
"""


def rtl(
    arch: Annotated[str, typer.Argument(help="Architecture.", autocompletion=ARCHS)],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Folder for Verilog and vectors.")
    ],
    workload: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Workload that the vectors come from.",
            autocompletion=WORKLOADS,
        ),
    ] = "silero_vad",
    layer: Annotated[
        str,
        typer.Option(metavar="NAME", show_default="the one with most weights", help="Its layer."),
    ] = "",
    sparsity: Sparsity = None,
    weight_type: WeightType = None,
    steps: Annotated[
        int,
        typer.Option(
            metavar="STEPS", min=1, help="Steps in the bench (F2F: blocks); CSR takes whole layers."
        ),
    ] = 500,
    gaps: Annotated[
        int,
        typer.Option(metavar="CYCLES", min=1, help="Longest random gap at inputs and output."),
    ] = 4,
    seed: Annotated[int, typer.Option(metavar="SEED", min=0, help="Seed of the gaps.")] = 1,
    cosim: Annotated[bool, typer.Option("--cosim", help="Run the bench.")] = False,
    simulator: Annotated[
        str,
        typer.Option(metavar="NAME", show_default="what is there", help="icarus or verilator."),
    ] = "",
    synth: Annotated[bool, typer.Option("--synth", help="Count cells with Yosys.")] = False,
    as_json: Json = False,
    as_csv: Csv = False,
    quiet: Quiet = False,
) -> None:
    """Generate, and optionally co-simulate and synthesise."""
    from f2fsim.config import load_workload
    from f2fsim.config.arch import load_arch
    from f2fsim.errors import SimulationError
    from f2fsim.rtl.bench_text import bench_files
    from f2fsim.rtl.cosim import cosimulate, pick_simulator
    from f2fsim.rtl.cycles import random_gaps
    from f2fsim.rtl.front_ends import check_kind, device_for_layer
    from f2fsim.rtl.synthesis import yosys_command
    from f2fsim.workloads import load_layer

    check_folder(out, "--out")
    config = load_arch(arch)
    check_kind(config)
    chosen = load_workload(workload).with_overrides(sparsity=sparsity)
    largest = max(chosen.layers, key=lambda one: one.n_outputs * one.n_reduction)
    if cosim or simulator:
        pick_simulator(simulator)
    if synth:
        yosys_command()
    name = layer or largest.name
    job = device_for_layer(config, load_layer(chosen, name).tensor, max_steps=steps)
    bench = job.bench(random_gaps(seed, gaps))
    files = bench_files(bench)
    for file, text in files.items():
        console.write_text(out / file, text)
    rows: list[dict[str, object]] = [
        {"what": "files written", "value": len(files)},
        {"what": "layer in the bench", "value": name},
        {"what": f"{bench.items} in the bench", "value": bench.n_items},
        *({"what": what, "value": value} for what, value in job.facts.items()),
    ]
    if cosim:
        outcome = cosimulate(bench, simulator)
        rows.append({"what": "co-simulation", "value": outcome.message})
        if not outcome.passed:
            raise SimulationError(f"RTL and model differ: {outcome.message}")
    if synth:
        rows += _cells(config.cost_table, job)
    if not quiet:
        console.print_rows(rows, title=f"{config.name}: {out}", as_json=as_json, as_csv=as_csv)


def _cells(table_name: str, job: DeviceJob) -> list[dict[str, object]]:
    """Return synthesised cells, area and levels of each unit as rows."""
    from f2fsim.config.cost import load_cost_table
    from f2fsim.rtl.synthesis import synthesise

    table = load_cost_table(table_name)
    rows: list[dict[str, object]] = []
    for unit in job.device.units():
        found = synthesise(job.device, unit)
        what = f"{unit.name}, {unit.module}" + (f", each of {unit.count}" * (unit.count > 1))
        counted = {**found.cells.by_cell(), "um2": round(found.cells.area_um2(table), 1)}
        counted["levels of logic"] = found.levels
        rows += [{"what": f"{what}, {name}", "value": value} for name, value in counted.items()]
    return rows


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rtl", help=_HELP)(rtl)
