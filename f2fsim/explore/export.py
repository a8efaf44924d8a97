"""Tables as files: CSV, JSON or Parquet by the file's ending; written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from f2fsim.errors import InputError, MissingDependencyError, choices
from f2fsim.explore.tables import to_frame
from f2fsim.whole_file import whole_file

ENDINGS = {".csv": "CSV", ".json": "JSON", ".parquet": "Parquet"}


def check_ending(path: Path) -> None:
    """Refuse a file whose ending names no format."""
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"{path}: the ending must be one of {choices(ENDINGS)}")


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows that share keys; the bytes depend on the rows only.

    Raises
    ------
    InputError
        If the ending names no format, or Parquet is asked for without pyarrow.
    """
    check_ending(path)
    with whole_file(path) as partial:
        match path.suffix.lower():
            case ".csv":
                to_frame(rows).to_csv(partial, index=False, lineterminator="\n")
            case ".json":
                partial.write_text(json.dumps(list(rows), indent=1) + "\n", encoding="utf-8")
            case _:
                _parquet(partial, rows)


def _parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    frame = to_frame(rows)
    for name in frame.columns:
        # A column that mixes words and numbers has no Parquet type: it is written as text.
        kinds = {type(v) for v in frame[name].dropna()}
        if len(kinds) > 1 and not kinds <= {int, float}:
            frame[name] = frame[name].map(lambda v: v if v is None else str(v))
        elif not kinds:
            frame[name] = frame[name].astype("float64")
    try:
        frame.to_parquet(path, index=False)
    except ImportError:
        raise MissingDependencyError(
            "Parquet needs the package pyarrow; run: pip install 'f2fsim[parquet]'"
        ) from None
