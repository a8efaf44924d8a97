"""``cpsr``: cyclic packed streams of rows, the format of HiSparse (Du et al., FPGA 2022).

Rows are dealt to the PEs of several clusters, those of a PE follow one another in a stream of
elements, and one element of each PE of a cluster makes a packet.  A marker ends a row, so that
nothing has to be looked up before an element is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.base import EncodedTensor, IntArray, WeightFormat, WorkUnits
from f2fsim.codec.checks import check_auto_or_int, check_int
from f2fsim.codec.cpsr_layout import Layout, Shape, packet_starts
from f2fsim.codec.streams import (
    bits_for,
    check_format,
    int_param,
    pack_equal,
    read_fields,
    unit_sums,
)
from f2fsim.codec.tensor import PrunedTensor
from f2fsim.errors import DataError, InputError

#: Widest fields, and most clusters, elements of a packet, and columns of a part.
MAX_FIELD_BITS = 32
MAX_CLUSTERS = MAX_PACK = 1 << 12
MAX_PART_COLUMNS = 1 << 30


@dataclass(frozen=True)
class CpsrFormat(WeightFormat):
    """Cyclic packed streams of rows.

    Streams, each cluster after cluster, in a cluster part after part: ``weights`` and ``indices``
    (an element of each PE makes a packet; element by element a value and its column within the
    part, or a marker), ``pointers`` (for each cluster and part the packets of the cluster before
    it and the elements of each PE).  A marker is an index of ones alone; its value says by how
    many of its rows the PE moves on, so that rows without a kept weight in the part are skipped.
    Streams of a cluster are filled up with zeros to the length of the longest.

    Attributes
    ----------
    n_clusters, pack : int
        Clusters, and PEs of a cluster: row r belongs to PE ``r % pack`` of cluster
        ``r // pack % n_clusters``.
    part_columns : int
        Columns of a part: the matrix is cut by columns, for vector buffers of this size.
    index_bits, value_bits : "auto" or int
        Widths of the two fields of an element; ``auto`` is the least that will do.
    pointer_bits : "auto" or int
        Width of a pointer.
    """

    name: ClassVar[str] = "cpsr"
    n_clusters: int = 16
    pack: int = 8
    part_columns: int = 32768
    index_bits: Literal["auto"] | int = "auto"
    value_bits: Literal["auto"] | int = "auto"
    pointer_bits: Literal["auto"] | int = 32

    def __post_init__(self) -> None:
        check_int("format cpsr: n_clusters", self.n_clusters, 1, MAX_CLUSTERS)
        check_int("format cpsr: pack", self.pack, 1, MAX_PACK)
        check_int("format cpsr: part_columns", self.part_columns, 1, MAX_PART_COLUMNS)
        for key in ("index_bits", "value_bits", "pointer_bits"):
            check_auto_or_int(f"format cpsr: {key}", getattr(self, key), 1, MAX_FIELD_BITS)

    def encode(self, tensor: PrunedTensor) -> EncodedTensor:
        """Encode `tensor`; a work unit is a packet."""
        n_cols = tensor.shape[1]
        index_bits = self._width(
            "index_bits", max(bits_for(min(n_cols, self.part_columns) + 1), 1), tensor
        )
        value_bits = self._width("value_bits", tensor.weight_type.n_bits, tensor)
        layout = self.layout(tensor, value_bits)
        rows, columns, places = layout.entries()
        indices = np.zeros(layout.n_packets * self.pack, dtype=np.uint32)
        values = np.zeros_like(indices)
        indices[places] = columns % self.part_columns
        values[places] = tensor.patterns[rows, columns]
        for at, steps in layout.markers():
            indices[at], values[at] = (1 << index_bits) - 1, steps
        table = layout.pointers()
        most = bits_for(table.max(initial=0) + 1)
        widths = {
            "index_bits": index_bits,
            "value_bits": value_bits,
            "pointer_bits": self._width("pointer_bits", max(most, 1), tensor),
        }
        streams = {
            "weights": pack_equal(values, value_bits),
            "indices": pack_equal(indices, index_bits),
            "pointers": pack_equal(table, widths["pointer_bits"]),
        }
        dealt = {
            "n_clusters": self.n_clusters,
            "pack": self.pack,
            "part_columns": self.part_columns,
        }
        n_kept = unit_sums(places // self.pack, layout.n_packets)
        work = _work(layout, n_kept, widths)
        kind = tensor.weight_type
        return EncodedTensor(
            self.name, tensor.name, tensor.shape, kind, {**dealt, **widths}, streams, work
        )

    def layout(self, tensor: PrunedTensor, value_bits: int) -> Layout:
        """Return where everything of a tensor lies; markers move on by what `value_bits` hold."""
        shape = Shape(*tensor.shape, self.n_clusters, self.pack, self.part_columns)
        return Layout.of(tensor.mask, shape, (1 << value_bits) - 1)

    def decode(self, encoded: EncodedTensor) -> PrunedTensor:
        """Return the tensor that was encoded."""
        check_format(encoded, self.name)
        kind = encoded.weight_type
        shape = Shape(
            *encoded.shape,
            int_param(encoded, "n_clusters", 1, MAX_CLUSTERS),
            int_param(encoded, "pack", 1, MAX_PACK),
            int_param(encoded, "part_columns", 1, MAX_PART_COLUMNS),
        )
        lengths, first = _read_pointers(encoded, shape)
        n_elements = int(first[-1]) * shape.pack
        index_bits = int_param(encoded, "index_bits", 1, MAX_FIELD_BITS)
        value_bits = int_param(encoded, "value_bits", 1, MAX_FIELD_BITS)
        indices = read_fields(encoded, "indices", index_bits, n_elements)
        values = read_fields(encoded, "weights", value_bits, n_elements)
        patterns = np.zeros(encoded.shape, dtype=kind.pattern_dtype)
        mask = np.zeros(encoded.shape, dtype=np.bool_)
        for at, (cluster, part) in enumerate(np.ndindex(shape.n_clusters, shape.n_parts)):
            block = slice(int(first[at]) * shape.pack, int(first[at + 1]) * shape.pack)
            index, value = (x[block].reshape(-1, shape.pack) for x in (indices, values))
            lanes = shape, cluster, lengths[cluster, part]
            rows, columns, found = _entries(index, value, lanes, (1 << index_bits) - 1)
            columns += part * shape.part_columns
            end = min((part + 1) * shape.part_columns, shape.n_cols)
            beyond = rows.max(initial=0) >= shape.n_rows or columns.max(initial=0) >= end
            if beyond or int(found.max(initial=0)) >> kind.n_bits:
                raise DataError(f"{encoded.label}: elements of cluster {cluster} are out of place")
            if np.unique(rows * shape.n_cols + columns).size != rows.size:
                raise DataError(f"{encoded.label}: a weight stands twice in cluster {cluster}")
            patterns[rows, columns], mask[rows, columns] = found, True
        return PrunedTensor(encoded.name, patterns, mask, kind)

    def _width(self, key: str, needed: int, tensor: PrunedTensor) -> int:
        width: Literal["auto"] | int = getattr(self, key)
        if width == "auto":
            return needed
        if tensor.n_weights and width < needed:
            raise InputError(f"format cpsr: {tensor.label} needs {key} ≥ {needed}, got {width}")
        return width


def _work(layout: Layout, n_kept: IntArray, widths: Mapping[str, int]) -> WorkUnits:
    """Return the work of each packet."""
    pack = layout.shape.pack
    elements = np.full(layout.n_packets, pack, dtype=np.int64)
    heads = np.zeros(layout.n_packets, dtype=np.int64)
    heads[layout.first[:-1]] = 1 + pack
    return WorkUnits(
        stream_bits={
            "weights": elements * widths["value_bits"],
            "indices": elements * widths["index_bits"],
            "pointers": heads * widths["pointer_bits"],
        },
        n_weights=layout.positions(),
        n_kept=n_kept,
        n_stored=elements,
        n_patches=np.zeros_like(elements),
    )


def _read_pointers(encoded: EncodedTensor, shape: Shape) -> tuple[IntArray, IntArray]:
    """Return the elements of each PE by cluster and part, and the first packet of each."""
    pointer_bits = int_param(encoded, "pointer_bits", 1, MAX_FIELD_BITS)
    n_heads = shape.n_clusters * shape.n_parts
    table = read_fields(encoded, "pointers", pointer_bits, n_heads * (1 + shape.pack))
    heads = table.astype(np.int64).reshape(shape.n_clusters, shape.n_parts, 1 + shape.pack)
    lengths = heads[:, :, 1:]
    first = packet_starts(lengths)
    own = first[:-1].reshape(shape.n_clusters, shape.n_parts)
    if not np.array_equal(own - own[:, :1], heads[:, :, 0]):
        raise DataError(f"{encoded.label}: pointers do not follow one another")
    return lengths, first


def _entries(
    index: NDArray[Any], value: NDArray[Any], lanes: tuple[Shape, int, IntArray], marker: int
) -> tuple[IntArray, IntArray, NDArray[Any]]:
    """Return row, column within the part and value of each kept weight of a cluster's part."""
    shape, cluster, lengths = lanes
    is_there = np.arange(index.shape[0])[:, None] < lengths
    is_marker = is_there & (index == marker)
    moved = np.where(is_marker, value.astype(np.int64), 0)
    wave = np.cumsum(moved, axis=0) - moved
    packet, lane = np.nonzero(is_there & ~is_marker)
    rows = (wave[packet, lane] * shape.n_clusters + cluster) * shape.pack + lane
    return rows, index[packet, lane].astype(np.int64), value[packet, lane]
