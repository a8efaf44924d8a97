"""The contract of a weight file reader."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.errors import DataError, in_a_line, near_miss
from f2fsim.workloads.readers.stored import Stored


@dataclass(frozen=True)
class TensorInfo:
    """Shape, element type (the file's own word for it) and stored bytes of a tensor.

    Bytes that several tensors share count for the first of them.
    """

    shape: tuple[int, ...]
    dtype: str
    n_bytes: int = 0


@dataclass(frozen=True)
class Unread:
    """What a file holds besides tensors that can be read, and why it cannot."""

    name: str
    reason: str
    n_bytes: int = 0
    n_weights: int = 0


class ModelFile(ABC):
    """A file of named tensors, read one at a time.

    A subclass fills ``infos`` (in the file's order) when it is made and reads in `_load`.

    Attributes
    ----------
    path : Path
        The file.
    infos : dict of str to TensorInfo
        The table of contents.
    unread : sequence of Unread
        What else its data holds.
    data_bytes : int or None
        Bytes of tensor data by the file's own structure, found without `infos`; None where the
        format does not tell them apart (ONNX).
    architecture : str
        Name of the network's kind where the file says it (GGUF), else empty.
    metadata : dict of str to str
        What the file says of itself as text.
    """

    def __init__(
        self,
        path: Path,
        infos: dict[str, TensorInfo],
        unread: Sequence[Unread] = (),
        data_bytes: int | None = None,
    ) -> None:
        for name, info in infos.items():
            problem = entry_problem(name, info.shape)
            if problem:
                raise DataError(f"{path}: tensor {in_a_line(name)} {problem}")
        self.path = path
        self.infos = infos
        self.unread = unread
        self.data_bytes = data_bytes
        self.architecture = ""
        self.metadata: dict[str, str] = {}

    def files(self) -> list[Path]:
        """Return the files whose content decides what is read."""
        return [self.path]

    def names(self) -> list[str]:
        """Return the tensors' names in the file's order."""
        return list(self.infos)

    def _info(self, name: str) -> TensorInfo:
        if name not in self.infos:
            raise DataError(
                f"{self.path}: has no tensor {in_a_line(name)}{near_miss(name, self.infos)}; "
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
        return self.read_stored(name).values

    def read_stored(self, name: str) -> Stored:
        """Read one tensor with what the file says beside its values: its mask and its codes."""
        info = self._info(name)
        loaded = self._load(name)
        stored = loaded if isinstance(loaded, Stored) else Stored(loaded)
        array = np.ascontiguousarray(stored.values)
        if array.shape != info.shape and array.size != int(np.prod(info.shape)):
            raise DataError(
                f"{self.path}: tensor {name!r} is damaged: shape {array.shape} "
                f"where {info.shape} is declared"
            )
        return Stored(array.reshape(info.shape), stored.mask, stored.codes)

    @abstractmethod
    def _load(self, name: str) -> NDArray[Any] | Stored:
        """Return the data of an existing tensor."""


#: What NumPy can hold, and what fits a line of a table.
_MAX_AXES, _MAX_NAME = 64, 10_000


def entry_problem(name: str, shape: tuple[int, ...]) -> str:
    """Return why an entry of a table of contents cannot be used, "" if it can."""
    if not name or len(name) > _MAX_NAME:
        return f"has a name of {len(name)} characters, 1 to {_MAX_NAME} are read"
    if any("\ud800" <= character <= "\udfff" for character in name):
        return "has a name that is no text: it holds a lone surrogate"
    if len(shape) > _MAX_AXES:
        return f"has {len(shape)} dimensions, at most {_MAX_AXES} are read"
    if any(not 0 <= n < 2**63 for n in shape):
        return f"has the shape {_short(shape)}"
    return ""


#: Cells of a sparse matrix that may be nearly empty, and the fewest of them stored beyond that.
_FREE_CELLS, _CELLS_A_VALUE = 2**22, 4096
#: Most cells of a matrix in memory.
_MAX_CELLS = 2**34


def check_stored(shape: tuple[int, ...], n_stored: int) -> str:
    """Return why an array of so many stored values cannot be made dense, "" if it can.

    A few bytes can claim any size: nothing is allocated for what is nearly empty.
    """
    cells = math.prod(shape)
    if not shape or len(shape) > _MAX_AXES or min(shape) < 1 or cells > _MAX_CELLS:
        return f"its shape {_short(shape)} is not that of an array in memory"
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
