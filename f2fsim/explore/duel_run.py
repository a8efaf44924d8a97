"""Which designs of a duel are simulated: those that no bound rules out, the most promising first.

A design whose least figures (`least`, which nothing that it can do goes below) are beaten by a
simulated design of its family, no worse in any objective and better in one, cannot be on the
family's Pareto front, and is not simulated; nor is one whose least figures break a budget.  So the
front is that of all designs.  How many are left out depends on the order and on how many workers
there are, the front and the best design do not.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.config.duel import Budgets
from f2fsim.explore.duel_space import Contest, Design
from f2fsim.explore.evaluate import Task
from f2fsim.explore.pareto import pareto_mask
from f2fsim.explore.points import Point
from f2fsim.explore.runners import Progress, Runner
from f2fsim.explore.store import ResultStore
from f2fsim.explore.tables import split_objectives

FloatArray = NDArray[np.float64]
Figures = Mapping[str, Any]

#: Returns least figures of a design, by name; a figure that is not there has no bound.
Least = Callable[[Point], Figures]

#: Fronts of bounds that are peeled off one by one; the rest is sorted by the mean of its bounds.
N_PEELED = 24

#: Figures that budgets are about, and what their unit is of the figure's.
BUDGETED = {"energy_uj": ("energy_pj", 1e6), "time_us": ("seconds", 1e-6)}


class Candidate(Protocol):
    """What may be simulated: a point a workload, if it is ``ready``."""

    @property
    def status(self) -> str:
        """``ready``, or why it is not."""

    @property
    def points(self) -> tuple[Point, ...]:
        """Return a point a workload."""


C = TypeVar("C", bound=Candidate)


class FamilyRun(Generic[C]):
    """The designs of a family under conditions, and what is known of each so far.

    Parameters
    ----------
    designs : sequence of candidates (`Candidate`)
    objectives : sequence of str
    budgets : Budgets
    least : callable
        Bounds of one point.

    Attributes
    ----------
    known : list of mapping or None
        Figures of each simulated design, over its workloads.
    failed : dict of int to str
        Errors of designs that could not be run, by place.
    """

    def __init__(
        self,
        designs: Sequence[C],
        objectives: Sequence[str],
        budgets: Budgets,
        least: Least,
    ) -> None:
        self.designs = designs
        self.columns, directions = split_objectives(objectives)
        self._signs = np.array([1.0 if d == "min" else -1.0 for d in directions])
        self._budgets, self._least_of = budgets, least
        ready = [i for i, design in enumerate(designs) if design.status == "ready"]
        self.least: list[Figures] = [{} for _ in designs]
        for i in ready:
            self.least[i] = joined([least(point) for point in designs[i].points])
        self.known: list[Figures | None] = [None] * len(designs)
        self.failed: dict[int, str] = {}
        self._costs = np.array([self._cost(figures) for figures in self.least]).reshape(
            len(designs), len(self.columns)
        )
        self._front = np.empty((0, len(self.columns)))
        self._left = [i for i in self._ordered(ready) if not self.breaks_budget(self.least[i])]

    def _cost(self, figures: Figures) -> list[float]:
        """Return what is to be small: figures with their sign, without a bound minus infinity."""
        values = [figures.get(column) for column in self.columns]
        return [
            -math.inf if value is None else sign * value
            for value, sign in zip(values, self._signs, strict=True)
        ]

    def _ordered(self, ready: list[int]) -> list[int]:
        """Return designs by the fronts of their bounds: nothing else rules out the first ones."""
        order: list[int] = []
        left = np.array(ready, dtype=np.int64)
        for _ in range(N_PEELED):
            if not left.size:
                return order
            on_front = pareto_mask(self._costs[left])
            if not on_front.any():
                break
            order += left[on_front].tolist()
            left = left[~on_front]
        costs = self._costs[left]
        low = np.where(np.isfinite(costs), costs, 0.0)
        scale = np.abs(low).max(axis=0, initial=1e-300)
        rest: list[int] = left[np.argsort((low / scale).sum(axis=1), kind="stable")].tolist()
        return order + rest

    def breaks_budget(self, figures: Figures) -> bool:
        """Whether figures, or least figures, are over a budget of the run."""
        for budget, (figure, unit) in BUDGETED.items():
            limit, value = getattr(self._budgets, budget), figures.get(figure)
            if limit is not None and value is not None and value > limit * unit:
                return True
        return False

    def is_pruned(self, i: int) -> bool:
        """Whether design `i` cannot be on the front, by its bounds and what was simulated."""
        mine = self._costs[i]
        ahead = np.all(self._front <= mine, axis=1) & np.any(self._front < mine, axis=1)
        return bool(ahead.any())

    def is_left_out(self, i: int) -> bool:
        """Whether design `i` was not simulated."""
        return self.known[i] is None and i not in self.failed

    def next(self) -> int | None:
        """Return the next design to simulate, None if none is left."""
        while self._left:
            i = self._left.pop(0)
            if not self.is_pruned(i):
                return i
        return None

    def tell(self, i: int, metrics: Sequence[Figures]) -> None:
        """Note the figures of a design, one mapping a workload."""
        figures = joined(metrics)
        self.known[i] = figures
        if self.breaks_budget(figures):
            return
        cost = np.array([self._cost(figures)])
        if np.isfinite(cost).all():
            self._front = np.concatenate([self._front, cost])
            self._front = self._front[pareto_mask(self._front)]


def joined(by_workload: Sequence[Figures]) -> Figures:
    """Return the figures of a design over its workloads: geometric means, of equal ones the value.

    A figure that one workload lacks is not there.
    """
    if len(by_workload) == 1:
        return by_workload[0]
    found: dict[str, Any] = {}
    for name, first in by_workload[0].items():
        given = [figures.get(name) for figures in by_workload]
        values = [value for value in given if isinstance(value, int | float)]
        if len(values) < len(given):
            continue
        if all(value == first for value in values):
            found[name] = first
        elif min(values) > 0:
            found[name] = math.exp(sum(math.log(value) for value in values) / len(values))
    return found


def families_of(
    contests: Sequence[Contest], objectives: Sequence[str], least: Least
) -> dict[tuple[int, str], FamilyRun[Design]]:
    """Return the families of contests by the contest's number and their name."""
    return {
        (number, name): FamilyRun(designs, objectives, contest.conditions.budgets, least)
        for number, contest in enumerate(contests)
        for name, designs in contest.families.items()
    }


class UnbeatenRun:
    """Families on one runner and one store: those of a duel, or the points of a sweep."""

    def __init__(self, families: Mapping[Any, FamilyRun[Any]]) -> None:
        self.families = families
        self._waiting: dict[str, list[tuple[FamilyRun[Any], int]]] = {}
        self._under_way: set[str] = set()
        self.n_run = 0

    def run(
        self,
        store: ResultStore,
        engine: str,
        runner: Runner,
        retry_failed: bool = False,
        progress: Progress | None = None,
    ) -> None:
        """Simulate what no bound rules out, and record each point as it comes."""
        known = store.statuses()
        final = {"ok"} if retry_failed else {"ok", "failed", "invalid"}
        asked = {digest for digest, status in known.items() if status in final}
        total = sum(len(run.designs) for run in self.families.values())
        done = 0

        def tell() -> None:
            if progress:
                progress(min(done, total), total, f"{self.n_run} simulated")

        def tasks() -> Iterator[Task]:
            nonlocal done
            for run, i in self._wanted():
                points = run.designs[i].points
                for point in points:
                    self._waiting.setdefault(point.digest, []).append((run, i))
                for point in points:
                    if point.digest not in asked:
                        asked.add(point.digest)
                        self._under_way.add(point.digest)
                        yield Task.of(point, engine)
                self._settle(store, run, i)
                done = total - sum(len(one._left) for one in self.families.values())
                tell()

        tell()
        outcomes = runner.run(tasks())
        with contextlib.closing(outcomes):
            for outcome in outcomes:
                store.put(outcome)
                self._under_way.discard(outcome.digest)
                self.n_run += 1
                for run, i in self._waiting.get(outcome.digest, ()):
                    self._settle(store, run, i)
                tell()

    def _wanted(self) -> Iterator[tuple[FamilyRun[Any], int]]:
        """Yield designs, a family after the other, so that a worker keeps what it shares."""
        for run in self.families.values():
            while (i := run.next()) is not None:
                yield run, i

    def _settle(self, store: ResultStore, run: FamilyRun[Any], i: int) -> None:
        """Note a design's figures if all its points are there."""
        if run.known[i] is not None or i in run.failed:
            return
        digests = [point.digest for point in run.designs[i].points]
        if self._under_way.intersection(digests):
            return
        outcomes = [store.outcome(digest) for digest in digests]
        for outcome in outcomes:
            if outcome is not None and outcome.status != "ok":
                run.failed[i] = outcome.error
                return
        if all(outcome is not None for outcome in outcomes):
            run.tell(i, [outcome.metrics for outcome in outcomes if outcome is not None])
