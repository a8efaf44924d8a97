"""int8 and 8-bit float weights whose scales lie beside them: one, one a row, a group or a block."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from f2fsim.workloads.conventions.metadata import weight_arguments
from f2fsim.workloads.conventions.table import Table, as_float32
from f2fsim.workloads.readers.elements import kind_of
from f2fsim.workloads.readers.stored import Codes, Stored

SCALED = "weights with scales beside them"
QUANTO = "optimum-quanto"

#: What comes behind the name of the weights (without ``weight`` where it begins with a dot).
_SCALES = ("_scale_inv", "_scale", "_scales", "_scaler")
_SCALES_OF_LAYER = (".scale_weight", ".weight_scales", ".scales", ".scale")
_ZEROS = ("_zero_point", "_zeros")
_ZEROS_OF_LAYER = (".zero_point", ".zeros")
#: Block of a ``weight_scale_inv`` whose metadata are missing (DeepSeek's FP8).
_INV_BLOCK = 128
#: Codec's type of each element that can be scaled.
TYPES = {"I8": "int8", "U8": "uint8", "int8": "int8", "uint8": "uint8", "F8_E4M3": "fp8_e4m3",
         "F8_E5M2": "fp8_e5m2"}  # fmt: skip


def scaled_weights(table: Table) -> None:
    """Multiply 8-bit weights by the scales that lie beside them."""
    for name in list(table.entries):
        entry = table.entries.get(name)
        if entry is None or not _is_narrow(entry.dtype) or len(entry.shape) < 2:
            continue
        scale = _companion(table, name, _SCALES, _SCALES_OF_LAYER)
        if scale is None:
            continue
        zero = _companion(table, name, _ZEROS, _ZEROS_OF_LAYER)
        if entry.dtype in ("U8", "uint8") and zero is None:
            # Bytes with a scale and no zero point are packed codes: `refused` or another reader.
            continue
        taken = [name, scale] + ([zero] if zero is not None else [])
        grid = arrange(table, entry.shape, scale)
        if zero is not None and table.entries[zero].shape != table.entries[scale].shape:
            shapes = table.entries[zero].shape, table.entries[scale].shape
            raise table.error(SCALED, zero, f"has shape {shapes[0]}, the scales {shapes[1]}")
        read = partial(_scaled, grid, TYPES.get(entry.dtype, ""))
        table.combine(name, taken, entry.shape, SCALED, read)


def quanto_weights(table: Table) -> None:
    """Give optimum-quanto's 8-bit ``weight._data`` and ``weight._scale`` their plain names."""
    for name, base, _ in table.ending("._data"):
        scale = base + "._scale"
        narrow = _is_narrow(table.entries[name].dtype)
        if narrow and scale in table.entries and base + "._shift" not in table.entries:
            table.rename(name, base, QUANTO)
            table.rename(scale, base + "_scale", QUANTO)


def _is_narrow(dtype: str) -> bool:
    return kind_of(dtype) == "byte" or dtype.startswith("F8_E")


def _companion(
    table: Table, name: str, behind: tuple[str, ...], of_layer: tuple[str, ...]
) -> str | None:
    """Return the float tensor that lies beside the weights under one of the endings."""
    base = name.removesuffix(".weight")
    names = [name + ending for ending in behind]
    names += [base + ending for ending in of_layer] if base != name else []
    return next((other for other in names if other in table.entries), None)


@dataclass(frozen=True)
class Grid:
    """How scales lie over weights.

    Attributes
    ----------
    weights : (int, int, int)
        The weights as a stack of matrices.
    scales : (int, int, int)
        The scales as a stack of grids.
    block : (int, int)
        Rows and columns that share a scale.
    """

    weights: tuple[int, int, int]
    scales: tuple[int, int, int]
    block: tuple[int, int]


def arrange(table: Table, shape: tuple[int, ...], scale: str) -> Grid:
    """Return how the scales of an entry lie over weights of a shape.

    One scale for all, or one for each element of the first axis (the outputs); otherwise a grid
    over the last two axes, a stack's leading axis kept.

    Raises
    ------
    DataError
        If the scales fit no such grid.
    """
    found = table.entries[scale].shape
    whole = (1, shape[0], math.prod(shape[1:]))
    if math.prod(found) == 1:
        return Grid(whole, (1, 1, 1), whole[1:])
    if math.prod(found) == shape[0] and found[0] == shape[0]:
        return Grid(whole, (1, shape[0], 1), (1, whole[2]))
    problem = table.error(SCALED, scale, f"has shape {found}, which fits no weights of {shape}")
    stack = shape[:-2]
    if len(shape) > 3 or found[: len(stack)] != stack:
        raise problem
    grid = found[len(stack) :]
    grid = (*grid, 1) if len(grid) == 1 else grid
    if len(grid) != 2 or 0 in grid:
        raise problem
    declared = _declared_block(table.config)
    if scale.endswith("_inv") and declared == (0, 0):
        declared = (_INV_BLOCK, _INV_BLOCK)
    if declared == (0, 0) and grid[1] == 1 and grid[0] != shape[-2]:
        raise problem
    rows, columns = (
        given if given and -(-n // given) == g else _even(n, g)
        for n, g, given in zip(shape[-2:], grid, declared, strict=True)
    )
    if not rows or not columns:
        raise problem
    n_stack = math.prod(stack)
    weights = (n_stack, shape[-2], shape[-1])
    return Grid(weights, (n_stack, grid[0], grid[1]), (rows, columns))


def _even(n: int, groups: int) -> int:
    """Return the block of which `groups` cover `n` evenly, 0 if there is none."""
    return n // groups if n % groups == 0 else 0


def _declared_block(config: Mapping[str, Any]) -> tuple[int, int]:
    """Return the block of scales that the metadata name, zeros where they do not."""
    block = config.get("weight_block_size")
    if block is None:
        arguments = weight_arguments(config)
        block = arguments.get("block_structure")
        if block is None and isinstance(arguments.get("group_size"), int):
            block = [1, arguments["group_size"]]
    valid = isinstance(block, list) and len(block) == 2
    if not valid or not all(isinstance(n, int) and n > 0 for n in block or []):
        return 0, 0
    assert isinstance(block, list)
    return block[0], block[1]


def _scaled(grid: Grid, kind: str, stored: list[Stored]) -> Stored:
    """Read weights with their scales and zero points in the order of `scaled_weights`."""
    weights, mask = stored[0].values, stored[0].mask
    matrices = weights.reshape(grid.weights)
    side = [as_float32(item.values).reshape(grid.scales) for item in stored[1:]]
    if weights.dtype.kind == "f" and stored[1].values.dtype == np.uint8:
        # Bytes beside 8-bit floats are powers of two (E8M0).
        side[0] = np.ldexp(np.float32(1), side[0].astype(np.int32) - 127).astype(np.float32)
    group_of = np.arange(grid.weights[2]) // grid.block[1]
    made = [
        Codes(
            matrix,
            kind,
            side[0][i],
            group_of,
            grid.block[0],
            side[1][i] if len(side) > 1 else None,
            side_bits=sum(8 * item.values.nbytes for item in stored[1:]),
        )
        for i, matrix in enumerate(matrices)
    ]
    values = np.stack([codes.values() for codes in made]).reshape(weights.shape)
    codes = made[0] if len(made) == 1 and kind else None
    return Stored(values if mask is None else np.where(mask, values, 0), mask, codes)
