"""GPTQ (act-order too) and AWQ: integers packed in 32-bit words, scales and zeros by groups."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.workloads.conventions.bits import words_to_fields, words_to_stream
from f2fsim.workloads.conventions.metadata import whole_number
from f2fsim.workloads.conventions.table import Table, as_float32
from f2fsim.workloads.readers.stored import Codes, Stored

GPTQ = "GPTQ"
AWQ = "AWQ"

#: AWQ's GEMM layout: where in a word the outputs 0 … 7 lie.
_AWQ_PLACES = [0, 4, 1, 5, 2, 6, 3, 7]


def packed_words(table: Table) -> None:
    """Read ``qweight`` with ``qzeros`` and ``scales``: GPTQ packs inputs in a word, AWQ outputs."""
    for name, base, _ in table.ending(".qweight"):
        scale, zero, order = base + ".scales", base + ".qzeros", base + ".g_idx"
        if scale not in table.entries or zero not in table.entries:
            if table.entries[name].dtype != "I32":
                continue
            raise table.error(GPTQ, name, f"has no {scale!r} and {zero!r} beside it")
        words, scales = table.entries[name].shape, table.entries[scale].shape
        if len(words) != 2 or len(scales) != 2 or len(table.entries[zero].shape) != 2:
            raise table.error(GPTQ, name, f"has shape {words}, its scales {scales}")
        method = str(table.config.get("quant_method", "")).lower()
        is_awq = method == "awq" or (method != "gptq" and words[1] != scales[1])
        taken = [name, scale, zero]
        if is_awq:
            _awq(table, base, taken)
        else:
            _gptq(table, base, taken + ([order] if order in table.entries else []))


def _gptq(table: Table, base: str, taken: list[str]) -> None:
    words, scales = table.entries[taken[0]].shape, table.entries[taken[1]].shape
    n_bits = whole_number(table.config, "bits") or _bits(table, taken, words[0])
    n_in, n_out = words[0] * 32 // n_bits, words[1]
    groups, packed = table.entries[taken[2]].shape
    fits = n_bits in (2, 3, 4, 8) and scales == (groups, n_out) and groups > 0
    if not fits or packed * 32 != n_out * n_bits:
        what = f"has shape {words} at {n_bits} bits, scales {scales}, zeros {groups, packed}"
        raise table.error(GPTQ, taken[0], what)
    if len(taken) > 3 and table.entries[taken[3]].shape != (n_in,):
        what = f"has shape {table.entries[taken[3]].shape}, the weights have {n_in} inputs"
        raise table.error(GPTQ, taken[3], what)
    if len(taken) > 3:
        table.check(taken[3], partial(_groups, table, taken[3], groups))
    add = 0 if table.config.get("checkpoint_format") == "gptq_v2" else 1
    read = partial(_read_gptq, table, taken, n_bits, (n_out, n_in), add)
    table.combine(base + ".weight", taken, (n_out, n_in), GPTQ, read, "F32")


def _bits(table: Table, taken: list[str], n_words: int) -> int:
    """Return the bits of a code from the companions: one group index a code, or equal packing."""
    if len(taken) > 3:
        n_in = table.entries[taken[3]].shape[0]
        if n_in and n_words * 32 % n_in == 0:
            return n_words * 32 // n_in
    n_out, packed = table.entries[taken[1]].shape[1], table.entries[taken[2]].shape[1]
    if n_out and packed * 32 % n_out == 0:
        return packed * 32 // n_out
    raise table.error(GPTQ, taken[0], "has companions that fit no number of bits")


def _read_gptq(
    table: Table,
    taken: list[str],
    n_bits: int,
    shape: tuple[int, int],
    add: int,
    stored: list[Stored],
) -> Stored:
    """Return (code - zero) · scale; the first form of the format stores zeros less one."""
    words, scales, packed = (item.values for item in stored[:3])
    n_out, n_in = shape
    n_groups = scales.shape[0]
    codes = words_to_stream(np.ascontiguousarray(words.T), n_bits, n_in)
    zeros = words_to_stream(packed, n_bits, n_out).astype(np.int64) + add
    zeros &= 2**n_bits - 1
    group_of = np.arange(n_in) // -(-n_in // n_groups)
    if len(stored) > 3:
        group_of = _groups(table, taken[3], n_groups, stored[3].values)
    return _with_groups(codes, n_bits, scales, zeros, group_of, stored)


def _groups(table: Table, name: str, n_groups: int, index: NDArray[Any]) -> NDArray[np.intp]:
    """Return the group of each input."""
    if index.min(initial=0) < 0 or index.max(initial=0) >= n_groups:
        raise table.error(GPTQ, name, f"names a group outside 0 to {n_groups - 1}")
    return index.astype(np.intp)


def _with_groups(
    codes: NDArray[np.uint8],
    n_bits: int,
    scales: NDArray[Any],
    zeros: NDArray[np.int64],
    group_of: NDArray[np.intp],
    stored: list[Stored],
) -> Stored:
    side = sum(8 * item.values.nbytes for item in stored[1:])
    rows, own = as_float32(scales.T), as_float32(zeros.T)
    made = Codes(codes, f"uint{n_bits}", rows, group_of, zeros=own, side_bits=side)
    return Stored(made.values(), codes=made if n_bits in (4, 8) else None)


def _awq(table: Table, base: str, taken: list[str]) -> None:
    version = str(table.config.get("version", "gemm")).lower()
    if version != "gemm":
        table.refuse(taken[0], f"{AWQ}: the {version!r} packing is not read, only 'gemm'")
        for other in taken[1:]:
            table.leave_out(other, f"{AWQ}: belongs to {taken[0]}")
        return
    words, scales = table.entries[taken[0]].shape, table.entries[taken[1]].shape
    n_in, n_out = words[0], words[1] * 8
    zeros = table.entries[taken[2]].shape
    fits = scales[1:] == (n_out,) and zeros == (scales[0], words[1]) and scales[0] > 0
    if not fits or n_in % scales[0]:
        what = f"has shape {words}, scales {scales}, zeros {zeros}: no 4-bit packing"
        raise table.error(AWQ, taken[0], what)
    table.combine(
        base + ".weight", taken, (n_out, n_in), AWQ, partial(_read_awq, n_out, n_in), "F32"
    )


def _read_awq(n_out: int, n_in: int, stored: list[Stored]) -> Stored:
    words, scales, packed = (item.values for item in stored)

    def outputs(array: NDArray[Any]) -> NDArray[np.uint8]:
        fields = words_to_fields(array, 4, n_out).reshape(array.shape[0], -1, 8)
        return fields[:, :, _AWQ_PLACES].reshape(array.shape[0], n_out)

    codes = np.ascontiguousarray(outputs(words).T)
    group_of = np.arange(n_in) // (n_in // scales.shape[0])
    return _with_groups(codes, 4, scales, outputs(packed).astype(np.int64), group_of, stored)
