"""Which plans of a small layer are run, and which one is taken."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from f2fsim.mapping.plan import Plan
from f2fsim.pipeline.trials import DOUBT, MOST_CYCLES, MOST_TRIALS, Trial, tried_plan
from f2fsim.scheduling import Likely


def plan(tiles: int, *, is_dense: bool = False) -> Plan:
    return Plan("input_stationary", (8,), (1,) * tiles, 1, {}, is_dense)


def choose(
    predicted: dict[int, float], actual: dict[int, float], unit: float = 10.0
) -> tuple[int, list[int]]:
    """Return the tiles of the chosen plan and of those that were run, in order."""
    runs: list[int] = []

    def predict(stretch: Mapping[bool, float]) -> list[Likely]:
        factor = stretch.get(False, 1.0)
        found = [Likely(cycles * factor, 10.0, partial(plan, n)) for n, cycles in predicted.items()]
        return sorted(found, key=lambda one: one.cycles)

    def run(one: Plan) -> Trial:
        runs.append(len(one.tile_columns))
        return Trial(actual[runs[-1]], unit)

    return len(tried_plan(predict, run).tile_columns), runs


def test_a_large_layer_is_not_run() -> None:
    assert choose({1: MOST_CYCLES + 1, 2: MOST_CYCLES + 2}, {}) == (1, [])


def test_a_single_plan_is_not_run() -> None:
    assert choose({1: 100}, {}) == (1, [])


def test_plans_far_behind_are_not_run() -> None:
    assert choose({1: 100, 2: 100 * (1 + 2 * DOUBT)}, {1: 100}) == (1, [1])


def test_the_fastest_run_wins() -> None:
    found, runs = choose({1: 100, 2: 101, 4: 102}, {1: 110, 2: 104, 4: 99})
    assert (found, sorted(runs)) == (4, [1, 2, 4])


def test_what_a_run_takes_corrects_similar_plans() -> None:
    """The first plan takes twice what was predicted, and so will its neighbour of two tiles."""
    found, runs = choose({1: 100, 2: 105, 64: 150}, {1: 200, 2: 215, 64: 150})
    assert found == 1
    assert runs == [1, 2]


def test_so_many_at_most() -> None:
    predicted = {n: 100 + n / 100 for n in range(1, 40)}
    _, runs = choose(predicted, dict.fromkeys(predicted, 100.0))
    assert len(runs) == MOST_TRIALS
    assert len(set(runs)) == MOST_TRIALS
