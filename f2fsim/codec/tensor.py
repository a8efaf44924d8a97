"""What every format encodes: a pruned tensor of exact bit patterns, and the weight types.

Owns the meaning of "weight", "mask" and "bit pattern"; knows no format, file or machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import _mask_words
from f2fsim.errors import InputError, choices, in_a_line, near_miss


@dataclass(frozen=True)
class WeightType:
    """A number format of weights.

    Attributes
    ----------
    name : str
        Name in configurations and files.
    n_bits : int
        Bits of a weight, ``n_w``.
    pattern_dtype : numpy.dtype
        Smallest unsigned dtype that holds a pattern; int4 and uint4 use the low four bits.
    n_exponent_bits : int
        Width of the exponent field, 0 for integers.
    n_mantissa_bits : int
        Width of the stored mantissa, 0 for integers.
    signed : bool
        Whether an integer type is two's complement (floats: True).
    """

    name: str
    n_bits: int
    pattern_dtype: np.dtype[np.unsignedinteger]
    n_exponent_bits: int = 0
    n_mantissa_bits: int = 0
    signed: bool = True

    @property
    def is_float(self) -> bool:
        """Whether the type has an exponent."""
        return self.n_exponent_bits > 0


WEIGHT_TYPES: dict[str, WeightType] = {
    t.name: t
    for t in (
        WeightType("int4", 4, np.dtype(np.uint8)),
        WeightType("uint4", 4, np.dtype(np.uint8), signed=False),
        WeightType("int8", 8, np.dtype(np.uint8)),
        WeightType("uint8", 8, np.dtype(np.uint8), signed=False),
        WeightType("fp8_e4m3", 8, np.dtype(np.uint8), 4, 3),
        WeightType("fp8_e5m2", 8, np.dtype(np.uint8), 5, 2),
        WeightType("fp16", 16, np.dtype(np.uint16), 5, 10),
        WeightType("bf16", 16, np.dtype(np.uint16), 8, 7),
        WeightType("fp32", 32, np.dtype(np.uint32), 8, 23),
    )
}


def weight_type(name: str) -> WeightType:
    """Return the weight type called `name`; `InputError` lists the known ones."""
    if name not in WEIGHT_TYPES:
        raise InputError(
            f"unknown weight type {name!r}{near_miss(name, WEIGHT_TYPES)}; "
            f"known: {choices(WEIGHT_TYPES)}"
        )
    return WEIGHT_TYPES[name]


@dataclass(frozen=True, eq=False)
class PrunedTensor:
    """A pruned weight matrix as exact bit patterns.

    Attributes
    ----------
    name : str
        Name of the tensor in its model.
    patterns : ndarray of unsigned int, shape (n_rows, n_cols)
        Bit pattern of each weight, rows are outputs (M), columns the reduction (K).  Pruned
        weights are 0.
    mask : ndarray of bool, shape (n_rows, n_cols)
        True where the weight is kept (unpruned).  A kept weight may have the pattern 0.
    weight_type : WeightType
        How the patterns are to be read.
    scale_bits : int
        Bits of the scales and zero points that a machine fetches with the weights, whatever their
        format.

    Raises
    ------
    InputError
        If shapes or dtypes do not fit, a pattern has bits beyond ``n_bits`` or a pruned weight
        is not 0.
    """

    name: str
    patterns: NDArray[np.unsignedinteger]
    mask: NDArray[np.bool_]
    weight_type: WeightType
    scale_bits: int = 0

    def __post_init__(self) -> None:
        expected = self.weight_type.pattern_dtype
        if self.patterns.ndim != 2 or self.patterns.shape != self.mask.shape:
            raise InputError(
                f"{self.label}: patterns {self.patterns.shape} and mask "
                f"{self.mask.shape} must be equal two-dimensional shapes"
            )
        if self.patterns.dtype != expected or self.mask.dtype != np.bool_:
            raise InputError(
                f"{self.label}: {self.weight_type.name} patterns must be {expected} "
                f"with a bool mask, got {self.patterns.dtype} and {self.mask.dtype}"
            )
        spare_bits = 8 * expected.itemsize > self.weight_type.n_bits
        if spare_bits and int(self.patterns.max(initial=0)) >> self.weight_type.n_bits:
            raise InputError(
                f"{self.label}: a pattern has more than {self.weight_type.n_bits} bits"
            )
        # In row order nothing is copied here.
        patterns = np.ascontiguousarray(self.patterns).reshape(-1)
        mask = np.ascontiguousarray(self.mask).reshape(-1).view(np.uint8)
        if _mask_words.bits_outside(patterns, mask):
            raise InputError(f"{self.label}: a pruned weight is not zero")

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"tensor {in_a_line(self.name)}"

    @property
    def shape(self) -> tuple[int, int]:
        """Rows (outputs M) and columns (reduction K)."""
        return (int(self.patterns.shape[0]), int(self.patterns.shape[1]))

    @property
    def n_weights(self) -> int:
        """Number of weights, pruned ones included."""
        return int(self.patterns.size)

    @cached_property
    def n_kept(self) -> int:
        """Number of unpruned weights."""
        return int(np.count_nonzero(self.mask))

    @property
    def sparsity(self) -> float:
        """Share of pruned weights, ``S``; 0 for an empty tensor."""
        return 1.0 - self.n_kept / self.n_weights if self.n_weights else 0.0
