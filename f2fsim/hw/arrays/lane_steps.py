"""The steps of lanes: full groups of weights, whatever the front end decodes at once.

What a front end delivers a step (a block of each decoder group, a block of a mask) seldom fills the
lanes: layers of other density use fewer outputs, and kept weights are as many as the mask has.  A
queue between them takes up to as many weights a cycle as there are lanes, and gives full groups.
While lanes hold a group for several waves of activation columns, the front end decodes the next.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import SCALES, scale_shares
from f2fsim.hw.description import InPort, IntSeq, OutPort, seq
from f2fsim.hw.machine_builder import MachineBuilder
from f2fsim.mapping.steps import BandSteps, LayerSteps, between

IntArray = NDArray[np.int64]

#: Groups that the queue before the lanes holds.
QUEUE_GROUPS = 3
#: Its component and channel.
QUEUE = "lane queue"


def full_steps(
    fed: BandSteps,
    kept: IntArray,
    shape: tuple[int, int],
    lanes: int,
    *,
    skips: bool,
    all_rows: bool,
) -> BandSteps:
    """Return the steps of a band in groups of `lanes` weights that take a slot.

    Parameters
    ----------
    fed : BandSteps
        Steps of the front end.
    kept : ndarray of int64
        Where each kept weight is among all, in the order of the steps.
    shape : (int, int)
        Rows and columns of the band.
    lanes : int
    skips : bool
        Whether only kept weights take a slot (and not all positions).
    all_rows : bool
        Whether no row is done before the last step.
    """
    n_rows, n_cols = shape
    n_all = n_rows * n_cols
    # A step goes on to where the first weight of the next one is.
    ends = kept[lanes::lanes] if skips else np.arange(lanes, n_all, lanes)
    ends = np.append(ends, n_all)
    n_weights = between(ends)
    n_kept = between(np.searchsorted(kept, ends))
    zeros, ones = np.zeros_like(n_weights), np.ones_like(n_weights)
    done = between(ends // max(n_cols, 1))
    if all_rows:
        done = zeros.copy()
        done[-1] = n_rows
    scale_bits = int(fed.stream_bits[SCALES].sum()) if SCALES in fed.stream_bits else 0
    return BandSteps(
        scale_shares(n_weights, scale_bits),
        n_weights,
        n_kept,
        n_kept,
        zeros,
        ones,
        zeros,
        ones,
        done,
        is_dense=fed.is_dense,
    )


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
