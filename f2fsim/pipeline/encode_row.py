"""What one encoded tensor costs: the row of every table of encodings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from f2fsim.codec import EncodedTensor, PrunedTensor
from f2fsim.codec.container import StoredTensor
from f2fsim.codec.entropy import binary_entropy, n_varying_bits, value_entropy

#: Streams that carry values; the others say where the kept weights are.
VALUE_STREAMS = ("weights", "patches", "codebook")


@dataclass(frozen=True)
class EncodeRow:
    """Sizes of one encoded tensor (or of several together): of its streams, and in a file.

    Attributes
    ----------
    tensor : str
    shape : tuple of int
        Shape in the model.
    format, weight_type : str
    n_weights, n_kept : int
    weight_bits : int
        ``n_w``.
    stream_bits : mapping of str to int
        Exact bits of each stream.
    efficiency : float or None
        Matched over all care bits, ``E``; None for formats without unmatched bits.
    cv_n_u : float or None
        Coefficient of variation of the kept weights of a work unit.
    value_entropy : float or None
        ``H(value)``: zero-order entropy of a kept weight in bits (in a total: the mean over kept
        weights, each tensor with its own distribution); None if the file does not say.
    varying_bits : int or None
        Bits that vary among all kept weights together, which the bounds are of; None: all bits.
    scale_bits : int
        Bits of the scale that stands beside the streams.
    file_bytes : int or None
        What the tensor takes of a container: streams in whole bytes, scale, and an even share of
        header and table.  All rows of a container add up to the file.
    """

    tensor: str
    shape: tuple[int, ...]
    format: str
    weight_type: str
    n_weights: int
    n_kept: int
    weight_bits: int
    stream_bits: Mapping[str, int]
    efficiency: float | None = None
    cv_n_u: float | None = None
    value_entropy: float | None = None
    varying_bits: int | None = None
    scale_bits: int = 0
    file_bytes: int | None = None

    @property
    def n_bits(self) -> int:
        """Bits of all streams."""
        return sum(self.stream_bits.values())

    @property
    def value_bits(self) -> int:
        """Bits of the value streams: encoded values, patches, codebook."""
        return sum(self.stream_bits.get(name, 0) for name in VALUE_STREAMS)

    @property
    def sparsity(self) -> float:
        """Share of pruned weights, ``S``."""
        return 1.0 - self.n_kept / self.n_weights if self.n_weights else 0.0

    @property
    def kept_bits(self) -> int:
        """Bits of the kept weights, those that all of them share left out."""
        whole = self.n_kept * self.weight_bits
        return whole if self.varying_bits is None else self.varying_bits

    @property
    def value_overhead(self) -> float | None:
        """Value bits over ``(1-S)·n_w`` of bits that vary; None if there are none."""
        return self.value_bits / self.kept_bits if self.kept_bits else None

    @property
    def overhead(self) -> float | None:
        """All bits over ``H(S) + (1-S)·n_w`` a weight; None if no weight is kept."""
        limit = self.kept_bits + self.n_weights * binary_entropy(self.sparsity)
        return self.n_bits / limit if self.n_kept and limit else None

    @property
    def zero_order_overhead(self) -> float | None:
        """All bits over ``H(S) + (1-S)·H(value)`` a weight; None without that entropy."""
        if self.value_entropy is None:
            return None
        limit = self.n_kept * self.value_entropy + self.n_weights * binary_entropy(self.sparsity)
        return self.n_bits / limit if limit else None

    def reduction(self, *, with_mask: bool) -> float:
        """Return the share of the dense bits that the streams save, positions counted or not."""
        return self._saved(self.n_bits if with_mask else self.value_bits)

    @property
    def file_reduction(self) -> float | None:
        """Share of the dense bits that the file saves, scale, header and table counted."""
        return None if self.file_bytes is None else self._saved(8 * self.file_bytes)

    def _saved(self, bits: int) -> float:
        dense = self.n_weights * self.weight_bits
        return 1.0 - bits / dense if dense else 0.0

    def to_table(self) -> dict[str, Any]:
        """Return the columns that tables, JSON and CSV show."""
        n = self.n_weights or 1
        in_file = self.file_reduction
        return {
            "tensor": self.tensor,
            "shape": "x".join(map(str, self.shape)),
            "format": self.format,
            "type": self.weight_type,
            "weights": self.n_weights,
            "S": self.sparsity,
            "E_pct": None if self.efficiency is None else 100 * self.efficiency,
            "value_bits_per_weight": self.value_bits / n,
            "position_bits_per_weight": (self.n_bits - self.value_bits) / n,
            "bits_per_weight": self.n_bits / n,
            "scale_bits_per_weight": self.scale_bits / n,
            "file_bits_per_weight": None if self.file_bytes is None else 8 * self.file_bytes / n,
            "file_bytes": self.file_bytes,
            "value_over_entropy": self.value_overhead,
            "total_over_entropy": self.overhead,
            "value_entropy": self.value_entropy,
            "total_over_zero_order": self.zero_order_overhead,
            "reduction_pct": 100 * self.reduction(with_mask=True),
            "reduction_without_mask_pct": 100 * self.reduction(with_mask=False),
            "file_reduction_pct": None if in_file is None else 100 * in_file,
            "cv_n_u": self.cv_n_u,
        }


def row_of(item: StoredTensor, n_kept: int, file_bytes: int | None = None) -> EncodeRow:
    """Return the row of a tensor as a container stores it.

    Parameters
    ----------
    item : StoredTensor
    n_kept : int
        Kept weights.
    file_bytes : int, optional
        Its share of the file.
    """
    encoded = item.encoded
    varying = encoded.stats.get("varying_bits")
    return EncodeRow(
        tensor=encoded.name,
        shape=item.source_shape,
        format=encoded.format,
        weight_type=encoded.weight_type.name,
        n_weights=encoded.n_weights,
        n_kept=n_kept,
        weight_bits=encoded.weight_type.n_bits,
        stream_bits={name: stream.n_bits for name, stream in encoded.streams.items()},
        efficiency=encoded.stats.get("efficiency"),
        cv_n_u=encoded.stats.get("cv_n_u"),
        value_entropy=encoded.stats.get("value_entropy"),
        varying_bits=None if varying is None else n_kept * int(varying),
        scale_bits=0 if item.scale is None else 32 * item.scale.shape[0],
        file_bytes=file_bytes,
    )


def stored_stats(encoded: EncodedTensor, tensor: PrunedTensor) -> dict[str, float]:
    """Return what a container keeps of a tensor's figures, in as many digits as are shown."""
    n_u = encoded.work.n_kept
    mean = float(n_u.mean()) if n_u.size else 0.0
    stats: dict[str, float] = {
        "n_kept": tensor.n_kept,
        "value_entropy": round(value_entropy(tensor), 4),
    }
    n_bits = n_varying_bits(tensor)
    if n_bits < tensor.weight_type.n_bits:
        stats["varying_bits"] = n_bits
    if mean:
        stats["cv_n_u"] = round(float(n_u.std()) / mean, 3)
    if "efficiency" in encoded.stats:
        stats["efficiency"] = round(encoded.stats["efficiency"], 5)
    return stats


def total_row(rows: list[EncodeRow], name: str = "total") -> EncodeRow:
    """Return the sums of rows; `E` is weighted by the care bits."""
    streams: dict[str, int] = {}
    for row in rows:
        for stream, bits in row.stream_bits.items():
            streams[stream] = streams.get(stream, 0) + bits
    care = [(r.kept_bits, r.efficiency) for r in rows if r.efficiency is not None]
    n_care = sum(bits for bits, _ in care)
    in_file = [r.file_bytes for r in rows if r.file_bytes is not None]
    formats, types = {r.format for r in rows}, {r.weight_type for r in rows}
    return EncodeRow(
        tensor=name,
        shape=(),
        format=formats.pop() if len(formats) == 1 else "mixed",
        weight_type=types.pop() if len(types) == 1 else "mixed",
        n_weights=sum(r.n_weights for r in rows),
        n_kept=sum(r.n_kept for r in rows),
        weight_bits=rows[0].weight_bits if rows else 0,
        stream_bits=streams,
        efficiency=sum(bits * e for bits, e in care) / n_care if n_care else None,
        value_entropy=_mean_entropy(rows),
        varying_bits=sum(r.kept_bits for r in rows),
        scale_bits=sum(r.scale_bits for r in rows),
        file_bytes=sum(in_file) if in_file else None,
    )


def _mean_entropy(rows: list[EncodeRow]) -> float | None:
    n_kept = sum(row.n_kept for row in rows)
    known = [row.n_kept * row.value_entropy for row in rows if row.value_entropy is not None]
    return sum(known) / n_kept if n_kept and len(known) == len(rows) else None
