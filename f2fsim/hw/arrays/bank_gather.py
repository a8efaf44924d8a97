"""Bank conflicts of parallel gathers: how many cycles each window of entries takes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import PrunedTensor
from f2fsim.codec.csr import pe_entry_counts, row_counts
from f2fsim.hw.arrays import _bank_gather
from f2fsim.sharing import shared

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Gathers:
    """What windows of gathers take of the banks.

    Attributes
    ----------
    cycles, rounds : ndarray of int64, shape (n_windows,)
        Cycles of each window, and its rounds or groups (the last one may have fewer).
    reads : ndarray of int64, shape (n_windows,)
        Words that banks give: one for each gather, fewer where reads are shared.
    of_bank : ndarray of int64, shape (n_banks,)
        Reads of each bank over all windows at least, in any order; a window reads every word of its
        own at least once.
    """

    cycles: IntArray
    rounds: IntArray
    reads: IntArray
    of_bank: IntArray


@dataclass(frozen=True, eq=False)
class GroupGathers:
    """What windows of groups of lanes take of the banks.

    Attributes
    ----------
    cycles, reads : ndarray of int64, shape (n_windows,)
        As in `Gathers`, band after band.
    of_bank : ndarray of int64, shape (n_bands, n_banks)
        As in `Gathers`, of each band.
    """

    cycles: IntArray
    reads: IntArray
    of_bank: IntArray


def gather_windows(
    tensor: PrunedTensor, n_pes: int, n_banks: int, window: int, *, shares: bool = False
) -> Gathers:
    """Arbitrate the activation gathers of an interleaved CSR stream.

    Parameters
    ----------
    tensor : PrunedTensor
        One row band; row r belongs to PE r mod `n_pes`, column c lies in bank c mod `n_banks`.
    n_pes, n_banks : int
        PEs that gather, and banks that serve one gather a cycle each.
    window : int
        Rounds (entries of each PE) that are arbitrated together.
    shares : bool
        Whether a word that a bank gives goes to every PE whose oldest gather wants it.
    """
    word, first = shared(tensor, ("queues", n_pes), lambda: _queues(tensor, n_pes))
    return gather_queues(word, first, (tensor.shape[1], n_banks, window), shares=shares)


def _queues(tensor: PrunedTensor, n_pes: int) -> tuple[NDArray[np.int32], IntArray]:
    """Return the columns of all PEs' entries, PE after PE, and where those of each begin."""
    owned = pe_entry_counts(row_counts(tensor), n_pes)
    first = np.concatenate([[0], np.cumsum(owned)]).astype(np.int64)
    word = np.empty(int(first[-1]) + 1, dtype=np.int32)
    _bank_gather.word_queues(np.ascontiguousarray(tensor.mask).view(np.uint8), n_pes, word)
    return word, first


def gather_queues(
    columns: NDArray[np.int32], first: IntArray, shape: tuple[int, int, int], *, shares: bool
) -> Gathers:
    """Arbitrate queues of gathers: entries ``first[p]`` to ``first[p + 1]`` are those of PE p.

    Parameters
    ----------
    columns : ndarray of int32, shape (n,) or more
    first : ndarray of int64, shape (n_pes + 1,)
    shape : (int, int, int)
        Columns of the matrix, banks, and the rounds that are arbitrated together.
    shares : bool
        As in `gather_windows`.
    """
    n_columns, n_banks, window = shape
    n_rounds = max(int(np.diff(first).max()), 1)
    sizes = np.full(-(-n_rounds // window), window, dtype=np.int64)
    sizes[-1] += n_rounds - int(sizes.sum())
    cycles, reads = np.zeros((2, sizes.shape[0]), dtype=np.int64)
    found = Gathers(cycles, sizes, reads, np.zeros(n_banks, dtype=np.int64))
    _bank_gather.window_cycles(
        columns,
        *(_banks(n_columns, n_banks), shares, first, window),
        *_scratch(first.shape[0] - 1, n_banks, n_columns),
        *(found.of_bank, found.cycles, found.reads),
    )
    return found


def words_of(columns: IntArray | NDArray[np.int32]) -> NDArray[np.int32]:
    """Return columns as the kernels take them: in 32 bits, with one place more than entries."""
    if columns.dtype == np.int32:
        return np.asarray(columns, dtype=np.int32)
    return np.append(columns.astype(np.int32), np.int32(0))


def gather_groups(
    columns: IntArray | NDArray[np.int32],
    first: IntArray,
    shape: tuple[int, int, int],
    bounds: IntArray | None = None,
    *,
    shares: bool = False,
) -> GroupGathers:
    """Arbitrate the activation gathers of groups of lanes, as `gather_windows` does those of PEs.

    Parameters
    ----------
    columns : ndarray of int64, shape (n,), or what `words_of` made of it
        Column of each entry; column c lies in bank c mod banks.
    first : ndarray of int64, shape (n_groups + 1,)
        At which entry each group begins; its l-th entry is that of lane l.
    shape : (int, int, int)
        Lanes, banks, and the groups that are arbitrated together.
    bounds : ndarray of int64, shape (n_bands + 1,), optional
        At which group each band begins; groups of two are not arbitrated together.
    shares : bool
        As in `gather_windows`.
    """
    n_lanes, n_banks, window = shape
    n_columns = int(columns.max(initial=0)) + 1
    if bounds is None:
        bounds = np.array([0, first.shape[0] - 1], dtype=np.int64)
    cycles, reads = np.zeros((2, n_windows(bounds, window)), dtype=np.int64)
    of_bank = np.zeros((bounds.shape[0] - 1, n_banks), dtype=np.int64)
    _bank_gather.group_cycles(
        words_of(columns),
        *(_banks(n_columns, n_banks), shares, first, bounds, window),
        np.zeros(n_lanes * window, dtype=np.int32),
        *_scratch(n_lanes, n_banks, n_columns),
        *(of_bank, cycles, reads),
    )
    return GroupGathers(cycles, reads, of_bank)


def n_windows(bounds: IntArray, window: int) -> int:
    """Return the windows of bands of groups, each band's last one possibly smaller."""
    return int((-(-(bounds[1:] - bounds[:-1]) // window)).sum())


@lru_cache(maxsize=256)
def _banks(n_columns: int, n_banks: int) -> NDArray[np.int32]:
    """Return the bank of each column."""
    return (np.arange(max(n_columns, 1)) % n_banks).astype(np.int32)


def _scratch(
    n_queues: int, n_banks: int, n_columns: int
) -> tuple[IntArray, IntArray, NDArray[np.int32], IntArray]:
    return (
        np.zeros((2, n_queues), dtype=np.int64),
        np.zeros(n_banks, dtype=np.int64),
        np.zeros(n_banks, dtype=np.int32),
        np.full(max(n_columns, 1), -1, dtype=np.int64),
    )


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
