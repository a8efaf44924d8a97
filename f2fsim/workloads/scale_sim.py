"""SCALE-Sim topology files (CSV) as shape-only workloads.

Two forms exist: convolutions (``Layer name, IFMAP height, IFMAP width, Filter height, Filter
width, Channels, Num filter, Strides``) and products (``Layer, M, N, K``: M×K inputs times K×N
filters).  SCALE-Sim reads by position; here the header has to agree with it.  Behind these columns
may stand a second stride, the N:M sparsity of the filters (none: dense), a batch size, and notes.
As SCALE-Sim does: padding is part of the IFMAP sizes, the last window of an axis may reach beyond
the input (sizes are rounded up), and ``DP`` in a name marks a depthwise convolution.  Commas may be
tabs; a cell that starts with ``#`` begins a comment; a line with a name alone is a heading, put in
front of the names below it (one file for many networks).
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from f2fsim.config.load_workload import build_workload
from f2fsim.config.workload import Workload
from f2fsim.config.yaml_file import read_text
from f2fsim.errors import DataError

#: What stands in each column behind the name, and the words by which headers say so.
_CONV = (
    ("IFMAP Height", r"ifmap|input|\bi?h\b"),
    ("IFMAP Width", r"ifmap|input|\bi?w\b"),
    ("Filter Height", r"filter|kernel|\b[rf]h?\b"),
    ("Filter Width", r"filter|kernel|\b[sf]w?\b"),
    ("Channels", r"channel|\bc\b"),
    ("Num Filter", r"filter|kernel|output|ofmap|\b[mk]\b"),
    ("Strides", r"stride"),
)
_GEMM = (("M", r"^m$"), ("N", r"^n$"), ("K", r"^k$"))
#: Columns behind these: the role that each word in a header gives it.
_MORE = (("stride", r"stride"), ("ratio", r"sparsity|ratio"), ("batch", r"batch"))
#: Words that change the work in a way that a topology has no place for: the value without effect.
_NEUTRAL = ((r"pad", "0"), (r"dilat", "1"), (r"group", "1"))
_RATIO = re.compile(r"([1-9][0-9]{0,2})\s*:\s*([1-9][0-9]{0,2})")
_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass
class _Columns:
    """What the header says: the form, and the role of each column behind it."""

    needed: tuple[tuple[str, str], ...]
    header: list[str]
    roles: dict[int, str] = field(default_factory=dict)
    unread: dict[str, None] = field(default_factory=dict)


def import_scale_sim(path: Path, *, name: str | None = None) -> Workload:
    """Read a topology file.

    The weights are synthetic (normal).  A product (M, N, K) becomes a linear layer with N
    outputs and K inputs that is applied to M columns.  One N:M sparsity of all layers becomes the
    workload's pruning, different ones the layers' own.

    Raises
    ------
    DataError
        If the header contradicts SCALE-Sim's order, a cell is blank or no positive whole number,
        or a column has no name; the message names line and column.
    """
    rows = _rows(path)
    columns = _columns(path, *rows[0])
    if columns.header:
        rows = rows[1:]
    layers: list[dict[str, Any]] = []
    ratios: list[tuple[int, int]] = []
    used = set[str]()
    heading = ""
    for line, row in rows:
        if row[0] and not any(row[1:]):
            heading = f"{row[0]}/"
            continue
        layer, ratio = _layer(path, line, row, columns)
        layer["name"] = heading + layer["name"]
        base, i = layer["name"], 2
        while layer["name"] in used:
            layer["name"], i = f"{base}#{i}", i + 1
        used.add(layer["name"])
        layers.append(layer)
        ratios.append(ratio)
    if not layers:
        raise DataError(f"{path}: is no topology: it holds headings and no layer")
    description = "shapes from a SCALE-Sim topology, synthetic weights"
    if columns.unread:
        description += f"; columns that are not read: {', '.join(columns.unread)}"
    data: dict[str, Any] = {
        "name": name or path.stem,
        "description": description,
        "source": path.name,
        "synthetic": {"distribution": "normal"},
        "layers": layers,
        **_pruning(layers, ratios),
    }
    return build_workload(data, Path(), str(path))


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return the lines that are not blank, comments cut off, with their numbers."""
    try:
        text = read_text(path).splitlines()
        tabs = bool(text) and "," not in text[0] and "\t" in text[0]
        lines = list(csv.reader(text, delimiter="\t" if tabs else ","))
    except csv.Error as error:
        raise DataError(f"{path}: is not a CSV file: {error}") from None
    rows = []
    for line, cells in enumerate(lines, 1):
        row = [cell.strip() for cell in cells]
        comment = next((i for i, cell in enumerate(row) if cell[:1] == "#"), len(row))
        if any(row[:comment]):
            rows.append((line, row[:comment]))
    if not rows:
        raise DataError(f"{path}: is no topology: a header and at least one layer are needed")
    return rows


def _columns(path: Path, line: int, row: list[str]) -> _Columns:
    """Read the header, or tell the form by the numbers of a first line that is a layer."""
    numbers = [cell for cell in row[1:] if cell and not _RATIO.fullmatch(cell)]
    if numbers and all(_NUMBER.fullmatch(cell) for cell in numbers):
        form = {len(_CONV): _CONV, len(_GEMM): _GEMM}.get(len(numbers))
        if form is None:
            raise DataError(
                f"{path}:{line}: is no header, and {len(numbers)} numbers do not tell what each "
                f"means: a header is needed"
            )
        return _Columns(form, [])
    header = [re.sub(r"\s+", " ", cell.lower()) for cell in row]
    columns = _Columns(_GEMM if header[1:4] == ["m", "n", "k"] else _CONV, row)
    for place, (what, words) in enumerate(columns.needed, 1):
        cell = header[place] if place < len(header) else ""
        if not re.search(words, cell):
            said = f"the header says {row[place][:40]!r}" if cell else "the header has no name"
            raise DataError(
                f"{path}:{line}: is no topology: column {place + 1} must be {what}, {said}"
            )
    for place in range(len(columns.needed) + 1, len(header)):
        role = next((role for role, words in _MORE if re.search(words, header[place])), "")
        if header[place]:
            columns.roles[place] = role or "note"
        if role and list(columns.roles.values()).count(role) > 1:
            raise DataError(f"{path}:{line}: column {place + 1}: a second column of {role}")
    return columns


def _layer(
    path: Path, line: int, row: list[str], columns: _Columns
) -> tuple[dict[str, Any], tuple[int, int]]:
    """Return a layer and its N:M sparsity, 1:1 if it has none."""
    if not row[0]:
        raise DataError(f"{path}:{line}: column 1: a layer needs a name")
    values = []
    for place, (what, _) in enumerate(columns.needed, 1):
        cell = row[place] if place < len(row) else ""
        values.append(_number(path, line, place, what, cell))
    more: dict[str, int] = {}
    ratio = (1, 1)
    for place in range(len(columns.needed) + 1, len(row)):
        cell, role = row[place], columns.roles.get(place, "")
        if not cell:
            continue
        if role == "note":
            _check_note(path, line, place, columns, cell)
        elif role in ("ratio", "") and (match := _RATIO.fullmatch(cell)) is not None:
            ratio = (int(match[1]), int(match[2]))
            if ratio[0] > ratio[1]:
                raise DataError(f"{path}:{line}: column {place + 1}: N:M must have N ≤ M: {cell}")
        elif role == "ratio":
            raise DataError(f"{path}:{line}: column {place + 1}: must be N:M, got {cell[:40]!r}")
        elif role:
            more[role] = _number(path, line, place, role, cell)
        else:
            raise DataError(
                f"{path}:{line}: column {place + 1}: the header has no name for {cell[:40]!r}"
            )
    if "stride" in columns.roles.values() and "stride" not in more:
        raise DataError(f"{path}:{line}: the second stride is blank")
    make = _gemm if columns.needed is _GEMM else _conv
    layer = make(path, line, row[0], values, more)
    if more.get("batch", 1) != 1:
        layer["batch"] = more["batch"]
    return layer, ratio


def _check_note(path: Path, line: int, place: int, columns: _Columns, cell: str) -> None:
    """Pass over a note; refuse what would change the work."""
    name = columns.header[place]
    for words, neutral in _NEUTRAL:
        if re.search(words, name.lower()):
            if cell != neutral:
                raise DataError(
                    f"{path}:{line}: column {place + 1}: {name} is no column of SCALE-Sim and must "
                    f"be {neutral} (padding belongs to the IFMAP sizes), got {cell[:40]!r}"
                )
            return
    columns.unread[name[:40]] = None


def _number(path: Path, line: int, place: int, what: str, cell: str) -> int:
    if not _NUMBER.fullmatch(cell) or int(cell) == 0:
        said = f"got {cell[:40]!r}" if cell else "it is blank"
        raise DataError(
            f"{path}:{line}: column {place + 1} ({what}): must be a positive whole number, {said}"
        )
    return int(cell)


def _conv(
    path: Path, line: int, name: str, values: list[int], more: dict[str, int]
) -> dict[str, Any]:
    height, width, k_height, k_width, channels, filters, stride = values
    other = more.get("stride", stride)
    if k_height > height or k_width > width:
        raise DataError(
            f"{path}:{line}: the filter {k_height}x{k_width} is larger than the input "
            f"{height}x{width}"
        )
    depthwise = "DP" in name
    layer: dict[str, Any] = {"name": name, "op": "conv2d", "in_channels": channels}
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


def _gemm(
    path: Path, line: int, name: str, values: list[int], more: dict[str, int]
) -> dict[str, Any]:
    m, n, k = values
    if "stride" in more:
        raise DataError(f"{path}:{line}: a product has no stride")
    return {"name": name, "op": "linear", "in_features": k, "out_features": n, "n_tokens": m}


def _pruning(layers: list[dict[str, Any]], ratios: list[tuple[int, int]]) -> dict[str, Any]:
    """Return the workload's pruning if one pattern holds for all; give it to the layers if not."""
    rules = [None if n == m else {"method": "nm", "n": n, "m": m} for n, m in ratios]
    if all(rule == rules[0] for rule in rules):
        return {} if rules[0] is None else {"pruning": rules[0]}
    for layer, rule in zip(layers, rules, strict=True):
        if rule is not None:
            layer["pruning"] = rule
    return {}
