"""Random well-formed machines for the property tests of both engines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from f2fsim.hw.description import Channel, Component, InPort, Machine, OutPort, Reader, Writer, seq


def _split(rng: np.random.Generator, units: int, n_items: int) -> np.ndarray:
    """Return `n_items` non-negative integers that sum to `units`."""
    cuts = np.sort(rng.integers(0, units + 1, size=n_items - 1))
    return np.diff(np.concatenate([[0], cuts, [units]])).astype(np.int64)


def random_machine(seed: int, burst_bytes: int = 64) -> Machine:
    """Return a chain of components with side inputs, fed by readers and drained by writers."""
    rng = np.random.default_rng(seed)
    clocks = rng.choice([400_000_000, 600_000_000, 800_000_000, 1_000_000_000], size=8)
    n_stages = int(rng.integers(1, 5))
    channels: list[Channel] = []
    components: list[Component] = []
    readers: list[Reader] = []
    writers: list[Writer] = []
    burst = 8 * burst_bytes

    def clock() -> int:
        return int(rng.choice(clocks))

    def segments() -> tuple[np.ndarray, np.ndarray]:
        n = int(rng.integers(1, 4))
        bits = rng.integers(1, 20 * burst, size=n)
        return seq(rng.integers(0, 4096, size=n) * burst_bytes), seq(bits)

    def stream_in(name: str) -> tuple[str, int, int]:
        addresses, bits = segments()
        most = int(rng.integers(1, 400))
        capacity = most + burst + int(rng.integers(0, 6 * burst))
        channels.append(Channel(f"{name} bits", capacity, int(rng.integers(1, 5))))
        limit = int(rng.integers(1, 4))
        readers.append(Reader(name, clock(), f"{name} bits", addresses, bits, limit))
        return f"{name} bits", int(bits.sum()), most

    previous: tuple[str, int, int] | None = None
    for stage in range(n_stages):
        sources = [] if previous is None else [previous]
        if not sources or rng.random() < 0.4:
            sources.append(stream_in(f"s{stage}"))
        n_items = max(-(-units // most) for _, units, most in sources) + int(rng.integers(0, 9))
        inputs = []
        for name, units, most in sources:
            need = np.minimum(_split(rng, units, n_items), most)
            spare = most - need
            missing = units - int(need.sum())
            while missing:
                room = np.minimum(spare, -(-missing // n_items))
                room = np.minimum(room, np.maximum(missing - np.cumsum(room) + room, 0))
                need, spare, missing = need + room, spare - room, missing - int(room.sum())
            cause = f"{name} empty"
            inputs.append(InPort(name, seq(need), cause, release_at_end=bool(rng.random() < 0.3)))
        outputs = []
        last = stage == n_stages - 1
        if not last or rng.random() < 0.7:
            emit = rng.integers(0, 5, size=n_items) * (int(rng.integers(1, 100)) if last else 1)
            emit[-1] += 1
            name = f"c{stage}"
            most = int(emit.max())
            outputs.append(OutPort(name, seq(emit), f"{name} full"))
            if last:
                capacity = most + burst + int(rng.integers(0, 3 * burst))
                units = int(emit.sum())
                writers.append(
                    Writer("outputs", clock(), name, seq(64 * burst_bytes), seq(units), 2)
                )
            else:
                taken = int(rng.integers(1, 6))
                capacity = max(most, taken) + int(rng.integers(0, 8)) + most
                previous = (name, int(emit.sum()), taken)
            channels.append(Channel(name, capacity, int(rng.integers(1, 6))))
        constant = rng.random() < 0.3
        service = rng.integers(0, 7, size=1 if constant else n_items)
        components.append(
            Component(
                f"stage{stage}", "stage", clock(), n_items, seq(service), tuple(inputs),
                tuple(outputs),
            )
        )  # fmt: skip
    marked = int(rng.integers(0, n_stages))
    last_item = components[marked].n_items - 1
    marks = tuple(sorted({int(rng.integers(0, last_item + 1)), last_item}))
    components[marked] = replace(components[marked], marks=marks)
    return Machine(tuple(components), tuple(channels), tuple(readers), tuple(writers), burst_bytes)


def gated_machine(seed: int, burst_bytes: int = 64) -> Machine:
    """Return two random machines side by side: what the second reads waits for the first's writes.

    The first's writer tells of some segments; a reader of the second waits for them, at some of
    its own.
    """
    rng = np.random.default_rng(seed)
    first, tries = random_machine(seed, burst_bytes), 1
    while not first.writers:
        first, tries = random_machine(seed + 100_003 * tries, burst_bytes), tries + 1
    second = _renamed(random_machine(seed + 1, burst_bytes))
    writer, reader = first.writers[0], second.readers[0]
    n_cuts = int(rng.integers(1, 4))
    whole = int(writer.n_bits.sum())
    bits = _split(rng, whole, n_cuts)
    bits = bits[bits > 0]
    emit = rng.integers(0, 3, size=bits.shape[0])
    emit[-1] += 1
    need = _split(rng, int(emit.sum()), reader.n_bits.shape[0])
    latency = int(rng.integers(1, 5))
    gate = Channel("written", int(emit.sum()) + int(rng.integers(0, 3)), latency)
    writer = replace(
        writer,
        addresses=seq(rng.integers(0, 4096, size=bits.shape[0]) * burst_bytes),
        n_bits=seq(bits),
        done=(OutPort("written", seq(emit), "never"),),
    )
    reader = replace(reader, gate=InPort("written", seq(need), "not written"))
    return Machine(
        first.components + second.components,
        (*first.channels, *second.channels, gate),
        (*first.readers, reader, *second.readers[1:]),
        (writer, *second.writers),
        burst_bytes,
    )


def _renamed(machine: Machine) -> Machine:
    """Return the same machine under other names."""

    def ports(found: tuple) -> tuple:
        return tuple(replace(port, channel=f"{port.channel}'") for port in found)

    def streams(found: tuple) -> tuple:
        return tuple(replace(s, name=f"{s.name}'", channel=f"{s.channel}'") for s in found)

    return Machine(
        tuple(
            replace(c, name=f"{c.name}'", inputs=ports(c.inputs), outputs=ports(c.outputs))
            for c in machine.components
        ),
        tuple(replace(c, name=f"{c.name}'") for c in machine.channels),
        streams(machine.readers),
        streams(machine.writers),
        machine.burst_bytes,
    )
