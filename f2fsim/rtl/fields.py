"""How sequences of fields move, so many a cycle, and zero-run code words of masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Beats:
    """How a sequence of fields, so many a block, moves at `rate` fields a cycle.

    Attributes
    ----------
    per_put : ndarray of int64
        Fields of each put of the source: `rate`, the last one what is left.
    per_cycle : ndarray of int64
        Fields that the unit takes in each of its cycles, block after block.
    first, last : ndarray of int64
        1 in the first (last) cycle of each block, else 0; as long as `per_cycle`.
    """

    per_put: IntArray
    per_cycle: IntArray
    first: IntArray
    last: IntArray


def puts(total: int, rate: int) -> IntArray:
    """Return the fields of each put of a source that puts `rate` at a time, the rest last."""
    per_put = np.full(-(-total // rate), rate, dtype=np.int64)
    if per_put.size:
        per_put[-1] = total - rate * (per_put.size - 1)
    return per_put


def beats(per_block: IntArray, rate: int) -> Beats:
    """Cut the fields of each block into cycles: ``max(1, ceil(n / rate))`` a block."""
    n_cycles = np.maximum(1, -(-per_block // rate))
    ends = n_cycles.cumsum()
    n = int(ends[-1]) if ends.size else 0
    first, last = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    first[ends - n_cycles] = 1
    last[ends - 1] = 1
    per_cycle = np.full(n, rate, dtype=np.int64)
    per_cycle[ends - 1] = per_block - rate * (n_cycles - 1)
    return Beats(puts(int(per_block.sum()), rate), per_cycle, first, last)


@dataclass(frozen=True, eq=False)
class RunFields:
    """Zero-run code words of a mask.

    Attributes
    ----------
    values : ndarray of int64
        Code words in order.
    per_block : ndarray of int64, shape (n_blocks,)
        Code words that start in each block.
    """

    values: IntArray
    per_block: IntArray


def zero_run_fields(mask: NDArray[np.bool_], run_bits: int) -> RunFields:
    """Encode a mask in zero runs, as the mask unit reads them.

    A code word r < 2**run_bits - 1 stands for r pruned weights and a kept one, the highest one
    for 2**run_bits - 1 pruned weights; pruned weights after the last kept one have none.
    """
    n_blocks, n_out = mask.shape
    escape = (1 << run_bits) - 1
    values: list[int] = []
    starts: list[int] = []
    at = 0
    for kept in np.flatnonzero(mask).tolist():
        while kept - at >= escape:
            values.append(escape)
            starts.append(at)
            at += escape
        values.append(kept - at)
        starts.append(at)
        at = kept + 1
    per_block = np.bincount(np.array(starts, dtype=np.int64) // n_out, minlength=n_blocks)
    return RunFields(np.array(values, dtype=np.int64), per_block.astype(np.int64))
