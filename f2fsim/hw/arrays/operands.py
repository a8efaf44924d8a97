"""Where the lanes' activations come from: reads of the scratchpad's banks, with conflicts.

In a cycle a group of lanes multiplies weights of other columns of the matrix; which ones follows
from the real mask and the order of that very step.  A bank reads one word a cycle.  A word holds
the activations of one column of the matrix for all activation columns of a wave.

Lanes that may want any column *gather*: each has a queue of requests, the arbiter is that of
CSR's PEs (`f2fsim.hw.arrays.bank_gather`), and every request reads its own word, unless reads are
shared: then a word goes to all lanes that offer a request for it in that cycle.  Lanes that want
neighbouring columns read *wide*: a group's words, each once, are asked of the banks and rotated
into place; each bank has a queue of its own.  Where a word is wider than a wave, it holds
neighbouring columns; gathers find these in neighbouring banks instead, as CSR's do.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from f2fsim.config.arch import Scratchpad
from f2fsim.hw.arrays import _lane_steps, _word_rounds
from f2fsim.hw.arrays.bank_gather import gather_groups, n_windows, words_of
from f2fsim.mapping.steps import starts_of

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
        return _words(scratchpad.n_banks, scratchpad.bank_bytes_per_cycle, activation_bits, columns)


@lru_cache(maxsize=256)
def _words(n_banks: int, bank_bytes: int, activation_bits: int, columns: int) -> Words:
    values = max(8 * bank_bytes // activation_bits, 1)
    n_words = -(-columns // values)
    return Words(
        max(n_banks // n_words, 1),
        n_words * bank_bytes,
        max(values // columns, 1),
        -(-n_words // n_banks),
    )


@dataclass(frozen=True, eq=False)
class StepReads:
    """What the steps of a band read for one wave of activation columns.

    Attributes
    ----------
    cycles : ndarray of int64, shape (n_steps,)
        Cycles of each step.
    n_reads : int
        Words that banks give for all of them.
    n_waiting : int
        Words that wait in queues: that of each lane that gathers, or each word of a group once.
    fullest : int
        Cycles of the bank with the most reads: no order of them is shorter.
    """

    cycles: IntArray
    n_reads: int
    n_waiting: int
    fullest: int


@dataclass(frozen=True, eq=False)
class BandReads:
    """What the steps of bands read.

    Attributes
    ----------
    bounds : ndarray of int64, shape (n_bands + 1,)
        At which step each band begins.
    cycles : ndarray of int64, shape (n_steps,)
        As of `StepReads`, one band behind the other.
    totals : ndarray of int64, shape (3, n_bands)
        ``n_reads``, ``n_waiting`` and ``fullest`` of each band.
    """

    bounds: IntArray
    cycles: IntArray
    totals: IntArray

    def by_band(self) -> list[StepReads]:
        """Return what each band reads; its arrays are pieces of these."""
        ends = self.bounds.tolist()
        totals = self.totals.T.tolist()
        return [
            StepReads(self.cycles[i:k], *of_band)
            for (i, k), of_band in zip(pairwise(ends), totals, strict=True)
        ]


def step_reads(
    columns: IntArray | NDArray[np.int32],
    first: IntArray,
    shape: tuple[int, int],
    words: Words,
    n_columns: int,
    added: IntArray | None = None,
    *,
    gathers: bool,
    shares: bool = False,
) -> StepReads:
    """Return the reads of the steps of one band: `band_reads` of it alone."""
    bounds, ways = np.array([0, first.shape[0] - 1], dtype=np.int64), (gathers, shares)
    found = band_reads(columns, first, bounds, shape, words, n_columns, added, ways=ways)
    return found.by_band()[0]


def band_reads(
    columns: IntArray | NDArray[np.int32],
    first: IntArray,
    bounds: IntArray,
    shape: tuple[int, int],
    words: Words,
    n_columns: int,
    added: IntArray | None = None,
    least_last: IntArray | None = None,
    *,
    ways: tuple[bool, bool],
) -> BandReads:
    """Arbitrate the reads of bands' steps, a group of lanes each, and the sums they add to.

    A window takes as long as its reads or, if these are more, its sums: products go through the
    tree group after group, and a group's sums that share a bank one after another.

    Parameters
    ----------
    columns : ndarray of int64, shape (n,), or what `words_of` made of it
        Column of the matrix of each weight that needs an activation, in the order of the steps.
    first : ndarray of int64, shape (n_steps + 1,)
        At which of them each step begins.
    bounds : ndarray of int64, shape (n_bands + 1,)
        At which step each band begins; a window has steps of one band.
    shape : (int, int)
        Lanes, and the groups that are arbitrated together.
    words : Words
    n_columns : int
        Columns of the matrix.
    added : ndarray of int64, shape (n_steps,), optional
        Cycles in which the sums of each step reach their banks (`sum_cycles`).
    least_last : ndarray of int64, shape (n_bands,), optional
        Cycles of each band's last step at least.
    ways : (bool, bool)
        Whether lanes gather, each through a queue of its own, or read wide; and whether a word that
        is gathered goes to every lane whose oldest request wants it.
    """
    window, (gathers, shares) = shape[1], ways
    if gathers:
        found = gather_groups(
            columns, first, (shape[0], words.n_banks, window), bounds, shares=shares
        )
        rounds, fullest = found.cycles, found.of_bank.max(axis=1)
        ends = first[bounds]
        n_waiting = n_reads = ends[1:] - ends[:-1]
        if shares:
            windows = starts_of(-(-(bounds[1:] - bounds[:-1]) // window))
            n_reads = np.add.reduceat(found.reads, windows[:-1])
    else:
        rounds, n_reads, fullest = _wide_rounds(columns, first, bounds, window, words, n_columns)
        n_waiting = n_reads
    # A window takes at least a cycle a group.
    cycles = _shared_out(rounds, bounds, window, words.each, added, least_last, least=1)
    totals = np.stack([n_reads, n_waiting, fullest * words.each])
    return BandReads(bounds, cycles, totals)


def _wide_rounds(
    columns: IntArray | NDArray[np.int32],
    first: IntArray,
    bounds: IntArray,
    window: int,
    words: Words,
    n_columns: int,
) -> tuple[IntArray, IntArray, IntArray]:
    """Return the reads of each window's fullest bank, of each band, and of its fullest bank."""
    n_words = max(-(-n_columns // words.neighbours), 1)
    rounds = np.zeros(n_windows(bounds, window), np.int64)
    distinct, fullest = np.zeros((2, bounds.shape[0] - 1), np.int64)
    _word_rounds.word_rounds(
        words_of(columns),
        words.neighbours,
        first,
        bounds,
        words.n_banks,
        window,
        np.full(n_words, -1, dtype=np.int64),
        np.full(words.n_banks, -1, dtype=np.int64),
        np.zeros(words.n_banks, dtype=np.int32),
        np.zeros(words.n_banks, dtype=np.int64),
        rounds,
        distinct,
        fullest,
    )
    return rounds, distinct, fullest


def _shared_out(
    total: IntArray,
    bounds: IntArray,
    window: int,
    each: int = 1,
    added: IntArray | None = None,
    least_last: IntArray | None = None,
    *,
    least: int = 0,
) -> IntArray:
    """Share what windows have out among their groups (`_lane_steps.share_windows`)."""
    found = np.empty(int(bounds[-1]), dtype=np.int64)
    none = found[:0]
    _lane_steps.share_windows(
        total,
        bounds,
        window,
        each,
        none if added is None else added,
        none if least_last is None else least_last,
        least,
        found,
    )
    return found
