"""GGUF, the file of llama.cpp: metadata, a table of tensors, their data; versions 2 and 3.

Only what the reading of tensors needs is kept of the metadata; vocabularies are stepped over.
"""

from __future__ import annotations

import io
import math
import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.errors import DataError
from f2fsim.workloads.readers.base import ModelFile, TensorInfo, Unread
from f2fsim.workloads.readers.elements import ELEMENTS, decode
from f2fsim.workloads.readers.ggml_blocks import BLOCK_TYPES, PLAIN_TYPES, BlockType, read_blocks
from f2fsim.workloads.readers.stored import Stored

#: Format of each scalar of the metadata, by its number; 8 is a text, 9 an array.
_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q",
            11: "<q", 12: "<d"}  # fmt: skip
_TEXT, _ARRAY = 8, 9
_MAX_TEXT, _MAX_ITEMS, _MAX_DEPTH = 2**24, 2**26, 8
_ALIGNMENT = 32


@dataclass(frozen=True)
class _Place:
    """Where a tensor lies, its number of bytes and its type."""

    start: int
    n_bytes: int
    word: str
    block: BlockType | None = None


class _DamageError(Exception):
    """A table of the file breaks a rule; the text says which."""


class GgufFile(ModelFile):
    """The tensors of a GGUF file; shapes are in NumPy's order, outputs first."""

    def __init__(self, path: Path) -> None:
        size = path.stat().st_size
        try:
            with path.open("rb") as file:
                table, metadata = _read_tables(file, size)
                end = file.tell()
            alignment = metadata.get("general.alignment", _ALIGNMENT)
            if not isinstance(alignment, int) or not 0 < alignment <= 2**20:
                raise _DamageError(f"an alignment of {alignment!r}")
            start = -(-end // alignment) * alignment
            self._places = {entry.name: _place(entry, start) for entry in table}
            gaps = _gaps(self._places, start, size)
        except _DamageError as damage:
            raise DataError(f"{path}: damaged GGUF file: {damage}") from None
        except (struct.error, UnicodeDecodeError):
            raise DataError(f"{path}: damaged GGUF file: its tables are cut short") from None
        infos = {
            entry.name: TensorInfo(entry.shape, self._places[entry.name].word, place.n_bytes)
            for entry, place in zip(table, self._places.values(), strict=True)
        }
        what = "bytes between tensors, for their alignment"
        unread = [Unread("padding", what, gaps)] if gaps else []
        super().__init__(path, infos, unread, max(0, size - start))
        self.architecture = str(metadata.get("general.architecture", ""))

    def _load(self, name: str) -> NDArray[Any] | Stored:
        place, shape = self._places[name], self.infos[name].shape
        if place.block is not None and place.block.split is None:
            raise DataError(f"{self.path}: tensor {name!r} is {place.word}, which is not read")
        with self.path.open("rb") as file:
            file.seek(place.start)
            raw = np.fromfile(file, dtype=np.uint8, count=place.n_bytes)
        if raw.size != place.n_bytes:
            raise DataError(f"{self.path}: tensor {name!r} is cut short")
        if place.block is not None:
            return read_blocks(raw, place.block, shape)
        return decode(raw.view(ELEMENTS[place.word].dtype), place.word).reshape(shape)


@dataclass(frozen=True)
class _Entry:
    """A line of the table of tensors."""

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int


def _read_tables(file: IO[bytes], size: int) -> tuple[list[_Entry], dict[str, Any]]:
    """Return the table of tensors and the metadata; the file is left behind them."""
    if file.read(4) != b"GGUF":
        raise _DamageError("it does not begin with GGUF")
    version = _scalar(file, "<I")
    if version not in (2, 3):
        raise _DamageError(f"version {version} is not read, only 2 and 3 (little-endian)")
    n_tensors, n_values = _scalar(file, "<Q"), _scalar(file, "<Q")
    # The shortest entry: an empty name, its number of axes, its type and its offset.
    if n_tensors * 24 > size or n_values * 12 > size:
        raise _DamageError(f"{n_tensors} tensors and {n_values} values do not fit into it")
    metadata: dict[str, Any] = {}
    for _ in range(n_values):
        key = _text(file, size)
        metadata[key] = _value(file, _scalar(file, "<I"), size, 0)
    table = [_entry(file, size) for _ in range(n_tensors)]
    names = [entry.name for entry in table]
    if len(set(names)) != len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise _DamageError(f"it has two tensors {twice!r}")
    return table, metadata


def _entry(file: IO[bytes], size: int) -> _Entry:
    name = _text(file, size)
    n_axes = _scalar(file, "<I")
    if n_axes > _MAX_DEPTH:
        raise _DamageError(f"tensor {name!r} has {n_axes} axes")
    sizes = [_scalar(file, "<Q") for _ in range(n_axes)]
    kind, offset = _scalar(file, "<I"), _scalar(file, "<Q")
    if math.prod(max(1, n) for n in sizes) > 2**48 or offset > size:
        raise _DamageError(f"tensor {name!r} of {sizes} at {offset} is not in the file")
    return _Entry(name, tuple(reversed(sizes)), kind, offset)


def _scalar(file: IO[bytes], form: str) -> Any:
    return struct.unpack(form, file.read(struct.calcsize(form)))[0]


def _text(file: IO[bytes], size: int) -> str:
    length = _scalar(file, "<Q")
    if length > min(size, _MAX_TEXT):
        raise _DamageError(f"a text of {length} bytes")
    raw = file.read(length)
    if len(raw) != length:
        raise _DamageError("a text is cut short")
    return raw.decode("utf-8")


def _value(file: IO[bytes], kind: int, size: int, depth: int) -> Any:
    """Return a scalar or a text; arrays are stepped over and come as None."""
    if kind in _SCALARS:
        return _scalar(file, _SCALARS[kind])
    if kind == _TEXT:
        return _text(file, size)
    if kind != _ARRAY or depth > _MAX_DEPTH:
        raise _DamageError(f"a value of type {kind}")
    inner, count = _scalar(file, "<I"), _scalar(file, "<Q")
    if count > min(size, _MAX_ITEMS):
        raise _DamageError(f"an array of {count} values")
    if inner in _SCALARS:
        file.seek(count * struct.calcsize(_SCALARS[inner]), io.SEEK_CUR)
    elif inner == _TEXT:
        for _ in range(count):
            length = _scalar(file, "<Q")
            if length > min(size, _MAX_TEXT):
                raise _DamageError(f"a text of {length} bytes")
            file.seek(length, io.SEEK_CUR)
    else:
        for _ in range(count):
            _value(file, inner, size, depth + 1)
    return None


def _place(entry: _Entry, start: int) -> _Place:
    """Return where a tensor lies, its type checked against its shape."""
    n = math.prod(entry.shape)
    if entry.kind in PLAIN_TYPES:
        word = PLAIN_TYPES[entry.kind]
        n_bytes = n * np.dtype(ELEMENTS[word].dtype).itemsize
        return _Place(start + entry.offset, n_bytes, word)
    block = BLOCK_TYPES.get(entry.kind)
    if block is None:
        raise _DamageError(f"tensor {entry.name!r} has the type {entry.kind}, which is not known")
    if not entry.shape or entry.shape[-1] % block.n_weights:
        raise _DamageError(
            f"tensor {entry.name!r} of {entry.shape} is no whole number of {block.name} blocks "
            f"of {block.n_weights}"
        )
    word = block.name if block.split is not None else f"GGML {block.name}"
    return _Place(start + entry.offset, n // block.n_weights * block.n_bytes, word, block)


def _gaps(places: dict[str, _Place], start: int, size: int) -> int:
    """Return the bytes of the data that belong to no tensor."""
    ordered = sorted(places.values(), key=lambda place: (place.start, place.n_bytes))
    for before, after in pairwise(ordered):
        if before.start + before.n_bytes > after.start:
            raise _DamageError("tensors overlap")
    if ordered and ordered[-1].start + ordered[-1].n_bytes > size:
        name = next(name for name, place in places.items() if place is ordered[-1])
        raise _DamageError(f"tensor {name!r} is cut short")
    return max(0, size - start) - sum(place.n_bytes for place in ordered)
