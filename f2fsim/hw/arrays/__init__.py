"""PE arrays, one module (or package) a kind, in one visible dict."""

from __future__ import annotations

from typing import Any

from f2fsim.config.arch import ArchConfig, accept_pe_array
from f2fsim.hw.arrays.broadcast import BroadcastKind
from f2fsim.hw.arrays.clusters import ClusterKind
from f2fsim.hw.arrays.contract import ArrayKind
from f2fsim.hw.arrays.flexible import FlexibleKind
from f2fsim.hw.arrays.lanes import LanesKind
from f2fsim.hw.arrays.row_parallel import RowParallelKind
from f2fsim.hw.arrays.systolic import SystolicKind

_SHIPPED: tuple[ArrayKind[Any], ...] = (
    LanesKind(),
    RowParallelKind(),
    BroadcastKind(),
    ClusterKind(),
    FlexibleKind(),
    SystolicKind(),
)

#: Kinds by the value of ``pe_array.kind``.
ARRAYS: dict[str, ArrayKind[Any]] = {kind.name: kind for kind in _SHIPPED}


def register_array(kind: ArrayKind[Any]) -> None:
    """Add a kind of one's own: architectures may name it from then on.

    Raises
    ------
    ValueError
        If the name is taken.
    """
    if kind.name in ARRAYS:
        raise ValueError(f"PE array {kind.name!r} is registered already")
    accept_pe_array(kind.model)
    ARRAYS[kind.name] = kind


def array_kind(arch: ArchConfig) -> ArrayKind[Any]:
    """Return the kind of an architecture's PE array."""
    return ARRAYS[arch.pe_array.kind]
