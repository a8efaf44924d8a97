"""Dotted paths into architectures and workloads, and the names that expressions see."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from f2fsim import units
from f2fsim.config.sweep import WORKLOAD_WORDS, full_path
from f2fsim.config.workload import Workload
from f2fsim.config.yaml_file import model_problems
from f2fsim.errors import ConfigError, choices, near_miss


def has_path(data: Mapping[str, Any], path: str) -> bool:
    """Whether `data` has a value at a dotted path."""
    at: Any = data
    for key in path.split("."):
        if not isinstance(at, Mapping) or key not in at:
            return False
        at = at[key]
    return True


def set_path(data: dict[str, Any], path: str, value: Any, what: str) -> None:
    """Put a value at a dotted path of nested mappings, which must exist.

    Raises
    ------
    ConfigError
        If there is no such path; the message starts with `what` and gives the nearest key.
    """
    at: Any = data
    *folders, last = path.split(".")
    for key in (*folders, last):
        if not isinstance(at, dict) or key not in at:
            known = at if isinstance(at, dict) else ()
            listing = f"; known: {choices(known)}" if known else ""
            raise ConfigError(f"{what}: {path}: no key {key!r}{near_miss(key, known)}{listing}")
        if key == last and at[key] is not None and isinstance(at[key], int):
            value = _plain(value)
        parent, at = at, at[key]
    parent[last] = value


def _plain(value: Any) -> Any:
    """Return a quantity as the integer that it stands for, anything else as it is."""
    if isinstance(value, str):
        for parse in (units.parse_bytes, units.parse_hz):
            with contextlib.suppress(ValueError):
                return parse(value)
    return value


def leaves(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted path and value of everything in nested mappings, sections included."""
    for key, value in data.items():
        yield prefix + key, value
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")


def layer_path(path: str) -> str:
    """Return what follows ``layers.`` in a path of a workload, empty for any other path."""
    return path.removeprefix("layers.") if path.startswith("layers.") else ""


def has_layer_path(workload: Workload, path: str) -> bool:
    """Whether a workload has a path ``layers.NAME.key`` or ``layers.*.key``."""
    layers = [layer.model_dump() for layer in workload.layers]
    with contextlib.suppress(ConfigError):
        return all(has_path(*at) for at in _layers_at(layers, layer_path(path), ""))
    return False


def _layers_at(
    layers: Sequence[dict[str, Any]], path: str, what: str
) -> list[tuple[dict[str, Any], str]]:
    """Return the layers that ``NAME.key`` or ``*.key`` means, each with the key.

    A name may hold dots itself; the longest one that fits is meant.
    """
    if path.startswith("*."):
        found = [(layer, path[2:]) for layer in layers if has_path(layer, path[2:])]
    else:
        named = [layer for layer in layers if path.startswith(f"{layer['name']}.")]
        named.sort(key=lambda layer: -len(layer["name"]))
        found = [(layer, path[len(layer["name"]) + 1 :]) for layer in named[:1]]
    if not found:
        names = [str(layer["name"]) for layer in layers]
        near = near_miss(path.rpartition(".")[0], names)
        raise ConfigError(f"{what}: layers.{path}: no such layer or key{near}")
    return found


def workload_data(workload: Workload) -> dict[str, Any]:
    """Return a workload without its layers as plain data, its sizes beside it."""
    return workload.model_dump(mode="json", exclude={"layers", "excluded"}) | {
        "n_weights": workload.n_weights,
        "macs": workload.macs,
        "n_layers": len(workload.layers),
    }


def names_for_expressions(
    arch: Mapping[str, Any], workload: Mapping[str, Any], columns: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what an expression may read.

    Dotted paths of the architecture (with and without ``arch.``) and of the workload
    (``workload.…``); last parts of architecture paths where they are unique; last parts of the
    axes' paths, which go before them; ``sparsity``, ``weight_type``, ``batch`` and ``seed`` of the
    workload where no axis takes the name.

    Parameters
    ----------
    arch, workload : mapping
        Plain data with the values of the axes in place.
    columns : mapping of str to value
        Values of the axes by path, and those of ``define`` by name.
    """
    names: dict[str, Any] = {"true": True, "false": False, "null": None}
    short: dict[str, list[Any]] = {}
    for path, value in leaves(arch):
        short.setdefault(path.rpartition(".")[2], []).append(value)
    names |= {name: values[0] for name, values in short.items() if len(values) == 1}
    for word in WORKLOAD_WORDS:
        if word in workload:
            names[word] = workload[word]
    pruning = workload.get("pruning")
    if isinstance(pruning, Mapping) and "sparsity" in pruning:
        names["sparsity"] = names["workload.sparsity"] = pruning["sparsity"]
    for path, value in leaves(arch):
        names[path] = names[f"arch.{path}"] = value
    for path, value in leaves(workload):
        names[f"workload.{path}"] = value
    ends = [full_path(path).rpartition(".")[2] for path in columns]
    for path, end in zip(columns, ends, strict=True):
        if ends.count(end) == 1:
            # A dotted path reads the parsed value (bytes, hertz), a defined name its own.
            names[end] = names.get(full_path(path), columns[path])
    return names


def workload_with_values(workload: Workload, values: Mapping[str, Any]) -> Workload:
    """Return a workload with other values at paths (without ``workload.``), validated.

    ``sparsity``, ``weight_type``, ``batch``, ``seed`` and ``pruning`` mean what they do in
    `Workload.with_overrides`; ``layers.NAME.key`` is a key of one layer, ``layers.*.key`` of every
    layer that has it; any other path is one of the workload's file.

    Raises
    ------
    ConfigError
        If a path does not exist or a value breaks a rule.
    """
    words = {path: value for path, value in values.items() if path in WORKLOAD_WORDS}
    others = {path: value for path, value in values.items() if path not in WORKLOAD_WORDS}
    changed = workload.with_overrides(**words) if words else workload
    if not others:
        return changed
    what = f"workload {workload.name!r}"
    data = changed.model_dump()
    for path, value in others.items():
        inner = layer_path(path)
        if inner:
            for layer, key in _layers_at(data["layers"], inner, what):
                set_path(layer, key, value, f"{what}: layer {layer['name']!r}")
        else:
            set_path(data, path, value, what)
    try:
        return type(workload).model_validate(data).with_folder(workload.folder)
    except ValidationError as error:
        raise ConfigError(model_problems(what, error, type(workload))) from None
