"""How long a cluster takes for its packets: bank conflicts, queues and rows of the real mask."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import SCALES, EncodedTensor, PrunedTensor
from f2fsim.codec.cpsr import CpsrFormat
from f2fsim.codec.cpsr_layout import Layout
from f2fsim.config.pe_array import ClusterArray
from f2fsim.hw.arrays.clusters import _shuffle
from f2fsim.hw.description import IntSeq, seq

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ClusterRun:
    """One run of a cluster through a band: its packets cut into items, part after part.

    Attributes
    ----------
    n_bits, service, n_kept, n_weights, n_stored : ndarray of int64, shape (n_items,)
        Bits of the channel, cycles, kept weights, weight positions and elements of each item.
    part_items : ndarray of int64, shape (n_parts,)
        Items of each part.
    n_packets : int
    most_of_bank : int
        Entries of the fullest bank, part by part, summed: each takes a cycle.
    """

    n_bits: IntSeq
    service: IntSeq
    n_kept: IntSeq
    n_weights: IntSeq
    n_stored: IntSeq
    part_items: IntSeq
    n_packets: int
    most_of_bank: int


@dataclass(frozen=True, eq=False)
class BandRuns:
    """All clusters' runs through a band, and where each kept weight comes.

    Attributes
    ----------
    clusters : tuple of ClusterRun
    rows, columns, item : ndarray of int64, shape (n_kept,)
        Of each kept weight in the order of the streams; items counted over all clusters.
    """

    clusters: tuple[ClusterRun, ...]
    rows: IntArray
    columns: IntArray
    item: IntArray


def sync_cycles(array: ClusterArray) -> int:
    """Return the cycles in which a shuffle empties its arbiter at the end of a part."""
    return array.n_lanes * (array.arbiter_cycles - 1)


def layout_of(tensor: PrunedTensor, encoded: EncodedTensor) -> Layout:
    """Return where the elements of a band lie."""
    keys = ("n_clusters", "pack", "part_columns")
    own = CpsrFormat(**{key: int(encoded.params[key]) for key in keys})
    return own.layout(tensor, int(encoded.params["value_bits"]))


def band_runs(
    array: ClusterArray, tensor: PrunedTensor, encoded: EncodedTensor, window: int
) -> BandRuns:
    """Time every cluster on a band; `window` packets make an item."""
    layout, n_lanes = layout_of(tensor, encoded), array.n_lanes
    rows, columns, places = _in_stream_order(layout)
    bank = np.full(layout.n_packets * n_lanes, -1, dtype=np.int32)
    bank[places] = columns % layout.shape.part_columns % n_lanes
    wave = np.zeros_like(bank)
    wave[places] = rows // layout.shape.n_streams
    edges = layout.first.tolist()
    blocks = [slice(a, b) for a, b in pairwise(edges)]
    starts = np.concatenate([np.arange(one.start, one.stop, window) for one in blocks])
    item = np.searchsorted(starts, places // n_lanes, side="right") - 1
    sums = {name: np.add.reduceat(of, starts) for name, of in _by_packet(encoded).items()}
    sums["service"] = _service(array, blocks, bank, wave, window)
    items = np.array([-(-(one.stop - one.start) // window) for one in blocks], dtype=np.int64)
    fullest = np.array([_fullest(bank, one, n_lanes) for one in blocks], dtype=np.int64)
    n_parts, at = layout.shape.n_parts, np.concatenate([[0], np.cumsum(items)])
    clusters = []
    for c in range(array.n_clusters):
        own = slice(c * n_parts, (c + 1) * n_parts)
        mine = slice(int(at[own.start]), int(at[own.stop]))
        clusters.append(
            ClusterRun(
                part_items=seq(items[own]),
                n_packets=edges[own.stop] - edges[own.start],
                most_of_bank=int(fullest[own].sum()),
                **{name: seq(values[mine]) for name, values in sums.items()},
            )
        )
    return BandRuns(tuple(clusters), rows, columns, item)


def _in_stream_order(layout: Layout) -> tuple[IntArray, IntArray, IntArray]:
    """Return row, column and place of each kept weight, places rising."""
    rows, columns, places = layout.entries()
    at = np.full(layout.n_packets * layout.shape.pack, -1, dtype=np.int64)
    at[places] = np.arange(places.shape[0])
    order = at[at >= 0]
    return rows[order], columns[order], places[order]


def _by_packet(encoded: EncodedTensor) -> dict[str, IntArray]:
    """Return what a channel moves and what is in each packet; scales come another way."""
    work = encoded.work
    bits = [n for name, n in work.stream_bits.items() if name != SCALES]
    return {
        "n_bits": np.sum(bits, axis=0),
        "n_kept": work.n_kept,
        "n_weights": work.n_weights,
        "n_stored": work.n_stored,
    }


def _service(
    array: ClusterArray,
    blocks: list[slice],
    bank: NDArray[np.int32],
    wave: NDArray[np.int32],
    window: int,
) -> IntArray:
    """Return the cycles of each item; the last one of a part waits until all is added."""
    n_lanes, n_slots = array.n_lanes, array.arbiter_cycles
    queue = np.zeros((4 * n_lanes, array.fifo_depth), dtype=np.int32)
    ends = np.zeros((2, 4 * n_lanes), dtype=np.int64)
    slot = np.zeros((2 * n_slots, n_lanes), dtype=np.int32)
    busy = np.zeros((4, n_lanes), dtype=np.int64)
    found = []
    for block in blocks:
        part = slice(block.start * n_lanes, block.stop * n_lanes)
        banks, rows = (
            np.ascontiguousarray(values[part].reshape(-1, n_lanes).T).ravel()
            for values in (bank, wave)
        )
        taken = np.zeros(block.stop - block.start + 1, dtype=np.int64)
        waits = np.zeros(2, dtype=np.int64)
        _shuffle.take_packets(
            banks,
            rows,
            n_lanes,
            array.fifo_depth,
            n_slots,
            array.accumulate_cycles,
            queue,
            ends,
            slot,
            busy,
            taken,
            waits,
        )
        done = taken[window - 1 : -1 : window]
        if (taken.shape[0] - 1) % window:
            done = np.append(done, 0)
        done[-1] = taken[-1] + sync_cycles(array)
        found.append(np.diff(done, prepend=0))
    return np.concatenate(found)


def _fullest(bank: NDArray[np.int32], block: slice, n_lanes: int) -> int:
    own = bank[block.start * n_lanes : block.stop * n_lanes]
    return int(np.bincount(own[own >= 0], minlength=1).max())
