"""Where the elements of cyclic packed streams of rows lie, for the codec and for the machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.base import IntArray
from f2fsim.codec.streams import unit_sums


@dataclass(frozen=True)
class Shape:
    """A matrix and how it is dealt out.

    Attributes
    ----------
    n_rows, n_cols : int
    n_clusters, pack : int
        Clusters, and PEs of a cluster.
    part_columns : int
        Columns of a part.
    """

    n_rows: int
    n_cols: int
    n_clusters: int
    pack: int
    part_columns: int

    @property
    def n_parts(self) -> int:
        """Parts of the columns; none of a matrix without weights."""
        return -(-self.n_cols // self.part_columns) if self.n_rows else 0

    @property
    def n_streams(self) -> int:
        """PEs of all clusters."""
        return self.n_clusters * self.pack

    @property
    def n_waves(self) -> int:
        """Rows of a PE; the last one may be missing."""
        return -(-self.n_rows // self.n_streams)

    def part_widths(self) -> IntArray:
        """Return the columns of each part."""
        edges = np.minimum(np.arange(self.n_parts + 1) * self.part_columns, self.n_cols)
        return np.diff(edges)


def packet_starts(lengths: IntArray) -> IntArray:
    """Return the first packet of each cluster and part, and the end of the last.

    `lengths` are the elements of each PE, shape (n_clusters, n_parts, pack); the longest stream of
    a cluster makes the packets of a part.
    """
    packets = lengths.max(axis=2, initial=0).ravel()
    return np.concatenate([[0], np.cumsum(packets)]).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Layout:
    """The streams of a mask.

    Attributes
    ----------
    shape : Shape
    mask : ndarray of bool, shape (n_rows, n_cols)
    counts, steps, n_marks, starts : ndarray of int64, shape (n_waves, n_streams, n_parts)
        Of each row (the ``wave``-th of its PE) and part: kept weights; rows that its marker moves
        on by, 0 for a row that is skipped; markers; and elements of its PE before it.
    lengths : ndarray of int64, shape (n_clusters, n_parts, pack)
        Elements of each PE.
    first : ndarray of int64, shape (n_clusters * n_parts + 1,)
        First packet of each cluster and part.
    most : int
        Rows that one marker can move on by.
    """

    shape: Shape
    mask: NDArray[np.bool_]
    counts: IntArray
    steps: IntArray
    n_marks: IntArray
    starts: IntArray
    lengths: IntArray
    first: IntArray
    most: int

    @classmethod
    def of(cls, mask: NDArray[np.bool_], shape: Shape, most: int) -> Layout:
        """Return the layout of a mask whose markers move on by at most `most` rows."""
        n_waves, n_streams, n_parts = shape.n_waves, shape.n_streams, shape.n_parts
        by_row = np.zeros((n_waves * n_streams, n_parts), dtype=np.int64)
        for part in range(n_parts):
            columns = slice(part * shape.part_columns, (part + 1) * shape.part_columns)
            by_row[: shape.n_rows, part] = np.count_nonzero(mask[:, columns], axis=1)
        counts = by_row.reshape(n_waves, n_streams, n_parts)
        wave = np.arange(n_waves)[:, None, None]
        # The first row of a PE has its marker in any case: the stream begins with it.
        is_there = (counts > 0) | (wave == 0)
        at = np.where(is_there, wave, n_waves)
        ends = np.full_like(at, n_waves)
        ends[:-1] = np.minimum.accumulate(at[:0:-1], axis=0)[::-1]
        steps = np.where(is_there, ends - wave, 0)
        n_marks = -(-steps // most)
        elements = counts + n_marks
        starts = np.cumsum(elements, axis=0) - elements
        lengths = elements.sum(axis=0).reshape(shape.n_clusters, shape.pack, n_parts)
        lengths = np.ascontiguousarray(lengths.transpose(0, 2, 1))
        return cls(
            shape, mask, counts, steps, n_marks, starts, lengths, packet_starts(lengths), most
        )

    @property
    def n_packets(self) -> int:
        """Packets of all clusters and parts."""
        return int(self.first[-1])

    def entries(self) -> tuple[IntArray, IntArray, IntArray]:
        """Return row, column and place (packet times `pack`, and PE) of each kept weight."""
        shape = self.shape
        rows, columns = (x.astype(np.int64) for x in np.nonzero(self.mask))
        part = columns // shape.part_columns
        by_row = self.counts.reshape(-1, max(shape.n_parts, 1))
        before = (np.cumsum(by_row.ravel()) - by_row.ravel()).reshape(by_row.shape)
        rank = np.arange(rows.shape[0]) - before[rows, part]
        wave, stream = np.divmod(rows, shape.n_streams)
        return rows, columns, self._places(stream, part, self.starts[wave, stream, part] + rank)

    def markers(self) -> Iterator[tuple[IntArray, IntArray]]:
        """Yield place and steps of markers, at most one of each row and part at a time."""
        for number in range(int(self.n_marks.max(initial=0))):
            wave, stream, part = np.nonzero(self.n_marks > number)
            row = wave, stream, part
            at = self.starts[row] + self.counts[row] + number
            yield (
                self._places(stream, part, at),
                np.minimum(self.steps[row] - number * self.most, self.most),
            )

    def pointers(self) -> IntArray:
        """Return for each cluster and part its packets before, and the elements of each PE."""
        own = self.first[:-1].reshape(self.shape.n_clusters, self.shape.n_parts)
        before = own - own[:, :1]
        return np.concatenate([before[:, :, None], self.lengths], axis=2).ravel()

    def positions(self) -> IntArray:
        """Return the weight positions of each packet.

        Those of a row, and of the skipped rows behind it, count where its last marker stands.
        """
        shape = self.shape
        wave, stream, part = np.nonzero(self.steps)
        row = wave, stream, part
        at = self.starts[row] + self.counts[row] + self.n_marks[row] - 1
        begin = wave * shape.n_streams + stream
        left = -(-np.maximum(shape.n_rows - begin, 0) // shape.n_streams)
        covered = np.minimum(self.steps[row], left)
        packet = self._places(stream, part, at) // shape.pack
        return unit_sums(packet, self.n_packets, covered * shape.part_widths()[part])

    def _places(self, stream: IntArray, part: IntArray, element: IntArray) -> IntArray:
        cluster, lane = np.divmod(stream, self.shape.pack)
        packet = self.first[cluster * self.shape.n_parts + part] + element
        places: IntArray = packet * self.shape.pack + lane
        return places
