"""Rounds of an interleaved CSR stream: who has an entry, whose row begins or ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Rounds:
    """What each PE gets in each round, ``[n_rounds, n_pes]``; `at` is the place in the stream.

    `active` says who has an entry, `starts` whose row begins; where nobody is active the others
    are 0.
    """

    active: NDArray[np.bool_]
    starts: NDArray[np.bool_]
    last: IntArray
    wave: IntArray
    at: IntArray


def rounds_of(counts: IntArray, n_pes: int) -> Rounds:
    """Return the rounds of rows of `counts` entries, row r on PE r mod `n_pes`."""
    lists: list[list[tuple[int, int, int]]] = [[] for _ in range(n_pes)]
    for row, n in enumerate(counts.tolist()):
        lists[row % n_pes] += [(i == 0, i == n - 1, row // n_pes) for i in range(n)]
    shape = (max(map(len, lists)), n_pes)
    table = np.zeros((3, *shape), dtype=np.int64)
    active = np.zeros(shape, dtype=np.bool_)
    for p, entries in enumerate(lists):
        active[: len(entries), p] = True
        if entries:
            table[:, : len(entries), p] = np.array(entries, dtype=np.int64).T
    at = np.zeros(shape, dtype=np.int64)
    at[active] = np.arange(int(active.sum()))
    return Rounds(active, table[0].astype(np.bool_), table[1], table[2], at)


def rows_waiting(counts: IntArray, n_pes: int) -> int:
    """Return the rows that a PE's queue has to hold for such a stream not to block itself.

    Row lengths come in the order of rows, PEs take them as their lists go on: rows wait at a PE
    while another one is ahead, and at the end, when all have to come before it is known that a
    list has ended.
    """
    rounds = rounds_of(counts, n_pes)
    n_waves = -(-counts.size // n_pes)
    needed = np.where(rounds.starts, rounds.wave + 1, 0).max(axis=1)
    needed[~rounds.active.all(axis=1)] = n_waves
    grid = np.zeros((n_waves, n_pes), dtype=np.int64)
    grid.ravel()[: counts.size] = counts > 0
    come = np.vstack([np.zeros((1, n_pes), dtype=np.int64), grid.cumsum(axis=0)])
    begun = rounds.starts.cumsum(axis=0) - rounds.starts
    return max(1, int((come[np.maximum.accumulate(needed)] - begun).max()))
