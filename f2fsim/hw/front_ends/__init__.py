"""Weight front ends, one module a kind, in one visible dict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from f2fsim.codec import SCALES, PrunedTensor, WeightFormat
from f2fsim.codec.dense import DenseFormat
from f2fsim.config.arch import ArchConfig, accept_front_end
from f2fsim.hw.front_ends.bitmap import BitmapKind
from f2fsim.hw.front_ends.contract import FrontEndKind
from f2fsim.hw.front_ends.cpsr import CpsrKind
from f2fsim.hw.front_ends.csc_relative import CscRelativeKind
from f2fsim.hw.front_ends.csr import CsrKind
from f2fsim.hw.front_ends.dense import DenseKind
from f2fsim.hw.front_ends.f2f import F2fKind
from f2fsim.hw.front_ends.huffman import HuffmanKind
from f2fsim.hw.front_ends.nm import NmKind
from f2fsim.hw.front_ends.rle import RleKind

_SHIPPED: tuple[FrontEndKind[Any], ...] = (
    F2fKind(),
    DenseKind(),
    CsrKind(),
    CpsrKind(),
    CscRelativeKind(),
    BitmapKind(),
    HuffmanKind(),
    NmKind(),
    RleKind(),
)

#: Kinds by the value of ``front_end.kind``.
FRONT_ENDS: dict[str, FrontEndKind[Any]] = {kind.name: kind for kind in _SHIPPED}


def register_front_end(kind: FrontEndKind[Any]) -> None:
    """Add a kind of one's own: architectures may name it from then on.

    Raises
    ------
    ValueError
        If the name is taken.
    """
    if kind.name in FRONT_ENDS:
        raise ValueError(f"front end {kind.name!r} is registered already")
    accept_front_end(kind.model)
    FRONT_ENDS[kind.name] = kind


def front_end_kind(arch: ArchConfig) -> FrontEndKind[Any]:
    """Return the kind of an architecture's front end."""
    return FRONT_ENDS[arch.front_end.kind]


def format_of(arch: ArchConfig) -> WeightFormat:
    """Return the weight format, with its parameters, that `arch` reads."""
    return front_end_kind(arch).weight_format(arch)


def layer_format(arch: ArchConfig, tensor: PrunedTensor, *, is_dense: bool = False) -> WeightFormat:
    """Return the format in which `arch` reads one layer as a whole, or that of its dense way."""
    return band_formats(arch, tensor, [tensor], is_dense=is_dense)[0]


def band_formats(
    arch: ArchConfig, tensor: PrunedTensor, bands: Sequence[PrunedTensor], *, is_dense: bool
) -> list[WeightFormat]:
    """Return the format of each row band of a layer, or that of the dense way for all."""
    kind = front_end_kind(arch)
    block = kind.dense_block(arch.front_end, arch) if is_dense else None
    if block is not None:
        return [DenseFormat(block=block)] * len(bands)
    of_layer = kind.layer_format(arch.front_end, arch, tensor)
    return [kind.band_format(arch.front_end, of_layer, band) for band in bands]


def fetched(arch: ArchConfig) -> tuple[str, ...]:
    """Return the streams of weights that a machine can fetch.

    Scales come beside those of the kind, on every machine.
    """
    return (*front_end_kind(arch).fetched(arch.front_end), SCALES)


def stream_engines(arch: ArchConfig) -> tuple[str, ...]:
    """Return the stream engines that fetch the weights and scales of a machine."""
    return (*front_end_kind(arch).engines(arch.front_end, arch), SCALES)


def format_title(name: str) -> str:
    """Return what people call the format that the front end `name` reads."""
    return FRONT_ENDS[name].title if name in FRONT_ENDS else name
