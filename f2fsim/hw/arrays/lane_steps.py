"""The steps of lanes: full groups of weights, whatever the front end decodes at once.

What a front end delivers a step (a block of each decoder group, a block of a mask) seldom fills the
lanes: layers of other density use fewer outputs, and kept weights are as many as the mask has.  A
queue between them takes up to as many weights a cycle as there are lanes, and gives full groups.
While lanes hold a group for several waves of activation columns, the front end decodes the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import SCALES
from f2fsim.hw.arrays import _lane_steps
from f2fsim.hw.description import InPort, IntSeq, OutPort, seq
from f2fsim.hw.machine_builder import MachineBuilder
from f2fsim.mapping.steps import BandSteps, LayerSteps, starts_of

IntArray = NDArray[np.int64]

#: Groups that the queue before the lanes holds.
QUEUE_GROUPS = 3
#: Its component and channel.
QUEUE = "lane queue"


@dataclass(frozen=True, eq=False)
class Weights:
    """The weights of the bands of a layer in the order of the steps, one band behind the other.

    Attributes
    ----------
    kept : ndarray of int64
        Where each kept weight is among all of its band.
    first : ndarray of int64, shape (n_bands + 1,)
        At which of them each band begins.
    rows, columns : ndarray of int64
        Row of the band and column of each weight that is multiplied.
    """

    kept: IntSeq
    first: IntSeq
    rows: IntSeq
    columns: IntSeq


def full_steps(
    fed: Sequence[BandSteps],
    weights: Weights,
    n_rows: Sequence[int],
    n_cols: int,
    lanes: int,
    *,
    skips: bool,
    all_rows: bool,
) -> tuple[list[BandSteps], IntArray]:
    """Return the steps of bands in groups of `lanes` weights that take a slot.

    Parameters
    ----------
    fed : sequence of BandSteps
        Steps of the front end, by band.
    weights : Weights
    n_rows : sequence of int
        Rows of each band.
    n_cols, lanes : int
        Columns of all bands, and lanes.
    skips : bool
        Whether only kept weights take a slot (and not all positions).
    all_rows : bool
        Whether no row is done before the last step.

    Returns
    -------
    steps : list of BandSteps
        By band; their arrays are pieces of those of the layer.
    bounds : ndarray of int64, shape (n_bands + 1,)
        At which of all groups each band begins.
    """
    rows = np.array(n_rows, dtype=np.int64)
    taking = weights.first[1:] - weights.first[:-1] if skips else rows * n_cols
    bounds = starts_of(np.maximum(-(-taking // lanes), 1))
    scales = [one.stream_bits.get(SCALES) for one in fed]
    scale_bits = [0 if of_band is None else int(of_band.sum()) for of_band in scales]
    n_weights, n_kept, done, shares = np.empty((4, int(bounds[-1])), dtype=np.int64)
    _lane_steps.cut_groups(
        weights.kept,
        weights.first,
        rows,
        max(n_cols, 1),
        lanes,
        (skips, all_rows),
        np.array(scale_bits, dtype=np.int64),
        bounds,
        *(n_weights, n_kept, done, shares),
    )
    zeros, ones = np.zeros_like(n_weights), np.ones_like(n_weights)
    ends = bounds.tolist()
    steps = []
    for band, n_bits in enumerate(scale_bits):
        mine = slice(ends[band], ends[band + 1])
        kept, nothing, once = n_kept[mine], zeros[mine], ones[mine]
        steps.append(
            BandSteps(
                {SCALES: shares[mine]} if n_bits else {},
                n_weights[mine],
                *(kept, kept),
                *(nothing, once, nothing, once),
                done[mine],
                is_dense=fed[band].is_dense,
            )
        )
    return steps, bounds


def lane_queue(
    builder: MachineBuilder,
    ports: list[InPort],
    given: IntSeq,
    taken: IntSeq,
    shape: tuple[int, int],
) -> list[InPort]:
    """Add the queue; return the port of the lanes.

    `given` are the weights of each step of the front end, `taken` those of each step of the lanes;
    `shape` is the lanes and the bits of a weight.
    """
    lanes, weight_bits = shape
    pieces = np.maximum(-(-given // lanes), 1)
    last = np.cumsum(pieces) - 1
    emit = np.full(int(pieces.sum()), lanes, dtype=np.int64)
    emit[last] = given - (pieces - 1) * lanes
    first = np.zeros_like(emit)
    first[last - pieces + 1] = 1
    inputs = [InPort(port.channel, first, port.cause) for port in ports]
    queue = builder.channel(QUEUE, QUEUE_GROUPS * lanes)
    builder.component(
        QUEUE,
        "lane_queue",
        seq(1),
        emit.shape[0],
        inputs,
        [OutPort(queue, emit, f"{QUEUE} full")],
        {"fifo_byte": int(given.sum()) * weight_bits // 8},
    )
    return [InPort(queue, taken, f"{QUEUE} empty")]


def given_weights(steps: LayerSteps, *, skips: bool) -> IntSeq:
    """Return the weights that take a slot of every step of all passes."""
    return steps.over_passes([b.reaching if skips else b.n_weights for b in steps.bands])
