"""``f2f``: fixed-to-fixed encoded weights as a `WeightFormat`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.base import BitStream, EncodedTensor, WeightFormat, WorkUnits
from f2fsim.codec.f2f.care import CareList
from f2fsim.codec.f2f.decode import decode_values
from f2fsim.codec.f2f.elimination import encode_elimination
from f2fsim.codec.f2f.outliers import pack_codebook, unpack_codebook
from f2fsim.codec.f2f.params import F2FParams
from f2fsim.codec.f2f.patches import (
    bits_per_block,
    events_per_block,
    pack_patches,
    read_code,
    to_fields,
    unpack_events,
)
from f2fsim.codec.f2f.planes import Codebook, PlaneLayout, choose_codebook, plan_planes
from f2fsim.codec.f2f.unpack import CodedBlocks, unpack_blocks
from f2fsim.codec.f2f.viterbi import encode_viterbi
from f2fsim.codec.mask_code import EncodedMask
from f2fsim.codec.masks import decode_packed_mask, encode_mask
from f2fsim.codec.streams import (
    check_format,
    pack_equal,
    read_fields,
    read_stream,
    unit_sizes,
)
from f2fsim.codec.tensor import PrunedTensor, WeightType
from f2fsim.errors import DataError, InputError, in_a_line

Places = NDArray[np.int64]


@dataclass(frozen=True)
class F2FFormat(F2FParams, WeightFormat):
    """Fixed-to-fixed encoding with the parameters of `F2FParams`.

    Streams: ``weights`` (for each block, for each stored plane, ``n_in`` bits), ``mask`` (in block
    order), ``patches`` and, with a codebook, ``codebook``.  A work unit is a block.
    """

    name: ClassVar[str] = "f2f"

    @classmethod
    def from_params(cls, params: F2FParams) -> F2FFormat:
        """Return the format with these parameters."""
        return cls(**{f.name: getattr(params, f.name) for f in fields(F2FParams)})

    def encode(self, tensor: PrunedTensor) -> EncodedTensor:
        """Encode a pruned tensor; see `WeightFormat.encode`."""
        order = self.block_order(tensor.shape)
        mask_seq, care = order.care_list(tensor.patterns, tensor.mask, self.n_out)
        book, coded, outliers, exponents = self._code_exponents(care.val, tensor.weight_type)
        n_planes = book.n_planes if book else tensor.weight_type.n_bits
        layout = plan_planes(coded, n_planes, self.invert)
        care = care.with_values(layout.compact(coded))
        n_stored = len(layout.stored)
        words = self.encode_words(care, n_stored)
        places = patch_places(
            care, decode_values(self.matrix, words, care, self.n_groups) ^ care.val, n_stored
        )
        params = self.to_json()
        if self.order == "diagonal":
            params["order_step"] = order.step
        params["stored_planes"] = list(layout.stored)
        params["inverted_planes"] = list(layout.inverted)
        mask = encode_mask(mask_seq, self.mask_code, unit=self.n_out)
        params["mask"] = {"code": mask.code, "params": dict(mask.params)}
        streams, per_block = self._pack(care, words, places, mask, params)
        if book:
            stream, bits = pack_codebook(book, outliers, exponents, care.block_ptr, params)
            streams["codebook"], per_block["codebook"] = stream, bits
        work = WorkUnits(
            stream_bits=per_block,
            n_weights=unit_sizes(tensor.n_weights, self.n_out),
            n_kept=care.n_u,
            n_stored=unit_sizes(tensor.n_weights, self.n_out),
            n_patches=events_per_block(places, care.block_ptr * n_stored),
            n_mask_symbols=mask.unit_symbols,
        )
        return EncodedTensor(
            self.name,
            tensor.name,
            tensor.shape,
            tensor.weight_type,
            params,
            streams,
            work,
            _statistics(care, n_stored, places.size, outliers.size),
        )

    def encode_words(self, care: CareList, n_planes: int) -> NDArray[np.uint16]:
        """Return the encoded words, uint16 (n_blocks, n_planes), of kept weights in block order."""
        if self.encoder == "viterbi":
            return encode_viterbi(self.matrix, care, n_planes, self.n_groups)[0]
        return encode_elimination(self.matrix, care, n_planes, self.n_groups, search=self.search)

    def _code_exponents(
        self, patterns: NDArray[np.uint32], weight_type: WeightType
    ) -> tuple[Codebook | None, NDArray[np.uint32], Places, NDArray[np.uint32]]:
        if not self.codebook_bits:
            return None, patterns, np.zeros(0, np.int64), np.zeros(0, np.uint32)
        book = choose_codebook(patterns, weight_type, self.codebook_bits)
        return book, *book.encode(patterns)

    def _pack(
        self,
        care: CareList,
        words: NDArray[np.uint16],
        places: Places,
        mask: EncodedMask,
        params: dict[str, Any],
    ) -> tuple[dict[str, BitStream], dict[str, NDArray[np.int64]]]:
        """Return the streams and the bits of each block in each of them."""
        coded = to_fields(places)
        params["patch_code"] = [coded.code.base_bits, coded.code.step_bits]
        n_stored = words.shape[1]
        edges = care.block_ptr * n_stored
        streams = {
            "weights": pack_equal(words.reshape(-1), self.n_in),
            "mask": mask.stream,
            "patches": pack_patches(coded),
        }
        per_block = {
            "weights": np.full(care.n_blocks, n_stored * self.n_in, dtype=np.int64),
            "mask": mask.unit_bits,
            "patches": bits_per_block(coded, edges),
        }
        return streams, per_block

    def decode(self, encoded: EncodedTensor, n_threads: int = 1) -> PrunedTensor:
        """Return the tensor that was encoded, on `n_threads` threads; see `WeightFormat.decode`."""
        check_format(encoded, self.name)
        params = read_params(encoded)
        order = params.block_order(encoded.shape)
        mask = _read_mask(encoded)
        n_kept = int(np.bitwise_count(mask).sum(dtype=np.int64))
        book, outliers, exponents = unpack_codebook(encoded, n_kept)
        layout = _read_layout(encoded, book.n_planes if book else encoded.weight_type.n_bits)
        n_stored = len(layout.stored)
        n_blocks = -(-encoded.n_weights // params.n_out)
        coded = CodedBlocks(
            read_words(encoded, params, n_blocks, n_stored),
            params.n_groups,
            mask,
            encoded.n_weights,
            _read_patches(encoded, n_kept * n_stored),
            layout,
            book,
            outliers,
            exponents,
        )
        dtype = encoded.weight_type.pattern_dtype
        patterns = unpack_blocks(params.matrix, coded, dtype, n_threads)
        return PrunedTensor(
            encoded.name,
            order.to_matrix(patterns, n_threads),
            order.mask_matrix(mask, n_threads),
            encoded.weight_type,
        )


def patch_places(care: CareList, wrong: NDArray[np.uint32], n_planes: int) -> Places:
    """Return the care-bit numbers, ascending, of the set bits of `wrong` (bit p = plane p)."""
    kept = np.flatnonzero(wrong)
    block = np.searchsorted(care.block_ptr, kept, side="right") - 1
    start = care.block_ptr[block]
    n_u = care.block_ptr[block + 1] - start
    base = start * n_planes + (kept - start)
    found = [
        (base + p * n_u)[(wrong[kept] >> np.uint32(p)) & np.uint32(1) == 1] for p in range(n_planes)
    ]
    return np.sort(np.concatenate(found)) if found else np.zeros(0, dtype=np.int64)


def read_params(encoded: EncodedTensor) -> F2FParams:
    """Return the parameters stored with an encoding; `DataError` if they are damaged."""
    given = dict(encoded.params)
    keys = ("n_in", "n_out", "n_s", "taps", "seed", "order", "n_groups")
    optional = ("order_step", "rows", "shuffle_seed")
    try:
        chosen = {key: given[key] for key in keys}
        chosen |= {key: given[key] for key in optional if key in given}
        if chosen["order"] == "diagonal":
            chosen["order_step"] = given["order_step"]
        if "rows" in chosen:
            chosen["rows"] = tuple(chosen["rows"])
        params = F2FParams(**chosen)
        params.matrix  # noqa: B018 - built here so that a damaged one is reported as data
        params.block_order(encoded.shape)
    except KeyError as error:
        raise DataError(f"{encoded.label}: parameter {error} is missing") from None
    except (InputError, TypeError, ValueError) as error:
        raise DataError(f"{encoded.label}: {error}") from None
    return params


def read_words(
    encoded: EncodedTensor, params: F2FParams, n_blocks: int, n_planes: int
) -> NDArray[np.uint16]:
    """Return the encoded words, uint16 (n_blocks, n_planes); `DataError` if they do not fit."""
    fields_read = read_fields(encoded, "weights", params.n_in, n_blocks * n_planes)
    return np.ascontiguousarray(fields_read.astype(np.uint16).reshape(n_blocks, n_planes))


def _read_mask(encoded: EncodedTensor) -> NDArray[np.uint8]:
    code = encoded.params.get("mask")
    if not isinstance(code, Mapping) or not isinstance(code.get("params"), Mapping):
        raise DataError(f"{encoded.label}: parameter 'mask' is damaged")
    return decode_packed_mask(
        read_stream(encoded, "mask"), encoded.n_weights, code.get("code", ""), code["params"]
    )


def _read_layout(encoded: EncodedTensor, n_planes: int) -> PlaneLayout:
    planes = {}
    for key in ("stored_planes", "inverted_planes"):
        given = encoded.params.get(key)
        if (
            not isinstance(given, list | tuple)
            or not all(type(p) is int and 0 <= p < n_planes for p in given)
            or sorted(set(given)) != list(given)
        ):
            raise DataError(f"{encoded.label}: parameter {key!r} is damaged: {in_a_line(given)}")
        planes[key] = tuple(given)
    return PlaneLayout(n_planes, planes["stored_planes"], planes["inverted_planes"])


def _read_patches(encoded: EncodedTensor, n_places: int) -> Places:
    what = f"{encoded.label}, patches"
    code = read_code(encoded.params.get("patch_code"), what)
    return unpack_events(read_stream(encoded, "patches"), 0, code, 0, n_places, what)[0]


def _statistics(care: CareList, n_planes: int, n_wrong: int, n_outliers: int) -> dict[str, float]:
    n_care_bits = care.n_kept * n_planes
    n_u = care.n_u
    mean = float(n_u.mean()) if n_u.size else 0.0
    return {
        "efficiency": 1.0 - n_wrong / n_care_bits if n_care_bits else 1.0,
        "n_care_bits": float(n_care_bits),
        "n_unmatched_bits": float(n_wrong),
        "n_outliers": float(n_outliers),
        "cv_n_u": float(n_u.std()) / mean if mean else 0.0,
    }
