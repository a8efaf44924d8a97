"""Sharing of common subexpressions in a GF(2) matrix: Paar's greedy algorithm.

C. Paar, "Optimized arithmetic for Reed-Solomon encoders", ISIT 1997: the pair of signals that
most rows have in common becomes one XOR, its output a new signal; until no pair is used twice.
Cancellation-free, deterministic (ties go to the pair that was seen first).
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SharedXors:
    """A GF(2) matrix as a network of 2-input XORs.

    Attributes
    ----------
    n_inputs : int
        Signals 0 … n_inputs-1 are the columns of the matrix.
    shared : tuple of (int, int)
        Signal ``n_inputs + i`` is the XOR of the pair ``shared[i]``; both are earlier signals.
    rows : tuple of tuple of int
        Signals whose XOR is each row of the matrix, ascending; empty for a row of zeros.
    """

    n_inputs: int
    shared: tuple[tuple[int, int], ...]
    rows: tuple[tuple[int, ...], ...]

    @property
    def n_xor2(self) -> int:
        """2-input XORs of the whole network."""
        return len(self.shared) + sum(max(0, len(row) - 1) for row in self.rows)

    @property
    def depth(self) -> int:
        """2-input XORs on the longest path, the rows' own trees balanced."""
        level = [0] * self.n_inputs
        for a, b in self.shared:
            level.append(max(level[a], level[b]) + 1)
        return max((_tree_depth([level[s] for s in row]) for row in self.rows), default=0)


def _tree_depth(levels: list[int]) -> int:
    if not levels:
        return 0
    heapq.heapify(levels)
    while len(levels) > 1:
        a, b = heapq.heappop(levels), heapq.heappop(levels)
        heapq.heappush(levels, max(a, b) + 1)
    return levels[0]


def share_xors(matrix: NDArray[np.bool_]) -> SharedXors:
    """Return the network of `matrix` with common pairs shared.

    Parameters
    ----------
    matrix : ndarray of bool, shape (n_rows, n_columns)
        Row i is the XOR of the columns that are True.

    Raises
    ------
    ValueError
        If the matrix is not two-dimensional.
    """
    if matrix.ndim != 2:
        raise ValueError(f"a matrix has two dimensions, got shape {matrix.shape}")
    n_rows, n_columns = matrix.shape
    # Column j as a set of rows, in the bits of one integer.
    users = [
        int.from_bytes(np.packbits(matrix[:, j], bitorder="little").tobytes(), "little")
        for j in range(n_columns)
    ]
    queue = [
        (-count, a, b)
        for b in range(n_columns)
        for a in range(b)
        if (count := (users[a] & users[b]).bit_count()) > 1
    ]
    heapq.heapify(queue)
    shared: list[tuple[int, int]] = []
    while queue:
        count, a, b = heapq.heappop(queue)
        common = users[a] & users[b]
        now = common.bit_count()
        if now != -count:  # earlier choices took some of its rows
            if now > 1:
                heapq.heappush(queue, (-now, a, b))
            continue
        users[a] ^= common
        users[b] ^= common
        new = len(users)
        shared.append((a, b))
        for other, rows in enumerate(users):
            both = (rows & common).bit_count()
            if both > 1:
                heapq.heappush(queue, (-both, other, new))
        users.append(common)
    left = tuple(
        tuple(s for s, used in enumerate(users) if used >> row & 1) for row in range(n_rows)
    )
    return SharedXors(n_columns, tuple(shared), left)
