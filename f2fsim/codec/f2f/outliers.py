"""The ``codebook`` stream: the exponent table and the weights whose exponent is not in it.

The stream holds ``2**codebook_bits`` exponent fields of the weight type's exponent width, then a
record for each outlier in block order: its gap as in the patch stream (``outlier_code`` is k and d;
counted are kept weights in place of care bits) and its exponent field.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.bits import pack_fields, unpack_fields
from f2fsim.codec.base import BitStream, EncodedTensor
from f2fsim.codec.f2f.patches import (
    bits_per_block,
    events_per_block,
    read_code,
    to_fields,
    unpack_events,
)
from f2fsim.codec.f2f.planes import Codebook
from f2fsim.codec.streams import int_param, read_stream
from f2fsim.errors import DataError

Places = NDArray[np.int64]
Values = NDArray[np.uint32]


def pack_codebook(
    book: Codebook,
    outliers: Places,
    exponents: Values,
    block_ptr: Places,
    params: dict[str, Any],
) -> tuple[BitStream, Places]:
    """Return the stream and its bits per block (the table counts for the first block).

    ``codebook_bits`` and ``outlier_code`` are added to `params`.
    """
    n_e = book.weight_type.n_exponent_bits
    fields = to_fields(outliers)
    after = np.flatnonzero(fields.is_event) + 1
    values = np.insert(fields.values, after, exponents)
    widths = np.insert(fields.widths, after, n_e)
    table = book.exponents
    data, n_bits = pack_fields(
        np.concatenate([table, values]).astype(np.uint64),
        np.concatenate([np.full(table.shape, n_e, np.int64), widths]),
    )
    params["codebook_bits"] = book.index_bits
    params["outlier_code"] = [fields.code.base_bits, fields.code.step_bits]
    n_blocks = block_ptr.shape[0] - 1
    bits = bits_per_block(fields, block_ptr) + n_e * events_per_block(outliers, block_ptr)
    if n_blocks:
        bits[0] += table.size * n_e
        return BitStream(data, n_bits), bits
    return BitStream(np.zeros(0, dtype=np.uint8), 0), bits


def unpack_codebook(encoded: EncodedTensor, n_kept: int) -> tuple[Codebook | None, Places, Values]:
    """Return the codebook (None without one), the outliers' places and exponent fields.

    Raises
    ------
    DataError
        If the stream or its parameters are damaged.
    """
    none = np.zeros(0, np.int64), np.zeros(0, np.uint32)
    if "codebook_bits" not in encoded.params:
        return None, *none
    weight_type = encoded.weight_type
    index_bits = int_param(encoded, "codebook_bits", 2, 4)
    if not weight_type.is_float or index_bits >= weight_type.n_exponent_bits:
        raise DataError(f"{encoded.label}: {weight_type.name} has no exponent codebook")
    stream = read_stream(encoded, "codebook")
    what = f"{encoded.label}, codebook"
    code = read_code(encoded.params.get("outlier_code"), what)
    n_e, n_table = weight_type.n_exponent_bits, 1 << index_bits
    if not encoded.n_weights:
        return Codebook(weight_type, index_bits, np.zeros(n_table, np.uint32)), *none
    if stream.n_bits < n_table * n_e:
        raise DataError(f"{what}: the stream is too short")
    table = unpack_fields(stream.data, n_e, n_table).astype(np.uint32)
    places, fields = unpack_events(stream, n_table * n_e, code, n_e, n_kept, what)
    return Codebook(weight_type, index_bits, table), places, fields
