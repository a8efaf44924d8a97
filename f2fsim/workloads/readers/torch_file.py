"""PyTorch's ``.pth``/``.pt`` files of tensors: the zip form and the older form, never unpickled.

The pickle inside is read as data (`pickle_ops`); tensors are found in (nested) dictionaries, their
names joined by dots.  Whole pickled modules hold no such dictionaries and are refused.
"""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.errors import DataError, in_a_line
from f2fsim.workloads.readers.base import ModelFile, TensorInfo, Unread, check_stored
from f2fsim.workloads.readers.elements import ELEMENTS, decode
from f2fsim.workloads.readers.pickle_ops import Interpreter
from f2fsim.workloads.readers.stored import Stored
from f2fsim.workloads.readers.torch_sparse import dense_of, dequantised
from f2fsim.workloads.readers.torch_tensors import (
    STORAGES,
    Described,
    Quantised,
    Sparse,
    Strided,
    storage_of,
    tensors,
)
from f2fsim.workloads.readers.zip_archive import open_archive

#: What Python's readers of archives raise for damaged ones; `OSError` for places before the file.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, ValueError,
           RuntimeError, OSError)  # fmt: skip
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_MAX_PICKLE_BYTES, _FREE_PICKLE_BYTES = 2**26, 2**20
#: Elements that a view may repeat from a smaller storage.
_FREE_ELEMENTS = 2**22


class TorchFile(ModelFile):
    """A state dict; ``spans`` says where in the file each storage lies: member, start, bytes."""

    def __init__(
        self, path: Path, content: dict[str, Any], spans: dict[str, tuple[str, int, int]]
    ) -> None:
        self._tensors: dict[str, Described] = {}
        self._spans = spans
        # Opened once: the table of an archive is as long as the model.
        self._archive: zipfile.ZipFile | None = None
        infos: dict[str, TensorInfo] = {}
        unread: list[Unread] = []
        claimed: set[str] = set()
        for name, found in content.items():
            if isinstance(found, Unread):
                unread.append(found)
                continue
            keys = {part.storage for part in found.parts} - claimed
            claimed |= keys
            n_bytes = sum(spans[key][2] for key in keys if key in spans)
            if isinstance(found, Strided) and found.word not in ELEMENTS:
                reason = f"elements of {found.word}, which are not read"
                unread.append(Unread(name, reason, n_bytes, math.prod(found.shape)))
                continue
            reason = _too_large(found)
            if reason:
                unread.append(Unread(name, reason, n_bytes))
                continue
            infos[name] = TensorInfo(found.shape, found.word, n_bytes)
            self._tensors[name] = found
        rest = [span[2] for key, span in spans.items() if key not in claimed]
        if rest and (sum(rest) or not unread):
            what = f"{len(rest)} storages of objects that are never unpickled"
            unread.append(Unread("pickled objects", what, sum(rest)))
        super().__init__(path, infos, unread, sum(span[2] for span in spans.values()))
        if not infos and content:
            first = unread[0]
            raise DataError(
                f"{path}: holds no tensor that can be read: {in_a_line(first.name)}: {first.reason}"
            )
        if not infos:
            raise DataError(
                f"{path}: holds no dictionary of tensors (a whole pickled module is never "
                "unpickled): save model.state_dict()"
            )

    def _load(self, name: str) -> NDArray[Any] | Stored:
        found = self._tensors[name]
        if isinstance(found, Strided):
            return self._array(name, found)
        place = f"{self.path}: tensor {name!r}"
        parts = [self._array(name, part) for part in found.parts]
        if isinstance(found, Sparse):
            return dense_of(found, parts, place)
        assert isinstance(found, Quantised)
        return dequantised(found, parts, place)

    def _array(self, name: str, tensor: Strided) -> NDArray[Any]:
        if tensor.word not in ELEMENTS:
            raise DataError(f"{self.path}: tensor {name!r} has elements of {tensor.word}")
        dtype = np.dtype(ELEMENTS[tensor.word].dtype)
        if 0 in tensor.shape:
            return decode(np.zeros(tensor.shape, dtype=dtype), tensor.word)
        last = tensor.offset + sum(
            (n - 1) * step for n, step in zip(tensor.shape, tensor.strides, strict=True)
        )
        if tensor.storage not in self._spans:
            raise DataError(f"{self.path}: tensor {name!r} reaches beyond its storage")
        data = self._storage(name, tensor, dtype)
        if last >= min(data.size, tensor.n_elements):
            what = "is cut short" if last < tensor.n_elements else "reaches beyond its storage"
            raise DataError(f"{self.path}: tensor {name!r} {what}")
        view = np.lib.stride_tricks.as_strided(
            data[tensor.offset :],
            tensor.shape,
            [step * dtype.itemsize for step in tensor.strides],
            writeable=False,
        )
        array = decode(np.ascontiguousarray(view), tensor.word)
        return np.negative(array) if tensor.negated else array

    def _storage(self, name: str, tensor: Strided, dtype: np.dtype[Any]) -> NDArray[Any]:
        member, start, n_stored = self._spans[tensor.storage]
        n_bytes = min(n_stored, tensor.n_elements * dtype.itemsize)
        try:
            if member:
                self._archive = self._archive or open_archive(self.path)
                with self._archive.open(member) as file:
                    raw = file.read(n_bytes)
            else:
                with self.path.open("rb") as plain:
                    plain.seek(start)
                    raw = plain.read(n_bytes)
        except _DAMAGE as error:
            raise DataError(f"{self.path}: tensor {name!r} is damaged: {error}") from None
        return np.frombuffer(raw[: len(raw) // dtype.itemsize * dtype.itemsize], dtype=dtype)


def _too_large(found: Described) -> str:
    """Return why a tensor that a few stored values stand for is not read, "" if it is."""
    parts: tuple[Strided, ...] = found.parts
    for part in parts:
        n_elements = math.prod(part.shape)
        if n_elements > max(part.n_elements, _FREE_ELEMENTS):
            return f"a view of {n_elements} elements of a storage of {part.n_elements}"
    if isinstance(found, Sparse) and 0 not in found.shape:
        return check_stored(found.shape, math.prod(parts[-1].shape))
    return ""


def open_torch(path: Path) -> ModelFile:
    """Open a PyTorch file of tensors in either form."""
    try:
        if zipfile.is_zipfile(path):
            return _open_zip(path)
        return _open_legacy(path)
    except DataError as error:
        text = str(error)
        raise DataError(text if text.startswith(str(path)) else f"{path}: {text}") from None
    except RecursionError:
        raise DataError(f"{path}: damaged PyTorch file: calls nest too deeply") from None
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise  # the file cannot be opened at all
        raise DataError(f"{path}: damaged PyTorch file: {error}") from None


def _open_zip(path: Path) -> ModelFile:
    with open_archive(path) as archive:
        members = {entry.filename: entry.file_size for entry in archive.infolist()}
        pickles = [entry for entry in archive.infolist() if entry.filename.endswith("data.pkl")]
        if len(pickles) != 1 or pickles[0].file_size > _MAX_PICKLE_BYTES:
            raise DataError("is no PyTorch file of tensors: a zip with one data.pkl is needed")
        name = pickles[0].filename
        if pickles[0].file_size > max(_FREE_PICKLE_BYTES, 20 * pickles[0].compress_size):
            raise DataError(f"its pickle of {pickles[0].file_size} bytes is a zip bomb")
        root = name.removesuffix("data.pkl")
        order = archive.read(root + "byteorder") if root + "byteorder" in members else b"little"
        if order.strip() != b"little":
            raise DataError("was written on a big-endian machine, which is not supported")
        content = Interpreter(io.BytesIO(archive.read(name))).next()
    spans = {
        name.removeprefix(root + "data/"): (name, 0, size)
        for name, size in members.items()
        if name.startswith(root + "data/")
    }
    return TorchFile(path, dict(tensors(content)), spans)


def _open_legacy(path: Path) -> ModelFile:
    with path.open("rb") as file:
        interpreter = Interpreter(file)
        if file.peek(1)[:1] != b"\x80" or interpreter.next() != _LEGACY_MAGIC:
            raise DataError("is no PyTorch file of tensors")
        interpreter.next()
        if not isinstance(interpreter.next(), dict):
            raise DataError("is no PyTorch file of tensors")
        content = dict(tensors(interpreter.next()))
        kinds: dict[str, str] = {}
        for reference in interpreter.references:
            try:
                key, kind, _ = storage_of(reference)
            except (TypeError, ValueError):
                raise DataError("damaged PyTorch file: a storage is not described") from None
            kinds[key] = STORAGES.get(kind, "U8" if kind == "UntypedStorage" else "")
        keys, end = interpreter.next(), path.stat().st_size
        spans: dict[str, tuple[str, int, int]] = {}
        for key in keys if isinstance(keys, list) else []:
            if not isinstance(key, str | int):
                raise DataError("damaged PyTorch file: a storage without a name")
            count = int.from_bytes(file.read(8), "little")
            word = kinds.get(str(key), "")
            if not word:
                raise DataError(f"damaged PyTorch file: storage {key!r} has no known type")
            n_bytes = count * np.dtype(ELEMENTS[word].dtype).itemsize
            spans[str(key)] = ("", file.tell(), n_bytes)
            # What is cut short is told when it is read.
            file.seek(min(n_bytes, end), io.SEEK_CUR)
    return TorchFile(path, content, spans)
