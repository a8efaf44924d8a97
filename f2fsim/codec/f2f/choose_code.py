"""Choosing a value code from the histogram of a layer: fewest bits, its own table counted.

An exact search (`_classes.cut`) over all ways to cut the ordered numbers into classes with prefixes
of at most six bits.  Where there are very many different numbers, as with wide floats, classes
are cut between cells of 1/16 of a binade.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.f2f import _classes
from f2fsim.codec.f2f.value_code import (
    MAX_CLASSES,
    MAX_CODEWORD_BITS,
    MAX_PREFIX_BITS,
    Fold,
    ValueClass,
    ValueCode,
    Values,
)
from f2fsim.codec.huffman_code import limited_lengths
from f2fsim.codec.tensor import WeightType

#: Different numbers that are looked at one by one; more are gathered in cells.
MAX_ATOMS = 1024
#: Cells of a binade, 2 to this power.
_CELL_BITS = 4
#: Price of a class in the table, first taken: contiguous, its widths, half a base.
_CLASS_BITS = 12

Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Histogram:
    """Numbers, ascending, that are not told apart further, and how many weights have each.

    Attributes
    ----------
    starts, ends : ndarray of int64
        First number of each atom and the first one after it.
    counts : ndarray of int64
        Weights.
    """

    starts: Counts
    ends: Counts
    counts: Counts


def choose_code(
    patterns: Values, weight_type: WeightType, most_bits: int = MAX_CODEWORD_BITS
) -> ValueCode:
    """Return the code of fewest bits for these patterns of kept weights.

    Codewords have at most `most_bits` bits, which must be at least those of a weight.
    """
    if not patterns.size:
        return ValueCode(Fold(weight_type, signed=True), ())
    values, counts = _distinct(patterns, weight_type)
    return _choose(values.tobytes(), counts.tobytes(), weight_type, most_bits)


@lru_cache(maxsize=8)
def _choose(
    packed_values: bytes, packed_counts: bytes, weight_type: WeightType, most_bits: int
) -> ValueCode:
    """Return the best code of a histogram; a layer is encoded more than once while choosing."""
    values: Values = np.frombuffer(packed_values, dtype=np.uint32)
    counts: Counts = np.frombuffer(packed_counts, dtype=np.int64)
    together = int(np.bitwise_or.reduce(values))
    shift = (together & -together).bit_length() - 1 if together else 0
    folds = _folds(values, counts, weight_type, shift)
    cuts = [_cut(_histogram(fold, values, counts), fold, most_bits) for fold in folds]
    best = min(range(len(folds)), key=lambda i: cuts[i][1])
    classes, bits = cuts[best]
    # An escape for values far from all others, where the best order is known.
    histogram = _histogram(folds[best], values, counts)
    escaping, fewer = _cut_with_escape(histogram, folds[best], most_bits)
    return ValueCode(folds[best], escaping if fewer < bits else classes)


def _distinct(patterns: Values, weight_type: WeightType) -> tuple[Values, Counts]:
    """Return the different patterns and how often each occurs."""
    if weight_type.n_bits <= 16:
        every = np.bincount(patterns, minlength=1).astype(np.int64)
        found = np.flatnonzero(every)
        return found.astype(np.uint32), every[found]
    values, counts = np.unique(patterns, return_counts=True)
    return values, counts.astype(np.int64)


def _folds(values: Values, counts: Counts, weight_type: WeightType, shift: int) -> list[Fold]:
    """Return the numberings to try."""
    signed = Fold(weight_type, signed=True, shift=shift)
    plain = replace(signed, signed=False)
    if weight_type.is_float:
        return [signed, plain]
    # Where values of both signs alternate best: about their mean, zero or the middle.
    middle = 1 << (signed.n_bits - 1)
    x = (values >> np.uint32(shift)).astype(np.int64)
    if weight_type.signed:
        x = (x ^ middle) - middle
    mean = round(float((x * counts).sum() / counts.sum()))
    least = int(x.min())
    centres = sorted({c & signed.mask for c in (0, mean, middle)})
    return [replace(signed, centre=c) for c in centres] + [
        replace(plain, centre=least & signed.mask)
    ]


def _histogram(fold: Fold, values: Values, counts: Counts) -> Histogram:
    numbers = fold.numbers(values).astype(np.int64)
    order = np.argsort(numbers)
    numbers, counts = numbers[order], counts[order]
    cell = 0
    if numbers.size > MAX_ATOMS:
        cell = max(fold.weight_type.n_mantissa_bits + fold.signed - fold.shift - _CELL_BITS, 1)
    while True:
        # Both zeros stay by themselves: dense layers have many.  Cells ascend as numbers do.
        above = np.maximum(numbers >> cell << cell, 2)
        cells = np.where(numbers < 2, numbers, above) if cell else numbers
        starts, first = np.unique(cells, return_index=True)
        if starts.size <= MAX_ATOMS:
            break
        cell += 1
    sums = np.add.reduceat(counts, first)
    # A cell begins with the first number in it that occurs, and ends after the last one.
    last = np.append(first[1:], numbers.size) - 1
    return Histogram(numbers[first], numbers[last] + 1, sums)


def _cut(histogram: Histogram, fold: Fold, most_bits: int) -> tuple[tuple[ValueClass, ...], int]:
    """Return the classes of fewest bits and these bits, about 12 a class for the table."""
    whole = _whole(histogram)
    bits = int(histogram.counts.sum()) * whole.suffix_bits + _CLASS_BITS
    classes = _few_enough(histogram, fold.n_bits, None, most_bits)
    if classes is None:
        return (whole,), bits
    found = _with_lengths(classes, histogram, most_bits)
    return min(((whole,), bits), found, key=lambda cut: cut[1])


def _cut_with_escape(
    histogram: Histogram, fold: Fold, most_bits: int
) -> tuple[tuple[ValueClass, ...], int]:
    """Return the classes beside one with the longest prefix that holds all values, and bits."""
    escape = replace(_whole(histogram), prefix_bits=MAX_PREFIX_BITS)
    classes = None
    if escape.n_bits <= most_bits:
        classes = _few_enough(histogram, fold.n_bits, escape, most_bits)
    return _with_lengths(classes, histogram, most_bits) if classes else ((), 1 << 62)


def _whole(histogram: Histogram) -> ValueClass:
    low, high = int(histogram.starts[0]), int(histogram.ends[-1])
    return ValueClass(low, (high - low - 1).bit_length(), 0)


def _few_enough(
    histogram: Histogram, n_bits: int, escape: ValueClass | None, most_bits: int
) -> list[ValueClass] | None:
    """Return at most 16 classes: where there are more, a class is made dearer."""
    price = _CLASS_BITS
    while True:
        classes = _searched(histogram, n_bits, price, escape, most_bits)
        if classes is None or len(classes) <= MAX_CLASSES:
            return classes
        price *= 2


def _searched(
    histogram: Histogram, n_bits: int, price: int, escape: ValueClass | None, most_bits: int
) -> list[ValueClass] | None:
    """Return the classes of the exact search, the escape first; None if there is no way."""
    n = histogram.starts.size
    n_units = 1 << MAX_PREFIX_BITS
    choice = np.zeros((n + 1, n_units + 1, 3), dtype=np.int32)
    cost = _classes.cut(
        histogram.starts,
        histogram.ends,
        np.concatenate([[0], np.cumsum(histogram.counts)]),
        n_bits,
        MAX_PREFIX_BITS,
        most_bits,
        price,
        escape.n_bits if escape else 0,
        choice,
    )
    space = int(np.argmin(cost))
    if cost[space] >= 1 << 62:
        return None
    classes: list[ValueClass] = []
    at = n
    while at:
        start, prefix, suffix = (int(x) for x in choice[at, space])
        if prefix:
            classes.append(ValueClass(int(histogram.starts[start]), suffix, prefix))
            space -= 1 << (MAX_PREFIX_BITS - prefix)
        at = start
    return ([escape] if escape else []) + classes[::-1]


def _with_lengths(
    classes: list[ValueClass], histogram: Histogram, most_bits: int
) -> tuple[tuple[ValueClass, ...], int]:
    """Return the classes that are used, with prefixes that fill the space, and all bits."""
    owner = np.zeros(histogram.starts.size, dtype=np.int64)
    for i, c in enumerate(classes):
        held = (histogram.starts >= c.base) & (histogram.ends <= c.base + (1 << c.suffix_bits))
        owner[held] = i
    counts = np.bincount(owner, weights=histogram.counts, minlength=len(classes))
    used = np.flatnonzero(counts)
    found = [classes[i] for i in used]
    lengths = limited_lengths(counts[used].astype(np.int64), MAX_PREFIX_BITS).tolist()
    if used.size == 1:
        lengths = [0]
    if max(n + c.suffix_bits for n, c in zip(lengths, found, strict=True)) > most_bits:
        lengths = _filled_up([c.prefix_bits for c in found], counts[used])
    kept = tuple(replace(c, prefix_bits=n) for c, n in zip(found, lengths, strict=True))
    bits = sum(int(counts[i]) * c.n_bits for i, c in zip(used, kept, strict=True))
    return kept, bits + _CLASS_BITS * len(kept)


def _filled_up(lengths: list[int], counts: NDArray[Any]) -> list[int]:
    """Return lengths no longer than these that fill the space of prefixes.

    What is left of the space is a multiple of the smallest prefix's share, so some prefix can
    always be made a bit shorter; the most frequent that can is.
    """
    found = list(lengths)
    left = (1 << MAX_PREFIX_BITS) - sum(1 << (MAX_PREFIX_BITS - n) for n in found)
    while left:
        fitting = [i for i, n in enumerate(found) if 1 << (MAX_PREFIX_BITS - n) <= left]
        best = max(fitting, key=lambda i: counts[i])
        left -= 1 << (MAX_PREFIX_BITS - found[best])
        found[best] -= 1
    return found
