"""Why a design wins a duel: what binds it by experiment, and how firm its energy and area are."""

from __future__ import annotations

from dataclasses import replace

from f2fsim.config.cost import load_cost_table
from f2fsim.cost import RatioRange, ratio_range
from f2fsim.explore.duel_result import Decision, Reasons
from f2fsim.explore.duel_space import Contest
from f2fsim.explore.points import Point
from f2fsim.explore.whatif import what_if
from f2fsim.pipeline import simulate
from f2fsim.pipeline.cost import CostModel
from f2fsim.results import SimResult
from f2fsim.results.binding import Binding, binding


def with_reasons(decision: Decision, contest: Contest) -> Decision:
    """Return a decision with experiments on the winner, and the ranges of its energy and area."""
    if decision.best is None:
        return decision
    mine = contest.families[decision.winner][decision.best["design"]]
    rival = None
    if decision.second:
        best = decision.entries[decision.second].best or {}
        rival = contest.families[decision.second][best["design"]]
    bindings: dict[str, Binding] = {}
    energy: dict[str, RatioRange] = {}
    for number, point in enumerate(mine.points):
        assert point.arch is not None
        assert point.workload is not None
        (explained,) = what_if(point.workload, [point.arch], isolated=True)
        found = binding(explained.what_if)
        if found is not None:
            bindings[point.workload_name] = found
        if rival is not None:
            ratio = _energy_ratio(_simulated(rival.points[number]), explained)
            if ratio is not None:
                energy[point.workload_name] = ratio
    areas = [_areas(point) for point in mine.points]
    area = max(low for low, _ in areas), max(high for _, high in areas)
    return replace(decision, reasons=Reasons(bindings, energy, area))


def _simulated(point: Point) -> SimResult:
    assert point.arch is not None
    assert point.workload is not None
    return simulate(point.arch, point.workload, isolated=True)


def _areas(point: Point) -> tuple[float, float]:
    """Return a machine's area with all constants at their low and at their high ends."""
    assert point.arch is not None
    assert point.workload is not None
    cost, kind = CostModel.of(point.arch), point.workload.widest_weight_type
    return sum(cost.area_um2(kind, "low").values()), sum(cost.area_um2(kind, "high").values())


def _energy_ratio(other: SimResult, me: SimResult) -> RatioRange | None:
    """Return the range of one result's energy over another's; None if they cannot be compared."""
    tables = {result.manifest["arch"]["cost_table"] for result in (other, me)}
    theirs, mine = _amounts(other), _amounts(me)
    if len(tables) > 1 or not theirs or not mine:
        return None
    return ratio_range(theirs, mine, load_cost_table(tables.pop()))


def _amounts(result: SimResult) -> dict[str, float]:
    total: dict[str, float] = {}
    for layer in result.layers:
        for key, amount in layer.energy_amounts.items():
            total[key] = total.get(key, 0.0) + amount * layer.repeat
    return total
