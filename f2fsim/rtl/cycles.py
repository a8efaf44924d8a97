"""The cycle in which each item leaves a device, by the engines of the simulator.

A device is described like any machine (`f2fsim.hw.description`): every unit and channel of the
Verilog has its counterpart with the same capacity; an item of a unit is one of its cycles.  A take
in cycle t is a component's start at t, a put in cycle t its put at t (``docs/hardware_cost.md``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.engine.compiled import run_compiled
from f2fsim.engine.event import run_event
from f2fsim.errors import SimulationError
from f2fsim.hw.description import Channel, Component, InPort, IntSeq, Machine, OutPort, seq
from f2fsim.hw.dram import DramParams

IntArray = NDArray[np.int64]
CLOCK_HZ = 1_000_000_000
ONE = seq(1)

#: Gaps of a source or consumer of n items, cycles from 1 on.
Gaps = Callable[[int], IntArray]


def eager(n: int) -> IntArray:
    """Return the gaps of a world that never waits."""
    return np.ones(n, dtype=np.int64)


def random_gaps(seed: int, longest: int) -> Gaps:
    """Return random gaps of 1 … `longest` cycles in stretches of 16 items.

    Stretches with gaps alternate with stretches without, so that channels run full and empty.
    """
    rng = np.random.default_rng(seed)

    def gaps(n: int) -> IntArray:
        slow = np.repeat(rng.random(-(-n // 16)) < 0.5, 16)[:n]
        drawn = rng.integers(1, longest + 1, n)
        return np.where(slow, drawn, 1).astype(np.int64)

    return gaps if longest > 1 else eager


@dataclass(frozen=True, eq=False)
class Timed:
    """A device's machine, sources and consumers included.

    Attributes
    ----------
    machine : Machine
    gaps : mapping of str to ndarray of int64
        Service cycles by the name of each source and sink of the bench.
    sinks : sequence of str
        The sinks; the consumer of sink ``out`` is the component ``out consumer``.
    """

    machine: Machine
    gaps: Mapping[str, IntArray]
    sinks: Sequence[str]


class DeviceMachine:
    """Collects the parts of a device's machine."""

    def __init__(self, gaps: Gaps) -> None:
        self._draw = gaps
        self._components: list[Component] = []
        self._channels: list[Channel] = []
        self._gaps: dict[str, IntArray] = {}
        self._sinks: list[str] = []

    def channel(self, name: str, capacity: int, latency_cycles: int = 1) -> str:
        """Add a channel and return its name."""
        self._channels.append(Channel(name, capacity, latency_cycles))
        return name

    def source(self, name: str, outputs: Mapping[str, IntSeq], n_puts: int) -> None:
        """Add what plays input `name`: the units that each put brings into each channel."""
        gaps = self._gaps[name] = self._draw(n_puts)
        outs = tuple(OutPort(channel, emit, f"{channel} full") for channel, emit in outputs.items())
        self._components.append(
            Component(f"{name} source", "source", CLOCK_HZ, n_puts, gaps, (), outs)
        )

    def unit(
        self,
        name: str,
        n_items: int,
        inputs: Mapping[str, IntSeq | tuple[IntSeq, IntSeq]],
        outputs: Mapping[str, IntSeq],
        at_end: Collection[str] = (),
    ) -> None:
        """Add a unit that takes a cycle an item.

        Parameters
        ----------
        inputs : mapping
            Units that each item takes from each channel; two sequences where what it needs and
            what it releases differ.
        outputs : mapping
            Units that each item puts into each channel.
        at_end : collection of str
            Channels whose places are given back in the cycle after: buffers in use.
        """
        ports = []
        for channel, taken in inputs.items():
            need, release = taken if isinstance(taken, tuple) else (taken, None)
            ports.append(InPort(channel, need, f"{channel} empty", release, channel in at_end))
        outs = [OutPort(channel, emit, f"{channel} full") for channel, emit in outputs.items()]
        self._components.append(
            Component(name, name, CLOCK_HZ, n_items, ONE, tuple(ports), tuple(outs))
        )

    def sink(self, name: str, inputs: Mapping[str, IntSeq], n_items: int) -> None:
        """Add what plays the consumer of output `name`."""
        gaps = self._gaps[name] = self._draw(n_items)
        ports = tuple(InPort(channel, take, f"{channel} empty") for channel, take in inputs.items())
        self._components.append(
            Component(f"{name} consumer", "consumer", CLOCK_HZ, n_items, gaps, ports)
        )
        self._sinks.append(name)

    def build(self) -> Timed:
        """Return the machine; `SimulationError` lists every wiring problem."""
        machine = Machine(tuple(self._components), tuple(self._channels))
        return Timed(machine, self._gaps, tuple(self._sinks))


class TakeTimes:
    """Observer that notes the tick at which each consumer took each item."""

    def __init__(self) -> None:
        self.ticks: dict[str, list[int]] = {}

    def busy(self, part: str, start: int, end: int) -> None:
        """Note the start of each service of the consumers."""
        if part.endswith(" consumer"):
            self.ticks.setdefault(part.removesuffix(" consumer"), []).append(start)

    def begin(self, machine: Machine, dram: DramParams | None, ticks_per_second: int) -> None:
        """Nothing to prepare."""

    def stall(self, part: str, cause: str, start: int, end: int) -> None:
        """Stalls are not asked for."""

    def occupancy(self, channel: str, time: int, units: int) -> None:
        """Occupancies are not asked for."""

    def commands(self, *_: object) -> None:
        """There is no memory."""

    def finish(self, end: int) -> None:
        """Nothing to close."""


def take_cycles(timed: Timed) -> dict[str, IntArray]:
    """Return the cycle in which each consumer takes each item, by sink.

    Cycle 0 is the first one after reset.  The event engine gives them; the compiled engine must
    count the same busy and stalled cycles of every part.

    Raises
    ------
    SimulationError
        If the two engines differ.
    """
    seen = TakeTimes()
    by_event = run_event(timed.machine, None, seen)
    by_kernel = run_compiled(timed.machine)
    if by_event != by_kernel:
        raise SimulationError("the engines differ on the machine of a test bench")
    return {name: np.array(seen.ticks[name], dtype=np.int64) for name in timed.sinks}
