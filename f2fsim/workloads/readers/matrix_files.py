"""Single matrices as text, alone or a folder of them: masks (``.smtx``) and MatrixMarket.

``.smtx`` is the form of the Deep Learning Matrix Collection (Gale et al., "Sparse GPU Kernels for
Deep Learning", 2020): a line ``rows, columns, nnz``, a line of row offsets, a line of column
indices, and no values.  Such a mask, and a MatrixMarket file of the field ``pattern``, has the
element type ``bool``: it is never taken for weights.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.errors import DataError
from f2fsim.workloads.readers.base import ModelFile, TensorInfo, check_stored

#: No line of numbers is longer in a file that fits a matrix of `check_stored`.
_MAX_FIRST_LINE = 200
#: Element type by the field of MatrixMarket's banner.
_FIELDS = {"real": "float64", "double": "float64", "integer": "int64", "pattern": "bool",
           "unsigned-integer": "uint64"}  # fmt: skip


class SmtxFile(ModelFile):
    """One mask; its name is the file's stem."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            line = file.readline(_MAX_FIRST_LINE)
        match = re.fullmatch(rb"\s*(\d{1,10})\s*,\s*(\d{1,10})\s*,\s*(\d{1,12})\s*", line)
        if match is None:
            raise DataError(f"{path}:1: must be 'rows, columns, nnz', got {_shown(line)}")
        rows, columns, self._nnz = (int(part) for part in match.groups())
        problem = check_stored((rows, columns), self._nnz)
        if not problem and 2 * (rows + self._nnz) > path.stat().st_size:
            problem = f"it is cut short: {rows} rows and {self._nnz} indices do not fit into it"
        if problem:
            raise DataError(f"{path}:1: {problem}")
        super().__init__(path, {path.stem: TensorInfo((rows, columns), "bool")})

    def _load(self, name: str) -> NDArray[Any]:
        rows, columns = self.infos[name].shape
        with self.path.open("rb") as file:
            lines = file.read().splitlines()
        lines += [b""] * (3 - len(lines))
        offsets = self._numbers(2, lines[1], rows + 1, self._nnz)
        indices = self._numbers(3, lines[2], self._nnz, columns - 1)
        if any(line.strip() for line in lines[3:]):
            raise DataError(f"{self.path}:4: a mask has three lines")
        if offsets[0] != 0 or offsets[-1] != self._nnz or (np.diff(offsets) < 0).any():
            raise DataError(f"{self.path}:2: row offsets must rise from 0 to {self._nnz}")
        mask = np.zeros((rows, columns), dtype=np.bool_)
        mask[np.repeat(np.arange(rows), np.diff(offsets)), indices] = True
        if np.count_nonzero(mask) != self._nnz:
            raise DataError(f"{self.path}:3: a column index stands twice in a row")
        return mask

    def _numbers(self, number: int, line: bytes, count: int, largest: int) -> NDArray[np.int64]:
        """Return the whole numbers 0 … `largest` of a line."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                values = np.fromstring(line.strip(), dtype=np.int64, sep=" ")
        except (ValueError, DeprecationWarning):
            raise DataError(f"{self.path}:{number}: must be whole numbers") from None
        if values.size != count:
            raise DataError(f"{self.path}:{number}: needs {count} numbers, got {values.size}")
        outside = np.flatnonzero((values < 0) | (values > largest))
        if outside.size:
            value = int(values[outside[0]])
            raise DataError(f"{self.path}:{number}: must be 0 to {largest}, got {value}")
        return values


class MtxFile(ModelFile):
    """One MatrixMarket matrix; its name is the file's stem.  What is not stored reads as 0."""

    def __init__(self, path: Path) -> None:
        from scipy import io

        try:
            rows, columns, stored, form, field, _ = io.mminfo(path)
        except (ValueError, OverflowError, TypeError, OSError) as error:
            raise DataError(f"{path}: not a MatrixMarket file: {_reason(error)}") from None
        if field not in _FIELDS:
            raise DataError(f"{path}:1: the field {field!r} is not supported, weights are real")
        problem = check_stored((rows, columns), stored)
        # A coordinate takes "1 1\n" at least, an element of an array "1\n".
        if not problem and stored * (4 if form == "coordinate" else 2) - 1 > path.stat().st_size:
            problem = f"it is cut short: {stored} entries do not fit into it"
        if problem:
            raise DataError(f"{path}: {problem}")
        super().__init__(path, {path.stem: TensorInfo((rows, columns), _FIELDS[field])})

    def _load(self, name: str) -> NDArray[Any]:
        from scipy import io

        try:
            matrix: Any = io.mmread(self.path)
        except (ValueError, OverflowError, TypeError, OSError) as error:
            raise DataError(f"{self.path}: damaged MatrixMarket file: {_reason(error)}") from None
        array = np.asarray(matrix if isinstance(matrix, np.ndarray) else matrix.toarray())
        return array != 0 if self.infos[name].dtype == "bool" else array


#: Reader by ending of the files of which a folder makes one model.
MATRIX_READERS: dict[str, Callable[[Path], ModelFile]] = {".smtx": SmtxFile, ".mtx": MtxFile}


class MatrixFolder(ModelFile):
    """A folder of matrices, each a tensor; in the order of the names, numbers by their value."""

    def __init__(self, path: Path) -> None:
        self._members: dict[str, ModelFile] = {}
        for file in matrix_files(path):
            if file.stem in self._members:
                raise DataError(f"{path}: two files are called {file.stem!r}")
            self._members[file.stem] = MATRIX_READERS[file.suffix.lower()](file)
        super().__init__(path, {name: m.infos[name] for name, m in self._members.items()})

    def files(self) -> list[Path]:
        """Return the matrices' files."""
        return [member.path for member in self._members.values()]

    def _load(self, name: str) -> NDArray[Any]:
        return self._members[name].read(name)


def matrix_files(folder: Path) -> list[Path]:
    """Return the files of matrices in a folder, numbers in their names sorted by value."""
    found = [p for p in folder.iterdir() if p.suffix.lower() in MATRIX_READERS and p.is_file()]
    return sorted(found, key=lambda p: [(len(t), t) if t.isdigit() else (0, t) for t in
                                        re.split(r"([0-9]+)", p.name)])  # fmt: skip


def _shown(line: bytes) -> str:
    return repr(line[:40].decode("ascii", "replace").strip())


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
