"""Canonical Huffman codes of limited length, and the table that a stream carries of them.

A code is given by the length of each symbol's codeword (0: the symbol does not occur); codewords
are handed out by length, then by symbol, counting upwards; a codeword's most significant bit comes
first.  A single symbol has a codeword of one bit.

The table: the first and the last symbol that occur, then for each symbol between them the number
of a choice in unary (so many ones, then a zero): 0 the length of the symbol before that occurs
(at the start: half the symbol's width, rounded up), 1 does not occur, 2 that length + 1,
3 - 1, 4 + 2, 5 - 2 and so on.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from f2fsim.bits import pack_fields
from f2fsim.codec.base import BitStream, IntArray
from f2fsim.codec.streams import check_tail
from f2fsim.errors import DataError

#: Longest codeword that a code may have.
MAX_LENGTH = 16


@dataclass(frozen=True, eq=False)
class CanonicalCode:
    """A prefix code.

    Attributes
    ----------
    symbol_bits : int
        Width of a symbol, 1 to 8.
    lengths : ndarray of int64, shape (2**symbol_bits,)
        Bits of each symbol's codeword, 0 for symbols that do not occur.
    """

    symbol_bits: int
    lengths: IntArray

    @property
    def longest(self) -> int:
        """Bits of the longest codeword, 0 if there is no symbol."""
        return int(self.lengths.max(initial=0))

    @cached_property
    def codewords(self) -> IntArray:
        """Codeword of each symbol, its first bit the least significant one."""
        words = np.zeros_like(self.lengths)
        used = np.flatnonzero(self.lengths)
        value = previous = 0
        for symbol in used[np.argsort(self.lengths[used], kind="stable")]:
            length = int(self.lengths[symbol])
            value <<= length - previous
            words[symbol] = int(f"{value:0{length}b}"[::-1], 2)
            value, previous = value + 1, length
        return words

    @property
    def n_used(self) -> int:
        """Symbols that occur."""
        return int(np.count_nonzero(self.lengths))

    @property
    def n_listed(self) -> int:
        """Symbols from the first to the last one that occur: what the table lists."""
        used = np.flatnonzero(self.lengths)
        return int(used[-1] - used[0]) + 1 if used.size else 0

    @cached_property
    def look_up(self) -> NDArray[np.uint16]:
        """Symbol and length, ``symbol << 8 | length``, for each value of the next `longest` bits.

        0 where no codeword begins so.
        """
        table = np.zeros(1 << self.longest, dtype=np.uint16)
        for symbol in np.flatnonzero(self.lengths):
            length = int(self.lengths[symbol])
            table[int(self.codewords[symbol]) :: 1 << length] = symbol << 8 | length
        return table


def optimal_code(counts: IntArray, max_length: int) -> CanonicalCode:
    """Return the code of fewest bits with codewords of at most `max_length` bits.

    Parameters
    ----------
    counts : ndarray of int64, shape (2**symbol_bits,)
        How often each symbol occurs.
    max_length : int
        Up to `MAX_LENGTH`; at least the bits that tell the occurring symbols apart.
    """
    symbol_bits = (counts.shape[0] - 1).bit_length()
    return CanonicalCode(symbol_bits, limited_lengths(counts, max_length))


def limited_lengths(counts: IntArray, max_length: int) -> IntArray:
    """Return the lengths of an optimal code with a limit (package-merge, Larmore, Hirschberg)."""
    lengths = np.zeros_like(counts)
    used = [int(s) for s in np.flatnonzero(counts)]
    if len(used) < 2:
        lengths[used] = 1
        return lengths
    if len(used) > 1 << max_length:
        raise ValueError(f"{len(used)} symbols need more than {max_length} bits")
    leaves: list[tuple[int, tuple[int, ...]]] = sorted((int(counts[s]), (s,)) for s in used)
    level = leaves
    for _ in range(max_length - 1):
        pairs = [(a[0] + b[0], a[1] + b[1]) for a, b in zip(level[::2], level[1::2], strict=False)]
        level = list(heapq.merge(leaves, pairs))
    for _, symbols in level[: 2 * len(used) - 2]:
        np.add.at(lengths, list(symbols), 1)
    return lengths


def pack_table(code: CanonicalCode) -> BitStream:
    """Return the table's stream; empty if no symbol occurs."""
    used = np.flatnonzero(code.lengths)
    if not used.size:
        return BitStream(np.zeros(0, dtype=np.uint8), 0)
    first, last = int(used[0]), int(used[-1])
    widths = choice_bits(code)
    values = [first, last, *((1 << (width - 1)) - 1 for width in widths)]
    return BitStream(*pack_fields(values, [code.symbol_bits] * 2 + widths))


def choice_bits(code: CanonicalCode) -> list[int]:
    """Return the bits of the choice of each symbol that the table lists."""
    used = np.flatnonzero(code.lengths)
    if not used.size:
        return []
    before, widths = _start_length(code.symbol_bits), []
    for length in code.lengths[used[0] : used[-1] + 1].tolist():
        widths.append(_choice(length, before) + 1)
        before = length or before
    return widths


def unpack_table(stream: BitStream, symbol_bits: int, what: str) -> CanonicalCode:
    """Return the code of a table; `DataError` if it is no whole table of a prefix code."""
    check_tail(stream, what)
    lengths = np.zeros(1 << symbol_bits, dtype=np.int64)
    if not stream.n_bits:
        return CanonicalCode(symbol_bits, lengths)
    bits = np.unpackbits(stream.data, count=stream.n_bits, bitorder="little")
    if stream.n_bits < 2 * symbol_bits:
        raise DataError(f"{what}: the table is too short")
    places = 1 << np.arange(symbol_bits)
    first, last = (bits[: 2 * symbol_bits].reshape(2, symbol_bits) @ places).tolist()
    zeros = np.flatnonzero(bits[2 * symbol_bits :] == 0)
    choices = np.diff(zeros, prepend=-1) - 1
    if last < first or choices.size != last - first + 1 or bits[-1]:
        raise DataError(f"{what}: the table does not end with its stream")
    before = _start_length(symbol_bits)
    for symbol, choice in enumerate(choices.tolist(), start=first):
        if choice != 1:
            before += choice // 2 if choice % 2 == 0 else -(choice // 2)
            lengths[symbol] = before
        if not 0 < before <= MAX_LENGTH:
            raise DataError(f"{what}: a codeword of {before} bits")
    _check_complete(lengths, what)
    return CanonicalCode(symbol_bits, lengths)


def _check_complete(lengths: IntArray, what: str) -> None:
    used = lengths[lengths > 0]
    space = int((1 << (MAX_LENGTH - used)).sum())
    single = used.size == 1 and int(used[0]) == 1
    if not single and space != 1 << MAX_LENGTH:
        raise DataError(f"{what}: the codewords are no complete prefix code")


def _start_length(symbol_bits: int) -> int:
    return (symbol_bits + 1) // 2


def _choice(length: int, before: int) -> int:
    if not length:
        return 1
    step = length - before
    return 2 * step if step >= 0 else 1 - 2 * step
