"""Weight formats: one contract, one visible registry.

``FORMATS`` maps the name of a format to its class; a format's constructor takes its parameters.
"""

from f2fsim.codec.base import (
    SCALES,
    BitStream,
    EncodedTensor,
    WeightFormat,
    WorkUnits,
    scale_shares,
)
from f2fsim.codec.registry import FORMATS, decode, weight_format
from f2fsim.codec.tensor import WEIGHT_TYPES, PrunedTensor, WeightType, weight_type

__all__ = [
    "FORMATS",
    "SCALES",
    "WEIGHT_TYPES",
    "BitStream",
    "EncodedTensor",
    "PrunedTensor",
    "WeightFormat",
    "WeightType",
    "WorkUnits",
    "decode",
    "scale_shares",
    "weight_format",
    "weight_type",
]
