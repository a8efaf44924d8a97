"""What a plan is chosen from: sizes and densities of a layer, before it is encoded."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np

from f2fsim.codec import WEIGHT_TYPES, PrunedTensor
from f2fsim.codec.entropy import value_entropy

#: Rows at most of the weights that stand for those of a layer whose weights are not known.
SUPPOSED_ROWS = 512


@dataclass(frozen=True)
class LayerFacts:
    """Sizes of a pruned weight matrix, and how it is to be stored.

    Attributes
    ----------
    n_rows, n_reduction : int
        Rows, and weights of a row.
    density : float
        Share of kept weights.
    weight_bits : int
        ``n_w``.
    is_dense : bool
        Whether every weight is stored as it is, in the dense way of a sparse machine.
    tensor : PrunedTensor, optional
        The weights, for kinds that code values or whose rows are uneven.
    """

    n_rows: int
    n_reduction: int
    density: float
    weight_bits: int
    is_dense: bool = False
    tensor: PrunedTensor | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, tensor: PrunedTensor, *, is_dense: bool = False) -> LayerFacts:
        """Return the facts of a tensor."""
        n_rows, n_cols = tensor.shape
        density = tensor.n_kept / max(tensor.n_weights, 1)
        return cls(n_rows, n_cols, density, tensor.weight_type.n_bits, is_dense, tensor)

    @property
    def weights(self) -> PrunedTensor:
        """The weights; where they are not known, some rows of random ones of the same density."""
        shape = self.n_rows, self.n_reduction
        if self.tensor is not None and self.tensor.mask.shape == shape:
            return self.tensor
        return _random_weights(min(self.n_rows, SUPPOSED_ROWS), self.n_reduction, self.density)

    @cached_property
    def value_bits(self) -> float:
        """Zero-order entropy of a kept weight, bits; ``n_w`` where the weights are not known."""
        return value_entropy(self.tensor) if self.tensor is not None else self.weight_bits

    @property
    def n_weights(self) -> int:
        """All weight positions."""
        return self.n_rows * self.n_reduction

    @property
    def reaching(self) -> float:
        """Share of weights that a front end passes on as values: kept ones, or all."""
        return 1.0 if self.is_dense else self.density


@lru_cache(maxsize=32)
def _random_weights(n_rows: int, n_columns: int, density: float) -> PrunedTensor:
    mask = np.random.default_rng(0).random((n_rows, n_columns), dtype=np.float32) < density
    return PrunedTensor("random", np.zeros(mask.shape, np.uint8), mask, WEIGHT_TYPES["int8"])
