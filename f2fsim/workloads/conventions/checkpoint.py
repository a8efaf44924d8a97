"""A file of weights with its conventions applied."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from f2fsim.errors import DataError
from f2fsim.workloads.conventions import CONVENTIONS
from f2fsim.workloads.conventions.metadata import quantisation_of
from f2fsim.workloads.conventions.table import Entry, LeftOut, start_table
from f2fsim.workloads.readers import ModelFile, open_model
from f2fsim.workloads.readers.base import TensorInfo
from f2fsim.workloads.readers.onnx_file import OnnxFile
from f2fsim.workloads.readers.stored import Stored


@dataclass(frozen=True)
class Account:
    """Where the bytes of a file's data are: ``data = layers + listed``."""

    data_bytes: int
    layer_bytes: int
    listed_bytes: int


class Checkpoint(ModelFile):
    """The tensors of a file as its conventions mean them, read like those of any file.

    Attributes
    ----------
    entries : dict of str to Entry
    left_out : tuple of LeftOut
        Stored tensors that mean no weights, with their reasons.
    refused : tuple of LeftOut
        Weights of a convention that cannot be read.
    """

    def __init__(self, model: ModelFile) -> None:
        table = start_table(model, quantisation_of(model))
        for convention in CONVENTIONS:
            convention.apply(table)
        self.model = model
        self.entries: dict[str, Entry] = table.ordered()
        self.left_out: tuple[LeftOut, ...] = tuple(table.left_out)
        self._checks = tuple(table.checks)
        self.refused: tuple[LeftOut, ...] = tuple(table.refused)
        infos = {
            name: TensorInfo(entry.shape, entry.dtype, table.n_bytes(entry))
            for name, entry in self.entries.items()
        }
        super().__init__(model.path, infos, data_bytes=model.data_bytes)
        self.architecture = model.architecture

    def files(self) -> list[Path]:
        """Return the files whose content decides what is read."""
        return self.model.files()

    def _load(self, name: str) -> NDArray[Any] | Stored:
        return self.entries[name].read()

    def require_readable(self) -> None:
        """Raise `DataError` if weights of the file cannot be read, or what they need is damaged."""
        for check in self._checks:
            check()
        if self.refused:
            first = self.refused[0]
            more = f" (and {len(self.refused) - 1} more)" if len(self.refused) > 1 else ""
            raise DataError(
                f"{self.path}: tensor {first.name!r}{more}: {first.reason}; save the weights "
                "unpacked, or name the tensors to use"
            )

    def conventions(self) -> list[str]:
        """Return the conventions that the file's weights are stored under, each once."""
        return list(dict.fromkeys(e.convention for e in self.entries.values() if e.convention))

    def account(self, layers: set[str]) -> Account:
        """Return where the file's bytes are, given which entries are layers.

        Raises
        ------
        DataError
            If bytes of the file are in no tensor: nothing may vanish.
        """
        parts: dict[str, str] = {}
        for entry in self.entries.values():
            for part in entry.parts:
                if entry.name in layers or part not in parts:
                    parts[part] = entry.name
        in_layers = sum(
            self.model.infos[part].n_bytes for part, name in parts.items() if name in layers
        )
        listed = sum(
            self.model.infos[part].n_bytes for part, name in parts.items() if name not in layers
        )
        listed += sum(item.n_bytes for item in (*self.left_out, *self.refused))
        total = in_layers + listed if self.data_bytes is None else self.data_bytes
        if total != in_layers + listed:
            raise DataError(
                f"{self.path}: holds {total} bytes of data, its tensors {in_layers + listed}"
            )
        return Account(total, in_layers, listed)


def open_checkpoint(path: Path) -> ModelFile:
    """Open a file of weights with its conventions applied; ONNX says all in its graph."""
    model = open_model(path)
    return model if isinstance(model, OnnxFile) else Checkpoint(model)
