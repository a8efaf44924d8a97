"""What processes of the `event` engine wait at: bounded channels, and completions in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator

import simpy

from f2fsim.engine.observer import Observer

Wait = Generator[simpy.Event, None, None]


class Channel:
    """A bounded channel: cumulative counters and at most one waiter at each end."""

    def __init__(
        self, env: simpy.Environment, name: str, capacity: int, latency: int, seen: Observer | None
    ) -> None:
        self.env, self.name, self.capacity, self.latency = env, name, capacity, latency
        self.visible = self.held = self.released = 0
        self.seen = seen
        self.consumer: tuple[int, simpy.Event] | None = None
        self.producer: tuple[int, simpy.Event] | None = None

    def reserve(self, units: int) -> None:
        """Take places; the caller has waited for room."""
        self.held += units
        if self.seen:
            self.seen.occupancy(self.name, int(self.env.now), self.held - self.released)

    def deliver(self, units: int) -> None:
        """Make reserved units visible after the latency."""
        arrival = self.env.timeout(self.latency)
        arrival.callbacks.append(lambda _event: self._arrive(units))

    def _arrive(self, units: int) -> None:
        self.visible += units
        if self.consumer and self.visible >= self.consumer[0]:
            self.consumer[1].succeed()
            self.consumer = None

    def release(self, units: int) -> None:
        """Give places back to the producer."""
        self.released += units
        if self.seen and units:
            self.seen.occupancy(self.name, int(self.env.now), self.held - self.released)
        if self.producer and self.released >= self.producer[0]:
            self.producer[1].succeed()
            self.producer = None

    def wait_visible(self, target: int) -> Wait:
        """Wait until `target` units in all have become visible."""
        if self.visible < target:
            event = self.env.event()
            self.consumer = (target, event)
            yield event

    def wait_room(self, units: int) -> Wait:
        """Wait until `units` more can be held."""
        target = self.held + units - self.capacity
        if self.released < target:
            event = self.env.event()
            self.producer = (target, event)
            yield event


class InOrder:
    """Passes completions on in the order of their requests, and remembers when."""

    def __init__(self, env: simpy.Environment, then: Callable[[int], None]) -> None:
        self.env, self.then = env, then
        self.open: deque[list[int]] = deque()
        self.times: deque[tuple[int, int]] = deque()
        self.total = 0
        self.idle: simpy.Event | None = None

    def add(self, completion: simpy.Event, bits: int) -> None:
        """Expect a completion worth `bits`."""
        entry = [bits, 0]
        self.open.append(entry)
        completion.callbacks.append(lambda _event: self._complete(entry))

    def _complete(self, entry: list[int]) -> None:
        entry[1] = 1
        while self.open and self.open[0][1]:
            bits = self.open.popleft()[0]
            self.total += bits
            self.times.append((self.total, int(self.env.now)))
            self.then(bits)
        if self.idle and not self.open:
            self.idle.succeed()
            self.idle = None

    def time_of(self, bits: int) -> int:
        """Return when the first `bits` bits had been passed on; asked in rising order."""
        while self.times and self.times[0][0] < bits:
            self.times.popleft()
        return self.times[0][1] if bits > 0 else 0

    def drained(self) -> Wait:
        """Wait until nothing is open."""
        if self.open:
            self.idle = self.env.event()
            yield self.idle
