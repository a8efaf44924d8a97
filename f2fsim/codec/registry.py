"""The visible registry of weight formats and what can be done by name alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from f2fsim.codec.base import EncodedTensor, WeightFormat
from f2fsim.codec.bitmap import BitmapFormat
from f2fsim.codec.cpsr import CpsrFormat
from f2fsim.codec.csc_relative import CscRelativeFormat
from f2fsim.codec.csr import CsrFormat
from f2fsim.codec.dense import DenseFormat
from f2fsim.codec.f2f.format import F2FFormat
from f2fsim.codec.huffman import HuffmanFormat
from f2fsim.codec.nm import NmFormat
from f2fsim.codec.rle import RleFormat
from f2fsim.codec.tensor import PrunedTensor
from f2fsim.errors import DataError, InputError, choices, in_a_line, near_miss

#: Weight formats by name; a constructor takes the format's parameters, all with defaults.
FORMATS: dict[str, type[WeightFormat]] = {
    "bitmap": BitmapFormat,
    "cpsr": CpsrFormat,
    "csc_relative": CscRelativeFormat,
    "csr": CsrFormat,
    "dense": DenseFormat,
    "f2f": F2FFormat,
    "huffman": HuffmanFormat,
    "nm": NmFormat,
    "rle": RleFormat,
}


def weight_format(name: str, params: Mapping[str, Any] | None = None) -> WeightFormat:
    """Return the format called `name` with the given parameters.

    Raises
    ------
    InputError
        If the name or a parameter is unknown (the nearest known one is suggested), or a value is
        not allowed.
    """
    if name not in FORMATS:
        raise InputError(
            f"unknown format {name!r}{near_miss(name, FORMATS)}; known: {choices(FORMATS)}"
        )
    known = [key for key in getattr(FORMATS[name], "__dataclass_fields__", {}) if key != "name"]
    given = dict(params or {})
    for key in given:
        if key not in known:
            raise InputError(
                f"format {name}: unknown parameter {key!r}{near_miss(key, known)}; "
                f"known: {choices(known)}"
            )
    return FORMATS[name](**given)


def decode(encoded: EncodedTensor) -> PrunedTensor:
    """Decode an encoding of any registered format.

    Raises
    ------
    DataError
        If the format is unknown or a stream is damaged.
    """
    if encoded.format not in FORMATS:
        raise DataError(
            f"{encoded.label}: unknown format {in_a_line(encoded.format)}; "
            f"known: {choices(FORMATS)}"
        )
    return FORMATS[encoded.format]().decode(encoded)
