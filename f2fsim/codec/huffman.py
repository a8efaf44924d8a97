"""``huffman``: kept weights in a Huffman code, shared out among decoders of one symbol a cycle.

Deep Compression (Han et al., 2016) codes quantised values so, DFloat11 (2025) the exponents of
floats.  The rate varies from symbol to symbol: decoders drift apart, which is what the machine's
model is to see (`HuffmanFormat.decoder_work`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.bits import pack_fields
from f2fsim.codec import _huffman
from f2fsim.codec.base import BitStream, EncodedTensor, IntArray, WeightFormat, WorkUnits
from f2fsim.codec.checks import check_int
from f2fsim.codec.entropy import zero_order_entropy
from f2fsim.codec.huffman_code import (
    MAX_LENGTH,
    CanonicalCode,
    optimal_code,
    pack_table,
    unpack_table,
)
from f2fsim.codec.masks import MaskShape, check_mask_code, decode_mask, encode_mask
from f2fsim.codec.streams import (
    bits_for,
    check_format,
    check_tail,
    int_param,
    pack_equal,
    read_fields,
    read_stream,
    unit_counts,
    unit_sizes,
    unit_sums,
)
from f2fsim.codec.tensor import PrunedTensor, WeightType
from f2fsim.errors import DataError

MAX_DECODERS = 1024
MAX_POINTER_BITS = 48


@dataclass(frozen=True, eq=False)
class DecoderWork:
    """What each decoder does for each work unit.

    Attributes
    ----------
    symbols, bits : ndarray of int64, shape (n_units, n_decoders)
        Codewords that the decoder reads, and their bits, the uncoded rest included.
    """

    symbols: IntArray
    bits: IntArray


@dataclass(frozen=True)
class HuffmanFormat(WeightFormat):
    """A mask and the kept weights in a canonical Huffman code, in row-major order.

    The symbol is the whole weight for types of at most 8 bits, the exponent for wider floats,
    whose sign and mantissa follow the codeword.  Kept weight i belongs to decoder ``i mod
    n_decoders``; each decoder has a stream of its own, cut into words that take turns.

    Attributes
    ----------
    block : int
        Weights of a work unit.
    mask : str
        Mask code, or ``auto`` for the fewest bits; ``zero_runs`` addresses by runs.
    n_decoders : int
        Decoders.
    max_length : int
        Longest codeword, 8 to 16 bits.
    word_bytes : int
        Bytes of a decoder's stream that lie together.
    """

    name: ClassVar[str] = "huffman"
    block: int = 64
    mask: str = "raw"
    n_decoders: int = 8
    max_length: int = 12
    word_bytes: int = 4

    def __post_init__(self) -> None:
        check_int("format huffman: block", self.block, 1)
        check_int("format huffman: n_decoders", self.n_decoders, 1, MAX_DECODERS)
        check_int("format huffman: max_length", self.max_length, 8, MAX_LENGTH)
        check_int("format huffman: word_bytes", self.word_bytes, 1, 64)
        if self.mask != "auto":
            check_mask_code(self.mask)

    def encode(self, tensor: PrunedTensor) -> EncodedTensor:
        """Encode `tensor`; one work unit for each `block` weights."""
        mask = tensor.mask.ravel()
        symbols, rests, code = self._coded(tensor)
        values, widths = _fields(symbols, rests, code, rest_bits(tensor.weight_type))
        parts = [
            BitStream(*pack_fields(values[d :: self.n_decoders], widths[d :: self.n_decoders]))
            for d in range(self.n_decoders)
        ]
        lengths = np.array([part.n_bits for part in parts], dtype=np.int64)
        pointer_bits = bits_for(int(lengths.max()) + 1)
        coded = encode_mask(mask, self.mask, unit=self.block, shape=MaskShape(0, *tensor.shape))
        data = _take_turns([part.data for part in parts], self.word_bytes)
        streams = {
            "weights": BitStream(data, 8 * data.shape[0]),
            "mask": coded.stream,
            "pointers": pack_equal(lengths, pointer_bits),
            "codebook": pack_table(code),
        }
        params = {
            "block": self.block,
            "mask": {"code": coded.code, "params": dict(coded.params)},
            "n_decoders": self.n_decoders,
            "word_bytes": self.word_bytes,
            "pointer_bits": pointer_bits,
        }
        work = self._work(mask, widths, streams, coded.unit_bits, coded.unit_symbols)
        return EncodedTensor(
            self.name, tensor.name, tensor.shape, tensor.weight_type, params, streams, work
        )

    def decoder_work(self, tensor: PrunedTensor) -> DecoderWork:
        """Return what each decoder reads for each work unit of `tensor`."""
        symbols, _, code = self._coded(tensor)
        widths = code.lengths[symbols] + rest_bits(tensor.weight_type)
        n_units = -(-tensor.n_weights // self.block)
        unit_of = np.flatnonzero(tensor.mask.ravel()) // self.block
        place = unit_of * self.n_decoders + np.arange(unit_of.size) % self.n_decoders
        shape = (n_units, self.n_decoders)
        n_places = n_units * self.n_decoders
        return DecoderWork(
            unit_sums(place, n_places).reshape(shape),
            unit_sums(place, n_places, widths).reshape(shape),
        )

    @staticmethod
    def table_of(encoded: EncodedTensor) -> CanonicalCode:
        """Return the code of an encoding; `DataError` if its table is damaged."""
        what = f"tensor {encoded.name!r}, stream 'codebook'"
        stream = read_stream(encoded, "codebook")
        return unpack_table(stream, symbol_bits(encoded.weight_type), what)

    def _coded(
        self, tensor: PrunedTensor
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint32], CanonicalCode]:
        """Return the symbols and rests of the kept weights, and the best code."""
        kind = tensor.weight_type
        symbols, rests = split(tensor.patterns.ravel()[tensor.mask.ravel()], kind)
        counts = np.bincount(symbols, minlength=1 << symbol_bits(kind)).astype(np.int64)
        return symbols, rests, optimal_code(counts, self.max_length)

    def _work(
        self,
        mask: NDArray[np.bool_],
        widths: IntArray,
        streams: Mapping[str, BitStream],
        mask_bits: IntArray,
        mask_symbols: IntArray,
    ) -> WorkUnits:
        """Return the units: tables belong to the first, a stream's padding to its last codeword."""
        sizes = unit_sizes(mask.shape[0], self.block)
        unit_of = np.flatnonzero(mask) // self.block
        padded = widths.copy()
        n = widths.shape[0]
        for d in range(min(self.n_decoders, n)):
            last = n - 1 - (n - 1 - d) % self.n_decoders
            padded[last] += -int(widths[d :: self.n_decoders].sum()) % 8
        bits = {"weights": unit_sums(unit_of, sizes.shape[0], padded), "mask": mask_bits}
        for name in ("pointers", "codebook"):
            bits[name] = np.zeros_like(sizes)
            bits[name][:1] = streams[name].n_bits
        n_kept = unit_counts(mask, self.block)
        return WorkUnits(bits, sizes, n_kept, n_kept, np.zeros_like(sizes), mask_symbols)

    def decode(self, encoded: EncodedTensor) -> PrunedTensor:
        """Return the tensor that was encoded."""
        check_format(encoded, self.name)
        mask = _read_mask(encoded)
        kind = encoded.weight_type
        what = f"tensor {encoded.name!r}, stream"
        code = self.table_of(encoded)
        symbols = np.zeros(int(np.count_nonzero(mask)), dtype=np.uint8)
        rests = np.zeros(symbols.shape[0], dtype=np.uint32)
        if symbols.size and not code.longest:
            raise DataError(f"{what} 'codebook': the table is missing")
        for first, (data, n_bits) in enumerate(_read_parts(encoded)):
            part, n_read = BitStream(data[:-8], n_bits), 0
            check_tail(part, f"{what} 'weights'")
            if first < symbols.size:
                n_read = _huffman.decode(
                    data,
                    n_bits,
                    code.look_up,
                    code.longest,
                    rest_bits(kind),
                    first,
                    encoded.params["n_decoders"],
                    symbols,
                    rests,
                )
            if n_read != n_bits:
                raise DataError(f"{what} 'weights': the codewords of decoder {first} do not fit")
        flat = np.zeros(encoded.n_weights, dtype=kind.pattern_dtype)
        flat[mask] = joined(symbols, rests, kind)
        return PrunedTensor(
            encoded.name, flat.reshape(encoded.shape), mask.reshape(encoded.shape), kind
        )


def symbol_bits(kind: WeightType) -> int:
    """Return the width of a coded symbol: the whole weight up to 8 bits, else the exponent."""
    return kind.n_bits if kind.n_bits <= 8 else kind.n_exponent_bits


def expected_value_bits(tensor: PrunedTensor) -> float:
    """Return the entropy of a kept weight's symbol and the uncoded bits behind it."""
    symbols, _ = split(tensor.patterns.ravel()[tensor.mask.ravel()], tensor.weight_type)
    return zero_order_entropy(symbols) + rest_bits(tensor.weight_type)


def rest_bits(kind: WeightType) -> int:
    """Return the bits that follow a codeword uncoded: sign and mantissa of wide floats."""
    return kind.n_bits - symbol_bits(kind)


def split(patterns: NDArray[Any], kind: WeightType) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    """Return the symbol of each pattern, signed integers by value from the least, and the rest."""
    if not rest_bits(kind):
        return patterns.astype(np.uint8) ^ np.uint8(_flip(kind)), np.zeros(patterns.size, np.uint32)
    wide = patterns.astype(np.uint32)
    exponents = wide >> np.uint32(kind.n_mantissa_bits) & np.uint32((1 << kind.n_exponent_bits) - 1)
    mantissas = wide & np.uint32((1 << kind.n_mantissa_bits) - 1)
    signs = wide >> np.uint32(kind.n_bits - 1)
    return exponents.astype(np.uint8), mantissas | signs << np.uint32(kind.n_mantissa_bits)


def joined(
    symbols: NDArray[np.uint8], rests: NDArray[np.uint32], kind: WeightType
) -> NDArray[np.unsignedinteger]:
    """Return the patterns of symbols and rests."""
    if not rest_bits(kind):
        return np.bitwise_xor(symbols, np.uint8(_flip(kind)))
    mantissas = rests & np.uint32((1 << kind.n_mantissa_bits) - 1)
    signs = rests >> np.uint32(kind.n_mantissa_bits)
    exponents = symbols.astype(np.uint32) << np.uint32(kind.n_mantissa_bits)
    whole: NDArray[np.uint32] = mantissas | exponents | signs << np.uint32(kind.n_bits - 1)
    return whole.astype(kind.pattern_dtype)


def _flip(kind: WeightType) -> int:
    """Return what orders the patterns of signed integers by value: neighbours code alike."""
    return 1 << (kind.n_bits - 1) if kind.signed and not kind.is_float else 0


def _fields(
    symbols: NDArray[np.uint8], rests: NDArray[np.uint32], code: CanonicalCode, n_rest: int
) -> tuple[NDArray[np.uint64], IntArray]:
    """Return codeword and rest of each weight as one field."""
    lengths = code.lengths[symbols]
    values = code.codewords[symbols].astype(np.uint64)
    values |= rests.astype(np.uint64) << lengths.astype(np.uint64)
    return values, lengths + n_rest


def _turns(n_bytes: IntArray, word_bytes: int) -> tuple[IntArray, IntArray]:
    """Return decoder and bytes of each word, in the order in which words take turns."""
    n_words = -(-n_bytes // word_bytes)
    decoder = np.repeat(np.arange(n_bytes.shape[0]), n_words)
    number = np.arange(decoder.shape[0]) - np.repeat(np.cumsum(n_words) - n_words, n_words)
    sizes = np.minimum(n_bytes[decoder] - number * word_bytes, word_bytes)
    order = np.lexsort((decoder, number))
    return decoder[order], sizes[order]


def _places(n_bytes: IntArray, word_bytes: int) -> IntArray:
    """Return where the bytes of the decoders' streams, one after another, lie in the common one."""
    decoder, sizes = _turns(n_bytes, word_bytes)
    owners = np.repeat(decoder.astype(np.uint16), sizes)
    return np.argsort(owners, kind="stable")


def _take_turns(parts: list[NDArray[np.uint8]], word_bytes: int) -> NDArray[np.uint8]:
    """Return the decoders' streams, each of whole bytes, as one: a word each in turn."""
    places = _places(np.array([p.shape[0] for p in parts], dtype=np.int64), word_bytes)
    out = np.empty(places.shape[0], dtype=np.uint8)
    out[places] = np.concatenate(parts)
    return out


def _read_parts(encoded: EncodedTensor) -> list[tuple[NDArray[np.uint8], int]]:
    """Return each decoder's stream with eight spare bytes, and its bits."""
    n_decoders = int_param(encoded, "n_decoders", 1, MAX_DECODERS)
    pointer_bits = int_param(encoded, "pointer_bits", 0, MAX_POINTER_BITS)
    word_bytes = int_param(encoded, "word_bytes", 1, 64)
    n_bits = read_fields(encoded, "pointers", pointer_bits, n_decoders).astype(np.int64)
    stream = read_stream(encoded, "weights")
    n_bytes = -(-n_bits // 8)
    if stream.n_bits != 8 * int(n_bytes.sum()):
        raise DataError(f"tensor {encoded.name!r}: 'pointers' do not add up to 'weights'")
    whole = stream.data[_places(n_bytes, word_bytes)]
    spare = np.zeros(8, dtype=np.uint8)
    return [
        (np.concatenate([part, spare]), int(n))
        for part, n in zip(np.split(whole, np.cumsum(n_bytes)[:-1]), n_bits, strict=True)
    ]


def _read_mask(encoded: EncodedTensor) -> NDArray[np.bool_]:
    code = encoded.params.get("mask")
    if not isinstance(code, Mapping) or not isinstance(code.get("params"), Mapping):
        raise DataError(f"tensor {encoded.name!r}: parameter 'mask' is damaged")
    return decode_mask(
        read_stream(encoded, "mask"), encoded.n_weights, code.get("code", ""), code["params"]
    )
