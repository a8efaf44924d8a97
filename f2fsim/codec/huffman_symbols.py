"""What a Huffman code codes: the symbol of each kept weight and the bits that follow it uncoded.

The symbol is the whole weight for types of at most 8 bits, the exponent for wider floats.  The
sign of a float of 8 bits may stand apart: signs are even, and the table then lists half as many
symbols.  Two symbols of one decoder may be one where each has at most 4 bits (types of few bits,
exponents of 16 neighbouring binades): a code of whole bits a weight loses there.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.base import IntArray
from f2fsim.codec.entropy import zero_order_entropy
from f2fsim.codec.tensor import PrunedTensor, WeightType

U = TypeVar("U", np.uint8, np.uint32)

#: Bits of each symbol of a pair, at most.
MAX_PAIRED_BITS = 4


def may_pair(weight_bits: int) -> bool:
    """Whether two weights of so many bits may have one codeword: few bits, or floats of 16."""
    return weight_bits <= MAX_PAIRED_BITS or weight_bits == 16


def paired_bits(kind: WeightType) -> int:
    """Return the bits of each symbol of a pair."""
    return min(symbol_bits(kind), MAX_PAIRED_BITS)


def may_part(kind: WeightType) -> bool:
    """Return whether the sign may be left to the rest: floats whose symbol is the whole weight."""
    return kind.is_float and kind.n_bits <= 8


def symbol_bits(kind: WeightType, apart: bool = False) -> int:
    """Return the width of a coded symbol: the whole weight up to 8 bits, else the exponent.

    `apart`: the sign of a float of 8 bits is not in the symbol.
    """
    return kind.n_bits - apart if kind.n_bits <= 8 else kind.n_exponent_bits


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


def rest_bits(kind: WeightType, apart: bool = False) -> int:
    """Return the bits that follow a codeword uncoded: sign and mantissa of wide floats."""
    return kind.n_bits - symbol_bits(kind, apart)


def split(
    patterns: NDArray[Any], kind: WeightType, apart: bool = False
) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    """Return the symbol of each pattern, signed integers by value from the least, and the rest."""
    if kind.n_bits <= 8:
        low = np.uint8((1 << symbol_bits(kind, apart)) - 1)
        signs = patterns.astype(np.uint32) >> np.uint32(symbol_bits(kind, apart))
        return (patterns.astype(np.uint8) ^ np.uint8(_flip(kind))) & low, signs
    wide = patterns.astype(np.uint32)
    exponents = wide >> np.uint32(kind.n_mantissa_bits) & np.uint32((1 << kind.n_exponent_bits) - 1)
    mantissas = wide & np.uint32((1 << kind.n_mantissa_bits) - 1)
    signs = wide >> np.uint32(kind.n_bits - 1)
    return exponents.astype(np.uint8), mantissas | signs << np.uint32(kind.n_mantissa_bits)


def joined(
    symbols: NDArray[np.uint8], rests: NDArray[np.uint32], kind: WeightType, apart: bool = False
) -> NDArray[np.unsignedinteger]:
    """Return the patterns of symbols and rests."""
    if kind.n_bits <= 8:
        signs = (rests << np.uint32(symbol_bits(kind, apart))).astype(np.uint8)
        narrow: NDArray[np.uint8] = (symbols | signs) ^ np.uint8(_flip(kind))
        return narrow
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


def paired(symbols: NDArray[U], n_decoders: int, width: int) -> NDArray[U]:
    """Return each decoder's symbols two by two, the first one low; the last may be alone, with 0.

    Pair q belongs to decoder ``q mod n_decoders``, as symbols do.  Rests are paired alike.
    """
    n = n_symbols(symbols.size, n_decoders, 2)
    whole = np.zeros(-(-symbols.size // (2 * n_decoders)) * 2 * n_decoders, dtype=symbols.dtype)
    whole[: symbols.size] = symbols
    rounds = whole.reshape(-1, 2, n_decoders)
    found: NDArray[U] = (rounds[:, 0] | rounds[:, 1] << symbols.dtype.type(width)).ravel()[:n]
    return found


def unpaired(pairs: NDArray[U], n_kept: int, n_decoders: int, width: int) -> NDArray[U]:
    """Return the symbols of pairs: the inverse of `paired`."""
    own = pairs.dtype.type
    whole = np.zeros(-(-n_kept // (2 * n_decoders)) * n_decoders, dtype=own)
    whole[: pairs.size] = pairs
    rounds = np.empty((whole.size // n_decoders, 2, n_decoders), dtype=own)
    rounds[:, 0] = whole.reshape(-1, n_decoders) & own((1 << width) - 1)
    rounds[:, 1] = whole.reshape(-1, n_decoders) >> own(width)
    return rounds.ravel()[:n_kept]


def first_weights(n: int, n_decoders: int, n_each: int) -> IntArray:
    """Return the number of the first kept weight of each of `n` codewords."""
    rounds, decoder = np.divmod(np.arange(n), n_decoders)
    first: IntArray = rounds * n_decoders * n_each + decoder
    return first
