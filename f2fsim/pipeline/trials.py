"""The plan of a small layer: the likely ones are run, as long as one may be faster than the best.

A prediction knows neither rows and banks of the memory nor the very mask.  In a layer of some
thousand cycles that decides between plans, and a run is cheap.  What a run tells about the array
corrects the predictions of plans that store the weights in the same way; how far a run is from its
prediction tells what to expect of plans like it (`_expected`), and that plan is run next by which
most cycles can be hoped to be saved.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.mapping.plan import Plan
from f2fsim.scheduling import Choice, Likely, cheapest

Floats = NDArray[np.float64]

#: Core cycles of all trials of a layer, about: more would cost more than planning may.
ALL_CYCLES = 200_000
#: Plans that are run at most.
MOST_TRIALS = 14
#: Weights that all trials of a layer encode, about, where each cut into bands is encoded by search:
#: a layer of a million weights would take its encoding many times for a percent of its cycles.
ALL_ENCODED = 2_000_000
#: Plans that may be tried in any case.
FEW_TRIALS = 3
#: A plan is run if this share of the best run's cycles can be hoped to be saved.
WORTH = 0.0002
#: From this error on of the array's predicted cycles all plans are predicted anew.
NEW_PREDICTION = 0.03

#: Standard deviations of the logarithm of cycles over predicted ones, fitted to runs of all near
#: plans (`benchmarks/plans.py`): what plans of one way to store have in common, what those of as
#: many bands have, what those of as many bands and tiles have, and what none has in common with
#: another, beside so many cycles.
COMMON, OF_BANDS, OF_PLAN, OWN, OWN_CYCLES = 0.022, 0.032, 0.04, 0.006, 4.0
#: Layers of fewer predicted cycles surprise more: a few cycles at the start are much of them.
SMALL_CYCLES = 350.0
#: Doublings of bands and of tiles after which e times less is in common, and the share of it that
#: two schedules have.
BANDS_APART, TILES_APART, SCHEDULE_SHARE = 5.0, 2.0, 0.55


@dataclass(frozen=True)
class Trial:
    """What a run took: core cycles in all, and of the busiest unit of front end and array."""

    cycles: float
    step_cycles: tuple[float, float]


#: Factors on predicted cycles of front end and array, by way to store.
Stretch = Mapping[bool, tuple[float, float]]
#: Likely plans, fewest cycles first.
Predict = Callable[[Stretch], list[Likely]]


def tried_plan(
    predict: Predict, run: Callable[[Plan], Trial], affordable: int = MOST_TRIALS
) -> Plan:
    """Return the fastest of the plans that are run; the first one without a run if that will do.

    Of plans that are as fast the one of the fewest cycles times bits moved.

    Parameters
    ----------
    predict, run : callable
        The likely plans, and what a run of one takes.
    affordable : int
        Runs that the layer is worth, whatever their cycles.
    """
    likely = predict({})
    most = min(MOST_TRIALS, affordable, int(ALL_CYCLES / max(likely[0].cycles, 1.0)))
    if len(likely) == 1 or most < 2:
        return likely[0].plan
    stretch: dict[bool, tuple[float, float]] = {}
    tried: dict[Choice, tuple[float, Likely]] = {}
    while len(tried) < most:
        found = _next(likely, {choice: cycles for choice, (cycles, _) in tried.items()})
        if found is None:
            break
        trial = run(found.plan)
        tried[found.choice] = trial.cycles, found
        if found.choice.is_dense not in stretch:
            factors = stretch_of(trial, found)
            stretch[found.choice.is_dense] = factors
            if max(abs(factor - 1) for factor in factors) > NEW_PREDICTION:
                likely = predict(stretch)
    return cheapest([(cycles, one.cost, one.plan) for cycles, one in tried.values()], True)


def stretch_of(trial: Trial, predicted: Likely) -> tuple[float, float]:
    """Return the cycles of front end and array over the predicted ones."""
    (front_end, array), (of_front_end, of_array) = trial.step_cycles, predicted.step_cycles
    return front_end / of_front_end, array / of_array


def _next(likely: Sequence[Likely], tried: Mapping[Choice, float]) -> Likely | None:
    """Return the plan that most can be hoped of, None if that is not worth a run.

    `tried` has the cycles of the plans that were run.
    """
    known = [one for one in likely if one.choice in tried]
    left = [one for one in likely if one.choice not in tried]
    if not known or not left:
        return left[0] if left else None
    errors = np.log([tried[one.choice] / one.cycles for one in known])
    mean, deviation = _expected(
        [one.choice for one in known], errors, [one.choice for one in left], likely[0].cycles
    )
    best = math.log(min(tried.values()))
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
    tried: Sequence[Choice], errors: Floats, left: Sequence[Choice], cycles: float
) -> tuple[Floats, Floats]:
    """Return mean and deviation of the errors of plans that are left (a Gaussian process).

    `errors` are those of the plans that were tried; plans take so many `cycles`, about.  Where the
    errors are larger than they should be, so are the deviations.
    """
    known, others = _places(tried), _places(left)
    scale = 1 + (SMALL_CYCLES / cycles) ** 2
    own = OWN**2 + (OWN_CYCLES / cycles) ** 2
    between = scale * _in_common(known, others)
    among = scale * _in_common(known, known) + own * np.eye(len(known))
    shares = np.linalg.solve(among, np.column_stack([between, errors]))
    variance = scale * (COMMON**2 + OF_BANDS**2 + OF_PLAN**2) + own
    rest = np.maximum(variance - np.sum(between * shares[:, :-1], axis=0), own)
    surprise = max(float(errors @ shares[:, -1]) / len(known), 1.0)
    return errors @ shares[:, :-1], np.sqrt(surprise * rest)


def _in_common(some: Floats, others: Floats) -> Floats:
    """Return the covariance of the errors of plans at `_places`."""
    way, holds, bands, tiles = np.abs(some[:, None] - others[None]).transpose(2, 0, 1)
    of_bands = np.exp(-bands / BANDS_APART)
    of_plan = of_bands * np.exp(-tiles / TILES_APART) * SCHEDULE_SHARE**holds
    found: Floats = (way == 0) * (COMMON**2 + OF_BANDS**2 * of_bands + OF_PLAN**2 * of_plan)
    return found


def _places(choices: Sequence[Choice]) -> Floats:
    """Return way, schedule, and logarithms of bands and tiles of plans, (plans, 4)."""
    found = np.array(choices, dtype=np.float64).reshape(-1, 4)
    found[:, 2:] = np.log2(found[:, 2:])
    return found
