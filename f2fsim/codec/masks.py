"""Mask codes: a one-dimensional mask, already in block order, as an exact bit stream.

Three codes share one interface (`encode_mask`, `decode_mask`): ``raw`` (a bit a weight),
``zero_runs`` (fields of k bits) and ``block`` (a fixed-rate block code with escapes, see
`f2fsim.codec.block_code`).  Each tells the bits and the code words that every unit of the
timing model consumes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.base import BitStream, IntArray
from f2fsim.codec.streams import (
    pack_bools,
    pack_equal,
    unit_sizes,
    unit_sums,
    unpack_bools,
    unpack_equal,
)
from f2fsim.errors import DataError, InputError, choices, near_miss

#: Widest field of ``zero_runs``.
MAX_RUN_BITS = 16

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class EncodedMask:
    """A mask in one code.

    Attributes
    ----------
    code : str
        Name of the code, one of `MASK_CODES`.
    params : mapping of str to int
        What decoding needs beside the stream and the number of weights.
    stream : BitStream
        The code words one after another.
    unit_bits : ndarray of int64, shape (n_units,)
        Bits that each unit of weights adds; sums to ``stream.n_bits``.  A code word belongs to
        the unit of the first position it describes: that unit cannot be made without it.
    unit_symbols : ndarray of int64, shape (n_units,)
        Code words that a mask unit decodes for each unit of weights (raw: one a unit).
    """

    code: str
    params: Mapping[str, int]
    stream: BitStream
    unit_bits: IntArray
    unit_symbols: IntArray


class RawMask:
    """``raw``: bit *i* says whether weight *i* is kept."""

    @staticmethod
    def fit(mask: BoolArray) -> tuple[dict[str, int], int]:
        """Return no parameters and the exact number of bits."""
        return {}, int(mask.shape[0])

    @staticmethod
    def check(params: Mapping[str, int]) -> None:
        """Refuse any parameter."""
        _check_keys(params, {})

    @staticmethod
    def encode(mask: BoolArray, params: Mapping[str, int], unit: int) -> EncodedMask:
        """Encode `mask`."""
        sizes = unit_sizes(int(mask.shape[0]), unit)
        return EncodedMask("raw", {}, pack_bools(mask), sizes, np.ones_like(sizes))

    @staticmethod
    def decode(stream: BitStream, n: int, params: Mapping[str, int]) -> BoolArray:
        """Return the mask of `n` weights."""
        if stream.n_bits != n:
            raise DataError(f"raw mask: {stream.n_bits} bits for {n} weights")
        return unpack_bools(stream, "raw mask")


class ZeroRunMask:
    """``zero_runs``: fields of ``run_bits`` = k bits.

    A field r < 2**k - 1 stands for r pruned weights and then a kept one; the field 2**k - 1 is
    the escape, 2**k - 1 pruned weights and no kept one.  Pruned weights after the last kept one
    are not stored.  With k = 1 this is the inverted raw mask.
    """

    @staticmethod
    def fit(mask: BoolArray) -> tuple[dict[str, int], int]:
        """Return the ``run_bits`` of fewest bits (the smallest of equals) and the bits."""
        gaps = zero_gaps(mask)
        counts = np.bincount(gaps) if gaps.size else np.zeros(1, dtype=np.int64)
        lengths = np.arange(counts.shape[0])
        sizes = {
            k: k * int(gaps.size + (counts * (lengths // (2**k - 1))).sum())
            for k in range(1, MAX_RUN_BITS + 1)
        }
        best = min(sizes, key=lambda k: sizes[k])
        return {"run_bits": best}, sizes[best]

    @staticmethod
    def check(params: Mapping[str, int]) -> None:
        """Refuse a ``run_bits`` that is missing or not 1 to 16, and other parameters."""
        _check_keys(params, {"run_bits": (1, MAX_RUN_BITS)})

    @staticmethod
    def encode(mask: BoolArray, params: Mapping[str, int], unit: int) -> EncodedMask:
        """Encode `mask` in fields of ``params["run_bits"]`` bits."""
        k = params["run_bits"]
        escape = 2**k - 1
        n_escapes, rest = np.divmod(zero_gaps(mask), escape)
        fields = np.full(n_escapes.size + int(n_escapes.sum()), escape, dtype=np.int64)
        fields[np.cumsum(n_escapes + 1) - 1] = rest
        covered = np.minimum(fields + 1, escape)
        first = np.cumsum(covered) - covered
        n_units = -(-int(mask.shape[0]) // unit)
        symbols = unit_sums(first // unit, n_units)
        return EncodedMask(
            "zero_runs", {"run_bits": k}, pack_equal(fields, k), symbols * k, symbols
        )

    @staticmethod
    def decode(stream: BitStream, n: int, params: Mapping[str, int]) -> BoolArray:
        """Return the mask of `n` weights."""
        k = params["run_bits"]
        fields = unpack_equal(stream, k, "zero-run mask").astype(np.int64)
        escape = 2**k - 1
        ends = np.cumsum(np.minimum(fields + 1, escape))
        if ends.size and (int(ends[-1]) > n or int(fields[-1]) == escape):
            raise DataError(f"zero-run mask: runs do not fit {n} weights")
        mask = np.zeros(n, dtype=np.bool_)
        mask[ends[fields != escape] - 1] = True
        return mask


#: Mask codes by name.
MASK_CODES: dict[str, type[RawMask] | type[ZeroRunMask]] = {
    "raw": RawMask,
    "zero_runs": ZeroRunMask,
}


def zero_gaps(mask: BoolArray) -> IntArray:
    """Return the number of pruned weights right before each kept one."""
    return np.diff(np.flatnonzero(mask), prepend=-1).astype(np.int64) - 1


def fit_mask(mask: BoolArray, code: str = "auto") -> tuple[str, dict[str, int], int]:
    """Choose the code and parameters of fewest bits without encoding.

    Parameters
    ----------
    mask : ndarray of bool, shape (n,)
        The mask in block order.
    code : str
        A name in `MASK_CODES`, or ``auto`` for the best of all.

    Returns
    -------
    code : str
    params : dict of str to int
    n_bits : int
        Exact bits of the stream that `encode_mask` makes with them.
    """
    names = MASK_CODES if code == "auto" else {check_mask_code(code)}
    fitted = [(name, *MASK_CODES[name].fit(mask)) for name in names]
    return min(fitted, key=lambda choice: choice[2])


def encode_mask(
    mask: BoolArray, code: str = "auto", *, unit: int, params: Mapping[str, int] | None = None
) -> EncodedMask:
    """Encode a one-dimensional mask.

    Parameters
    ----------
    mask : ndarray of bool, shape (n,)
        The mask in block order, True where a weight is kept.
    code : str
        A name in `MASK_CODES`, or ``auto`` for the one of fewest bits.
    unit : int
        Weights of a work unit (``n_out`` for F2F).
    params : mapping, optional
        Parameters of the code; by default those of fewest bits.

    Raises
    ------
    InputError
        If the code is unknown or a parameter is not allowed.
    """
    if code == "auto" and params:
        raise InputError("mask code 'auto' takes no parameters")
    if params is None or code == "auto":
        code, params, _ = fit_mask(mask, code)
    chosen = MASK_CODES[check_mask_code(code)]
    chosen.check(params)
    return chosen.encode(mask, params, unit)


def decode_mask(stream: BitStream, n: int, code: str, params: Mapping[str, Any]) -> BoolArray:
    """Return the mask of `n` weights; `DataError` if stream, code or parameters are damaged."""
    try:
        chosen = MASK_CODES[check_mask_code(code)]
        chosen.check(params)
    except InputError as error:
        raise DataError(str(error)) from None
    return chosen.decode(stream, n, params)


def check_mask_code(code: str) -> str:
    """Return `code` if it is known; `InputError` lists the choices."""
    if not isinstance(code, str) or code not in MASK_CODES:
        raise InputError(
            f"unknown mask code {code!r}{near_miss(str(code), MASK_CODES)}; "
            f"known: {choices(MASK_CODES)}, auto"
        )
    return code


def _check_keys(params: Mapping[str, int], ranges: Mapping[str, tuple[int, int]]) -> None:
    if set(params) != set(ranges):
        raise InputError(f"mask code: parameters must be {sorted(ranges)}, got {sorted(params)}")
    for key, (low, high) in ranges.items():
        value = params[key]
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise InputError(f"mask code: {key} must be {low} to {high}, got {value!r}")
