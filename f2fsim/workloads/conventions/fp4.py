"""MXFP4 in blocks (GPT-OSS) and ModelOpt's NVFP4."""

from __future__ import annotations

import math
from functools import partial

from f2fsim.workloads.conventions.compressed_tensors import check_groups, float_values_of
from f2fsim.workloads.conventions.table import Table
from f2fsim.workloads.readers.stored import Stored

MXFP4 = "MXFP4 blocks"
NVFP4 = "NVFP4 (ModelOpt)"


def mxfp4_blocks(table: Table) -> None:
    """Read ``X_blocks`` (…, groups, 16 bytes) with ``X_scales``: a power of two a group."""
    for name, base, _ in table.ending("_blocks"):
        scale, found = base + "_scales", table.entries[name].shape
        if scale not in table.entries:
            if table.entries[name].dtype == "U8":
                raise table.error(MXFP4, name, f"has no {scale!r} beside it")
            continue
        if table.entries[scale].shape != found[:-1] or len(found) < 3:
            raise table.error(MXFP4, scale, f"has shape {table.entries[scale].shape} for {found}")
        shape = (*found[:-2], found[-2] * found[-1] * 2)
        table.combine(base, [name, scale], shape, MXFP4, partial(_blocks, shape), "F32")


def _blocks(shape: tuple[int, ...], stored: list[Stored]) -> Stored:
    groups = stored[1].values
    flat = Stored(stored[0].values.reshape(*groups.shape[:-1], math.prod(shape[-1:]) // 2))
    return float_values_of([flat, stored[1]], n_bits=4, powers=True, divide=True)


def nvfp4_weights(table: Table) -> None:
    """Read ``weight`` (two codes a byte) with ``weight_scale`` and ``weight_scale_2``."""
    for name, base, _ in table.ending("_scale_2"):
        scale = base + "_scale"
        if base not in table.entries or scale not in table.entries:
            raise table.error(NVFP4, name, f"has no {base!r} with {scale!r} beside it")
        packed = table.entries[base]
        if packed.dtype != "U8":
            raise table.error(NVFP4, base, f"holds {packed.dtype}, bytes of two codes are needed")
        shape = (*packed.shape[:-1], packed.shape[-1] * 2)
        check_groups(table, NVFP4, scale, shape)
        if math.prod(table.entries[name].shape) != 1:
            raise table.error(NVFP4, name, "is one number for all weights")
        read = partial(float_values_of, n_bits=4, powers=False, divide=False)
        table.combine(base, [base, scale, name], shape, NVFP4, read, "F32")
