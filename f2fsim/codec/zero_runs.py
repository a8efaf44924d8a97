"""Run-length entries of values: zero run and value, with padding zeros where a run is too long.

Shared by ``rle`` (one run over the whole tensor) and ``csc_relative`` (a run each column and PE).
An entry (r, v) stands for r pruned weights and then the weight v.  A run longer than the field's
maximum ``2**k - 1`` is cut by a padding entry (2**k - 1, 0): 2**k pruned weights in all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.base import IntArray

#: Widest run field.
MAX_RUN_BITS = 16


@dataclass(frozen=True, eq=False)
class RunEntries:
    """Stored entries in stream order, padding included.

    Attributes
    ----------
    runs : ndarray of int64, shape (n_entries,)
        Pruned weights before each entry's weight.
    values : ndarray of unsigned int, shape (n_entries,)
        Bit patterns; 0 for padding.
    is_kept : ndarray of bool, shape (n_entries,)
        False for padding.
    """

    runs: IntArray
    values: NDArray[Any]
    is_kept: NDArray[np.bool_]


def padding_counts(gaps: IntArray, run_bits: int) -> IntArray:
    """Return the padding entries needed before each kept weight that follows `gaps` zeros."""
    return gaps >> run_bits


def best_run_bits(gaps: IntArray, value_bits: int) -> int:
    """Return the run width (1 to 16) of fewest bits in total, the smallest of equals."""
    sizes = {
        k: (gaps.size + int(padding_counts(gaps, k).sum())) * (k + value_bits)
        for k in range(1, MAX_RUN_BITS + 1)
    }
    return min(sizes, key=lambda k: sizes[k])


def make_entries(gaps: IntArray, values: NDArray[Any], run_bits: int) -> RunEntries:
    """Return the entries of kept weights `values`, each after `gaps` pruned ones."""
    n_padding = padding_counts(gaps, run_bits)
    n_entries = int(gaps.size + n_padding.sum())
    at = np.cumsum(n_padding + 1) - 1
    is_kept = np.zeros(n_entries, dtype=np.bool_)
    is_kept[at] = True
    runs = np.full(n_entries, 2**run_bits - 1, dtype=np.int64)
    runs[at] = gaps & (2**run_bits - 1)
    stored = np.zeros(n_entries, dtype=values.dtype)
    stored[at] = values
    return RunEntries(runs, stored, is_kept)


def looks_like_padding(
    runs: IntArray, values: NDArray[Any], is_last: NDArray[np.bool_], run_bits: int
) -> NDArray[np.bool_]:
    """Return which entries are padding, or a kept 0 that has to be told apart from it.

    Padding is always followed by another entry of its run; `is_last` marks the entries that
    are not.
    """
    full = 2**run_bits - 1
    alike: NDArray[np.bool_] = (runs == full) & (values == 0) & ~is_last
    return alike
