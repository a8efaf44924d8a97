"""From a specification to its points: the same specification gives the same points in order.

Nothing is left out silently: a combination that breaks a rule becomes a point with the status
``invalid`` and the rule, one that a constraint rules out becomes ``excluded`` with the constraint.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from f2fsim.config.arch import ArchConfig
from f2fsim.config.expression import Expression
from f2fsim.config.paths import (
    layer_path,
    names_for_expressions,
    set_path,
    workload_data,
    workload_with_values,
)
from f2fsim.config.sweep import WORKLOAD_WORDS, Exploration, SweepSpec, full_path
from f2fsim.config.workload import Workload
from f2fsim.errors import ConfigError, InputError
from f2fsim.explore.combinations import MAX_POINTS, combinations
from f2fsim.explore.inputs import Inputs
from f2fsim.explore.points import Point, code_digest, point_digest, text_digest, workload_digest

#: Sections whose axes a baseline takes over too, so that only the decoder and its PEs differ.
OWN_SECTIONS = ("arch.front_end", "arch.pe_array", "arch.name", "arch.description")


class Expander:
    """Builds single points of a specification; shared by sweeps and searches."""

    def __init__(self, spec: Exploration, inputs: Inputs) -> None:
        self.spec = spec
        self.inputs = inputs
        self._define = {name: Expression.parse(text) for name, text in spec.define.items()}
        self._derive = {path: Expression.parse(text) for path, text in spec.derive.items()}
        self._constraints = [Expression.parse(text) for text in spec.constraints]
        self._arch_data = {n: a.model_dump(mode="json") for n, a in inputs.archs.items()}
        self._workload_data = {n: workload_data(w) for n, w in inputs.workloads.items()}
        self._workloads: dict[str, Workload] = {}
        self._memories: dict[str, str] = {}
        self._digests: dict[int, tuple[Workload, str]] = {}

    def point(
        self, index: int, arch_name: str, workload_name: str, values: Mapping[str, Any]
    ) -> Point:
        """Return the point with these values of the axes (by the specification's paths)."""
        columns = dict(values)
        try:
            paths, broken = self._settings(arch_name, workload_name, columns)
            if broken:
                return self._unusable(index, arch_name, workload_name, columns, "excluded", broken)
            arch = self.inputs.archs[arch_name].with_values(_of(paths, "arch"))
            workload = self._workload(workload_name, _of(paths, "workload"))
            digest = self._digest(arch, workload)
        except InputError as error:
            text = str(error)
            return self._unusable(index, arch_name, workload_name, columns, "invalid", text)
        return Point(
            index=index,
            role="point",
            arch_name=arch_name,
            workload_name=workload_name,
            columns=columns,
            digest=digest,
            status="ready",
            arch=arch,
            workload=workload,
        )

    def _settings(
        self, arch_name: str, workload_name: str, columns: dict[str, Any]
    ) -> tuple[dict[str, Any], str]:
        """Return the value of every path that is set, and the constraint that fails, if any.

        Adds what ``define`` and ``derive`` give to `columns`.
        """
        arch, model = _copy(self._arch_data[arch_name]), _copy(self._workload_data[workload_name])
        paths: dict[str, Any] = {}

        def put(path: str, value: Any) -> None:
            kind, _, inner = full_path(path).partition(".")
            paths[full_path(path)] = value
            if kind == "arch":
                set_path(arch, inner, value, f"architecture {arch_name!r}")
            elif inner == "sparsity":
                model["sparsity"] = value
                model["pruning"] = {**model["pruning"], "sparsity": value}
            elif inner in WORKLOAD_WORDS:
                model[inner] = value
            elif layer_path(inner):
                pass  # layers are no names of expressions; the axis' own name is one
            else:
                set_path(model, inner, value, f"workload {workload_name!r}")

        for path, value in list(columns.items()):
            put(path, value)
        for name, expression in self._define.items():
            columns[name] = expression.evaluate(names_for_expressions(arch, model, columns))
        for path, expression in self._derive.items():
            columns[path] = expression.evaluate(names_for_expressions(arch, model, columns))
            put(path, columns[path])
        if self._constraints:
            names = names_for_expressions(arch, model, columns)
            for constraint in self._constraints:
                if not constraint.evaluate(names):
                    return paths, f"constraint {constraint.text!r} does not hold"
        return paths, ""

    def _digest(self, arch: ArchConfig, workload: Workload) -> str:
        """Return the key of a point; what many points share is worked out once."""
        memory = arch.memory.digest()
        if memory not in self._memories:
            self._memories[memory] = arch.dram().digest()
        if (
            id(workload) not in self._digests
        ):  # the object is kept beside, so that its id is its own
            self._digests[id(workload)] = workload, workload_digest(workload)
        model = self._digests[id(workload)][1]
        return point_digest(arch, self._memories[memory], model, self.spec.engine)

    def _workload(self, name: str, values: Mapping[str, Any]) -> Workload:
        key = text_digest(name, values)
        if key not in self._workloads:
            self._workloads[key] = workload_with_values(self.inputs.workloads[name], values)
        return self._workloads[key]

    def _unusable(
        self,
        index: int,
        arch: str,
        workload: str,
        columns: Mapping[str, Any],
        status: Any,
        error: str,
    ) -> Point:
        digest = text_digest(
            status,
            self.inputs.archs[arch].digest(),
            self.inputs.workloads[workload].digest(),
            columns,
            self.spec.define,
            self.spec.derive,
            error,
            code_digest(),
        )
        return Point(index, "point", arch, workload, columns, digest, status, error)

    def baseline(self, name: str, point: Point) -> Point:
        """Return a baseline's point beside `point`: its workload, its shared sections."""
        assert point.workload is not None
        spec_paths = {*self.spec.axes, *self.spec.derive}
        shared = {
            full_path(path).partition(".")[2]: value
            for path, value in point.columns.items()
            if path in spec_paths
            and full_path(path).startswith("arch.")
            and not full_path(path).startswith(OWN_SECTIONS)
        }
        columns = {
            path: value
            for path, value in point.columns.items()
            if path in spec_paths and not full_path(path).startswith(OWN_SECTIONS)
        }
        common = replace(point, role="baseline", arch_name=name, columns=columns, baselines={})
        try:
            arch = self.inputs.baselines[name].with_values(shared)
            digest = self._digest(arch, point.workload)
        except InputError as error:
            text = str(error)
            digest = text_digest("invalid", name, columns, text, code_digest())
            return replace(common, arch=None, digest=digest, status="invalid", error=text)
        return replace(common, arch=arch, digest=digest)


def _of(paths: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return the paths of an architecture or a workload, without their first word."""
    return {p.partition(".")[2]: v for p, v in paths.items() if p.partition(".")[0] == kind}


def _copy(data: Any) -> Any:
    return {k: _copy(v) for k, v in data.items()} if isinstance(data, dict) else data


def expand(spec: SweepSpec, inputs: Inputs) -> list[Point]:
    """Return all points of a sweep, then the baselines that they are compared with.

    Raises
    ------
    ConfigError
        If the specification has too many points, or an expression reads a name that no
        combination has.
    """
    expander = Expander(spec, inputs)
    points: list[Point] = []
    values = list(combinations(spec))
    if len(values) * len(inputs.archs) * len(inputs.workloads) > MAX_POINTS:
        raise ConfigError(f"{spec.name}: more than {MAX_POINTS} points; use sample to draw some")
    baselines: dict[str, Point] = {}
    for arch_name, workload_name in itertools.product(inputs.archs, inputs.workloads):
        for one in values:
            point = expander.point(len(points), arch_name, workload_name, one)
            if point.status == "ready":
                beside = {name: expander.baseline(name, point) for name in inputs.baselines}
                for other in beside.values():
                    baselines.setdefault(other.digest, other)
                point = replace(point, baselines={n: p.digest for n, p in beside.items()})
            points.append(point)
    _check_names(spec, points)
    first = len(points)
    return points + [replace(p, index=first + i) for i, p in enumerate(baselines.values())]


def _check_names(spec: SweepSpec, points: Sequence[Point]) -> None:
    """Refuse an expression that fails in the same way everywhere: a slip in the specification."""
    errors = {point.error for point in points if point.status == "invalid"}
    if len(errors) == 1 and all(point.status == "invalid" for point in points):
        raise ConfigError(f"{spec.name}: no point is valid: {errors.pop()}")
