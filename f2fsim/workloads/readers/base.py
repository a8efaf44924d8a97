"""The contract of a weight file reader."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.errors import DataError, near_miss


@dataclass(frozen=True)
class TensorInfo:
    """Shape and element type (the file's own word for it) of a tensor."""

    shape: tuple[int, ...]
    dtype: str


class ModelFile(ABC):
    """A file of named tensors, read one at a time.

    A subclass fills ``infos`` (in the file's order) when it is made and reads in `_load`.

    Attributes
    ----------
    path : Path
        The file.
    infos : dict of str to TensorInfo
        The table of contents.
    """

    def __init__(self, path: Path, infos: dict[str, TensorInfo]) -> None:
        self.path = path
        self.infos = infos

    def files(self) -> list[Path]:
        """Return the files whose content decides what is read."""
        return [self.path]

    def names(self) -> list[str]:
        """Return the tensors' names in the file's order."""
        return list(self.infos)

    def _info(self, name: str) -> TensorInfo:
        if name not in self.infos:
            raise DataError(
                f"{self.path}: has no tensor {name!r}{near_miss(name, self.infos)}; "
                f"it has {len(self.infos)} tensors"
            )
        return self.infos[name]

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor without reading it."""
        return self._info(name).shape

    def dtype(self, name: str) -> str:
        """Return the element type of a tensor in the file's own word, such as ``BF16``."""
        return self._info(name).dtype

    def read(self, name: str) -> NDArray[Any]:
        """Read one tensor.

        Returns
        -------
        ndarray
            Own memory, C order.  Types that NumPy lacks (bfloat16, 8-bit floats) come as float32,
            exactly.

        Raises
        ------
        DataError
            If there is no such tensor or its data is damaged.
        """
        info = self._info(name)
        array = np.ascontiguousarray(self._load(name))
        if array.shape != info.shape and array.size != int(np.prod(info.shape)):
            raise DataError(
                f"{self.path}: tensor {name!r} is damaged: shape {array.shape} "
                f"where {info.shape} is declared"
            )
        return array.reshape(info.shape)

    @abstractmethod
    def _load(self, name: str) -> NDArray[Any]:
        """Return the data of an existing tensor."""


#: Cells of a sparse matrix that may be nearly empty, and the fewest of them stored beyond that.
_FREE_CELLS, _CELLS_A_VALUE = 2**22, 4096
#: Most cells of a matrix in memory.
_MAX_CELLS = 2**34


def check_stored(shape: tuple[int, ...], n_stored: int) -> str:
    """Return why a matrix of so many stored values cannot be made dense, "" if it can.

    A few bytes can claim any size: nothing is allocated for what is nearly empty.
    """
    cells = math.prod(shape)
    if len(shape) != 2 or min(shape) < 1 or cells > _MAX_CELLS:
        return f"its shape {_short(shape)} is not that of a matrix in memory"
    if n_stored > cells:
        return f"it stores {n_stored} values in {cells} cells"
    if cells > _FREE_CELLS and cells > _CELLS_A_VALUE * n_stored:
        return (
            f"its shape {shape} with {n_stored} stored values is no weight matrix: fewer than one "
            f"in {_CELLS_A_VALUE} is stored"
        )
    return ""


def _short(shape: tuple[int, ...]) -> str:
    """Return a shape that may be of any length and size, in a few words."""
    if len(shape) > 8:
        return f"of {len(shape)} dimensions"
    return str(tuple(n if abs(n) < 2**63 else "beyond 2^63" for n in shape))


def float8_values(word: str) -> NDArray[np.float32]:
    """Return what each of the 256 patterns of an 8-bit float means.

    Parameters
    ----------
    word : str
        ``F8_E4M3`` (no infinity, NaN is all ones; as E4M3FN in Micikevicius et al., "FP8 Formats
        for Deep Learning", 2022) or ``F8_E5M2`` (IEEE 754's rules).
    """
    n_fraction, bias = (3, 7) if word == "F8_E4M3" else (2, 15)
    patterns = np.arange(256)
    exponent = (patterns & 0x7F) >> n_fraction
    fraction = (patterns & (2**n_fraction - 1)) / 2**n_fraction
    normal = exponent > 0
    values = np.where(normal, 1 + fraction, fraction) * 2.0 ** (np.maximum(exponent, 1) - bias)
    if word == "F8_E4M3":
        values[(patterns & 0x7F) == 0x7F] = np.nan
    else:
        values[exponent == 31] = np.where(fraction[exponent == 31] == 0, np.inf, np.nan)
    signed: NDArray[np.float32] = np.where(patterns & 0x80, -values, values).astype(np.float32)
    return signed


def bfloat16_to_float32(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Return the float32 that each bfloat16 bit pattern means (exact)."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)
