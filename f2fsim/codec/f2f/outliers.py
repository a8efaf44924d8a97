"""The ``codebook`` stream: the exponent table and the weights whose exponent is not in it.

The stream holds ``2**codebook_bits`` exponent fields of the weight type's exponent width, then a
record for each outlier in block order: one or more gap fields of ``outlier_field_bits`` bits (as in
the patch stream, but counting kept weights in place of care bits) and its exponent field.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.bits import pack_fields, unpack_fields
from f2fsim.codec.base import BitStream, EncodedTensor
from f2fsim.codec.f2f.patches import MAX_FIELD_BITS, to_fields
from f2fsim.codec.f2f.planes import Codebook
from f2fsim.codec.streams import check_tail, int_param, read_stream, unit_sums
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

    ``codebook_bits``, ``outlier_field_bits`` and ``n_outliers`` are added to `params`.
    """
    n_e = book.weight_type.n_exponent_bits
    fields = to_fields(outliers)
    last = np.flatnonzero(fields.values != (1 << fields.field_bits) - 1)
    after = last + 1
    values = np.insert(fields.values, after, exponents)
    widths = np.insert(np.full(fields.values.shape, fields.field_bits, np.int64), after, n_e)
    table = book.exponents
    data, n_bits = pack_fields(
        np.concatenate([table, values]).astype(np.uint64),
        np.concatenate([np.full(table.shape, n_e, np.int64), widths]),
    )
    params["codebook_bits"] = book.index_bits
    params["outlier_field_bits"] = fields.field_bits
    params["n_outliers"] = int(outliers.size)
    n_blocks = block_ptr.shape[0] - 1
    ends = np.searchsorted(block_ptr, fields.ends, side="right") - 1
    bits = unit_sums(ends, n_blocks) * fields.field_bits
    bits += n_e * unit_sums(np.searchsorted(block_ptr, outliers, side="right") - 1, n_blocks)
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
        raise DataError(f"tensor {encoded.name!r}: {weight_type.name} has no exponent codebook")
    stream = read_stream(encoded, "codebook")
    n_outliers = int_param(encoded, "n_outliers", 0, n_kept)
    field_bits = int_param(encoded, "outlier_field_bits", 0, MAX_FIELD_BITS)
    n_e, n_table = weight_type.n_exponent_bits, 1 << index_bits
    if not encoded.n_weights:
        return Codebook(weight_type, index_bits, np.zeros(n_table, np.uint32)), *none
    check_tail(stream, f"tensor {encoded.name!r}, codebook")
    if stream.n_bits < n_table * n_e:
        raise DataError(f"tensor {encoded.name!r}: the codebook stream is too short")
    table = unpack_fields(stream.data, n_e, n_table).astype(np.uint32)
    rest = np.unpackbits(stream.data, count=stream.n_bits, bitorder="little")[n_table * n_e :]
    places, fields = _read_records(rest, n_outliers, field_bits, n_e, n_kept, encoded.name)
    return Codebook(weight_type, index_bits, table), places, fields


def _read_records(
    bits: NDArray[np.uint8], n_records: int, field_bits: int, n_e: int, n_kept: int, name: str
) -> tuple[Places, Values]:
    """Walk over the records; outliers are few, so this is plain Python."""
    places = np.zeros(n_records, dtype=np.int64)
    fields = np.zeros(n_records, dtype=np.uint32)
    text = bits.tobytes()
    at, place, top = 0, -1, (1 << field_bits) - 1

    def take(width: int) -> int:
        nonlocal at
        if width < 1 or at + width > len(text):
            raise DataError(f"tensor {name!r}: the codebook stream is too short")
        piece = text[at : at + width]
        at += width
        return sum(bit << i for i, bit in enumerate(piece))

    for k in range(n_records):
        while (gap := take(field_bits)) == top:
            place += top
        place += gap + 1
        if place >= n_kept:
            raise DataError(f"tensor {name!r}: an outlier lies beyond the kept weights")
        places[k], fields[k] = place, take(n_e)
    if at != len(text):
        raise DataError(f"tensor {name!r}: the codebook stream is too long")
    return places, fields
