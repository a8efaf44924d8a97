"""The KV cache in memory: a region for the keys and one for the values of each head and sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from f2fsim.config.operation import KV_BITS, Attention
from f2fsim.hw.description import IntSeq, seq
from f2fsim.hw.machine_builder import MachineBuilder


@dataclass(frozen=True, eq=False)
class Cache:
    """Where keys and values of one attention lie.

    Attributes
    ----------
    regions : IntSeq, shape (batch · kv_heads, 2)
        Byte addresses of keys and of values, tokens one after another.
    token_bits : int
        Bits of a token in a region.
    burst_bytes : int
        Access granularity.
    """

    regions: IntSeq
    token_bits: int
    burst_bytes: int

    @classmethod
    def allocate(cls, builder: MachineBuilder, attention: Attention, batch: int) -> Cache:
        """Return regions for all tokens, those that are new among them."""
        token_bits = attention.head_size * KV_BITS[attention.kv_type]
        n_bits = (attention.context + attention.n_tokens) * token_bits
        n_regions = 2 * batch * attention.n_kv_heads
        addresses = builder.allocate([n_bits] * n_regions)
        return cls(addresses.reshape(-1, 2), token_bits, builder.burst_bytes)

    def appended(self, context: int, n_tokens: int) -> tuple[IntSeq, IntSeq]:
        """Return addresses and bits of the new tokens, region by region.

        A write begins at the burst in which the first new token lies.
        """
        begin = context * self.token_bits // (8 * self.burst_bytes) * self.burst_bytes
        flat = seq(self.regions.reshape(-1) + begin)
        return flat, np.full(flat.shape[0], n_tokens * self.token_bits, dtype=np.int64)

    def read(self, head: int, which: int, old: int, n_tokens: int) -> list[tuple[int, int, bool]]:
        """Return address, bits and newness of the pieces of a region's first `n_tokens` tokens.

        `old` of them were there before the run; the burst in which the first new one lies is new.
        """
        burst = 8 * self.burst_bytes
        base, whole = int(self.regions[head, which]), n_tokens * self.token_bits
        before = min(old * self.token_bits // burst * burst, whole)
        pieces = [(base, before, False), (base + before // 8, whole - before, True)]
        return [piece for piece in pieces if piece[1]]


@dataclass(frozen=True)
class Tile:
    """The work of one head of keys on one tile of queries."""

    head: int
    n_queries: int
    n_visible: int
