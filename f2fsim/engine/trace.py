"""A timeline of a run as trace-event JSON, for Perfetto (ui.perfetto.dev) and chrome://tracing.

Format: "Trace Event Format" of Chromium (complete events ``X``, counters ``C``, metadata ``M``),
times in microseconds.  Every slice also carries its exact length as ``args.cycles`` of its part's
clock: the slices of a part with one name add up to its counter.  Events go to the file as they
come, so memory does not grow with the run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from f2fsim._version import __version__
from f2fsim.engine.trace_dram import Command, DramTimeline
from f2fsim.errors import InputError
from f2fsim.hw.description import Machine
from f2fsim.hw.dram import DramParams
from f2fsim.whole_file import whole_file


@dataclass(frozen=True)
class TraceOptions:
    """What is kept of a run.

    Attributes
    ----------
    layers : tuple of str or None
        Layers to trace, None for all.
    window : (int, int) or None
        First cycle and the one behind the last, of the machine's fastest clock; None for all.
    sample_cycles : int
        Cycles (same clock) of one value of a counter: of the fillings in them the last is kept,
        bandwidth is averaged over them.
    max_events : int
        After so many events nothing more is recorded; the file says from when on.
    """

    layers: tuple[str, ...] | None = None
    window: tuple[int, int] | None = None
    sample_cycles: int = 100
    max_events: int = 1_000_000

    def __post_init__(self) -> None:
        if self.window is not None and not 0 <= self.window[0] < self.window[1]:
            raise InputError(
                f"trace window: the end must come after the start, got {self.window[0]}:"
                f"{self.window[1]}"
            )
        if self.sample_cycles < 1 or self.max_events < 1:
            raise InputError("trace: sample_cycles and max_events must be at least 1")


class Trace:
    """A trace file under way; a context manager that writes it whole or not at all.

    Parameters
    ----------
    path : Path
        The file.
    options : TraceOptions
        What is kept.
    """

    def __init__(self, path: Path, options: TraceOptions | None = None) -> None:
        self.path = path
        self.options = options or TraceOptions()
        self.n_events = 0
        self.truncated_at_us: float | None = None
        self.start_us = 0.0
        self._process = 0
        self._started = False
        self._open = ExitStack()

    def __enter__(self) -> Self:
        partial = self._open.enter_context(whole_file(self.path))
        self._file = self._open.enter_context(partial.open("w", encoding="utf-8"))
        self._file.write('{"displayTimeUnit":"ns","traceEvents":[\n')
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._open.__exit__(kind, error, where)
            return
        with self._open:
            self._file.write(f'\n],"otherData":{json.dumps(self._facts())}}}\n')

    def _facts(self) -> dict[str, Any]:
        return {
            "program": f"f2fsim {__version__}",
            "window_cycles": self.options.window,
            "sample_cycles": self.options.sample_cycles,
            "truncated_at_us": self.truncated_at_us,
        }

    def observer(self, layer: str) -> LayerTrace | None:
        """Return the observer of a layer's run, None if it is not to be traced."""
        if self.options.layers is not None and layer not in self.options.layers:
            return None
        self._process += 2
        return LayerTrace(self, layer, self._process - 1)

    def put(self, event: dict[str, Any], *, metadata: bool = False) -> None:
        """Write an event, unless the limit is reached."""
        if not metadata and self.n_events >= self.options.max_events:
            if self.truncated_at_us is None:
                self.truncated_at_us = event.get("ts")
            return
        text = json.dumps(event, separators=(",", ":"))
        self._file.write(f",\n{text}" if self._started else text)
        self._started = True
        self.n_events += not metadata


class LayerTrace:
    """The `Observer` of one layer's run: two processes in the trace, the machine and its DRAM."""

    def __init__(self, trace: Trace, layer: str, process: int) -> None:
        self.trace, self.layer, self.process = trace, layer, process
        self.threads: dict[str, int] = {}
        self.open: dict[str, tuple[str, int, int]] = {}
        self.fillings: dict[str, tuple[int, int]] = {}

    def begin(self, machine: Machine, dram: DramParams | None, ticks_per_second: int) -> None:
        """Take over clocks and names before anything runs."""
        self.us_per_tick = 1e6 / ticks_per_second
        cycle = ticks_per_second // max(machine.clocks_hz, default=ticks_per_second)
        start, end = self.trace.options.window or (0, 1 << 62)
        self.start, self.end = start * cycle, end * cycle
        self.sample = self.trace.options.sample_cycles * cycle
        self.period = {part.name: ticks_per_second // part.clock_hz for part in machine.parts}
        self._name("process_name", self.process, 0, self.layer)
        self._name("process_name", self.process + 1, 0, f"{self.layer}: DRAM")
        for number, part in enumerate(machine.parts, start=1):
            self.threads[part.name] = number
            self._name("thread_name", self.process, number, part.name)

    def busy(self, part: str, start: int, end: int) -> None:
        """Record that `part` was busy."""
        self._slice(part, "busy", start, end)

    def stall(self, part: str, cause: str, start: int, end: int) -> None:
        """Record that `part` waited for `cause`."""
        self._slice(part, f"stall: {cause}", start, end)

    def occupancy(self, channel: str, time: int, units: int) -> None:
        """Record a channel's filling; of several in one sample the last is kept."""
        if not self.start <= time < self.end:
            return
        bucket = time - time % self.sample
        last = self.fillings.get(channel)
        if last is not None and last[0] != bucket:
            self.counter(self.process, f"{channel} filling", last[0], {"units": last[1]})
        self.fillings[channel] = bucket, units

    def commands(
        self, log: Sequence[Command], dram: DramParams, ticks_per_clock: int, end: int
    ) -> None:
        """Record what the memory did, once the run is over at tick `end`."""
        DramTimeline(self, dram, ticks_per_clock, end).record(log)

    def finish(self, end: int) -> None:
        """Write what is still held back; the next layer starts behind this one."""
        for part in list(self.open):
            self._flush(part)
        for channel, (time, units) in self.fillings.items():
            self.counter(self.process, f"{channel} filling", time, {"units": units})
        self.trace.start_us += end * self.us_per_tick

    def _slice(self, part: str, name: str, start: int, end: int) -> None:
        period = self.period[part]
        start = max(start, -(-self.start // period) * period)
        end = min(end, self.end // period * period)
        if end <= start:
            return
        last = self.open.get(part)
        if last is not None and last[0] == name and last[2] == start:
            self.open[part] = name, last[1], end
            return
        if last is not None:
            self._flush(part)
        self.open[part] = name, start, end

    def _flush(self, part: str) -> None:
        name, start, end = self.open.pop(part)
        cycles = (end - start) // self.period[part]
        self.slice(self.process, self.threads[part], name, (start, end), {"cycles": cycles})

    def slice(
        self, process: int, thread: int, name: str, ticks: tuple[int, int], args: dict[str, Any]
    ) -> None:
        """Write a slice."""
        self.trace.put(
            {
                "ph": "X",
                "pid": process,
                "tid": thread,
                "name": name,
                "ts": self.trace.start_us + ticks[0] * self.us_per_tick,
                "dur": (ticks[1] - ticks[0]) * self.us_per_tick,
                "args": args,
            }
        )

    def counter(self, process: int, name: str, time: int, values: dict[str, float]) -> None:
        """Write a counter's values at a tick."""
        ts = self.trace.start_us + time * self.us_per_tick
        self.trace.put({"ph": "C", "pid": process, "name": name, "ts": ts, "args": values})

    def thread(self, process: int, number: int, name: str) -> None:
        """Name a track."""
        self._name("thread_name", process, number, name)

    def _name(self, what: str, process: int, thread: int, name: str) -> None:
        event = {"ph": "M", "pid": process, "tid": thread, "name": what, "args": {"name": name}}
        self.trace.put(event, metadata=True)
        if what == "thread_name":
            order = {**event, "name": "thread_sort_index", "args": {"sort_index": thread}}
            self.trace.put(order, metadata=True)
