"""In which type a checkpoint holds most of its weights, so that a workload keeps their codes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from f2fsim.workloads.conventions.checkpoint import Checkpoint
from f2fsim.workloads.readers.stored import Codes


@dataclass(frozen=True)
class StoredType:
    """The codes of most weights.

    Attributes
    ----------
    weight_type : str
    quantisation : dict
        Section of a workload that quantises other weights as these are.
    tensors : mapping of str to str
        Those whose codes are kept, each with its type.
    """

    weight_type: str
    quantisation: dict[str, Any]
    tensors: Mapping[str, str]

    def note(self, n_tensors: int) -> str:
        """Say what keeps its codes and what does not."""
        types = ", ".join(dict.fromkeys([self.weight_type, *self.tensors.values()]))
        said = f"codes of {len(self.tensors)} of {n_tensors} tensors are kept ({types})"
        rest = n_tensors - len(self.tensors)
        return said + (f", {rest} quantised anew" if rest else "")


def stored_type(model: Checkpoint, tensors: list[str]) -> StoredType | None:
    """Return the type of the codes that most weights are stored as, None if most have none.

    Tensors of one convention and one element type have codes of one type: the smallest of each
    kind is read.
    """
    kinds: dict[tuple[str, str], list[str]] = {}
    for name in tensors:
        entry = model.entries[name]
        kinds.setdefault((entry.convention, entry.dtype), []).append(name)
    found: dict[str, tuple[Codes, list[str]]] = {}
    for names in kinds.values():
        smallest = min(names, key=lambda name: math.prod(model.shape(name)))
        if not _may_have_codes(model, smallest):
            continue
        codes = model.read_stored(smallest).codes
        if codes is not None:
            first, others = found.get(codes.weight_type, (codes, []))
            found[codes.weight_type] = first, others + names
    weights = {kind: _n_weights(model, names) for kind, (_, names) in found.items()}
    if not weights or 2 * max(weights.values()) <= _n_weights(model, tensors):
        return None
    kind = max(weights, key=lambda word: weights[word])
    codes = found[kind][0]
    kept = {name: word for word, (_, names) in found.items() for name in names}
    return StoredType(kind, _quantisation(codes), kept)


def _may_have_codes(model: Checkpoint, name: str) -> bool:
    """Whether a tensor is more than floats as they are; large floats are not read for nothing."""
    entry = model.entries[name]
    return bool(entry.convention) or not entry.dtype.lower().startswith(("f16", "f32", "bf", "f64"))


def _n_weights(model: Checkpoint, names: list[str]) -> int:
    return sum(math.prod(model.shape(name)) for name in names)


def _quantisation(codes: Codes) -> dict[str, Any]:
    """Return how other weights are quantised as these: by row, or by groups of equal size."""
    found: dict[str, Any] = {}
    n_groups = codes.scales.shape[1]
    if n_groups > 1:
        size = int(np.bincount(codes.group_of).max())
        found = {"granularity": "group", "group": size}
    if codes.zeros is not None or codes.offsets is not None:
        found["symmetric"] = False
    if codes.side_bits < 32 * codes.scales.size:
        found["scale_type"] = "fp16"
    return found
