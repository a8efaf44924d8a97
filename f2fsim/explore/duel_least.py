"""The least figures of a point of a design space: what a simulation of it is never below."""

from __future__ import annotations

from typing import Any

from f2fsim.config.workload import Workload
from f2fsim.explore.evaluate import KEPT
from f2fsim.explore.points import Point, workload_digest
from f2fsim.mapping.totals import Totals, layer_totals
from f2fsim.pipeline.least import least
from f2fsim.pipeline.target import make_target
from f2fsim.sharing import Shared, sharing


class LeastFigures:
    """Bounds of points by name of the figure; totals of a workload's layers are kept."""

    def __init__(self) -> None:
        self._totals: dict[str, list[Totals]] = {}
        self._shared = Shared(2**24)

    def __call__(self, point: Point) -> dict[str, Any]:
        """Return least seconds, energy and DRAM bytes of a point, and its area."""
        assert point.arch is not None
        assert point.workload is not None
        with sharing(self._shared):
            target = make_target(point.arch, point.workload, None)
            found = least(target.arch, target.dram, target.cost, self._of(target.workload))
            area = target.cost.area_um2(point.workload.widest_weight_type)
        return {
            "seconds": found.seconds,
            "energy_pj": found.energy_pj,
            "dram_bytes": found.dram_bytes,
            "area_um2": sum(area.values()),
        }

    def _of(self, workload: Workload) -> list[Totals]:
        key = workload_digest(workload)
        if key not in self._totals:
            layers = ((data.layer, data.tensor) for data in KEPT.layers(workload))
            self._totals[key] = layer_totals(layers)
        return self._totals[key]
