"""Fixed-to-fixed encoding: matrices, block orders, encoders, decoder, patches, the format."""

from f2fsim.codec.f2f.auto import auto_format
from f2fsim.codec.f2f.care import CareList, care_from_mask
from f2fsim.codec.f2f.decode import decode_planes, decode_values, look_up_tables
from f2fsim.codec.f2f.format import F2FFormat, read_params, read_planes, read_value_code
from f2fsim.codec.f2f.matrix import DecoderMatrix
from f2fsim.codec.f2f.orders import BlockOrder, golden_step
from f2fsim.codec.f2f.params import F2FParams, matrix_rows

__all__ = [
    "BlockOrder",
    "CareList",
    "DecoderMatrix",
    "F2FFormat",
    "F2FParams",
    "auto_format",
    "care_from_mask",
    "decode_planes",
    "decode_values",
    "golden_step",
    "look_up_tables",
    "matrix_rows",
    "read_params",
    "read_planes",
    "read_value_code",
]
