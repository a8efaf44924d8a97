"""What machines are made of: components, the channels between them, and streams of memory.

Owns how each part is described and what of it alone is not well formed; `f2fsim.hw.wiring` looks at
how they fit together, `f2fsim.hw.description` is the whole machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from f2fsim.hw._extent import extent_of

IntSeq = NDArray[np.int64]

#: A channel, the units that a part takes or puts in all, and the most with an item.
Flow = tuple[str, int, int]


def seq(values: ArrayLike) -> IntSeq:
    """Return integers as a sequence over items: shape (n_items,), or (1,) for a constant."""
    array = np.asarray(values, dtype=np.int64)
    if array.ndim == 1 and array.flags.c_contiguous:
        return array
    return np.ascontiguousarray(np.atleast_1d(array))


def total(values: IntSeq, n_items: int) -> int:
    """Return the sum over `n_items` items of a sequence that may be a constant."""
    return int(values[0]) * n_items if values.shape[0] == 1 else int(values.sum())


class Extent(NamedTuple):
    """The least, the sum and the most of a sequence; of a constant that of one item."""

    least: int
    total: int
    most: int

    @classmethod
    def of(cls, values: IntSeq) -> Extent:
        """Return those of a sequence."""
        if values.size <= 1:
            one = int(values[0]) if values.size else 0
            return cls(one, one, one)
        return cls(*extent_of(seq(values)))


def flow_of(channel: str, values: IntSeq, n_items: int, extent: Extent) -> Flow:
    """Return what flows through a port of a part with so many items."""
    units = extent.total * n_items if values.shape[0] == 1 else extent.total
    return channel, units, extent.most if n_items else 0


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

    @cached_property
    def extent(self) -> Extent:
        """That of `need`: ports that machines share are looked at once."""
        return Extent.of(self.need)

    @cached_property
    def is_early(self) -> bool:
        """Whether units leave before they are needed."""
        n = max(self.need.shape[0], self.released.shape[0])
        need = np.broadcast_to(self.need, (n,)).cumsum()
        return bool((np.broadcast_to(self.released, (n,)).cumsum() > need).any())


@dataclass(frozen=True, eq=False)
class OutPort:
    """Where a component puts `emit` units after each item; `cause` names the stall without room.

    A component waits for room at its output ports in order, then puts to all of them at once.
    """

    channel: str
    emit: IntSeq
    cause: str

    @cached_property
    def extent(self) -> Extent:
        """That of `emit`."""
        return Extent.of(self.emit)


@dataclass(frozen=True, eq=False)
class Component:
    """A sequential process over `n_items` items (see ``docs/model.md``).

    ``service_cycles`` are cycles of its own clock; ``actions`` counts what it does over the whole
    run, the base of the energy; ``marks`` are items, in rising order, whose ends a run notes.
    """

    name: str
    kind: str
    clock_hz: int
    n_items: int
    service_cycles: IntSeq
    inputs: tuple[InPort, ...] = ()
    outputs: tuple[OutPort, ...] = ()
    actions: Mapping[str, int] = field(default_factory=dict)
    marks: tuple[int, ...] = ()

    @cached_property
    def problems(self) -> tuple[str, ...]:
        """What of its own is not well formed: parts that machines share are looked at once."""
        return tuple(_component_problems(self))

    @cached_property
    def flows(self) -> tuple[tuple[Flow, ...], tuple[Flow, ...]]:
        """What it takes from channels, and what it puts."""
        n = self.n_items
        taken = tuple(flow_of(port.channel, port.need, n, port.extent) for port in self.inputs)
        return taken, tuple(flow_of(out.channel, out.emit, n, out.extent) for out in self.outputs)

    @cached_property
    def extent(self) -> Extent:
        """That of `service_cycles`."""
        return Extent.of(self.service_cycles)


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
class StreamEngine:
    """What moves segments of memory in order, between it and a channel of bits.

    Attributes
    ----------
    name : str
        Stream name: ``weights``, ``mask``, ``patches``, ``indices``, ``activations`` …
    clock_hz : int
        Its clock; requests start on its edges, at most `requests_per_cycle` a cycle.
    channel : str
        Channel of bits.
    addresses, n_bits : IntSeq, shape (n_segments,)
        Byte address (burst-aligned) and payload of each segment, moved in whole bursts.
    """

    name: str
    clock_hz: int
    channel: str
    addresses: IntSeq
    n_bits: IntSeq
    requests_per_cycle: int = 4

    @cached_property
    def extent(self) -> Extent:
        """That of `n_bits`."""
        return Extent.of(self.n_bits)

    @property
    def payload_bits(self) -> int:
        """Bits of all segments."""
        return self.extent.total

    def bursts(self, burst_bytes: int) -> tuple[int, int]:
        """Return how many bursts it moves, and the fewest bits of one of them."""
        if burst_bytes not in self._bursts:
            size = 8 * burst_bytes
            counts = -(-self.n_bits // size)
            last = self.n_bits - (counts - 1) * size
            self._bursts[burst_bytes] = int(counts.sum()), min(int(last.min()), size)
        return self._bursts[burst_bytes]

    @cached_property
    def _bursts(self) -> dict[int, tuple[int, int]]:
        return {}

    @cached_property
    def alignment(self) -> int:
        """The largest number of bytes that all addresses are multiples of; 0 of any number."""
        return int(np.gcd.reduce(self.addresses))


@dataclass(frozen=True, eq=False)
class Reader(StreamEngine):
    """Delivers the bits that it reads in order.

    Room for a whole burst is taken before the burst is requested.  What `gate` needs must have
    become visible, and leaves, before a segment's first request: what it reads is not there
    earlier.
    """

    gate: InPort | None = None


@dataclass(frozen=True, eq=False)
class Writer(StreamEngine):
    """Writes segments; bits leave the channel when written.

    To each port of `done` it puts units when a segment is in memory; it never waits for room there.
    """

    done: tuple[OutPort, ...] = ()


def _component_problems(component: Component) -> Iterator[str]:
    """Yield one line for each problem of a component by itself."""
    where = f"component {component.name}"
    if component.n_items < 0 or component.clock_hz <= 0:
        yield f"{where}: items and clock must be positive"
    n_items = component.n_items
    service = component.service_cycles
    for problem in sequence_problems(service, n_items, component):
        yield f"{where}.service_cycles: {problem}"
    for port in component.inputs:
        path = f"{where}.in[{port.channel}]"
        for problem in sequence_problems(port.need, n_items, port):
            yield f"{path}.need: {problem}"
        if port.release is not None:
            for problem in sequence_problems(port.release, n_items):
                yield f"{path}.release: {problem}"
            if n_items and port.is_early:
                yield f"{path}: releases units before it needs them"
    for out in component.outputs:
        for problem in sequence_problems(out.emit, n_items, out):
            yield f"{where}.out[{out.channel}].emit: {problem}"
    marks = component.marks
    rising = all(one < other for one, other in pairwise(marks))
    if marks and not (rising and marks[0] >= 0 and marks[-1] < n_items):
        yield f"{where}.marks: must be rising items, got {marks}"


def sequence_problems(
    values: IntSeq, n_items: int, of: Component | InPort | OutPort | None = None
) -> list[str]:
    """Return the problems of a sequence, its extent from the part that it is `of`."""
    if values.dtype != np.int64 or values.shape not in ((1,), (n_items,)):
        return [f"needs 1 or {n_items} int64, got {values.dtype} {values.shape}"]
    least = (of.extent if of else Extent.of(values)).least
    return ["has a negative value"] if least < 0 else []
