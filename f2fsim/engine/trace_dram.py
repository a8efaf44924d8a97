"""The DRAM's tracks of a trace: open rows of each bank, the data bus, refreshes, bandwidth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from f2fsim.hw.dram import COMMANDS, DramParams

#: Clock, channel, rank, bank group, bank in the group, row, number of the command.
Command = tuple[int, int, int, int, int, int, int]
#: A bank: channel, rank, bank group, bank in the group.
BankId = tuple[int, int, int, int]

_ACT, _PRE, _PREA, _RD, _WR, _RDA, _WRA, _REF = range(len(COMMANDS))


class EventSink(Protocol):
    """Where the events go: the trace of a layer, whose times are in ticks.

    Attributes
    ----------
    process : int
        Of the machine; the DRAM's is the next.
    start, end, sample : int
        First tick kept, the one behind the last, and ticks of one value of a counter.
    """

    process: int
    start: int
    end: int
    sample: int

    def thread(self, process: int, number: int, name: str) -> None:
        """Name a track."""

    def slice(
        self, process: int, thread: int, name: str, ticks: tuple[int, int], args: dict[str, Any]
    ) -> None:
        """Write a slice."""

    def counter(self, process: int, name: str, time: int, values: dict[str, float]) -> None:
        """Write a counter's values at a tick."""


class DramTimeline:
    """Turns a log of commands into slices and counters.

    Parameters
    ----------
    trace : EventSink
        Takes the events.
    dram : DramParams
        Latencies, burst length and clocks.
    ticks_per_clock, end : int
        Ticks of a memory clock; the tick at which the run ended.
    """

    def __init__(self, trace: EventSink, dram: DramParams, ticks_per_clock: int, end: int) -> None:
        self.trace, self.dram, self.per_clock = trace, dram, ticks_per_clock
        self.process = trace.process + 1
        self.end_clock = -(-end // ticks_per_clock)
        self.first = -(-trace.start // ticks_per_clock)
        self.last = min(self.end_clock, trace.end // ticks_per_clock)
        self.threads: dict[tuple[object, ...], int] = {}
        self.rows: dict[BankId, tuple[int, int]] = {}
        self.bus: dict[int, tuple[str, int, int]] = {}
        self.moved: dict[int, list[int]] = {}

    def record(self, log: Sequence[Command]) -> None:
        """Write all tracks."""
        for command in log:
            self._bank(command)
            clock, channel, rank, *_, number = command
            if number in (_RD, _RDA, _WR, _WRA):
                self._data(clock, channel, write=number in (_WR, _WRA))
            elif number == _REF:
                end = clock + self.dram.ref_act
                self._slice(("refresh", channel, rank), "refresh", clock, end)
        for bank in list(self.rows):
            self._closed(bank, self.end_clock)
        for channel in list(self.bus):
            self._flush(channel)
        self._bandwidth()

    def _bank(self, command: Command) -> None:
        clock, channel, rank, group, bank, row, number = command
        place = channel, rank, group, bank
        if number == _ACT:
            self.rows[place] = row, clock
        elif number in (_PRE, _RDA, _WRA):
            self._closed(place, clock)
        elif number == _PREA:
            for other in [one for one in self.rows if one[:2] == (channel, rank)]:
                self._closed(other, clock)

    def _closed(self, bank: BankId, clock: int) -> None:
        if bank in self.rows:
            row, since = self.rows.pop(bank)
            self._slice(("bank", *bank), f"row {row}", since, max(clock, since + 1))

    def _data(self, clock: int, channel: int, *, write: bool) -> None:
        latency = self.dram.write_latency if write else self.dram.read_latency
        start = clock + latency
        end = start + self.dram.burst_clocks
        name = "write" if write else "read"
        step = max(1, self.trace.sample // self.per_clock)
        self.moved.setdefault(start // step, [0, 0])[int(write)] += self.dram.burst_bytes
        last = self.bus.get(channel)
        if last is not None and last[0] == name and last[2] == start:
            self.bus[channel] = name, last[1], end
            return
        if last is not None:
            self._flush(channel)
        self.bus[channel] = name, start, end

    def _flush(self, channel: int) -> None:
        name, start, end = self.bus.pop(channel)
        self._slice(("bus", channel), name, start, end)

    def _slice(self, track: tuple[object, ...], name: str, start: int, end: int) -> None:
        start, end = max(start, self.first), min(end, self.last)
        if end <= start:
            return
        thread = self.threads.get(track)
        if thread is None:
            thread = self.threads[track] = len(self.threads) + 1
            self.trace.thread(self.process, thread, _title(track))
        ticks = start * self.per_clock, end * self.per_clock
        self.trace.slice(self.process, thread, name, ticks, {"cycles": end - start})

    def _bandwidth(self) -> None:
        """Write the bandwidth of each sample that moved anything, and 0 behind it."""
        step = max(1, self.trace.sample // self.per_clock)
        seconds = step / self.dram.clock_hz
        name = "bandwidth [GB/s]"
        for bucket in sorted(self.moved):
            if not self.first <= bucket * step < self.last:
                continue
            read, write = (n_bytes / seconds / 1e9 for n_bytes in self.moved[bucket])
            values = {"read": read, "write": write}
            self.trace.counter(self.process, name, bucket * step * self.per_clock, values)
            if bucket + 1 not in self.moved:
                behind = (bucket + 1) * step * self.per_clock
                self.trace.counter(self.process, name, behind, {"read": 0.0, "write": 0.0})


def _title(track: tuple[object, ...]) -> str:
    if track[0] == "bus":
        return f"channel {track[1]} data bus"
    if track[0] == "refresh":
        return f"channel {track[1]} rank {track[2]} refresh"
    return f"channel {track[1]} rank {track[2]} group {track[3]} bank {track[4]}"
