"""How the fields of a patch stream move through gap decoder, placer and patch unit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.f2f.patches import GapFields
from f2fsim.rtl.fields import Beats, beats, puts

IntArray = NDArray[np.int64]

#: Bits of the patch stream that come at once.
WORD_BITS = 32


@dataclass(frozen=True, eq=False)
class PatchMoves:
    """The fields of a group's patches, `rate` a cycle.

    Attributes
    ----------
    fields : GapFields
    care : ndarray of int64, shape (n_blocks,)
        Care bits of each block.
    rate : int
    """

    fields: GapFields
    care: IntArray
    rate: int

    @cached_property
    def n_bits(self) -> int:
        """Bits of the stream."""
        return int(self.fields.widths.sum())

    @cached_property
    def word_bits(self) -> IntArray:
        """Bits of each put of the stream."""
        return puts(self.n_bits, WORD_BITS)

    @cached_property
    def rows(self) -> NDArray[np.bool_]:
        """The stream in words, ``[n_puts, WORD_BITS]``."""
        widths = self.fields.widths
        place = np.arange(self.n_bits) - np.repeat(np.cumsum(widths) - widths, widths)
        bits = (np.repeat(self.fields.values, widths) >> place) & 1
        padded = np.zeros(self.word_bits.size * WORD_BITS, dtype=np.bool_)
        padded[: self.n_bits] = bits
        return padded.reshape(-1, WORD_BITS)

    @cached_property
    def cut_fields(self) -> IntArray:
        """Fields that the gap decoder cuts in each of its cycles."""
        return puts(self.fields.widths.size, self.rate)

    @cached_property
    def cut_bits(self) -> IntArray:
        """Bits that it takes in each of them."""
        if not self.cut_fields.size:
            return self.cut_fields
        return np.add.reduceat(self.fields.widths, np.cumsum(self.cut_fields) - self.cut_fields)

    @cached_property
    def by_block(self) -> Beats:
        """Fields in the cycles of each block: patches where they lie, escapes where they begin."""
        begins = np.concatenate([[0], self.fields.ends[:-1] + 1])[: self.fields.ends.size]
        place = np.where(self.fields.is_event, self.fields.ends, begins)
        block = np.searchsorted(np.cumsum(self.care), place, side="right")
        return beats(np.bincount(block, minlength=self.care.size).astype(np.int64), self.rate)

    @cached_property
    def needed(self) -> IntArray:
        """Fields that must have become visible for each cycle: those it takes and one more."""
        through = np.minimum(np.cumsum(self.by_block.per_cycle) + 1, self.fields.widths.size)
        return np.diff(through, prepend=0)
