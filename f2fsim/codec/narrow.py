"""Formats that store only the bits that vary among the kept weights, as F2F stores only planes.

After magnitude pruning the kept floats share bits: the top ones of the exponent, the low ones of
the mantissa where the values came from a narrower type.  Integers are quantised to use their range
and are stored whole.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.base import EncodedTensor, WeightFormat
from f2fsim.codec.streams import int_param
from f2fsim.codec.tensor import PrunedTensor, WeightType
from f2fsim.errors import DataError

#: Parameters of an encoding: the bits that are stored, and the ones among the others.
VARYING, ONES = "varying_bits", "constant_ones"


@dataclass(frozen=True)
class VaryingBits:
    """Which bits of a kept weight are stored.

    Attributes
    ----------
    weight_type : WeightType
        Type of the weights.
    varying : int
        Bit mask of the stored bits.
    ones : int
        Bit mask of the bits that are 1 in every kept weight.
    """

    weight_type: WeightType
    varying: int
    ones: int

    @property
    def n_bits(self) -> int:
        """Stored bits of a weight."""
        return self.varying.bit_count()

    @property
    def stored_type(self) -> WeightType:
        """The type with the stored bits alone."""
        return replace(self.weight_type, n_bits=self.n_bits)

    @property
    def params(self) -> dict[str, int]:
        """What a decoder needs; nothing if all bits are stored."""
        if self.n_bits == self.weight_type.n_bits:
            return {}
        return {VARYING: self.varying, ONES: self.ones}

    def compact(self, patterns: NDArray[Any]) -> NDArray[Any]:
        """Return patterns of which only the stored bits are left, side by side."""
        if self.n_bits == self.weight_type.n_bits:
            return patterns
        out = np.zeros_like(patterns)
        for low, shift, width in self._runs():
            field = (patterns >> shift) & patterns.dtype.type((1 << width) - 1)
            out |= field << low
        return out

    def widen(self, stored: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[Any]:
        """Return the patterns of compacted ones; those of pruned weights stay 0."""
        if self.n_bits == self.weight_type.n_bits:
            return stored
        out = np.zeros_like(stored)
        for low, shift, width in self._runs():
            field = (stored >> low) & stored.dtype.type((1 << width) - 1)
            out |= field << shift
        out[mask] |= stored.dtype.type(self.ones)
        return out

    def _runs(self) -> list[tuple[int, int, int]]:
        """Return place among the stored bits, place in the weight and length of each run."""
        runs: list[tuple[int, int, int]] = []
        for bit in range(self.weight_type.n_bits):
            if not self.varying >> bit & 1:
                continue
            if runs and runs[-1][1] + runs[-1][2] == bit:
                low, shift, width = runs[-1]
                runs[-1] = (low, shift, width + 1)
            else:
                runs.append((sum(width for _, _, width in runs), bit, 1))
        return runs


def varying_bits(tensor: PrunedTensor) -> VaryingBits:
    """Return the bits that vary among the kept weights; of integers all bits."""
    kind = tensor.weight_type
    every = (1 << kind.n_bits) - 1
    if not kind.is_float or not tensor.n_kept:
        return VaryingBits(kind, every, 0)
    kept = tensor.patterns[tensor.mask]
    any_one, all_ones = int(np.bitwise_or.reduce(kept)), int(np.bitwise_and.reduce(kept))
    return VaryingBits(kind, any_one & ~all_ones, all_ones)


def read_varying_bits(encoded: EncodedTensor) -> VaryingBits:
    """Return the stored bits of an encoding; `DataError` if its parameters are damaged."""
    kind = encoded.weight_type
    every = (1 << kind.n_bits) - 1
    if VARYING not in encoded.params and ONES not in encoded.params:
        return VaryingBits(kind, every, 0)
    varying = int_param(encoded, VARYING, 0, every)
    ones = int_param(encoded, ONES, 0, every)
    if varying & ones or varying == every or not kind.is_float:
        raise DataError(f"{encoded.label}: parameters {VARYING!r} and {ONES!r} exclude each other")
    return VaryingBits(kind, varying, ones)


class NarrowFormat(WeightFormat):
    """A format of weights of any width, given only the bits that vary."""

    def encode(self, tensor: PrunedTensor) -> EncodedTensor:
        """Encode `tensor`; see the format."""
        bits = varying_bits(tensor)
        stored = PrunedTensor(
            tensor.name, bits.compact(tensor.patterns), tensor.mask, bits.stored_type
        )
        encoded = self._encode(stored)
        params: Mapping[str, Any] = {**encoded.params, **bits.params}
        return replace(encoded, weight_type=tensor.weight_type, params=params)

    def decode(self, encoded: EncodedTensor) -> PrunedTensor:
        """Return the tensor that was encoded."""
        bits = read_varying_bits(encoded)
        stored = self._decode(replace(encoded, weight_type=bits.stored_type))
        patterns = bits.widen(stored.patterns, stored.mask)
        return PrunedTensor(stored.name, patterns, stored.mask, bits.weight_type)

    @abstractmethod
    def _encode(self, tensor: PrunedTensor) -> EncodedTensor:
        """Encode a tensor of compacted weights."""

    @abstractmethod
    def _decode(self, encoded: EncodedTensor) -> PrunedTensor:
        """Return the tensor of compacted weights."""
