"""Which broadcasts an EIE-like array makes for a layer, and how long each batch of them takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.hw.arrays.broadcast import _batch_times
from f2fsim.hw.description import IntSeq, seq

IntArray = NDArray[np.int64]

#: Activations drawn at once.
DRAW_VALUES = 1 << 22


@dataclass(frozen=True, eq=False)
class SliceCounts:
    """Entries of one row band by column and PE, int64 ``[n_cols, n_pes]``.

    ``stored`` counts kept weights and padding, ``kept`` the kept weights alone.
    """

    stored: IntArray
    kept: IntArray

    def __post_init__(self) -> None:
        if self.stored.shape != self.kept.shape or self.stored.ndim != 2:
            raise ValueError(f"shapes {self.stored.shape} and {self.kept.shape} differ")


@dataclass(frozen=True, eq=False)
class Broadcasts:
    """The broadcasts of consecutive batches.

    Attributes
    ----------
    columns : IntSeq, shape (n_broadcasts,)
        Column of the weight matrix whose activation is broadcast; -1 for the one empty broadcast
        of a batch without a non-zero activation.
    first : IntSeq, shape (n_batches / times + 1,)
        First broadcast of each batch, and the end of the last.
    times : int
        How many times all of this follows one another: vectors without a zero are all alike.
    """

    columns: IntSeq
    first: IntSeq
    times: int = 1

    @property
    def n_batches(self) -> int:
        """Number of batches, repetitions included."""
        return (int(self.first.shape[0]) - 1) * self.times

    @property
    def n_broadcasts(self) -> int:
        """Number of broadcasts, repetitions included."""
        return int(self.first[-1]) * self.times

    def expanded(self) -> Broadcasts:
        """Return the same broadcasts with the repetitions written out."""
        if self.times == 1:
            return self
        offsets = np.arange(self.times)[:, None] * self.first[-1]
        starts = (offsets + self.first[:-1]).ravel()
        first = np.append(starts, self.n_broadcasts)
        return Broadcasts(seq(np.tile(self.columns, self.times)), seq(first))


def draw_broadcasts(
    n_inputs: int, n_vectors: int, batch_inputs: int, density: float, seed: int
) -> Broadcasts:
    """Draw which activations of each input vector are non-zero, and cut the vectors into batches.

    Parameters
    ----------
    n_inputs, n_vectors : int
        Length and number of the vectors.
    batch_inputs : int
        Inputs of a batch at most; a vector has ``ceil(n_inputs / batch_inputs)`` batches.
    density : float
        Share of non-zero activations: each one is drawn by itself.
    seed : int
        Of the draw.
    """
    if density >= 1 and n_vectors > 1:
        one = draw_broadcasts(n_inputs, 1, batch_inputs, density, seed)
        return Broadcasts(one.columns, one.first, n_vectors)
    rng = np.random.Generator(np.random.PCG64(seed))
    edges = np.append(np.arange(0, n_inputs, batch_inputs), n_inputs)
    columns, counts = [], []
    at_once = max(1, DRAW_VALUES // n_inputs)
    for start in range(0, n_vectors, at_once):
        shape = (min(at_once, n_vectors - start), n_inputs)
        drawn = np.ones(shape, np.bool_) if density >= 1 else rng.random(shape) < density
        by_batch = np.add.reduceat(drawn, edges[:-1], axis=1, dtype=np.int64)
        places = np.flatnonzero(drawn)
        # Empty batches get one broadcast without a column, at the place of the batch's first input.
        vector, cut = np.nonzero(by_batch == 0)
        empty = np.searchsorted(places, vector * n_inputs + edges[cut])
        columns.append(np.insert(places % n_inputs, empty, -1))
        counts.append(np.maximum(by_batch, 1).ravel())
    first = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    return Broadcasts(seq(np.concatenate(columns)), seq(first))


def batch_cycles(counts: SliceCounts, broadcasts: Broadcasts, fifo_depth: int) -> IntSeq:
    """Return for each batch the cycle in which its last PE ends, the first broadcast's being 1.

    The recurrence is that of the network of `f2fsim.hw.arrays.broadcast.components`, where
    nothing but the queues binds.
    """
    n_pes = counts.stored.shape[1]
    table = np.zeros((counts.stored.shape[0] + 1, n_pes), dtype=np.int32)
    table[:-1] = counts.stored
    columns = np.where(broadcasts.columns < 0, table.shape[0] - 1, broadcasts.columns)
    depth = min(fifo_depth, int(np.diff(broadcasts.first).max(initial=1)))
    out = np.zeros(broadcasts.first.shape[0] - 1, dtype=np.int64)
    scratch = np.zeros((depth + 1, n_pes), dtype=np.int32)
    columns32 = np.ascontiguousarray(columns, dtype=np.int32)
    _batch_times.batch_cycles(table, columns32, broadcasts.first, depth, scratch, out)
    return np.tile(out, broadcasts.times)


def entries_by_pe(counts: IntArray, broadcasts: Broadcasts) -> IntArray:
    """Return how many entries each PE walks through in all broadcasts, shape (n_pes,)."""
    real = broadcasts.columns[broadcasts.columns >= 0]
    times = np.bincount(real, minlength=counts.shape[0])
    # Whole numbers below 2**53 are exact in floating point, whose product has a fast routine.
    if int(times.sum()) * int(counts.max(initial=0)) < 1 << 53:
        walked: IntArray = (times.astype(np.float64) @ counts).astype(np.int64)
    else:
        walked = times @ counts
    return broadcasts.times * walked
