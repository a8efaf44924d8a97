"""Machines of stages one after another in time: one machine, whose parts do the items of all.

Parts of the same name are one part; its items are those of the stages in order.  A port that a
stage does not use takes and gives nothing in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from f2fsim.errors import SimulationError
from f2fsim.hw.description import (
    Channel,
    Component,
    InPort,
    IntSeq,
    Machine,
    OutPort,
    Reader,
    Writer,
    seq,
)


@dataclass(frozen=True, eq=False)
class StageParts:
    """The parts of one stage: those of a layer's machine, or less than a whole machine."""

    components: tuple[Component, ...]
    channels: tuple[Channel, ...]
    readers: tuple[Reader, ...]
    writers: tuple[Writer, ...]
    burst_bytes: int

    @classmethod
    def of(cls, machine: Machine) -> StageParts:
        """Return the parts of a machine."""
        found = machine.components, machine.channels, machine.readers, machine.writers
        return cls(*found, machine.burst_bytes)


@dataclass
class Pieces:
    """A sequence over the items of several stages, put together from that of each."""

    pieces: list[tuple[int, int, IntSeq]] = field(default_factory=list)

    def add(self, first: int, n_items: int, values: IntSeq) -> None:
        """Take over the values of `n_items` items from item `first` on."""
        if n_items:
            self.pieces.append((first, n_items, values))

    def whole(self, n_items: int) -> IntSeq:
        """Return the sequence; items between the pieces have 0."""
        covered = sum(n for _, n, _ in self.pieces)
        constants = {int(v[0]) if v.shape[0] == 1 else None for _, _, v in self.pieces}
        if covered == n_items and len(constants) == 1 and None not in constants:
            return self.pieces[0][2][:1]
        values = np.zeros(max(n_items, 1), dtype=np.int64)
        for first, n, piece in self.pieces:
            values[first : first + n] = piece
        return values


@dataclass
class _Port:
    cause: str
    values: Pieces = field(default_factory=Pieces)
    release: Pieces = field(default_factory=Pieces)
    is_released_apart: bool = False
    release_at_end: bool = False


@dataclass
class _Part:
    kind: str
    clock_hz: int
    n_items: int = 0
    service: Pieces = field(default_factory=Pieces)
    inputs: dict[str, _Port] = field(default_factory=dict)
    outputs: dict[str, _Port] = field(default_factory=dict)
    actions: dict[str, int] = field(default_factory=dict)
    marks: list[int] = field(default_factory=list)


@dataclass
class _Stream:
    """A reader or writer: its segments, and what its gate takes or its ports tell."""

    clock_hz: int
    channel: str
    requests_per_cycle: int
    addresses: list[IntSeq] = field(default_factory=list)
    n_bits: list[IntSeq] = field(default_factory=list)
    n_segments: int = 0
    ports: dict[str, _Port] = field(default_factory=dict)


@dataclass
class Joiner:
    """Collects the parts of stages and makes one machine of them."""

    burst_bytes: int
    parts: dict[str, _Part] = field(default_factory=dict)
    channels: dict[str, tuple[int, int]] = field(default_factory=dict)
    readers: dict[str, _Stream] = field(default_factory=dict)
    writers: dict[str, _Stream] = field(default_factory=dict)

    def channel(self, one: Channel) -> None:
        """Add a channel, or make it as large as this stage wants it."""
        capacity, latency = self.channels.get(one.name, (one.capacity, one.latency_cycles))
        if latency != one.latency_cycles:
            raise SimulationError(f"channel {one.name}: stages want latencies of their own")
        self.channels[one.name] = max(capacity, one.capacity), latency

    def component(self, one: Component) -> None:
        """Let a part do the items of one more stage."""
        part = self.parts.setdefault(one.name, _Part(one.kind, one.clock_hz))
        first, n = part.n_items, one.n_items
        part.service.add(first, n, one.service_cycles)
        for port in one.inputs:
            held = part.inputs.setdefault(port.channel, _Port(port.cause))
            held.values.add(first, n, port.need)
            held.release.add(first, n, port.released)
            held.is_released_apart |= port.release is not None
            held.release_at_end = port.release_at_end
        for out in one.outputs:
            into = part.outputs.setdefault(out.channel, _Port(out.cause))
            into.values.add(first, n, out.emit)
        for action, count in one.actions.items():
            part.actions[action] = part.actions.get(action, 0) + count
        part.marks += [first + mark for mark in one.marks]
        part.n_items += n

    def reader(self, one: Reader) -> None:
        """Let a reader read the segments of one more stage."""
        gate = (one.gate,) if one.gate else ()
        _extend(self.readers, one, [(port.channel, port.cause, port.need) for port in gate])

    def writer(self, one: Writer) -> None:
        """Let a writer write the segments of one more stage."""
        _extend(self.writers, one, [(out.channel, out.cause, out.emit) for out in one.done])

    def machine(self) -> Machine:
        """Return the machine; `SimulationError` lists every wiring problem."""
        return Machine(
            tuple(_component(name, part) for name, part in self.parts.items()),
            tuple(Channel(name, *sizes) for name, sizes in self.channels.items()),
            tuple(_reader(name, stream) for name, stream in self.readers.items()),
            tuple(_writer(name, stream) for name, stream in self.writers.items()),
            self.burst_bytes,
        )


def _extend(
    streams: dict[str, _Stream],
    one: Reader | Writer,
    ports: Sequence[tuple[str, str, IntSeq]],
) -> None:
    new = _Stream(one.clock_hz, one.channel, one.requests_per_cycle)
    stream = streams.setdefault(one.name, new)
    n = one.n_bits.shape[0]
    for channel, cause, values in ports:
        stream.ports.setdefault(channel, _Port(cause)).values.add(stream.n_segments, n, values)
    stream.addresses.append(one.addresses)
    stream.n_bits.append(one.n_bits)
    stream.n_segments += n


def _component(name: str, part: _Part) -> Component:
    n = part.n_items
    return Component(
        name,
        part.kind,
        part.clock_hz,
        n,
        part.service.whole(n),
        tuple(_in_port(channel, port, n) for channel, port in part.inputs.items()),
        tuple(OutPort(c, port.values.whole(n), port.cause) for c, port in part.outputs.items()),
        dict(part.actions),
        tuple(part.marks),
    )


def _in_port(channel: str, port: _Port, n: int) -> InPort:
    release = port.release.whole(n) if port.is_released_apart else None
    return InPort(channel, port.values.whole(n), port.cause, release, port.release_at_end)


def _segments(stream: _Stream) -> tuple[IntSeq, IntSeq]:
    return seq(np.concatenate(stream.addresses)), seq(np.concatenate(stream.n_bits))


def _reader(name: str, stream: _Stream) -> Reader:
    gates = [InPort(c, p.values.whole(stream.n_segments), p.cause) for c, p in stream.ports.items()]
    gate = gates[0] if gates else None
    limit = stream.requests_per_cycle
    return Reader(name, stream.clock_hz, stream.channel, *_segments(stream), limit, gate)


def _writer(name: str, stream: _Stream) -> Writer:
    done = [OutPort(c, p.values.whole(stream.n_segments), p.cause) for c, p in stream.ports.items()]
    limit = stream.requests_per_cycle
    return Writer(name, stream.clock_hz, stream.channel, *_segments(stream), limit, tuple(done))
