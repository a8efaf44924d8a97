"""NumPy's ``.npy`` and ``.npz``, and SciPy's sparse ``.npz``; object arrays are refused."""

from __future__ import annotations

import contextlib
import math
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from f2fsim.errors import DataError
from f2fsim.workloads.readers.base import ModelFile, TensorInfo
from f2fsim.workloads.readers.sparse_npz import matrix_of, parts_of, refuse_other_sparse
from f2fsim.workloads.readers.stored import Stored
from f2fsim.workloads.readers.zip_archive import open_archive

_DAMAGE = (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error, KeyError, SyntaxError,
           MemoryError, NotImplementedError, RuntimeError, TypeError,
           tokenize.TokenError)  # fmt: skip


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Parse without warnings: a damaged header may look like an outdated type or escape."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _read_array(file: IO[bytes]) -> NDArray[Any]:
    with _quiet():
        return np.asarray(npy.read_array(file, allow_pickle=False))


def _header(file: IO[bytes], n_bytes: int) -> TensorInfo:
    """Read an ``.npy`` header; `ValueError` if it does not describe `n_bytes` bytes at most."""
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError(f"version {version} of the npy format is not known")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    with _quiet():
        shape, _, dtype = read(file)
    if any(n < 0 for n in shape):
        raise ValueError(f"its shape {shape} has a negative size")
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never unpickled")
    if math.prod(shape) * dtype.itemsize > n_bytes:
        raise ValueError(f"it is truncated: shape {shape} of {dtype} in {n_bytes} bytes")
    n_data = math.prod(shape) * dtype.itemsize
    return TensorInfo(tuple(int(n) for n in shape), str(dtype), n_data)


class NpyFile(ModelFile):
    """One array; its name is the file's stem."""

    def _load(self, name: str) -> NDArray[Any]:
        try:
            with self.path.open("rb") as file:
                return _read_array(file)
        except _DAMAGE as error:
            raise DataError(f"{self.path}: damaged npy file: {_first(error)}") from None


def open_npy(path: Path) -> ModelFile:
    """Open an ``.npy`` file."""
    try:
        with path.open("rb") as file:
            n_file = path.stat().st_size
            info = _header(file, n_file)
            n_data = n_file - file.tell()
    except _DAMAGE as error:
        raise DataError(f"{path}: damaged npy file: {_first(error)}") from None
    return NpyFile(path, {path.stem: info}, data_bytes=n_data)


class NpzFile(ModelFile):
    """An archive of arrays; each is inflated when it is read."""

    _archive: zipfile.ZipFile | None = None

    def _load(self, name: str) -> NDArray[Any]:
        try:
            self._archive = self._archive or open_archive(self.path)
            with self._archive.open(name + ".npy") as file:
                return _read_array(file)
        except _DAMAGE as error:
            raise DataError(f"{self.path}: array {name!r} is damaged: {_first(error)}") from None


class SparseNpz(ModelFile):
    """One SciPy sparse matrix; its name is the file's stem.

    What is not stored reads as 0; what is stored is kept, a stored 0 too.
    """

    def __init__(
        self, path: Path, arrays: dict[str, TensorInfo], dense: TensorInfo, n_data: int
    ) -> None:
        super().__init__(path, {path.stem: dense}, data_bytes=n_data)
        self._arrays = arrays

    def _load(self, name: str) -> Stored:
        arrays = NpzFile(self.path, self._arrays)
        try:
            word, shape = parts_of(arrays.read, set(self._arrays))
            matrix = matrix_of(word, shape, arrays.read)
            entries = matrix.tocoo()
            mask = np.zeros(matrix.shape, dtype=np.bool_)
            mask[entries.row, entries.col] = True
            return Stored(np.asarray(matrix.toarray()), mask)
        except (*_DAMAGE, IndexError, AttributeError) as error:
            what = f"{self.path}: damaged sparse matrix"
            raise DataError(f"{what}: {_first(error)}") from None


def open_npz(path: Path) -> ModelFile:
    """Open an ``.npz`` archive of arrays, or SciPy's with one sparse matrix."""
    infos: dict[str, TensorInfo] = {}
    n_data = 0
    try:
        with open_archive(path) as archive:
            for entry in archive.infolist():
                if not entry.filename.endswith(".npy"):
                    raise ValueError(f"its member {entry.filename[:80]!r} is not an array")
                with archive.open(entry) as file:
                    infos[entry.filename.removesuffix(".npy")] = _header(file, entry.file_size)
                    n_data += entry.file_size - file.tell()
        refuse_other_sparse(path, {name: info.shape for name, info in infos.items()})
        if {"format", "shape"} <= set(infos):
            try:
                _, shape = parts_of(NpzFile(path, infos).read, set(infos))
            except (*_DAMAGE, IndexError) as error:
                raise DataError(f"{path}: damaged sparse matrix: {_first(error)}") from None
            data = infos["data"].dtype
            return SparseNpz(path, infos, TensorInfo(shape, data, n_data), n_data)
    except _DAMAGE as error:
        raise DataError(f"{path}: damaged npz file: {_first(error)}") from None
    return NpzFile(path, infos, data_bytes=n_data)


def _first(error: Exception) -> str:
    """Return the first line of what went wrong, cut if it is long."""
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
