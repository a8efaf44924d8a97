"""compressed-tensors: bit masks, 2:4 bit masks, packed integers, packed FP4."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from f2fsim.workloads.conventions.bits import FP4_VALUES, bit_rows, nibbles, words_to_fields
from f2fsim.workloads.conventions.metadata import weight_arguments, whole_number
from f2fsim.workloads.conventions.table import MAX_ELEMENTS, Table, as_float32
from f2fsim.workloads.readers.stored import Codes, Stored

BITMASK = "compressed-tensors sparse-bitmask"
BITMASK_24 = "compressed-tensors sparse-24-bitmask"
PACKED = "compressed-tensors pack-quantized"
PACKED_FP4 = "compressed-tensors packed FP4"


def bitmasks(table: Table) -> None:
    """Read values stored without their zeros, beside a bit mask and the shape."""
    for name, base, _ in table.ending(".compressed"):
        mask, shape_name = base + ".bitmask", base + ".shape"
        if mask not in table.entries and shape_name not in table.entries:
            continue
        offsets = base + ".row_offsets"
        two_four = offsets not in table.entries
        convention = BITMASK_24 if two_four else BITMASK
        for other in (mask, shape_name):
            if other not in table.entries:
                raise table.error(convention, name, f"has no {other!r} beside it")
        shape = declared_shape(table, convention, shape_name)
        packed = table.entries[mask].shape
        if len(shape) != 2 or packed != (shape[0], -(-shape[1] // 8)):
            raise table.error(convention, mask, f"has shape {packed}, the weights are {shape}")
        if two_four and math.prod(table.entries[name].shape) * 2 != math.prod(shape):
            what = f"has shape {table.entries[name].shape}, half of {shape} is needed"
            raise table.error(convention, name, what)
        taken = [name, mask, shape_name] + ([] if two_four else [offsets])
        target = base if base.endswith("weight") else base + ".weight"
        read = partial(_spread, table, convention, name, shape)
        table.combine(target, taken, shape, convention, read)


def _spread(
    table: Table, convention: str, name: str, shape: tuple[int, ...], stored: list[Stored]
) -> Stored:
    """Put the stored values where the mask has ones."""
    values, packed = stored[0].values, stored[1].values
    mask = bit_rows(packed, shape[1])
    if np.count_nonzero(mask) != values.size:
        what = f"has {values.size} values, its mask {np.count_nonzero(mask)} ones"
        raise table.error(convention, name, what)
    dense = np.zeros(shape, dtype=values.dtype)
    dense[mask] = values.ravel()
    return Stored(dense, mask)


def declared_shape(table: Table, convention: str, name: str) -> tuple[int, ...]:
    """Return the shape that a small integer tensor declares."""
    entry = table.entries[name]
    if math.prod(entry.shape) > 8:
        raise table.error(convention, name, f"has shape {entry.shape}, a shape's sizes are needed")
    shape = tuple(int(n) for n in entry.values().ravel())
    if not shape or min(shape) < 1 or max(shape) > MAX_ELEMENTS or math.prod(shape) > MAX_ELEMENTS:
        raise table.error(convention, name, f"declares the shape {shape}")
    return shape


def packed_integers(table: Table) -> None:
    """Read 1 to 8-bit integers in 32-bit words, scales a row or group, maybe zero points."""
    for name, base, _ in table.ending("_packed"):
        scale, shape_name = base + "_scale", base + "_shape"
        if shape_name not in table.entries:
            continue
        if scale not in table.entries:
            raise table.error(PACKED, name, f"has no {scale!r} beside it")
        shape = declared_shape(table, PACKED, shape_name)
        n_words = table.entries[name].shape
        if len(shape) != 2 or len(n_words) != 2 or n_words[0] != shape[0]:
            raise table.error(PACKED, name, f"has shape {n_words}, the weights are {shape}")
        n_bits = _bits(table, name, shape[1], n_words[1])
        extra = [base + "_zero_point", base + "_g_idx"]
        given = [item for item in extra if item in table.entries]
        read = partial(_unpacked, table, name, shape, n_bits, given)
        table.combine(base, [name, scale, shape_name, *given], shape, PACKED, read, "F32")


def _bits(table: Table, name: str, n_columns: int, n_words: int) -> int:
    """Return the bits of a code: as the metadata say, otherwise as the number of words does."""
    declared = whole_number(weight_arguments(table.config), "num_bits")
    fits = [b for b in range(1, 9) if -(-n_columns // (32 // b)) == n_words]
    if declared is not None and declared in fits:
        return declared
    usual = [b for b in fits if b in (4, 8)]
    if declared is None and len(usual) == 1:
        return usual[0]
    said = f"{declared} bits a weight" if declared else "whatever its bits"
    raise table.error(PACKED, name, f"has {n_words} words for {n_columns} weights, {said}")


def _unpacked(
    table: Table,
    name: str,
    shape: tuple[int, ...],
    n_bits: int,
    given: list[str],
    stored: list[Stored],
) -> Stored:
    n_rows, n_columns = shape
    half = 1 << (n_bits - 1)
    codes = words_to_fields(stored[0].values, n_bits, n_columns).astype(np.int16) - half
    scales = as_float32(stored[1].values)
    scales = scales.reshape(-1, 1) if scales.ndim < 2 else scales
    if scales.ndim != 2 or scales.shape[0] not in (1, n_rows) or not scales.size:
        raise table.error(PACKED, name, f"has scales of shape {scales.shape} for weights {shape}")
    n_groups = scales.shape[1]
    zeros, group_of = None, np.arange(n_columns) // -(-n_columns // n_groups)
    for item, part in zip(given, stored[3:], strict=True):
        if item.endswith("_g_idx"):
            index = part.values.ravel()
            if index.size != n_columns or index.max(initial=0) >= n_groups:
                raise table.error(PACKED, item, f"does not name one of {n_groups} groups a column")
            if index.min(initial=0) >= 0:
                group_of = index.astype(np.intp)
        else:
            zeros = _zero_points(table, item, part, n_bits, (n_rows, n_groups))
    side = sum(8 * part.values.nbytes for part in (stored[1], *stored[3:]))
    rows = -(-n_rows // scales.shape[0])
    made = Codes(codes.astype(np.int8), f"int{n_bits}", scales, group_of, rows, zeros, None, side)
    return Stored(made.values(), codes=made if n_bits in (4, 8) else None)


def _zero_points(
    table: Table, name: str, part: Stored, n_bits: int, shape: tuple[int, int]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return zero points, which are packed along the rows, or plain int8."""
    array = part.values
    if array.shape == shape:
        return as_float32(array)
    if array.ndim != 2 or array.shape != (-(-shape[0] // (32 // n_bits)), shape[1]):
        raise table.error(PACKED, name, f"has shape {array.shape}, the scales {shape}")
    fields = words_to_fields(np.ascontiguousarray(array.T), n_bits, shape[0])
    return as_float32(fields.T.astype(np.int16) - (1 << (n_bits - 1)))


def packed_fp4(table: Table) -> None:
    """Read NVFP4 (with a global scale) and MXFP4 (scales are powers of two)."""
    for name, base, _ in table.ending("_packed"):
        scale = base + "_scale"
        packed = table.entries[name].shape
        if table.entries[name].dtype != "U8" or scale not in table.entries or len(packed) != 2:
            continue
        whole = base + "_global_scale"
        extra = [whole] if whole in table.entries else []
        shape = (packed[0], packed[1] * 2)
        check_groups(table, PACKED_FP4, scale, shape)
        powers = table.entries[scale].dtype == "U8"
        if powers and extra:
            raise table.error(PACKED_FP4, whole, "lies beside scales that are powers of two")
        read = partial(fp4_values, powers=powers, divide=True)
        table.combine(base, [name, scale, *extra], shape, PACKED_FP4, read, "F32")


def check_groups(table: Table, convention: str, scale: str, shape: tuple[int, ...]) -> None:
    """Refuse scales that are not one for each of equal groups of a row."""
    found = table.entries[scale].shape
    fits = len(found) == len(shape) and found[:-1] == shape[:-1]
    if not fits or found[-1] == 0 or shape[-1] % found[-1]:
        raise table.error(convention, scale, f"has shape {found}, the weights are {shape}")


def fp4_values(stored: list[Stored], *, powers: bool, divide: bool) -> Stored:
    """Return FP4 codes, the low nibble first, times their group's scale and the global one.

    Parameters
    ----------
    stored : list of Stored
        Packed codes, scales, and maybe a global scale.
    powers : bool
        Whether a scale s means 2^(s - 127) (E8M0).
    divide : bool
        Whether the global scale divides (compressed-tensors) or multiplies (ModelOpt).
    """
    codes = FP4_VALUES[nibbles(stored[0].values)]
    scales = stored[1].values
    real = np.ldexp(np.float32(1), scales.astype(np.int32) - 127) if powers else scales
    real = as_float32(real)
    if len(stored) > 2:
        whole = as_float32(stored[2].values).reshape(())
        real = real / whole if divide else real * whole
    return Stored(codes * np.repeat(real, codes.shape[-1] // real.shape[-1], axis=-1))
