"""``f2f``: fixed-to-fixed encoded weights as a `WeightFormat`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.base import BitStream, EncodedTensor, WeightFormat, WorkUnits
from f2fsim.codec.entropy import n_varying_bits
from f2fsim.codec.f2f.care import CareList
from f2fsim.codec.f2f.params import F2FParams
from f2fsim.codec.f2f.patches import (
    bits_per_block,
    events_per_block,
    pack_patches,
    read_code,
    to_fields,
    unpack_patches,
)
from f2fsim.codec.f2f.plane_words import PlaneWords, coded_words, plain_words
from f2fsim.codec.f2f.planes import PlaneLayout
from f2fsim.codec.f2f.rates import PERIOD, PlaneRates
from f2fsim.codec.f2f.unpack import CodedBlocks, unpack_blocks
from f2fsim.codec.f2f.value_code import Fold, ValueCode
from f2fsim.codec.f2f.value_table import pack_table, unpack_table
from f2fsim.codec.f2f.words import pack_words, unpack_words
from f2fsim.codec.mask_code import EncodedMask
from f2fsim.codec.masks import decode_packed_mask, encode_mask
from f2fsim.codec.streams import (
    check_format,
    read_stream,
    unit_sizes,
)
from f2fsim.codec.tensor import PrunedTensor
from f2fsim.errors import DataError, InputError, in_a_line

Places = NDArray[np.int64]

#: Share of the patterns' varying bits below which ``auto`` does not try their own planes.
_CLEARLY_LESS = 0.97
_EMPTY = BitStream(np.zeros(0, dtype=np.uint8), 0)


@dataclass(frozen=True)
class F2FFormat(F2FParams, WeightFormat):
    """Fixed-to-fixed encoding with the parameters of `F2FParams`.

    Streams: ``weights`` (for each block, for each stored plane, the bits that its rate fills),
    ``mask`` (in block order), ``patches`` and, with a value code, its table ``codebook``.  A work
    unit is a block.
    """

    name: ClassVar[str] = "f2f"

    @classmethod
    def from_params(cls, params: F2FParams) -> F2FFormat:
        """Return the format with these parameters."""
        return cls(**{f.name: getattr(params, f.name) for f in fields(F2FParams)})

    def encode(self, tensor: PrunedTensor, n_threads: int = 1) -> EncodedTensor:
        """Encode a pruned tensor on `n_threads` threads; see `WeightFormat.encode`."""
        self.matrix  # noqa: B018 - one that cannot be is refused, also where no plane needs it
        order = self.block_order(tensor.shape)
        mask_seq, care = order.care_list(tensor.patterns, tensor.mask, self.n_out)
        mask = encode_mask(mask_seq, self.mask_code, unit=self.n_out, shape=order.mask_shape)
        kind = tensor.weight_type
        params = self.to_json()
        if self.order == "diagonal":
            params["order_step"] = order.step
        params["mask"] = {"code": mask.code, "params": dict(mask.params)}
        packed = []
        if self.value_code != "none":
            planes = coded_words(self, care, kind, n_threads)
            packed.append(_pack(self, care, planes, mask, params))
        limit = care.n_kept * n_varying_bits(tensor) * _CLEARLY_LESS
        if self.value_code == "none" or (
            self.value_code == "auto" and packed[0].n_value_bits > limit
        ):
            packed.append(_pack(self, care, plain_words(self, care, kind), mask, params))
        best = min(packed, key=lambda choice: choice.n_value_bits)
        work = WorkUnits(
            stream_bits=best.per_block,
            n_weights=unit_sizes(tensor.n_weights, self.n_out),
            n_kept=care.n_u,
            n_stored=unit_sizes(tensor.n_weights, self.n_out),
            n_patches=events_per_block(best.places, care.block_ptr * best.planes.words.shape[1]),
            n_mask_symbols=mask.unit_symbols,
        )
        return EncodedTensor(
            self.name,
            tensor.name,
            tensor.shape,
            kind,
            best.params,
            best.streams,
            work,
            _statistics(care, best.planes.n_care_bits, best.places.size),
        )

    def decode(self, encoded: EncodedTensor, n_threads: int = 1) -> PrunedTensor:
        """Return the tensor that was encoded, on `n_threads` threads; see `WeightFormat.decode`."""
        check_format(encoded, self.name)
        params = read_params(encoded)
        order = params.block_order(encoded.shape)
        mask = _read_mask(encoded)
        n_kept = int(np.bitwise_count(mask).sum(dtype=np.int64))
        layout, code, words = read_planes(encoded, params)
        coded = CodedBlocks(
            words,
            params.n_groups,
            mask,
            encoded.n_weights,
            _read_patches(encoded, n_kept * words.shape[1]),
            layout,
            code,
        )
        dtype = encoded.weight_type.pattern_dtype
        patterns = unpack_blocks(params.matrix, coded, dtype, n_threads)
        return PrunedTensor(
            encoded.name,
            order.to_matrix(patterns, n_threads),
            order.mask_matrix(mask, n_threads),
            encoded.weight_type,
        )


@dataclass(frozen=True, eq=False)
class _Packed:
    """One way to store the kept weights: planes, patches, streams and their bits a block."""

    planes: PlaneWords
    places: Places
    params: dict[str, Any]
    streams: dict[str, BitStream]
    per_block: dict[str, Places]

    @property
    def n_value_bits(self) -> int:
        return sum(s.n_bits for name, s in self.streams.items() if name != "mask")


def _pack(
    own: F2FParams, care: CareList, planes: PlaneWords, mask: EncodedMask, common: Mapping[str, Any]
) -> _Packed:
    """Return the streams of planes, and the bits of each block in each of them."""
    n_stored = planes.words.shape[1]
    places = patch_places(care, planes.wrong, n_stored)
    coded = to_fields(places)
    params = {**common, "patch_code": [coded.code.base_bits, coded.code.step_bits]}
    streams = {
        "weights": pack_words(planes.words, planes.rates, own.n_groups),
        "mask": mask.stream,
        "patches": pack_patches(coded),
    }
    per_block = {
        "weights": planes.rates.step_bits(care.n_blocks, own.n_groups),
        "mask": mask.unit_bits,
        "patches": bits_per_block(coded, care.block_ptr * n_stored),
    }
    if planes.code is None:
        params["stored_planes"] = list(planes.layout.stored)
        params["inverted_planes"] = list(planes.layout.inverted)
        return _Packed(planes, places, params, streams, per_block)
    # A tensor of no weights has no block to count the table for, and needs none.
    table = pack_table(planes.code, planes.rates, own.n_in) if care.n_blocks else _EMPTY
    streams["codebook"] = table
    per_block["codebook"] = np.zeros(care.n_blocks, dtype=np.int64)
    per_block["codebook"][:1] = table.n_bits
    return _Packed(planes, places, params, streams, per_block)


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


def read_planes(
    encoded: EncodedTensor, params: F2FParams
) -> tuple[PlaneLayout, ValueCode | None, NDArray[np.uint16]]:
    """Return which planes are stored, their value code if there is one, and all words.

    Raises
    ------
    DataError
        If table, parameters or stream are damaged.
    """
    code, rates = read_value_code(encoded, params.n_in)
    if code is None:
        layout = _read_layout(encoded)
        rates = PlaneRates((params.n_in * PERIOD,) * len(layout.stored))
    else:
        layout = PlaneLayout(code.n_planes, tuple(range(code.n_planes)), ())
    what = f"{encoded.label}, stream 'weights'"
    n_blocks = -(-encoded.n_weights // params.n_out)
    stream = read_stream(encoded, "weights")
    return layout, code, unpack_words(stream, rates, n_blocks, params.n_groups, what)


def read_value_code(encoded: EncodedTensor, n_in: int) -> tuple[ValueCode | None, PlaneRates]:
    """Return the value code of an encoding and the rates of its planes; None: it has none.

    Raises
    ------
    DataError
        If the table is damaged.
    """
    if "codebook" not in encoded.streams:
        return None, PlaneRates(())
    if not encoded.n_weights:
        return ValueCode(Fold(encoded.weight_type, signed=True), ()), PlaneRates(())
    what = f"{encoded.label}, codebook"
    return unpack_table(encoded.streams["codebook"], encoded.weight_type, n_in, what)


def _read_mask(encoded: EncodedTensor) -> NDArray[np.uint8]:
    code = encoded.params.get("mask")
    if not isinstance(code, Mapping) or not isinstance(code.get("params"), Mapping):
        raise DataError(f"{encoded.label}: parameter 'mask' is damaged")
    return decode_packed_mask(
        read_stream(encoded, "mask"), encoded.n_weights, code.get("code", ""), code["params"]
    )


def _read_layout(encoded: EncodedTensor) -> PlaneLayout:
    planes, n_planes = {}, encoded.weight_type.n_bits
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
    return unpack_patches(read_stream(encoded, "patches"), code, n_places, what)


def _statistics(care: CareList, n_care_bits: int, n_wrong: int) -> dict[str, float]:
    n_u = care.n_u
    mean = float(n_u.mean()) if n_u.size else 0.0
    return {
        "efficiency": 1.0 - n_wrong / n_care_bits if n_care_bits else 1.0,
        "n_care_bits": float(n_care_bits),
        "n_unmatched_bits": float(n_wrong),
        "cv_n_u": float(n_u.std()) / mean if mean else 0.0,
    }
