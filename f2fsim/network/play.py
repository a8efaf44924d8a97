"""Weights that some layers hold on the chip and others do not: one way to the front end for all.

A layer that holds its weights has a store between stream engine and front end.  Where the layers of
a network differ, those that hold none pass their weights through it, in no time of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from f2fsim.hw.description import Channel, Component, InPort, OutPort, seq
from f2fsim.hw.streams import CHUNK_BITS
from f2fsim.network.join import StageParts


def held_streams(machines: Sequence[StageParts]) -> tuple[str, ...]:
    """Return the encoded streams that at least one layer holds on the chip."""
    names = {part.name for one in machines for part in one.components}
    streams = {reader.name for one in machines for reader in one.readers}
    return tuple(sorted(name for name in streams if f"{name} store" in names))


def with_store(machine: StageParts, streams: Sequence[str]) -> StageParts:
    """Return a layer's machine in which all of `streams` go through a store."""
    present = {part.name for part in machine.components}
    for name in streams:
        reader = next((one for one in machine.readers if one.name == name), None)
        if reader is None or f"{name} store" in present:
            continue
        machine = _passed(machine, name, reader.channel, int(reader.n_bits.sum()))
    return machine


def _passed(machine: StageParts, name: str, buffer: str, n_bits: int) -> StageParts:
    held = f"{name} held"
    room = next(one.capacity for one in machine.channels if one.name == buffer)
    chunk = max(min(CHUNK_BITS, room - 8 * machine.burst_bytes), 1)
    chunks = np.full(-(-n_bits // chunk), chunk, dtype=np.int64)
    chunks[-1] = n_bits - chunk * (chunks.shape[0] - 1)
    most = 0
    parts = []
    for part in machine.components:
        inputs = []
        for port in part.inputs:
            if port.channel == buffer:
                most = max(most, int(port.need.max()))
                port = replace(port, channel=held)
            inputs.append(port)
        parts.append(replace(part, inputs=tuple(inputs)))
    clock = machine.components[0].clock_hz
    taken = (InPort(buffer, chunks, f"{name} empty"),)
    given = (OutPort(held, chunks, f"{name} held full"),)
    n = chunks.shape[0]
    parts.append(Component(f"{name} store", "weight_buffer", clock, n, seq(0), taken, given))
    channels = (*machine.channels, Channel(held, most + 2 * CHUNK_BITS))
    return replace(machine, components=tuple(parts), channels=channels)
