"""From a specification to its points: the same specification gives the same points in order.

Nothing is left out silently: a combination that breaks a rule becomes a point with the status
``invalid`` and the rule, one that a constraint rules out becomes ``excluded`` with the constraint.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from f2fsim import shipped
from f2fsim.config.arch import ArchConfig, load_arch
from f2fsim.config.expression import Expression
from f2fsim.config.paths import (
    has_path,
    names_for_expressions,
    set_path,
    workload_data,
    workload_with_values,
)
from f2fsim.config.sweep import WORKLOAD_WORDS, Exploration, SweepSpec, full_path
from f2fsim.config.workload import Workload, load_workload
from f2fsim.errors import ConfigError, InputError, near_miss
from f2fsim.explore.points import Point, code_digest, point_digest, text_digest, workload_digest

MAX_POINTS = 1_000_000
#: Sections whose axes a baseline takes over too, so that only the decoder and its PEs differ.
OWN_SECTIONS = ("arch.front_end", "arch.pe_array", "arch.name", "arch.description")


Named = TypeVar("Named", ArchConfig, Workload)


@dataclass(frozen=True)
class Inputs:
    """Configurations that a specification names, loaded."""

    archs: Mapping[str, ArchConfig]
    workloads: Mapping[str, Workload]
    baselines: Mapping[str, ArchConfig]


def load_inputs(
    spec: Exploration,
    archs: Sequence[ArchConfig] = (),
    workloads: Sequence[Workload] = (),
) -> Inputs:
    """Load what a specification names; `archs` and `workloads` come on top.

    Raises
    ------
    ConfigError
        If there is no architecture or workload, or a file is missing or wrong.
    """
    loaded = [load_arch(_place(name, spec, "arch_configs")) for name in spec.archs]
    models = [load_workload(_place(name, spec, "workloads")) for name in spec.workloads]
    if spec.layers is not None:
        chosen = list(spec.layers)
        models = [model.with_overrides(layers=chosen) for model in models]
    beside = [load_arch(_place(name, spec, "arch_configs")) for name in spec.baselines]
    inputs = Inputs(
        _by_name([*loaded, *archs], "archs", "architecture", spec),
        _by_name([*models, *workloads], "workloads", "workload", spec),
        _by_name(beside, "baselines", "architecture", spec),
    )
    for what, given in (("archs", inputs.archs), ("workloads", inputs.workloads)):
        if not given:
            raise ConfigError(f"{spec.name}: {what}: at least one is needed")
    _check_paths(spec, inputs)
    return inputs


def _by_name(configs: Sequence[Named], what: str, kind: str, spec: Exploration) -> dict[str, Named]:
    """Return configurations by their own names, which must differ."""
    named: dict[str, Named] = {}
    for config in configs:
        if config.name in named:
            raise ConfigError(f"{spec.name}: {what}: two have the {kind} name {config.name!r}")
        named[config.name] = config
    return named


def _place(name: str, spec: Exploration, kind: str) -> str | Path:
    """Return a shipped name as it is, and a file relative to the specification's folder."""
    if name in shipped.names(kind) or Path(name).is_absolute():
        return name
    beside = spec.folder / name
    return beside if beside.exists() or Path(name).suffix in (".yaml", ".yml") else name


def _check_paths(spec: Exploration, inputs: Inputs) -> None:
    """Refuse a path that no architecture or workload has: a slip, not a set of invalid points."""
    sections = [full_path(path) for path, axis in spec.axes.items() if _holds_sections(axis.values)]
    archs = [arch.model_dump(mode="json") for arch in inputs.archs.values()]
    models = [workload_data(workload) for workload in inputs.workloads.values()]
    for what, path in [("axes", p) for p in spec.axes] + [("derive", p) for p in spec.derive]:
        kind, _, inner = full_path(path).partition(".")
        if any(full_path(path).startswith(f"{section}.") for section in sections):
            continue
        if kind == "workload" and inner in WORKLOAD_WORDS:
            continue
        places = archs if kind == "arch" else models
        if not any(has_path(data, inner) for data in places):
            known = {name for data in places for name in names_for_expressions(data, {}, {})}
            words = {*known, *WORKLOAD_WORDS} if kind == "arch" else known
            raise ConfigError(
                f"{spec.name}: {what}: {path}: no such path in any {kind}{near_miss(inner, words)}"
            )


def _holds_sections(values: Sequence[Any]) -> bool:
    return any(isinstance(value, Mapping) for value in values)


def combinations(spec: SweepSpec) -> Iterator[dict[str, Any]]:
    """Yield the values of the axes, by path, of each combination; the last axis runs fastest."""
    blocks = _blocks(spec)
    sizes = [len(block) for block in blocks]
    if spec.sample is not None:
        yield from _sampled(spec, blocks)
        return
    if math.prod(sizes) > MAX_POINTS:
        raise ConfigError(
            f"{spec.name}: the grid has {math.prod(sizes)} points, at most {MAX_POINTS} are run; "
            "use sample to draw from it"
        )
    for parts in itertools.product(*blocks):
        yield _in_order(spec, parts)


def _blocks(spec: SweepSpec) -> list[list[dict[str, Any]]]:
    """Return what varies together: zipped axes as one block each, every other axis as its own."""
    names = {full_path(path): path for path in spec.axes}
    groups = {full_path(path): group for group in spec.zip for path in group}
    blocks: list[list[dict[str, Any]]] = []
    done: set[str] = set()
    for path, axis in spec.axes.items():
        if full_path(path) in done or axis.is_interval:
            continue
        together = [names[full_path(p)] for p in groups.get(full_path(path), (path,))]
        done |= {full_path(p) for p in together}
        columns = [spec.axes[p].values for p in together]
        blocks.append([dict(zip(together, row, strict=True)) for row in zip(*columns, strict=True)])
    return blocks


def _in_order(spec: SweepSpec, parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    merged = {path: value for part in parts for path, value in part.items()}
    return {path: merged[path] for path in spec.axes}


def _sampled(spec: SweepSpec, blocks: list[list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """Yield different random combinations, all of the grid if it has no more."""
    assert spec.sample is not None
    rng, wanted = Random(spec.sample.seed), spec.sample.n_points
    intervals = {path: axis for path, axis in spec.axes.items() if axis.is_interval}
    total = math.prod(len(block) for block in blocks)
    if not intervals:
        for number in rng.sample(range(total), min(wanted, total)):
            parts = []
            for block in reversed(blocks):
                number, place = divmod(number, len(block))
                parts.append(block[place])
            yield _in_order(spec, parts)
        return
    seen: set[str] = set()
    for _ in range(100 * wanted):
        parts = [block[rng.randrange(len(block))] for block in blocks]
        drawn = _in_order(spec, [*parts, {p: axis.draw(rng) for p, axis in intervals.items()}])
        key = text_digest(drawn)
        if key not in seen:
            seen.add(key)
            yield drawn
        if len(seen) == wanted:
            return


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
