"""The stream of encoded words: of each word only the bits that its plane's rate fills."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from f2fsim.bits import n_bytes_of
from f2fsim.codec.base import BitStream
from f2fsim.codec.f2f import _words
from f2fsim.codec.f2f.rates import PlaneRates
from f2fsim.codec.streams import check_tail
from f2fsim.errors import DataError

#: Bytes that the kernel may touch beyond the stream that it writes.
_SPARE = 8


def pack_words(words: NDArray[np.uint16], rates: PlaneRates, n_groups: int) -> BitStream:
    """Return the stream of words ``[n_blocks, n_planes]`` whose unfilled bits are 0."""
    n_bits = rates.n_bits(words.shape[0], n_groups)
    data = np.zeros(n_bytes_of(n_bits) + _SPARE, dtype=np.uint8)
    if n_bits:
        _words.pack_words(np.ascontiguousarray(words), rates.fills, n_groups, data)
    return BitStream(data[: n_bytes_of(n_bits)].copy(), n_bits)


def unpack_words(
    stream: BitStream, rates: PlaneRates, n_blocks: int, n_groups: int, what: str
) -> NDArray[np.uint16]:
    """Return the words of a stream; `DataError` if it is not exactly as long as they are."""
    n_bits = rates.n_bits(n_blocks, n_groups)
    if stream.n_bits != n_bits:
        raise DataError(f"{what}: {stream.n_bits} bits in place of {n_bits}")
    check_tail(stream, what)
    words = np.empty((n_blocks, len(rates.sixty_fourths)), dtype=np.uint16)
    if words.size:
        _words.unpack_words(stream.data, rates.fills, n_groups, words)
    return words
