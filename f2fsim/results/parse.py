"""Plain data back into results: every field is checked, so that nothing else has to be careful.

A results file may come from another version, a broken disk or an editor.  Types, signs and the
sums that every run keeps are checked here; the message names the place in the file.
"""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from f2fsim.errors import DataError, near_miss
from f2fsim.results.network import NetworkRun, StageStats
from f2fsim.results.parts import ComponentStats, MemoryStats
from f2fsim.results.stats import LayerResult, SimResult

Value = TypeVar("Value")

#: Counts that are never zero; a stage of the vector unit has no weights.
POSITIVE = frozenset(
    (
        "n_outputs", "n_reduction", "n_columns", "n_weights", "n_ticks", "ticks_per_second",
        "clock_hz", "repeat", "n_channels", "burst_bytes",
    )
)  # fmt: skip

#: Entries of a manifest that are mappings if they are there.
MANIFEST_SECTIONS = ("arch", "dram", "packages", "workload")


def parse_result(data: Any, place: str = "result") -> SimResult:
    """Return the result that `SimResult.to_dict` made plain.

    Parameters
    ----------
    data : Any
        What a JSON file holds.
    place : str
        Where it stands, to begin messages.

    Raises
    ------
    DataError
        If a field is missing, unknown, of the wrong type, negative or not finite, or if counters
        contradict each other.
    """
    totals = run = None
    if isinstance(data, Mapping):
        totals, run = data.get("totals"), data.get("run")
        data = {key: value for key, value in data.items() if key not in ("totals", "run")}
    result = _dataclass(SimResult, data, place)
    if not result.layers:
        raise DataError(f"{place}.layers: must have at least one layer")
    for section in MANIFEST_SECTIONS:
        if not isinstance(result.manifest.get(section, {}), Mapping):
            raise DataError(f"{place}.manifest.{section}: must be a mapping")
    for i, layer in enumerate(result.layers):
        _check_layer(layer, f"{place}.layers[{i}]")
    if result.network is not None:
        _check_network(result.network, f"{place}.network")
    if run not in (None, result.run):
        raise DataError(f"{place}.run: this is a run of kind {result.run!r}, got {_short(run)}")
    if totals is not None:
        _check_totals(result, totals, f"{place}.totals")
    return result


def _check_totals(result: SimResult, totals: Any, place: str) -> None:
    """Refuse totals that are not those of the layers."""
    if not isinstance(totals, Mapping):
        raise DataError(f"{place}: must be a mapping, got {_short(totals)}")
    sums = result.totals()
    for key, value in totals.items():
        if key not in sums:
            raise DataError(f"{place}: unknown field {key!r}{near_miss(str(key), sums)}")
        if not math.isclose(_number(float, value, f"{place}.{key}"), sums[key], rel_tol=1e-9):
            raise DataError(f"{place}.{key}: its parts add up to {sums[key]}, got {value}")


def _check_layer(layer: LayerResult, place: str) -> None:
    """Refuse counters that contradict each other."""
    if layer.n_kept > layer.n_weights:
        raise DataError(f"{place}.n_kept: must be ≤ n_weights ({layer.n_weights})")
    _check_counters(layer, place)


def _check_network(run: NetworkRun, place: str) -> None:
    """Refuse stages and tensors that contradict each other, and counters that do."""
    _check_counters(run, place)
    ends = [stage.done for stage in run.stages]
    if not ends or ends != sorted(ends) or ends[-1] > run.n_ticks:
        raise DataError(f"{place}.stages: must end one after another within n_ticks")
    for i, one in enumerate(run.tensors):
        if not one.first <= one.last < len(ends):
            raise DataError(f"{place}.tensors[{i}]: lives through stages that are not there")


def _check_counters(one: LayerResult | NetworkRun, place: str) -> None:
    if one.ticks_per_second % one.clock_hz:
        raise DataError(f"{place}.ticks_per_second: must be a multiple of clock_hz")
    for i, part in enumerate(one.components):
        _check_cycles(part, f"{place}.components[{i}]")
    if one.memory is not None:
        _check_cycles(one.memory, f"{place}.memory")


def _check_cycles(part: ComponentStats | MemoryStats, place: str) -> None:
    parts = part.busy_cycles + part.idle_cycles + sum(part.stall_cycles.values())
    if parts != part.total_cycles:
        raise DataError(
            f"{place}.total_cycles: busy, stalled and idle add up to {parts}, "
            f"got {part.total_cycles}"
        )


def _dataclass(cls: type[Value], data: Any, place: str) -> Value:
    if not isinstance(data, Mapping):
        raise DataError(f"{place}: must be a mapping, got {_short(data)}")
    types = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in data:
        if key not in fields:
            raise DataError(f"{place}: unknown field {key!r}{near_miss(str(key), fields)}")
    values = {}
    for name, field in fields.items():
        if name in data:
            values[name] = _value(types[name], data[name], f"{place}.{name}")
            if name in POSITIVE and data[name] == 0 and cls is not StageStats:
                raise DataError(f"{place}.{name}: must be > 0, got 0")
        elif (field.default, field.default_factory) == (dataclasses.MISSING, dataclasses.MISSING):
            raise DataError(f"{place}.{name}: is missing")
    return cls(**values)


def _value(kind: Any, data: Any, place: str) -> Any:
    """Return `data` as the annotated type, with finite numbers that are not negative."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return data
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, data, place)  # type: ignore[arg-type]
    if type(None) in arguments:
        return None if data is None else _value(arguments[0], data, place)
    if origin is tuple:
        if not isinstance(data, list | tuple):
            raise DataError(f"{place}: must be a list, got {_short(data)}")
        return tuple(_value(arguments[0], one, f"{place}[{i}]") for i, one in enumerate(data))
    if origin is not None:
        if not isinstance(data, Mapping):
            raise DataError(f"{place}: must be a mapping, got {_short(data)}")
        return {str(k): _value(arguments[1], v, f"{place}.{k}") for k, v in data.items()}
    if kind in (int, float):
        return _number(kind, data, place)
    if not isinstance(data, kind):
        words = {str: "text", bool: "true or false"}
        raise DataError(f"{place}: must be {words[kind]}, got {_short(data)}")
    return data


def _number(kind: type[int] | type[float], data: Any, place: str) -> int | float:
    allowed = int if kind is int else int | float
    if isinstance(data, bool) or not isinstance(data, allowed):
        word = "an integer" if kind is int else "a number"
        raise DataError(f"{place}: must be {word}, got {_short(data)}")
    if not math.isfinite(data) or data < 0:
        raise DataError(f"{place}: must be finite and ≥ 0, got {data}")
    return data


def _short(data: Any) -> str:
    text = repr(data)
    return text if len(text) <= 60 else f"{text[:57]}..."
