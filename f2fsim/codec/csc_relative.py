"""``csc_relative``: EIE's columns of zero runs and values, rows dealt to PEs.

Source: Han et al., EIE, ISCA 2016, section III-C.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.base import EncodedTensor, IntArray, WorkUnits
from f2fsim.codec.checks import check_auto_or_int, check_int
from f2fsim.codec.kept_zeros import decode_kept_zeros, encode_kept_zeros
from f2fsim.codec.narrow import NarrowFormat
from f2fsim.codec.streams import (
    bits_for,
    check_format,
    int_param,
    pack_equal,
    read_fields,
    unit_sums,
)
from f2fsim.codec.tensor import PrunedTensor
from f2fsim.codec.zero_runs import (
    MAX_RUN_BITS,
    best_run_bits,
    looks_like_padding,
    make_entries,
    padding_counts,
)
from f2fsim.errors import DataError, InputError, in_a_line

#: Widest pointer field.
MAX_POINTER_BITS = 32
#: Most PEs.
MAX_PES = 1 << 16


class EntryCounts(NamedTuple):
    """Entries of each column and PE, int64 ``[n_cols, n_pes]``.

    ``stored`` counts kept weights and padding, ``padding`` the padding alone.
    """

    stored: IntArray
    padding: IntArray


@dataclass(frozen=True)
class CscRelativeFormat(NarrowFormat):
    """Column-major entries of a zero run and a value, each column split among PEs.

    Row r belongs to PE ``r mod n_pes`` and is its row ``r // n_pes``.  For each column, for each
    PE, the entries of its kept weights follow one another; the run counts the PE's own rows and
    starts anew in each column; rows after the last kept one are not stored.  Streams:
    ``weights`` (values, 0 for padding), ``indices`` (runs), ``pointers`` (where each column begins
    in each PE's own entries), and ``mask`` only if a kept 0 would be taken for padding.

    Attributes
    ----------
    n_pes : int
        PEs that share the rows; EIE has 64.
    run_bits : "auto" or int
        Width of a run; EIE has 4.  ``auto`` is the width of fewest bits.
    pointer_bits : "auto" or int
        Width of a pointer (EIE: 16); ``auto`` is the least that holds the largest.
    pointers : "offsets" or "counts"
        ``offsets``: for each of n_cols + 1 columns, each PE's entry number (EIE);
        ``counts``: for each column, each PE's number of entries.
    """

    name: ClassVar[str] = "csc_relative"
    n_pes: int = 64
    run_bits: Literal["auto"] | int = 4
    pointer_bits: Literal["auto"] | int = "auto"
    pointers: Literal["offsets", "counts"] = "offsets"

    def __post_init__(self) -> None:
        place = "format csc_relative"
        check_int(f"{place}: n_pes", self.n_pes, 1, MAX_PES)
        check_auto_or_int(f"{place}: run_bits", self.run_bits, 1, MAX_RUN_BITS)
        check_auto_or_int(f"{place}: pointer_bits", self.pointer_bits, 0, MAX_POINTER_BITS)
        if self.pointers not in ("offsets", "counts"):
            raise InputError(
                "format csc_relative: pointers must be offsets or counts, got "
                f"{in_a_line(self.pointers)}"
            )

    def entry_counts(self, tensor: PrunedTensor) -> EntryCounts:
        """Return the entries of each column and PE without encoding (for the mapping)."""
        segments, gaps, _ = _walk(tensor, self.n_pes)
        run_bits = self._run_bits(gaps, tensor)
        return _count(segments, gaps, run_bits, (tensor.shape[1], self.n_pes))

    def _encode(self, tensor: PrunedTensor) -> EncodedTensor:
        """Encode `tensor`; a work unit is a column of all PEs."""
        n_cols = tensor.shape[1]
        segments, gaps, values = _walk(tensor, self.n_pes)
        run_bits = self._run_bits(gaps, tensor)
        counts = _count(segments, gaps, run_bits, (n_cols, self.n_pes))
        entries = make_entries(gaps, values, run_bits)
        column_of = np.repeat(np.arange(n_cols), counts.stored.sum(axis=1))
        alike = np.flatnonzero(
            looks_like_padding(entries.runs, entries.values, _is_last(counts.stored), run_bits)
        )
        extra, extra_bits, extra_params = encode_kept_zeros(
            entries.is_kept[alike], column_of[alike], n_cols
        )
        table = self._pointer_table(counts.stored)
        pointer_bits = self._pointer_bits(table, tensor)
        n_stored = counts.stored.sum(axis=1)
        n_pointers = np.full(n_cols, self.n_pes, dtype=np.int64)
        n_pointers[:1] += table.size - n_cols * self.n_pes
        work = WorkUnits(
            stream_bits={
                "weights": n_stored * tensor.weight_type.n_bits,
                "indices": n_stored * run_bits,
                "pointers": n_pointers * pointer_bits,
                **extra_bits,
            },
            n_weights=np.full(n_cols, tensor.shape[0], dtype=np.int64),
            n_kept=n_stored - counts.padding.sum(axis=1),
            n_stored=n_stored,
            n_patches=np.zeros(n_cols, dtype=np.int64),
        )
        streams = {
            "weights": pack_equal(entries.values, tensor.weight_type.n_bits),
            "indices": pack_equal(entries.runs, run_bits),
            "pointers": pack_equal(table.ravel(), pointer_bits),
            **extra,
        }
        params = {
            "n_pes": self.n_pes,
            "run_bits": run_bits,
            "pointer_bits": pointer_bits,
            "pointers": self.pointers,
            **extra_params,
        }
        return EncodedTensor(
            self.name, tensor.name, tensor.shape, tensor.weight_type, params, streams, work
        )

    def _decode(self, encoded: EncodedTensor) -> PrunedTensor:
        """Return the tensor that was encoded."""
        check_format(encoded, self.name)
        n_rows = encoded.shape[0]
        kind = encoded.weight_type
        n_pes = int_param(encoded, "n_pes", 1, MAX_PES)
        run_bits = int_param(encoded, "run_bits", 1, MAX_RUN_BITS)
        counts = _read_counts(encoded, n_pes)
        n_entries = int(counts.sum())
        values = read_fields(encoded, "weights", kind.n_bits, n_entries)
        runs = read_fields(encoded, "indices", run_bits, n_entries).astype(np.int64)
        is_kept = np.ones(n_entries, dtype=np.bool_)
        alike = np.flatnonzero(looks_like_padding(runs, values, _is_last(counts), run_bits))
        is_kept[alike] = decode_kept_zeros(encoded, alike.shape[0])
        ends = np.cumsum(runs + 1)
        lengths = counts.ravel()
        first = np.cumsum(lengths) - lengths
        before = np.concatenate(([0], ends))[first]
        local = ends - 1 - np.repeat(before, lengths)
        segment = np.repeat(np.arange(lengths.shape[0]), lengths)
        rows = local * n_pes + segment % n_pes
        if (rows >= n_rows).any():
            raise DataError(f"{encoded.label}: runs go beyond row {n_rows - 1}")
        patterns = np.zeros(encoded.shape, dtype=kind.pattern_dtype)
        mask = np.zeros(encoded.shape, dtype=np.bool_)
        patterns[rows, segment // n_pes] = values
        mask[rows[is_kept], segment[is_kept] // n_pes] = True
        return PrunedTensor(encoded.name, patterns, mask, kind)

    def _run_bits(self, gaps: IntArray, tensor: PrunedTensor) -> int:
        if self.run_bits == "auto":
            return best_run_bits(gaps, tensor.weight_type.n_bits)
        return self.run_bits

    def _pointer_table(self, stored: IntArray) -> IntArray:
        if self.pointers == "counts" or not stored.size:
            return stored
        starts = np.zeros((1, self.n_pes), dtype=np.int64)
        return np.concatenate((starts, np.cumsum(stored, axis=0)))

    def _pointer_bits(self, table: IntArray, tensor: PrunedTensor) -> int:
        needed = bits_for(int(table.max(initial=0)) + 1)
        if self.pointer_bits == "auto":
            return needed
        if self.pointer_bits < needed:
            raise InputError(
                f"format csc_relative: {tensor.label} needs pointer_bits ≥ {needed}, "
                f"got {self.pointer_bits}"
            )
        return self.pointer_bits


def _walk(tensor: PrunedTensor, n_pes: int) -> tuple[IntArray, IntArray, NDArray[np.uint64]]:
    """Return segment (column * n_pes + PE), gap and value of each kept weight, in stream order."""
    n_rows, n_cols = tensor.shape
    n_waves = -(-n_rows // n_pes)
    padded = np.zeros((n_waves * n_pes, n_cols), dtype=np.bool_)
    padded[:n_rows] = tensor.mask
    by_segment = padded.reshape(n_waves, n_pes, n_cols).transpose(2, 1, 0)
    cols, pes, local = np.nonzero(by_segment)
    segments = cols * n_pes + pes
    gaps = np.diff(local, prepend=-1) - 1
    starts = np.diff(segments, prepend=-1) != 0
    gaps[starts] = local[starts]
    return segments, gaps, tensor.patterns[local * n_pes + pes, cols]


def _count(
    segments: IntArray, gaps: IntArray, run_bits: int, shape: tuple[int, int]
) -> EntryCounts:
    n_segments = shape[0] * shape[1]
    padding = unit_sums(segments, n_segments, padding_counts(gaps, run_bits))
    stored = unit_sums(segments, n_segments) + padding
    return EntryCounts(stored.reshape(shape), padding.reshape(shape))


def _is_last(stored: IntArray) -> NDArray[np.bool_]:
    """Return which entries end their column and PE."""
    last = np.zeros(int(stored.sum()), dtype=np.bool_)
    ends = np.cumsum(stored.ravel())
    last[ends[stored.ravel() > 0] - 1] = True
    return last


def _read_counts(encoded: EncodedTensor, n_pes: int) -> IntArray:
    """Return the entries of each column and PE that the stream ``pointers`` tells, checked."""
    n_rows, n_cols = encoded.shape
    pointer_bits = int_param(encoded, "pointer_bits", 0, MAX_POINTER_BITS)
    kind = encoded.params.get("pointers")
    if kind not in ("offsets", "counts"):
        raise DataError(f"{encoded.label}: unknown kind of pointers {in_a_line(kind)}")
    n_pointers = n_cols * n_pes
    if kind == "offsets" and n_pointers:
        n_pointers += n_pes
    if pointer_bits == 0:  # no entries, however many segments are claimed
        read_fields(encoded, "pointers", 0, 0)
        return np.zeros((0, n_pes), dtype=np.int64)
    fields = read_fields(encoded, "pointers", pointer_bits, n_pointers).astype(np.int64)
    table = fields.reshape(-1, n_pes)
    counts: IntArray = table
    if kind == "offsets" and n_pointers:
        counts = np.diff(table, axis=0)
        if table[0].any():
            raise DataError(f"{encoded.label}: the first pointers are not 0")
    if counts.size and (int(counts.min()) < 0 or int(counts.max()) > -(-n_rows // n_pes)):
        raise DataError(f"{encoded.label}: a pointer is out of order")
    return counts
