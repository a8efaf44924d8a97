"""The machine as data: what both engines interpret, and the check that it is well formed.

Owns the meaning of component, port, channel, reader and writer (``docs/model.md``).  Holds no
time and runs nothing; engines read it and never change it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from f2fsim.errors import SimulationError

IntSeq = NDArray[np.int64]


def seq(values: ArrayLike) -> IntSeq:
    """Return integers as a sequence over items: shape (n_items,), or (1,) for a constant."""
    return np.ascontiguousarray(np.atleast_1d(np.asarray(values, dtype=np.int64)))


def total(values: IntSeq, n_items: int) -> int:
    """Return the sum over `n_items` items of a sequence that may be a constant."""
    return int(values[0]) * n_items if values.shape[0] == 1 else int(values.sum())


@dataclass(frozen=True, eq=False)
class InPort:
    """Where a component takes units from a channel.

    Attributes
    ----------
    channel : str
        Name of the channel.
    need : IntSeq
        Units that must have become visible, beyond those of the items before, for item k to start.
    cause : str
        Name of the stall while they are not.
    release : IntSeq or None
        Units that leave the channel with item k; `need` if None.
    release_at_end : bool
        Whether they leave at the end of the service (a buffer in use) and not at its start.
    """

    channel: str
    need: IntSeq
    cause: str
    release: IntSeq | None = None
    release_at_end: bool = False

    @property
    def released(self) -> IntSeq:
        """Units that leave with each item."""
        return self.need if self.release is None else self.release


@dataclass(frozen=True, eq=False)
class OutPort:
    """Where a component puts `emit` units after each item; `cause` names the stall without room.

    A component waits for room at its output ports in order, then puts to all of them at once.
    """

    channel: str
    emit: IntSeq
    cause: str


@dataclass(frozen=True, eq=False)
class Component:
    """A sequential process over `n_items` items (see ``docs/model.md``).

    ``service_cycles`` are cycles of its own clock; ``actions`` counts what it does over the whole
    run, the base of the energy.
    """

    name: str
    kind: str
    clock_hz: int
    n_items: int
    service_cycles: IntSeq
    inputs: tuple[InPort, ...] = ()
    outputs: tuple[OutPort, ...] = ()
    actions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Channel:
    """A bounded channel between one producer and one consumer.

    A unit holds its place from the put (for a reader: from the request) until it is released, and
    is visible ``latency_cycles`` of the producer's clock after the put.
    """

    name: str
    capacity: int
    latency_cycles: int = 1


@dataclass(frozen=True, eq=False)
class Reader:
    """A stream engine: reads segments of memory in order and delivers their bits in order.

    Attributes
    ----------
    name : str
        Stream name: ``weights``, ``mask``, ``patches``, ``indices``, ``activations`` …
    clock_hz : int
        Its clock; requests start on its edges, at most `requests_per_cycle` a cycle.
    channel : str
        Channel of bits; room for a whole burst is taken before the burst is requested.
    addresses, n_bits : IntSeq, shape (n_segments,)
        Byte address (burst-aligned) and payload of each segment; a segment is read in whole bursts.
    """

    name: str
    clock_hz: int
    channel: str
    addresses: IntSeq
    n_bits: IntSeq
    requests_per_cycle: int = 4


@dataclass(frozen=True, eq=False)
class Writer:
    """A stream engine that writes segments in order; bits leave the channel when written."""

    name: str
    clock_hz: int
    channel: str
    addresses: IntSeq
    n_bits: IntSeq
    requests_per_cycle: int = 4


@dataclass(frozen=True, eq=False)
class Machine:
    """A whole machine for one layer; construction checks the wiring and reports all problems.

    Attributes
    ----------
    components, channels, readers, writers
        The graph.
    burst_bytes : int
        Access granularity of the memory, 0 for a machine without memory.

    Raises
    ------
    SimulationError
        One line for each wiring problem.
    """

    components: tuple[Component, ...]
    channels: tuple[Channel, ...]
    readers: tuple[Reader, ...] = ()
    writers: tuple[Writer, ...] = ()
    burst_bytes: int = 0

    def __post_init__(self) -> None:
        from f2fsim.hw.wiring import wiring_problems

        problems = wiring_problems(self)
        if problems:
            raise SimulationError("the machine is not wired correctly:\n" + "\n".join(problems))

    @property
    def engines(self) -> tuple[Reader | Writer, ...]:
        """Stream engines: readers, then writers; a stream's number is its place here."""
        return (*self.readers, *self.writers)

    @property
    def parts(self) -> tuple[Component | Reader | Writer, ...]:
        """Components, then stream engines."""
        return (*self.components, *self.readers, *self.writers)

    @property
    def clocks_hz(self) -> tuple[int, ...]:
        """Clocks of all parts, memory apart."""
        return tuple(sorted({part.clock_hz for part in self.parts}))


def burst_bits(n_bits: IntSeq, burst_bytes: int) -> tuple[IntSeq, IntSeq]:
    """Cut segments into bursts.

    Returns
    -------
    n_bursts : IntSeq, shape (n_segments,)
        Bursts of each segment, the last one possibly part filled.
    last_bits : IntSeq, shape (n_segments,)
        Payload bits of each segment's last burst.
    """
    size = 8 * burst_bytes
    n_bursts = -(-n_bits // size)
    return n_bursts, n_bits - (n_bursts - 1) * size
