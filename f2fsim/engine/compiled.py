"""The `compiled` engine: lays a machine description out in tables and runs the kernel on them.

Gives the same counters as the `event` engine (``tests/engine/test_engine_equal.py``), without
tracing.
All sizes are checked here; the kernel trusts them.
"""

from __future__ import annotations

import numpy as np

from f2fsim.config.dram import DramSpec
from f2fsim.engine._network import Network
from f2fsim.engine.ledger import part_stats
from f2fsim.engine.limits import check_span, deadlock
from f2fsim.engine.memory import memory_counters
from f2fsim.engine.outcome import Outcome
from f2fsim.hw.description import (
    Component,
    InPort,
    IntSeq,
    Machine,
    OutPort,
    Reader,
    Writer,
    seq,
)
from f2fsim.hw.dram import DramParams, DramSystem
from f2fsim.units import ticks_per_second

Rows = list[list[int]]


class _Pool:
    """Sequences one after another in one array; equal objects are stored once."""

    def __init__(self) -> None:
        self.arrays: list[IntSeq] = []
        self.size = 0
        self.known: dict[int, int] = {}

    def add(self, values: IntSeq) -> tuple[int, int]:
        """Return offset and stride (0 for a constant) of a sequence."""
        if id(values) not in self.known:
            self.known[id(values)] = self.size
            self.arrays.append(values)
            self.size += values.shape[0]
        return self.known[id(values)], int(values.shape[0] > 1)

    def array(self) -> IntSeq:
        """Return the pool."""
        return np.concatenate(self.arrays) if self.arrays else np.zeros(1, dtype=np.int64)


class _Rings:
    """Places for ring buffers in one array, sizes rounded up to powers of two."""

    def __init__(self) -> None:
        self.size = 0

    def add(self, entries: int) -> tuple[int, int]:
        """Return offset and mask of a ring for at least `entries` entries."""
        length = 1 << max(1, int(entries - 1).bit_length())
        offset = self.size
        self.size += length
        return offset, length - 1


class _Layout:
    """The tables of one machine, in the columns that ``_network.pyx`` names."""

    def __init__(self, machine: Machine, ticks: int) -> None:
        self.machine, self.ticks = machine, ticks
        self.pool, self.rings = _Pool(), _Rings()
        self.index = {channel.name: i for i, channel in enumerate(machine.channels)}
        self.engines = machine.engines
        self.puts = [0] * len(machine.channels)
        self.gives = [0] * len(machine.channels)
        self.producer = [0] * len(machine.channels)
        self.consumer = [0] * len(machine.channels)
        self.latency_period = [1] * len(machine.channels)
        self.part: list[list[int]] = []
        self.links: list[list[int]] = []
        self.inp: list[list[int]] = []
        self.out: list[list[int]] = []
        # First of all in the pool: the kernel notes the ends of marked items at the same places.
        self.marks = {c.name: self.pool.add(seq(c.marks))[0] for c in machine.components if c.marks}
        self.n_marks = self.pool.size
        for component in machine.components:
            self._component(component)
        for engine in self.engines:
            self._engine(engine, machine.n_bursts[engine.name])

    def _component(self, c: Component) -> None:
        me, period = len(self.part), self.ticks // c.clock_hz
        first = len(self.inp), len(self.out)
        for port in c.inputs:
            channel = self.index[port.channel]
            self.consumer[channel], self.gives[channel] = me, c.n_items
            self.inp.append(
                [
                    channel,
                    *self.pool.add(port.need),
                    *self.pool.add(port.released),
                    int(port.release_at_end),
                ]
            )
        for out in c.outputs:
            channel = self.index[out.channel]
            self.producer[channel], self.puts[channel] = me, c.n_items
            self.latency_period[channel] = period
            self.out.append([channel, *self.pool.add(out.emit)])
        service = self.pool.add(c.service_cycles)
        ends = len(self.inp), len(self.out)
        marks = self.marks.get(c.name, 0)
        row = [period, c.n_items, *service, first[0], ends[0], first[1], ends[1], 0]
        self.part.append([*row, marks, marks + len(c.marks)])

    def _engine(self, engine: Reader | Writer, n_bursts: int) -> None:
        me, period = len(self.part), self.ticks // engine.clock_hz
        channel = self.index[engine.channel]
        reads = isinstance(engine, Reader)
        if reads:
            self.producer[channel], self.puts[channel] = me, n_bursts
            self.latency_period[channel] = period
        else:
            self.consumer[channel], self.gives[channel] = me, n_bursts
        self.part.append([period, n_bursts, 0, 0, 0, 0, 0, 0, 1 if reads else 2, 0, 0])
        self.links.append(self._links(engine, me, period))

    def _links(self, engine: Reader | Writer, me: int, period: int) -> list[int]:
        """Return the columns of a stream's gate and of what it tells when segments are done."""
        n_segments, first = engine.n_bits.shape[0], len(self.out)
        gate = [-1, 0, 0]
        if isinstance(engine, Writer):
            for out in engine.done:
                channel = self.index[out.channel]
                self.producer[channel], self.puts[channel] = me, n_segments
                self.latency_period[channel] = period
                self.out.append([channel, *self.pool.add(out.emit)])
        elif engine.gate is not None:
            channel = self.index[engine.gate.channel]
            self.consumer[channel], self.gives[channel] = me, n_segments
            gate = [channel, *self.pool.add(engine.gate.need)]
        return [*gate, first, len(self.out)]

    def channels(self) -> Rows:
        """Return the table of channels; a ring never holds more entries than places or puts."""
        rows = []
        for i, channel in enumerate(self.machine.channels):
            put_ring = self.rings.add(min(channel.capacity, self.puts[i]) + 2)
            give_ring = self.rings.add(min(channel.capacity, self.gives[i]) + 2)
            latency = channel.latency_cycles * self.latency_period[i]
            ends = self.producer[i], self.consumer[i]
            rows.append([channel.capacity, latency, *ends, *put_ring, *give_ring])
        return rows

    def streams(self) -> Rows:
        """Return the table of readers and writers."""
        rows = []
        for engine, links in zip(self.engines, self.links, strict=True):
            channel = self.index[engine.channel]
            n_bursts, smallest = engine.bursts(self.machine.burst_bytes)
            places = self.machine.channels[channel].capacity // smallest
            ring = self.rings.add(min(places, n_bursts) + 2)
            addresses, bits = self.pool.add(engine.addresses)[0], self.pool.add(engine.n_bits)[0]
            n_segments = engine.n_bits.shape[0]
            row = [channel, addresses, bits, n_segments, engine.requests_per_cycle, *ring]
            rows.append([*row, *links])
        return rows


def run_compiled(
    machine: Machine, dram: DramParams | None = None, spec: DramSpec | None = None
) -> Outcome:
    """Run a machine with the compiled kernel.

    Parameters
    ----------
    machine : Machine
        The elaborated machine.
    dram : DramParams or None
        The memory behind readers and writers.
    spec : DramSpec or None
        Its preset, for the energy.

    Raises
    ------
    DeadlockError
        If no part can go on; lists who waits on what.
    SimulationError
        If a part's own work takes longer than the engines can count.
    """
    clocks = [*machine.clocks_hz, *([dram.clock_hz] if dram else [])]
    ticks = ticks_per_second(clocks)
    check_span(machine, ticks)
    layout = _Layout(machine, ticks)
    tables = layout.part, layout.inp, layout.out, layout.channels(), layout.streams()
    memory = DramSystem(dram, max(len(layout.engines), 1)) if dram else None
    network = Network(
        layout.pool.array(),
        tables,
        layout.rings.size,
        layout.n_marks,
        machine.burst_bytes,
        ticks // dram.clock_hz if dram else 1,
        memory,
    )
    if not network.run():
        raise deadlock(machine, _waits(layout, network))
    return _outcome(layout, network, memory, dram, spec)


def _waits(layout: _Layout, network: Network) -> dict[str, tuple[str, str]]:
    """Return cause and channel by the name of each part that waits."""
    waits = {}
    for p, part in enumerate(layout.machine.parts):
        port = network.waits_on(p)
        if port < 0:
            continue
        if isinstance(part, Component):
            # The ports are numbered inputs, the service, outputs; nobody waits in a service.
            ports: tuple[InPort | OutPort, ...] = (*part.inputs, *part.outputs)
            at = ports[port - (port > len(part.inputs))]
            waits[part.name] = at.cause, at.channel
        else:
            side = "full" if isinstance(part, Reader) else "empty"
            waits[part.name] = f"{part.channel} {side}", part.channel
            if isinstance(part, Reader) and part.gate is not None and port:
                waits[part.name] = part.gate.cause, part.gate.channel
    return waits


def _outcome(
    layout: _Layout,
    network: Network,
    memory: DramSystem | None,
    dram: DramParams | None,
    spec: DramSpec | None,
) -> Outcome:
    parts = layout.machine.parts
    counts = network.part_counts()
    end = max((one for one, _ in counts), default=0)
    in_stall, out_stall = network.port_stalls()
    stream_stalls = network.stream_stalls()
    stats = []
    n_components = len(layout.machine.components)
    for p, part in enumerate(parts):
        stalls: dict[str, int] = {}
        if isinstance(part, Component):
            row = layout.part[p]
            ports: tuple[InPort | OutPort, ...] = (*part.inputs, *part.outputs)
            cycles = in_stall[row[4] : row[5]] + out_stall[row[6] : row[7]]
            for port, n in zip(ports, cycles, strict=True):
                if n:
                    stalls[port.cause] = stalls.get(port.cause, 0) + n
        else:
            side = "full" if isinstance(part, Reader) else "empty"
            for_memory, other, at_gate = stream_stalls[p - n_components]
            stalls = {"memory": for_memory, f"{part.channel} {side}": other}
            if isinstance(part, Reader) and part.gate is not None:
                stalls[part.gate.cause] = stalls.get(part.gate.cause, 0) + at_gate
        stats.append(part_stats(part, counts[p][1], stalls, end, layout.ticks))
    times = network.mark_times()
    marks = {
        part.name: tuple(times[row[9] : row[10]])
        for part, row in zip(parts, layout.part, strict=True)
        if row[10] > row[9]
    }
    if memory is None or dram is None or not layout.engines:
        return Outcome(end, layout.ticks, tuple(stats), {}, None, marks)
    memory.finish_at(-(-end * dram.clock_hz // layout.ticks))
    names = [engine.name for engine in layout.engines]
    streams, counters = memory_counters(memory.stats(), dram, names, spec)
    return Outcome(end, layout.ticks, tuple(stats), streams, counters, marks)
