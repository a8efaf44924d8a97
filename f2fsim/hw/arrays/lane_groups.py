"""The groups of weights that lanes take of a layer: what each reads, and the sums it adds to.

They follow from the order of the weights, the lanes, what zeros do and where sums lie, so that
machines that differ in columns, windows or banks of activations share them; what they read follows
from these too (`f2fsim.sharing`).  All bands of a layer are gone through at once: many are small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.config.pe_array import LanesArray
from f2fsim.hw.arrays.bank_gather import words_of
from f2fsim.hw.arrays.contract import LayerWork
from f2fsim.hw.arrays.lane_parts import neighbours_a_group
from f2fsim.hw.arrays.lane_steps import Weights, full_steps
from f2fsim.hw.arrays.operands import BandReads, StepReads, Words, band_reads
from f2fsim.hw.arrays.sums import StepSums, in_row_order, open_rows, sum_cycles
from f2fsim.hw.description import IntSeq
from f2fsim.hw.front_ends import front_end_kind
from f2fsim.hw.front_ends.contract import FrontEndKind
from f2fsim.mapping.steps import BandSteps, starts_of
from f2fsim.sharing import shared


@dataclass(frozen=True, eq=False)
class LaneGroups:
    """The groups of all bands of a layer, one band behind the other.

    Attributes
    ----------
    steps : list of BandSteps
        By band, a step a group.
    bounds : ndarray of int64, shape (n_bands + 1,)
        At which group each band begins.
    first : ndarray of int64, shape (n_groups + 1,)
        At which weight each group begins.
    columns : ndarray of int32
        Columns of the matrix of the weights, as gathers take them (`words_of`).
    sum_words : list of int
        Words of the accumulators that are read with each band, and as many that are written.
    added : ndarray of int64, shape (n_groups,), or None
        Cycles in which the sums of each reach their banks, where all rows are in work.
    least_last : ndarray of int64, shape (n_bands,), or None
        Cycles of each band's last group at least, where all rows are in work.
    """

    steps: list[BandSteps]
    bounds: IntSeq
    first: IntSeq
    columns: NDArray[np.int32]
    sum_words: list[int]
    added: IntSeq | None = None
    least_last: IntSeq | None = None


def lane_groups(
    work: LayerWork, array: LanesArray, fed: Sequence[BandSteps], n_banks: int
) -> LaneGroups:
    """Return the groups of a layer.

    `fed` are the steps of the front end; the sums of all rows lie in `n_banks` (0: in registers).
    """
    key = "groups", array.weights_per_cycle, array.zeros, work.layer.n_groups, n_banks
    cut = work.plan.band_rows
    return shared(work.bands[0][1], (key, cut), lambda: _groups(work, array, fed, n_banks))


def _groups(
    work: LayerWork, array: LanesArray, fed: Sequence[BandSteps], n_banks: int
) -> LaneGroups:
    layer, is_dense = work.layer, fed[0].is_dense
    kind, front_end = front_end_kind(work.arch), work.arch.front_end
    weights = _weights(work, array, is_dense=is_dense)
    n_rows = [tensor.shape[0] for tensor, _ in work.bands]
    n_cols = work.bands[0][0].shape[1]
    steps, bounds = full_steps(
        fed,
        weights,
        n_rows,
        n_cols,
        array.weights_per_cycle,
        skips=array.zeros == "skip" and not is_dense,
        all_rows=kind.is_all_rows(front_end) and not is_dense,
    )
    n_weights = np.concatenate([one.n_weights for one in steps])
    every = array.zeros == "multiply" or is_dense
    first = starts_of(n_weights if every else np.concatenate([one.n_kept for one in steps]))
    rows, columns = weights.rows, weights.columns
    if layer.n_groups > 1:  # every group of a convolution has inputs of its own
        before = np.repeat(starts_of(np.array(n_rows))[:-1], np.diff(first[bounds]))
        columns = columns + (before + rows) // layer.n_outputs * layer.n_reduction
    if not n_banks:
        waiting = open_rows(n_weights, bounds, n_cols).tolist()
        return LaneGroups(steps, bounds, first, words_of(columns), waiting)
    rows, columns = in_row_order(rows, columns, first, max(n_rows))
    sums = StepSums.of(rows, first, n_banks)
    # With the last step of a band every row's sum leaves, by way of its bank if it has none of it.
    leaving = sums.between(first[bounds[:-1]], first[bounds[1:] - 1])
    least_last = -(-np.array(n_rows, dtype=np.int64) // n_banks)
    added = sum_cycles(sums, first)
    return LaneGroups(steps, bounds, first, words_of(columns), leaving.tolist(), added, least_last)


def lane_reads(
    work: LayerWork, array: LanesArray, groups: LaneGroups, words: Words
) -> list[StepReads]:
    """Return what the groups of each band read for one wave of activation columns.

    All machines with as many columns as the layer, or more, read the same `words`.
    """
    gathers, layer = neighbours_a_group(work.arch, array) is None, work.layer

    def made() -> BandReads:
        return band_reads(
            groups.columns,
            groups.first,
            groups.bounds,
            (array.weights_per_cycle, array.window),
            words,
            layer.n_groups * layer.n_reduction,
            groups.added,
            groups.least_last,
            ways=(gathers, array.shared_reads),
        )

    key = "reads", array.window, words, gathers, array.shared_reads
    return shared(groups, key, made).by_band()


def _weights(work: LayerWork, array: LanesArray, *, is_dense: bool) -> Weights:
    """Return the weights of a layer; machines of other lanes share them."""
    kind, front_end = front_end_kind(work.arch), work.arch.front_end
    every = array.zeros == "multiply"

    def made() -> Weights:
        found = []
        for tensor, encoded in work.bands:
            in_order = FrontEndKind if is_dense else kind.__class__
            kept, rows, columns = in_order.kept_places(kind, front_end, encoded, tensor.mask)
            if every or is_dense:
                rows, columns = in_order.every_place(kind, front_end, encoded, tensor.shape)
            found.append((kept, rows, columns))
        first = starts_of(np.array([kept.shape[0] for kept, _, _ in found], dtype=np.int64))
        kept, rows, columns = (np.concatenate(of_bands) for of_bands in zip(*found, strict=True))
        return Weights(kept, first, rows, columns)

    return shared(work.bands[0][1], ("weights", every, work.plan.band_rows), made)
