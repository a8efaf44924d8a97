"""Duels: families of machines, each with a design space, under the same conditions and budgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from f2fsim import shipped
from f2fsim.config.axis import Axis
from f2fsim.config.quantity import ConfigModel, Hertz
from f2fsim.config.sweep import (
    WORKLOAD_WORDS,
    Grid,
    Objectives,
    Text,
    Texts,
    check_objectives,
    full_path,
)
from f2fsim.config.wording import RuleError
from f2fsim.config.yaml_file import NO_FILE, Document, load_yaml, model_problems, validate
from f2fsim.errors import ConfigError, choices, near_miss

Limit = Annotated[float, Field(gt=0.0, allow_inf_nan=False, strict=False)]


class Budgets(ConfigModel):
    """What a design may cost; one that costs more is no candidate.

    Attributes
    ----------
    area_mm2 : float or None
        Area of the machine at most, typical constants.
    energy_uj : float or None
        Dynamic energy of a run at most.
    time_us : float or None
        Time of a run at most.
    clock : hertz or None
        The clock that every part must allow, by its estimated levels of logic (multipliers and
        memories are not in it).
    """

    area_mm2: Limit | None = None
    energy_uj: Limit | None = None
    time_us: Limit | None = None
    clock: Hertz | None = None

    def over(self, other: Budgets) -> Budgets:
        """Return these budgets, and those of `other` where there is none here."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return other.model_copy(update=given)


class Family(Grid):
    """Machines of one kind: a base architecture or several, and what is varied of them."""

    axes: dict[str, Axis] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.archs:
            raise RuleError("at least one is needed", "archs")
        for section, paths in (("axes", self.axes), ("derive", self.derive)):
            for path in paths:
                if full_path(path).startswith("workload."):
                    raise RuleError("is of the workload: it belongs to a scenario", section, path)
        return self


class Scenario(ConfigModel):
    """What all families are to run: workloads under common conditions.

    Attributes
    ----------
    workloads : tuple of str
        Shipped names, or files relative to the specification.  With several, a design's figure is
        the geometric mean over them: one machine for all.
    sparsity, weight_type, batch, seed, pruning
        Of all workloads, in place of their own.
    layers : tuple of str or None
        Only these layers.
    set : mapping of str to value
        Values by path that all machines get (``memory.n_channels: 2``) or the workloads
        (``workload.activations.density: 0.6``).
    budgets : Budgets
        In place of those of the whole duel.
    """

    workloads: Annotated[Texts, Field(min_length=1)]
    sparsity: float | None = None
    weight_type: str | None = None
    batch: int | None = None
    seed: int | None = None
    pruning: dict[str, Any] | None = None
    layers: Texts | None = None
    set: dict[str, Any] = Field(default_factory=dict)
    budgets: Budgets = Budgets()

    def settings(self) -> dict[str, Any]:
        """Return the values that it gives, by path."""
        words = {word: getattr(self, word) for word in WORKLOAD_WORDS}
        return {word: value for word, value in words.items() if value is not None} | self.set


#: Axes of a map that are budgets.
BUDGETS = tuple(Budgets.model_fields)


class DuelSpec(ConfigModel):
    """Best against best: each family's best design, under the same conditions and budgets.

    Attributes
    ----------
    families : dict of str to Family
        Design spaces by name.
    scenarios : dict of str to Scenario
        Each is decided by itself.
    budgets : Budgets
        Of all scenarios.
    objectives : tuple of str
        The first one decides who wins; of equal designs the others.  Pareto fronts are over all.
    map : dict of str to Axis
        Two conditions, each with its values: every scenario is decided for each pair of them.  A
        condition is a path, a word of workloads (``sparsity``) or a budget (``area_mm2``).
    engine : str
        ``compiled`` or ``event``: the same counters, the second slow and traceable.
    """

    name: Text = "duel"
    description: str = ""
    families: Annotated[dict[str, Family], Field(min_length=1, max_length=64)]
    scenarios: Annotated[dict[str, Scenario], Field(min_length=1, max_length=1000)]
    budgets: Budgets = Budgets()
    objectives: Objectives = ("seconds", "energy_pj")
    map: dict[str, Axis] = Field(default_factory=dict)
    engine: Literal["compiled", "event"] = "compiled"
    _document: Document = PrivateAttr(NO_FILE)

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_objectives(self.objectives)
        if len(self.map) not in (0, 2):
            raise ValueError(f"map: has two axes, got {len(self.map)}: {', '.join(self.map)}")
        for path, axis in self.map.items():
            if axis.is_interval:
                raise ValueError(f"map: {path}: needs values, not an interval")
            if path in BUDGETS:
                for value in axis.values:
                    _check_budget(path, value)
            elif "." not in path and path not in WORKLOAD_WORDS:
                known = (*BUDGETS, *WORKLOAD_WORDS)
                near = near_miss(path, known)
                raise RuleError(
                    f"is no budget, no word of workloads and no path{near}; known: "
                    f"{choices(known)}",
                    "map",
                    path,
                )
        self._check_owners()
        return self

    def _check_owners(self) -> None:
        """Refuse a path with two owners: the map, a scenario, a family."""
        mapped = {full_path(p): ("map", p) for p in self.map if p not in BUDGETS}
        for name, scenario in self.scenarios.items():
            given = {full_path(p): ("scenarios", name, p) for p in scenario.settings()}
            for path in given.keys() & mapped.keys():
                raise RuleError(f"scenarios.{name} gives {path} too", *mapped[path])
            for family, space in self.families.items():
                own = {full_path(p) for p in (*space.axes, *space.derive)}
                for path in own & {*given, *mapped}:
                    key = mapped.get(path) or given[path]
                    raise RuleError(f"families.{family} varies {path} too", *key)

    def with_fields(self, fields: Mapping[str, Any]) -> DuelSpec:
        """Return the duel with other values of these keys, validated like a file."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        changed = make_duel(**{**given, **fields})
        changed._document = self._document
        return changed

    def narrowed(
        self,
        *,
        workloads: Sequence[str] = (),
        conditions: Mapping[str, Any] | None = None,
        families: Sequence[str] = (),
        area_mm2: float | None = None,
        objectives: Sequence[str] = (),
    ) -> DuelSpec:
        """Return the duel with some of its choices replaced; what is empty stays as it is.

        Parameters
        ----------
        workloads : sequence of str
            A scenario of each in place of the duel's.
        conditions : mapping
            Keys of `Scenario` that all scenarios get.
        families : sequence of str
            Only these.
        area_mm2 : float, optional
            Budget of all scenarios.
        objectives : sequence of str
            In place of the duel's.

        Raises
        ------
        ConfigError
            If a family is unknown or a value breaks a rule.
        """
        for name in families:
            if name not in self.families:
                near = near_miss(name, self.families)
                known = choices(self.families)
                raise ConfigError(
                    f"{self.place('families')}: no family {name!r}{near}; known: {known}"
                )
        scenarios: Mapping[str, Any] = self.scenarios
        if workloads:
            scenarios = {Path(name).stem: Scenario(workloads=(name,)) for name in workloads}
        changed: dict[str, Any] = {}
        if workloads or conditions or area_mm2 is not None:
            changed["scenarios"] = {
                name: _changed(one, conditions or {}, area_mm2) for name, one in scenarios.items()
            }
        if families:
            changed["families"] = {name: self.families[name] for name in families}
        if objectives:
            changed["objectives"] = tuple(objectives)
        return self.with_fields(changed) if changed else self

    @property
    def folder(self) -> Path:
        """Folder of the YAML file: relative files of architectures and workloads start here."""
        return self._document.path.parent

    def place(self, *key: str) -> str:
        """Return where a key stands, to begin a message: file and line if it is from a file."""
        if self._document.path == NO_FILE.path:
            return f"{self.name}: {'.'.join(key)}"
        return self._document.place(key)


@dataclass(frozen=True)
class Conditions:
    """One scenario at one place of the map: values by path, budgets, and the map's own values."""

    scenario: str
    cell: Mapping[str, Any]
    settings: Mapping[str, Any]
    budgets: Budgets

    @property
    def title(self) -> str:
        """Name of the scenario and values of the map."""
        return ", ".join([self.scenario, *(f"{k}={v}" for k, v in self.cell.items())])


def all_conditions(spec: DuelSpec) -> list[Conditions]:
    """Return every scenario at every place of the map, in order."""
    found = []
    for name, scenario in spec.scenarios.items():
        budgets = scenario.budgets.over(spec.budgets)
        for cell in _cells(spec.map):
            own = {path: value for path, value in cell.items() if path in BUDGETS}
            paths = {path: value for path, value in cell.items() if path not in BUDGETS}
            here = Budgets.model_validate(own).over(budgets)
            found.append(Conditions(name, cell, {**scenario.settings(), **paths}, here))
    return found


def _changed(
    scenario: Scenario, conditions: Mapping[str, Any], area_mm2: float | None
) -> dict[str, Any]:
    """Return a scenario's keys with other conditions."""
    data = {name: getattr(scenario, name) for name in scenario.model_fields_set}
    data |= conditions
    if area_mm2 is not None:
        data["budgets"] = Budgets(area_mm2=area_mm2).over(scenario.budgets)
    return data


def _check_budget(name: str, value: Any) -> None:
    try:
        Budgets.model_validate({name: value})
    except ValidationError as error:
        rule = str(error.errors()[0]["msg"])
        raise RuleError(f"{rule}, got {value!r}", "map", name) from None


def _cells(axes: Mapping[str, Axis]) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = [{}]
    for path, axis in axes.items():
        cells = [{**cell, path: value} for cell in cells for value in axis.values]
    return cells


def load_duel(name_or_path: str | Path) -> DuelSpec:
    """Load a duel: a shipped one by its name, or a YAML file by its path.

    Raises
    ------
    ConfigError
        If there is no such file or name, or the file breaks a rule (each with its line).
    """
    path, known = Path(name_or_path), shipped.names("duels")
    name = shipped.find(str(name_or_path), known)
    if name is not None and not path.is_file():
        path = known[name]
    elif path.suffix.lower() not in (".yaml", ".yml") and not path.exists():
        raise ConfigError(
            f"duel {str(name_or_path)!r} is neither a file nor a shipped duel"
            f"{shipped.near(str(name_or_path), known)}; shipped: {choices(known)}"
        )
    document = load_yaml(path)
    spec = validate(DuelSpec, document)
    spec._document = document
    return spec


def make_duel(**values: Any) -> DuelSpec:
    """Return a duel from plain values; `ConfigError` names each problem."""
    try:
        return DuelSpec.model_validate(values)
    except ValidationError as error:
        raise ConfigError(model_problems("duel", error, DuelSpec)) from None
