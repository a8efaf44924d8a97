"""Mask codes of run lengths: ``zero_runs`` in fields of k bits, ``rice`` in Rice's code."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from f2fsim.bits import n_bytes_of
from f2fsim.codec import _mask_words
from f2fsim.codec.base import BitStream
from f2fsim.codec.mask_code import BoolArray, EncodedMask, MaskShape, check_params, zero_gaps
from f2fsim.codec.streams import check_tail, pack_equal, unit_sums, unpack_equal
from f2fsim.errors import DataError

#: Widest field of ``zero_runs``.
MAX_RUN_BITS = 16
#: Most low bits of a ``rice`` word.
MAX_RICE_BITS = 24


class ZeroRunMask:
    """``zero_runs``: fields of ``run_bits`` = k bits.

    A field r < 2**k - 1 stands for r pruned weights and then a kept one; the field 2**k - 1 is
    the escape, 2**k - 1 pruned weights and no kept one.  Pruned weights after the last kept one
    are not stored.  With k = 1 this is the inverted raw mask.
    """

    @staticmethod
    def fit(mask: BoolArray, shape: MaskShape | None = None) -> tuple[dict[str, int], int]:
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
        check_params(params, {"run_bits": (1, MAX_RUN_BITS)})

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


class RiceMask:
    """``rice``: the pruned weights before each kept one in Rice's code (Rice 1979).

    A run of r pruned weights and then a kept one is ``r >> k`` ones, a zero, and the ``low_bits``
    = k low bits of r.  Pruned weights after the last kept one are not stored.  Words vary in
    length, so the decoder needs a shifter; it makes a kept weight a word, as ``zero_runs``
    nearly does.
    """

    @staticmethod
    def fit(mask: BoolArray, shape: MaskShape | None = None) -> tuple[dict[str, int], int]:
        """Return the ``low_bits`` of fewest bits (the smallest of equals) and the bits."""
        gaps = zero_gaps(mask)
        sizes = {k: int((gaps >> k).sum()) + gaps.size * (1 + k) for k in range(MAX_RICE_BITS + 1)}
        best = min(sizes, key=lambda k: sizes[k])
        return {"low_bits": best}, sizes[best]

    @staticmethod
    def check(params: Mapping[str, int]) -> None:
        """Refuse a ``low_bits`` that is missing or not 0 to 24, and other parameters."""
        check_params(params, {"low_bits": (0, MAX_RICE_BITS)})

    @staticmethod
    def encode(mask: BoolArray, params: Mapping[str, int], unit: int) -> EncodedMask:
        """Encode `mask` with ``params["low_bits"]`` low bits."""
        k = params["low_bits"]
        gaps = zero_gaps(mask)
        widths = (gaps >> k) + 1 + k
        n_bits = int(widths.sum())
        out = np.zeros(n_bytes_of(n_bits), dtype=np.uint8)
        _mask_words.write_rice(gaps, k, out)
        first = np.cumsum(gaps + 1) - gaps - 1
        n_units = -(-int(mask.shape[0]) // unit)
        return EncodedMask(
            "rice",
            {"low_bits": k},
            BitStream(out, n_bits),
            unit_sums(first // unit, n_units, widths),
            unit_sums(first // unit, n_units),
        )

    @staticmethod
    def decode(stream: BitStream, n: int, params: Mapping[str, int]) -> BoolArray:
        """Return the mask of `n` weights."""
        check_tail(stream, "rice mask")
        mask = np.zeros(n, dtype=np.uint8)
        data = np.ascontiguousarray(stream.data)
        if not _mask_words.read_rice(data, stream.n_bits, params["low_bits"], mask):
            raise DataError(f"rice mask: runs do not fit {n} weights")
        return mask.view(np.bool_)
