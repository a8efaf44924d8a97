"""Element types that NumPy lacks, and one word for each type whatever library wrote it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import weight_type
from f2fsim.codec.floats import float_values


@dataclass(frozen=True)
class Element:
    """How an element lies in a file.

    Attributes
    ----------
    dtype : str
        NumPy type of the stored pattern.
    weight_type : str
        The codec's type of the same patterns, for floats that NumPy lacks.
    table : callable or None
        Makes the numbers of the 256 patterns of an 8-bit type that the codec lacks: FNUZ floats,
        and E8M0, the scales of the OCP Microscaling Formats, 1.0.
    """

    dtype: str
    weight_type: str = ""
    table: Callable[[], NDArray[np.float32]] | None = None


#: By safetensors' words, which this package uses for all files.
ELEMENTS: dict[str, Element] = {
    "BOOL": Element("?"),
    "U8": Element("u1"),
    "I8": Element("i1"),
    "U16": Element("<u2"),
    "I16": Element("<i2"),
    "U32": Element("<u4"),
    "I32": Element("<i4"),
    "U64": Element("<u8"),
    "I64": Element("<i8"),
    "F16": Element("<f2"),
    "F32": Element("<f4"),
    "F64": Element("<f8"),
    "C64": Element("<c8"),
    "C128": Element("<c16"),
    "BF16": Element("<u2", "bf16"),
    "F8_E4M3": Element("u1", "fp8_e4m3"),
    "F8_E5M2": Element("u1", "fp8_e5m2"),
    "F8_E4M3FNUZ": Element("u1", table=lambda: _fnuz(3, 8)),
    "F8_E5M2FNUZ": Element("u1", table=lambda: _fnuz(2, 16)),
    "F8_E8M0": Element("u1", table=lambda: _powers_of_two()),
}

_WORDS = (
    (re.compile(r"^(float|F)(16|32|64)|^(FLOAT|DOUBLE|FLOAT16)$|^(BF16|BFLOAT16)$|^F8_|^FLOAT8|"
                r"^(Q\d_\w|MXFP4)"),
     "float"),
    (re.compile(r"^(u?int8|[IU]8|U?INT8)$"), "byte"),
    (re.compile(r"^(bool|BOOL)$"), "bool"),
    (re.compile(r"^(complex|C\d|COMPLEX)"), "complex"),
    (re.compile(r"^(u?int|[IU]\d|U?INT)"), "integer"),
)  # fmt: skip


def kind_of(word: str) -> str:
    """Return ``float``, ``byte`` (8-bit integer), ``integer``, ``bool``, ``complex`` or ``other``.

    Parameters
    ----------
    word : str
        A file's word for its element type: safetensors' (also PyTorch and GGUF files here),
        NumPy's or ONNX's.
    """
    return next((kind for pattern, kind in _WORDS if pattern.search(word)), "other")


def decode(bits: NDArray[np.generic], word: str) -> NDArray[np.generic]:
    """Return what stored patterns mean: small floats and bfloat16 as float32, others as they are.

    Parameters
    ----------
    bits : ndarray
        Of ``ELEMENTS[word].dtype``.
    word : str
    """
    element = ELEMENTS[word]
    if element.weight_type:
        return float_values(bits, weight_type(element.weight_type))
    if element.table is not None:
        return np.asarray(element.table()[bits.astype(np.uint8, copy=False)])
    return bits


def _powers_of_two() -> NDArray[np.float32]:
    """Return the scales of E8M0: no sign, no fraction, the last pattern is no number."""
    powers = np.ldexp(1.0, np.arange(256) - 127)
    powers[255] = np.nan
    return powers.astype(np.float32)


def _fnuz(n_fraction: int, bias: int) -> NDArray[np.float32]:
    """Return the numbers of an FNUZ type: no infinity, the pattern of -0 is the one NaN."""
    patterns = np.arange(256)
    exponent = (patterns & 0x7F) >> n_fraction
    fraction = (patterns & (2**n_fraction - 1)) / 2**n_fraction
    whole = np.where(exponent > 0, 1 + fraction, fraction)
    values = whole * 2.0 ** (np.maximum(exponent, 1) - bias)
    signed: NDArray[np.float32] = np.where(patterns & 0x80, -values, values).astype(np.float32)
    signed[0x80] = np.nan
    return signed
