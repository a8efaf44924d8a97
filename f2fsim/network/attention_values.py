"""Values through an attention: bytes of the cache written and read where the machine does it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from f2fsim.config.operation import KV_BITS, Attention
from f2fsim.network.attention import array_order
from f2fsim.network.cache import Cache, Tile
from f2fsim.network.integers import Ints, in_cache, probabilities


class CacheImage:
    """The memory that a cache lies in, byte by byte."""

    def __init__(self, cache: Cache, work: Attention) -> None:
        self.cache, self.work = cache, work
        self.base = int(cache.regions.min())
        tokens = work.context + work.n_tokens
        end = int(cache.regions.max()) + -(-tokens * cache.token_bits // 8) + cache.burst_bytes
        self.bits = np.zeros(8 * (end - self.base), dtype=np.uint8)

    def put(self, head: int, which: int, first: int, rows: Ints) -> None:
        """Write tokens from `first` on, shape (tokens, head_size)."""
        n_bits = KV_BITS[self.work.kv_type]
        patterns = rows & ((1 << n_bits) - 1)
        bits = (patterns[..., None] >> np.arange(n_bits)) & 1
        at = 8 * (int(self.cache.regions[head, which]) - self.base) + first * self.cache.token_bits
        self.bits[at : at + bits.size] = bits.reshape(-1)

    def get(self, head: int, which: int, n_tokens: int) -> Ints:
        """Read the first tokens, piece by piece as the stream engine does."""
        pieces = self.cache.read(head, which, self.work.context, n_tokens)
        found = [self.bits[8 * (address - self.base) :][:n_bits] for address, n_bits, _ in pieces]
        n_bits = KV_BITS[self.work.kv_type]
        bits = np.concatenate(found).reshape(n_tokens, self.work.head_size, n_bits)
        patterns = (bits.astype(np.int64) << np.arange(n_bits)).sum(axis=-1)
        numbers: Ints = patterns - ((patterns >> (n_bits - 1)) << n_bits)
        return numbers


def old_tokens(work: Attention, batch: int, seed: int) -> Ints:
    """Draw what the cache held before, shape (batch · kv_heads, 2, context, head_size)."""
    rng = np.random.default_rng(seed)
    shape = batch * work.n_kv_heads, 2, work.context, work.head_size
    return in_cache(rng.integers(-128, 128, shape), work.kv_type)


def by_head(values: Ints, work: Attention, n_heads: int) -> Ints:
    """Return activations (batch, tokens · heads · size) as (batch · heads, tokens, size)."""
    batch = values.shape[0]
    shaped = values.reshape(batch, work.n_tokens, n_heads, work.head_size)
    return shaped.transpose(0, 2, 1, 3).reshape(batch * n_heads, work.n_tokens, work.head_size)


def attention_values(
    work: Attention,
    cache: Cache,
    tiles: Sequence[Tile],
    activations: tuple[Ints, Ints, Ints],
    old: Ints,
) -> Ints:
    """Return the sums of the context as the array makes them, tile by tile from the cache.

    Parameters
    ----------
    work, cache, tiles
        The stage.
    activations : (Ints, Ints, Ints)
        Queries, keys, values, shape (batch, values of a sample) each.
    old : Ints
        What the cache held before.
    """
    queries, keys, values = activations
    batch, group = queries.shape[0], work.n_heads // work.n_kv_heads
    image = CacheImage(cache, work)
    for which, new in enumerate((keys, values)):
        for head, rows in enumerate(by_head(new, work, work.n_kv_heads)):
            image.put(head, which, 0, old[head, which])
            image.put(head, which, work.context, in_cache(rows, work.kv_type))
    heads = by_head(queries, work, work.n_heads)
    heads = heads.reshape(batch * work.n_kv_heads, group, work.n_tokens, work.head_size)
    out = np.zeros_like(heads)
    done: dict[int, int] = {}
    taken: dict[int, tuple[slice, Ints]] = {}
    for what, place in array_order(len(tiles)):
        tile = tiles[place]
        if what == "scores":
            first = done.get(tile.head, 0)
            tokens = slice(first, first + tile.n_queries // group)
            done[tile.head] = tokens.stop
            scores = heads[tile.head][:, tokens] @ image.get(tile.head, 0, tile.n_visible).T
            seen = visible(work, tokens, tile.n_visible)
            taken[place] = tokens, probabilities(scores, seen[None])
            continue
        tokens, shares = taken.pop(place)
        out[tile.head][:, tokens] = shares @ image.get(tile.head, 1, tile.n_visible)
    return together(out.reshape(batch, work.n_heads, work.n_tokens, work.head_size))


def visible(work: Attention, tokens: slice, n_visible: int) -> NDArray[np.bool_]:
    """Return which of the first `n_visible` tokens each of the new `tokens` sees."""
    places = np.arange(n_visible)[None, :]
    if not work.causal:
        return np.ones((tokens.stop - tokens.start, n_visible), dtype=np.bool_)
    return np.asarray(places <= work.context + np.arange(tokens.start, tokens.stop)[:, None])


def together(heads: Ints) -> Ints:
    """Return (batch, heads, tokens, size) as activations (batch, tokens · heads · size)."""
    return heads.transpose(0, 2, 1, 3).reshape(heads.shape[0], -1)
