"""Where partial sums go: an adder tree within a step, and accumulators for rows in work.

Within a step products of one row are added by a tree: they lie side by side, since weights come
row by row or are put in row order first (orders that run through all rows).  What the tree gives
is added to the row's sum.  A row that is finished within a step never leaves the registers; the
sums of the others lie in banks, row r in bank r mod banks.  A bank reads a word, the sums of a row
for a wave of activation columns, and writes one a cycle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.config.arch import ArchConfig
from f2fsim.cost import Sram
from f2fsim.hw.arrays import _word_rounds
from f2fsim.hw.description import Machine
from f2fsim.hw.front_ends.contract import Rates
from f2fsim.hw.streams import fill_width_bits
from f2fsim.mapping.geometry import ACCUMULATOR_BITS

IntArray = NDArray[np.int64]

SUM_BYTES = ACCUMULATOR_BITS // 8


@dataclass(frozen=True)
class AccumulatorMemory:
    """The accumulators of an array.

    Attributes
    ----------
    n_banks : int
        Each reads and writes a word a cycle.
    word_sums : int
        Sums of a word: the columns of a wave.
    capacity : int
        Bytes of all banks.
    """

    n_banks: int
    word_sums: int
    capacity: int

    @property
    def word_bytes(self) -> int:
        """Bytes of a word."""
        return self.word_sums * SUM_BYTES

    @property
    def bank_bytes(self) -> int:
        """Bytes of a bank."""
        return max(self.capacity // self.n_banks, 1)

    @property
    def sram(self) -> Sram:
        """The memory as the area has it: one port reads while the other writes."""
        return Sram(self.capacity, self.n_banks, n_ports=2)

    def held_bytes(self, n_rows: IntArray, n_columns: IntArray) -> IntArray:
        """Return the bytes of the sums of rows times columns, in whole words."""
        waves = -(-n_columns // self.word_sums)
        held: IntArray = n_rows * waves * self.word_bytes
        return held


@dataclass(frozen=True, eq=False)
class StepSums:
    """What the steps of a band add to accumulators for one wave of activation columns.

    Attributes
    ----------
    bank : ndarray of int32, shape (n,)
        For each weight, in the order of the steps and, within one, of the rows: bank of the sum
        that is read and written with it; -1 where the tree adds it to the row's one before.
    n_banks : int
    """

    bank: NDArray[np.int32]
    n_banks: int

    @classmethod
    def of(cls, rows: IntArray, first: IntArray, n_banks: int) -> StepSums:
        """Return the sums of steps that begin at `first`, the weights of a step in row order."""
        is_first = np.ones(rows.shape[0], dtype=np.bool_)
        is_first[1:] = rows[1:] != rows[:-1]
        starts = first[1:-1]
        is_first[starts[starts < rows.shape[0]]] = True
        return cls(np.where(is_first, rows % n_banks, -1).astype(np.int32), n_banks)

    def between(self, begins: IntArray, ends: IntArray) -> IntArray:
        """Return how many words are updated with the weights of each range of them."""
        upto = np.zeros(self.bank.shape[0] + 1, dtype=np.int64)
        np.cumsum(self.bank >= 0, out=upto[1:])
        found: IntArray = upto[ends] - upto[begins]
        return found


def in_row_order(
    rows: IntArray, columns: IntArray, first: IntArray, n_rows: int
) -> tuple[IntArray, IntArray]:
    """Return rows and columns with the weights of each step put in row order.

    `first` says at which weight each step begins, shape (n_steps + 1,).
    """
    out_rows, out_columns = np.empty((2, rows.shape[0]), dtype=np.int64)
    scratch = np.zeros(n_rows + 1, dtype=np.int64)
    _word_rounds.sort_steps(
        np.ascontiguousarray(rows, dtype=np.int64),
        np.ascontiguousarray(columns, dtype=np.int64),
        first,
        scratch,
        out_rows,
        out_columns,
    )
    return out_rows, out_columns


def sum_rounds(sums: StepSums, first: IntArray) -> IntArray:
    """Return the most words of a bank in each group.

    `first` says at which weight each group begins; shape (n_groups + 1,).
    """
    rounds = np.zeros(first.shape[0] - 1, dtype=np.int32)
    scratch = np.zeros((2, sums.n_banks), dtype=np.int64)
    _word_rounds.update_rounds(sums.bank, first, scratch, rounds)
    return rounds.astype(np.int64)


def sum_cycles(sums: StepSums, first: IntArray) -> IntArray:
    """Return the cycles in which the sums of each group reach their banks, at least one."""
    found: IntArray = np.maximum(sum_rounds(sums, first), 1)
    return found


def open_rows(n_weights: IntArray, bounds: IntArray, n_columns: int) -> IntArray:
    """Return how many steps of each band end within a row: its sum waits meanwhile.

    `n_weights` are the positions of each step of an order row by row, band b from ``bounds[b]`` on.
    """
    is_open = np.cumsum(n_weights) % max(n_columns, 1) > 0
    upto = np.zeros(is_open.shape[0] + 1, dtype=np.int64)
    np.cumsum(is_open, out=upto[1:])
    found: IntArray = upto[bounds[1:]] - upto[bounds[:-1]]
    return found


def port_rates(machine: Machine, arch: ArchConfig, sums: AccumulatorMemory) -> Rates:
    """Return what a machine takes of ports, and what these give a cycle.

    Bytes that the banks of accumulators give (and take as many), and bits of finished outputs that
    the scratchpad takes.
    """
    actions = [part.actions for part in machine.components]
    n_bytes = sum(one.get("accumulator_read_byte", 0) for one in actions)
    n_out = sum(writer.payload_bits for writer in machine.writers)
    return {
        "accumulators": (n_bytes, sums.n_banks * sums.word_bytes),
        "outputs": (n_out, fill_width_bits(arch)),
    }
