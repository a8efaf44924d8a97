"""SciPy's sparse ``.npz``: its arrays are checked against each other before a matrix is made."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.errors import DataError
from f2fsim.workloads.readers.base import check_stored

Arrays = Mapping[str, NDArray[Any]]
#: Arrays of each format beside ``format`` and ``shape``.
_PARTS = {
    "csr": ("data", "indices", "indptr"),
    "csc": ("data", "indices", "indptr"),
    "bsr": ("data", "indices", "indptr"),
    "coo": ("data", "row", "col"),
    "dia": ("data", "offsets"),
}


def parts_of(read: Callable[[str], NDArray[Any]], names: set[str]) -> tuple[str, tuple[int, int]]:
    """Return format and shape of a sparse matrix; `ValueError` if its arrays contradict them.

    Parameters
    ----------
    read : callable
        Reads an array by its name.
    names : set of str
        The arrays there are.
    """
    word = read("format").tobytes().rstrip(b"\0").decode("ascii", "replace").replace("\0", "")
    if word not in _PARTS:
        raise ValueError(f"its format {word[:20]!r} is none of {', '.join(_PARTS)}")
    missing = [name for name in _PARTS[word] if name not in names]
    if missing:
        raise ValueError(f"it has no array {missing[0]!r}, which the format {word} needs")
    sizes = read("shape")
    if sizes.dtype.kind not in "iu" or sizes.shape != (2,):
        raise ValueError("its shape is not that of a matrix")
    shape = (int(sizes[0]), int(sizes[1]))
    if min(shape) < 1:
        raise ValueError(f"its shape {shape} is not that of a matrix in memory")
    _CHECKS[word](shape, read, word)
    return word, shape


def refuse_other_sparse(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse sparse arrays that are whole but no matrices of SciPy, and say what to do.

    Parameters
    ----------
    path : Path
        The file.
    shapes : mapping
        Shapes of its arrays by name.

    Raises
    ------
    DataError
        If the file is one of pydata/sparse, or SciPy's of an array that has not two dimensions.
    """
    names = set(shapes)
    if {"data", "shape", "fill_value"} <= names and names & {"coords", "indptr"}:
        raise DataError(
            f"{path}: is a sparse array of pydata/sparse; save it as SciPy's: "
            "scipy.sparse.save_npz(file, array.to_scipy_sparse())"
        )
    if {"format", "shape", "data", "coords"} <= names:
        n_sides = (shapes["shape"] or (0,))[0]
        raise DataError(
            f"{path}: is a sparse array of {n_sides} dimensions; a matrix is needed: save it dense "
            "or in two dimensions"
        )


def matrix_of(word: str, shape: tuple[int, int], read: Callable[[str], NDArray[Any]]) -> Any:
    """Make SciPy's matrix of arrays that `parts_of` has checked."""
    from scipy import sparse

    parts = [read(name) for name in _PARTS[word]]
    if word == "coo":
        return sparse.coo_matrix((parts[0], (parts[1], parts[2])), shape=shape)
    if word == "dia":
        return sparse.dia_matrix((parts[0], parts[1]), shape=shape)
    made = {"csr": sparse.csr_matrix, "csc": sparse.csc_matrix, "bsr": sparse.bsr_matrix}[word]
    return made(tuple(parts), shape=shape)


def _check_compressed(shape: tuple[int, int], read: Callable[[str], Any], word: str) -> None:
    data, indices, pointers = (read(name) for name in _PARTS[word])
    block = data.shape[1:] if word == "bsr" else (1, 1)
    if data.ndim != (3 if word == "bsr" else 1) or min(block) < 1:
        raise ValueError(f"its data of shape {data.shape} is none of the format {word}")
    if any(size % side for size, side in zip(shape, block, strict=True)):
        raise ValueError(f"blocks of {block} do not fill its shape {shape}")
    n_rows, n_columns = (size // side for size, side in zip(shape, block, strict=True))
    n_major, n_minor = (n_columns, n_rows) if word == "csc" else (n_rows, n_columns)
    _refuse(check_stored(shape, len(indices) * math.prod(block)))
    _whole("indices", indices, n_minor)
    _whole("indptr", pointers, len(indices) + 1)
    falls = len(pointers) != n_major + 1 or pointers[0] != 0 or (np.diff(pointers) < 0).any()
    if falls or pointers[-1] != len(indices) or len(data) != len(indices):
        raise ValueError(f"its indptr must rise from 0 to {len(indices)} in {n_major} steps")


def _check_coo(shape: tuple[int, int], read: Callable[[str], Any], word: str) -> None:
    data, rows, columns = (read(name) for name in _PARTS[word])
    if data.ndim != 1 or not len(data) == len(rows) == len(columns):
        raise ValueError("its data, row and col have different lengths")
    _refuse(check_stored(shape, len(data)))
    _whole("row", rows, shape[0])
    _whole("col", columns, shape[1])


def _check_dia(shape: tuple[int, int], read: Callable[[str], Any], word: str) -> None:
    data, offsets = (read(name) for name in _PARTS[word])
    if data.ndim != 2 or offsets.ndim != 1 or len(data) != len(offsets):
        raise ValueError(f"its data of shape {data.shape} has not one row an offset")
    if offsets.dtype.kind not in "iu" or len(np.unique(offsets)) != len(offsets):
        raise ValueError("its offsets must be different whole numbers")
    if len(offsets) and (int(offsets.min()) <= -shape[0] or int(offsets.max()) >= shape[1]):
        raise ValueError(f"an offset lies outside the shape {shape}")
    _refuse(check_stored(shape, min(data.size, math.prod(shape))))


_CHECKS: dict[str, Callable[[tuple[int, int], Callable[[str], Any], str], None]] = {
    "csr": _check_compressed,
    "csc": _check_compressed,
    "bsr": _check_compressed,
    "coo": _check_coo,
    "dia": _check_dia,
}


def _whole(name: str, values: NDArray[Any], limit: int) -> None:
    """Raise `ValueError` unless all are whole numbers from 0 to below `limit`."""
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise ValueError(f"its {name} are no whole numbers")
    if values.size and not (int(values.min()) >= 0 and int(values.max()) < limit):
        worst = int(values.min()) if int(values.min()) < 0 else int(values.max())
        raise ValueError(f"its {name} must be 0 to {limit - 1}, got {worst}")


def _refuse(problem: str) -> None:
    if problem:
        raise ValueError(problem)
