"""Masks: PyTorch's pruning buffers, masks beside the weights, masks in a file of their own."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from f2fsim.errors import DataError, near_miss
from f2fsim.workloads.conventions.table import Table
from f2fsim.workloads.readers import ModelFile, open_model
from f2fsim.workloads.readers.stored import Stored

PRUNING = "PyTorch pruning buffers"
BESIDE = "mask beside the weights"

#: How a mask of ``fc.weight`` may be called beside it, and what is left of the name.
_NAMES_BESIDE = (
    (re.compile(r"^(.+)_mask$"), r"\1"),
    (re.compile(r"^(.+)\.mask$"), r"\1"),
    (re.compile(r"^(.+)\.mask$"), r"\1.weight"),
    (re.compile(r"^masks?\.(.+)$"), r"\1"),
)
#: In a file of masks: also as the weights themselves, or as their layer.
_NAMES_GIVEN = (
    (re.compile(r"^(.+)$"), r"\1"),
    *_NAMES_BESIDE,
    (re.compile(r"^(.+)$"), r"\1.weight"),
    (re.compile(r"^(.+)_mask$"), r"\1.weight"),
    (re.compile(r"^masks?\.(.+)$"), r"\1.weight"),
)


def pruning_buffers(table: Table) -> None:
    """Fold ``X_orig`` with ``X_mask`` into ``X`` (``torch.nn.utils.prune``)."""
    for name, base, _ in table.ending("_orig"):
        mask = base + "_mask"
        if mask in table.entries:
            _apply(table, base, name, mask, PRUNING)
        elif base + "_u" not in table.entries:
            raise table.error(PRUNING, name, f"has no mask {mask!r} beside it")


def masks_beside(table: Table) -> None:
    """Apply masks that lie beside the weights they belong to."""
    for name in list(table.entries):
        for pattern, becomes in _NAMES_BESIDE:
            base = pattern.sub(becomes, name) if pattern.match(name) else name
            if base != name and base in table.entries and name in table.entries:
                _apply(table, base, base, name, BESIDE)


def _apply(table: Table, name: str, weight: str, mask: str, convention: str) -> None:
    shape, other = table.entries[weight].shape, table.entries[mask].shape
    if shape != other:
        raise table.error(convention, mask, f"has shape {other}, the weights {shape}")

    def read(stored: list[Stored]) -> Stored:
        return stored[0].masked(as_mask(table, convention, mask, stored[1].values))

    table.check(mask, partial(as_mask, table, convention, mask))
    table.combine(name, [weight, mask], shape, convention, read)


def as_mask(
    table: Table, convention: str, name: str, array: NDArray[np.generic]
) -> NDArray[np.bool_]:
    """Return a mask of zeros and ones as bools; `DataError` if it holds anything else."""
    kept = np.asarray(array != 0)
    if not np.array_equal(np.asarray(array), kept.astype(array.dtype)):
        raise table.error(convention, name, "holds other numbers than 0 and 1")
    return kept


def match_masks(model: ModelFile, masks: ModelFile) -> dict[str, str]:
    """Return for each tensor that has a mask in a file of masks the name of that mask.

    A mask is called as its weights are, as their layer, or as `masks_beside` knows masks.

    Raises
    ------
    DataError
        If a mask belongs to no tensor or has another shape.
    """
    found: dict[str, str] = {}
    for name in masks.names():
        targets = [p.sub(becomes, name) for p, becomes in _NAMES_GIVEN if p.match(name)]
        base = next((target for target in targets if target in model.infos), None)
        if base is None:
            raise DataError(
                f"{masks.path}: mask {name!r} belongs to no tensor of {model.path}"
                f"{near_miss(name, model.infos)}"
            )
        if base in found:
            both = f"{found[base]!r} and {name!r}"
            raise DataError(f"{masks.path}: {both} are both masks of {base!r}")
        if masks.shape(name) != model.shape(base):
            raise DataError(
                f"{masks.path}: mask {name!r} has shape {masks.shape(name)}, {base!r} has "
                f"{model.shape(base)}"
            )
        found[base] = name
    return found


class MaskFile:
    """A file of masks for the tensors of a model."""

    def __init__(self, model: ModelFile, path: Path) -> None:
        self._masks = open_model(path)
        self.names = match_masks(model, self._masks)

    def read(self, tensor: str) -> NDArray[np.bool_] | None:
        """Return which weights of a tensor stay, None if it has no mask here."""
        if tensor not in self.names:
            return None
        array = self._masks.read(self.names[tensor])
        if array.dtype.kind not in "biuf":
            raise DataError(f"{self._masks.path}: mask {self.names[tensor]!r} holds {array.dtype}")
        return np.asarray(array != 0)


def read_masked(model: ModelFile, masks: MaskFile | None, name: str) -> Stored:
    """Read one tensor, with a mask of its own where a file of masks has one."""
    stored = model.read_stored(name)
    given = None if masks is None else masks.read(name)
    return stored if given is None else stored.masked(given)
