"""Mask codes: a one-dimensional mask, already in block order, as an exact bit stream.

Five codes share one interface (`encode_mask`, `decode_mask`): ``raw`` (a bit a weight),
``zero_runs`` (fields of k bits), ``rice`` (run lengths in Rice's code), ``block`` (a
fixed-rate block code with escapes) and ``classes`` (run lengths by the density of row and
column).  Each tells the bits and the code words that every unit of
the timing model consumes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.base import BitStream
from f2fsim.codec.block_code import (
    MAX_BLOCK,
    UNIT_BLOCK,
    UNIT_ONES,
    decode_block,
    encode_block,
    fit_block,
)
from f2fsim.codec.class_masks import ClassMask
from f2fsim.codec.mask_code import BoolArray, EncodedMask, MaskCode, MaskShape, check_params
from f2fsim.codec.run_masks import RiceMask, ZeroRunMask
from f2fsim.codec.streams import check_tail, pack_bools, unit_sizes, unit_sums, unpack_bools
from f2fsim.errors import DataError, InputError, choices, in_a_line, near_miss

__all__ = [
    "MASK_CODES",
    "EncodedMask",
    "MaskCode",
    "MaskShape",
    "check_mask_code",
    "decode_mask",
    "decode_packed_mask",
    "encode_mask",
    "fit_mask",
]


class RawMask:
    """``raw``: bit *i* says whether weight *i* is kept."""

    @staticmethod
    def fit(mask: BoolArray, shape: MaskShape | None = None) -> tuple[dict[str, int], int]:
        """Return no parameters and the exact number of bits."""
        return {}, int(mask.shape[0])

    @staticmethod
    def check(params: Mapping[str, int]) -> None:
        """Refuse any parameter."""
        check_params(params, {})

    @staticmethod
    def encode(mask: BoolArray, params: Mapping[str, int], unit: int) -> EncodedMask:
        """Encode `mask`."""
        sizes = unit_sizes(int(mask.shape[0]), unit)
        return EncodedMask("raw", {}, pack_bools(mask), sizes, np.ones_like(sizes))

    @staticmethod
    def decode(stream: BitStream, n: int, params: Mapping[str, int]) -> BoolArray:
        """Return the mask of `n` weights."""
        RawMask.check_length(stream, n)
        return unpack_bools(stream, "raw mask")

    @staticmethod
    def check_length(stream: BitStream, n: int) -> None:
        """Refuse a stream that does not hold `n` flags and nothing else."""
        if stream.n_bits != n:
            raise DataError(f"raw mask: {stream.n_bits} bits for {n} weights")
        check_tail(stream, "raw mask")


class BlockMask:
    """``block``: fixed-rate words of `f2fsim.codec.block_code`, escapes raw."""

    @staticmethod
    def fit(mask: BoolArray, shape: MaskShape | None = None) -> tuple[dict[str, int], int]:
        """Return the parameters of fewest bits and the bits."""
        return fit_block(mask)

    @staticmethod
    def check(params: Mapping[str, int]) -> None:
        """Refuse missing, unknown and impossible parameters."""
        ranges = {
            "block": (1, MAX_BLOCK),
            "max_ones": (0, MAX_BLOCK - 1),
            "inverted": (0, 1),
            "escapes": (0, 1),
        }
        check_params(params, ranges)
        if params["max_ones"] + params["escapes"] > params["block"]:
            raise InputError(
                f"mask code: max_ones must be below block ({params['block']}) with escapes and "
                f"at most block without, got {params['max_ones']}"
            )

    @staticmethod
    def encode(mask: BoolArray, params: Mapping[str, int], unit: int) -> EncodedMask:
        """Encode `mask`."""
        try:
            stream, bits, words = encode_block(mask, params)
        except ValueError as error:
            raise InputError(f"mask code: {error}") from None
        unit_of = np.arange(bits.shape[0]) * params["block"] // unit
        n_units = -(-int(mask.shape[0]) // unit)
        unit_bits = unit_sums(unit_of, n_units, bits)
        return EncodedMask(
            "block", dict(params), stream, unit_bits, unit_sums(unit_of, n_units, words)
        )

    @staticmethod
    def decode(stream: BitStream, n: int, params: Mapping[str, int]) -> BoolArray:
        """Return the mask of `n` weights."""
        check_tail(stream, "block mask")
        return decode_block(stream, n, params)


class UnitBlockMask(BlockMask):
    """``block32``: ``block`` in the words that a machine's mask unit takes; stored as ``block``."""

    @staticmethod
    def fit(mask: BoolArray, shape: MaskShape | None = None) -> tuple[dict[str, int], int]:
        """Return the parameters of fewest bits among those words, and the bits."""
        return fit_block(mask, (UNIT_BLOCK,), UNIT_ONES)


#: Mask codes by name.
MASK_CODES: dict[str, type[MaskCode]] = {
    "raw": RawMask,
    "zero_runs": ZeroRunMask,
    "rice": RiceMask,
    "block": BlockMask,
    "classes": ClassMask,
}

#: Names that stand for a code with fewer parameters to choose from: the code as it is stored.
NARROWED: dict[str, tuple[str, type[MaskCode]]] = {"block32": ("block", UnitBlockMask)}


def fit_mask(
    mask: BoolArray, code: str = "auto", shape: MaskShape | None = None
) -> tuple[str, dict[str, int], int]:
    """Choose the code and parameters of fewest bits without encoding.

    Parameters
    ----------
    mask : ndarray of bool, shape (n,)
        The mask in block order.
    code : str
        A name in `MASK_CODES` or `NARROWED`, or ``auto`` for the best of all.
    shape : MaskShape, optional
        The matrix that the mask runs through, for the code that uses it (``classes``).

    Returns
    -------
    code : str
    params : dict of str to int
    n_bits : int
        Exact bits of the stream that `encode_mask` makes with them.
    """
    tried = MASK_CODES if code == "auto" else dict([_choice(code)])
    fitted: list[tuple[str, dict[str, int], int]] = []
    for name, chosen in tried.items():
        fitted.append((name, *chosen.fit(mask, shape)))
        if not fitted[-1][2]:  # none takes fewer bits than a mask without holes takes in blocks
            break
    return min(fitted, key=lambda choice: choice[2])


def encode_mask(
    mask: BoolArray,
    code: str = "auto",
    *,
    unit: int,
    params: Mapping[str, int] | None = None,
    shape: MaskShape | None = None,
) -> EncodedMask:
    """Encode a one-dimensional mask.

    Parameters
    ----------
    mask : ndarray of bool, shape (n,)
        The mask in block order, True where a weight is kept.
    code : str
        A name in `MASK_CODES` or `NARROWED`, or ``auto`` for the one of fewest bits.
    unit : int
        Weights of a work unit (``n_out`` for F2F).
    params : mapping, optional
        Parameters of the code; by default those of fewest bits.
    shape : MaskShape, optional
        As in `fit_mask`.

    Raises
    ------
    InputError
        If the code is unknown or a parameter is not allowed.
    """
    if code == "auto" and params:
        raise InputError("mask code 'auto' takes no parameters")
    if params is None or code == "auto":
        code, params, _ = fit_mask(mask, code, shape)
    _, chosen = _choice(code)
    chosen.check(params)
    return chosen.encode(mask, params, unit)


def decode_mask(stream: BitStream, n: int, code: str, params: Mapping[str, Any]) -> BoolArray:
    """Return the mask of `n` weights; `DataError` if stream, code or parameters are damaged."""
    return _checked_code(code, params).decode(stream, n, params)


def decode_packed_mask(
    stream: BitStream, n: int, code: str, params: Mapping[str, Any]
) -> NDArray[np.uint8]:
    """Return the mask as `decode_mask` does, a bit a weight, least significant first."""
    chosen = _checked_code(code, params)
    if chosen is RawMask:
        RawMask.check_length(stream, n)
        return stream.data
    return np.packbits(chosen.decode(stream, n, params), bitorder="little")


def _checked_code(code: str, params: Mapping[str, Any]) -> type[MaskCode]:
    try:
        if isinstance(code, str) and code in NARROWED:
            raise InputError(f"mask code {code!r} is no stored code")
        _, chosen = _choice(code)
        chosen.check(params)
    except InputError as error:
        raise DataError(str(error)) from None
    return chosen


def _choice(code: str) -> tuple[str, type[MaskCode]]:
    """Return the code as it is stored, and what chooses its parameters."""
    check_mask_code(code)
    return NARROWED[code] if code in NARROWED else (code, MASK_CODES[code])


def check_mask_code(code: str) -> str:
    """Return `code` if it is known; `InputError` lists the choices."""
    known = (*MASK_CODES, *NARROWED)
    if not isinstance(code, str) or code not in known:
        raise InputError(
            f"unknown mask code {in_a_line(code)}{near_miss(str(code), known)}; "
            f"known: {choices(known)}, auto"
        )
    return code
