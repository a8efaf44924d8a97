"""Attention as the parts of a stage, ready to be joined: products of two activations on the array.

For each sample, head of keys and tile of queries the array multiplies the keys of all visible
tokens by the queries (**scores**), the vector unit takes their softmax, and the array multiplies
the values by the probabilities (**context**).  The scores of the next head or tile are made while
the softmax of this one is taken.  Both dense operands pass the front end by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from f2fsim.config.arch import ArchConfig
from f2fsim.config.operation import KV_BITS, Attention
from f2fsim.errors import ConfigError
from f2fsim.hw.arrays import array_kind
from f2fsim.hw.description import InPort, IntSeq, OutPort, Reader, seq
from f2fsim.hw.machine_builder import MachineBuilder
from f2fsim.mapping.geometry import ACCUMULATOR_BITS, split_evenly
from f2fsim.network.cache import Cache, Tile
from f2fsim.network.context import CACHE, Network
from f2fsim.network.join import StageParts
from f2fsim.network.order import WRITTEN_FOR_CACHE
from f2fsim.network.vector_items import PROBABILITIES, SCORES, shares

#: Bits of the cache that an item of the array takes at most.
CHUNK_BITS = 4096


@dataclass(frozen=True)
class AttentionPlan:
    """Tiles of queries, and what the scratchpad holds at most.

    Attributes
    ----------
    tile_tokens : tuple of int
        New tokens of each tile; tokens see all before them, in whole tiles.
    scratchpad_bits : dict
        Queries, scores of two heads or tiles at once, and accumulators of the context.
    """

    tile_tokens: tuple[int, ...]
    scratchpad_bits: dict[str, int]


def plan_attention(
    arch: ArchConfig, work: Attention, free_bits: int, activation_bits: int, on_chip: bool
) -> AttentionPlan:
    """Return the fewest tiles of queries that fit `free_bits` of the scratchpad.

    Raises
    ------
    ConfigError
        If one token does not fit; says what would.
    """
    copies = 2 if arch.scratchpad.double_buffered else 1
    group = work.n_heads // work.n_kv_heads
    visible = work.context + work.n_tokens

    def needs(tokens: int) -> dict[str, int]:
        queries = tokens * group * work.head_size
        return {
            "activations": 0 if on_chip else copies * queries * activation_bits,
            "scores": 2 * tokens * group * visible * ACCUMULATOR_BITS,
            "accumulators": copies * queries * ACCUMULATOR_BITS,
        }

    n_tiles = 1
    while n_tiles < work.n_tokens:
        if sum(needs(-(-work.n_tokens // n_tiles)).values()) <= free_bits:
            break
        n_tiles = min(2 * n_tiles, work.n_tokens)
    found = needs(-(-work.n_tokens // n_tiles))
    least = sum(found.values())
    if least > free_bits:
        raise ConfigError(
            f"{arch.place('scratchpad.capacity')}: attention {work.name!r} needs at least "
            f"{-(-least // 8)} bytes for the scores of one token, got {max(free_bits, 0) // 8} free"
        )
    return AttentionPlan(tuple(split_evenly(work.n_tokens, n_tiles)), found)


def tiles_of(work: Attention, batch: int, plan: AttentionPlan) -> list[Tile]:
    """Return the tiles in order: heads of all samples, and for each its tiles of queries."""
    group = work.n_heads // work.n_kv_heads
    ends = np.cumsum(plan.tile_tokens).tolist()
    whole = work.context + work.n_tokens
    return [
        Tile(head, tokens * group, work.context + end if work.causal else whole)
        for head in range(batch * work.n_kv_heads)
        for tokens, end in zip(plan.tile_tokens, ends, strict=True)
    ]


def array_order(n_tiles: int) -> list[tuple[str, int]]:
    """Return the order of scores and contexts: scores are one tile ahead."""
    order: list[tuple[str, int]] = [("scores", 0)]
    for tile in range(n_tiles):
        if tile + 1 < n_tiles:
            order.append(("scores", tile + 1))
        order.append(("context", tile))
    return order


@dataclass(frozen=True, eq=False)
class AttentionParts:
    """The parts of an attention, and the multiplications that took a slot."""

    parts: StageParts
    macs_issued: int
    tiles: tuple[Tile, ...]


def attention_parts(
    network: Network, number: int, plan: AttentionPlan, weight_type: str
) -> AttentionParts:
    """Return the parts of an attention's stage, its outputs in the order of tiles."""
    stage = network.stages[number]
    work = stage.work
    assert isinstance(work, Attention)
    cache = network.cache(work, stage.batch)
    builder = network.builder.successor(network.arch)
    tiles = tiles_of(work, stage.batch, plan)
    job = _Job(network, builder, work, cache, tiles)
    issued = job.add_array(weight_type)
    network.builder.next_address = builder.next_address
    gated = [job.gated(one) if one.name == CACHE else one for one in builder.readers]
    parts = StageParts(
        tuple(builder.components),
        tuple(builder.channels),
        tuple(gated),
        tuple(builder.writers),
        builder.burst_bytes,
    )
    return AttentionParts(parts, issued, tuple(tiles))


@dataclass
class _Job:
    """Everything that the array's items are made from."""

    network: Network
    builder: MachineBuilder
    work: Attention
    cache: Cache
    tiles: Sequence[Tile]
    first_new: int = field(default=0, init=False)

    def add_array(self, weight_type: str) -> int:
        """Add streams and array; return the multiplications."""
        kind, array = array_kind(self.network.arch), self.network.arch.pe_array
        size, kv_bits = self.work.head_size, KV_BITS[self.work.kv_type]
        pieces: dict[str, list[IntSeq]] = {}
        issued = 0
        for what, place in array_order(len(self.tiles)):
            tile = self.tiles[place]
            rows, depth = (tile.n_visible, size) if what == "scores" else (size, tile.n_visible)
            cycles = kind.dense_cycles(array, rows, depth, tile.n_queries)
            bits = tile.n_visible * size * kv_bits
            n = -(-bits // CHUNK_BITS)
            is_context = int(what == "context")
            for name, values in (
                ("service", shares(cycles, n)),
                ("taken", shares(bits, n)),
                ("scored", at(n, -1, 1 - is_context)),
                ("asked", at(n, 0, is_context)),
                ("ends", at(n, -1, is_context * tile.n_queries * size)),
            ):
                pieces.setdefault(name, []).append(values)
            issued += rows * depth * tile.n_queries
        self._build(weight_type, issued, pieces)
        return issued

    def _build(self, weight_type: str, issued: int, pieces: dict[str, list[IntSeq]]) -> None:
        bits, burst = self.network.activation_bits, 8 * self.builder.burst_bytes
        need = seq(np.concatenate(pieces["taken"]))
        source = self._cache_stream(int(need.max()))
        for name in (SCORES, PROBABILITIES):
            self.builder.channel(name, 2)
        emit = seq(np.concatenate(pieces["ends"]) * bits)
        sizes = [tile.n_queries * self.work.head_size * bits for tile in self.tiles]
        prefetch = 8 * self.network.arch.streams.prefetch
        self.builder.channel("outputs", max(2 * int(emit.max()) + burst, prefetch))
        self.builder.writer("outputs", self.builder.allocate(sizes), seq(sizes), "outputs")
        queries = self._queries([one.shape[0] for one in pieces["taken"]], sizes)
        n_values = int(need.sum()) // KV_BITS[self.work.kv_type]
        mac = f"mac_{weight_type}"
        self.builder.component(
            "pe array",
            "pe_array",
            seq(np.concatenate(pieces["service"])),
            need.shape[0],
            [
                InPort(source, need, f"{CACHE} empty"),
                InPort(PROBABILITIES, seq(np.concatenate(pieces["asked"])), "softmax not done"),
                queries,
            ],
            [
                OutPort(SCORES, seq(np.concatenate(pieces["scored"])), "scores full"),
                OutPort("outputs", emit, "outputs full"),
            ],
            {
                mac: issued,
                "accumulate": issued,
                "sram_read_byte": issued * bits // 8,
                "register_byte": n_values,
            },
        )

    def _cache_stream(self, most_bits: int) -> str:
        """Add the reading of keys and values in the order of the array; return the channel."""
        addresses, n_bits, is_new = [], [], []
        for what, place in array_order(len(self.tiles)):
            tile = self.tiles[place]
            which = 0 if what == "scores" else 1
            for piece in self.cache.read(tile.head, which, self.work.context, tile.n_visible):
                addresses.append(piece[0])
                n_bits.append(piece[1])
                is_new.append(piece[2])
        self.first_new = is_new.index(True)
        return self.builder.reader(CACHE, seq(addresses), seq(n_bits), most_bits)

    def gated(self, reader: Reader) -> Reader:
        """Return the cache's reader, which waits for the new tokens where it first reads one."""
        need = np.zeros(reader.n_bits.shape[0], dtype=np.int64)
        need[self.first_new] = 1
        gate = InPort(WRITTEN_FOR_CACHE, need, "new tokens not written")
        return replace(reader, gate=gate)

    def _queries(self, n_items: Sequence[int], sizes: Sequence[int]) -> InPort:
        """Add the reading of queries; return the array's port."""
        addresses = self.builder.allocate(sizes)
        burst = 8 * self.builder.burst_bytes
        self.builder.reader("activations", addresses, seq(sizes), burst)
        self.builder.channel("activation tiles", 2 * max(sizes))
        need = np.zeros(sum(n_items), dtype=np.int64)
        release = np.zeros(sum(n_items), dtype=np.int64)
        first = 0
        for (what, place), n in zip(array_order(len(self.tiles)), n_items, strict=True):
            if what == "scores":
                need[first] = sizes[place]
                release[first + n - 1] = sizes[place]
            first += n
        port = "activation tiles"
        return InPort(port, need, "activations not loaded", release, release_at_end=True)


def at(n: int, item: int, units: int) -> IntSeq:
    """Return `units` at one of `n` items, none elsewhere."""
    values = np.zeros(n, dtype=np.int64)
    values[item] = units
    return values
