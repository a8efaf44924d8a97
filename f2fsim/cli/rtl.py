"""``f2fsim rtl``: Verilog of an architecture's decoder group, its bench, simulation, synthesis."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from f2fsim.cli import console
from f2fsim.cli.options import ARCHS, WORKLOADS, Csv, Json, Quiet, Sparsity, WeightType
from f2fsim.whole_file import check_folder

_HELP = """Write synthesizable Verilog of an F2F decoder group, with a self-checking test bench.

The bench holds vectors of a real encoded layer; every bit and the cycle of every block must be
those of the model.

Examples:

    f2fsim rtl f2f_edge -o build/rtl

    f2fsim rtl f2f_edge -o build/rtl --cosim --blocks 2000

    f2fsim rtl f2f_edge -o build/rtl --synth --json
"""


def rtl(
    arch: Annotated[
        str, typer.Argument(help="Architecture with an f2f front end.", autocompletion=ARCHS)
    ],
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
    blocks: Annotated[
        int, typer.Option(metavar="BLOCKS", min=1, help="Blocks in the bench.")
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
    from f2fsim.rtl.cosim import cosimulate, pick_simulator
    from f2fsim.rtl.from_arch import group_for_layer
    from f2fsim.rtl.synthesis import yosys_command
    from f2fsim.rtl.testbench import bench_files
    from f2fsim.rtl.timing import eager_environment, random_environment
    from f2fsim.workloads import load_layer

    check_folder(out, "--out")
    config = load_arch(arch)
    chosen = load_workload(workload).with_overrides(sparsity=sparsity, weight_type=weight_type)
    largest = max(chosen.layers, key=lambda one: one.n_outputs * one.n_reduction)
    if cosim or simulator:
        pick_simulator(simulator)
    if synth:
        yosys_command()
    name = layer or largest.name
    tensor = load_layer(chosen, name).tensor
    group = group_for_layer(config, tensor, max_blocks=blocks)
    design, vectors = group.design, group.vectors
    world = (
        random_environment(design, vectors, seed, gaps)
        if gaps > 1
        else eager_environment(design, vectors)
    )
    files = bench_files(design, vectors, world)
    for file, text in files.items():
        console.write_text(out / file, text)
    rows: list[dict[str, object]] = [
        {"what": "files written", "value": len(files)},
        {"what": "layer in the bench", "value": name},
        {"what": "blocks in the bench", "value": vectors.n_blocks},
        {"what": "outputs that the layer uses", "value": vectors.n_used},
        {"what": "patches in the bench", "value": int(vectors.patches.shape[0])},
    ]
    if cosim:
        outcome = cosimulate(design, vectors, world, simulator)
        rows.append({"what": "co-simulation", "value": outcome.message})
        if not outcome.passed:
            raise SimulationError(f"RTL and model differ: {outcome.message}")
    if synth:
        rows += _cells(config.cost_table, group)
    if not quiet:
        console.print_rows(rows, title=f"{config.name}: {out}", as_json=as_json, as_csv=as_csv)


def _cells(table_name: str, group: object) -> list[dict[str, object]]:
    """Return synthesised and estimated cells of one plane's decoder as rows."""
    from dataclasses import replace

    from f2fsim.config.cost import load_cost_table
    from f2fsim.cost import estimate_decoder_gates
    from f2fsim.rtl.from_arch import LayerGroup
    from f2fsim.rtl.synthesis import synthesise

    assert isinstance(group, LayerGroup)
    table = load_cost_table(table_name)
    plane = replace(group.design, n_planes=1)
    rows: list[dict[str, object]] = []
    for how, cells in (
        ("synthesised", synthesise(plane, "f2f_decoder")),
        ("quick estimate", estimate_decoder_gates(plane.matrix, n_in=plane.n_in)),
    ):
        for cell, n in cells.by_cell().items():
            rows.append({"what": f"decoder of one plane, {how}, {cell}", "value": n})
        area_um2 = round(cells.area_um2(table), 1)
        rows.append({"what": f"decoder of one plane, {how}, um2", "value": area_um2})
    return rows


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rtl", help=_HELP)(rtl)
