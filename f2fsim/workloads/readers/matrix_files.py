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
_MAX_COMMENT = 2**16
#: Numbers in the line of sizes, and what stands on the other side of the diagonal.
_FORMS = {"coordinate": 3, "array": 2}
_SIGNS = {"general": 0, "symmetric": 1, "skew-symmetric": -1}
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
    """One MatrixMarket matrix; its name is the file's stem.  What is not stored reads as 0.

    Read here, since SciPy's reader crashes on some damaged files.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            banner = file.readline(_MAX_FIRST_LINE).decode("ascii", "replace").lower().split()
            line, self._n_lines = file.readline(_MAX_COMMENT), 2
            while line.strip()[:1] in (b"%", b"") and line:
                line, self._n_lines = file.readline(_MAX_COMMENT), self._n_lines + 1
            self._start = file.tell()
        if banner[:2] != ["%%matrixmarket", "matrix"] or len(banner) != 5:
            raise DataError(f"{path}:1: not a MatrixMarket file: must begin %%MatrixMarket matrix")
        self._form, field, self._symmetry = banner[2:]
        if self._form not in _FORMS or self._symmetry not in _SIGNS:
            said = f"{self._form[:20]} {self._symmetry[:20]}"
            raise DataError(f"{path}:1: not a MatrixMarket file: {said!r} is not known")
        if field not in _FIELDS:
            raise DataError(
                f"{path}:1: the field {field[:20]!r} is not supported, weights are real"
            )
        sizes = line.split()
        if len(sizes) != _FORMS[self._form] or not all(
            re.fullmatch(rb"\d{1,12}", n) for n in sizes
        ):
            rule = "rows, columns and entries" if self._form == "coordinate" else "rows and columns"
            raise DataError(f"{path}:{self._n_lines}: must be {rule}, got {_shown(line)}")
        rows, columns, *entries = (int(n) for n in sizes)
        if self._symmetry != "general" and rows != columns:
            raise DataError(f"{path}:{self._n_lines}: a {self._symmetry} matrix must be square")
        cells = columns * (columns + 1) // 2 if self._symmetry == "symmetric" else rows * columns
        if self._symmetry == "skew-symmetric":
            cells = columns * (columns - 1) // 2
        self._n_stored = entries[0] if entries else cells
        problem = check_stored((rows, columns), self._n_stored)
        # A coordinate takes "1 1\n" at least, an element of an array "1\n".
        least = self._n_stored * (4 if self._form == "coordinate" else 2) - 1
        if not problem and least > path.stat().st_size - self._start:
            problem = f"it is cut short: {self._n_stored} entries do not fit into it"
        if problem:
            raise DataError(f"{path}:{self._n_lines}: {problem}")
        super().__init__(path, {path.stem: TensorInfo((rows, columns), _FIELDS[field])})

    def _load(self, name: str) -> NDArray[Any]:
        info = self.infos[name]
        width = {"bool": 2}.get(info.dtype, 3) if self._form == "coordinate" else 1
        with self.path.open("rb") as file:
            file.seek(self._start)
            numbers = _numbers(file.read())
        if numbers is None or numbers.size != width * self._n_stored:
            got = "other words" if numbers is None else f"{numbers.size} numbers"
            raise DataError(
                f"{self.path}: {self._n_stored} entries of {width} numbers are needed, got {got}"
            )
        rows, columns, values = self._entries(numbers.reshape(-1, width), info.shape)
        dense = np.zeros(info.shape, dtype=np.float64)
        np.add.at(dense, (rows, columns), values)  # an entry that is given twice is a sum
        if self._symmetry != "general":
            apart = rows != columns
            sign = _SIGNS[self._symmetry]
            np.add.at(dense, (columns[apart], rows[apart]), sign * values[apart])
        return dense != 0 if info.dtype == "bool" else dense

    def _entries(
        self, numbers: NDArray[np.float64], shape: tuple[int, ...]
    ) -> tuple[Any, Any, Any]:
        """Return rows, columns and values of the stored entries."""
        if self._form == "array":
            columns, rows = np.indices(shape[::-1]).reshape(2, -1)
            below = {"general": -shape[1], "symmetric": 0, "skew-symmetric": 1}[self._symmetry]
            kept = rows - columns >= below if self._symmetry != "general" else slice(None)
            return rows[kept], columns[kept], numbers[:, 0]
        places = numbers[:, :2]
        inside = (places >= 1) & (places <= np.array(shape)) & (places == np.floor(places))
        if not inside.all():
            row, side = (int(i) for i in np.argwhere(~inside)[0])
            raise DataError(
                f"{self.path}: entry {row + 1} lies at {places[row, side]:g}, outside 1 to "
                f"{shape[side]}"
            )
        rows, columns = places.T.astype(np.int64) - 1
        values = numbers[:, 2] if numbers.shape[1] == 3 else np.ones(len(numbers))
        return rows, columns, values


def _numbers(text: bytes) -> NDArray[np.float64] | None:
    """Return the numbers of a text, None if there are other words."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return np.asarray(np.fromstring(text.strip(), dtype=np.float64, sep=" "))
    except (ValueError, DeprecationWarning):
        return None


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
