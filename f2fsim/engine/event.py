"""The `event` engine: interprets a machine description with simpy processes.

This is the definition of what a cycle means; the compiled engine must give the same counters.
It may trace (an `Observer`); it never reads configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

import simpy

from f2fsim.config.dram import DramSpec
from f2fsim.engine.event_channel import Channel, InOrder, Wait
from f2fsim.engine.ledger import Ledger, part_stats
from f2fsim.engine.limits import check_span, deadlock
from f2fsim.engine.memory import memory_counters
from f2fsim.engine.observer import Observer
from f2fsim.engine.outcome import Outcome
from f2fsim.hw.description import (
    Component,
    InPort,
    IntSeq,
    Machine,
    OutPort,
    Reader,
    Writer,
)
from f2fsim.hw.dram import DramParams, DramProcess
from f2fsim.hw.layout import burst_bits
from f2fsim.units import ticks_per_second


class _Run:
    """One run of one machine: processes, channels and ledgers."""

    def __init__(
        self,
        machine: Machine,
        dram: DramParams | None,
        seen: Observer | None,
        spec: DramSpec | None,
    ) -> None:
        self.spec = spec
        clocks = [*machine.clocks_hz, *([dram.clock_hz] if dram else [])]
        self.machine, self.dram, self.seen = machine, dram, seen
        self.ticks = ticks_per_second(clocks)
        check_span(machine, self.ticks)
        self.env = simpy.Environment()
        self.n_streams = len(machine.engines)
        self.memory = None
        if dram:
            per_clock = self.ticks // dram.clock_hz
            n_streams = max(self.n_streams, 1)
            self.memory = DramProcess(self.env, dram, per_clock, n_streams, trace=seen is not None)
        if seen:
            seen.begin(machine, dram, self.ticks)
        self.ledgers: dict[str, Ledger] = {}
        self.waiting: dict[str, tuple[str, str]] = {}  # cause and channel by part
        self.marks: dict[str, list[int]] = {c.name: [] for c in machine.components if c.marks}
        clock_of = {out.channel: c.clock_hz for c in machine.components for out in c.outputs}
        clock_of |= {reader.channel: reader.clock_hz for reader in machine.readers}
        clock_of |= {out.channel: w.clock_hz for w in machine.writers for out in w.done}
        self.channels = {
            c.name: Channel(
                self.env,
                c.name,
                c.capacity,
                c.latency_cycles * (self.ticks // clock_of[c.name]),
                seen,
            )
            for c in machine.channels
        }

    @property
    def now(self) -> int:
        """The present tick."""
        return int(self.env.now)

    def go(self) -> Outcome:
        """Run to the end of every part; `DeadlockError` lists who waits on what."""
        machine, env = self.machine, self.env
        processes = [env.process(self.component(c)) for c in machine.components]
        for index, engine in enumerate(machine.engines):
            if isinstance(engine, Reader):
                processes.append(env.process(self.reader(index, engine)))
            else:
                processes.append(env.process(self.writer(index, engine)))
        done = env.all_of(processes)
        try:
            env.run(until=done)
        except RuntimeError as error:
            if done.triggered:
                raise
            raise deadlock(machine, self.waiting) from error
        return self.outcome()

    def outcome(self) -> Outcome:
        """Close the books."""
        end = max((ledger.end for ledger in self.ledgers.values()), default=0)
        stats = []
        for part in self.machine.parts:
            books = self.ledgers[part.name]
            stats.append(part_stats(part, books.busy_cycles, books.stall_cycles, end, self.ticks))
        marks = {name: tuple(times) for name, times in self.marks.items()}
        if self.memory is None or self.dram is None or not self.n_streams:
            if self.seen:
                self.seen.finish(end)
            return Outcome(end, self.ticks, tuple(stats), {}, None, marks)
        self.memory.finish(-(-end * self.dram.clock_hz // self.ticks))
        if self.seen:
            per_clock = self.ticks // self.dram.clock_hz
            self.seen.commands(self.memory.command_trace(), self.dram, per_clock, end)
            self.seen.finish(end)
        names = [engine.name for engine in self.machine.engines]
        streams, memory = memory_counters(self.memory.stats(), self.dram, names, self.spec)
        return Outcome(end, self.ticks, tuple(stats), streams, memory, marks)

    def component(self, part: Component) -> Wait:
        """Run a component: wait for inputs in order, serve, wait for room in order."""
        env, period = self.env, self.ticks // part.clock_hz
        ledger = self.ledgers[part.name] = Ledger(part.name, period, self.seen)
        service = part.service_cycles
        inputs = [(self.channels[p.channel], p) for p in part.inputs]
        outputs = [(self.channels[p.channel], p) for p in part.outputs]
        taken = [0] * len(inputs)
        marked = frozenset(part.marks)
        for k in range(part.n_items):
            for i, (channel, port) in enumerate(inputs):
                taken[i] += _of(port.need, k)
                if channel.visible < taken[i]:
                    yield from self.stalled(ledger, port, channel.wait_visible(taken[i]))
            for channel, port in inputs:
                if not port.release_at_end:
                    channel.release(_of(port.released, k))
            cycles = _of(service, k)
            if cycles:
                ledger.busy(self.now, cycles)
                yield env.timeout(cycles * period)
            for channel, port in inputs:
                if port.release_at_end:
                    channel.release(_of(port.released, k))
            emitted = [_of(out.emit, k) for _, out in outputs]
            # Room is awaited at every port before anything is put: a broadcast is one event.
            for (channel, out), units in zip(outputs, emitted, strict=True):
                if units and channel.released < channel.held + units - channel.capacity:
                    yield from self.stalled(ledger, out, channel.wait_room(units))
            for (channel, _), units in zip(outputs, emitted, strict=True):
                if units:
                    channel.reserve(units)
                    channel.deliver(units)
            if k in marked:
                self.marks[part.name].append(self.now)
        ledger.finish(self.now)

    def stalled(self, ledger: Ledger, port: InPort | OutPort, wait: Wait) -> Wait:
        """Wait, then go to the next own clock edge; the time is a stall of the port's cause."""
        env, start = self.env, self.now
        self.waiting[ledger.part] = port.cause, port.channel
        yield from wait
        del self.waiting[ledger.part]
        rest = -self.now % ledger.period
        if rest:
            yield env.timeout(rest)
        ledger.stall(port.cause, start, self.now)

    def requests(self, engine: Reader | Writer) -> Generator[tuple[int, int, int], None, None]:
        """Yield byte address and payload bits of each burst, and its segment if it is the first."""
        size = self.machine.burst_bytes
        n_bursts, last = burst_bits(engine.n_bits, size)
        for segment in range(engine.n_bits.shape[0]):
            for i in range(int(n_bursts[segment])):
                final = i == int(n_bursts[segment]) - 1
                bits = int(last[segment]) if final else 8 * size
                yield int(engine.addresses[segment]) + i * size, bits, -1 if i else segment

    def paced(self, ledger: Ledger, limit: int) -> Wait:
        """Go to the edge at which the next request may start, at most `limit` a cycle."""
        env, period = self.env, ledger.period
        edge = -(-self.now // period) * period
        if edge == ledger.cycle_start and ledger.in_cycle >= limit:
            edge += period
        if edge > self.now:
            yield env.timeout(edge - self.now)

    def reader(self, index: int, part: Reader) -> Wait:
        """Request bursts as room allows; deliver them in order."""
        assert self.memory is not None
        env, channel = self.env, self.channels[part.channel]
        ledger = Ledger(part.name, self.ticks // part.clock_hz, self.seen)
        self.ledgers[part.name] = ledger
        arrivals, gate, opened = InOrder(env, channel.deliver), part.gate, 0
        for address, bits, segment in self.requests(part):
            room, full = channel.held + bits - channel.capacity, f"{part.channel} full"
            self.waiting[part.name] = full, part.channel
            yield from channel.wait_room(bits)
            waits, last = [("memory", arrivals.time_of(room))], full
            units = _of(gate.need, segment) if gate and segment >= 0 else 0
            if gate and units:
                # The buffer is free, but what is to be read is not there yet.
                opened += units
                if self.channels[gate.channel].visible < opened:
                    waits, last = [*waits, (full, self.now)], gate.cause
                    self.waiting[part.name] = gate.cause, gate.channel
                    yield from self.channels[gate.channel].wait_visible(opened)
            yield from self.paced(ledger, part.requests_per_cycle)
            ledger.request(self.now, waits, last)
            if gate and units:
                self.channels[gate.channel].release(units)
            channel.reserve(bits)
            arrivals.add(self.memory.offer(index, address, False), bits)
        self.waiting[part.name] = "memory", part.channel
        yield from arrivals.drained()
        del self.waiting[part.name]
        ledger.last_wait(self.now, "memory")

    def writer(self, index: int, part: Writer) -> Wait:
        """Write bursts as their bits become visible; give the places back in order."""
        assert self.memory is not None
        env, channel = self.env, self.channels[part.channel]
        ledger = Ledger(part.name, self.ticks // part.clock_hz, self.seen)
        self.ledgers[part.name] = ledger
        finished = InOrder(env, self.written(part, channel))
        taken = 0
        for address, bits, _ in self.requests(part):
            taken += bits
            self.waiting[part.name] = f"{part.channel} empty", part.channel
            yield from channel.wait_visible(taken)
            yield from self.paced(ledger, part.requests_per_cycle)
            ledger.request(self.now, [("memory", 0)], f"{part.channel} empty")
            finished.add(self.memory.offer(index, address, True), bits)
        self.waiting[part.name] = "memory", part.channel
        yield from finished.drained()
        del self.waiting[part.name]
        ledger.last_wait(self.now, "memory")

    def written(self, part: Writer, channel: Channel) -> Callable[[int], None]:
        """Return what a finished burst does: places go back, and a segment's last one is told."""
        ends = burst_bits(part.n_bits, self.machine.burst_bytes)[0].cumsum().tolist()
        told = [(self.channels[out.channel], out.emit) for out in part.done]
        n_bursts = n_segments = 0

        def finished(bits: int) -> None:
            nonlocal n_bursts, n_segments
            channel.release(bits)
            n_bursts += 1
            if n_bursts < ends[n_segments]:
                return
            for to, emit in told:
                if units := _of(emit, n_segments):
                    to.reserve(units)
                    to.deliver(units)
            n_segments += 1

        return finished


def _of(values: IntSeq, k: int) -> int:
    """Return the value of item `k` of a sequence that may be a constant."""
    return int(values[k if values.shape[0] > 1 else 0])


def run_event(
    machine: Machine,
    dram: DramParams | None = None,
    observer: Observer | None = None,
    spec: DramSpec | None = None,
) -> Outcome:
    """Run a machine with simpy.

    Parameters
    ----------
    machine : Machine
        The elaborated machine.
    dram : DramParams or None
        The memory behind readers and writers.
    observer : Observer or None
        Told of every interval, for a trace.
    spec : DramSpec or None
        The memory's preset, for the energy.

    Raises
    ------
    DeadlockError
        If no part can go on; lists who waits on what.
    SimulationError
        If a part's own work takes longer than the engines can count.
    """
    return _Run(machine, dram, observer, spec).go()
