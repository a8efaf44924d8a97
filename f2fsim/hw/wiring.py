"""The check that a machine is well formed: names, sequences, streams and channels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from f2fsim.hw.description import (
    Component,
    Extent,
    InPort,
    IntSeq,
    Machine,
    OutPort,
    Reader,
    Writer,
    flow_of,
    total,
)


def wiring_problems(machine: Machine) -> list[str]:
    """Return one line for each problem of a machine's wiring; empty if it is sound."""
    problems: list[str] = []
    for what, used in (
        ("part", Counter(part.name for part in machine.parts)),
        ("channel", Counter(channel.name for channel in machine.channels)),
    ):
        problems += [f"{what} {name}: name is used {n} times" for name, n in used.items() if n > 1]
    for channel in machine.channels:
        if channel.capacity < 1 or channel.latency_cycles < 1:
            problems.append(
                f"channel {channel.name}: capacity and latency must be at least 1, got "
                f"{channel.capacity} and {channel.latency_cycles}"
            )
    for component in machine.components:
        problems += component.problems
    for engine in machine.engines:
        problems += _stream_problems(engine, machine.burst_bytes)
    problems += _channel_problems(machine)
    return problems


def component_problems(component: Component) -> Iterator[str]:
    """Yield one line for each problem of a component by itself."""
    where = f"component {component.name}"
    if component.n_items < 0 or component.clock_hz <= 0:
        yield f"{where}: items and clock must be positive"
    n_items = component.n_items
    service = component.service_cycles
    yield from _sequence_problems(f"{where}.service_cycles", service, n_items, component)
    for port in component.inputs:
        path = f"{where}.in[{port.channel}]"
        yield from _sequence_problems(f"{path}.need", port.need, n_items, port)
        if port.release is not None:
            yield from _sequence_problems(f"{path}.release", port.release, n_items)
            if n_items and port.is_early:
                yield f"{path}: releases units before it needs them"
    for out in component.outputs:
        yield from _sequence_problems(f"{where}.out[{out.channel}].emit", out.emit, n_items, out)
    rising = sorted(set(component.marks)) == list(component.marks)
    inside = all(0 <= mark < n_items for mark in component.marks)
    if not (rising and inside):
        yield f"{where}.marks: must be rising items, got {component.marks}"


def _sequence_problems(
    path: str, values: IntSeq, n_items: int, of: Component | InPort | OutPort | None = None
) -> Iterator[str]:
    """Yield the problems of a sequence, its extent from the part that it is `of`."""
    if values.dtype != np.int64 or values.shape not in ((1,), (n_items,)):
        yield f"{path}: needs 1 or {n_items} int64, got {values.dtype} {values.shape}"
    elif (of.extent if of else Extent.of(values)).least < 0:
        yield f"{path}: has a negative value"


def _stream_problems(engine: Reader | Writer, burst_bytes: int) -> Iterator[str]:
    where = f"stream {engine.name}"
    if burst_bytes < 1:
        yield f"{where}: the machine has no memory"
    elif engine.addresses.shape != engine.n_bits.shape:
        yield f"{where}: addresses and sizes differ in length"
    elif engine.addresses.ndim != 1 or not engine.addresses.size:
        yield f"{where}: needs at least one segment"
    elif engine.alignment % burst_bytes or engine.extent.least < 1:
        yield f"{where}: segments must be burst-aligned and not empty"
    if engine.requests_per_cycle < 1:
        yield f"{where}: needs at least one request a cycle"
    n_segments = int(engine.n_bits.shape[0])
    if isinstance(engine, Writer):
        for out in engine.done:
            yield from _sequence_problems(f"{where}.done[{out.channel}]", out.emit, n_segments)
    elif engine.gate is not None:
        gate = engine.gate
        yield from _sequence_problems(f"{where}.gate[{gate.channel}]", gate.need, n_segments)
        if gate.release is not None or gate.release_at_end:
            yield f"{where}.gate[{gate.channel}]: units leave as they are taken"


def _channel_problems(machine: Machine) -> Iterator[str]:
    producers: dict[str, list[tuple[str, int, int]]] = {}
    consumers: dict[str, list[tuple[str, int, int]]] = {}
    for c in machine.components:
        for users, flows in zip((consumers, producers), c.flows, strict=True):
            for channel, units, most in flows:
                users.setdefault(channel, []).append((c.name, units, most))
    burst = 8 * machine.burst_bytes
    for reader in machine.readers:
        producers.setdefault(reader.channel, []).append((reader.name, reader.payload_bits, burst))
        if reader.gate is not None:
            gate, n = reader.gate, reader.n_bits.size
            channel, units, most = flow_of(gate.channel, gate.need, n, gate.extent)
            consumers.setdefault(channel, []).append((reader.name, units, most))
    for writer in machine.writers:
        consumers.setdefault(writer.channel, []).append((writer.name, writer.payload_bits, burst))
        for out in writer.done:
            units = total(out.emit, writer.n_bits.shape[0])
            producers.setdefault(out.channel, []).append((writer.name, units, units))
    known = {channel.name for channel in machine.channels}
    for name in sorted((producers.keys() | consumers.keys()) - known):
        yield f"channel {name}: is used by a port but does not exist"
    for place in machine.channels:
        ends = producers.get(place.name, []), consumers.get(place.name, [])
        if len(ends[0]) != 1 or len(ends[1]) != 1:
            who = [[name for name, _, _ in end] for end in ends]
            yield f"channel {place.name}: needs one producer and one consumer, has {who}"
            continue
        (source, put, most_put), (sink, taken, most_taken) = ends[0][0], ends[1][0]
        if put != taken:
            yield f"channel {place.name}: {source} puts {put} units, {sink} takes {taken}"
        most = max(most_put, most_taken)
        if most > place.capacity:
            yield (
                f"channel {place.name}: holds {place.capacity} units, an item of {source} or "
                f"{sink} needs {most} at once"
            )
