"""The way of a stage's outputs: through the vector unit, then to memory or kept on the chip."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from f2fsim.errors import ConfigError
from f2fsim.hw.description import (
    Channel,
    Component,
    InPort,
    IntSeq,
    OutPort,
    Reader,
    Writer,
    seq,
)
from f2fsim.hw.streams import fill_width_bits
from f2fsim.network.context import APPEND, Network
from f2fsim.network.join import Joiner
from f2fsim.network.order import (
    KEPT_FOR_ARRAY,
    KEPT_FOR_VECTOR,
    WRITTEN_FOR_ACTIVATIONS,
    WRITTEN_FOR_CACHE,
    WRITTEN_FOR_OPERANDS,
)
from f2fsim.network.stages import CacheAppend
from f2fsim.network.vector_items import PROBABILITIES, SCORES, VectorItems

VECTOR, KEEP = "vector unit", "scratchpad keep"
OPERANDS, RESULTS, KEPT = "operands buffer", "results", "kept outputs"

#: The channel before the writer of new keys and values.
APPENDED = "appended"


@dataclass
class OutputPath:
    """The parts behind the array for one stage, ready to be joined."""

    unused_room: int
    channels: list[Channel] = field(default_factory=list)
    components: list[Component] = field(default_factory=list)
    readers: list[Reader] = field(default_factory=list)
    writers: list[Writer] = field(default_factory=list)

    def add_to(self, joiner: Joiner) -> None:
        """Join the parts."""
        for channel in self.channels:
            joiner.channel(channel)
        for part in self.components:
            joiner.component(part)
        for reader in self.readers:
            joiner.reader(reader)
        for writer in self.writers:
            joiner.writer(writer)


def output_path(
    network: Network, number: int, segments: tuple[IntSeq, IntSeq, int], outputs_room: int
) -> OutputPath:
    """Return vector unit, keep and writer of a stage.

    Parameters
    ----------
    network, number
        The stage.
    segments : (IntSeq, IntSeq, int)
        Addresses and bits of its outputs as a layer by itself writes them, and the room that the
        array has for them (0: the vector unit makes them).
    outputs_room : int
        The largest such room of all stages, the size of the channel; what a stage has less is
        taken while it runs.
    """
    addresses, n_bits, room = segments
    path = OutputPath(outputs_room - room if room else 0)
    items = VectorItems(network, number, n_bits, bool(room))
    inputs, outputs = [], []
    if room:
        need, release = items.emit.copy(), items.emit.copy()
        need[items.first] += path.unused_room
        release[-1] += path.unused_room
        inputs.append(InPort("outputs", need, "outputs empty", release))
        path.channels.append(Channel("outputs", outputs_room))
    inputs += _operands(path, items)
    if network.takes(KEPT_FOR_VECTOR, number):
        inputs.append(InPort(KEPT_FOR_VECTOR, items.at(0, 1), "inputs not made"))
    if items.softmax.any():
        inputs.append(InPort(SCORES, items.softmax, "scores not made"))
        outputs.append(OutPort(PROBABILITIES, items.softmax, "probabilities full"))
        path.channels += [Channel(SCORES, 2), Channel(PROBABILITIES, 2)]
    stage = network.stages[number]
    is_kept = stage.output in network.residents
    target = KEPT if is_kept else APPENDED if isinstance(stage.work, CacheAppend) else RESULTS
    outputs.append(OutPort(target, items.emit, f"{target} full"))
    if any(not one.is_vector for one in network.stages[number + 1 :]):
        outputs.append(OutPort("stage done", items.at(-1, 1), "never"))
    path.components.append(items.vector_unit(inputs, outputs))
    if is_kept:
        _add_keep(path, items)
    else:
        _add_writer(path, items, target, addresses, n_bits)
    return path


def _operands(path: OutputPath, items: VectorItems) -> list[InPort]:
    """Add the reading of what the vector unit takes from memory, item by item."""
    network, number, burst = items.network, items.number, items.burst
    arch = network.arch
    names = [name for name in items.sizes if name not in network.residents]
    if not names:
        return []
    addresses, bits = [], []
    for name in names:
        size = items.sizes[name]
        upto = -(-np.arange(items.n + 1) * -(-size // burst) // items.n)
        addresses.append(network.address(name, size) + upto[:-1] * (burst // 8))
        bits.append(np.minimum(upto[1:] * burst, size) - np.minimum(upto[:-1] * burst, size))
    all_bits = np.stack(bits, axis=1)
    need = seq(all_bits.sum(axis=1))
    room = 8 * arch.streams.prefetch
    if room < int(need.max()) + burst:
        raise ConfigError(
            f"{arch.place('streams.prefetch')}: stage {items.stage.name!r} takes {len(names)} "
            f"tensors at once and needs at least {-(-(int(need.max()) + burst) // 8)} bytes, "
            f"got {arch.streams.prefetch}"
        )
    flat_bits = all_bits.reshape(-1)
    flat_addresses = np.stack(addresses, axis=1).reshape(-1)
    filled = flat_bits > 0
    gate = None
    if network.takes(WRITTEN_FOR_OPERANDS, number):
        first = np.zeros(int(filled.sum()), dtype=np.int64)
        first[0] = 1
        gate = InPort(WRITTEN_FOR_OPERANDS, first, "inputs not written")
    path.channels.append(Channel(OPERANDS, room))
    path.readers.append(
        Reader(
            "operands",
            arch.clock,
            OPERANDS,
            seq(flat_addresses[filled]),
            seq(flat_bits[filled]),
            arch.streams.requests_per_cycle,
            gate,
        )
    )
    return [InPort(OPERANDS, need, "operands empty")]


def _add_keep(path: OutputPath, items: VectorItems) -> None:
    """Store the outputs in the scratchpad, and tell who waits for them."""
    network = items.network
    width = fill_width_bits(network.arch)
    total = int(items.emit.sum())
    filled = np.full(-(-total // items.burst), items.burst, dtype=np.int64)
    filled[-1] -= int(filled.sum()) - total
    path.channels.append(Channel(KEPT, 4 * items.burst))
    outputs = []
    for channel in (KEPT_FOR_ARRAY, KEPT_FOR_VECTOR):
        if network.gives(channel, items.number):
            last = np.zeros(filled.shape[0], dtype=np.int64)
            last[-1] = 1
            outputs.append(OutPort(channel, last, "never"))
    path.components.append(
        Component(
            KEEP,
            "scratchpad",
            network.arch.clock,
            int(filled.shape[0]),
            seq(-(-filled // width)),
            (InPort(KEPT, filled, "kept outputs empty"),),
            tuple(outputs),
            {"sram_write_byte": int(filled.sum()) // 8},
        )
    )


def _add_writer(
    path: OutputPath, items: VectorItems, target: str, addresses: IntSeq, n_bits: IntSeq
) -> None:
    """Write the outputs, and tell who waits for them when all are in memory."""
    network = items.network
    streams = network.arch.streams
    # The array has a buffer of its own; here waits what goes to the memory, as all streams do.
    path.channels.append(Channel(target, max(8 * streams.prefetch, 2 * items.burst)))
    done = []
    for channel in (WRITTEN_FOR_ACTIVATIONS, WRITTEN_FOR_OPERANDS, WRITTEN_FOR_CACHE):
        if network.gives(channel, items.number):
            last = np.zeros(n_bits.shape[0], dtype=np.int64)
            last[-1] = 1
            done.append(OutPort(channel, last, "never"))
    path.writers.append(
        Writer(
            APPEND if target == APPENDED else "outputs",
            network.arch.clock,
            target,
            addresses,
            n_bits,
            streams.requests_per_cycle,
            tuple(done),
        )
    )
