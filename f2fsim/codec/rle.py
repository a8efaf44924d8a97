"""``rle``: zero runs and values over the whole tensor (Eyeriss, SCNN)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.base import EncodedTensor, WorkUnits
from f2fsim.codec.checks import check_auto_or_int, check_int
from f2fsim.codec.kept_zeros import decode_kept_zeros, encode_kept_zeros
from f2fsim.codec.mask_code import zero_gaps
from f2fsim.codec.narrow import NarrowFormat
from f2fsim.codec.streams import (
    check_format,
    int_param,
    pack_equal,
    read_fields,
    read_stream,
    unit_counts,
    unit_sizes,
    unit_sums,
)
from f2fsim.codec.tensor import PrunedTensor
from f2fsim.codec.zero_runs import (
    MAX_RUN_BITS,
    best_run_bits,
    looks_like_padding,
    make_entries,
)
from f2fsim.errors import DataError


@dataclass(frozen=True)
class RleFormat(NarrowFormat):
    """Entries of a zero run and a value, in row-major order across rows.

    Streams: ``indices`` (the runs), ``weights`` (the values; 0 for padding), and ``mask`` only if
    a kept 0 would be taken for padding (see `f2fsim.codec.kept_zeros`).  Pruned weights after the
    last kept one are not stored.

    Attributes
    ----------
    run_bits : "auto" or int
        Width of a run; Eyeriss has 5, SCNN 4.  ``auto`` is the width of fewest bits.
    chunk : int
        Entries of a work unit.
    """

    name: ClassVar[str] = "rle"
    run_bits: Literal["auto"] | int = "auto"
    chunk: int = 16

    def __post_init__(self) -> None:
        check_auto_or_int("format rle: run_bits", self.run_bits, 1, MAX_RUN_BITS)
        check_int("format rle: chunk", self.chunk, 1)

    def _encode(self, tensor: PrunedTensor) -> EncodedTensor:
        """Encode `tensor`; one work unit for each `chunk` entries, the free tail in the last."""
        mask = tensor.mask.ravel()
        value_bits = tensor.weight_type.n_bits
        gaps = zero_gaps(mask)
        run_bits = best_run_bits(gaps, value_bits) if self.run_bits == "auto" else self.run_bits
        entries = make_entries(gaps, tensor.patterns.ravel()[mask], run_bits)
        n_entries = entries.runs.shape[0]
        sizes = unit_sizes(n_entries, self.chunk)
        if not n_entries and tensor.n_weights:
            sizes = np.zeros(1, dtype=np.int64)
        n_units = sizes.shape[0]
        alike = np.flatnonzero(
            looks_like_padding(entries.runs, entries.values, _is_last(n_entries), run_bits)
        )
        extra, extra_bits, extra_params = encode_kept_zeros(
            entries.is_kept[alike], alike // self.chunk, n_units
        )
        covered = unit_sums(np.arange(n_entries) // self.chunk, n_units, entries.runs + 1)
        covered[-1:] += tensor.n_weights - int(covered.sum())
        n_kept = unit_counts(entries.is_kept, self.chunk) if n_entries else np.zeros_like(sizes)
        work = WorkUnits(
            stream_bits={"weights": sizes * value_bits, "indices": sizes * run_bits, **extra_bits},
            n_weights=covered,
            n_kept=n_kept,
            n_stored=sizes,
            n_patches=np.zeros_like(sizes),
        )
        streams = {
            "weights": pack_equal(entries.values, value_bits),
            "indices": pack_equal(entries.runs, run_bits),
            **extra,
        }
        params = {"run_bits": run_bits, "chunk": self.chunk, **extra_params}
        return EncodedTensor(
            self.name, tensor.name, tensor.shape, tensor.weight_type, params, streams, work
        )

    def _decode(self, encoded: EncodedTensor) -> PrunedTensor:
        """Return the tensor that was encoded."""
        check_format(encoded, self.name)
        kind = encoded.weight_type
        run_bits = int_param(encoded, "run_bits", 1, MAX_RUN_BITS)
        n_entries = read_stream(encoded, "indices").n_bits // run_bits
        values = read_fields(encoded, "weights", kind.n_bits, n_entries)
        runs = read_fields(encoded, "indices", run_bits, n_entries).astype(np.int64)
        is_kept = np.ones(n_entries, dtype=np.bool_)
        alike = np.flatnonzero(looks_like_padding(runs, values, _is_last(n_entries), run_bits))
        is_kept[alike] = decode_kept_zeros(encoded, alike.shape[0])
        positions = np.cumsum(runs + 1) - 1
        if n_entries and int(positions[-1]) >= encoded.n_weights:
            raise DataError(
                f"{encoded.label}: runs go beyond the last of {encoded.n_weights} weights"
            )
        patterns = np.zeros(encoded.n_weights, dtype=kind.pattern_dtype)
        mask = np.zeros(encoded.n_weights, dtype=np.bool_)
        patterns[positions] = values
        mask[positions[is_kept]] = True
        return PrunedTensor(
            encoded.name, patterns.reshape(encoded.shape), mask.reshape(encoded.shape), kind
        )


def _is_last(n_entries: int) -> NDArray[np.bool_]:
    last = np.zeros(n_entries, dtype=np.bool_)
    last[-1:] = True
    return last
