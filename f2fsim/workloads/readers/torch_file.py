"""PyTorch's ``.pth``/``.pt`` files of tensors: the zip form and the older form, never unpickled.

The pickle inside is read as data (`pickle_ops`); tensors are found in (nested) dictionaries, their
names joined by dots.  Whole pickled modules hold no such dictionaries and are refused.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.errors import DataError
from f2fsim.workloads.readers.base import ModelFile, TensorInfo, bfloat16_to_float32
from f2fsim.workloads.readers.pickle_ops import Call, Interpreter, Reference, Symbol

_STORAGES = {
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "DoubleStorage": "<f8",
    "BFloat16Storage": "<u2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "ShortStorage": "<i2",
    "IntStorage": "<i4",
    "LongStorage": "<i8",
    "BoolStorage": "?",
}
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_MAX_DEPTH = 20
_MAX_PICKLE_BYTES = 2**28


@dataclass(frozen=True)
class _Tensor:
    """A tensor as the pickle describes it: a strided view of a storage, counted in elements."""

    storage: str
    kind: str
    n_elements: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class TorchFile(ModelFile):
    """A state dict; ``spans`` says where in the file each storage's bytes lie."""

    def __init__(
        self, path: Path, tensors: dict[str, _Tensor], spans: dict[str, tuple[str, int]]
    ) -> None:
        infos = {name: TensorInfo(t.shape, t.kind) for name, t in tensors.items()}
        super().__init__(path, infos)
        self._tensors = tensors
        self._spans = spans

    def _load(self, name: str) -> NDArray[Any]:
        tensor = self._tensors[name]
        dtype = np.dtype(_STORAGES[tensor.kind])
        last = tensor.offset + sum(
            (n - 1) * step for n, step in zip(tensor.shape, tensor.strides, strict=True)
        )
        if 0 in tensor.shape:
            return np.zeros(tensor.shape, dtype=dtype)
        if last >= tensor.n_elements or tensor.storage not in self._spans:
            raise DataError(f"{self.path}: tensor {name!r} reaches beyond its storage")
        data = self._storage(name, tensor, dtype)
        if data.size < tensor.n_elements:
            raise DataError(f"{self.path}: tensor {name!r} is cut short")
        view = np.lib.stride_tricks.as_strided(
            data[tensor.offset :],
            tensor.shape,
            [step * dtype.itemsize for step in tensor.strides],
            writeable=False,
        )
        array = np.ascontiguousarray(view)
        return bfloat16_to_float32(array) if tensor.kind == "BFloat16Storage" else array

    def _storage(self, name: str, tensor: _Tensor, dtype: np.dtype[Any]) -> NDArray[Any]:
        member, start = self._spans[tensor.storage]
        n_bytes = tensor.n_elements * dtype.itemsize
        try:
            if member:
                with zipfile.ZipFile(self.path) as archive:
                    raw = archive.read(member)[:n_bytes]
            else:
                with self.path.open("rb") as file:
                    file.seek(start)
                    raw = file.read(n_bytes)
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError) as error:
            raise DataError(f"{self.path}: tensor {name!r} is damaged: {error}") from None
        return np.frombuffer(raw[: len(raw) // dtype.itemsize * dtype.itemsize], dtype=dtype)


def open_torch(path: Path) -> ModelFile:
    """Open a PyTorch file of tensors in either form."""
    try:
        if zipfile.is_zipfile(path):
            return _open_zip(path)
        return _open_legacy(path)
    except DataError as error:
        text = str(error)
        raise DataError(text if text.startswith(str(path)) else f"{path}: {text}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError) as error:
        raise DataError(f"{path}: damaged PyTorch file: {error}") from None


def _open_zip(path: Path) -> ModelFile:
    with zipfile.ZipFile(path) as archive:
        members = {entry.filename: entry.file_size for entry in archive.infolist()}
        pickles = [name for name in members if name.endswith("data.pkl")]
        if len(pickles) != 1 or members[pickles[0]] > _MAX_PICKLE_BYTES:
            raise DataError("is no PyTorch file of tensors: a zip with one data.pkl is needed")
        root = pickles[0].removesuffix("data.pkl")
        order = archive.read(root + "byteorder") if root + "byteorder" in members else b"little"
        if order.strip() != b"little":
            raise DataError("was written on a big-endian machine, which is not supported")
        content = Interpreter(io.BytesIO(archive.read(pickles[0]))).next()
    tensors = dict(_tensors(content, "", 0))
    spans = {
        name.removeprefix(root + "data/"): (name, 0)
        for name in members
        if name.startswith(root + "data/")
    }
    return TorchFile(path, _some(tensors), spans)


def _open_legacy(path: Path) -> ModelFile:
    with path.open("rb") as file:
        interpreter = Interpreter(file)
        if file.peek(1)[:1] != b"\x80" or interpreter.next() != _LEGACY_MAGIC:
            raise DataError("is no PyTorch file of tensors")
        interpreter.next()
        if not isinstance(interpreter.next(), dict):
            raise DataError("is no PyTorch file of tensors")
        tensors = dict(_tensors(interpreter.next(), "", 0))
        keys = interpreter.next()
        kinds = {t.storage: t.kind for t in tensors.values()}
        spans: dict[str, tuple[str, int]] = {}
        for key in keys if isinstance(keys, list) else []:
            count = int.from_bytes(file.read(8), "little")
            spans[str(key)] = ("", file.tell())
            if str(key) not in kinds:
                break
            file.seek(count * np.dtype(_STORAGES[kinds[str(key)]]).itemsize, io.SEEK_CUR)
    return TorchFile(path, _some(tensors), spans)


def _some(tensors: dict[str, _Tensor]) -> dict[str, _Tensor]:
    if not tensors:
        raise DataError(
            "holds no dictionary of tensors (a whole pickled module is never unpickled): "
            "save model.state_dict()"
        )
    return tensors


def _tensors(value: Any, prefix: str, depth: int) -> Iterator[tuple[str, _Tensor]]:
    """Yield the tensors of nested dictionaries and lists."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, Call):
        tensor = _tensor(value)
        if tensor is not None:
            yield prefix or "tensor", tensor
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _tensors(item, f"{prefix}.{key}" if prefix else str(key), depth + 1)
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from _tensors(item, f"{prefix}.{i}" if prefix else str(i), depth + 1)


def _tensor(call: Call) -> _Tensor | None:
    """Read a call that would rebuild a tensor; None for any other call."""
    if call.function == Symbol("torch._utils", "_rebuild_parameter") and call.arguments:
        inner = call.arguments[0]
        return _tensor(inner) if isinstance(inner, Call) else None
    if call.function != Symbol("torch._utils", "_rebuild_tensor_v2"):
        return None
    try:
        reference, offset, shape, strides = call.arguments[:4]
        if not isinstance(reference, Reference):
            return None
        _, kind, key, _, count = reference.content[:5]
        numbers = (count, offset, *shape, *strides)
        valid = (
            isinstance(kind, Symbol)
            and kind.name in _STORAGES
            and len(shape) == len(strides)
            and all(isinstance(n, int) and 0 <= n < 2**48 for n in numbers)
        )
        if valid:
            return _Tensor(str(key), kind.name, count, offset, tuple(shape), tuple(strides))
    except (TypeError, ValueError):
        pass
    raise DataError("damaged PyTorch file: a tensor's description is not valid")
