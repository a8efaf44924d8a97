"""Results as files: JSON for everything, CSV for tables; written whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from f2fsim.errors import DataError
from f2fsim.results.rows import comparison_rows, layer_row, stall_rows, stream_rows
from f2fsim.results.stats import SimResult

RESULTS_FILE = "results.json"


def write_results(folder: Path, results: Sequence[SimResult]) -> None:
    """Write ``results.json``, ``manifest.json`` and CSV tables into `folder`.

    The bytes depend on the results only: the same run writes the same files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = [result.to_dict() for result in results]
    layers = [{"arch": r.arch, **layer_row(layer)} for r in results for layer in r.layers]
    _write(folder / RESULTS_FILE, _json(data))
    _write(folder / "manifest.json", _json([dict(result.manifest) for result in results]))
    _write(folder / "comparison.csv", _csv(comparison_rows(results)))
    _write(folder / "layers.csv", _csv(layers))
    _write(folder / "streams.csv", _csv([row for r in results for row in stream_rows(r)]))
    _write(folder / "stalls.csv", _csv([row for r in results for row in stall_rows(r)]))


def read_results(path: Path) -> list[SimResult]:
    """Read results that `write_results` wrote: a folder or its ``results.json``.

    Raises
    ------
    DataError
        If the file is missing, damaged or of another kind.
    """
    file = path / RESULTS_FILE if path.is_dir() else path
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        return [SimResult.from_dict(one) for one in (data if isinstance(data, list) else [data])]
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"{file}: holds no results of f2fsim: {error}") from None


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
