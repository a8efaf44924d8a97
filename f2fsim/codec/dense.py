"""``dense``: every weight, row by row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from f2fsim.codec.base import EncodedTensor, WeightFormat, WorkUnits
from f2fsim.codec.checks import check_int
from f2fsim.codec.kept_zeros import decode_kept_zeros, encode_kept_zeros
from f2fsim.codec.streams import check_format, pack_equal, read_fields, unit_counts, unit_sizes
from f2fsim.codec.tensor import PrunedTensor


@dataclass(frozen=True)
class DenseFormat(WeightFormat):
    """All weights in row-major order, ``n_w`` bits each, pruned ones as 0.

    The stream ``mask`` exists only if a kept weight is 0 (see `f2fsim.codec.kept_zeros`).

    Attributes
    ----------
    block : int
        Weights of a work unit.
    """

    name: ClassVar[str] = "dense"
    block: int = 64

    def __post_init__(self) -> None:
        check_int("format dense: block", self.block, 1)

    def encode(self, tensor: PrunedTensor) -> EncodedTensor:
        """Encode `tensor`; one work unit for each `block` weights."""
        flat, mask = tensor.patterns.ravel(), tensor.mask.ravel()
        n_bits = tensor.weight_type.n_bits
        sizes = unit_sizes(flat.shape[0], self.block)
        written = flat == 0
        # Looked for only where some are kept: a pruned tensor writes tens of millions of zeros.
        zeros = np.flatnonzero(written) if (mask & written).any() else np.zeros(0, np.int64)
        extra, extra_bits, params = encode_kept_zeros(
            mask[zeros], zeros // self.block, sizes.shape[0]
        )
        work = WorkUnits(
            stream_bits={"weights": sizes * n_bits, **extra_bits},
            n_weights=sizes,
            n_kept=unit_counts(mask, self.block),
            n_stored=sizes,
            n_patches=np.zeros_like(sizes),
        )
        streams = {"weights": pack_equal(flat, n_bits), **extra}
        return EncodedTensor(
            self.name,
            tensor.name,
            tensor.shape,
            tensor.weight_type,
            {"block": self.block, **params},
            streams,
            work,
        )

    def decode(self, encoded: EncodedTensor) -> PrunedTensor:
        """Return the tensor that was encoded."""
        check_format(encoded, self.name)
        kind = encoded.weight_type
        fields = read_fields(encoded, "weights", kind.n_bits, encoded.n_weights)
        flat = fields.astype(kind.pattern_dtype)
        mask = flat != 0
        zeros = np.flatnonzero(~mask)
        mask[zeros] = decode_kept_zeros(encoded, zeros.shape[0])
        return PrunedTensor(
            encoded.name, flat.reshape(encoded.shape), mask.reshape(encoded.shape), kind
        )
