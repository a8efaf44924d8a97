"""Which plans of a small layer are run, and which one is taken."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

import numpy as np
import pytest

from f2fsim.mapping.plan import Plan
from f2fsim.pipeline.trials import (
    ALL_CYCLES,
    COMMON,
    MOST_TRIALS,
    OF_BANDS,
    OF_PLAN,
    OWN,
    Stretch,
    Trial,
    _expected,
    _hope,
    tried_plan,
)
from f2fsim.scheduling import Choice, Likely


def plan(tiles: int) -> Plan:
    return Plan("input_stationary", (8,), (1,) * tiles, 1, {})


def choose(
    predicted: dict[int, float],
    actual: dict[int, float],
    steps: tuple[float, float] = (10.0, 10.0),
    costs: Mapping[int, float] = MappingProxyType({}),
    affordable: int = MOST_TRIALS,
) -> tuple[int, list[int]]:
    """Return the tiles of the chosen plan and of those that were run, in order.

    All predictions grow with the array's factor.  Plans cost 1 unless `costs` says otherwise.
    """
    runs: list[int] = []

    def predict(stretch: Stretch) -> list[Likely]:
        factor = stretch.get(False, (1.0, 1.0))[1]
        found = [
            Likely(
                cycles * factor,
                (10.0, 10.0),
                Choice(False, False, 1, n),
                (costs.get(n, 1.0), 1),
                partial(plan, n),
            )
            for n, cycles in predicted.items()
        ]
        return sorted(found, key=lambda one: one.cycles)

    def run(one: Plan) -> Trial:
        runs.append(len(one.tile_columns))
        return Trial(actual[runs[-1]], steps)

    return len(tried_plan(predict, run, affordable).tile_columns), runs


def test_a_large_layer_is_not_run() -> None:
    assert choose({1: ALL_CYCLES, 2: ALL_CYCLES + 1}, {}) == (1, [])


def test_trials_are_fewer_the_longer_they_take() -> None:
    """All trials of a layer together take so many cycles, about."""
    predicted = {n: ALL_CYCLES / 3 + n for n in range(1, 20)}
    _, runs = choose(predicted, {n: ALL_CYCLES / 3 - n for n in predicted})
    assert len(runs) == 2


def test_a_single_plan_is_not_run() -> None:
    assert choose({1: 100}, {}) == (1, [])


def test_plans_far_behind_are_not_run() -> None:
    assert choose({1: 10_000, 2: 12_500}, {1: 10_000}) == (1, [1])


def test_the_fastest_run_wins() -> None:
    predicted = {1: 1000.0, 2: 1001, 4: 1002}
    found, runs = choose(predicted, {1: 1100, 2: 1120, 4: 990})
    assert found == 4
    assert runs[0] == 1


def test_steps_as_predicted_end_no_trials() -> None:
    """The first run's steps are exactly those predicted, its loads are not."""
    predicted, actual = {1: 1000.0, 2: 1001, 4: 1002}, {1: 1100.0, 2: 1120, 4: 990}
    assert choose(predicted, actual)[0] == 4


def test_of_plans_that_are_as_fast_the_one_that_moves_least_is_taken() -> None:
    predicted, actual = {1: 1000.0, 2: 1001, 4: 1002}, {1: 1003.0, 2: 1000, 4: 1030}
    assert choose(predicted, actual)[0] == 2
    assert choose(predicted, actual, costs={1: 0.5, 2: 1.0, 4: 0.25})[0] == 1


def test_what_a_run_takes_tells_of_plans_like_it() -> None:
    """The first plan takes more than predicted, and so will its neighbour of two tiles.

    A plan of 64 tiles has less in common with it: it is run before.
    """
    predicted = {1: 5000.0, 2: 5050, 64: 5100}
    found, runs = choose(predicted, {1: 5400, 2: 5450, 64: 5100})
    assert found == 64
    assert runs[:2] == [1, 64]


def test_all_is_predicted_anew_with_the_steps_of_the_first_run() -> None:
    """The array takes twice the predicted cycles: runs of about twice are no surprise."""
    found, runs = choose({1: 5000, 2: 6200}, {1: 10_000}, (10.0, 20.0))
    assert (found, runs) == (1, [1])


def test_so_many_at_most() -> None:
    predicted = {n: 100 + n / 100 for n in range(1, 40)}
    _, runs = choose(predicted, {n: 100 - n / 10 for n in predicted})
    assert len(runs) == MOST_TRIALS
    assert len(set(runs)) == MOST_TRIALS
    _, runs = choose(predicted, {n: 100 - n / 10 for n in predicted}, affordable=3)
    assert len(runs) == 3
    # A single run would decide nothing.
    assert choose(predicted, {}, affordable=1) == (1, [])


def test_hope_is_the_mean_of_what_is_saved() -> None:
    """Against the mean over many draws."""
    rng = np.random.default_rng(1)
    saved, deviation = np.array([-0.05, 0.0, 0.02]), np.array([0.03, 0.05, 0.01])
    draws = saved + deviation * rng.standard_normal((400_000, 3))
    expected = np.maximum(draws, 0).mean(axis=0)
    assert _hope(saved, deviation) == pytest.approx(expected, rel=0.02)


def test_expectation_is_that_of_jointly_normal_errors() -> None:
    """Two plans at the same place but for their own share: the regression of one on the other."""
    tried = [Choice(False, False, 4, 2)]
    left = [Choice(False, False, 4, n) for n in (2, 1024)]
    mean, deviation = _expected(tried, np.array([0.02]), left, 1e9)
    own, common = OWN**2, COMMON**2 + OF_BANDS**2 + OF_PLAN**2
    assert mean[0] == pytest.approx(0.02 * common / (common + own))
    assert deviation[0] == pytest.approx(
        math.sqrt(common + own - common**2 / (common + own)), rel=1e-6
    )
    assert 0 < mean[1] < mean[0]
    assert deviation[1] > deviation[0]


def test_errors_larger_than_expected_leave_more_doubt() -> None:
    """An error of three deviations makes all deviations three times as large, no mean."""
    tried, left = [Choice(False, False, 4, 2)], [Choice(False, False, 1, 8)]
    size = math.sqrt(COMMON**2 + OF_BANDS**2 + OF_PLAN**2 + OWN**2)
    mean, deviation = _expected(tried, np.array([size]), left, 1e9)
    means, deviations = _expected(tried, np.array([3 * size]), left, 1e9)
    assert means == pytest.approx(3 * mean)
    assert deviations == pytest.approx(3 * deviation)
