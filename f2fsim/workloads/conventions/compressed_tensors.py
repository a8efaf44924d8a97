"""compressed-tensors: bit masks, 2:4 bit masks, packed integers and floats."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from f2fsim.workloads.conventions.bits import (
    FP4_VALUES,
    FP6_VALUES,
    bit_rows,
    nibbles,
    six_bits,
    words_to_fields,
    words_to_stream,
)
from f2fsim.workloads.conventions.metadata import weight_arguments, whole_number
from f2fsim.workloads.conventions.table import MAX_ELEMENTS, Table, as_float32
from f2fsim.workloads.readers.stored import Codes, Stored

BITMASK = "compressed-tensors sparse-bitmask"
BITMASK_24 = "compressed-tensors sparse-24-bitmask"
PACKED = "compressed-tensors pack-quantized"
PACKED_FLOATS = "compressed-tensors packed floats"


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
        n_values = math.prod(table.entries[name].shape)
        check = partial(_mask_of, table, convention, name, shape[1], n_values)
        table.check(mask, check)
        target = base if base.endswith("weight") else base + ".weight"
        read = partial(_spread, table, convention, name, shape)
        table.combine(target, taken, shape, convention, read)


def _spread(
    table: Table, convention: str, name: str, shape: tuple[int, ...], stored: list[Stored]
) -> Stored:
    """Put the stored values where the mask has ones."""
    values, packed = stored[0].values, stored[1].values
    mask = _mask_of(table, convention, name, shape[1], values.size, packed)
    dense = np.zeros(shape, dtype=values.dtype)
    dense[mask] = values.ravel()
    return Stored(dense, mask)


def _mask_of(
    table: Table,
    convention: str,
    name: str,
    n_columns: int,
    n_values: int,
    packed: NDArray[np.generic],
) -> NDArray[np.bool_]:
    """Return a packed mask, which has a one for each stored value."""
    mask = bit_rows(packed, n_columns)
    if np.count_nonzero(mask) != n_values:
        what = f"has {n_values} values, its mask {np.count_nonzero(mask)} ones"
        raise table.error(convention, name, what)
    return mask


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
        words = table.entries[name].shape
        if not 2 <= len(shape) <= 3 or words[:-1] != shape[:-1]:
            raise table.error(PACKED, name, f"has shape {words}, the weights are {shape}")
        extra = [base + "_zero_point", base + "_g_idx"]
        given = [item for item in extra if item in table.entries]
        _check_scales(table, name, table.entries[scale].shape, shape)
        read = partial(_unpacked, table, name, shape, _packing(table, name, shape, words), given)
        table.combine(base, [name, scale, shape_name, *given], shape, PACKED, read, "F32")


#: Minor versions seen to fill words with whole codes, and to let codes lie across two words.
_WORDS_UNTIL, _DENSE_FROM = 12, 20


@dataclass(frozen=True)
class _Packing:
    """Bits of a code, and whether codes may lie across two words (version 0.20 and later)."""

    n_bits: int
    dense: bool

    def fields(self, words: NDArray[np.generic], n: int) -> NDArray[np.int16]:
        """Return `n` signed codes of each row of words."""
        cut = words_to_stream if self.dense else words_to_fields
        return cut(words, self.n_bits, n).astype(np.int16) - (1 << (self.n_bits - 1))

    def n_words(self, n: int) -> int:
        """Return the words of a row of `n` codes."""
        return -(-n * self.n_bits // 32) if self.dense else -(-n // (32 // self.n_bits))


def _packing(table: Table, name: str, shape: tuple[int, ...], words: tuple[int, ...]) -> _Packing:
    """Return how codes lie in words: by the metadata's bits, otherwise 4 or 8, and their number."""
    declared = whole_number(weight_arguments(table.config), "num_bits")
    known = [declared] if declared is not None and 1 <= declared <= 8 else [4, 8]
    forms = [_Packing(n_bits, dense) for n_bits in known for dense in _layouts(table)]
    fits = [form for form in forms if form.n_words(shape[-1]) == words[-1]]
    # Both layouts are one where a whole number of codes fills a word, or one word holds all.
    same = [f for f in fits if 32 % f.n_bits == 0 or shape[-1] <= 32 // f.n_bits]
    if fits and len({form.n_bits for form in fits}) == 1 and (same or len(fits) == 1):
        return fits[0]
    said = f"{declared} bits a weight" if declared else "whatever its bits"
    what = f"has {words[-1]} words for {shape[-1]} weights, {said}: its layout is not known"
    raise table.error(PACKED, name, what)


def _layouts(table: Table) -> tuple[bool, ...]:
    """Return the layouts that the version named in the metadata may have written."""
    found = re.match(r"0\.(\d+)", str(table.config.get("version", "")))
    if found is None or _WORDS_UNTIL < int(found[1]) < _DENSE_FROM:
        return True, False
    return (int(found[1]) >= _DENSE_FROM,)


def _check_scales(table: Table, name: str, found: tuple[int, ...], shape: tuple[int, ...]) -> None:
    """Refuse scales that are not one in all, one a row, or one a group of each row."""
    whole = math.prod(found) == 1
    rows = found in (shape[:-1], (*shape[:-1], 1))
    groups = len(found) == len(shape) and found[:-1] == shape[:-1] and found[-1] > 0
    if not whole and not rows and not (groups and shape[-1] % found[-1] == 0):
        raise table.error(PACKED, name, f"has scales of {found} for weights of {shape}")


def _unpacked(
    table: Table,
    name: str,
    shape: tuple[int, ...],
    packing: _Packing,
    given: list[str],
    stored: list[Stored],
) -> Stored:
    n_rows, n_columns = math.prod(shape[:-1]), shape[-1]
    words = stored[0].values.reshape(n_rows, -1)
    codes = packing.fields(words, n_columns).astype(np.int8)
    scales = as_float32(stored[1].values)
    scales = scales.reshape(-1, scales.shape[-1] if scales.ndim > 1 else 1)
    n_groups = scales.shape[1]
    zeros, group_of = None, np.arange(n_columns) // -(-n_columns // n_groups)
    for item, part in zip(given, stored[3:], strict=True):
        if item.endswith("_g_idx"):
            group_of = _column_groups(table, item, part, group_of, n_groups)
        else:
            zeros = _zero_points(table, item, part, packing, (*shape[:-1], n_groups))
    side = sum(8 * part.values.nbytes for part in (stored[1], *stored[3:]))
    kind = f"int{packing.n_bits}"
    made = Codes(codes, kind, scales, group_of, n_rows // scales.shape[0], zeros, side_bits=side)
    whole = made if packing.n_bits in (4, 8) and len(shape) == 2 else None
    return Stored(made.values().reshape(shape), codes=whole)


def _column_groups(
    table: Table, name: str, part: Stored, runs: NDArray[np.intp], n_groups: int
) -> NDArray[np.intp]:
    """Return the group of each column as act-order stored it; -1 everywhere means equal runs."""
    index = part.values.ravel()
    if index.size != runs.size or index.max(initial=0) >= n_groups:
        raise table.error(PACKED, name, f"does not name one of {n_groups} groups a column")
    return index.astype(np.intp) if index.min(initial=0) >= 0 else runs


def _zero_points(
    table: Table, name: str, part: Stored, packing: _Packing, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Return zero points of all rows, which are packed along the rows, or plain int8."""
    array = part.values
    n_groups = shape[-1]
    if array.shape == shape:
        return as_float32(array).reshape(-1, n_groups)
    if array.shape != (*shape[:-2], packing.n_words(shape[-2]), n_groups):
        raise table.error(PACKED, name, f"has shape {array.shape}, the scales {shape}")
    slices = array.reshape(-1, *array.shape[-2:])
    turned = [packing.fields(np.ascontiguousarray(one.T), shape[-2]).T for one in slices]
    return as_float32(np.concatenate(turned))


#: Bytes of a group of codes by the kind of its scale: which float is packed, and how wide.
_FLOAT_GROUPS = {("U8", 16): 4, ("F8_E8M0", 16): 4, ("U8", 24): 6, ("F8_E8M0", 24): 6,
                 ("F8_E4M3", 8): 4}  # fmt: skip


def packed_floats(table: Table) -> None:
    """Read NVFP4 (with a global scale), MXFP4 and MXFP6 (scales are powers of two)."""
    for name, base, _ in table.ending("_packed"):
        scale = base + "_scale"
        packed = table.entries[name].shape
        if table.entries[name].dtype != "U8" or scale not in table.entries or not packed:
            continue
        whole = base + "_global_scale"
        extra = [whole] if whole in table.entries else []
        check_groups(table, PACKED_FLOATS, scale, packed)
        group_bytes = packed[-1] // table.entries[scale].shape[-1]
        n_bits = _FLOAT_GROUPS.get((table.entries[scale].dtype, group_bytes))
        if n_bits is None or base + "_zero_point" in table.entries:
            kind = f"{group_bytes} bytes a {table.entries[scale].dtype} scale"
            raise table.error(PACKED_FLOATS, name, f"is no packed float that is read: {kind}")
        shape = (*packed[:-1], packed[-1] * 8 // n_bits)
        powers = table.entries[scale].dtype == "U8"
        read = partial(float_values_of, n_bits=n_bits, powers=powers, divide=True)
        table.combine(base, [name, scale, *extra], shape, PACKED_FLOATS, read, "F32")


def check_groups(table: Table, convention: str, scale: str, shape: tuple[int, ...]) -> None:
    """Refuse scales that are not one for each of equal groups of a row."""
    found = table.entries[scale].shape
    fits = len(found) == len(shape) and found[:-1] == shape[:-1]
    if not fits or found[-1] == 0 or shape[-1] % found[-1]:
        raise table.error(convention, scale, f"has shape {found}, the weights are {shape}")


def float_values_of(stored: list[Stored], *, n_bits: int, powers: bool, divide: bool) -> Stored:
    """Return packed 4 or 6-bit floats times their group's scale and the global one.

    Parameters
    ----------
    stored : list of Stored
        Packed codes, the lowest bits first, scales, and maybe a global scale.
    n_bits : int
        4 (E2M1) or 6 (E2M3).
    powers : bool
        Whether a scale s means 2^(s - 127) (E8M0).
    divide : bool
        Whether the global scale divides (compressed-tensors) or multiplies (ModelOpt).
    """
    packed = stored[0].values
    codes = FP4_VALUES[nibbles(packed)] if n_bits == 4 else FP6_VALUES[six_bits(packed)]
    scales = stored[1].values
    real = np.ldexp(np.float32(1), scales.astype(np.int32) - 127) if powers else scales
    real = as_float32(real)
    if len(stored) > 2:
        whole = as_float32(stored[2].values).reshape(())
        real = real / whole if divide else real * whole
    return Stored(codes * np.repeat(real, codes.shape[-1] // real.shape[-1], axis=-1))
