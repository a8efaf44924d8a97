"""From a band's encoded streams to the weights that each step brings to the PEs.

The decoder of the format reads the streams (XOR decoders, mask and patches for F2F) and nothing
else; which step a decoded weight comes in follows from the format's own order and from the
weights that the timing model gives each step.  Where the two disagree the run is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import EncodedTensor, decode
from f2fsim.codec.csc_relative import CscRelativeFormat
from f2fsim.config.arch import ArchConfig
from f2fsim.errors import SimulationError
from f2fsim.hw.arrays import array_kind
from f2fsim.hw.arrays.broadcast.batches import SliceCounts
from f2fsim.hw.functional.values import Values, weight_values
from f2fsim.hw.layer_machine import BandWork

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class BandEntries:
    """The decoded weights of a band in the order in which they reach the PEs.

    Attributes
    ----------
    shape : (int, int)
        Rows and columns of the band.
    rows, columns : ndarray of int64, shape (n_kept,)
        Where each weight stands in the band.
    values : ndarray of int32 or float32, shape (n_kept,)
        What it means.
    in_time : ndarray of bool, shape (n_kept,)
        Whether it comes before or in the step in which the timing model lets its row's outputs
        leave; the others come too late to count.
    """

    shape: tuple[int, int]
    rows: IntArray
    columns: IntArray
    values: Values
    in_time: NDArray[np.bool_]


def step_entries(arch: ArchConfig, encoded: EncodedTensor, work: BandWork) -> BandEntries:
    """Decode a band and deal its weights to the steps of the schedule.

    Raises
    ------
    DataError
        If a stream is damaged.
    SimulationError
        If a step brings other weights than the timing model has it bring.
    """
    tensor, steps = decode(encoded), work.steps
    kind = array_kind(arch)
    places, step, row_order = kind.sequence(arch, arch.pe_array, encoded, tensor, work)
    found = np.bincount(step, minlength=steps.n_steps)
    if not np.array_equal(found, steps.n_kept):
        bad = int(np.flatnonzero(found != steps.n_kept)[0])
        raise SimulationError(
            f"tensor {encoded.name!r}: step {bad} decodes {int(found[bad])} kept weights, the "
            f"timing model has {int(steps.n_kept[bad])}"
        )
    rows, columns = np.divmod(places, max(tensor.shape[1], 1))
    leaves = _leaving_steps(steps.rows_done, row_order)
    values = weight_values(tensor.patterns.reshape(-1)[places], tensor.weight_type)
    return BandEntries(tensor.shape, rows, columns, values, step <= leaves[rows])


def slice_entries(encoded: EncodedTensor, counts: SliceCounts) -> BandEntries:
    """Decode a band of relative CSC, column after column, each PE its own slice.

    Raises
    ------
    DataError
        If a stream is damaged.
    SimulationError
        If a PE's slice of a column has other entries than the timing model walks through.
    """
    tensor = decode(encoded)
    n_pes, run_bits = counts.stored.shape[1], int(encoded.params["run_bits"])
    walked = CscRelativeFormat(n_pes=n_pes, run_bits=run_bits).entry_counts(tensor)
    if not np.array_equal(walked.stored, counts.stored):
        column, pe = np.argwhere(walked.stored != counts.stored)[0]
        raise SimulationError(
            f"tensor {encoded.name!r}: PE {pe} finds {walked.stored[column, pe]} entries in "
            f"column {column}, the timing model has {counts.stored[column, pe]}"
        )
    columns, rows = np.nonzero(tensor.mask.T)
    values = weight_values(tensor.patterns[rows, columns], tensor.weight_type)
    return BandEntries(tensor.shape, rows, columns, values, np.ones(rows.shape[0], np.bool_))


def _leaving_steps(rows_done: IntArray, row_order: IntArray) -> IntArray:
    """Return the step in which each row's outputs leave, rows leaving in `row_order`."""
    leaves = np.empty(row_order.shape[0], dtype=np.int64)
    ranks = np.arange(1, row_order.shape[0] + 1)
    leaves[row_order] = np.searchsorted(np.cumsum(rows_done), ranks, side="left")
    return leaves
