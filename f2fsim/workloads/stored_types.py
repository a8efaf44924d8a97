"""In which type a checkpoint holds most of its weights, so that a workload keeps their codes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from f2fsim.workloads.conventions.checkpoint import Checkpoint
from f2fsim.workloads.readers.stored import Codes

#: What is stored without codes is quantised to this.
PLAIN = "int8"


@dataclass(frozen=True)
class StoredTypes:
    """In which types the weights of a file are kept.

    Attributes
    ----------
    weight_type : str
        That of most weights.
    quantisation : dict
        Section of a workload that quantises as the file does; empty beside weights without codes,
        which get a scale a row.
    kept : mapping of str to str
        Tensors whose codes are kept, each with its type.
    """

    weight_type: str
    quantisation: dict[str, Any]
    kept: Mapping[str, str]

    def of(self, tensor: str) -> str:
        """Return the type of a tensor's weights."""
        return self.kept.get(tensor, PLAIN)

    def note(self, n_tensors: int) -> str:
        """Say what keeps its codes and what does not."""
        types = ", ".join(dict.fromkeys(self.kept.values()))
        said = f"codes of {len(self.kept)} of {n_tensors} tensors are kept ({types})"
        rest = n_tensors - len(self.kept)
        return said + (f", {rest} quantised anew ({PLAIN})" if rest else "")


def stored_types(model: Checkpoint, tensors: list[str]) -> StoredTypes | None:
    """Return the types that weights are stored in, None if none have codes.

    Tensors of one convention and one element type have codes of one type: the smallest of each
    kind is read.
    """
    kinds: dict[tuple[str, str], list[str]] = {}
    for name in tensors:
        entry = model.entries[name]
        kinds.setdefault((entry.convention, entry.dtype), []).append(name)
    kept: dict[str, str] = {}
    codes_of: dict[str, Codes] = {}
    for names in kinds.values():
        smallest = min(names, key=lambda name: math.prod(model.shape(name)))
        codes = model.read_stored(smallest).codes if _may_have_codes(model, smallest) else None
        if codes is not None:
            codes_of.setdefault(codes.weight_type, codes)
            kept |= dict.fromkeys(names, codes.weight_type)
    if not kept:
        return None
    n_weights: dict[str, int] = {}
    for name in tensors:
        kind = kept.get(name, PLAIN)
        n_weights[kind] = n_weights.get(kind, 0) + math.prod(model.shape(name))
    most = max(n_weights, key=lambda kind: n_weights[kind])
    whole = len(kept) == len(tensors)
    return StoredTypes(most, _quantisation(codes_of[most]) if whole else {}, kept)


def _may_have_codes(model: Checkpoint, name: str) -> bool:
    """Whether a tensor is more than floats as they are; large floats are not read for nothing."""
    entry = model.entries[name]
    return bool(entry.convention) or not entry.dtype.lower().startswith(("f16", "f32", "bf", "f64"))


def _quantisation(codes: Codes) -> dict[str, Any]:
    """Return how other weights are quantised as these: by row, or by groups of equal size."""
    found: dict[str, Any] = {}
    n_groups = codes.scales.shape[1]
    if n_groups > 1:
        size = int(np.bincount(codes.group_of).max())
        found = {"granularity": "group", "group": size}
    if codes.zeros is not None or codes.offsets is not None:
        found["symmetric"] = False
    halves = 2 if codes.offsets is not None else 1
    if codes.side_bits < 32 * halves * codes.scales.size:
        found["scale_type"] = "fp16"
    return found
