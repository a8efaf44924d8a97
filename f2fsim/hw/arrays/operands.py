"""Where the lanes' activations come from: gathers from the scratchpad's banks, with conflicts.

In a cycle a group of lanes multiplies weights of other columns of the matrix; which ones follows
from the real mask and the order of that very step.  A bank reads one word a cycle.  A word holds
the activations of one column of the matrix for all activation columns of a wave, or, where it is
wider, those of neighbouring columns; lanes that want the same word share one read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.config.arch import Scratchpad
from f2fsim.hw.arrays import _word_rounds
from f2fsim.hw.arrays.sums import StepSums, sum_rounds

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Words:
    """The words of the activation memory, as the lanes of an array see them.

    Attributes
    ----------
    n_banks : int
        Banks, or groups of neighbouring banks that give a read together; read w comes from number
        w mod `n_banks`.
    read_bytes : int
        Bytes of a read: a word, or those of a group.
    neighbours : int
        Columns of the matrix in a word.
    each : int
        Cycles of a read, more than one where all banks together are narrower than a wave.
    """

    n_banks: int
    read_bytes: int
    neighbours: int
    each: int

    @classmethod
    def of(cls, scratchpad: Scratchpad, activation_bits: int, columns: int) -> Words:
        """Return the words of a scratchpad for waves of `columns` activation columns."""
        values = max(8 * scratchpad.bank_bytes_per_cycle // activation_bits, 1)
        n_words = -(-columns // values)
        return cls(
            max(scratchpad.n_banks // n_words, 1),
            n_words * scratchpad.bank_bytes_per_cycle,
            max(values // columns, 1),
            -(-n_words // scratchpad.n_banks),
        )


@dataclass(frozen=True, eq=False)
class StepReads:
    """What the steps of a band read for one wave of activation columns.

    Attributes
    ----------
    cycles, n_reads : ndarray of int64, shape (n_steps,)
    """

    cycles: IntArray
    n_reads: IntArray


def step_reads(
    columns: IntArray,
    per_step: IntArray,
    groups: IntArray,
    shape: tuple[int, int],
    words: Words,
    n_columns: int,
    sums: StepSums | None = None,
) -> StepReads:
    """Arbitrate the reads of a band's steps, and the sums that they add to in banks.

    A weight leaves its lane's queue when the bank of its activation and that of its sum are free: a
    window takes as long as the fullest bank of either side.

    Parameters
    ----------
    columns : ndarray of int64, shape (n,)
        Column of the matrix of each weight that needs an activation, in the order of the steps.
    per_step, groups : ndarray of int64, shape (n_steps,)
        How many of them each step has, and the groups (a cycle each) that take its weights.
    shape : (int, int)
        Weights of a full group, 0 where zeros take places too and the others are dealt out evenly;
        and the groups that are arbitrated together.
    words : Words
    n_columns : int
        Columns of the matrix.
    sums : StepSums, optional
        Of the same weights.
    """
    width, window = shape
    first_of_step = np.concatenate([[0], np.cumsum(per_step)])
    group_of_step = np.concatenate([[0], np.cumsum(groups)])
    step = np.repeat(np.arange(per_step.shape[0]), groups)
    turn = np.arange(step.shape[0]) - group_of_step[step]
    before = turn * width if width else per_step[step] * turn // groups[step]
    first = np.minimum(first_of_step[step] + before, first_of_step[step + 1])
    first = np.append(first, first_of_step[-1]).astype(np.int64)
    n_words = max(-(-n_columns // words.neighbours), 1)
    n_groups, n_windows = step.shape[0], -(-step.shape[0] // window)
    rounds, distinct = np.zeros(n_windows, np.int32), np.zeros(n_groups, np.int32)
    _word_rounds.word_rounds(
        (columns // words.neighbours).astype(np.int32),
        first,
        words.n_banks,
        window,
        np.full(n_words, -1, dtype=np.int64),
        np.full(words.n_banks, -1, dtype=np.int64),
        np.zeros(words.n_banks, dtype=np.int32),
        rounds,
        distinct,
    )
    taken = rounds.astype(np.int64) * words.each
    if sums is not None:
        taken = np.maximum(taken, sum_rounds(sums, first, window))
    cycles = _shared_out(taken, n_groups, window)
    starts = group_of_step[:-1]
    reads = np.add.reduceat(distinct.astype(np.int64), starts)
    return StepReads(np.add.reduceat(cycles, starts), reads)


def _shared_out(rounds: IntArray, n_groups: int, window: int) -> IntArray:
    """Share the cycles of windows out among their groups, evenly and in whole cycles.

    A window takes at least a cycle a group.
    """
    sizes = np.full(rounds.shape[0], window, dtype=np.int64)
    sizes[-1:] = n_groups - window * (rounds.shape[0] - 1)
    of = np.repeat(np.arange(rounds.shape[0]), sizes)
    turn = np.arange(n_groups) - of * window
    total = np.maximum(rounds, sizes)[of]
    shared: IntArray = total * (turn + 1) // sizes[of] - total * turn // sizes[of]
    return shared


def mean_conflicts(n_reads: float, n_banks: int, window: int, share: float = 0.0) -> float:
    """Return the mean cycles of a group of `n_reads` reads, about: for plans only.

    A window waits for its busiest bank.  Its reads lie in places that are dealt evenly to the
    banks, the share `share` of which is read: binomial counts, whose greatest of `n_banks` is that
    of as many normal ones, corrected for skewness.
    """
    mean = n_reads * window / n_banks
    if n_reads <= 1 or n_banks <= 1:
        return max(mean / window, 1.0)
    variance = mean * (1 - share)
    high = math.sqrt(2 * math.log(n_banks))
    beyond = high - (math.log(math.log(n_banks)) + 1.377) / (2 * high)
    most = mean + beyond * math.sqrt(variance) + (beyond**2 - 1) / 6 * (1 - 2 * share)
    if share:
        most = min(most, math.ceil(mean / share))
    return max(most, window) / window
