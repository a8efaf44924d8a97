"""``bitmap``: a coded mask and the kept values packed (SparTen, SIGMA)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from f2fsim.codec.base import EncodedTensor, WorkUnits
from f2fsim.codec.checks import check_int
from f2fsim.codec.masks import MaskShape, check_mask_code, decode_mask, encode_mask
from f2fsim.codec.narrow import NarrowFormat
from f2fsim.codec.streams import (
    check_format,
    pack_equal,
    read_fields,
    read_stream,
    unit_counts,
    unit_sizes,
)
from f2fsim.codec.tensor import PrunedTensor
from f2fsim.errors import DataError


@dataclass(frozen=True)
class BitmapFormat(NarrowFormat):
    """The mask in row-major order and the kept values one after another.

    Attributes
    ----------
    block : int
        Weights of a work unit: what the prefix sum takes at once.
    mask : str
        Mask code: ``raw`` (one bit a weight, the published formats), ``zero_runs``, ``block``,
        or ``auto`` for the fewest bits.
    """

    name: ClassVar[str] = "bitmap"
    block: int = 64
    mask: str = "raw"

    def __post_init__(self) -> None:
        check_int("format bitmap: block", self.block, 1)
        if self.mask != "auto":
            check_mask_code(self.mask)

    def _encode(self, tensor: PrunedTensor) -> EncodedTensor:
        """Encode `tensor`; one work unit for each `block` weights."""
        mask = tensor.mask.ravel()
        n_bits = tensor.weight_type.n_bits
        coded = encode_mask(mask, self.mask, unit=self.block, shape=MaskShape(0, *tensor.shape))
        sizes = unit_sizes(mask.shape[0], self.block)
        n_kept = unit_counts(mask, self.block)
        work = WorkUnits(
            stream_bits={"weights": n_kept * n_bits, "mask": coded.unit_bits},
            n_weights=sizes,
            n_kept=n_kept,
            n_stored=n_kept,
            n_patches=np.zeros_like(sizes),
            n_mask_symbols=coded.unit_symbols,
        )
        streams = {
            "weights": pack_equal(tensor.patterns.ravel()[mask], n_bits),
            "mask": coded.stream,
        }
        params = {
            "block": self.block,
            "mask": {"code": coded.code, "params": dict(coded.params)},
        }
        return EncodedTensor(
            self.name, tensor.name, tensor.shape, tensor.weight_type, params, streams, work
        )

    def _decode(self, encoded: EncodedTensor) -> PrunedTensor:
        """Return the tensor that was encoded."""
        check_format(encoded, self.name)
        code = encoded.params.get("mask")
        if not isinstance(code, Mapping) or not isinstance(code.get("params"), Mapping):
            raise DataError(f"{encoded.label}: parameter 'mask' is damaged")
        mask = decode_mask(
            read_stream(encoded, "mask"), encoded.n_weights, code.get("code", ""), code["params"]
        )
        kind = encoded.weight_type
        flat = np.zeros(encoded.n_weights, dtype=kind.pattern_dtype)
        flat[mask] = read_fields(encoded, "weights", kind.n_bits, int(np.count_nonzero(mask)))
        return PrunedTensor(
            encoded.name, flat.reshape(encoded.shape), mask.reshape(encoded.shape), kind
        )
