"""The configurations that a specification names, loaded; its paths are held against them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from f2fsim import shipped
from f2fsim.config.arch import ArchConfig, load_arch
from f2fsim.config.load_workload import load_workload
from f2fsim.config.paths import (
    has_layer_path,
    has_path,
    layer_path,
    leaves,
    workload_data,
)
from f2fsim.config.sweep import WORKLOAD_WORDS, Exploration, full_path
from f2fsim.config.workload import Workload
from f2fsim.errors import ConfigError, near_miss

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
        if kind == "workload" and layer_path(inner):
            known = any(has_layer_path(model, inner) for model in inputs.workloads.values())
        else:
            known = any(has_path(data, inner) for data in (archs if kind == "arch" else models))
        if not known:
            raise ConfigError(
                f"{spec.name}: {what}: {path}: no such path in any {kind}"
                f"{_near(path, archs, models)}"
            )


def _near(
    path: str, archs: Sequence[Mapping[str, Any]], models: Sequence[Mapping[str, Any]]
) -> str:
    """Return the known path that was probably meant: by all of it, or by its last part."""
    known = {name for data in archs for name, _ in leaves(data)} | set(WORKLOAD_WORDS)
    known |= {f"workload.{name}" for data in models for name, _ in leaves(data)}
    if near := near_miss(path, known):
        return near
    last = path.rpartition(".")[2]
    ends = {name.rpartition(".")[2] for name in known}
    meant = [e for e in ends if last == e] or [e for e in ends if near_miss(last, [e])]
    full = sorted(name for name in known if name.rpartition(".")[2] in meant[:1])
    return f" (did you mean {' or '.join(map(repr, full[:3]))}?)" if full else ""


def _holds_sections(values: Sequence[Any]) -> bool:
    return any(isinstance(value, Mapping) for value in values)
