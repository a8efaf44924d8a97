"""Writes what ``torch.save`` writes, without torch: its zip layout, opcodes and calls."""

import collections
import io
import pickle
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_STORAGES = {"f4": "Float", "f2": "Half", "f8": "Double", "i1": "Char", "u1": "Byte", "i2": "Short",
             "i4": "Int", "i8": "Long", "b1": "Bool", "c8": "ComplexFloat"}  # fmt: skip


@dataclass
class Name:
    """Pickles as the name of a class, function or constant."""

    name: str


@dataclass
class Made:
    """Pickles as a call of a named function."""

    function: str
    arguments: tuple[Any, ...]


@dataclass
class Strided:
    """A tensor of its own storage; ``kind`` names another storage class or type."""

    array: np.ndarray
    kind: str = ""


class Writer(pickle._Pickler):  # type: ignore[misc]
    """Collects the storages of the tensors that it meets."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream, protocol=2)
        self.storages: list[bytes] = []

    def persistent_id(self, value: Any) -> Any:
        if isinstance(value, tuple) and value and value[0] == "storage!":
            _, kind, key, count = value
            return ("storage", Name(f"torch {kind}"), key, "cpu", count)
        return None

    def save(self, value: Any, save_persistent_id: bool = True) -> None:
        if isinstance(value, Name):
            self.write(b"c" + value.name.replace(" ", "\n").encode() + b"\n")
        elif isinstance(value, Made):
            self.save(Name(value.function))
            self.save(value.arguments)
            self.write(pickle.REDUCE)
        elif isinstance(value, Strided):
            self.save(self._strided(value))
        elif isinstance(value, tuple) and value and value[0] == "coo":
            self.save(coo(value[1]))
        else:
            super().save(value, save_persistent_id)

    def _strided(self, value: Strided) -> Made:
        array = np.ascontiguousarray(value.array)
        key = str(len(self.storages))
        self.storages.append(array.tobytes())
        kind = (value.kind or _STORAGES[array.dtype.str[1:]]) + "Storage"
        strides = tuple(step // array.itemsize for step in array.strides)
        hooks: Any = collections.OrderedDict()
        reference = ("storage!", kind, key, array.size)
        view = (reference, 0, array.shape, strides, False, hooks)
        return Made("torch._utils _rebuild_tensor_v2", view)


def sparse(layout: str, arrays: list[np.ndarray], shape: tuple[int, ...]) -> Made:
    parts = tuple(Strided(array) for array in arrays)
    size = Made("torch Size", (shape,))
    data = (*parts, size, True) if layout == "coo" else (*parts, size)
    where = Made("torch.serialization _get_layout", (f"torch.sparse_{layout}",))
    return Made("torch._utils _rebuild_sparse_tensor", (where, data))


def coo(dense: np.ndarray) -> Made:
    places = np.nonzero(dense)
    return sparse("coo", [np.stack(places).astype(np.int64), dense[places]], dense.shape)


def torch_file(path: Path, content: Any) -> Path:
    stream = io.BytesIO()
    writer = Writer(stream)
    writer.dump(content)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", stream.getvalue())
        archive.writestr("archive/byteorder", "little")
        for i, raw in enumerate(writer.storages):
            archive.writestr(f"archive/data/{i}", raw)
    return path
