"""What banked gathers give, cycle by cycle: the reference that the arbiter's Verilog is held to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Served:
    """Cycles of gathers.

    Attributes
    ----------
    granted : ndarray of bool, shape (n_cycles, n_pes)
    round : ndarray of int64, shape (n_cycles, n_pes)
        Round of the entry that each PE is granted; 0 where it is not.
    first, last : ndarray of int64, shape (n_cycles,)
        1 in the first (last) cycle of each window.
    """

    granted: NDArray[np.bool_]
    round: IntArray
    first: IntArray
    last: IntArray


def serve(
    active: NDArray[np.bool_], columns: IntArray, n_banks: int, window: int, *, shares: bool = False
) -> Served:
    """Arbitrate entries ``[n_rounds, n_pes]`` as ``docs/model.md`` says, window by window.

    Column c lies in bank c mod `n_banks`.  If reads are shared, whoever offers the column that a
    bank gives has it.
    """
    n_rounds, n_pes = active.shape
    granted: list[list[bool]] = []
    of_round: list[list[int]] = []
    first: list[int] = []
    last: list[int] = []
    for start in range(0, n_rounds, window):
        n_left = active[start : start + window].sum(axis=0).tolist()
        head = [start] * n_pes
        cycle = 0
        while any(n_left):
            given: dict[int, int] = {}
            grants, at = [False] * n_pes, [0] * n_pes
            for turn in range(n_pes):
                p = (cycle + turn) % n_pes
                if not n_left[p]:
                    continue
                column = int(columns[head[p], p])
                bank = column % n_banks
                if bank not in given or (shares and given[bank] == column):
                    given[bank] = column
                    grants[p], at[p] = True, head[p]
                    head[p] += 1
                    n_left[p] -= 1
            granted.append(grants)
            of_round.append(at)
            first.append(int(cycle == 0))
            last.append(int(not any(n_left)))
            cycle += 1
    return Served(
        np.array(granted, dtype=np.bool_),
        np.array(of_round, dtype=np.int64),
        np.array(first, dtype=np.int64),
        np.array(last, dtype=np.int64),
    )


def bank_words(columns: IntArray, width: int) -> IntArray:
    """Return the words that f2f_bank holds for columns of the activations."""
    hashed: IntArray = ((columns * 40503) ^ (columns >> 3)) & (2**width - 1) & (2**32 - 1)
    return hashed
