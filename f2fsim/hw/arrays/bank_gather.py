"""Bank conflicts of parallel gathers: how many cycles each window of entries takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import PrunedTensor
from f2fsim.codec.csr import pe_entry_counts, row_counts
from f2fsim.hw.arrays import _bank_gather

IntArray = NDArray[np.int64]


def gather_windows(
    tensor: PrunedTensor, n_pes: int, n_banks: int, window: int
) -> tuple[IntArray, IntArray]:
    """Arbitrate the activation gathers of an interleaved CSR stream.

    Parameters
    ----------
    tensor : PrunedTensor
        One row band; row r belongs to PE r mod `n_pes`, column c lies in bank c mod `n_banks`.
    n_pes, n_banks : int
        PEs that gather, and banks that serve one gather a cycle each.
    window : int
        Rounds (entries of each PE) that are arbitrated together.

    Returns
    -------
    cycles : ndarray of int64, shape (n_windows,)
        Cycles of each window.
    rounds : ndarray of int64, shape (n_windows,)
        Rounds of each window (the last one may have fewer).
    """
    owned = pe_entry_counts(row_counts(tensor), n_pes)
    first = np.concatenate([[0], np.cumsum(owned)]).astype(np.int64)
    n_rounds = max(int(owned.max()), 1)
    n_windows = -(-n_rounds // window)
    bank = np.empty(int(first[-1]) + 1, dtype=np.int32)
    _bank_gather.bank_queues(np.ascontiguousarray(tensor.mask).view(np.uint8), n_pes, n_banks, bank)
    out = np.zeros(n_windows, dtype=np.int64)
    head, tail = np.zeros((2, n_pes), dtype=np.int64)
    granted = np.zeros(n_banks, dtype=np.int64)
    _bank_gather.window_cycles(bank, first, window, head, tail, granted, out)
    sizes = np.full(n_windows, window, dtype=np.int64)
    sizes[-1] = n_rounds - window * (n_windows - 1)
    return out, sizes


def gather_groups(columns: IntArray, first: IntArray, shape: tuple[int, int, int]) -> IntArray:
    """Arbitrate the activation gathers of groups of lanes, as `gather_windows` does those of PEs.

    Parameters
    ----------
    columns : ndarray of int64, shape (n,)
        Column of each entry; column c lies in bank c mod banks.
    first : ndarray of int64, shape (n_groups + 1,)
        At which entry each group begins; its l-th entry is that of lane l.
    shape : (int, int, int)
        Lanes, banks, and the groups that are arbitrated together.

    Returns
    -------
    ndarray of int64, shape (n_windows,)
        Cycles of each window.
    """
    n_lanes, n_banks, window = shape
    out = np.zeros(-(-(first.shape[0] - 1) // window), dtype=np.int64)
    bank = np.append((columns % n_banks).astype(np.int32), np.int32(0))
    head, tail = np.zeros((2, n_lanes), dtype=np.int64)
    granted = np.zeros(n_banks, dtype=np.int64)
    queue = np.zeros(n_lanes * window, dtype=np.int32)
    _bank_gather.group_cycles(bank, first, window, queue, head, tail, granted, out)
    return out


def rows_done(tensor: PrunedTensor, n_pes: int, window: int, n_windows: int) -> IntArray:
    """Return how many rows end in each window of an interleaved CSR stream.

    A row ends in the round of its last entry; one without entries when its PE comes to it.
    """
    counts = row_counts(tensor)
    waves = -(-counts.shape[0] // n_pes)
    grid = np.zeros(waves * n_pes, dtype=np.int64)
    grid[: counts.shape[0]] = counts
    ends = grid.reshape(waves, n_pes).cumsum(axis=0).ravel()[: counts.shape[0]]
    last_round = np.maximum(ends - 1, 0)
    return np.bincount(last_round // window, minlength=n_windows).astype(np.int64)
