"""safetensors: an 8-byte length, a JSON header, raw little-endian data; one file or many.

The format is read here directly (its specification is one page): each tensor is one seek and one
read of exactly its bytes, so that a file larger than the memory is no obstacle, and the types that
the NumPy binding lacks (BF16, F8) can be read.
"""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.errors import DataError
from f2fsim.workloads.readers.base import (
    ModelFile,
    TensorInfo,
    bfloat16_to_float32,
    float8_values,
)

#: The format's own limit of the header.
MAX_HEADER_BYTES = 100_000_000

_DTYPES = {
    "BOOL": "?",
    "U8": "u1",
    "I8": "i1",
    "U16": "<u2",
    "I16": "<i2",
    "U32": "<u4",
    "I32": "<i4",
    "U64": "<u8",
    "I64": "<i8",
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
    "BF16": "<u2",
    "F8_E4M3": "u1",
    "F8_E5M2": "u1",
}


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
        super().__init__(path, dict(sorted(infos.items(), key=lambda item: spans[item[0]])))
        self._spans = spans
        self._start = start

    def _load(self, name: str) -> NDArray[Any]:
        info = self.infos[name]
        if info.dtype not in _DTYPES:
            raise DataError(
                f"{self.path}: tensor {name!r} has the type {info.dtype}, which is not supported"
            )
        begin, end = self._spans[name]
        with self.path.open("rb") as file:
            file.seek(self._start + begin)
            dtype = np.dtype(_DTYPES[info.dtype])
            array = np.fromfile(file, dtype=dtype, count=(end - begin) // dtype.itemsize)
        if array.nbytes != end - begin:
            raise DataError(f"{self.path}: tensor {name!r} is cut short")
        if info.dtype.startswith("F8_"):
            return np.asarray(float8_values(info.dtype)[array])
        return bfloat16_to_float32(array) if info.dtype == "BF16" else array


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
        header = json.loads(raw)
    except (ValueError, RecursionError):
        raise DataError(f"{path}: damaged safetensors header: not valid JSON") from None
    if not isinstance(header, dict):
        raise DataError(f"{path}: damaged safetensors header: not a JSON object")
    return header, 8 + length


def _entry(path: Path, name: str, entry: Any) -> tuple[TensorInfo, tuple[int, int]]:
    """Check one header entry and return the tensor's description and its byte span."""
    problem = DataError(f"{path}: damaged safetensors header: entry {name!r} is not valid")
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
    dtype = entry["dtype"]
    if dtype in _DTYPES:
        n_bytes = math.prod(shape) * np.dtype(_DTYPES[dtype]).itemsize
        if span[1] - span[0] != n_bytes:
            raise DataError(
                f"{path}: damaged safetensors header: {name!r} has shape {tuple(shape)} of {dtype} "
                f"({n_bytes} bytes) but {span[1] - span[0]} bytes of data"
            )
    return TensorInfo(tuple(shape), dtype), (span[0], span[1])


class ShardedSafetensors(ModelFile):
    """Several ``.safetensors`` files that an index joins; each is opened when first needed."""

    def __init__(self, path: Path, shards: dict[str, SafetensorsFile]) -> None:
        super().__init__(path, {name: shard.infos[name] for name, shard in shards.items()})
        self._shards = shards

    def files(self) -> list[Path]:
        """Return the index and its shards."""
        return [self.path, *dict.fromkeys(shard.path for shard in self._shards.values())]

    def _load(self, name: str) -> NDArray[Any]:
        return self._shards[name].read(name)


def open_sharded(path: Path) -> ModelFile:
    """Open a ``model.safetensors.index.json`` with the files it names beside it."""
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        table = index["weight_map"]
        pairs = [(str(name), str(file)) for name, file in table.items()]
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        raise DataError(f"{path}: not a safetensors index (JSON with a weight_map)") from None
    files: dict[str, SafetensorsFile] = {}
    shards: dict[str, SafetensorsFile] = {}
    for name, file in pairs:
        if file not in files:
            if PurePosixPath(file).name != file:
                raise DataError(f"{path}: weight_map names {file!r}, not a file beside the index")
            shard = path.parent / file
            if not shard.is_file():
                raise DataError(f"{path}: the shard {file!r} is missing in {path.parent}")
            files[file] = SafetensorsFile(shard)
        if name not in files[file].infos:
            raise DataError(f"{path}: {file!r} has no tensor {name!r} that the index says it has")
        shards[name] = files[file]
    return ShardedSafetensors(path, shards)
