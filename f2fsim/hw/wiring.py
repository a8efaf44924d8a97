"""The elaboration check: every wiring problem of a machine, each with its full path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from f2fsim.hw.description import total

if TYPE_CHECKING:
    from f2fsim.hw.description import Component, InPort, IntSeq, Machine, Reader, Writer


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
        problems += _component_problems(component)
    for engine in machine.engines:
        problems += _stream_problems(engine, machine.burst_bytes)
    problems += _channel_problems(machine)
    return problems


def _component_problems(component: Component) -> Iterator[str]:
    where = f"component {component.name}"
    if component.n_items < 0 or component.clock_hz <= 0:
        yield f"{where}: items and clock must be positive"
    yield from _sequence_problems(f"{where}.service_cycles", component.service_cycles, component)
    for port in component.inputs:
        path = f"{where}.in[{port.channel}]"
        yield from _sequence_problems(f"{path}.need", port.need, component)
        yield from _sequence_problems(f"{path}.release", port.released, component)
        yield from _release_problems(path, port, component.n_items)
    for out in component.outputs:
        yield from _sequence_problems(f"{where}.out[{out.channel}].emit", out.emit, component)


def _sequence_problems(path: str, values: IntSeq, component: Component) -> Iterator[str]:
    if values.dtype != np.int64 or values.shape not in ((1,), (component.n_items,)):
        yield f"{path}: needs 1 or {component.n_items} int64, got {values.dtype} {values.shape}"
    elif values.size and int(values.min()) < 0:
        yield f"{path}: has a negative value"


def _release_problems(path: str, port: InPort, n_items: int) -> Iterator[str]:
    if port.release is None or n_items == 0:
        return
    need = np.broadcast_to(port.need, (n_items,)).cumsum()
    release = np.broadcast_to(port.release, (n_items,)).cumsum()
    if (release > need).any():
        yield f"{path}: releases units before it needs them"


def _stream_problems(engine: Reader | Writer, burst_bytes: int) -> Iterator[str]:
    where = f"stream {engine.name}"
    if burst_bytes < 1:
        yield f"{where}: the machine has no memory"
    elif engine.addresses.shape != engine.n_bits.shape:
        yield f"{where}: addresses and sizes differ in length"
    elif (engine.addresses % burst_bytes).any() or (engine.n_bits < 1).any():
        yield f"{where}: segments must be burst-aligned and not empty"
    elif engine.addresses.ndim != 1 or not engine.addresses.size:
        yield f"{where}: needs at least one segment"
    if engine.requests_per_cycle < 1:
        yield f"{where}: needs at least one request a cycle"


def _channel_problems(machine: Machine) -> Iterator[str]:
    producers: dict[str, list[tuple[str, int, int]]] = {}
    consumers: dict[str, list[tuple[str, int, int]]] = {}
    for c in machine.components:
        for out in c.outputs:
            producers.setdefault(out.channel, []).append(_flow(c, out.emit))
        for port in c.inputs:
            consumers.setdefault(port.channel, []).append(_flow(c, port.need))
    burst = 8 * machine.burst_bytes
    for reader in machine.readers:
        flow = (reader.name, int(reader.n_bits.sum()), burst)
        producers.setdefault(reader.channel, []).append(flow)
    for writer in machine.writers:
        flow = (writer.name, int(writer.n_bits.sum()), burst)
        consumers.setdefault(writer.channel, []).append(flow)
    known = {channel.name for channel in machine.channels}
    for name in sorted((producers.keys() | consumers.keys()) - known):
        yield f"channel {name}: is used by a port but does not exist"
    for channel in machine.channels:
        ends = producers.get(channel.name, []), consumers.get(channel.name, [])
        if len(ends[0]) != 1 or len(ends[1]) != 1:
            who = [[name for name, _, _ in end] for end in ends]
            yield f"channel {channel.name}: needs one producer and one consumer, has {who}"
            continue
        (source, put, most_put), (sink, taken, most_taken) = ends[0][0], ends[1][0]
        if put != taken:
            yield f"channel {channel.name}: {source} puts {put} units, {sink} takes {taken}"
        most = max(most_put, most_taken)
        if most > channel.capacity:
            yield (
                f"channel {channel.name}: holds {channel.capacity} units, an item of {source} or "
                f"{sink} needs {most} at once"
            )


def _flow(component: Component, values: IntSeq) -> tuple[str, int, int]:
    most = int(values.max()) if values.size and component.n_items else 0
    return component.name, total(values, component.n_items), most
