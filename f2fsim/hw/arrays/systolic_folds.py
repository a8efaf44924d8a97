"""Systolic arrays: how a band of weights folds onto the array, and the cycles of each fold.

Cycles are those of the field's simulators (SCALE-Sim): weight-stationary
``ceil(K/R)·ceil(M/C)·(2R + C + N - 2)`` and output-stationary
``ceil(N/R)·ceil(M/C)·(K + R + C - 2)`` for M outputs, K inputs and N streamed columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import EncodedTensor, PrunedTensor, scale_shares
from f2fsim.config.pe_array import SystolicArray
from f2fsim.hw.description import Component, IntSeq, Machine, seq
from f2fsim.mapping.steps import BandSteps


@dataclass(frozen=True, eq=False)
class Folds:
    """The folds of a band: strips of at most C rows, each cut into pieces of at most R columns.

    Attributes
    ----------
    first_row, first_col : IntSeq, shape (n_folds,)
        Where each fold begins; strips from top to bottom, pieces of a strip from left to right.
    n_rows, n_cols : IntSeq, shape (n_folds,)
        Its extent.
    is_last : IntSeq, shape (n_folds,)
        1 for the last piece of a strip.
    """

    first_row: IntSeq
    first_col: IntSeq
    n_rows: IntSeq
    n_cols: IntSeq
    is_last: IntSeq


def strip_width(array: SystolicArray, n_reduction: int, weight_bits: int) -> int:
    """Return the outputs of a strip whose weights pass more than once: those that are kept."""
    if not array.strip_bytes:
        return array.columns
    fitting = 8 * array.strip_bytes // max(n_reduction * weight_bits, 1)
    return max(min(array.columns, fitting), 1)


def fold(
    n_rows: int,
    n_cols: int,
    array: SystolicArray,
    group_rows: int = 0,
    row: int = 0,
    width: int | None = None,
) -> Folds:
    """Cut a band into folds.

    Parameters
    ----------
    n_rows, n_cols : int
        Size of the band.
    array : SystolicArray
        R rows take inputs, C columns take outputs.
    group_rows : int
        Rows of a group of a grouped convolution, 0 if there are none: strips do not cross groups.
    row : int
        Row of the layer at which the band begins.
    width : int, optional
        Outputs of a strip; as many as columns of PEs if left out.
    """
    width = width or array.columns
    edges = set(range(0, n_rows, width)) | {n_rows}
    if group_rows:
        edges = {n_rows}
        start = 0
        while start < n_rows:
            stop = min(n_rows, start + group_rows - (row + start) % group_rows)
            edges |= set(range(start, stop, width))
            start = stop
    tops = np.array(sorted(edges), dtype=np.int64)
    lefts = np.append(np.arange(0, n_cols, array.rows), n_cols).astype(np.int64)
    pieces = lefts.shape[0] - 1
    last = np.zeros(pieces, dtype=np.int64)
    last[-1] = 1
    strips = tops.shape[0] - 1
    return Folds(
        seq(np.repeat(tops[:-1], pieces)),
        seq(np.tile(lefts[:-1], strips)),
        seq(np.repeat(np.diff(tops), pieces)),
        seq(np.tile(np.diff(lefts), strips)),
        seq(np.tile(last, strips)),
    )


def fold_cycles(folds: Folds, n_columns: int, array: SystolicArray) -> IntSeq:
    """Return the cycles of each fold for `n_columns` streamed columns.

    Weight-stationary: R to load the weights, then N + R + C - 2 until the last result leaves.
    Output-stationary: a strip's weights pass once for each R columns, ``K + R + C - 2`` each; its
    pieces share the cycles of the first pass, the last piece has the rest.
    """
    r, c = array.rows, array.columns
    if array.dataflow == "weight_stationary":
        return np.full(folds.n_rows.shape[0], 2 * r + c + n_columns - 2, dtype=np.int64)
    waves = -(-n_columns // r)
    n_cols = int(folds.n_cols[: int(np.argmax(folds.is_last)) + 1].sum())
    rest = (waves - 1) * (n_cols + r + c - 2) + r + c - 2
    return seq(folds.n_cols + folds.is_last * rest)


def fold_steps(tensor: PrunedTensor, encoded: EncodedTensor, folds: Folds) -> BandSteps:
    """Return the folds of a dense band as steps; memory holds the weights in their order."""
    bits = encoded.weight_type.n_bits
    n_weights = folds.n_rows * folds.n_cols
    kept = fold_counts(tensor.mask, folds)
    zeros = np.zeros_like(n_weights)
    return BandSteps(
        {"weights": n_weights * bits, **scale_shares(n_weights, encoded.scale_bits)},
        n_weights,
        kept,
        n_weights,
        zeros,
        np.ones_like(n_weights),
        zeros,
        np.ones_like(n_weights),
        folds.n_rows * folds.is_last,
    )


def fold_counts(mask: NDArray[np.bool_], folds: Folds) -> IntSeq:
    """Return how many weights of each fold are kept."""
    tops, strips = np.unique(folds.first_row, return_index=True)
    n_pieces = np.diff(np.append(strips, folds.first_row.shape[0]))
    counts = []
    for top, strip, n in zip(tops, strips, n_pieces, strict=True):
        rows = mask[top : top + folds.n_rows[strip]].view(np.uint8)
        # The narrowest sums are many times as fast as 64 bits wide ones.
        by_column = rows.sum(axis=0, dtype=np.min_scalar_type(rows.shape[0]))
        lefts = folds.first_col[strip : strip + n]
        counts.append(np.add.reduceat(by_column, lefts, dtype=np.int64))
    return seq(np.concatenate(counts))


def bare_systolic(
    array: SystolicArray, n_outputs: int, n_reduction: int, n_columns: int, clock_hz: int = 1
) -> Machine:
    """Return the array alone, no memory behind it, with the folds of one matrix product."""
    folds = fold(n_outputs, n_reduction, array)
    cycles = fold_cycles(folds, n_columns, array)
    n = cycles.shape[0]
    part = Component("pe array", "systolic", clock_hz, n, cycles)
    return Machine((part,), ())
