"""What a duel found: each family's best design and front under each conditions, and who wins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from f2fsim.config.duel import Conditions, DuelSpec
from f2fsim.cost import RatioRange
from f2fsim.explore.store import ResultStore
from f2fsim.explore.tables import to_frame
from f2fsim.results.binding import Binding

if TYPE_CHECKING:
    import pandas as pd

#: Where a row's figures come from, in the order of counts.
FIDELITIES = ("simulated", "bound", "over budget", "excluded", "invalid", "failed")


@dataclass(frozen=True)
class Entry:
    """A family's part in a contest.

    Attributes
    ----------
    counts : mapping of str to int
        Designs by where their figures come from (`FIDELITIES`).
    best : mapping or None
        Row of the best design within the budgets, None if there is none.
    front : tuple of mapping
        Rows of the Pareto front within the budgets, the best first.
    """

    family: str
    counts: Mapping[str, int]
    best: Mapping[str, Any] | None
    front: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Reasons:
    """Why the winner wins: experiments on it, and how firm its energy is.

    Attributes
    ----------
    bindings : mapping of str to Binding
        What binds the winner, by workload.
    energy : mapping of str to RatioRange
        Energy of the second family's best over the winner's by workload, cost constants in their
        ranges.
    area_um2 : tuple of float
        Area of the winner with the area constants at the low and at the high end.
    """

    bindings: Mapping[str, Binding]
    energy: Mapping[str, RatioRange]
    area_um2: tuple[float, float]


@dataclass(frozen=True)
class Decision:
    """Who wins under some conditions.

    Attributes
    ----------
    winner, second : str
        Families, empty if no design is within the budgets, or in one family only.
    margin : float or None
        The first objective of the second over that of the winner, or the other way round where
        more is better: how many times better the winner is.
    """

    conditions: Conditions
    entries: Mapping[str, Entry]
    winner: str
    second: str
    margin: float | None
    reasons: Reasons | None = None

    @property
    def best(self) -> Mapping[str, Any] | None:
        """Row of the winning design."""
        return self.entries[self.winner].best if self.winner else None


@dataclass(frozen=True, repr=False)
class DuelResult:
    """A duel in its store.

    Attributes
    ----------
    spec : DuelSpec
    store : ResultStore
    decisions : tuple of Decision
        One a scenario and place of the map.
    all_rows : tuple of mapping
        One row a design; `rows` gives them the same keys.
    n_run : int
        Points that this call simulated; the others were in the store already, or not needed.
    """

    spec: DuelSpec
    store: ResultStore
    decisions: tuple[Decision, ...]
    all_rows: tuple[Mapping[str, Any], ...]
    n_run: int

    def __repr__(self) -> str:
        won = ", ".join(f"{one.conditions.title}: {one.winner or 'none'}" for one in self.decisions)
        return f"DuelResult {self.spec.name!r}: {won}"

    def rows(self) -> list[dict[str, Any]]:
        """Return one flat row a design, all with the same keys.

        ``fidelity`` says whether its figures are simulated; ``least_<figure>`` are bounds.
        """
        return _even(self.all_rows)

    def best(self) -> list[dict[str, Any]]:
        """Return one row a family and conditions: its best design, or that it has none."""
        rows: list[dict[str, Any]] = [
            {
                **place_of(one.conditions),
                "family": entry.family,
                "is_winner": entry.family == one.winner,
                **{f"n_{k.replace(' ', '_')}": n for k, n in entry.counts.items()},
                **(entry.best or {}),
            }
            for one in self.decisions
            for entry in one.entries.values()
        ]
        return _even(rows)

    def front(self) -> list[dict[str, Any]]:
        """Return the rows of every family's Pareto front, conditions by conditions."""
        entries = [entry for one in self.decisions for entry in one.entries.values()]
        return _even([row for entry in entries for row in entry.front])

    def frame(self) -> pd.DataFrame:
        """Return `rows` as a DataFrame."""
        return to_frame(self.rows())

    def counts(self) -> dict[str, int]:
        """Return how many designs there are of each fidelity."""
        total = dict.fromkeys(FIDELITIES, 0)
        for one in self.decisions:
            for entry in one.entries.values():
                for name, n in entry.counts.items():
                    total[name] += n
        return total


def place_of(conditions: Conditions) -> dict[str, Any]:
    """Return scenario and values of the map as columns."""
    return {"scenario": conditions.scenario, **conditions.cell}


def _even(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows that all have the keys of all."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    return [{key: row.get(key) for key in keys} for row in rows]
