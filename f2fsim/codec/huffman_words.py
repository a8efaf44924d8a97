"""Streams of Huffman decoders as one: words of some bytes that take turns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec.base import IntArray


def _turns(n_bytes: IntArray, word_bytes: int) -> tuple[IntArray, IntArray]:
    """Return decoder and bytes of each word, in the order in which words take turns."""
    n_words = -(-n_bytes // word_bytes)
    decoder = np.repeat(np.arange(n_bytes.shape[0]), n_words)
    number = np.arange(decoder.shape[0]) - np.repeat(np.cumsum(n_words) - n_words, n_words)
    sizes = np.minimum(n_bytes[decoder] - number * word_bytes, word_bytes)
    order = np.lexsort((decoder, number))
    return decoder[order], sizes[order]


def word_places(n_bytes: IntArray, word_bytes: int) -> IntArray:
    """Return where the bytes of the decoders' streams, one after another, lie in the common one."""
    decoder, sizes = _turns(n_bytes, word_bytes)
    owners = np.repeat(decoder.astype(np.uint16), sizes)
    return np.argsort(owners, kind="stable")


def take_turns(parts: list[NDArray[np.uint8]], word_bytes: int) -> NDArray[np.uint8]:
    """Return the decoders' streams, each of whole bytes, as one: a word each in turn."""
    places = word_places(np.array([p.shape[0] for p in parts], dtype=np.int64), word_bytes)
    out = np.empty(places.shape[0], dtype=np.uint8)
    out[places] = np.concatenate(parts)
    return out
