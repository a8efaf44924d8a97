"""Sweeps and searches: what is varied, what is left out, what counts as better."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from f2fsim.config.axis import Axis
from f2fsim.config.expression import Expression
from f2fsim.config.quantity import ConfigModel
from f2fsim.config.yaml_file import load_yaml, model_problems, validate
from f2fsim.errors import ConfigError, choices, near_miss

#: What a point is judged by: name of the figure, and whether less or more of it is better.
OBJECTIVES: dict[str, Literal["min", "max"]] = {
    "seconds": "min",
    "n_cycles": "min",
    "energy_pj": "min",
    "area_um2": "min",
    "bits_per_weight": "min",
    "bits_per_weight_without_mask": "min",
    "dram_bytes": "min",
    "effective_gmacs_per_second": "max",
    "pe_utilisation": "max",
    "encoding_efficiency": "max",
}


def objective_parts(text: str) -> tuple[str, Literal["min", "max"]]:
    """Return figure and direction of an objective: a key of `OBJECTIVES`, or ``column:max``.

    Raises
    ------
    ConfigError
        If the figure has no direction of its own and none is given.
    """
    column, colon, direction = text.partition(":")
    if direction == "min":
        return column, "min"
    if direction == "max":
        return column, "max"
    if colon:
        raise ConfigError(f"the direction of an objective is min or max, got {text!r}")
    if column not in OBJECTIVES:
        raise ConfigError(
            f"unknown objective {column!r}{near_miss(column, OBJECTIVES)}; known: "
            f"{choices(OBJECTIVES)}; any other column as column:min or column:max"
        )
    return column, OBJECTIVES[column]


Text = Annotated[str, Field(min_length=1, max_length=2000)]
Texts = Annotated[tuple[Text, ...], Field(strict=False)]
Objectives = Annotated[tuple[Text, ...], Field(strict=False, min_length=1, max_length=6)]
Paths = Annotated[tuple[Annotated[tuple[Text, ...], Field(strict=False)], ...], Field(strict=False)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Sample(ConfigModel):
    """Draw ``n_points`` different points at random instead of taking the whole grid.

    Attributes
    ----------
    n_points : int
        Different points that are drawn.
    seed : int
        Of the draw.
    """

    n_points: Annotated[int, Field(ge=1, le=1_000_000)]
    seed: Seed = 1


class Space(ConfigModel):
    """Machines and what is varied of them.

    Attributes
    ----------
    archs : tuple of str
        Shipped names, or files relative to the specification.
    axes : dict of str to Axis
        By path: ``front_end.n_out`` (of the architecture; ``arch.`` may stand before it) or
        ``workload.sparsity`` (``sparsity``, ``weight_type``, ``batch``, ``seed`` and ``pruning``
        may stand alone).
    define : dict of str to str
        Named values by expressions, for the ones below and as columns of the table.
    derive : dict of str to str
        Further paths, set by expressions.
    constraints : tuple of str
        Expressions that must hold; points where one does not are recorded as excluded.
    """

    archs: Texts = ()
    axes: dict[str, Axis]
    define: dict[str, Text] = Field(default_factory=dict)
    derive: dict[str, Text] = Field(default_factory=dict)
    constraints: Texts = ()

    @model_validator(mode="after")
    def _check_space(self) -> Self:
        for what, text in self.expressions():
            try:
                Expression.parse(text)
            except ConfigError as error:
                raise ValueError(f"{what}: {error}") from None
        for name in self.define:
            if not name.isidentifier():
                raise ValueError(f"define: a name has letters, digits and _, got {name!r}")
            if name in WORKLOAD_WORDS:
                raise ValueError(f"define: {name} is a parameter of the workload")
        both = sorted({full_path(p) for p in self.axes} & {full_path(p) for p in self.derive})
        if both:
            raise ValueError(f"derive: {both[0]} is an axis already")
        seen: dict[str, str] = {}
        for path in self.axes:
            if full_path(path) in seen:
                raise ValueError(f"axes: {path} and {seen[full_path(path)]} are the same")
            seen[full_path(path)] = path
        return self

    def expressions(self) -> Iterator[tuple[str, str]]:
        """Yield where each expression stands and its text."""
        for name, text in self.define.items():
            yield f"define.{name}", text
        for name, text in self.derive.items():
            yield f"derive.{name}", text
        for i, text in enumerate(self.constraints):
            yield f"constraints.{i}", text


class Grid(Space):
    """All values of the axes with each other, some of them zipped, or points drawn at random.

    Attributes
    ----------
    zip : tuple of tuple of str
        Axes that go together, value by value; they must be equally long.
    sample : Sample or None
        Random points in place of the whole grid.
    """

    zip: Paths = ()
    sample: Sample | None = None

    @model_validator(mode="after")
    def _check_grid(self) -> Self:
        known = {full_path(path): path for path in self.axes}
        seen: set[str] = set()
        for group in self.zip:
            for path in group:
                if full_path(path) not in known:
                    near = near_miss(path, self.axes)
                    raise ValueError(f"zip: {path} is no axis{near}; known: {choices(self.axes)}")
                if full_path(path) in seen:
                    raise ValueError(f"zip: {path} is named twice")
                seen.add(full_path(path))
            lengths = {p: len(self.axes[known[full_path(p)]].values) for p in group}
            if len(set(lengths.values())) > 1:
                raise ValueError(f"zip: axes must be equally long, got {lengths}")
            if 0 in lengths.values():
                raise ValueError(f"zip: an interval cannot be zipped: {', '.join(group)}")
        intervals = [path for path, axis in self.axes.items() if axis.is_interval]
        if intervals and self.sample is None:
            raise ValueError(
                f"axes: {intervals[0]} is an interval, which only a sample or a search draws from"
            )
        return self


class Exploration(Space):
    """What sweeps and searches share: a design space on workloads.

    Attributes
    ----------
    workloads : tuple of str
        Shipped names, or files relative to the specification; crossed with all machines.
    baselines : tuple of str
        Architectures that every point is compared with, on the point's own workload and with its
        values of memory, scratchpad, streams, clock and schedule.
    layers : tuple of str or None
        Only these layers of the workloads.
    engine : str
        ``compiled`` or ``event``: the same counters, the second slow and traceable.
    objectives : tuple of str
        Keys of `OBJECTIVES`, or ``column:min`` and ``column:max`` for any figure of a point.
    """

    name: Text = "sweep"
    description: str = ""
    workloads: Texts = ()
    baselines: Texts = ()
    layers: Texts | None = None
    engine: Literal["compiled", "event"] = "compiled"
    objectives: Objectives = ("seconds", "bits_per_weight")
    _folder: Path = PrivateAttr(default_factory=Path)

    @model_validator(mode="after")
    def _check_objectives(self) -> Self:
        check_objectives(self.objectives)
        return self

    @property
    def folder(self) -> Path:
        """Folder of the YAML file: relative files of architectures and workloads start here."""
        return self._folder

    def with_conditions(self, conditions: Mapping[str, Any]) -> Self:
        """Return the specification with one value in place of an axis, for each condition given.

        Parameters
        ----------
        conditions : mapping
            Keys of `WORKLOAD_WORDS`, such as ``{"sparsity": 0.9}``; others of the specification
            stay as they are.

        Raises
        ------
        ConfigError
            If a value cannot be one of an axis.
        """
        if not conditions:
            return self
        taken = {full_path(word) for word in conditions}
        axes = {path: axis for path, axis in self.axes.items() if full_path(path) not in taken}
        axes |= {word: Axis.model_validate([value]) for word, value in conditions.items()}
        return self.model_copy(update={"axes": axes})

    def with_folder(self, folder: Path) -> Self:
        """Return the same specification whose relative files start in `folder`."""
        copy = self.model_copy()
        copy._folder = folder
        return copy


def check_objectives(objectives: Sequence[str]) -> None:
    """Refuse objectives that are unknown or given twice, as `ValueError`."""
    try:
        columns = [objective_parts(objective)[0] for objective in objectives]
    except ConfigError as error:
        raise ValueError(f"objectives: {error}") from None
    if len(set(columns)) != len(columns):
        raise ValueError(f"objectives: one is given twice: {', '.join(objectives)}")


class SweepSpec(Exploration, Grid):
    """A sweep: the grid of all axes on workloads, some of them zipped, or points drawn from it."""


class SearchSpec(Exploration):
    """A multi-objective search by Optuna.

    Attributes
    ----------
    n_trials : int
        Trials of the whole study; a resumed one goes on to this number.
    batch : int
        Trials that are asked for before any of them is told: the size of a generation that is
        evaluated in parallel.  Part of the specification, so that a result does not depend on how
        many workers there were.
    sampler : str
        ``nsga2``, ``tpe`` or ``random``.
    seed : int
        Of the sampler.
    limits : tuple of str
        Expressions over the figures of a point (``area_um2 <= 2e6``); trials that break one are
        infeasible and never on the front.
    """

    n_trials: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    batch: Annotated[int, Field(ge=1, le=10_000)] = 16
    sampler: Literal["nsga2", "tpe", "random"] = "nsga2"
    seed: Seed = 1
    limits: Texts = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.archs) > 1 or len(self.workloads) > 1:
            raise ValueError("a search has one architecture and one workload")
        if self.baselines:
            raise ValueError("baselines: a search has none; sweep its front to compare it")
        return self

    def expressions(self) -> Iterator[tuple[str, str]]:
        """Yield where each expression stands and its text."""
        yield from super().expressions()
        for i, text in enumerate(self.limits):
            yield f"limits.{i}", text


#: Workload parameters that may stand without ``workload.`` before them.
WORKLOAD_WORDS = ("sparsity", "weight_type", "batch", "seed", "pruning")


def full_path(path: str) -> str:
    """Return a path with its ``arch.`` or ``workload.`` before it."""
    if path in WORKLOAD_WORDS:
        return f"workload.{path}"
    return path if path.startswith(("arch.", "workload.")) else f"arch.{path}"


def load_sweep(path: str | Path) -> SweepSpec:
    """Load a sweep from a YAML file; `ConfigError` names each problem with its line."""
    return validate(SweepSpec, load_yaml(Path(path))).with_folder(Path(path).parent)


def load_search(path: str | Path) -> SearchSpec:
    """Load a search from a YAML file; `ConfigError` names each problem with its line."""
    return validate(SearchSpec, load_yaml(Path(path))).with_folder(Path(path).parent)


def make_sweep(**values: Any) -> SweepSpec:
    """Return a sweep from plain values; `ConfigError` names each problem."""
    try:
        return SweepSpec.model_validate(values)
    except ValidationError as error:
        raise ConfigError(model_problems("sweep", error, SweepSpec)) from None
