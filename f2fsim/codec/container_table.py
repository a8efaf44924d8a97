"""The table of a container: what its streams are, terse and checked (``docs/format.md``).

What all tensors have in common stands once, what differs stands in columns, and both are deflated;
checksums are binary.  Every number is held against its range, and what is declared against the
bytes that are there, before anything is allocated for it.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np

from f2fsim.codec.container_header import no_duplicates
from f2fsim.codec.container_packs import DIGEST_BYTES, digest, pack_spans
from f2fsim.codec.tensor import WEIGHT_TYPES
from f2fsim.errors import DataError, InputError, in_a_line

#: Streams of a tensor, in the order of the file.
STREAMS = ("codebook", "indices", "mask", "patches", "pointers", "weights")
#: The table unfolds to no more than this and sixteen times its stored bytes.
MAX_TEXT_BYTES, MAX_UNFOLDING = 1 << 20, 16
#: Weights that all tensors of a file may claim: the greater of this and what each byte stands for.
FREE_WEIGHTS, WEIGHTS_PER_BYTE = 1 << 24, 128
#: Tensors of a file, and fields of its table.
MAX_TENSORS, MAX_FIELDS = 1 << 16, 128
#: Greatest side of a shape, number of sides, and bits of a stream (also the greatest statistic).
MAX_SIDE, MAX_SIDES, MAX_STREAM_BITS = 1 << 40, 64, 1 << 48

#: What a table's text is likely to hold: deflating starts with it (docs/format.md has it too).
DICTIONARY = (
    b'"params.run_bits":,"params.index_bits":,"params.pointer_bits":32,"params.pointers":"offsets",'
    b'"params.interleave":1,"params.n_pes":64,"params.m":4,"params.n":2,"params.groups":16,'
    b'"params.chunk":16,"params.codebook_bits":3,"params.outlier_code":[2,1],"params.kept_zeros":'
    b'{"code":"zero_runs","params":{"run_bits":4}},{"code":"block","params":{"block":48,'
    b'"escapes":0,"inverted":0,"max_ones":5}},"format":"csc_relative","csr","rle","nm","dense",'
    b'"columns":{"bits.codebook":[,"bits.indices":[,"bits.pointers":[,"format":["bitmap","f2f"],'
    b'"params.block":[null,64,],"weight_type":"fp32","fp16","uint8","int4","bf16"'
    b'{"columns":{},"made_by":"f2fsim 0.1.0","names":["decoder.encoder.model.layers.0.self_attn.",'
    b'"features.0.block.conv1.fc.bias","],"shared":{"bits.mask":[],"bits.patches":[],'
    b'"bits.weights":[],"format":"bitmap","has_scale":true,"params.block":64,"params.'
    b'inverted_planes":[[],[0,1,2,3,4,5,6,7]],"params.mask":[{"code":"raw","params":{}},{"code":'
    b'"rice","params":{"low_bits":3}},{"code":"classes","params":{"column_bits":0,"n_cols":144,'
    b'"n_rows":64,"order":2,"row_bits":2,"step":89}},{"code":"classes","params":{"column_bits":2,'
    b'"n_cols":64,"n_rows":128,"order":0,"row_bits":0,"step":1}}],"params.n_groups":1,"params.n_in":8,"params.n_out":[80,81,'
    b'82,83],"params.n_s":7,"params.order":["row","column","diagonal"],"params.order_step":[],'
    b'"params.patch_code":[[0,1],[1,1],[2,1],[3,1],[4,1]],"params.seed":1,"params.shuffle_seed":'
    b'[null,1],"params.stored_planes":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15],"params.taps":'
    b'"dense","params.constant_ones":15360,"params.varying_bits":33279,"shape":[[64,64,3,3],[128,128,1,1]],"stats.asked_sparsity":0.9,"stats.cv_n_u":[0.3,'
    b'0.2],"stats.efficiency":[0.99,1.0],"stats.n_kept":[],"stats.value_entropy":[6.,5.],'
    b'"stats.varying_bits":12,'
    b'"weight_type":"int8"}}'
)

_CRC_BYTES = 4
_PLAIN = ("format", "weight_type", "shape", "matrix", "has_scale")
_GROUPS = ("params", "stats", "bits")


@dataclass(frozen=True)
class Entry:
    """What the table says of one tensor.

    Attributes
    ----------
    name, format, weight_type : str
    shape : tuple of int
        Shape in the model.
    matrix : (int, int)
        Rows and columns.
    params, stats : mapping
        Of the `EncodedTensor`.
    bits : mapping of str to int
        Bits of each stream.
    has_scale : bool
        Whether a float32 for each row stands before the streams.
    content_crc32 : int
        Checksum of the decoded tensor.
    """

    name: str
    format: str
    weight_type: str
    shape: tuple[int, ...]
    matrix: tuple[int, int]
    params: Mapping[str, Any]
    stats: Mapping[str, float]
    bits: Mapping[str, int]
    has_scale: bool
    content_crc32: int

    @property
    def scale_bytes(self) -> int:
        """Bytes of the scale."""
        return 4 * self.matrix[0] if self.has_scale else 0

    @property
    def n_bytes(self) -> int:
        """Bytes of scale and streams in the file."""
        return self.scale_bytes + sum((n + 7) // 8 for n in self.bits.values())


def whole_matrix(shape: Sequence[int]) -> tuple[int, int]:
    """Return rows and columns of a shape: the first axis by all others, a vector as one row."""
    return (int(shape[0]), math.prod(shape[1:])) if len(shape) > 1 else (1, math.prod(shape))


# --- writing ------------------------------------------------------------------------------------


def write_table(entries: Sequence[Entry], digests: Sequence[bytes], made_by: str) -> bytes:
    """Return the table of entries in the order of the file.

    Raises
    ------
    InputError
        If a name cannot be written.
    """
    shared, columns = _columns([_fields(entry) for entry in entries])
    table = {
        "columns": columns,
        "made_by": made_by,
        "names": [entry.name for entry in entries],
        "shared": shared,
    }
    text = json.dumps(table, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    folding = zlib.compressobj(9, zdict=DICTIONARY)
    try:
        folded = folding.compress(text.encode()) + folding.flush()
    except UnicodeEncodeError:
        raise InputError(f"a tensor's name is no text: {in_a_line(table['names'])}") from None
    checks = np.array([entry.content_crc32 for entry in entries], dtype="<u4").tobytes()
    body = len(folded).to_bytes(4, "little") + folded + b"".join(digests) + checks
    return digest(body) + body


def _fields(entry: Entry) -> dict[str, Any]:
    """Return an entry as flat fields; what a reader can tell by itself is left out."""
    fields: dict[str, Any] = {
        "format": entry.format,
        "weight_type": entry.weight_type,
        "shape": list(entry.shape),
    }
    if entry.matrix != whole_matrix(entry.shape):
        fields["matrix"] = list(entry.matrix)
    if entry.has_scale:
        fields["has_scale"] = True
    for group in _GROUPS:
        values: Mapping[str, Any] = getattr(entry, group)
        fields |= {f"{group}.{key}": v for key, v in values.items() if v is not None}
    return fields


def _columns(rows: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Return what all rows share, and a column of each other field, null where a row has none."""
    shared: dict[str, Any] = {}
    columns: dict[str, list[Any]] = {}
    for key in sorted({key for row in rows for key in row}):
        column = [row.get(key) for row in rows]
        if all(value == column[0] and type(value) is type(column[0]) for value in column):
            shared[key] = column[0]
        else:
            columns[key] = column
    return shared, columns


# --- reading ------------------------------------------------------------------------------------


def read_table(
    data: bytes, n_stream_bytes: int, max_weights: int | None
) -> tuple[str, list[Entry], list[bytes]]:
    """Return who made the file, the entries and the packs' checksums; everything is checked.

    Parameters
    ----------
    data : bytes
        The table.
    n_stream_bytes : int
        Bytes of all scales and streams.
    max_weights : int, optional
        Weights that the file may claim; by default what its bytes make credible.

    Raises
    ------
    DataError
        Without the file's name.
    """
    head = DIGEST_BYTES + 4
    if len(data) < head or digest(data[DIGEST_BYTES:]) != data[:DIGEST_BYTES]:
        raise DataError("the table is damaged: its checksum differs")
    end = head + int.from_bytes(data[DIGEST_BYTES:head], "little")
    table = _unfold(data[head:end])
    names, rows = _rows(table)
    checks = data[max(end, len(data) - _CRC_BYTES * len(rows)) :]
    if len(checks) != _CRC_BYTES * len(rows):
        raise DataError("damaged table: checksums are missing")
    entries = [
        _entry(name, row, int.from_bytes(checks[4 * i : 4 * i + 4], "little"))
        for i, (name, row) in enumerate(zip(names, rows, strict=True))
    ]
    _check_claims(entries, n_stream_bytes, max_weights)
    sums = data[end : len(data) - len(checks)]
    n_packs = len({span.number for span in pack_spans([entry.n_bytes for entry in entries])})
    if len(sums) != DIGEST_BYTES * n_packs:
        raise DataError(f"damaged table: {len(sums)} bytes of checksums for {n_packs} packs")
    found = [sums[at : at + DIGEST_BYTES] for at in range(0, len(sums), DIGEST_BYTES)]
    return str(table["made_by"]), entries, found


def _unfold(folded: bytes) -> Mapping[str, Any]:
    """Return the deflated JSON of the table, whose keys and their types are right."""
    limit = MAX_TEXT_BYTES + MAX_UNFOLDING * len(folded)
    unfolding = zlib.decompressobj(zdict=DICTIONARY)
    try:
        text = unfolding.decompress(folded, limit)
        if unfolding.unconsumed_tail or not unfolding.eof or unfolding.unused_data:
            raise DataError(f"damaged table: it does not unfold to at most {limit} bytes")
        table = json.loads(text, parse_constant=_no_constant, object_pairs_hook=no_duplicates)
    except (zlib.error, ValueError, RecursionError):
        raise DataError("damaged table: it is not deflated JSON") from None
    kinds = {"columns": dict, "made_by": str, "names": list, "shared": dict}
    if not isinstance(table, dict) or {key: type(table[key]) for key in table} != kinds:
        raise DataError(f"damaged table: must hold {', '.join(kinds)}")
    return table


def _no_constant(word: str) -> float:
    raise ValueError(word)


def _rows(table: Mapping[str, Any]) -> tuple[list[str], list[dict[str, Any]]]:
    """Return names and fields of each tensor."""
    names, shared, columns = table["names"], table["shared"], table["columns"]
    if len(names) > MAX_TENSORS or len(shared) + len(columns) > MAX_FIELDS:
        raise DataError(f"the table has more than {MAX_TENSORS} tensors or {MAX_FIELDS} fields")
    for name in names:
        if not isinstance(name, str) or not _is_text(name):
            raise DataError(f"damaged table: the name {in_a_line(name)} is no text")
    if len(set(names)) != len(names):
        raise DataError("damaged table: two tensors have one name")
    for key, column in columns.items():
        if not isinstance(column, list) or len(column) != len(names) or key in shared:
            raise DataError(f"damaged table: column {in_a_line(key)}")
    rows = [dict(shared) for _ in names]
    for key, column in columns.items():
        for row, value in zip(rows, column, strict=True):
            if value is not None:
                row[key] = value
    return names, rows


def _is_text(name: str) -> bool:
    """Return whether a name can be written: JSON's escapes can make halves of characters."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _entry(name: str, row: dict[str, Any], content_crc32: int) -> Entry:
    """Return one tensor's entry, every number in its range."""
    groups: dict[str, dict[str, Any]] = {group: {} for group in _GROUPS}
    for key, value in row.items():
        group, dot, field = key.partition(".")
        if dot and group in groups:
            groups[group][field] = value
        elif key not in _PLAIN:
            raise _refused(name, key, value)
    shape, matrix = _shapes(name, row)
    weight_type, has_scale = row.get("weight_type"), row.get("has_scale", False)
    if weight_type not in list(WEIGHT_TYPES):
        raise _refused(name, "weight_type", weight_type)
    if not isinstance(row.get("format"), str):
        raise _refused(name, "format", row.get("format"))
    if not isinstance(has_scale, bool):
        raise _refused(name, "has_scale", has_scale)
    for key, value in groups["bits"].items():
        if key not in STREAMS or not _are_integers([value], MAX_STREAM_BITS):
            raise _refused(name, f"bits.{key}", value)
    for key, value in groups["stats"].items():
        if type(value) not in (int, float) or not abs(value) < MAX_STREAM_BITS:
            raise _refused(name, f"stats.{key}", value)
    kept = groups["stats"].get("n_kept", 0)
    if kept != int(kept) or not 0 <= kept <= math.prod(matrix):
        raise _refused(name, "stats.n_kept", kept)
    return Entry(
        name, row["format"], weight_type, shape, matrix, **groups,
        has_scale=has_scale, content_crc32=content_crc32,
    )  # fmt: skip


def _shapes(name: str, row: Mapping[str, Any]) -> tuple[tuple[int, ...], tuple[int, int]]:
    """Return shape in the model and rows and columns."""
    shape, given = row.get("shape"), row.get("matrix", [0, 0])
    if not _are_integers(shape, MAX_SIDE) or len(shape) > MAX_SIDES:
        raise _refused(name, "shape", shape)
    if not _are_integers(given, MAX_SIDE) or len(given) != 2:
        raise _refused(name, "matrix", given)
    matrix = (given[0], given[1]) if "matrix" in row else whole_matrix(shape)
    if math.prod(matrix) != math.prod(shape):
        raise _refused(name, "matrix", given)
    return tuple(shape), matrix


def _are_integers(given: Any, most: int) -> TypeGuard[list[int]]:
    return isinstance(given, list) and all(type(n) is int and 0 <= n <= most for n in given)


def _refused(name: str, key: str, value: Any) -> DataError:
    return DataError(f"tensor {in_a_line(name)}: damaged table: {key} is {in_a_line(value)}")


def _check_claims(entries: Sequence[Entry], n_bytes: int, max_weights: int | None) -> None:
    """Refuse entries that claim other bytes than there are, or more weights than these can be."""
    described = sum(entry.n_bytes for entry in entries)
    if described != n_bytes:
        raise DataError(f"the table describes {described} bytes of streams, the file has {n_bytes}")
    # Sides of 0 do not excuse the others: arrays of such a shape are made too.
    claimed = [
        min(
            max(math.prod(max(n, 1) for n in sides) for sides in (entry.shape, entry.matrix)),
            1 << 63,
        )
        for entry in entries
    ]
    most = max(FREE_WEIGHTS, WEIGHTS_PER_BYTE * n_bytes) if max_weights is None else max_weights
    if sum(claimed) > most:
        largest = max(range(len(claimed)), key=claimed.__getitem__)
        raise DataError(
            f"claims {sum(claimed):,} weights (tensor {in_a_line(entries[largest].name)} "
            f"{claimed[largest]:,}) from {n_bytes:,} bytes of streams, at most {most:,} are "
            "believed; if it is right, raise --max-weights"
        )
