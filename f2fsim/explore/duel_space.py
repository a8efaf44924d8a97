"""From a duel to its candidates: every design of every family under all conditions, priced.

A family under conditions is a sweep of one machine space on given workloads: its points are those
of `f2fsim.explore.expand`.  Area and clock need no simulation; what breaks these budgets is told
here.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from f2fsim import shipped
from f2fsim.config.arch import ArchConfig
from f2fsim.config.duel import Conditions, DuelSpec, all_conditions
from f2fsim.config.sweep import SweepSpec, make_sweep
from f2fsim.errors import ConfigError
from f2fsim.explore.expand import expand
from f2fsim.explore.inputs import Inputs, load_inputs
from f2fsim.explore.points import Point
from f2fsim.pipeline.cost import CostModel
from f2fsim.sharing import Shared, sharing

#: Bytes of presets, tables and other small things that all designs have in common.
SHARED_BYTES = 2**24


@dataclass(frozen=True)
class Design:
    """A candidate: a machine of a family under conditions.

    Attributes
    ----------
    family, number : str, int
        Its family, and its place there.
    arch_name, arch_file : str
        Base architecture, and the shipped name or file that it comes from.
    workload_files, layers : tuple of str
        What it runs: shipped names or files, and the layers if not all.
    values : mapping of str to value
        By path: the family's axes and ``derive``, and the conditions.
    columns : mapping of str to value
        Values of the family's axes, ``define`` and ``derive``.
    points : tuple of Point
        One a workload of the scenario.
    area_um2 : float or None
        Of the machine, typical constants; None if the design cannot be built.
    status : str
        ``ready``, ``invalid`` (breaks a rule), ``excluded`` (by a constraint) or ``over budget``.
    error : str
        Why it is not ready.
    """

    family: str
    number: int
    arch_name: str
    arch_file: str
    workload_files: tuple[str, ...]
    layers: tuple[str, ...]
    values: Mapping[str, Any]
    columns: Mapping[str, Any]
    points: tuple[Point, ...]
    area_um2: float | None
    status: str
    error: str = ""


@dataclass(frozen=True)
class Contest:
    """All families' designs under the same conditions."""

    conditions: Conditions
    families: Mapping[str, Sequence[Design]]


class Space:
    """Expands a duel; what many designs share is loaded and priced once."""

    def __init__(self, spec: DuelSpec) -> None:
        self.spec = spec
        self._inputs: dict[tuple[str, str, str], Inputs] = {}
        self._arch_files: dict[tuple[str, str], str] = {}
        self._files: dict[tuple[str, str], str] = {}
        self._prices: dict[Hashable, float] = {}
        self._clocks: dict[Hashable, float] = {}

    def contests(self) -> list[Contest]:
        """Return the designs of every scenario at every place of the map.

        Raises
        ------
        ConfigError
            If a file, path or value is wrong; with its place in the specification.
        """
        with sharing(Shared(SHARED_BYTES)):
            return [
                Contest(
                    conditions,
                    {family: self._designs(family, conditions) for family in self.families},
                )
                for conditions in all_conditions(self.spec)
            ]

    @property
    def families(self) -> list[str]:
        """Names of the families."""
        return list(self.spec.families)

    def _designs(self, family: str, conditions: Conditions) -> list[Design]:
        scenario = self.spec.scenarios[conditions.scenario]
        by_workload = [self._points(family, name, conditions) for name in scenario.workloads]
        return [
            self._design(family, number, points, conditions)
            for number, points in enumerate(zip(*by_workload, strict=True))
        ]

    def _points(self, family: str, workload: str, conditions: Conditions) -> list[Point]:
        """Return the points of a family on one workload."""
        key = family, conditions.scenario, workload
        try:
            sweep = self._sweep(family, workload, conditions)
            if key not in self._inputs:
                self._inputs[key] = load_inputs(sweep)
                for name, file in zip(self._inputs[key].archs, sweep.archs, strict=True):
                    self._arch_files[family, name] = self._file(file, "arch_configs")
            return expand(sweep, self._inputs[key])
        except ConfigError as error:
            raise self._located(error, family, conditions) from None

    def _sweep(self, family: str, workload: str, conditions: Conditions) -> SweepSpec:
        space = self.spec.families[family]
        fixed = {path: [value] for path, value in conditions.settings.items()}
        return make_sweep(
            name=self.spec.place("families", family),
            archs=space.archs,
            workloads=(workload,),
            axes={**space.axes, **fixed},
            define=space.define,
            derive=space.derive,
            constraints=space.constraints,
            zip=space.zip,
            sample=space.sample,
            layers=self.spec.scenarios[conditions.scenario].layers,
            engine=self.spec.engine,
            objectives=self.spec.objectives,
        ).with_folder(self.spec.folder)

    def _located(self, error: ConfigError, family: str, conditions: Conditions) -> ConfigError:
        """Return an error of a family's sweep with the place of the path that it names."""
        text, here = str(error), self.spec.place("families", family)
        scenario, name = self.spec.scenarios[conditions.scenario], conditions.scenario
        places: dict[str, tuple[str, ...]] = {
            path: ("families", family, "axes", path) for path in self.spec.families[family].axes
        }
        places |= {path: ("scenarios", name, path) for path in scenario.settings()}
        places |= {path: ("scenarios", name, "set", path) for path in scenario.set}
        places |= {path: ("map", path) for path in conditions.cell}
        for path, key in places.items():
            start = f"{here}: axes: {path}: "
            if text.startswith(start):
                return ConfigError(f"{self.spec.place(*key)}: {text[len(start) :]}")
        return error

    def _design(
        self, family: str, number: int, points: tuple[Point, ...], conditions: Conditions
    ) -> Design:
        first = points[0]
        columns = {k: v for k, v in first.columns.items() if k not in conditions.settings}
        area, status, error = None, "ready", ""
        for point in points:
            if point.status != "ready":
                status, error = point.status, point.error
                break
        else:
            area = max(self._area_um2(point) for point in points)
            error = self._too_much(area, points, conditions)
            status = "over budget" if error else "ready"
        scenario, space = self.spec.scenarios[conditions.scenario], self.spec.families[family]
        own = {path: v for path, v in columns.items() if path in (*space.axes, *space.derive)}
        return Design(
            family,
            number,
            first.arch_name,
            self._arch_files[family, first.arch_name],
            tuple(self._file(name, "workloads") for name in scenario.workloads),
            scenario.layers or (),
            {**own, **conditions.settings},
            columns,
            points,
            area,
            status,
            error,
        )

    def _file(self, name: str, kind: str) -> str:
        """Return a shipped name as it is, and a file as it is found from the working folder."""
        if (name, kind) not in self._files:
            beside = self.spec.folder / name
            is_own = name not in shipped.names(kind) and beside.is_file()
            self._files[name, kind] = str(beside) if is_own else name
        return self._files[name, kind]

    def _area_um2(self, point: Point) -> float:
        """Return the area of a machine."""
        arch, kind = _machine(point)
        key = _priced(arch), kind
        if key not in self._prices:
            self._prices[key] = sum(CostModel.of(arch).area_um2(kind).values())
        return self._prices[key]

    def _clock_hz(self, point: Point) -> float:
        """Return the clock that the slowest part of a machine allows."""
        arch, kind = _machine(point)
        key = _priced(arch), kind
        if key not in self._clocks:
            limits = CostModel.of(arch).clock_limits_hz(kind)
            self._clocks[key] = min(limits.values(), default=float("inf"))
        return self._clocks[key]

    def _too_much(self, area_um2: float, points: Sequence[Point], conditions: Conditions) -> str:
        """Return which budget a machine breaks before it is run, empty for none."""
        budgets = conditions.budgets
        if budgets.area_mm2 is not None and area_um2 > 1e6 * budgets.area_mm2:
            return f"area {area_um2 / 1e6:.4g} mm2 is over {budgets.area_mm2:g}"
        if budgets.clock is not None:
            clock_hz = min(self._clock_hz(point) for point in points)
            if clock_hz < budgets.clock:
                asked = budgets.clock / 1e6
                return f"its slowest part allows {clock_hz / 1e6:.4g} MHz, not {asked:g}"
        return ""


def _machine(point: Point) -> tuple[ArchConfig, str]:
    """Return a point's machine, and the type that its multipliers take."""
    assert point.arch is not None
    assert point.workload is not None
    return point.arch, point.workload.widest_weight_type


def _priced(arch: ArchConfig) -> Hashable:
    """Return what the area of a machine and its levels of logic depend on."""
    return (
        arch.front_end,
        arch.pe_array,
        arch.scratchpad,
        arch.streams,
        arch.vector,
        arch.cost_table,
    )
