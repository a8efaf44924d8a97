"""Kernels of Flax and Keras: their axes are (space, in, out), those of layers (out, in, space)."""

from __future__ import annotations

import re
from functools import partial

import numpy as np

from f2fsim.workloads.conventions.table import Table
from f2fsim.workloads.readers.stored import Stored

KERNELS = "Flax and Keras kernels"
_KERNEL = re.compile(r"^(?P<base>.*[./])?(?P<kind>depthwise_|pointwise_|recurrent_)?kernel(:0)?$")


def kernels(table: Table) -> None:
    """Put the outputs first; a depthwise kernel (space, in, multiplier) has one input channel."""
    for name in list(table.entries):
        found, shape = _KERNEL.match(name), table.entries[name].shape
        if found is None or not 2 <= len(shape) <= 5 or _outputs_first(table, found, shape):
            continue
        depthwise = found["kind"] == "depthwise_"
        if depthwise:
            turned = (shape[-2] * shape[-1], 1, *shape[:-2])
        else:
            turned = (shape[-1], shape[-2], *shape[:-2])
        table.combine(name, [name], turned, KERNELS, partial(_turned, turned, depthwise))


def _outputs_first(table: Table, found: re.Match[str], shape: tuple[int, ...]) -> bool:
    """Whether the bias beside a kernel says that its first axis is the outputs."""
    bias = table.entries.get((found["base"] or "") + "bias" + (found[3] or ""))
    return bias is not None and bias.shape == shape[:1] and shape[0] != shape[-1]


def _turned(shape: tuple[int, ...], depthwise: bool, stored: list[Stored]) -> Stored:
    values = stored[0].values
    if depthwise:
        values = values.reshape(*values.shape[:-2], 1, -1)
    moved = np.moveaxis(values, (-1, -2), (0, 1))
    return Stored(np.ascontiguousarray(moved).reshape(shape))
