"""The plan of a small layer: the likely ones are run, as long as one may be faster than the best.

A prediction knows neither rows and banks of the memory nor the very mask.  In a layer of a few
thousand cycles that decides between plans, and a run is cheap.  What a run tells about the array
and the whole corrects the predictions of plans that store the weights in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from f2fsim.mapping.plan import Plan
from f2fsim.scheduling import Likely

#: Layers of more predicted core cycles are not tried: a run of them costs more than planning may.
MOST_CYCLES = 6000
#: Plans that are run at most.
MOST_TRIALS = 8
#: A plan is run if its corrected prediction is below the best run by less than this: what a
#: prediction errs by between plans of a layer.
DOUBT = 0.1
#: From this error on of the array's predicted cycles all plans are predicted anew.
NEW_PREDICTION = 0.03


@dataclass(frozen=True)
class Trial:
    """What a run took: core cycles in all, and of its busiest unit behind the memory."""

    cycles: float
    unit_cycles: float


#: Likely plans, fewest cycles first; array cycles are stretched by way to store the weights.
Predict = Callable[[Mapping[bool, float]], list[Likely]]


def tried_plan(predict: Predict, run: Callable[[Plan], Trial]) -> Plan:
    """Return the fastest of the plans that are run; the first one without a run if that will do."""
    likely = predict({})
    if len(likely) == 1 or likely[0].cycles > MOST_CYCLES:
        return likely[0].plan
    stretch: dict[bool, float] = {}
    tried: list[tuple[float, Plan]] = []
    while len(tried) < MOST_TRIALS:
        found = _next(likely, tried)
        if found is None:
            break
        trial = run(found.plan)
        tried.append((trial.cycles, found.plan))
        way = found.plan.is_dense
        if way not in stretch:
            stretch[way] = trial.unit_cycles / found.unit_cycles
            if abs(stretch[way] - 1) > NEW_PREDICTION:
                likely = predict(stretch)
    return min(tried, key=lambda one: one[0])[1]


def _next(likely: Sequence[Likely], tried: Sequence[tuple[float, Plan]]) -> Likely | None:
    """Return the plan of the fewest expected cycles, None if it is not worth a run.

    A plan is expected to err as the most similar one that was run.
    """
    predicted = {_key(one.plan): one.cycles for one in likely}
    errors = [
        (plan, cycles / predicted[_key(plan)]) for cycles, plan in tried if _key(plan) in predicted
    ]
    done = {_key(plan) for _, plan in tried}
    expected = [
        (one.cycles * _error(one.plan, errors), number)
        for number, one in enumerate(likely)
        if _key(one.plan) not in done
    ]
    if not expected:
        return None
    cycles, number = min(expected)
    if tried and cycles > min(tried, key=lambda one: one[0])[0] * (1 + DOUBT):
        return None
    return likely[number]


def _error(plan: Plan, errors: Sequence[tuple[Plan, float]]) -> float:
    """Return actual over predicted cycles of the most similar plan."""
    ratios = [(_distance(plan, other), error) for other, error in errors]
    return min(ratios, default=(0.0, 1.0))[1]


def _distance(one: Plan, other: Plan) -> float:
    bands = abs(math.log2(len(one.band_rows) / len(other.band_rows)))
    tiles = abs(math.log2(len(one.tile_columns) / len(other.tile_columns)))
    ways = one.is_dense != other.is_dense
    return bands + tiles + 0.5 * (one.schedule != other.schedule) + 8.0 * ways


def _key(plan: Plan) -> Hashable:
    return plan.schedule, plan.band_rows, plan.tile_columns, plan.is_dense
