"""Encoded bits a step of each plane: fixed for a layer, in 64ths of a bit.

A plane of rate a/64 fills ``⌊a·(t+1)/64⌋ - ⌊a·t/64⌋`` bits of its word at step t of a group, the
lowest ones; the others are 0 and not stored.  So what a step fetches is known before anything is
decoded, and repeats after 64 steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.f2f import _order
from f2fsim.codec.f2f.care import CareList

#: Steps after which fills repeat; rates are multiples of 1 / PERIOD.
PERIOD = 64
#: Patch bits of a check, with and without a search for equations to give up (docs/codec.md).
CHECK_BITS, CHECK_BITS_NO_SEARCH = 1.6, 5.5
#: Patch bits of a care bit of a plane without any input.
_NO_INPUT_BITS = 6.0
#: Rates that are tried, over the care bits of a step.
_TRIED = (
    *(0.75, 0.8, 0.85, 0.89, 0.92, 0.94, 0.96, 0.97, 0.98),
    *(0.985, 0.99, 0.995, 1.0, 1.005, 1.01, 1.02),
)


@dataclass(frozen=True)
class PlaneRates:
    """The rates of a layer's planes.

    Attributes
    ----------
    sixty_fourths : tuple of int
        Encoded bits a step of each plane, times 64.
    """

    sixty_fourths: tuple[int, ...]

    @cached_property
    def fills(self) -> NDArray[np.uint8]:
        """Bits that are filled at step t mod 64, uint8 (64, n_planes)."""
        rates = np.array(self.sixty_fourths, dtype=np.int64)
        whole = np.arange(PERIOD + 1)[:, np.newaxis] * rates // PERIOD
        return np.diff(whole, axis=0).astype(np.uint8)

    def step_bits(self, n_blocks: int, n_groups: int = 1) -> NDArray[np.int64]:
        """Return the encoded bits of each block, all planes together, int64 (n_blocks,)."""
        per_step = self.fills.sum(axis=1, dtype=np.int64)
        bits: NDArray[np.int64] = per_step[np.arange(n_blocks) // n_groups % PERIOD]
        return bits

    def n_bits(self, n_blocks: int, n_groups: int = 1) -> int:
        """Return the encoded bits of so many blocks."""
        steps, rest = divmod(n_blocks, n_groups)
        whole = sum(steps * rate // PERIOD for rate in self.sixty_fourths)
        return n_groups * whole + rest * int(self.fills[steps % PERIOD].sum())


@cache
def fill_of(rate: int) -> NDArray[np.uint8]:
    """Return the bits that a plane of `rate` 64ths fills at step t mod 64, uint8 (64,)."""
    return np.ascontiguousarray(PlaneRates((rate,)).fills[:, 0])


def choose_rate(
    care: CareList, n_in: int, n_s: int, n_groups: int, check_bits: float, whole: bool
) -> int:
    """Return the rate in 64ths of fewest bits, patches counted by a model.

    The register is a reserve of unknowns that gains what a step fills and loses its care bits;
    what it cannot supply are checks, at `check_bits` each.

    Parameters
    ----------
    care : CareList
        The care bits of the plane.
    n_in : int
        Greatest bits a step.
    n_s : int
        Words remembered.
    n_groups : int
        Interleaved decoders.
    check_bits : float
        Patch bits of a check.
    whole : bool
        Only whole bits a step.
    """
    if not care.n_kept:
        return 0
    unit = PERIOD if whole else 1
    mean = care.n_kept / care.n_blocks * PERIOD
    tried = {round(mean * share / unit) * unit for share in _TRIED}
    tried |= {int(mean // unit) * unit, (int(mean // unit) + 1) * unit}
    tried = {min(rate, n_in * PERIOD) for rate in tried}
    n_u = care.n_u

    def bits(rate: int) -> float:
        if not rate:
            return _NO_INPUT_BITS * care.n_kept
        checks = _order.count_checks(n_u, fill_of(rate), n_s, n_groups)
        return care.n_blocks * rate / PERIOD + check_bits * checks

    return min(sorted(tried), key=bits)
