"""``f2fsim workload``: make, show and import workloads."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from f2fsim.cli import console
from f2fsim.cli.options import (
    Batch,
    Csv,
    Json,
    Layers,
    MaskFile,
    Quiet,
    Seed,
    Sparsity,
    WeightType,
    WorkloadName,
)
from f2fsim.errors import InputError

if TYPE_CHECKING:
    from f2fsim.config.workload import Workload

Output = Annotated[
    Path | None,
    typer.Option(
        "--out", "--output", "-o", metavar="FILE", show_default="stdout", help="YAML file to write."
    ),
]

Name = Annotated[
    str | None,
    typer.Option(metavar="NAME", show_default="the file's", help="Name of the workload."),
]

workload_app = typer.Typer(
    name="workload", help="Workloads: from a model, by shape, their masks.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the group to the application."""
    app.add_typer(workload_app)


@workload_app.command("from")
def from_model(
    model: Annotated[
        list[str],
        typer.Argument(
            help="Model file: .onnx .safetensors .npz .pth …, or matrices (.smtx .mtx)."
        ),
    ],
    output: Output = None,
    package: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", show_default="none", help="Installed package that carries the file."
        ),
    ] = None,
    name: Name = None,
    size: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=SIZE",
            show_default="the model's",
            help="ONNX: NAME=1x3x224x224 for an input, NAME=128 for a free dimension.",
        ),
    ] = None,
    tokens: Annotated[
        int,
        typer.Option(
            metavar="COLUMNS", min=1, help="No graph: columns of linear layers, steps of cells."
        ),
    ] = 1,
    spatial: Annotated[
        str,
        typer.Option(
            metavar="SIZE",
            show_default="none",
            help="No graph: input size of convolutions, 56 or 56x56.",
        ),
    ] = "",
    transposed: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            show_default="none",
            help="No graph: pattern of tensors stored (in, out), as GPT-2's *.c_*.",
        ),
    ] = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="ONNX: run it and measure activation densities.")
    ] = False,
    inputs: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default="noise", help="Arrays (.npz) to run it on."),
    ] = None,
    mask: MaskFile = None,
    quiet: Quiet = False,
) -> None:
    """Write the workload of a model: its layers with weights, in their sizes.

    Examples: [bold]f2fsim workload from net.onnx -o net.yaml[/bold], [bold]f2fsim workload from
    encoder.safetensors --tokens 128 -o encoder.yaml[/bold], [bold]f2fsim workload from
    dlmc/rn50/magnitude_pruning/0.9/*.smtx -o rn50.yaml[/bold]
    """
    from f2fsim.workloads.import_model import import_model

    workload = import_model(
        model,
        package=package,
        folder=output.parent if output else None,
        name=name,
        sizes=dict(_size(text) for text in size or ()),
        tokens=tokens,
        spatial=_shape("--spatial", spatial) if spatial else (),
        transposed=transposed or (),
        measure=measure,
        inputs=inputs,
        mask=mask,
    )
    _write(workload, output, "Made by `f2fsim workload from`.", quiet)


@workload_app.command("import")
def import_topology(
    topology: Annotated[Path, typer.Argument(help="SCALE-Sim topology (CSV).")],
    output: Output = None,
    name: Name = None,
    quiet: Quiet = False,
) -> None:
    """Turn a SCALE-Sim topology into a workload with synthetic weights.

    Example: [bold]f2fsim workload import Resnet50.csv -o resnet50.yaml[/bold]
    """
    from f2fsim.workloads.scale_sim import import_scale_sim

    workload = import_scale_sim(topology, name=name)
    _write(workload, output, "Made by `f2fsim workload import`.", quiet)


@workload_app.command("show")
def show(
    workload: WorkloadName,
    sparsity: Sparsity = None,
    weight_type: WeightType = None,
    batch: Batch = None,
    layer: Layers = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Print a workload: each layer as the product (M×K)·(K×N), and what is left out.

    Example: [bold]f2fsim workload show opennsfw[/bold]
    """
    from f2fsim.config.load_workload import load_workload

    loaded = load_workload(workload).with_overrides(
        sparsity=sparsity, weight_type=weight_type, batch=batch, layers=layer
    )
    rows = [_row(layer) for layer in loaded.layers]
    if as_json and not as_csv:
        console.print_json(loaded.model_dump(mode="json") | {"gemm": rows})
        return
    console.print_rows(rows, title=_title(loaded), as_json=as_json, as_csv=as_csv)
    if loaded.excluded and not as_csv:
        left = [entry.model_dump() for entry in loaded.excluded]
        console.print_rows(left, title="left out")


@workload_app.command("stats")
def stats(
    workload: WorkloadName,
    sparsity: Sparsity = None,
    weight_type: WeightType = None,
    seed: Seed = None,
    layer: Layers = None,
    n_out: Annotated[
        int,
        typer.Option(metavar="WEIGHTS", min=1, max=65535, help="Weights of an F2F block."),
    ] = 80,
    block: Annotated[
        str,
        typer.Option(metavar="ROWSxCOLUMNS", help="Weights of a block of the block density."),
    ] = "16x16",
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            show_default="no drawing",
            help="Draw the CV of n_u into an .svg, .png or .pdf file.",
        ),
    ] = None,
    as_json: Json = False,
    as_csv: Csv = False,
    quiet: Quiet = False,
) -> None:
    """Print how even the masks are: density by row, column, block; kept weights by block order.

    Examples: [bold]f2fsim workload stats opennsfw --sparsity 0.9[/bold], [bold]f2fsim workload
    stats minilm --layer encoder.layer.0.output.dense --plot minilm.svg[/bold]
    """
    from f2fsim.config.load_workload import load_workload
    from f2fsim.workloads.statistics import iterate_statistics

    sides = _shape("--block", block)
    if len(sides) != 2:
        raise InputError(f"--block: must be rows x columns such as 16x16, got {block!r}")
    loaded = load_workload(workload).with_overrides(
        sparsity=sparsity, weight_type=weight_type, seed=seed
    )
    found = []
    with console.progress("statistics", quiet=quiet) as advance:
        total = len(layer) if layer else len(loaded.layers)
        each = iterate_statistics(loaded, layer, n_out=n_out, block=(sides[0], sides[1]))
        for done, entry in enumerate(each, 1):
            found.append(entry)
            advance(done, total, entry.layer)
    if plot is not None:
        from f2fsim.report.mask_figure import draw_orders

        draw_orders(found, plot, f"{loaded.name}, S = {sparsity or 'as configured'}")
    if as_json and not as_csv:
        console.print_json([entry.to_dict() for entry in found])
    else:
        rows = [entry.row() for entry in found]
        console.print_rows(rows, title=_title(loaded), as_json=as_json, as_csv=as_csv)


def _row(layer: Any) -> dict[str, Any]:
    return {
        "layer": layer.name,
        "op": layer.op,
        "M": layer.n_outputs,
        "K": layer.n_reduction,
        "N": layer.n_columns,
        "groups": layer.n_groups,
        "repeat": layer.repeat,
        "weights": layer.n_weights,
        "MACs": layer.macs * layer.repeat,
    }


def _title(workload: Workload) -> str:
    return (
        f"{workload.name}: {len(workload.layers)} layers, {workload.n_weights:,} weights, "
        f"{workload.macs:,} MACs at batch {workload.batch}, {workload.weight_type}, "
        f"pruning {_pruning(workload)}"
    )


def _pruning(workload: Workload) -> str:
    """Return the method, and how many layers have their own."""
    n_masks = sum(layer.mask is not None for layer in workload.layers)
    n_rules = sum(layer.pruning is not None for layer in workload.layers)
    own = [f"{n_masks} masks from files"] if n_masks else []
    own += [f"{n_rules} layers by rules of their own"] if n_rules else []
    return ", ".join([workload.pruning.method, *own])


def _write(workload: Workload, output: Path | None, comment: str, quiet: bool) -> None:
    from f2fsim.config.workload_yaml import workload_text

    text = workload_text(workload, comment)
    if output is None:
        sys.stdout.write(text)
    else:
        console.write_text(output, text)
    if not quiet:
        console.ERR.print(_title(workload), markup=False)
        if workload.excluded:
            n_left = sum(entry.n_weights for entry in workload.excluded)
            console.ERR.print(
                f"left out: {len(workload.excluded)} operations, {n_left:,} weights "
                f"(see excluded: in the file)",
                markup=False,
            )
        if workload.description:
            console.ERR.print(f"note: {workload.description}", markup=False)


def _shape(what: str, text: str) -> tuple[int, ...]:
    parts = text.lower().replace(",", "x").split("x")
    if not all(part.isascii() and part.isdigit() and 0 < int(part) < 2**31 for part in parts):
        raise InputError(f"{what}: must be sizes such as 1x3x224x224, got {text!r}")
    return tuple(int(part) for part in parts)


def _size(text: str) -> tuple[str, tuple[int, ...] | int]:
    name, equals, value = text.rpartition("=")
    if not equals or not name:
        raise InputError(f"--size: must be NAME=1x3x224x224 or NAME=128, got {text!r}")
    shape = _shape("--size", value)
    return name, shape if len(shape) > 1 else shape[0]
