"""Values of PyTorch's sparse and quantised tensors from their stored arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.errors import DataError
from f2fsim.workloads.readers.stored import Codes, Stored
from f2fsim.workloads.readers.torch_tensors import Quantised, Sparse, Strided

#: Most elements of a sparse tensor made dense.
_MAX_ELEMENTS = 2**34


def dense_of(tensor: Sparse, parts: list[NDArray[Any]], place: str) -> Stored:
    """Make a sparse tensor dense: stored values, zeros too, are kept; all else is pruned.

    Parameters
    ----------
    tensor : Sparse
    parts : list of ndarray
        Its stored arrays.
    place : str
        Beginning of an error message.
    """
    what = f"its {tensor.layout} indices do not fit {tensor.shape}"
    problem = DataError(f"{place} is damaged: {what}")
    if math.prod(tensor.shape) > _MAX_ELEMENTS:
        raise DataError(f"{place} is too large to be made dense: {tensor.shape}")
    values = parts[-1]
    dense = np.zeros(tensor.shape, dtype=values.dtype)
    mask = np.zeros(tensor.shape, dtype=np.bool_)
    try:
        places = _coo_places(tensor, parts) if tensor.layout == "coo" else _places(tensor, parts)
        flat = np.ravel_multi_index(places, tensor.shape)
    except (ValueError, IndexError, TypeError):
        raise problem from None
    if flat.size != values.size:
        raise problem
    # An uncoalesced tensor may name a place twice: its values add up.
    np.add.at(dense.reshape(-1), flat.reshape(-1), values.reshape(-1))
    mask.reshape(-1)[flat.reshape(-1)] = True
    return Stored(dense, mask)


def _coo_places(tensor: Sparse, parts: list[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
    """Return the coordinates of each value; trailing axes of `values` are dense."""
    indices, values = parts
    n_sparse, n_stored = indices.shape
    if values.shape != (n_stored, *tensor.shape[n_sparse:]):
        raise ValueError
    dense = tensor.shape[n_sparse:]
    size = math.prod(dense)
    inner = np.indices(dense).reshape(len(dense), 1, size)
    outer = np.broadcast_to(indices[:, :, None], (n_sparse, n_stored, size))
    whole = np.broadcast_to(inner, (inner.shape[0], n_stored, size))
    return (*outer, *whole)


def _places(tensor: Sparse, parts: list[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
    """Return row and column of each value of a compressed layout (csr, csc, bsr, bsc)."""
    pointers, indices, values = parts
    if len(tensor.shape) != 2 or pointers.ndim != 1 or tensor.layout not in _COMPRESSED:
        raise ValueError
    counts = np.diff(pointers)
    falls = bool(counts.size) and (counts.min() < 0 or pointers[0] != 0)
    if falls or counts.sum() != indices.size:
        raise ValueError
    block = values.shape[1:] or (1, 1)
    across = 0 if tensor.layout in ("csr", "bsr") else 1
    if counts.size * block[across] != tensor.shape[across]:
        raise ValueError
    major = np.repeat(np.arange(counts.size), counts)
    pair = (major, indices) if across == 0 else (indices, major)
    rows = pair[0][:, None, None] * block[0] + np.arange(block[0])[:, None]
    columns = pair[1][:, None, None] * block[1] + np.arange(block[1])
    shape = (indices.size, *block)
    return np.broadcast_to(rows, shape), np.broadcast_to(columns, shape)


_COMPRESSED = ("csr", "csc", "bsr", "bsc")


def dequantised(tensor: Quantised, parts: list[NDArray[Any]], place: str) -> Stored:
    """Return (code - zero) · scale of a quantised tensor, its codes beside them."""
    codes, *own = parts
    n = codes.shape[tensor.axis] if codes.ndim else 1
    scales, zeros = _parameters(tensor, own, n)
    if scales.shape != (n,) or zeros.shape != (n,):
        raise DataError(f"{place} is damaged: {scales.size} scales for {n} slices")
    along = [1] * codes.ndim
    along[tensor.axis : tensor.axis + 1] = [-1]
    # In float32, as PyTorch itself computes it.
    found = codes.astype(np.float32) - zeros.reshape(along)
    found *= scales.reshape(along)
    if tensor.axis != 0 or codes.dtype.itemsize != 1 or codes.ndim < 2:
        return Stored(found)
    matrix = codes.reshape(codes.shape[0], -1)
    return Stored(
        found,
        codes=Codes(
            codes=matrix,
            weight_type="int8" if codes.dtype.kind == "i" else "uint8",
            scales=scales[:, None],
            group_of=np.zeros(matrix.shape[1], dtype=np.intp),
            zeros=zeros[:, None] if zeros.any() else None,
            side_bits=sum(8 * part.nbytes for part in own),
        ),
    )


def _parameters(
    tensor: Quantised, own: list[NDArray[Any]], n: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return scale and zero point of each slice."""
    left = list(own)
    scales = left.pop(0) if isinstance(tensor.scale, Strided) else np.full(n, tensor.scale)
    zeros = left.pop(0) if isinstance(tensor.zero, Strided) else np.full(n, tensor.zero)
    return scales.astype(np.float32), zeros.astype(np.float32)
