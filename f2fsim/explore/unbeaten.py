"""Sweeps without the points that bounds rule out: `sweep(..., prune=True)`.

Points on one workload are compared, as the designs of a family in a duel: one whose least figures
are beaten by a simulated one in the sweep's objectives is not simulated, and its row says so.
Fronts over all points, and over those of each workload or condition, are those of the whole sweep;
a front for each value of a machine's own axis is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from f2fsim.config.duel import Budgets
from f2fsim.errors import F2fsimError
from f2fsim.explore.duel_least import LeastFigures
from f2fsim.explore.duel_run import FamilyRun, Figures, Least, UnbeatenRun
from f2fsim.explore.points import Point, workload_digest
from f2fsim.explore.runners import Progress, Runner
from f2fsim.explore.store import ResultStore


@dataclass(frozen=True)
class _Single:
    """A point as a candidate."""

    points: tuple[Point, ...]

    @property
    def status(self) -> str:
        """Of the point."""
        return self.points[0].status


def run_unbeaten(
    store: ResultStore,
    points: Sequence[Point],
    objectives: Sequence[str],
    engine: str,
    runner: Runner,
    retry_failed: bool = False,
    progress: Progress | None = None,
    least: Least | None = None,
) -> tuple[int, dict[str, Figures]]:
    """Run the points that no bound rules out; parameters as of `run_points`.

    Returns
    -------
    n_run : int
        Points that ran now.
    pruned : dict of str to mapping
        Least figures of those that did not, by digest.
    """
    known = set(store.statuses())
    bounds = _safe(least or LeastFigures())
    groups: dict[str, list[_Single]] = {}
    for point in points:
        if point.workload is not None:
            name = "baselines" if point.role == "baseline" else workload_digest(point.workload)
            groups.setdefault(name, []).append(_Single((point,)))
    none: Least = lambda point: {}  # noqa: E731 - what others are compared with is always run
    families = {
        name: FamilyRun(group, objectives, Budgets(), none if name == "baselines" else bounds)
        for name, group in groups.items()
    }
    run = UnbeatenRun(families)
    run.run(store, engine, runner, retry_failed, progress)
    pruned: dict[str, Figures] = {}
    for family in families.values():
        for i, single in enumerate(family.designs):
            digest = single.points[0].digest
            if single.status == "ready" and digest not in known and family.is_left_out(i):
                pruned[digest] = {f"least_{name}": v for name, v in family.least[i].items()}
    return run.n_run, pruned


def _safe(least: Least) -> Least:
    """Return bounds that are empty where a machine cannot be priced: its run says why."""

    def found(point: Point) -> Figures:
        try:
            return least(point)
        except F2fsimError:
            return {}

    return found
