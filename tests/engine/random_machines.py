"""Random well-formed machines for the property tests of both engines."""

from __future__ import annotations

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
    return Machine(tuple(components), tuple(channels), tuple(readers), tuple(writers), burst_bytes)
