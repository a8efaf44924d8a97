"""SCALE-Sim topology files (CSV) as shape-only workloads.

Two forms exist: convolutions (``Layer name, IFMAP height, IFMAP width, Filter height, Filter
width, Channels, Num filter, Strides``, the stride once or for each axis) and products (``Layer, M,
N, K``: M×K inputs times K×N filters).  Newer files add a column with the N:M sparsity of the
filters.  As SCALE-Sim does: padding is part of the IFMAP sizes, the last window of an axis may
reach beyond the input (sizes are rounded up), and ``DP`` in a name marks a depthwise convolution.
Commas may be tabs; a cell that starts with ``#`` is a comment; a line with a name alone is a
heading, put in front of the names below it (one file for many networks).
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

from f2fsim.config.workload import Workload, build_workload
from f2fsim.config.yaml_file import read_text
from f2fsim.errors import DataError

_MIN_CONV, _MIN_GEMM = 7, 3
_RATIO = re.compile(r"[1-9][0-9]{0,2}:[1-9][0-9]{0,2}")


def import_scale_sim(path: Path, *, name: str | None = None) -> Workload:
    """Read a topology file.

    The weights are synthetic (normal).  A product (M, N, K) becomes a linear layer with N
    outputs and K inputs that is applied to M columns.

    Raises
    ------
    DataError
        If a line has too few columns or a value that is no positive whole number; the message
        names line and column.
    """
    try:
        text = read_text(path).splitlines()
        tabs = bool(text) and "," not in text[0] and "\t" in text[0]
        lines = list(csv.reader(text, delimiter="\t" if tabs else ","))
    except csv.Error as error:
        raise DataError(f"{path}: is not a CSV file: {error}") from None
    rows = [(i, [cell.strip() for cell in row]) for i, row in enumerate(lines, 1)]
    rows = [(i, [cell for cell in row if cell[:1] != "#"]) for i, row in rows]
    rows = [(i, row) for i, row in rows if any(row)]
    if len(rows) < 2:
        raise DataError(f"{path}: is no topology: a header and at least one layer are needed")
    header = [cell.lower() for cell in rows[0][1]]
    is_gemm = header[1:4] == ["m", "n", "k"]
    layers, used, ratios = [], set[str](), set[str]()
    heading = ""
    for line, row in rows[1:]:
        if row[0] and not any(row[1:]):
            heading = f"{row[0]}/"
            continue
        ratios |= {cell for cell in row[1:] if _RATIO.fullmatch(cell)}
        row = [cell for cell in row if not _RATIO.fullmatch(cell)]
        layer = _gemm(path, line, row) if is_gemm else _conv(path, line, row)
        layer["name"] = heading + layer["name"]
        base, i = layer["name"], 2
        while layer["name"] in used:
            layer["name"], i = f"{base}#{i}", i + 1
        used.add(layer["name"])
        layers.append(layer)
    data: dict[str, Any] = {
        "name": name or path.stem,
        "description": "shapes from a SCALE-Sim topology, synthetic weights",
        "source": path.name,
        "synthetic": {"distribution": "normal"},
        "layers": layers,
    }
    if not layers:
        raise DataError(f"{path}: is no topology: it holds headings and no layer")
    if len(ratios) > 1:
        raise DataError(
            f"{path}: layers have different N:M sparsities ({', '.join(sorted(ratios))}); "
            f"one pruning holds for the whole workload"
        )
    for ratio in ratios:
        n, m = (int(part) for part in ratio.split(":"))
        if n != m:
            data["pruning"] = {"method": "nm", "n": n, "m": m}
    return build_workload(data, Path(), str(path))


def _conv(path: Path, line: int, row: list[str]) -> dict[str, Any]:
    height, width, k_height, k_width, channels, filters, stride, *rest = _numbers(
        path, line, row, _MIN_CONV
    )
    other = rest[0] if rest else stride
    if k_height > height or k_width > width:
        raise DataError(
            f"{path}:{line}: the filter {k_height}x{k_width} is larger than the input "
            f"{height}x{width}"
        )
    depthwise = "DP" in row[0]
    layer: dict[str, Any] = {"name": row[0], "op": "conv2d", "in_channels": channels}
    layer["out_channels"] = channels * filters if depthwise else filters
    layer |= {"kernel": [k_height, k_width], "input_size": [height, width]}
    if (stride, other) != (1, 1):
        layer["stride"] = [stride, other]
    beyond = [-(height - k_height) % stride, -(width - k_width) % other]
    if any(beyond):
        layer["padding"] = [0, 0, *beyond]
    if depthwise:
        layer["groups"] = channels
    return layer


def _gemm(path: Path, line: int, row: list[str]) -> dict[str, Any]:
    m, n, k = _numbers(path, line, row, _MIN_GEMM)[:3]
    return {"name": row[0], "op": "linear", "in_features": k, "out_features": n, "n_tokens": m}


def _numbers(path: Path, line: int, row: list[str], needed: int) -> list[int]:
    """Return the whole numbers behind the name."""
    if len(row) < needed + 1 or not row[0]:
        raise DataError(
            f"{path}:{line}: a layer needs a name and {needed} numbers, got {len(row)} columns"
        )
    values = []
    for column, cell in enumerate(row[1:], 2):
        if not cell:
            continue
        if not re.fullmatch(r"[0-9]{1,9}", cell) or int(cell) == 0:
            raise DataError(
                f"{path}:{line}: column {column}: must be a positive whole number, got {cell!r}"
            )
        values.append(int(cell))
    if len(values) < needed:
        raise DataError(f"{path}:{line}: needs {needed} numbers, got {len(values)}")
    return values
