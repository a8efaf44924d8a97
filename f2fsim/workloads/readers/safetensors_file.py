"""safetensors: an 8-byte length, a JSON header, raw little-endian data.

The format is read here directly (its specification is one page): each tensor is one seek and one
read of exactly its bytes, so that a file larger than the memory is no obstacle, and the types that
the NumPy binding lacks (BF16, F8) can be read.
"""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.errors import DataError, in_a_line
from f2fsim.workloads.readers.base import ModelFile, TensorInfo, Unread, entry_problem
from f2fsim.workloads.readers.elements import ELEMENTS, decode

#: The format's own limit of the header.
MAX_HEADER_BYTES = 100_000_000


class SafetensorsFile(ModelFile):
    """One ``.safetensors`` file."""

    def __init__(self, path: Path) -> None:
        header, start = _read_header(path)
        infos: dict[str, TensorInfo] = {}
        spans: dict[str, tuple[int, int]] = {}
        for name, entry in header.items():
            if name != "__metadata__":
                infos[name], spans[name] = _entry(path, name, entry)
        data_bytes = path.stat().st_size - start
        ordered = sorted(spans.values())
        if any(a[1] > b[0] for a, b in pairwise(ordered)):
            raise DataError(f"{path}: damaged safetensors header: tensors overlap")
        if ordered and ordered[-1][1] > data_bytes:
            raise DataError(
                f"{path}: truncated safetensors file: the header describes {ordered[-1][1]} bytes "
                f"of data, the file has {data_bytes}"
            )
        gaps = data_bytes - sum(end - begin for begin, end in ordered)
        super().__init__(
            path,
            dict(sorted(infos.items(), key=lambda item: spans[item[0]])),
            [Unread("gaps", "bytes between tensors that the header does not name", gaps)]
            if gaps
            else (),
            data_bytes,
        )
        own = header.get("__metadata__")
        self.metadata = {str(k): str(v) for k, v in own.items()} if isinstance(own, dict) else {}
        self._spans = spans
        self._start = start

    def _load(self, name: str) -> NDArray[Any]:
        info = self.infos[name]
        if info.dtype not in ELEMENTS:
            raise DataError(
                f"{self.path}: tensor {name!r} has the type {info.dtype}, which is not supported"
            )
        begin, end = self._spans[name]
        with self.path.open("rb") as file:
            file.seek(self._start + begin)
            dtype = np.dtype(ELEMENTS[info.dtype].dtype)
            array = np.fromfile(file, dtype=dtype, count=(end - begin) // dtype.itemsize)
        if array.nbytes != end - begin:
            raise DataError(f"{self.path}: tensor {name!r} is cut short")
        return decode(array, info.dtype)


def _read_header(path: Path) -> tuple[dict[str, Any], int]:
    """Return the header and where the data starts."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, MAX_HEADER_BYTES):
            raise DataError(
                f"{path}: not a safetensors file or truncated: {size} bytes, header of {length}"
            )
        raw = file.read(length)
    try:
        header = json.loads(raw, object_pairs_hook=_no_twins)
    except _TwinError as twin:
        raise DataError(f"{path}: damaged safetensors header: {twin}") from None
    except (ValueError, RecursionError):
        raise DataError(f"{path}: damaged safetensors header: not valid JSON") from None
    if not isinstance(header, dict):
        raise DataError(f"{path}: damaged safetensors header: not a JSON object")
    return header, 8 + length


class _TwinError(Exception):
    """A key stands twice in an object."""


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _TwinError(f"the key {in_a_line(key)} is there twice")
        found[key] = value
    return found


def _entry(path: Path, name: str, entry: Any) -> tuple[TensorInfo, tuple[int, int]]:
    """Check one header entry and return the tensor's description and its byte span."""
    problem = DataError(f"{path}: damaged safetensors header: entry {in_a_line(name)} is not valid")
    if not isinstance(entry, dict) or not isinstance(entry.get("dtype"), str):
        raise problem
    shape, span = entry.get("shape"), entry.get("data_offsets")
    for numbers in (shape, span):
        if not isinstance(numbers, list) or any(
            isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in numbers
        ):
            raise problem
    assert isinstance(shape, list)
    assert isinstance(span, list)
    if len(span) != 2 or span[1] < span[0]:
        raise problem
    rule = entry_problem(name, tuple(shape))
    if rule:
        raise DataError(f"{path}: damaged safetensors header: tensor {in_a_line(name)} {rule}")
    dtype = entry["dtype"]
    if dtype in ELEMENTS:
        n_bytes = math.prod(shape) * np.dtype(ELEMENTS[dtype].dtype).itemsize
        if span[1] - span[0] != n_bytes:
            raise DataError(
                f"{path}: damaged safetensors header: {name!r} has shape {tuple(shape)} of {dtype} "
                f"({n_bytes} bytes) but {span[1] - span[0]} bytes of data"
            )
    return TensorInfo(tuple(shape), dtype, span[1] - span[0]), (span[0], span[1])
