"""Results as files: JSON for everything, CSV for tables; written whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from f2fsim.errors import DataError
from f2fsim.results.binding import what_if_rows
from f2fsim.results.network import stage_rows, tensor_rows
from f2fsim.results.parse import parse_result
from f2fsim.results.rows import comparison_rows, layer_row, stall_rows, stream_rows
from f2fsim.results.stats import SimResult
from f2fsim.whole_file import require_regular, whole_file

RESULTS_FILE = "results.json"


def write_results(
    folder: Path, results: Sequence[SimResult], rows: Sequence[Mapping[str, Any]] | None = None
) -> None:
    """Write ``results.json``, ``manifest.json`` and CSV tables into `folder`.

    The bytes depend on the results only: the same run writes the same files.  `rows` are those of
    ``comparison.csv``, by default with speed-ups over the last result.
    """
    data = [result.to_dict() for result in results]
    layers = [{"arch": r.arch, **layer_row(layer)} for r in results for layer in r.layers]
    _write(folder / RESULTS_FILE, _json(data))
    _write(folder / "manifest.json", _json([dict(result.manifest) for result in results]))
    _write(folder / "comparison.csv", _csv(comparison_rows(results) if rows is None else rows))
    _write(folder / "layers.csv", _csv(layers))
    _write(folder / "streams.csv", _csv([row for r in results for row in stream_rows(r)]))
    _write(folder / "stalls.csv", _csv([row for r in results for row in stall_rows(r)]))
    whole = [(r.arch, r.network) for r in results if r.network is not None]
    if whole:
        stages = [{"arch": arch, **row} for arch, run in whole for row in stage_rows(run)]
        tensors = [{"arch": arch, **row} for arch, run in whole for row in tensor_rows(run)]
        _write(folder / "stages.csv", _csv(stages))
        _write(folder / "tensors.csv", _csv(tensors))
    tried = [row for r in results for row in what_if_rows(r.arch, r.what_if)]
    if tried:
        _write(folder / "what_if.csv", _csv(tried))


def read_results(path: Path) -> list[SimResult]:
    """Read results that `write_results` wrote: a folder or its ``results.json``.

    Raises
    ------
    DataError
        If the file is missing, damaged or of another kind.
    """
    file = path / RESULTS_FILE if path.is_dir() else path
    data = read_json(file)
    if not isinstance(data, list):
        return [parse_result(data, f"{file}: result")]
    return [parse_result(one, f"{file}: result[{i}]") for i, one in enumerate(data)]


def read_json(file: Path) -> Any:
    """Read a JSON file strictly: no key may stand twice in an object.

    Raises
    ------
    DataError
        If the file cannot be read or is no JSON; the message names the line.
    """
    try:
        require_regular(file)
        return json.loads(file.read_text(encoding="utf-8-sig"), object_pairs_hook=_object)
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise DataError(f"{file}:{error.lineno}: no JSON: {error.msg}") from None
    except UnicodeDecodeError:
        raise DataError(f"{file}: no JSON: is not UTF-8 text") from None
    except RecursionError:
        raise DataError(f"{file}: no JSON of ours: nests too deeply") from None
    except ValueError as error:
        raise DataError(f"{file}: no JSON: {error}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"key {twice!r} is given twice")
    return found


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _write(path: Path, text: str) -> None:
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")
