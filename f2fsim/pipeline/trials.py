"""The plan of a small layer: the likely ones are run, as long as one may be faster than the best.

A prediction knows neither rows and banks of the memory nor the very mask.  In a layer of some
thousand cycles that decides between plans, and a run is cheap.  What a run tells about the array
corrects the predictions of plans that store the weights in the same way; how far a run is from its
prediction tells what to expect of plans like it (`_expected`), and that plan is run next by which
most cycles can be hoped to be saved.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.mapping.plan import Plan
from f2fsim.scheduling import Likely

Floats = NDArray[np.float64]

#: Core cycles of all trials of a layer, about: more would cost more than planning may.
ALL_CYCLES = 100_000
#: Plans that are run at most.
MOST_TRIALS = 10
#: A plan is run if this share of the best run's cycles can be hoped to be saved.
WORTH = 0.0002
#: From this error on of the array's predicted cycles all plans are predicted anew.
NEW_PREDICTION = 0.03

#: Standard deviations of the logarithm of cycles over predicted ones, fitted to runs of all near
#: plans (`benchmarks/plans.py`): what plans of one way to store have in common, what those of as
#: many bands have, what those of as many bands and tiles have, and what none has in common with
#: another, beside so many cycles.
COMMON, OF_BANDS, OF_PLAN, OWN, OWN_CYCLES = 0.026, 0.032, 0.027, 0.008, 5.4
#: Layers of fewer predicted cycles surprise more: a few cycles at the start are much of them.
SMALL_CYCLES = 450.0
#: Doublings of bands and of tiles after which e times less is in common, and the share of it that
#: two schedules have.
BANDS_APART, TILES_APART, SCHEDULE_SHARE = 7.4, 1.5, 0.46


@dataclass(frozen=True)
class Trial:
    """What a run took: core cycles in all, and of the busiest unit of front end and array."""

    cycles: float
    step_cycles: tuple[float, float]


#: Factors on predicted cycles of front end and array, by way to store.
Stretch = Mapping[bool, tuple[float, float]]
#: Likely plans, fewest cycles first.
Predict = Callable[[Stretch], list[Likely]]


def tried_plan(predict: Predict, run: Callable[[Plan], Trial]) -> Plan:
    """Return the fastest of the plans that are run; the first one without a run if that will do."""
    likely = predict({})
    most = min(MOST_TRIALS, int(ALL_CYCLES / max(likely[0].cycles, 1.0)))
    if len(likely) == 1 or most < 2:
        return likely[0].plan
    stretch: dict[bool, tuple[float, float]] = {}
    tried: list[tuple[float, Plan]] = []
    while len(tried) < most:
        found = _next(likely, tried)
        if found is None:
            break
        trial = run(found.plan)
        tried.append((trial.cycles, found.plan))
        if found.plan.is_dense not in stretch:
            factors = stretch_of(trial, found)
            stretch[found.plan.is_dense] = factors
            if max(abs(factor - 1) for factor in factors) > NEW_PREDICTION:
                likely = predict(stretch)
    return min(tried, key=lambda one: one[0])[1]


def stretch_of(trial: Trial, predicted: Likely) -> tuple[float, float]:
    """Return the cycles of front end and array over the predicted ones."""
    (front_end, array), (of_front_end, of_array) = trial.step_cycles, predicted.step_cycles
    return front_end / of_front_end, array / of_array


def _next(likely: Sequence[Likely], tried: Sequence[tuple[float, Plan]]) -> Likely | None:
    """Return the plan that most can be hoped of, None if that is not worth a run."""
    if not tried:
        return likely[0]
    predicted = {_key(one.plan): one.cycles for one in likely}
    known = [(plan, cycles) for cycles, plan in tried if _key(plan) in predicted]
    done = {_key(plan) for plan, _ in known}
    left = [one for one in likely if _key(one.plan) not in done]
    if not left:
        return None
    if not known:
        return left[0]
    errors = np.log([cycles / predicted[_key(plan)] for plan, cycles in known])
    mean, deviation = _expected([plan for plan, _ in known], errors, left, likely[0].cycles)
    best = math.log(min(cycles for cycles, _ in tried))
    hope = _hope(best - np.log([one.cycles for one in left]) - mean, deviation)
    at = int(np.argmax(hope))
    return left[at] if hope[at] >= WORTH else None


def _hope(saved: Floats, deviation: Floats) -> Floats:
    """Return what plans save on average, those that save nothing counted as 0 (normal spread)."""
    z = saved / deviation
    below = np.array([0.5 * math.erfc(-x / math.sqrt(2)) for x in z.tolist()])
    found: Floats = saved * below + deviation * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return found


def _expected(
    tried: Sequence[Plan], errors: Floats, left: Sequence[Likely], cycles: float
) -> tuple[Floats, Floats]:
    """Return mean and deviation of the errors of plans that are left (a Gaussian process).

    `errors` are those of the plans that were tried; plans take so many `cycles`, about.
    """
    known, others = _places(tried), _places([one.plan for one in left])
    scale = 1 + (SMALL_CYCLES / cycles) ** 2
    own = OWN**2 + (OWN_CYCLES / cycles) ** 2
    between = scale * _in_common(known, others)
    shares = np.linalg.solve(scale * _in_common(known, known) + own * np.eye(len(known)), between)
    variance = scale * (COMMON**2 + OF_BANDS**2 + OF_PLAN**2) + own
    rest = variance - np.sum(between * shares, axis=0)
    return errors @ shares, np.sqrt(np.maximum(rest, own))


def _in_common(some: Floats, others: Floats) -> Floats:
    """Return the covariance of the errors of plans at `_places`."""
    way, holds, bands, tiles = np.abs(some[:, None] - others[None]).transpose(2, 0, 1)
    of_bands = np.exp(-bands / BANDS_APART)
    of_plan = of_bands * np.exp(-tiles / TILES_APART) * SCHEDULE_SHARE**holds
    found: Floats = (way == 0) * (COMMON**2 + OF_BANDS**2 * of_bands + OF_PLAN**2 * of_plan)
    return found


def _places(plans: Sequence[Plan]) -> Floats:
    """Return way, schedule, and logarithms of bands and tiles of plans, (plans, 4)."""
    return np.array(
        [
            (
                one.is_dense,
                one.schedule == "weight_stationary",
                math.log2(len(one.band_rows)),
                math.log2(len(one.tile_columns)),
            )
            for one in plans
        ],
        dtype=np.float64,
    )


def _key(plan: Plan) -> Hashable:
    return plan.schedule, plan.band_rows, plan.tile_columns, plan.is_dense
