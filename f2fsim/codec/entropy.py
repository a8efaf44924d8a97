"""The least bits a code without context can take: of the kept weights and of the mask.

Bounds of a tensor, in bits a weight: ``H(S) + (1-S)·n_w`` takes the bits of a kept weight to be
incompressible (those that vary: what all kept weights share costs nothing), ``H(S) +
(1-S)·H(value)`` takes only the zero-order entropy of its value, as it is
distributed in this very tensor (its table not counted).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.tensor import PrunedTensor


def binary_entropy(p: float) -> float:
    """Return the entropy of a bit that is 1 with probability `p`, in bits."""
    return -sum(x * math.log2(x) for x in (p, 1.0 - p) if x > 0.0)


def zero_order_entropy(symbols: NDArray[Any]) -> float:
    """Return the entropy of a symbol in bits, 0 if there is none.

    Parameters
    ----------
    symbols : ndarray of unsigned int, shape (n,)
    """
    if not symbols.size:
        return 0.0
    if symbols.dtype.itemsize <= 2:
        counts = np.bincount(symbols)
        counts = counts[counts > 0]
    else:
        counts = np.unique(symbols, return_counts=True)[1]
    share = counts / symbols.size
    return max(0.0, -float((share * np.log2(share)).sum()))


def value_entropy(tensor: PrunedTensor) -> float:
    """Return ``H(value)``: the zero-order entropy of a kept weight's pattern, in bits."""
    return zero_order_entropy(tensor.patterns.ravel()[tensor.mask.ravel()])


def n_varying_bits(tensor: PrunedTensor) -> int:
    """Return how many bits of a kept weight are not the same in all of them; 0 if none is kept."""
    kept = tensor.patterns[tensor.mask]
    if not kept.size:
        return 0
    differ = np.bitwise_or.reduce(kept) ^ np.bitwise_and.reduce(kept)
    return int(differ).bit_count()


def entropy_bits(tensor: PrunedTensor) -> float:
    """Return ``H(S) + (1-S)·H(value)`` of the whole tensor, in bits."""
    values = tensor.n_kept * value_entropy(tensor)
    return tensor.n_weights * binary_entropy(tensor.sparsity) + values
