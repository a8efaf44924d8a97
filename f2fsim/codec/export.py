"""Decoded weights as numbers, and the files (.safetensors, .npz) they are written to."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.container_header import write_header
from f2fsim.codec.floats import float_values
from f2fsim.codec.tensor import PrunedTensor
from f2fsim.errors import InputError
from f2fsim.whole_file import whole_file

#: Endings of the files that `write_arrays` writes.
ENDINGS = (".safetensors", ".npz")


def integer_codes(tensor: PrunedTensor) -> NDArray[Any]:
    """Return an integer tensor's codes as int8 or uint8 ``[n_rows, n_cols]``."""
    kind = tensor.weight_type
    if not kind.signed:
        return tensor.patterns.astype(np.uint8)
    shift = 8 - kind.n_bits
    codes: NDArray[Any] = (tensor.patterns.astype(np.uint8) << shift).view(np.int8) >> shift
    return codes


def real_values(tensor: PrunedTensor, scale: NDArray[np.float32] | None) -> NDArray[Any]:
    """Return what the weights stand for.

    Parameters
    ----------
    tensor : PrunedTensor
    scale : ndarray of float32, shape (n_rows,), or None
        What the numbers of each row are multiplied by; None means 1.

    Returns
    -------
    ndarray of float32 (fp16: float16), shape (n_rows, n_cols)
        Floats without a scale keep their bits (narrow ones widened exactly).
    """
    kind = tensor.weight_type
    if kind.name == "fp16" and scale is None:
        return tensor.patterns.view(np.float16).copy()
    values: NDArray[Any] = (
        float_values(tensor.patterns, kind)
        if kind.is_float
        else integer_codes(tensor).astype(np.float32)
    )
    return values if scale is None else values * scale[:, np.newaxis]


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write named arrays to a ``.safetensors`` or ``.npz`` file, whole or not at all.

    The same arrays give the same bytes.

    Raises
    ------
    InputError
        If the ending is neither.
    """
    check_ending(path)
    with whole_file(path, durable=True) as partial, partial.open("wb") as file:
        if path.name.endswith(".npz"):
            _write_npz(file, arrays)
        else:
            _write_safetensors(file, arrays)


def check_ending(path: Path) -> None:
    """Refuse a file name that `write_arrays` has no format for."""
    if not path.name.endswith(ENDINGS):
        raise InputError(f"{path}: weights are written to {' or '.join(ENDINGS)}")


def _write_safetensors(file: BinaryIO, arrays: Mapping[str, NDArray[Any]]) -> None:
    # Widest items first keeps every array aligned.
    ordered = dict(sorted(arrays.items(), key=lambda item: (-item[1].dtype.itemsize, item[0])))
    file.write(write_header({k: (a.dtype, a.shape) for k, a in ordered.items()}, {}))
    for array in ordered.values():
        file.write(np.ascontiguousarray(array).tobytes())


def _write_npz(file: BinaryIO, arrays: Mapping[str, NDArray[Any]]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            # A fixed date: the same arrays give the same bytes.
            entry = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            with archive.open(entry, "w", force_zip64=True) as part:
                np.lib.format.write_array(part, np.ascontiguousarray(arrays[name]))
