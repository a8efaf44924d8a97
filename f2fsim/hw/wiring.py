"""The check that a machine is well formed: names, sequences, streams and channels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from f2fsim.hw.parts import (
    Channel,
    Component,
    Reader,
    Writer,
    flow_of,
    sequence_problems,
    total,
)


def wiring_problems(
    components: Sequence[Component],
    channels: Sequence[Channel],
    readers: Sequence[Reader],
    writers: Sequence[Writer],
    burst_bytes: int,
) -> list[str]:
    """Return one line for each problem of a machine's wiring; empty if it is sound."""
    engines: list[Reader | Writer] = [*readers, *writers]
    parts: list[Component | Reader | Writer] = [*components, *engines]
    problems: list[str] = []
    for what, used in (
        ("part", Counter(part.name for part in parts)),
        ("channel", Counter(channel.name for channel in channels)),
    ):
        problems += [f"{what} {name}: name is used {n} times" for name, n in used.items() if n > 1]
    for channel in channels:
        if channel.capacity < 1 or channel.latency_cycles < 1:
            problems.append(
                f"channel {channel.name}: capacity and latency must be at least 1, got "
                f"{channel.capacity} and {channel.latency_cycles}"
            )
    for component in components:
        problems += component.problems
    for engine in engines:
        problems += _stream_problems(engine, burst_bytes)
    producers, consumers = _ends(components, readers, writers, 8 * burst_bytes)
    problems += _channel_problems(channels, producers, consumers)
    return problems


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
            for problem in sequence_problems(out.emit, n_segments):
                yield f"{where}.done[{out.channel}]: {problem}"
    elif engine.gate is not None:
        gate = engine.gate
        for problem in sequence_problems(gate.need, n_segments):
            yield f"{where}.gate[{gate.channel}]: {problem}"
        if gate.release is not None or gate.release_at_end:
            yield f"{where}.gate[{gate.channel}]: units leave as they are taken"


#: By channel: parts that use it, the units in all and the most at once.
_Ends = dict[str, list[tuple[str, int, int]]]


def _ends(
    components: Sequence[Component],
    readers: Sequence[Reader],
    writers: Sequence[Writer],
    burst_bits: int,
) -> tuple[_Ends, _Ends]:
    """Return who puts into each channel and who takes from it."""
    producers: _Ends = {}
    consumers: _Ends = {}
    for c in components:
        for users, flows in zip((consumers, producers), c.flows, strict=True):
            for channel, units, most in flows:
                users.setdefault(channel, []).append((c.name, units, most))
    for reader in readers:
        of_reader = reader.name, reader.payload_bits, burst_bits
        producers.setdefault(reader.channel, []).append(of_reader)
        if reader.gate is not None:
            gate, n = reader.gate, reader.n_bits.size
            channel, units, most = flow_of(gate.channel, gate.need, n, gate.extent)
            consumers.setdefault(channel, []).append((reader.name, units, most))
    for writer in writers:
        of_writer = writer.name, writer.payload_bits, burst_bits
        consumers.setdefault(writer.channel, []).append(of_writer)
        for out in writer.done:
            units = total(out.emit, writer.n_bits.shape[0])
            producers.setdefault(out.channel, []).append((writer.name, units, units))
    return producers, consumers


def _channel_problems(
    channels: Sequence[Channel], producers: _Ends, consumers: _Ends
) -> Iterator[str]:
    known = {channel.name for channel in channels}
    for name in sorted((producers.keys() | consumers.keys()) - known):
        yield f"channel {name}: is used by a port but does not exist"
    for place in channels:
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
