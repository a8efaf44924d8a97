"""A machine under construction: parts are added, addresses are handed out, then it is built."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from f2fsim.config.arch import ArchConfig
from f2fsim.errors import ConfigError
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
from f2fsim.hw.one_in_time import Timing


@dataclass
class MachineBuilder:
    """Collects the parts of one layer's machine.

    With `one_form` an array that has a form with a component for each PE, for small layers, takes
    its other one: layers that become one machine in time must have the same parts.  `n_regions`
    are the equal pieces of the memory that have a channel each.
    """

    arch: ArchConfig
    burst_bytes: int
    capacity_bytes: int
    components: list[Component] = field(default_factory=list)
    channels: list[Channel] = field(default_factory=list)
    readers: list[Reader] = field(default_factory=list)
    writers: list[Writer] = field(default_factory=list)
    next_address: int = 0
    one_form: bool = False
    n_regions: int = 1
    region_bytes: dict[int, int] = field(default_factory=dict)

    def channel(self, name: str, capacity: int, latency_cycles: int = 1) -> str:
        """Add a channel and return its name."""
        self.channels.append(Channel(name, capacity, latency_cycles))
        return name

    def component(
        self,
        name: str,
        kind: str,
        service_cycles: IntSeq,
        n_items: int,
        inputs: Sequence[InPort] = (),
        outputs: Sequence[OutPort] = (),
        actions: Mapping[str, int] | None = None,
    ) -> None:
        """Add a component on the core clock."""
        counted = {action: int(n) for action, n in (actions or {}).items() if n}
        self.components.append(
            Component(
                name,
                kind,
                self.arch.clock,
                n_items,
                seq(service_cycles),
                tuple(inputs),
                tuple(outputs),
                counted,
            )
        )

    def allocate(self, n_bits: Sequence[int], region: int | None = None) -> IntSeq:
        """Return addresses for regions of these sizes, one behind the other.

        Each starts at a burst: what lies in two of them never shares one.  Small regions that
        started on pages would all begin at the first channel, each in a row of its own.

        With `region` they lie in that piece of the memory (modulo their number), where there are
        several: streams that have channels to themselves.  The others share the last piece then.

        Raises
        ------
        ConfigError
            If the memory, or the piece, is full.
        """
        if self.n_regions > 1:
            last = self.n_regions - 1
            return self._allocate_in(n_bits, last if region is None else region % self.n_regions)
        addresses = []
        for bits in n_bits:
            addresses.append(self.next_address)
            self.next_address += self._bursts(bits)
        if self.next_address > self.capacity_bytes:
            raise ConfigError(
                f"{self.arch.place('memory.preset')}: a layer needs {self.next_address} "
                f"bytes, {self.arch.memory.preset} has {self.capacity_bytes}"
            )
        return seq(np.array(addresses, dtype=np.int64))

    def _allocate_in(self, n_bits: Sequence[int], region: int) -> IntSeq:
        size = self.capacity_bytes // self.n_regions
        addresses = []
        used = self.region_bytes.get(region, 0)
        for bits in n_bits:
            addresses.append(region * size + used)
            used += self._bursts(bits)
        self.region_bytes[region] = used
        if used > size:
            raise ConfigError(
                f"{self.arch.place('memory.preset')}: a layer needs {used} bytes in channel "
                f"{region}, one of {self.arch.memory.preset} has {size}"
            )
        return seq(np.array(addresses, dtype=np.int64))

    def successor(self, arch: ArchConfig) -> MachineBuilder:
        """Return an empty builder for a part of the same machine, its addresses behind mine."""
        return MachineBuilder(
            arch,
            self.burst_bytes,
            self.capacity_bytes,
            next_address=self.next_address,
            one_form=True,
            n_regions=self.n_regions,
            region_bytes=self.region_bytes,
        )

    @property
    def place(self) -> Hashable:
        """What decides where in memory the parts lie that are added from here on."""
        memory = self.burst_bytes, self.capacity_bytes, self.n_regions
        return memory, self.next_address, tuple(sorted(self.region_bytes.items())), self.one_form

    def beginning(self) -> MachineBuilder:
        """Return a builder without parts whose addresses go on from mine."""
        return replace(
            self,
            components=[],
            channels=[],
            readers=[],
            writers=[],
            region_bytes=dict(self.region_bytes),
        )

    def take(self, begun: MachineBuilder) -> None:
        """Add the parts of another builder that began where mine are, and go on from there."""
        self.components += begun.components
        self.channels += begun.channels
        self.readers += begun.readers
        self.writers += begun.writers
        self.next_address = begun.next_address
        self.region_bytes.update(begun.region_bytes)

    def _bursts(self, n_bits: int) -> int:
        """Return the bytes of the bursts that hold so many bits."""
        return -(-n_bits // (8 * self.burst_bytes)) * self.burst_bytes

    def reader(
        self,
        name: str,
        addresses: IntSeq,
        n_bits: IntSeq,
        most_bits: int,
        buffer_bytes: int | None = None,
    ) -> str:
        """Add a stream engine and its channel; returns the channel.

        Its buffer has ``streams.prefetch`` bytes, or `buffer_bytes` if a front end says its own.

        Raises
        ------
        ConfigError
            If the prefetch buffer cannot hold what one item takes (`most_bits`) and a burst.
        """
        own = buffer_bytes is not None
        n_bytes = buffer_bytes if buffer_bytes is not None else self.arch.streams.prefetch
        capacity = 8 * n_bytes
        least = most_bits + 8 * self.burst_bytes
        if capacity < least:
            key = "front_end.buffer_bytes" if own else "streams.prefetch"
            raise ConfigError(
                f"{self.arch.place(key)}: stream {name!r} needs at "
                f"least {-(-least // 8)} bytes for one step and a burst, "
                f"got {n_bytes}"
            )
        filled = n_bits > 0
        channel = self.channel(f"{name} buffer", capacity)
        limit = self.arch.streams.requests_per_cycle
        self.readers.append(
            Reader(name, self.arch.clock, channel, addresses[filled], n_bits[filled], limit)
        )
        return channel

    def writer(self, name: str, addresses: IntSeq, n_bits: IntSeq, channel: str) -> None:
        """Add a stream engine that writes what comes through `channel`."""
        filled = n_bits > 0
        limit = self.arch.streams.requests_per_cycle
        self.writers.append(
            Writer(name, self.arch.clock, channel, addresses[filled], n_bits[filled], limit)
        )

    def build(self, timing: Timing | None = None) -> Machine:
        """Return the machine; `SimulationError` lists every wiring problem."""
        return Machine(
            tuple(self.components),
            tuple(self.channels),
            tuple(self.readers),
            tuple(self.writers),
            self.burst_bytes,
            timing,
        )

    @property
    def n_parts(self) -> tuple[int, ...]:
        """How many components, channels, readers and writers there are."""
        parts = self.components, self.channels, self.readers, self.writers
        return tuple(len(one) for one in parts)


def sequence_bytes(of: Machine | MachineBuilder) -> int:
    """Return the bytes of all sequences; one that several ports have counts for each."""
    found = sum(c.service_cycles.nbytes for c in of.components)
    found += sum(p.need.nbytes + p.released.nbytes for c in of.components for p in c.inputs)
    found += sum(out.emit.nbytes for c in of.components for out in c.outputs)
    found += sum(e.addresses.nbytes + e.n_bits.nbytes for e in (*of.readers, *of.writers))
    return int(found)
