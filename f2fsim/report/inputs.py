"""What a report can be made of: folders and files of results, and tables of sweep points."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from f2fsim.codec.tensor import WEIGHT_TYPES
from f2fsim.errors import DataError, MissingDependencyError, choices, near_miss
from f2fsim.explore.store import STORE_FILE, ResultStore
from f2fsim.explore.tables import member_rows
from f2fsim.report.sweeps import METRICS, Sweep, named
from f2fsim.results import SimResult
from f2fsim.results.files import RESULTS_FILE, read_json, read_results

_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
#: Files that a folder of sweep points may hold, the first found is read.
POINT_FILES = ("points.parquet", "points.csv", "points.json", STORE_FILE)


@dataclass(frozen=True)
class Inputs:
    """Results by the file that they come from, and sweeps."""

    results: tuple[tuple[SimResult, ...], ...]
    sweeps: tuple[Sweep, ...]


def read_inputs(paths: Sequence[Path]) -> Inputs:
    """Read results and points.

    Parameters
    ----------
    paths : sequence of Path
        Folders or JSON files of ``simulate`` and ``compare``; folders, or CSV, JSON and Parquet
        files of sweep or search points.

    Raises
    ------
    DataError
        If a path is missing, damaged, or holds neither.
    """
    results: list[tuple[SimResult, ...]] = []
    sweeps: list[Sweep] = []
    for path in paths:
        file = _file_of(path)
        if _holds_results(file):
            found = tuple(read_results(file))
            if not found:
                raise DataError(f"{file}: holds no results: the list is empty")
            _check_weight_types(found, file)
            results.append(found)
        else:
            name = path.name if path.is_dir() else (path.parent.name or path.stem)
            sweeps.append(Sweep(name or path.stem, _points(file)))
    return Inputs(tuple(results), tuple(sweeps))


def _check_weight_types(results: Sequence[SimResult], file: Path) -> None:
    for result in results:
        for layer in result.layers:
            if layer.weight_type not in WEIGHT_TYPES:
                raise DataError(
                    f"{file}: layer {layer.name!r}: unknown weight type {layer.weight_type!r}"
                    f"{near_miss(layer.weight_type, WEIGHT_TYPES)}; known: {choices(WEIGHT_TYPES)}"
                )


def _file_of(path: Path) -> Path:
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    if not path.is_dir():
        return path
    for name in (RESULTS_FILE, *POINT_FILES):
        if (path / name).is_file():
            return path / name
    wanted = ", ".join((RESULTS_FILE, *POINT_FILES))
    raise DataError(f"{path}: no results in this folder; one of {wanted} is needed")


def _holds_results(file: Path) -> bool:
    if file.name == RESULTS_FILE:
        return True
    if file.suffix != ".json":
        return False
    data = read_json(file)
    first = data[0] if isinstance(data, list) and data else data
    return isinstance(first, dict) and "layers" in first


def _points(file: Path) -> tuple[Mapping[str, Any], ...]:
    readers = {
        ".csv": _csv_rows,
        ".parquet": _parquet_rows,
        ".json": _json_rows,
        ".sqlite": _store_rows,
    }
    if file.suffix not in readers:
        raise DataError(
            f"{file}: results are .json; points are .csv, .parquet, .json or a store's .sqlite, "
            f"got {file.suffix or 'no suffix'!r}"
        )
    rows = [named(row) for row in readers[file.suffix](file)]
    if not rows:
        raise DataError(f"{file}: holds no points")
    if not any(key in METRICS for row in rows for key in row):
        raise DataError(
            f"{file}: has no measured column; one of {', '.join(METRICS)} is needed, "
            f"got {', '.join(rows[0])}"
        )
    for number, row in enumerate(rows, start=1):
        for key in METRICS:
            _check_figure(row.get(key), f"{file}: point {number}: {key}")
    return tuple(rows)


def _check_figure(value: Any, place: str) -> None:
    """Refuse a measured figure that is neither missing nor a finite number from 0 on."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DataError(f"{place}: must be a number, got {value!r}")
    if not math.isfinite(value) or value < 0:
        raise DataError(f"{place}: must be finite and ≥ 0, got {value}")


def _json_rows(file: Path) -> list[dict[str, Any]]:
    data = read_json(file)
    rows = data.get("points") if isinstance(data, dict) else data
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{file}: holds no list of points")
    return rows


def _store_rows(file: Path) -> list[dict[str, Any]]:
    """Return the points of a store's latest sweep or search, as far as it is."""
    with ResultStore(file.parent, read_only=True) as store:
        return member_rows(store.members(store.latest()), ("point", "baseline"))


def _csv_rows(file: Path) -> list[dict[str, Any]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.DictReader(text, strict=True)
            rows = list(reader)
            names = reader.fieldnames or []
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror}") from None
    except (csv.Error, ValueError) as error:
        raise DataError(f"{file}: no CSV: {error}") from None
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{file}:1: column {name!r} is given twice")
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise DataError(f"{file}:{number}: another number of cells than in the heading")
    return [{key: _value(text) for key, text in row.items()} for row in rows]


def _value(text: str) -> Any:
    """Return a cell as a number if it is written like one; ``007`` and digests stay text."""
    if text == "" or text.lower() == "nan":
        return None
    if not _NUMBER.fullmatch(text):
        return text
    return int(text) if text.lstrip("-").isdecimal() else float(text)


def _parquet_rows(file: Path) -> list[dict[str, Any]]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingDependencyError(
            "Parquet files need pyarrow: pip install 'f2fsim[parquet]'"
        ) from None
    try:
        rows: list[dict[str, Any]] = pyarrow.parquet.read_table(file).to_pylist()
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(f"{file}: no Parquet file: {error}") from None
    return rows
