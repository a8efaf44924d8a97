"""What uncertain constants do to a conclusion: the range of a ratio of two energies.

Both machines are priced with the *same* constants, so a constant that both use largely cancels;
comparing one machine's low end with the other's high end would overstate the doubt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from f2fsim.cost.energy import EnergyTerm, constant_of
from f2fsim.cost.table import Constant, CostTable


@dataclass(frozen=True)
class ConstantEffect:
    """Ratio of two energies with one constant at the ends of its range, the others typical."""

    key: str
    ratio_low: float
    ratio_high: float

    @property
    def swing(self) -> float:
        """Size of the effect."""
        return abs(self.ratio_high - self.ratio_low)


@dataclass(frozen=True)
class RatioRange:
    """Energy of A over that of B: the typical value, and the extremes over all constants.

    `effects` lists the constants one at a time, the largest swing first.
    """

    low: float
    typical: float
    high: float
    effects: tuple[ConstantEffect, ...]

    @property
    def is_firm(self) -> bool:
        """Whether A against B comes out the same way for every choice of constants."""
        return self.high < 1.0 or self.low > 1.0


def ratio_range(a: Mapping[str, float], b: Mapping[str, float], table: CostTable) -> RatioRange:
    """Return the range of the energy of A over that of B, constants varying in their ranges.

    The extremes are exact: for a trial ratio r the sum of ``(a_i - r·b_i)·c_i`` is least (or
    greatest) with every constant c_i at one end, and the r where that optimum is zero is found by
    Dinkelbach's iteration (Management Science 13, 1967).

    Parameters
    ----------
    a, b : mapping of str to float
        How often each constant is paid (`amounts`).
    table : CostTable
        The constants.

    Raises
    ------
    ValueError
        If either energy is zero.
    """
    amounts_a, amounts_b = dict(a), dict(b)
    constants = {
        key: constant_of(key, table) for each in (a, b) for key, amount in each.items() if amount
    }
    typical = {key: constant.typical for key, constant in constants.items()}
    base = _ratio(amounts_a, amounts_b, typical)
    effects = [
        ConstantEffect(
            key,
            _ratio(amounts_a, amounts_b, {**typical, key: constant.low}),
            _ratio(amounts_a, amounts_b, {**typical, key: constant.high}),
        )
        for key, constant in constants.items()
        if constant.low < constant.high
    ]
    effects.sort(key=lambda effect: (-effect.swing, effect.key))
    return RatioRange(
        _extreme(amounts_a, amounts_b, constants, base, least=True),
        base,
        _extreme(amounts_a, amounts_b, constants, base, least=False),
        tuple(effects),
    )


def amounts(terms: Sequence[EnergyTerm]) -> dict[str, float]:
    """Return how often each constant is paid, by its key."""
    total: dict[str, float] = {}
    for term in terms:
        total[term.key] = total.get(term.key, 0.0) + term.amount
    return total


def _ratio(a: dict[str, float], b: dict[str, float], values: dict[str, float]) -> float:
    energy_a = sum(amount * values[key] for key, amount in a.items() if amount)
    energy_b = sum(amount * values[key] for key, amount in b.items() if amount)
    if energy_a <= 0 or energy_b <= 0:
        raise ValueError("a ratio of energies needs two energies above zero")
    return energy_a / energy_b


def _extreme(
    a: dict[str, float],
    b: dict[str, float],
    constants: dict[str, Constant],
    ratio: float,
    *,
    least: bool,
) -> float:
    while True:
        values = {
            key: c.low if ((a.get(key, 0.0) > ratio * b.get(key, 0.0)) == least) else c.high
            for key, c in constants.items()
        }
        better = _ratio(a, b, values)
        if (better >= ratio) if least else (better <= ratio):
            return ratio
        ratio = better
