"""What a report can be made of: folders and files of results, and tables of sweep points."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from f2fsim.errors import DataError, MissingDependencyError
from f2fsim.report.sweeps import METRICS, Sweep, named
from f2fsim.results import SimResult
from f2fsim.results.files import RESULTS_FILE, read_results

_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
#: Files that a folder of sweep points may hold, the first found is read.
POINT_FILES = ("points.parquet", "points.csv", "points.json")


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
            results.append(found)
        else:
            name = path.name if path.is_dir() else (path.parent.name or path.stem)
            sweeps.append(Sweep(name or path.stem, _points(file)))
    return Inputs(tuple(results), tuple(sweeps))


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
    data = _json(file)
    first = data[0] if isinstance(data, list) and data else data
    return isinstance(first, dict) and "layers" in first


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise DataError(f"{file}: no JSON: {error}") from None


def _points(file: Path) -> tuple[Mapping[str, Any], ...]:
    readers = {".csv": _csv_rows, ".parquet": _parquet_rows, ".json": _json_rows}
    if file.suffix not in readers:
        raise DataError(
            f"{file}: results are .json; points are .csv, .parquet or .json, "
            f"got {file.suffix or 'no suffix'!r}"
        )
    rows = [named(row) for row in readers[file.suffix](file)]
    if not rows:
        raise DataError(f"{file}: holds no points")
    if "n_cycles" in rows[0]:
        rows = [_from_store(row) for row in rows]
    if not any(key in METRICS for row in rows for key in row):
        raise DataError(
            f"{file}: has no measured column; one of {', '.join(METRICS)} is needed, "
            f"got {', '.join(rows[0])}"
        )
    return tuple(rows)


#: Figures of a store of sweeps by the report's columns, and the factor between their units.
STORE_FIGURES = {
    "seconds": ("time_us", 1e6),
    "n_cycles": ("cycles", 1),
    "energy_pj": ("energy_uj", 1e-6),
    "area_um2": ("area_mm2", 1e-6),
    "bits_per_weight_without_mask": ("bits_without_mask", 1),
    "effective_gmacs_per_second": ("gmac_s", 1),
    "pe_utilisation": ("pe_busy", 1),
    "encoding_efficiency": ("efficiency", 1),
}


def _from_store(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of `f2fsim.explore` in the report's columns; shares and ratios are left out."""
    renamed: dict[str, Any] = {}
    for key, value in row.items():
        if key in STORE_FIGURES:
            name, factor = STORE_FIGURES[key]
            renamed[name] = None if value is None else value * factor
        elif key == "point":
            renamed["index"] = value
        elif not key.startswith(("energy_pj.", "area_um2.")) and "_over_" not in key:
            renamed[key] = value
    return {k: v for k, v in renamed.items() if k not in ("bound_cycles", "n_unmatched_bits")}


def _json_rows(file: Path) -> list[dict[str, Any]]:
    data = _json(file)
    rows = data.get("points") if isinstance(data, dict) else data
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{file}: holds no list of points")
    return rows


def _csv_rows(file: Path) -> list[dict[str, Any]]:
    try:
        with file.open(encoding="utf-8", newline="") as text:
            reader = csv.DictReader(text, strict=True)
            rows = list(reader)
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror}") from None
    except (csv.Error, ValueError) as error:
        raise DataError(f"{file}: no CSV: {error}") from None
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise DataError(f"{file}:{number}: another number of cells than in the heading")
    return [{key: _value(text) for key, text in row.items()} for row in rows]


def _value(text: str) -> Any:
    """Return a cell as a number if it is written like one; ``007`` and digests stay text."""
    if text == "":
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
