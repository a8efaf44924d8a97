"""From a band's encoded streams to the weights that each step brings to the PEs.

The decoder of the format reads the streams (XOR decoders, mask and patches for F2F) and nothing
else; which step a decoded weight comes in follows from the format's own order and from the
weights that the timing model gives each step.  Where the two disagree the run is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import EncodedTensor, PrunedTensor, decode
from f2fsim.codec.csc_relative import CscRelativeFormat
from f2fsim.codec.csr import row_counts, stream_order
from f2fsim.codec.f2f.format import read_params
from f2fsim.config.arch import ArchConfig
from f2fsim.config.pe_array import FlexibleArray, RowParallelArray, SystolicArray
from f2fsim.errors import SimulationError
from f2fsim.hw.broadcasts import SliceCounts
from f2fsim.hw.functional.values import Values, weight_values
from f2fsim.hw.systolic import Folds
from f2fsim.mapping.steps import BandSteps

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


def step_entries(
    arch: ArchConfig, encoded: EncodedTensor, steps: BandSteps, folds: Folds | None
) -> BandEntries:
    """Decode a band and deal its weights to the steps of the schedule.

    Raises
    ------
    DataError
        If a stream is damaged.
    SimulationError
        If a step brings other weights than the timing model has it bring.
    """
    tensor = decode(encoded)
    places, step, row_order = _sequence(arch, encoded, tensor, steps, folds)
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


def _sequence(
    arch: ArchConfig,
    encoded: EncodedTensor,
    tensor: PrunedTensor,
    steps: BandSteps,
    folds: Folds | None,
) -> tuple[IntArray, IntArray, IntArray]:
    """Return row-major place and step of each kept weight, and the order in which rows leave."""
    n_rows, n_cols = tensor.shape
    array, all_places = arch.pe_array, np.arange(n_rows * n_cols)
    identity = np.arange(n_rows)
    if isinstance(array, RowParallelArray):
        return _csr_sequence(array, tensor)
    if folds is not None:
        assert isinstance(array, SystolicArray)
        return *_fold_sequence(tensor, folds), identity
    if isinstance(array, FlexibleArray):
        chunks = [
            all_places.reshape(n_rows, n_cols)[:, left : left + array.chunk].ravel()
            for left in range(0, n_cols, array.chunk)
        ]
        order = np.concatenate(chunks)
    elif encoded.format == "f2f":
        block_order = read_params(encoded).block_order(tensor.shape)
        order, identity = block_order.flat_indices(0, all_places.shape[0]), block_order.row_order
    else:
        order = all_places
    kept = np.flatnonzero(tensor.mask.reshape(-1)[order])
    step = np.searchsorted(np.cumsum(steps.n_weights), kept, side="right")
    return order[kept], step, identity


def _csr_sequence(
    array: RowParallelArray, tensor: PrunedTensor
) -> tuple[IntArray, IntArray, IntArray]:
    """Return the sequence of interleaved rounds, a step a window of them."""
    counts = row_counts(tensor)
    order = stream_order(counts, array.n_pes)
    places = np.flatnonzero(tensor.mask.reshape(-1))[order]
    # A PE's j-th entry is in round j.
    pe = np.repeat(np.arange(counts.shape[0]) % array.n_pes, counts)[order]
    by_pe = np.argsort(pe, kind="stable")
    seen = np.bincount(pe, minlength=array.n_pes)
    rounds = np.empty(pe.shape[0], dtype=np.int64)
    rounds[by_pe] = np.arange(pe.shape[0]) - np.repeat(np.cumsum(seen) - seen, seen)
    last = np.full(counts.shape[0], -1, dtype=np.int64)
    np.maximum.at(last, places // max(tensor.shape[1], 1), rounds // array.window)
    return places, rounds // array.window, np.argsort(last, kind="stable")


def _fold_sequence(tensor: PrunedTensor, folds: Folds) -> tuple[IntArray, IntArray]:
    """Return the sequence of folds: strips of rows, each in pieces of columns."""
    places = np.flatnonzero(tensor.mask.reshape(-1))
    rows, columns = np.divmod(places, max(tensor.shape[1], 1))
    tops = np.unique(folds.first_row)
    lefts = np.unique(folds.first_col)
    strip = np.searchsorted(tops, rows, side="right") - 1
    piece = np.searchsorted(lefts, columns, side="right") - 1
    step = strip * lefts.shape[0] + piece
    order = np.argsort(step, kind="stable")
    return places[order], step[order]


def _leaving_steps(rows_done: IntArray, row_order: IntArray) -> IntArray:
    """Return the step in which each row's outputs leave, rows leaving in `row_order`."""
    leaves = np.empty(row_order.shape[0], dtype=np.int64)
    ranks = np.arange(1, row_order.shape[0] + 1)
    leaves[row_order] = np.searchsorted(np.cumsum(rows_done), ranks, side="left")
    return leaves
