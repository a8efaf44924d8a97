"""``huffman``: kept weights in a Huffman code, shared out among decoders of one symbol a cycle.

Deep Compression (Han et al., 2016) codes quantised values so, DFloat11 (2025) the exponents of
floats.  The rate varies from symbol to symbol: decoders drift apart, which is what the machine's
model is to see (`HuffmanFormat.decoder_work`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.bits import pack_fields
from f2fsim.codec import _huffman
from f2fsim.codec.base import BitStream, EncodedTensor, IntArray, WeightFormat, WorkUnits
from f2fsim.codec.checks import check_int
from f2fsim.codec.huffman_code import (
    MAX_LENGTH,
    CanonicalCode,
    optimal_code,
    pack_table,
    unpack_table,
)
from f2fsim.codec.huffman_read import (
    MAX_DECODERS,
    read_apart,
    read_mask,
    read_pairs,
    read_parts,
)
from f2fsim.codec.huffman_symbols import (
    MAX_PAIRED_BITS,
    first_weights,
    joined,
    may_pair,
    may_part,
    n_symbols,
    paired,
    paired_bits,
    rest_bits,
    split,
    symbol_bits,
    unpaired,
)
from f2fsim.codec.huffman_words import take_turns
from f2fsim.codec.mask_code import EncodedMask
from f2fsim.codec.masks import MaskShape, check_mask_code, encode_mask
from f2fsim.codec.streams import (
    bits_for,
    check_format,
    check_tail,
    int_param,
    pack_equal,
    read_stream,
    unit_counts,
    unit_sizes,
    unit_sums,
)
from f2fsim.codec.tensor import PrunedTensor, WeightType
from f2fsim.errors import DataError


@dataclass(frozen=True, eq=False)
class DecoderWork:
    """What each decoder does for each work unit.

    Attributes
    ----------
    symbols, bits : ndarray of int64, shape (n_units, n_decoders)
        Codewords that the decoder reads, and their bits, the uncoded rest included.
    weights : ndarray of int64, shape (n_units, n_decoders)
        Weights of these codewords: with pairs the second may be of a later unit.
    taken : ndarray of int64, shape (n_units, n_decoders)
        Weights of the decoder in the unit.
    """

    symbols: IntArray
    bits: IntArray
    weights: IntArray
    taken: IntArray


@dataclass(frozen=True, eq=False)
class _Coded:
    """Kept weights as symbols: `n_each` weights of a decoder, one after another, in each.

    Symbols of a pair count from `base`.  `rest_bits`: bits of the rests behind a codeword.
    """

    symbols: NDArray[np.uint8]
    rests: NDArray[np.uint32]
    code: CanonicalCode
    rest_bits: int
    n_each: int = 1
    base: int = 0
    apart: bool = False

    @property
    def n_bits(self) -> int:
        """Bits of codewords, rests and table."""
        words = int(self.code.lengths[self.symbols].sum()) + self.symbols.size * self.rest_bits
        return words + pack_table(self.code).n_bits


@dataclass(frozen=True)
class HuffmanFormat(WeightFormat):
    """A mask and the kept weights in a canonical Huffman code, in row-major order.

    The symbol is the whole weight for types of at most 8 bits, the exponent for wider floats,
    whose sign and mantissa follow the codeword (the sign alone that of a float of 8 bits where
    fewer bits are needed so); two weights of a decoder where their symbols have at most 4 bits and
    fewer bits are needed so.  Kept weight i belongs to decoder
    ``i mod n_decoders``; each decoder has a stream of its own, cut into words that take turns.

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
        coded = self._coded(tensor)
        values, widths = _fields(coded)
        parts = [
            BitStream(*pack_fields(values[d :: self.n_decoders], widths[d :: self.n_decoders]))
            for d in range(self.n_decoders)
        ]
        lengths = np.array([part.n_bits for part in parts], dtype=np.int64)
        pointer_bits = bits_for(int(lengths.max()) + 1)
        flags = encode_mask(mask, self.mask, unit=self.block, shape=MaskShape(0, *tensor.shape))
        data = take_turns([part.data for part in parts], self.word_bytes)
        streams = {
            "weights": BitStream(data, 8 * data.shape[0]),
            "mask": flags.stream,
            "pointers": pack_equal(lengths, pointer_bits),
            "codebook": pack_table(coded.code),
        }
        params = {
            "block": self.block,
            "mask": {"code": flags.code, "params": dict(flags.params)},
            "n_decoders": self.n_decoders,
            "word_bytes": self.word_bytes,
            "pointer_bits": pointer_bits,
        }
        if coded.n_each > 1:
            params["n_each"] = coded.n_each
        if coded.base:
            params["base"] = coded.base
        if coded.apart:
            params["sign_apart"] = 1
        by_weight = self._by_weight(widths, coded, tensor.n_kept)
        work = self._work(mask, by_weight, streams, flags)
        return EncodedTensor(
            self.name, tensor.name, tensor.shape, tensor.weight_type, params, streams, work
        )

    def decoder_work(self, tensor: PrunedTensor) -> DecoderWork:
        """Return what each decoder reads for each work unit of `tensor`."""
        coded = self._coded(tensor)
        widths = coded.code.lengths[coded.symbols] + coded.rest_bits
        n_units = -(-tensor.n_weights // self.block)
        unit_of = np.flatnonzero(tensor.mask.ravel()) // self.block
        place = unit_of * self.n_decoders + np.arange(unit_of.size) % self.n_decoders
        first = first_weights(coded.symbols.size, self.n_decoders, coded.n_each)
        held = np.minimum((unit_of.size - 1 - first) // self.n_decoders + 1, coded.n_each)
        shape = (n_units, self.n_decoders)
        n_places = n_units * self.n_decoders
        counts = [
            unit_sums(place[first], n_places, values)
            for values in (np.ones_like(held), widths, held)
        ]
        symbols, bits, weights = (found.reshape(shape) for found in counts)
        return DecoderWork(symbols, bits, weights, unit_sums(place, n_places).reshape(shape))

    def codeword_bits(self, tensor: PrunedTensor) -> IntArray:
        """Return the bits of each codeword and its rest; number q is of decoder q mod D."""
        coded = self._coded(tensor)
        widths: IntArray = coded.code.lengths[coded.symbols] + coded.rest_bits
        return widths

    def _by_weight(self, widths: IntArray, coded: _Coded, n_kept: int) -> IntArray:
        """Return the bits of each kept weight: those of a codeword at its first one."""
        if coded.n_each == 1:
            return widths
        first = first_weights(widths.size, self.n_decoders, coded.n_each)
        found = np.zeros(n_kept, dtype=np.int64)
        found[first] = widths
        return found

    @staticmethod
    def table_of(encoded: EncodedTensor) -> CanonicalCode:
        """Return the code of an encoding; `DataError` if its table is damaged."""
        what = f"tensor {encoded.name!r}, stream 'codebook'"
        stream = read_stream(encoded, "codebook")
        n_each, _ = read_pairs(encoded)
        kind = encoded.weight_type
        apart = read_apart(encoded)
        width = symbol_bits(kind, apart) if n_each == 1 else 2 * paired_bits(kind)
        return unpack_table(stream, width, what)

    def _coded(self, tensor: PrunedTensor) -> _Coded:
        """Return symbols and rests of the kept weights and the best code.

        The sign apart or pairs where they take fewer bits.
        """
        kind = tensor.weight_type
        kept = tensor.patterns.ravel()[tensor.mask.ravel()]
        single = self._single(kept, kind, apart=False)
        if may_part(kind):
            parted = self._single(kept, kind, apart=True)
            return parted if parted.n_bits < single.n_bits else single
        symbols, rests = single.symbols, single.rests
        base = int(symbols.min(initial=255)) if symbol_bits(kind) > MAX_PAIRED_BITS else 0
        width = paired_bits(kind)
        if not may_pair(kind.n_bits) or not symbols.size or int(symbols.max()) - base >> width:
            return single
        pairs = paired(symbols - np.uint8(base), self.n_decoders, width)
        double_rests = paired(rests, self.n_decoders, rest_bits(kind))
        code = self._best_code(pairs, 2 * width)
        # A last weight without another has rests of two.
        double = _Coded(pairs, double_rests, code, 2 * rest_bits(kind), 2, base)
        return double if double.n_bits < single.n_bits else single

    def _single(self, kept: NDArray[np.unsignedinteger], kind: WeightType, apart: bool) -> _Coded:
        symbols, rests = split(kept, kind, apart)
        code = self._best_code(symbols, symbol_bits(kind, apart))
        return _Coded(symbols, rests, code, rest_bits(kind, apart), apart=apart)

    def _best_code(self, symbols: NDArray[np.uint8], width: int) -> CanonicalCode:
        counts = np.bincount(symbols, minlength=1 << width).astype(np.int64)
        return optimal_code(counts, self.max_length)

    def _work(
        self,
        mask: NDArray[np.bool_],
        widths: IntArray,
        streams: Mapping[str, BitStream],
        flags: EncodedMask,
    ) -> WorkUnits:
        """Return the units: tables belong to the first, a stream's padding to its last codeword."""
        sizes = unit_sizes(mask.shape[0], self.block)
        unit_of = np.flatnonzero(mask) // self.block
        padded = widths.copy()
        n = widths.shape[0]
        for d in range(min(self.n_decoders, n)):
            last = n - 1 - (n - 1 - d) % self.n_decoders
            padded[last] += -int(widths[d :: self.n_decoders].sum()) % 8
        bits = {"weights": unit_sums(unit_of, sizes.shape[0], padded), "mask": flags.unit_bits}
        for name in ("pointers", "codebook"):
            bits[name] = np.zeros_like(sizes)
            bits[name][:1] = streams[name].n_bits
        n_kept = unit_counts(mask, self.block)
        return WorkUnits(bits, sizes, n_kept, n_kept, np.zeros_like(sizes), flags.unit_symbols)

    def decode(self, encoded: EncodedTensor) -> PrunedTensor:
        """Return the tensor that was encoded."""
        check_format(encoded, self.name)
        mask = read_mask(encoded)
        kind = encoded.weight_type
        what = f"tensor {encoded.name!r}, stream"
        code = self.table_of(encoded)
        n_kept, (n_each, base) = int(np.count_nonzero(mask)), read_pairs(encoded)
        apart = read_apart(encoded)
        n_decoders = int_param(encoded, "n_decoders", 1, MAX_DECODERS)
        symbols = np.zeros(n_symbols(n_kept, n_decoders, n_each), dtype=np.uint8)
        rests = np.zeros(symbols.shape[0], dtype=np.uint32)
        if symbols.size and not code.longest:
            raise DataError(f"{what} 'codebook': the table is missing")
        for first, (data, n_bits) in enumerate(read_parts(encoded)):
            part, n_read = BitStream(data[:-8], n_bits), 0
            check_tail(part, f"{what} 'weights'")
            if first < symbols.size:
                n_read = _huffman.decode(
                    data,
                    n_bits,
                    code.look_up,
                    code.longest,
                    n_each * rest_bits(kind, apart),
                    first,
                    n_decoders,
                    symbols,
                    rests,
                )
            if n_read != n_bits:
                raise DataError(f"{what} 'weights': the codewords of decoder {first} do not fit")
        if n_each > 1:
            symbols = unpaired(symbols, n_kept, n_decoders, paired_bits(kind))
            rests = unpaired(rests, n_kept, n_decoders, rest_bits(kind))
            if n_kept and int(symbols.max()) + base >> symbol_bits(kind):
                raise DataError(f"tensor {encoded.name!r}: parameter 'base' is beyond the symbols")
            symbols += np.uint8(base)
        flat = np.zeros(encoded.n_weights, dtype=kind.pattern_dtype)
        flat[mask] = joined(symbols, rests, kind, apart)
        return PrunedTensor(
            encoded.name, flat.reshape(encoded.shape), mask.reshape(encoded.shape), kind
        )


def _fields(coded: _Coded) -> tuple[NDArray[np.uint64], IntArray]:
    """Return each codeword with its rest as one field."""
    lengths = coded.code.lengths[coded.symbols]
    values = coded.code.codewords[coded.symbols].astype(np.uint64)
    if coded.rest_bits:
        values |= coded.rests.astype(np.uint64) << lengths.astype(np.uint64)
    return values, lengths + coded.rest_bits
