"""Commands on files of weights: ``encode``, ``decode``, ``inspect``, ``verify``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from f2fsim.cli import console
from f2fsim.cli.options import Csv, Json, MaskFile, Quiet
from f2fsim.errors import InputError

if TYPE_CHECKING:
    from f2fsim.pipeline.encode_row import EncodeRow
    from f2fsim.workloads.conventions.table import LeftOut

#: Names for the help, which loads no codec; a test compares them with the registries.
SUFFIX = ".f2f.safetensors"
FORMATS = "bitmap, cpsr, csc_relative, csr, dense, f2f, huffman, nm, rle"
WEIGHT_TYPES = "bf16, fp16, fp32, fp8_e4m3, fp8_e5m2, int4, int8, uint4, uint8"

Tensors = Annotated[
    list[str] | None,
    typer.Option(
        "--tensor",
        "-t",
        metavar="NAME",
        show_default="all",
        help="Only this tensor (may be repeated).",
    ),
]
MaxWeights = Annotated[
    int | None,
    typer.Option(
        "--max-weights",
        metavar="N",
        min=0,
        show_default="what its bytes make credible",
        help="Weights that the container may claim to hold.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this group."""
    app.command("encode")(encode)
    app.command("decode")(decode)
    app.command("inspect")(inspect)
    app.command("verify")(verify)


def encode(
    file: Annotated[
        Path, typer.Argument(help=".safetensors, .onnx, .npz or .npy file of weights.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            show_default="only the table",
            help=f"Container to write (…{SUFFIX}).",
        ),
    ] = None,
    format_name: Annotated[
        str, typer.Option("--format", "-f", metavar="NAME", help=f"Weight format: {FORMATS}.")
    ] = "f2f",
    sparsity: Annotated[
        float | None,
        typer.Option(
            "--sparsity",
            "-s",
            metavar="SHARE",
            min=0.0,
            max=1.0,
            show_default="zeros are the mask",
            help="Magnitude pruning of each tensor: share that is pruned, 0 to 1.",
        ),
    ] = None,
    weight_type: Annotated[
        str,
        typer.Option(
            "--weight-type", "--dtype", "-d", metavar="TYPE", help=f"Weight type: {WEIGHT_TYPES}."
        ),
    ] = "int8",
    params: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            "-p",
            metavar="KEY=VALUE",
            show_default="the format's",
            help="Parameter of the format (may be repeated).",
        ),
    ] = None,
    auto: Annotated[
        bool,
        typer.Option(
            "--auto", help="f2f: choose for each tensor all parameters that -p does not give."
        ),
    ] = False,
    tensor: Tensors = None,
    mask: MaskFile = None,
    seed: Annotated[
        int, typer.Option(metavar="SEED", min=0, help="Decides among equal magnitudes.")
    ] = 0,
    as_json: Json = False,
    as_csv: Csv = False,
    quiet: Quiet = False,
) -> None:
    """Prune, quantise and encode the weight matrices of a file.

    Prints for each tensor E, bits a weight of its streams (value, mask, both) and in the file, the
    file's bytes, value bits over (1-S)·n_w and all bits over H(S) + (1-S)·n_w, memory saved by the
    streams and by the file, variation of n_u.  What a tensor takes of the file are its streams in
    whole bytes, its scale and an even share of the header: the total is the file's size.

    For example:
      f2fsim encode model.onnx --sparsity 0.9 -o model.f2f.safetensors
      f2fsim encode model.safetensors -f csr -s 0.8 --csv
      f2fsim encode model.onnx -s 0.9 --auto -o model.f2f.safetensors
      f2fsim encode model.npz -s 0.9 -d fp32 -p n_out=80 -p n_s=15 -p mask_code=auto
    """
    from f2fsim.pipeline import encode_file

    with console.progress("encoding", quiet=quiet) as advance:
        result = encode_file.encode(
            file,
            format=format_name,
            sparsity=sparsity,
            weight_type=weight_type,
            params=parse_params(params or []),
            auto=auto,
            tensors=tensor,
            mask=mask,
            seed=seed,
            out=out,
            progress=advance,
        )
    if as_json or as_csv or not quiet:
        _print(list(result.rows), as_json, as_csv, str(file))
    if not quiet:
        _print_left_out(result.left_out)
        if result.quantised_anew:
            stored = ", ".join(dict.fromkeys(result.quantised_anew.values()))
            console.ERR.print(
                f"quantised anew, a scale a row: {len(result.quantised_anew)} tensors that the "
                f"file stores as {stored} codes",
                markup=False,
            )
        if result.container is not None:
            n_bytes = result.container.stat().st_size
            console.ERR.print(f"written: {result.container} ({n_bytes:,} bytes)", markup=False)


def _print_left_out(left_out: Sequence[LeftOut]) -> None:
    """Say what was not encoded: each reason once, with the first of its tensors."""
    by_reason: dict[str, list[str]] = {}
    for item in left_out:
        by_reason.setdefault(item.reason, []).append(item.name)
    for reason, names in by_reason.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        console.ERR.print(f"not encoded: {names[0]}{more}: {reason}", markup=False)


def decode(
    file: Annotated[Path, typer.Argument(help=f"Container (…{SUFFIX}).")],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="FILE", help="File of the pruned weights: .safetensors or .npz."
        ),
    ],
    integers: Annotated[
        bool,
        typer.Option("--integers", help="Write integer codes and NAME.scale, not their product."),
    ] = False,
    tensor: Tensors = None,
    max_weights: MaxWeights = None,
    quiet: Quiet = False,
) -> None:
    """Decode a container and write the pruned weights back, exactly as they were encoded.

    For example:
      f2fsim decode model.f2f.safetensors -o pruned.safetensors
    """
    from f2fsim.pipeline import decode_file

    with console.progress("decoding", quiet=quiet) as advance:
        names = decode_file.decode_file(
            file,
            out,
            integers=integers,
            tensors=tensor,
            max_weights=max_weights,
            progress=advance,
        )
    if not quiet:
        console.ERR.print(f"written: {out} ({len(names)} tensors)", markup=False)


def inspect(
    file: Annotated[Path, typer.Argument(help=f"Container (…{SUFFIX}).")],
    max_weights: MaxWeights = None,
    as_json: Json = False,
    as_csv: Csv = False,
) -> None:
    """Show what a container holds; streams are read and their checksums compared.

    For example:
      f2fsim inspect model.f2f.safetensors
    """
    from f2fsim.pipeline import decode_file

    rows = decode_file.inspect_file(file, max_weights=max_weights)
    _print(rows, as_json, as_csv, str(file))


def verify(
    file: Annotated[Path, typer.Argument(help=f"Container (…{SUFFIX}).")],
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", show_default="none", help="The model it was made from, to compare with."
        ),
    ] = None,
    mask: MaskFile = None,
    max_weights: MaxWeights = None,
    as_json: Json = False,
    as_csv: Csv = False,
    quiet: Quiet = False,
) -> None:
    """Decode every tensor and check it bit for bit; exit status 2 if anything differs.

    For example:
      f2fsim verify model.f2f.safetensors --against model.onnx
    """
    from f2fsim.pipeline.verify_file import verify_file

    with console.progress("verifying", quiet=quiet) as advance:
        rows = verify_file(file, against=against, mask=mask, progress=advance)
        rows = verify_file(file, against=against, max_weights=max_weights, progress=advance)
    if as_json or as_csv:
        _print(rows, as_json, as_csv, str(file))
    else:
        n_weights = sum(row.n_weights for row in rows)
        typer.echo(f"{file}: {len(rows)} tensors, {n_weights:,} weights: exact")


def parse_params(texts: list[str]) -> dict[str, Any]:
    """Return ``KEY=VALUE`` texts as a mapping; a value is JSON if it can be, else text."""
    params: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InputError(f"--param must be KEY=VALUE, got {text!r}")
        if key in params:
            raise InputError(f"--param {key} is given twice")
        try:
            params[key] = json.loads(value)
        except ValueError:
            params[key] = value
    return params


#: Columns of the terminal's table; JSON and CSV have all, under their full names.
_HEADINGS = {
    "tensor": "tensor",
    "S": "S",
    "E_pct": "E %",
    "value_bits_per_weight": "value",
    "position_bits_per_weight": "mask",
    "bits_per_weight": "bits/w",
    "file_bits_per_weight": "file bits/w",
    "file_bytes": "file bytes",
    "value_over_entropy": "value/H",
    "total_over_entropy": "total/H",
    "total_over_zero_order": "total/H0",
    "reduction_pct": "saved %",
    "file_reduction_pct": "file saved %",
    "cv_n_u": "CV n_u",
}


def _print(rows: list[EncodeRow], as_json: bool, as_csv: bool, title: str) -> None:
    from f2fsim.pipeline.encode_row import total_row

    table = [row.to_table() for row in rows]
    if as_json or as_csv:
        console.print_rows(table, as_json=as_json, as_csv=as_csv)
        return
    total = total_row(rows)
    table.append(total.to_table())
    shown = [{text: row[key] for key, text in _HEADINGS.items()} for row in table]
    kind = f"{total.format}, {total.weight_type}" if rows else ""
    console.print_rows(shown, title=f"{title}: {kind}")
