"""The machine of a whole network: stages joined in time, with what stays on the chip kept there.

Beside the parts of a layer's machine it has the **vector unit**, through which all outputs go;
**scratchpad keep**, which stores outputs that stay; and tokens between them
(`f2fsim.network.order`).  ``docs/network.md`` says what each does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from f2fsim.hw.description import Channel, Component, InPort, IntSeq, Machine, OutPort, Reader, seq
from f2fsim.hw.streams import fill_width_bits
from f2fsim.network.context import Network
from f2fsim.network.join import Joiner, StageParts
from f2fsim.network.order import (
    KEPT_FOR_ARRAY,
    KEPT_FOR_VECTOR,
    WRITTEN_FOR_ACTIVATIONS,
    WRITTEN_FOR_CACHE,
    WRITTEN_FOR_OPERANDS,
)
from f2fsim.network.outputs import OutputPath, output_path
from f2fsim.network.play import held_streams, with_store
from f2fsim.network.stages import CacheAppend
from f2fsim.network.vector_items import output_bits

#: Parts and channels of a layer's machine that a network's machine replaces.
FILL, TILES, ACTIVATIONS, OUTPUTS = "scratchpad fill", "activation tiles", "activations", "outputs"
SCRATCHPAD, STAGE_DONE = "scratchpad", "stage done"

NO_INPUT_WAIT = "inputs not made"


def join_stages(network: Network, machines: Sequence[StageParts | None]) -> Machine:
    """Return the machine that runs all stages; `machines` are those of layers by themselves."""
    held = held_streams([one for one in machines if one is not None])
    joiner = Joiner(network.builder.burst_bytes)
    present = [one for one in machines if one is not None]
    outputs_room = max((_capacity(one, OUTPUTS) for one in present), default=0)
    for number, machine in enumerate(machines):
        path = output_path(network, number, _segments(network, number, machine), outputs_room)
        if machine is not None:
            _add_product(network, joiner, number, with_store(machine, held), path)
        network.count(number, (*path.readers, *path.writers))
        path.add_to(joiner)
    _add_fills(network, joiner, machines)
    _add_tokens(network, joiner, len(machines))
    return joiner.machine()


def _segments(
    network: Network, number: int, machine: StageParts | None
) -> tuple[IntSeq, IntSeq, int]:
    """Return addresses and bits of a stage's outputs, and the room of the array's own buffer."""
    stage = network.stages[number]
    if machine is not None:
        writer = next(one for one in machine.writers if one.name == OUTPUTS)
        network.addresses[stage.output] = int(writer.addresses[0])
        return writer.addresses, writer.n_bits, _capacity(machine, OUTPUTS)
    if isinstance(stage.work, CacheAppend):
        work = stage.work.attention
        cache = network.cache(work, stage.work.batch)
        return *cache.appended(work.context, work.n_tokens), 0
    n_bits = output_bits(network, number)
    return seq(network.address(stage.output, n_bits)), seq(n_bits), 0


def _capacity(machine: StageParts, channel: str) -> int:
    return next(one.capacity for one in machine.channels if one.name == channel)


def _add_product(
    network: Network, joiner: Joiner, number: int, machine: StageParts, path: OutputPath
) -> None:
    """Add front end and array of a stage, its streams, and how it takes its inputs."""
    for channel in machine.channels:
        if channel.name not in (TILES, OUTPUTS):
            joiner.channel(channel)
    fetched = [reader for reader in machine.readers if reader.name != ACTIVATIONS]
    network.count(number, fetched)
    for reader in fetched:
        joiner.reader(reader)
    for part in machine.components:
        if part.name == FILL:
            continue
        joiner.component(_in_network(network, number, part, path))


def _in_network(network: Network, number: int, part: Component, path: OutputPath) -> Component:
    """Return a part with its ports to scratchpad and outputs as the network has them."""
    inputs, outputs, marks = [], [], (0,) if part.n_items else ()
    for port in part.inputs:
        if port.channel != TILES:
            inputs.append(port)
            continue
        need, release = scaled_tiles(network, number, port)
        rest = unused_bits(network, number, port)
        need[0] += rest
        release[-1] += rest
        inputs.append(InPort(SCRATCHPAD, need, port.cause, release, release_at_end=True))
        marks = (part.n_items - 1,)
        network.arrays[number] = part.name
        if network.takes(KEPT_FOR_ARRAY, number):
            first = np.zeros(part.n_items, dtype=np.int64)
            first[0] = 1
            inputs.append(InPort(KEPT_FOR_ARRAY, first, NO_INPUT_WAIT))
    for out in part.outputs:
        if out.channel == OUTPUTS:
            emit = np.broadcast_to(out.emit, (part.n_items,)).copy()
            emit[0] += path.unused_room
            outputs.append(OutPort(OUTPUTS, emit, out.cause))
        else:
            outputs.append(out)
    if marks and network.arrays.get(number) != part.name:
        network.fronts.setdefault(number, []).append(part.name)
    return replace(part, inputs=tuple(inputs), outputs=tuple(outputs), marks=marks)


def scaled_tiles(network: Network, number: int, port: InPort) -> tuple[IntSeq, IntSeq]:
    """Return need and release of tiles, of which only the share from memory is loaded."""
    share, whole = network.spilled_share(network.stages[number])
    need, release = port.need.copy(), port.released.copy()
    if share != whole:
        need, release = -(-need * share // whole), -(-release * share // whole)
    return need, release


def unused_bits(network: Network, number: int, port: InPort) -> int:
    """Return the bits of the scratchpad that are not for a stage's tiles.

    They are taken while it runs: kept maps, accumulators and held weights lie there.
    """
    need, _ = scaled_tiles(network, number, port)
    return 8 * network.arch.scratchpad.capacity - tile_room(network, need)


def tile_room(network: Network, need: IntSeq) -> int:
    """Return the bits that tiles take at most: one, or two neighbours in a double buffer."""
    sizes = need[need > 0]
    if not sizes.size:
        return 0
    room = int(sizes.max())
    if network.arch.scratchpad.double_buffered and sizes.shape[0] > 1:
        room = max(room, int((sizes[:-1] + sizes[1:]).max()))
    return room


def _add_fills(network: Network, joiner: Joiner, machines: Sequence[StageParts | None]) -> None:
    """Add the loading of tiles: first the rest of the scratchpad is taken, then tiles come in."""
    arch, burst = network.arch, 8 * network.builder.burst_bytes
    width = fill_width_bits(arch)
    joiner.channel(Channel(SCRATCHPAD, 8 * arch.scratchpad.capacity))
    is_read = False
    done = 0
    for number, machine in enumerate(machines):
        if machine is None:
            continue
        port = next(p for c in machine.components for p in c.inputs if p.channel == TILES)
        need, _ = scaled_tiles(network, number, port)
        sizes = seq(need[need > 0]) if need.any() else np.zeros(0, dtype=np.int64)
        chunks = _bursts(sizes, burst)
        emit = np.concatenate([[unused_bits(network, number, port)], chunks])
        inputs = []
        if chunks.size:
            is_read = True
            reader = next(one for one in machine.readers if one.name == ACTIVATIONS)
            loaded = _gated(network, number, replace(reader, n_bits=sizes))
            network.count(number, (loaded,))
            joiner.reader(loaded)
            taken = np.concatenate([[0], chunks]).astype(np.int64)
            inputs.append(InPort(reader.channel, taken, "activations empty"))
        if number:
            waits = np.zeros(emit.shape[0], dtype=np.int64)
            waits[0] = number - done
            inputs.append(InPort(STAGE_DONE, waits, "stage before not done"))
            done = number
        service = -(-np.concatenate([[0], chunks]) // width)
        joiner.component(
            Component(
                FILL,
                "scratchpad",
                arch.clock,
                emit.shape[0],
                seq(service),
                tuple(inputs),
                (OutPort(SCRATCHPAD, seq(emit), "scratchpad full"),),
                {"sram_write_byte": int(sizes.sum()) // 8},
                (0,),
            )
        )
    if not is_read:
        joiner.channels.pop(f"{ACTIVATIONS} buffer", None)


def _gated(network: Network, number: int, reader: Reader) -> Reader:
    """Return the reader of a stage's tiles, which waits for what makes them."""
    if not network.takes(WRITTEN_FOR_ACTIVATIONS, number):
        return reader
    need = np.zeros(reader.n_bits.shape[0], dtype=np.int64)
    need[0] = 1
    return replace(reader, gate=InPort(WRITTEN_FOR_ACTIVATIONS, need, "inputs not written"))


def _bursts(sizes: IntSeq, burst: int) -> IntSeq:
    """Cut each size into bursts, the last one part filled."""
    counts = -(-sizes // burst)
    chunks = np.full(int(counts.sum()), burst, dtype=np.int64)
    if chunks.size:
        chunks[np.cumsum(counts) - 1] = sizes - (counts - 1) * burst
    return chunks


def _add_tokens(network: Network, joiner: Joiner, n_stages: int) -> None:
    """Add the channels of tokens; nobody ever waits to give one."""
    for name in (
        KEPT_FOR_ARRAY,
        KEPT_FOR_VECTOR,
        WRITTEN_FOR_ACTIVATIONS,
        WRITTEN_FOR_OPERANDS,
        WRITTEN_FOR_CACHE,
    ):
        if name in network.waits:
            joiner.channel(Channel(name, len(network.waits[name].given)))
    if any(STAGE_DONE in part.outputs for part in joiner.parts.values()):
        joiner.channel(Channel(STAGE_DONE, n_stages))
