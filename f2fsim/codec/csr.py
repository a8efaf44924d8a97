"""``csr``: values, column indices and row pointers, optionally interleaved for parallel PEs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import _interleave
from f2fsim.codec.base import EncodedTensor, IntArray, WorkUnits
from f2fsim.codec.checks import check_auto_or_int, check_int
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
from f2fsim.errors import DataError, InputError, in_a_line

#: Widest index and pointer fields.
MAX_FIELD_BITS = 32
#: Most PEs of an interleaved stream.
MAX_PES = 1 << 16


@dataclass(frozen=True)
class CsrFormat(NarrowFormat):
    """Compressed sparse rows.

    Streams: ``weights`` (values of kept weights), ``indices`` (their columns), ``pointers``.

    Attributes
    ----------
    index_bits : "auto" or int
        Width of a column index; ``auto`` is ``ceil(log2 n_cols)``.
    pointer_bits : "auto" or int
        Width of a row pointer; ``auto`` is the least that holds the largest one.
    pointers : "offsets" or "counts"
        ``offsets``: ``n_rows + 1`` entry numbers where rows begin and end, as in the textbook
        (none at all without rows);
        ``counts``: the ``n_rows`` row lengths, shorter but to be summed by the front end.
    interleave : int
        Number P of PEs fed by the one stream.  1 stores the entries row by row.  Otherwise row r
        belongs to PE r mod P, and round j of the stream holds the j-th entry of each PE's own
        list of entries, PEs ascending, those whose list has ended left out.
    """

    name: ClassVar[str] = "csr"
    index_bits: Literal["auto"] | int = "auto"
    pointer_bits: Literal["auto"] | int = 32
    pointers: Literal["offsets", "counts"] = "offsets"
    interleave: int = 1

    def __post_init__(self) -> None:
        for key in ("index_bits", "pointer_bits"):
            check_auto_or_int(f"format csr: {key}", getattr(self, key), 0, MAX_FIELD_BITS)
        if self.pointers not in ("offsets", "counts"):
            raise InputError(
                f"format csr: pointers must be offsets or counts: {in_a_line(self.pointers)}"
            )
        check_int("format csr: interleave", self.interleave, 1, MAX_PES)

    def _encode(self, tensor: PrunedTensor) -> EncodedTensor:
        """Encode `tensor`; a work unit is a row, or a round of the PEs if interleaved."""
        n_rows, n_cols = tensor.shape
        counts = row_counts(tensor)
        n_entries, n_starting = self._unit_entries(counts)
        cols, values = _stream_entries(tensor, counts, self.interleave)
        table = counts
        if self.pointers == "offsets" and n_rows:
            table = np.concatenate(([0], np.cumsum(counts)))
        index_bits = self._width("index_bits", n_cols - 1, tensor)
        pointer_bits = self._width("pointer_bits", int(table.max(initial=0)), tensor)
        streams = {
            "weights": pack_equal(values, tensor.weight_type.n_bits),
            "indices": pack_equal(cols, index_bits),
            "pointers": pack_equal(table, pointer_bits),
        }
        params = {
            "index_bits": index_bits,
            "pointer_bits": pointer_bits,
            "pointers": self.pointers,
            "interleave": self.interleave,
        }
        n_pointers = n_starting.copy()
        n_pointers[:1] += table.shape[0] - n_rows
        work = WorkUnits(
            stream_bits={
                "weights": n_entries * tensor.weight_type.n_bits,
                "indices": n_entries * index_bits,
                "pointers": n_pointers * pointer_bits,
            },
            n_weights=n_starting * n_cols,
            n_kept=n_entries,
            n_stored=n_entries,
            n_patches=np.zeros_like(n_entries),
        )
        return EncodedTensor(
            self.name, tensor.name, tensor.shape, tensor.weight_type, params, streams, work
        )

    def _decode(self, encoded: EncodedTensor) -> PrunedTensor:
        """Return the tensor that was encoded."""
        check_format(encoded, self.name)
        n_rows, n_cols = encoded.shape
        kind = encoded.weight_type
        counts = _read_counts(encoded)
        n_kept = int(counts.sum())
        index_bits = int_param(encoded, "index_bits", 0, MAX_FIELD_BITS)
        interleave = int_param(encoded, "interleave", 1, MAX_PES)
        stored = read_fields(encoded, "indices", index_bits, n_kept).astype(np.int64)
        values = read_fields(encoded, "weights", kind.n_bits, n_kept)
        order = stream_order(counts, interleave)
        rows = np.repeat(np.arange(n_rows), counts)
        flat = np.empty(n_kept, dtype=np.int64)
        flat[order] = stored
        if n_kept and int(stored.max()) >= n_cols:
            raise DataError(f"{encoded.label}: a column index is beyond {n_cols - 1}")
        flat += rows * n_cols
        if (np.diff(flat) <= 0).any():
            raise DataError(f"{encoded.label}: column indices of a row do not ascend")
        patterns = np.zeros(encoded.n_weights, dtype=kind.pattern_dtype)
        mask = np.zeros(encoded.n_weights, dtype=np.bool_)
        patterns[flat[order]] = values
        mask[flat] = True
        return PrunedTensor(
            encoded.name, patterns.reshape(encoded.shape), mask.reshape(encoded.shape), kind
        )

    def _width(self, key: str, largest: int, tensor: PrunedTensor) -> int:
        width: Literal["auto"] | int = getattr(self, key)
        needed = bits_for(largest + 1)
        if width == "auto":
            return needed
        if tensor.n_weights and width < needed:
            raise InputError(f"format csr: {tensor.label} needs {key} ≥ {needed}, got {width}")
        return width

    def _unit_entries(self, counts: IntArray) -> tuple[IntArray, IntArray]:
        """Return entries and starting rows of each work unit, in stream order."""
        n_rows = counts.shape[0]
        if self.interleave == 1:
            return counts, np.ones(n_rows, dtype=np.int64)
        starts, lengths = _pe_starts(counts, self.interleave)
        n_rounds = max(int(lengths.max(initial=0)), 1) if n_rows else 0
        starting = unit_sums(np.minimum(starts, n_rounds - 1), n_rounds)
        entries = np.zeros(n_rounds, dtype=np.int64)
        in_round = _round_entries(lengths)
        entries[: in_round.shape[0]] = in_round
        return entries, starting


def _stream_entries(
    tensor: PrunedTensor, counts: IntArray, n_pes: int
) -> tuple[NDArray[np.int32], NDArray[np.unsignedinteger]]:
    """Return column and value of each kept weight in the order of the stream.

    Parameters
    ----------
    tensor : PrunedTensor
    counts : ndarray of int64, shape (n_rows,)
        Its `row_counts`.
    n_pes : int
        Interleaved PEs.
    """
    n_kept = int(counts.sum())
    if n_pes == 1:
        next_place = np.arange(n_kept)
    else:
        in_round = _round_entries(_pe_starts(counts, n_pes)[1])
        next_place = np.cumsum(in_round) - in_round
    cols = np.empty(n_kept, dtype=np.int32)
    values = np.empty(n_kept, dtype=tensor.patterns.dtype)
    _interleave.stream_entries(
        np.ascontiguousarray(tensor.mask).view(np.uint8),
        np.ascontiguousarray(tensor.patterns),
        n_pes,
        next_place,
        cols,
        values,
    )
    return cols, values


def row_counts(tensor: PrunedTensor) -> IntArray:
    """Return the kept weights of each row, int64 ``[n_rows]``."""
    return np.asarray(np.count_nonzero(tensor.mask, axis=1), dtype=np.int64)


def _round_entries(lengths: IntArray) -> IntArray:
    """Return the entries of each round: one of each PE that owns more entries than its number."""
    ended = np.cumsum(np.bincount(lengths))[:-1]
    return np.asarray(lengths.shape[0] - ended, dtype=np.int64)


def pe_entry_counts(counts: IntArray, n_pes: int) -> IntArray:
    """Return how many entries each PE owns when row r belongs to PE r mod `n_pes`.

    Parameters
    ----------
    counts : ndarray of int64, shape (n_rows,)
        Entries of each row (`row_counts`).
    n_pes : int
        Number of PEs.

    Returns
    -------
    ndarray of int64, shape (n_pes,)
        Their maximum is the number of rounds of an interleaved stream.
    """
    return unit_sums(np.arange(counts.shape[0]) % n_pes, n_pes, counts)


def stream_order(counts: IntArray, n_pes: int) -> NDArray[np.int64]:
    """Return which row-major entry stands at each place of the stream interleaved `n_pes` ways."""
    n_kept = int(counts.sum())
    if n_pes == 1:
        return np.arange(n_kept)
    starts, _ = _pe_starts(counts, n_pes)
    first = np.cumsum(counts) - counts
    rounds = np.arange(n_kept) + np.repeat(starts - first, counts)
    pes = np.repeat(np.arange(counts.shape[0]) % n_pes, counts)
    return np.lexsort((pes, rounds))


def _pe_starts(counts: IntArray, n_pes: int) -> tuple[IntArray, IntArray]:
    """Return the round in which each row begins on its PE, and each PE's entries."""
    n_rows = counts.shape[0]
    n_waves = -(-n_rows // n_pes)
    grid = np.zeros(n_waves * n_pes, dtype=np.int64)
    grid[:n_rows] = counts
    ends = np.cumsum(grid.reshape(n_waves, n_pes), axis=0)
    starts = ends.ravel()[:n_rows] - counts
    lengths = ends[-1] if n_waves else np.zeros(n_pes, dtype=np.int64)
    return starts, lengths


def _read_counts(encoded: EncodedTensor) -> IntArray:
    """Return the row lengths that the stream ``pointers`` tells, checked."""
    counts: IntArray
    n_rows, n_cols = encoded.shape
    pointer_bits = int_param(encoded, "pointer_bits", 0, MAX_FIELD_BITS)
    kind = encoded.params.get("pointers")
    if kind == "offsets":
        n_pointers = n_rows + 1 if n_rows else 0
        table = read_fields(encoded, "pointers", pointer_bits, n_pointers).astype(np.int64)
        counts = np.diff(table)
        if table[:1].any():
            raise DataError(f"{encoded.label}: the first row pointer is not 0")
    elif kind == "counts":
        counts = read_fields(encoded, "pointers", pointer_bits, n_rows).astype(np.int64)
    else:
        raise DataError(f"{encoded.label}: unknown kind of pointers {in_a_line(kind)}")
    if n_rows and (int(counts.min()) < 0 or int(counts.max()) > n_cols):
        raise DataError(f"{encoded.label}: a row pointer is out of order")
    return counts
