"""What the streams and parameters of a Huffman encoding say, checked as they are read."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.base import EncodedTensor
from f2fsim.codec.huffman_symbols import may_pair, may_part, symbol_bits
from f2fsim.codec.huffman_words import word_places
from f2fsim.codec.masks import decode_mask
from f2fsim.codec.streams import int_param, read_fields, read_stream
from f2fsim.errors import DataError

MAX_DECODERS = 1024
MAX_POINTER_BITS = 48


def read_pairs(encoded: EncodedTensor) -> tuple[int, int]:
    """Return the weights of a codeword, 1 or 2, and what the symbols of a pair count from."""
    if "n_each" not in encoded.params:
        return 1, 0
    n_each, kind = int_param(encoded, "n_each", 1, 2), encoded.weight_type
    if n_each > 1 and not may_pair(kind.n_bits):
        raise DataError(f"tensor {encoded.name!r}: pairs of {kind.name}")
    has_base = n_each > 1 and "base" in encoded.params
    return n_each, int_param(encoded, "base", 0, (1 << symbol_bits(kind)) - 1) if has_base else 0


def read_apart(encoded: EncodedTensor) -> bool:
    """Return whether the sign of a float of 8 bits follows its codeword."""
    if "sign_apart" not in encoded.params:
        return False
    if not may_part(encoded.weight_type):
        raise DataError(f"tensor {encoded.name!r}: signs of {encoded.weight_type.name} apart")
    return bool(int_param(encoded, "sign_apart", 0, 1))


def read_parts(encoded: EncodedTensor) -> list[tuple[NDArray[np.uint8], int]]:
    """Return each decoder's stream with eight spare bytes, and its bits."""
    n_decoders = int_param(encoded, "n_decoders", 1, MAX_DECODERS)
    pointer_bits = int_param(encoded, "pointer_bits", 0, MAX_POINTER_BITS)
    word_bytes = int_param(encoded, "word_bytes", 1, 64)
    n_bits = read_fields(encoded, "pointers", pointer_bits, n_decoders).astype(np.int64)
    stream = read_stream(encoded, "weights")
    n_bytes = -(-n_bits // 8)
    if stream.n_bits != 8 * int(n_bytes.sum()):
        raise DataError(f"tensor {encoded.name!r}: 'pointers' do not add up to 'weights'")
    whole = stream.data[word_places(n_bytes, word_bytes)]
    spare = np.zeros(8, dtype=np.uint8)
    return [
        (np.concatenate([part, spare]), int(n))
        for part, n in zip(np.split(whole, np.cumsum(n_bytes)[:-1]), n_bits, strict=True)
    ]


def read_mask(encoded: EncodedTensor) -> NDArray[np.bool_]:
    """Return the kept flags in row-major order."""
    code = encoded.params.get("mask")
    if not isinstance(code, Mapping) or not isinstance(code.get("params"), Mapping):
        raise DataError(f"tensor {encoded.name!r}: parameter 'mask' is damaged")
    return decode_mask(
        read_stream(encoded, "mask"), encoded.n_weights, code.get("code", ""), code["params"]
    )
