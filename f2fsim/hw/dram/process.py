"""The DRAM as simpy processes: one a channel, around the plain-Python controller.

`DramProcess` is the readable twin of the compiled `DramSystem`: same offers, same clock for every
command.  ``env.now`` is in ticks; memory clock c is the tick ``c * ticks_per_clock``.  An offer at
tick T belongs to clock ``ceil(T / ticks_per_clock)``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from typing import Any

import simpy
from simpy.events import EventPriority

from f2fsim.errors import SimulationError
from f2fsim.hw.dram.channel import Channel
from f2fsim.hw.dram.mapping import locate
from f2fsim.hw.dram.state import Request
from f2fsim.hw.dram.stats import COMMANDS, STALL_CAUSES, DramStats, DramStreamStats
from f2fsim.hw.dram.timing import DramParams

#: simpy orders events of one tick by priority; 0 and 1 are its own.  A channel does its clock
#: after all offers of that tick.
_LATE = EventPriority(2)


class _LateTimeout(simpy.Event):
    """A timeout that comes after all ordinary events of its tick."""

    def __init__(self, env: simpy.Environment, delay: int) -> None:
        super().__init__(env)
        self._ok = True
        self._value = None
        env.schedule(self, priority=_LATE, delay=delay)


class DramProcess:
    """A DRAM system as simpy processes.

    Parameters
    ----------
    env : simpy.Environment
        Clock in integer ticks.
    params : DramParams
        Timings, geometry and scheduling rules.
    ticks_per_clock : int
        Ticks of a memory clock.
    n_streams : int
        Streams that offer requests; they take turns to enter a channel.
    trace : bool
        Keep every command (`command_trace`).
    """

    def __init__(
        self,
        env: simpy.Environment,
        params: DramParams,
        ticks_per_clock: int = 1,
        n_streams: int = 1,
        *,
        trace: bool = False,
    ) -> None:
        if ticks_per_clock < 1:
            raise ValueError(f"ticks_per_clock must be at least 1, got {ticks_per_clock}")
        self.env = env
        self.params = params
        self.ticks_per_clock = ticks_per_clock
        self.n_streams = n_streams
        self.channels = [Channel(params, i) for i in range(params.n_channels)]
        self._offered = [0] * n_streams
        self._finished: list[Request] = []
        self._events: dict[Request, simpy.Event] = {}
        self._wake = [env.event() for _ in self.channels]
        self._end_clock = 0
        for channel in self.channels:
            channel.queues = [deque() for _ in range(n_streams)]
            channel.trace = [] if trace else None
            env.process(self._serve(channel))

    def offer(self, stream: int, address: int, is_write: bool) -> simpy.Event:
        """Offer a burst now; the event succeeds at its completion, with the completion clock."""
        if not 0 <= stream < self.n_streams or address < 0:
            raise SimulationError(f"offer of stream {stream}, address {address}: out of range")
        clock = -(-int(self.env.now) // self.ticks_per_clock)
        place = locate(self.params, address)
        request = Request(stream, self._offered[stream], place, is_write, clock)
        self._offered[stream] += 1
        done = self.env.event()
        self._events[request] = done
        self.channels[place.channel].queues[stream].append(request)
        wake = self._wake[place.channel]
        if not wake.triggered:
            wake.succeed()
        return done

    def _serve(self, channel: Channel) -> Generator[simpy.Event, Any, None]:
        """Do the channel's clocks as they come; sleep while it has nothing to do."""
        env, period = self.env, self.ticks_per_clock
        while True:
            # Refreshes may have gone by in the sleep; clocks before now hold no surprise.
            channel.run(-(-int(env.now) // period))
            self._announce(channel)
            wake = self._wake[channel.index] = env.event()
            if channel.n_waiting or any(channel.queues):
                delay = channel.next_event() * period - int(env.now)
                alarm = _LateTimeout(env, max(0, delay))
                yield wake | alarm
                if alarm.processed and not wake.triggered:
                    channel.run(int(env.now) // period + 1)
                    self._announce(channel)
            else:
                yield wake

    def _announce(self, channel: Channel) -> None:
        for request in channel.completed:
            done = self._events.pop(request)
            delay = request.done_clock * self.ticks_per_clock - int(self.env.now)
            timeout = self.env.timeout(delay, request.done_clock)
            timeout.callbacks.append(
                lambda event, done=done: done.succeed(event.value)  # type: ignore[misc]
            )
            self._finished.append(request)
        channel.completed.clear()

    def finish(self, end_clock: int) -> None:
        """Do all clocks before `end_clock` and close the accounts there."""
        self._end_clock = end_clock
        for channel in self.channels:
            channel.finish(end_clock)

    def stats(self) -> DramStats:
        """Return the counters; call `finish` before."""
        channels = self.channels
        total = self._end_clock * len(channels)
        active = sum(rank.active_clocks for channel in channels for rank in channel.ranks)
        return DramStats(
            total_clocks=total,
            busy_clocks=sum(channel.accounts.busy for channel in channels),
            idle_clocks=sum(channel.accounts.idle for channel in channels),
            stall_clocks={
                name: sum(channel.accounts.stalls[i] for channel in channels)
                for i, name in enumerate(STALL_CAUSES)
            },
            commands={
                name: sum(channel.commands[i] for channel in channels)
                for i, name in enumerate(COMMANDS)
            },
            rank_active_clocks=active,
            rank_precharged_clocks=total * self.params.n_ranks - active,
            streams=tuple(self._stream_stats(stream) for stream in range(self.n_streams)),
        )

    def _stream_stats(self, stream: int) -> DramStreamStats:
        requests = [request for request in self._finished if request.stream == stream]
        states = [request.row_state for request in requests]
        return DramStreamStats(
            n_bursts=len(requests),
            row_hits=states.count(0),
            row_misses=states.count(1),
            row_conflicts=states.count(2),
            n_forwarded=states.count(-1),
            latency_sum_clocks=sum(r.done_clock - r.enter_clock for r in requests),
        )

    def command_trace(self) -> list[tuple[int, int, int, int, int, int, int]]:
        """Return every command: clock, channel, rank, bank group, bank, row, command number."""
        records = [record for channel in self.channels for record in channel.trace or []]
        return sorted(records, key=lambda record: (record[0], record[1]))
