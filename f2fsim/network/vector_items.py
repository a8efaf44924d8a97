"""What the vector unit does in a stage, item by item."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from f2fsim.config.operation import KV_BITS, NETWORK_INPUT, Attention
from f2fsim.hw.description import Component, InPort, IntSeq, OutPort, seq
from f2fsim.network.context import Network
from f2fsim.network.stages import LANE_OPERATIONS, CacheAppend

VECTOR = "vector unit"

#: Between array and vector unit in an attention: a unit a tile.
SCORES, PROBABILITIES = "scores", "probabilities"


class VectorItems:
    """The items of the vector unit in one stage: a burst of its largest stream each.

    An attention has the softmax of a tile before the outputs of the tile before, as the array
    makes scores one tile ahead.

    Attributes
    ----------
    emit : IntSeq, shape (n,)
        Bits of the output that an item makes.
    softmax : IntSeq, shape (n,)
        1 where an item is the softmax of a tile.
    operations : IntSeq, shape (n,)
        Lane operations of each item.
    first : int
        The first item that takes outputs of the array.
    """

    def __init__(self, network: Network, number: int, n_bits: IntSeq, is_product: bool) -> None:
        self.network, self.number, self.stage = network, number, network.stages[number]
        self.burst = 8 * network.builder.burst_bytes
        names = self.stage.operands if is_product else self.stage.takes
        self.sizes = {name: self._bits(name) for name in names}
        tiles = network.tiles.get(number, ())
        if is_product:
            self._outputs_of(n_bits, [one.n_queries * one.n_visible for one in tiles])
        else:
            largest = max([int(n_bits.sum()), *self.sizes.values()])
            self.emit = shares(int(n_bits.sum()), -(-largest // self.burst))
            self.softmax = np.zeros_like(self.emit)
            self.operations = shares(self.stage.n_lane_operations, self.emit.shape[0])
        self.n = int(self.emit.shape[0])
        self.first = int(np.flatnonzero(self.softmax == 0)[0])

    def _outputs_of(self, n_bits: IntSeq, scores: Sequence[int]) -> None:
        """Set the items as outputs leave the array: no burst reaches over a segment."""
        counts = -(-n_bits // self.burst)
        emit = np.full(int(counts.sum()), self.burst, dtype=np.int64)
        emit[np.cumsum(counts) - 1] = n_bits - (counts - 1) * self.burst
        fused = sum(LANE_OPERATIONS[one.op] for one in self.stage.fused) * self.stage.n_values
        operations = shares(fused, emit.shape[0])
        # The softmax of tile i comes before the outputs of tile i - 1, the first ones at the start.
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        places = [0, *starts.tolist()][: len(scores)]
        softmax = LANE_OPERATIONS["softmax"] * seq(scores) if scores else seq([])
        self.emit = np.insert(emit, places, 0)
        self.operations = np.insert(operations, places, softmax)
        self.softmax = np.insert(np.zeros_like(emit), places, 1)

    def _bits(self, name: str) -> int:
        if name == NETWORK_INPUT:
            return self.stage.n_values * self.network.activation_bits
        return self.network.values(name) * self.network.activation_bits

    def at(self, item: int, units: int) -> IntSeq:
        """Return `units` at one item, none elsewhere."""
        values = np.zeros(self.n, dtype=np.int64)
        values[item] = units
        return values

    def vector_unit(self, inputs: Sequence[InPort], outputs: Sequence[OutPort]) -> Component:
        """Return the vector unit; without lanes it takes no time and no energy."""
        network, vector = self.network, self.network.arch.vector
        service, actions = seq(0), {}
        total = int(self.operations.sum())
        if vector is not None and total:
            service = seq(-(-self.operations // vector.lanes))
            kept = [n for n in self.sizes if n in network.residents]
            read = sum(self.sizes[name] for name in kept) // 8
            actions = {"accumulate": total, "sram_read_byte": read}
        return Component(
            VECTOR,
            "vector_unit",
            network.arch.clock,
            self.n,
            service,
            tuple(inputs),
            tuple(outputs),
            {name: n for name, n in actions.items() if n},
            (self.n - 1,),
        )


def output_bits(network: Network, number: int) -> int:
    """Return the bits that a stage of the vector unit makes."""
    stage = network.stages[number]
    if isinstance(stage.work, CacheAppend):
        return stage.n_values * KV_BITS[stage.work.attention.kv_type]
    assert not isinstance(stage.work, Attention)
    return stage.n_values * network.activation_bits


def shares(total: int, n: int) -> IntSeq:
    """Cut `total` into `n` parts that differ by at most one."""
    return seq(np.diff(np.arange(n + 1, dtype=np.int64) * total // n))
