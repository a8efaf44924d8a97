"""The safetensors frame of a container: an 8-byte length, a JSON header, the data.

Written here and not by the library, whose order of metadata is not reproducible; read here with
every damage a `DataError`, one seek and one read for a tensor.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.errors import DataError, in_a_line

_NAMES = {
    np.dtype("u1"): "U8",
    np.dtype("i1"): "I8",
    np.dtype("<f2"): "F16",
    np.dtype("<f4"): "F32",
}
_ITEM_BYTES = {"U8": 1, "F32": 4}


@dataclass(frozen=True)
class Header:
    """What the frame says: texts, where each tensor's bytes lie, where the data start and end."""

    metadata: Mapping[str, str]
    entries: Mapping[str, Any]
    data_start: int
    data_end: int

    def span(self, path: Path, key: str, dtype: str) -> tuple[int, int]:
        """Return place in the file and bytes of one tensor; `DataError` if they cannot be."""
        begin, end = _span(path, key, self.entries.get(key), dtype)
        return self.data_start + begin, end - begin

    def read(self, path: Path, key: str, dtype: str) -> NDArray[np.uint8]:
        """Return the bytes of one tensor; `DataError` if it is missing, misplaced or cut."""
        begin, n_bytes = self.span(path, key, dtype)
        with path.open("rb") as file:
            file.seek(begin)
            data = np.fromfile(file, dtype=np.uint8, count=n_bytes)
        if data.shape[0] != n_bytes:
            raise DataError(f"{path}: {key} is cut short")
        return data


def write_header(
    arrays: Mapping[str, tuple[np.dtype[Any], tuple[int, ...]]], metadata: Mapping[str, str]
) -> bytes:
    """Return length and header for arrays (uint8, int8, float16, float32) stored in order."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    at = 0
    for key, (dtype, shape) in arrays.items():
        n_bytes = dtype.itemsize * math.prod(shape)
        header[key] = {
            "dtype": _NAMES[dtype],
            "shape": [int(n) for n in shape],
            "data_offsets": [at, at + n_bytes],
        }
        at += n_bytes
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def read_header(path: Path, max_bytes: int, what: str) -> Header:
    """Read and check the header.

    Parameters
    ----------
    path : Path
    max_bytes : int
        Longest header to be read.
    what : str
        What the file should be, for the message that it is not.

    Raises
    ------
    DataError
        If it is no safetensors file, or its length and the header disagree.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > size - 8:
            raise DataError(f"{path}: not a safetensors file, or cut short")
        if length > max_bytes:
            raise DataError(f"{path}: not {what}: its header has {length:,} bytes")
        raw = file.read(length)
    try:
        header = json.loads(raw, object_pairs_hook=no_duplicates)
    except (ValueError, RecursionError):
        raise DataError(f"{path}: damaged header: not valid JSON") from None
    if not isinstance(header, dict):
        raise DataError(f"{path}: damaged header: not a JSON object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise DataError(f"{path}: damaged header: metadata must be texts")
    ends = [_end(entry) for entry in header.values()]
    if max(ends, default=0) != size - 8 - length:
        raise DataError(
            f"{path}: the header describes other bytes than the {size - 8 - length} that follow it"
        )
    return Header(metadata, header, 8 + length, size)


def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return JSON's pairs as a mapping; `ValueError` if a key stands twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _end(entry: Any) -> int:
    try:
        return int(entry["data_offsets"][1])
    except (KeyError, TypeError, ValueError, IndexError, OverflowError):
        return -1


def _span(path: Path, key: str, entry: Any, dtype: str) -> tuple[int, int]:
    if not isinstance(entry, dict):
        raise DataError(f"{path}: not a container of f2fsim: it has no {in_a_line(key)}")
    try:
        (count,) = entry["shape"]
        begin, end = entry["data_offsets"]
    except (KeyError, TypeError, ValueError):
        raise DataError(f"{path}: damaged header: entry {in_a_line(key)}") from None
    numbers = (count, begin, end)
    if any(not isinstance(n, int) or isinstance(n, bool) or n < 0 for n in numbers):
        raise DataError(f"{path}: damaged header: entry {in_a_line(key)}")
    if entry.get("dtype") != dtype or end - begin != count * _ITEM_BYTES[dtype]:
        raise DataError(f"{path}: {key} must be {count} of {dtype}, {end - begin} bytes are given")
    return begin, end
