"""SplitMix64, the generator behind decoder matrices and row shuffles.

Chosen because a decoder written from ``docs/codec.md`` alone can rebuild a matrix or a shuffle from
its seed with a dozen lines of any language.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


class SplitMix64:
    """The sequence of 64-bit numbers of a seed (Steele, Lea, Flood, OOPSLA 2014).

    Parameters
    ----------
    seed : int
        0 to 2**64 - 1.
    """

    def __init__(self, seed: int) -> None:
        if not 0 <= seed < 1 << 64:
            raise ValueError(f"seed must be 0 to 2**64 - 1, got {seed}")
        self._state = np.uint64(seed)

    def draw(self, n: int) -> NDArray[np.uint64]:
        """Return the next `n` numbers, uint64."""
        with np.errstate(over="ignore"):
            z = self._state + _GOLDEN * np.arange(1, n + 1, dtype=np.uint64)
            self._state = self._state + _GOLDEN * np.uint64(n)
            z = (z ^ (z >> np.uint64(30))) * _MIX_1
            z = (z ^ (z >> np.uint64(27))) * _MIX_2
        return z ^ (z >> np.uint64(31))

    def step_back(self, n: int) -> None:
        """Take back the last `n` numbers: they will be drawn again."""
        with np.errstate(over="ignore"):
            self._state = self._state - _GOLDEN * np.uint64(n)

    def draw_below(self, bounds: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return one number in ``[0, bound)`` for each bound below 2**31.

        The number is ``((x >> 32) * bound) >> 32`` of the next output ``x``.
        """
        high = self.draw(bounds.shape[0]) >> np.uint64(32)
        return ((high * bounds.astype(np.uint64)) >> np.uint64(32)).astype(np.int64)

    def permutation(self, n: int) -> NDArray[np.int64]:
        """Return a permutation of ``0 … n-1`` (Fisher-Yates from the last place down)."""
        order = list(range(n))
        partners = self.draw_below(np.arange(n, 1, -1, dtype=np.int64)).tolist()
        for i, j in zip(range(n - 1, 0, -1), partners, strict=True):
            order[i], order[j] = order[j], order[i]
        return np.array(order, dtype=np.int64)
