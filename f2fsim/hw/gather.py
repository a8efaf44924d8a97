"""Bank conflicts of parallel gathers: how many cycles each window of entries takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import PrunedTensor
from f2fsim.codec.csr import row_counts, stream_order
from f2fsim.hw import _gather

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
    counts = row_counts(tensor)
    rows, cols = np.nonzero(tensor.mask)
    order = stream_order(counts, n_pes)
    pe = (rows[order] % n_pes).astype(np.int16)
    bank = (cols[order] % n_banks).astype(np.int32)
    # A PE's j-th entry is in round j; the stream is in order of rounds.
    by_pe = np.argsort(pe, kind="stable")
    seen = np.bincount(pe, minlength=n_pes)
    ordinal = np.arange(pe.shape[0]) - np.repeat(np.cumsum(seen) - seen, seen)
    rounds = np.empty(pe.shape[0], dtype=np.int64)
    rounds[by_pe] = ordinal
    n_rounds = max(int(seen.max(initial=0)), 1)
    n_windows = -(-n_rounds // window)
    first = np.searchsorted(rounds, np.arange(n_windows + 1) * window).astype(np.int64)
    out = np.zeros(n_windows, dtype=np.int64)
    _gather.window_cycles(
        bank,
        pe,
        first,
        n_pes,
        n_banks,
        np.zeros(int(np.diff(first).max(initial=0)) + 1, dtype=np.int32),
        np.zeros(n_pes, dtype=np.int32),
        np.zeros(n_banks, dtype=np.int64),
        out,
    )
    sizes = np.full(n_windows, window, dtype=np.int64)
    sizes[-1] = n_rounds - window * (n_windows - 1)
    return out, sizes


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
