"""What a Huffman code codes: the symbol of each kept weight and the bits that follow it uncoded.

The symbol is the whole weight for types of at most 8 bits, the exponent for wider floats.  Two
symbols of one decoder may be one, for types of few bits: a code of whole bits a weight loses there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.base import IntArray
from f2fsim.codec.entropy import zero_order_entropy
from f2fsim.codec.tensor import PrunedTensor, WeightType

#: Types of at most so many bits may have codewords of two weights.
MAX_PAIRED_BITS = 4


def symbol_bits(kind: WeightType) -> int:
    """Return the width of a coded symbol: the whole weight up to 8 bits, else the exponent."""
    return kind.n_bits if kind.n_bits <= 8 else kind.n_exponent_bits


def expected_value_bits(tensor: PrunedTensor) -> float:
    """Return the entropy of a kept weight's symbol and the uncoded bits behind it."""
    symbols, _ = split(tensor.patterns.ravel()[tensor.mask.ravel()], tensor.weight_type)
    return zero_order_entropy(symbols) + rest_bits(tensor.weight_type)


def symbol_shares(tensor: PrunedTensor) -> NDArray[np.float64]:
    """Return the share of the kept weights that have each symbol."""
    symbols, _ = split(tensor.patterns.ravel()[tensor.mask.ravel()], tensor.weight_type)
    counts = np.bincount(symbols, minlength=1 << symbol_bits(tensor.weight_type))
    return counts / max(symbols.size, 1)


def expected_symbols(
    shares: NDArray[np.float64], n_kept: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how many symbols so many weights have, and how many lie between the outermost ones.

    On average over weights drawn with these shares, about.
    """
    n = n_kept[..., None]
    used = 1 - (1 - shares) ** n
    # A symbol is listed if one at or below it occurs, and one at or above it.
    below = 1 - (1 - np.minimum(np.cumsum(shares), 1)) ** n
    above = 1 - (1 - np.minimum(np.cumsum(shares[::-1])[::-1], 1)) ** n
    return used.sum(axis=-1), (below * above).sum(axis=-1)


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


def n_symbols(n_kept: int, n_decoders: int, n_each: int) -> int:
    """Return the codewords of so many kept weights, `n_each` of a decoder in one."""
    rounds, left = divmod(n_kept, n_decoders * n_each)
    return rounds * n_decoders + min(left, n_decoders)


def paired(symbols: NDArray[np.uint8], n_decoders: int, width: int) -> NDArray[np.uint8]:
    """Return each decoder's symbols two by two, the first one low; the last may be alone, with 0.

    Pair q belongs to decoder ``q mod n_decoders``, as symbols do.
    """
    n = n_symbols(symbols.size, n_decoders, 2)
    whole = np.zeros(-(-symbols.size // (2 * n_decoders)) * 2 * n_decoders, dtype=np.uint8)
    whole[: symbols.size] = symbols
    rounds = whole.reshape(-1, 2, n_decoders)
    return (rounds[:, 0] | rounds[:, 1] << np.uint8(width)).ravel()[:n]


def unpaired(
    pairs: NDArray[np.uint8], n_kept: int, n_decoders: int, width: int
) -> NDArray[np.uint8]:
    """Return the symbols of pairs: the inverse of `paired`."""
    whole = np.zeros(-(-n_kept // (2 * n_decoders)) * n_decoders, dtype=np.uint8)
    whole[: pairs.size] = pairs
    rounds = np.empty((whole.size // n_decoders, 2, n_decoders), dtype=np.uint8)
    rounds[:, 0] = whole.reshape(-1, n_decoders) & np.uint8((1 << width) - 1)
    rounds[:, 1] = whole.reshape(-1, n_decoders) >> np.uint8(width)
    return rounds.ravel()[:n_kept]


def first_weights(n: int, n_decoders: int, n_each: int) -> IntArray:
    """Return the number of the first kept weight of each of `n` codewords."""
    rounds, decoder = np.divmod(np.arange(n), n_decoders)
    first: IntArray = rounds * n_decoders * n_each + decoder
    return first
