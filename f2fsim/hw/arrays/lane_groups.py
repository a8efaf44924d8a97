"""The groups of weights that lanes take of a band: what each reads, and the sums it adds to.

They follow from the order of the weights, the lanes, what zeros do and where sums lie, so that
machines that differ in columns, windows or banks of activations share them; what they read follows
from these too (`f2fsim.sharing`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import EncodedTensor, PrunedTensor
from f2fsim.config.arch import ArchConfig
from f2fsim.config.layer import Layer
from f2fsim.config.pe_array import LanesArray
from f2fsim.hw.arrays.bank_gather import words_of
from f2fsim.hw.arrays.lane_parts import neighbours_a_group
from f2fsim.hw.arrays.lane_steps import full_steps
from f2fsim.hw.arrays.operands import StepReads, Words, step_reads
from f2fsim.hw.arrays.sums import StepSums, in_row_order, open_rows, sum_cycles
from f2fsim.hw.description import IntSeq
from f2fsim.hw.front_ends import front_end_kind
from f2fsim.hw.front_ends.contract import FrontEndKind
from f2fsim.mapping.steps import BandSteps, starts_of
from f2fsim.sharing import shared

#: A row band, pruned and encoded.
Band = tuple[PrunedTensor, EncodedTensor]


@dataclass(frozen=True, eq=False)
class LaneGroups:
    """The groups of a band.

    Attributes
    ----------
    steps : BandSteps
        A step a group.
    first : ndarray of int64, shape (n_groups + 1,)
        At which weight each begins.
    columns : ndarray of int32
        Columns of the matrix of the weights, as gathers take them (`words_of`).
    added : ndarray of int64, shape (n_groups,), or None
        Cycles in which the sums of each reach their banks, where all rows are in work.
    sum_words : int
        Words of the accumulators that are read, and as many that are written.
    least_last : int
        Cycles of the last group at least.
    """

    steps: BandSteps
    first: IntSeq
    columns: NDArray[np.int32]
    added: IntSeq | None
    sum_words: int
    least_last: int = 0


def lane_groups(
    arch: ArchConfig,
    array: LanesArray,
    layer: Layer,
    band: Band,
    fed: BandSteps,
    first_row: int,
    n_banks: int,
) -> LaneGroups:
    """Return the groups of a band whose first row is `first_row` of the layer.

    `fed` are the steps of the front end; the sums of all rows lie in `n_banks` (0: in registers).
    """
    n_rows, n_cols = band[0].shape

    def made() -> LaneGroups:
        steps = _steps(arch, array, band, fed)
        first = starts_of(steps.n_weights if _takes_every(array, steps) else steps.n_kept)
        rows, columns = _places(arch, array, band, steps)
        if layer.n_groups > 1:  # every group of a convolution has inputs of its own
            columns = columns + (first_row + rows) // layer.n_outputs * layer.n_reduction
        if not n_banks:
            return LaneGroups(steps, first, words_of(columns), None, open_rows(steps, n_cols))
        rows, columns = in_row_order(rows, columns, first, n_rows)
        sums = StepSums.of(rows, first, n_banks)
        added, sum_words = sum_cycles(sums, first), sums.before(int(first[-2]))
        # With the last step every row's sum leaves, by way of its bank if it has none of it.
        return LaneGroups(
            steps, first, words_of(columns), added, sum_words, least_last=-(-n_rows // n_banks)
        )

    key = "groups", array.weights_per_cycle, array.zeros, layer.n_groups, first_row, n_banks
    return shared(band[1], key, made)


def lane_reads(
    arch: ArchConfig, array: LanesArray, layer: Layer, groups: LaneGroups, words: Words
) -> StepReads:
    """Return what groups read for one wave of activation columns.

    All machines with as many columns as the layer, or more, read the same `words`.
    """
    gathers = neighbours_a_group(arch, array) is None

    def made() -> StepReads:
        reads = step_reads(
            groups.columns,
            groups.first,
            (array.weights_per_cycle, array.window),
            words,
            layer.n_groups * layer.n_reduction,
            groups.added,
            gathers=gathers,
            shares=array.shared_reads,
        )
        reads.cycles[-1] = max(int(reads.cycles[-1]), groups.least_last)
        return reads

    if array.columns < layer.n_columns:
        return made()
    return shared(groups, ("reads", array.window, words, gathers, array.shared_reads), made)


def _takes_every(array: LanesArray, steps: BandSteps) -> bool:
    """Whether pruned weights are multiplied too."""
    return array.zeros == "multiply" or steps.is_dense


def _steps(arch: ArchConfig, array: LanesArray, band: Band, fed: BandSteps) -> BandSteps:
    kind, (tensor, encoded) = front_end_kind(arch), band
    kept = (
        np.flatnonzero(tensor.mask)
        if fed.is_dense
        else kind.kept_positions(arch.front_end, encoded, tensor.mask)
    )
    return full_steps(
        fed,
        kept,
        tensor.shape,
        array.weights_per_cycle,
        skips=array.zeros == "skip" and not fed.is_dense,
        all_rows=kind.is_all_rows(arch.front_end) and not fed.is_dense,
    )


def _places(
    arch: ArchConfig, array: LanesArray, band: Band, steps: BandSteps
) -> tuple[IntSeq, IntSeq]:
    """Return row and column of each weight that is multiplied, in the order of the steps."""
    kind, (tensor, encoded) = front_end_kind(arch), band
    if steps.is_dense:
        return FrontEndKind.matrix_places(kind, arch.front_end, encoded, tensor.mask, every=True)
    every = array.zeros == "multiply"
    return shared(
        encoded,
        ("places", every),
        lambda: kind.matrix_places(arch.front_end, encoded, tensor.mask, every=every),
    )
