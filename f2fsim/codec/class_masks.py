"""``classes``: a mask code for rows and columns of unequal density.

Rows and columns of the matrix are put into up to four classes each, by their density.  The
positions of one row class and one column class, in the order of the sequence, are a sequence of
their own, nearly one of independent flags of one density: its runs of pruned weights are written in
Golomb's code (Golomb 1966) with a parameter of its own.  Words follow one another in the order in
which they are needed, so that a decoder keeps a run counter for each of at most 16 classes and
reads one stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from f2fsim.bits import n_bytes_of
from f2fsim.codec import _mask_words
from f2fsim.codec.base import BitStream, IntArray
from f2fsim.codec.mask_code import BoolArray, EncodedMask, MaskShape, check_params
from f2fsim.codec.streams import check_tail, pack_equal, unit_sums, unpack_equal
from f2fsim.errors import DataError, InputError

#: Width of a Golomb parameter.
PARAMETER_BITS = 16
#: Most bits of a row's or column's class.
MAX_CLASS_BITS = 2
_MAX_SIDE = 1 << 31
_ROUNDS = 12
#: Density that an empty class is taken to have at least.
_LEAST = 1e-6

ByteArray = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class _Plan:
    """All that is written: classes, parameters, and the words in order of need."""

    rows: ByteArray
    columns: ByteArray
    parameters: IntArray
    gaps: IntArray
    word_class: IntArray
    starts: IntArray
    widths: IntArray
    header_bits: int

    @property
    def n_bits(self) -> int:
        return self.header_bits + int(self.widths.sum())


class ClassMask:
    """``classes``: see the module; a mask without a shape is one row."""

    @staticmethod
    def fit(mask: BoolArray, shape: MaskShape | None = None) -> tuple[dict[str, int], int]:
        """Return the parameters of fewest bits by the entropy of the classes, and the bits."""
        shape = shape or MaskShape(0, 1, mask.shape[0])
        best = (0, 0)
        if mask.size and min(shape.n_rows, shape.n_cols) > 1:  # classes of places save nothing
            best = _best_bits(shape.matrix(mask))
        params = {
            "order": shape.order,
            "n_rows": shape.n_rows,
            "n_cols": shape.n_cols,
            "step": shape.step,
            "row_bits": best[0],
            "column_bits": best[1],
        }
        return params, _plan(mask, shape, *best).n_bits

    @staticmethod
    def check(params: Mapping[str, int]) -> None:
        """Refuse missing, unknown and impossible parameters."""
        sides = {"n_rows": (0, _MAX_SIDE), "n_cols": (0, _MAX_SIDE)}
        bits = {"row_bits": (0, MAX_CLASS_BITS), "column_bits": (0, MAX_CLASS_BITS)}
        check_params(params, {"order": (0, 2), "step": (1, 1 << 40), **sides, **bits})

    @staticmethod
    def encode(mask: BoolArray, params: Mapping[str, int], unit: int) -> EncodedMask:
        """Encode `mask`."""
        shape = _shape(params)
        if shape.n_rows * shape.n_cols != mask.shape[0]:
            raise InputError(f"mask code 'classes': {shape} is no shape of {mask.shape[0]} weights")
        plan = _plan(mask, shape, params["row_bits"], params["column_bits"])
        head = _header(plan, params)
        out = np.zeros(n_bytes_of(plan.n_bits), dtype=np.uint8)
        out[: head.shape[0]] = head
        _mask_words.write_golomb(plan.gaps, plan.parameters[plan.word_class], plan.header_bits, out)
        n_units = -(-int(mask.shape[0]) // unit)
        unit_of = plan.starts // unit
        bits = unit_sums(unit_of, n_units, plan.widths)
        bits[:1] += plan.header_bits
        return EncodedMask(
            "classes", dict(params), BitStream(out, plan.n_bits), bits, unit_sums(unit_of, n_units)
        )

    @staticmethod
    def decode(stream: BitStream, n: int, params: Mapping[str, int]) -> BoolArray:
        """Return the mask of `n` weights."""
        shape = _shape(params)
        row_bits, column_bits = params["row_bits"], params["column_bits"]
        n_classes = 1 << row_bits + column_bits
        widths = (
            (n_classes, PARAMETER_BITS),
            (shape.n_rows, row_bits),
            (shape.n_cols, column_bits),
        )
        at = sum(count * width for count, width in widths)
        check_tail(stream, "class mask")
        if n == 0 and stream.n_bits == 0:
            return np.zeros(0, dtype=np.bool_)
        if shape.n_rows * shape.n_cols != n or at > stream.n_bits:
            raise DataError(f"class mask: {shape} and {stream.n_bits} bits do not fit {n} weights")
        parameters, rows, columns = _read_header(stream, widths)
        mask = np.zeros(n, dtype=np.uint8)
        good = (parameters > 0).all() and _mask_words.read_classes(
            np.ascontiguousarray(stream.data),
            stream.n_bits,
            at,
            parameters,
            rows,
            columns,
            1 << column_bits,
            shape.order,
            shape.step % max(shape.n_cols, 1),
            mask,
        )
        if not good:
            raise DataError(f"class mask: runs do not fit {n} weights")
        return mask.view(np.bool_)


def _shape(params: Mapping[str, int]) -> MaskShape:
    return MaskShape(params["order"], params["n_rows"], params["n_cols"], params["step"])


def _header(plan: _Plan, params: Mapping[str, int]) -> ByteArray:
    """Return parameters and classes as whole bytes, the words still zero."""
    parts = (
        (plan.parameters, PARAMETER_BITS),
        (plan.rows, params["row_bits"]),
        (plan.columns, params["column_bits"]),
    )
    bits = [
        np.unpackbits(stream.data, count=stream.n_bits, bitorder="little")
        for stream in (pack_equal(values, width) for values, width in parts)
    ]
    return np.packbits(np.concatenate(bits), bitorder="little")


def _read_header(
    stream: BitStream, widths: tuple[tuple[int, int], ...]
) -> tuple[IntArray, ByteArray, ByteArray]:
    bits = np.unpackbits(stream.data, count=stream.n_bits, bitorder="little")
    found, at = [], 0
    for count, width in widths:
        part = np.packbits(bits[at : at + count * width], bitorder="little")
        at += count * width
        values = (
            unpack_equal(BitStream(part, count * width), width, "class mask")
            if width
            else np.zeros(count, np.int64)
        )
        found.append(values)
    parameters, rows, columns = found
    return parameters.astype(np.int64), rows.astype(np.uint8), columns.astype(np.uint8)


def _best_bits(matrix: BoolArray) -> tuple[int, int]:
    """Return the bits of a row's and of a column's class at which a mask takes the least, about."""
    sizes = range(MAX_CLASS_BITS + 1)
    rows = [density_classes(matrix, 1, bits) for bits in sizes]
    columns = [density_classes(matrix, 0, bits) for bits in sizes]
    sums = [_sums(matrix, rows[bits], bits) for bits in sizes]

    def estimate(bits: tuple[int, int]) -> float:
        return _estimate(rows[bits[0]], columns[bits[1]], sums[bits[0]], bits)

    return min(product(sizes, sizes), key=estimate)


def _estimate(
    rows: ByteArray, columns: ByteArray, kept: NDArray[np.int64], bits: tuple[int, int]
) -> float:
    """Return about what a mask takes with these classes: side information and entropy.

    `kept` are the kept weights of each column by row class.
    """
    row_bits, column_bits = bits
    by_column = np.stack([np.bincount(columns, row, 1 << column_bits) for row in kept])
    n = np.outer(
        np.bincount(rows, None, 1 << row_bits), np.bincount(columns, None, 1 << column_bits)
    )
    share = np.divide(by_column, n, out=np.zeros(n.shape), where=n > 0)
    entropy = 0.0
    for p in (share, 1.0 - share):
        entropy -= float((n * p * np.log2(p, out=np.zeros(p.shape), where=p > 0)).sum())
    side = rows.shape[0] * row_bits + columns.shape[0] * column_bits
    # A class without a kept weight still has a word, and the parameters.
    return float(entropy + side + n.size * (PARAMETER_BITS + 8))


def _sums(matrix: BoolArray, rows: ByteArray, row_bits: int) -> NDArray[np.int64]:
    """Return the kept weights of each column by row class."""
    return np.stack([matrix[rows == k].sum(axis=0, dtype=np.int64) for k in range(1 << row_bits)])


def density_classes(matrix: BoolArray, axis: int, bits: int) -> ByteArray:
    """Return the class of each row (`axis` 1) or column (0), sparse ones first.

    A line is in the class whose mean density codes it in fewest bits.
    """
    n_classes, kept = 1 << bits, np.count_nonzero(matrix, axis=axis)
    if n_classes == 1 or not kept.size:
        return np.zeros(kept.shape[0], np.uint8)
    # Lines of one length have few densities: each is placed once.
    members_of = np.bincount(kept)
    found = np.flatnonzero(members_of)
    values, counts = found / matrix.shape[axis], members_of[found]
    density = kept / matrix.shape[axis]
    centres = np.quantile(density, (np.arange(n_classes) + 0.5) / n_classes)
    nearest = np.full(values.shape, -1)
    for _ in range(_ROUNDS):
        centres = np.sort(np.clip(centres, _LEAST, 1 - _LEAST))
        length = -np.outer(values, np.log2(centres)) - np.outer(1 - values, np.log2(1 - centres))
        before, nearest = nearest, length.argmin(axis=1)
        if np.array_equal(before, nearest):
            break
        members = np.bincount(nearest, counts, n_classes)
        sums = np.bincount(nearest, counts * values, n_classes)
        centres = np.where(members > 0, sums / np.maximum(members, 1), centres)
    class_of: ByteArray = np.zeros(members_of.shape, np.uint8)
    class_of[found] = nearest
    return np.asarray(class_of[kept])


def _plan(mask: BoolArray, shape: MaskShape, row_bits: int, column_bits: int) -> _Plan:
    if not mask.size:  # nothing is stored, not even parameters
        nothing, no_class = np.zeros(0, np.int64), np.zeros(0, np.uint8)
        return _Plan(no_class, no_class, nothing, nothing, nothing, nothing, nothing, 0)
    matrix = shape.matrix(mask)
    rows = density_classes(matrix, 1, row_bits)
    columns = density_classes(matrix, 0, column_bits)
    n_classes = 1 << row_bits + column_bits
    parameters = np.ones(n_classes, np.int64)
    found = []  # of each class: its words' runs, first places, widths and number
    for k, places in enumerate(_places(shape, rows, columns, row_bits, column_bits)):
        if not places.size:
            continue
        kept = np.flatnonzero(mask[places])
        runs = np.diff(kept, prepend=-1) - 1
        first = np.concatenate([[0], kept + 1])
        parameters[k] = _parameter(runs) if runs.size else min(places.size, (1 << 16) - 1)
        rest = places.size - int(first[-1])
        if rest:  # a run that nothing ends: it is as long as what is left
            runs = np.append(runs, rest)
        widths = _widths(runs, int(parameters[k]))
        found.append((runs, places[first[: runs.size]], widths, np.full(runs.size, k)))
    words, starts, widths, owner = (np.concatenate(part) for part in zip(*found, strict=True))
    if len(found) > 1:
        order = np.argsort(starts, kind="stable")
        words, starts, widths, owner = words[order], starts[order], widths[order], owner[order]
    header = n_classes * PARAMETER_BITS + shape.n_rows * row_bits + shape.n_cols * column_bits
    return _Plan(rows, columns, parameters, words, owner, starts, widths, header)


def _places(
    shape: MaskShape, rows: ByteArray, columns: ByteArray, row_bits: int, column_bits: int
) -> list[IntArray]:
    """Return the places of the sequence that are in each class."""
    n_classes = 1 << row_bits + column_bits
    if n_classes == 1:
        return [np.arange(shape.n_rows * shape.n_cols)]
    classes = shape.sequence(rows, columns, 1 << column_bits)
    return [np.flatnonzero(classes == k) for k in range(n_classes)]


def _widths(gaps: IntArray, parameter: int) -> IntArray:
    """Return the bits of each Golomb word."""
    quotient = gaps // parameter
    bits = (parameter - 1).bit_length()
    return quotient + 1 + bits - (gaps - quotient * parameter < (1 << bits) - parameter)


def _parameter(runs: IntArray) -> int:
    """Return the Golomb parameter of fewest bits near that of a geometric distribution."""
    share = 1.0 / (float(runs.mean()) + 1.0)
    middle = round(-np.log(2.0) / np.log1p(-share)) if share < 1.0 else 1
    near = {min(max(middle + d, 1), (1 << PARAMETER_BITS) - 1) for d in (-1, 0, 1)}
    return min(sorted(near), key=lambda m: int(_widths(runs, m).sum()))
