"""A network on an architecture: what every part of its machine is made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from f2fsim.config.arch import ArchConfig
from f2fsim.config.operation import Attention
from f2fsim.hw.description import Reader, Writer
from f2fsim.hw.machine_builder import MachineBuilder
from f2fsim.network.cache import Cache, Tile
from f2fsim.network.order import Waits, all_waits
from f2fsim.network.residency import Tensor
from f2fsim.network.stages import Stage

#: Streams of KV caches: what is read, and what new tokens append.
CACHE, APPEND = "kv cache", "kv append"
CACHE_STREAMS = (CACHE, APPEND)


@dataclass
class Network:
    """Everything that the machine of a network is made from.

    Attributes
    ----------
    arch : ArchConfig
        The architecture.
    builder : MachineBuilder
        Hands out addresses.
    stages : sequence of Stage
        In order.
    tensors : mapping of str to Tensor
        Between stages.
    residents : set of str
        Those that stay in the scratchpad.
    activation_bits : int
        Bits of a value.
    sizes : mapping of str to int
        Values of what all stages make, those of pieces before among them; 0 for other names.
    n_bytes, cache_bytes : dict of int to int
        DRAM bytes of each stage, and those of KV caches among them, as they are joined.
    fronts, arrays
        Names of the parts of front end and array that each stage uses.
    """

    arch: ArchConfig
    builder: MachineBuilder
    stages: Sequence[Stage]
    tensors: Mapping[str, Tensor]
    residents: set[str]
    activation_bits: int
    sizes: Mapping[str, int]
    waits: dict[str, Waits] = field(init=False)
    addresses: dict[str, int] = field(default_factory=dict)
    tiles: dict[int, tuple[Tile, ...]] = field(default_factory=dict)
    caches: dict[str, Cache] = field(default_factory=dict)
    n_bytes: dict[int, int] = field(default_factory=dict)
    cache_bytes: dict[int, int] = field(default_factory=dict)
    fronts: dict[int, list[str]] = field(default_factory=dict)
    arrays: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.waits = all_waits(self.stages, self.residents)

    def count(self, number: int, engines: Iterable[Reader | Writer]) -> None:
        """Count the bytes, whole bursts, that stream engines move for a stage."""
        burst = self.builder.burst_bytes
        for one in engines:
            moved = int((-(-one.n_bits // (8 * burst))).sum()) * burst
            self.n_bytes[number] = self.n_bytes.get(number, 0) + moved
            if one.name in CACHE_STREAMS:
                self.cache_bytes[number] = self.cache_bytes.get(number, 0) + moved

    def gives(self, channel: str, number: int) -> int:
        """Return the tokens that a stage gives to a channel when its output is there."""
        return int(channel in self.waits and number in self.waits[channel].given)

    def takes(self, channel: str, number: int) -> int:
        """Return the tokens that a stage takes from a channel before it starts."""
        return int(channel in self.waits and number in self.waits[channel].taken)

    def values(self, name: str) -> int:
        """Return the values of a tensor."""
        return self.sizes.get(name, 0)

    def cache(self, attention: Attention, batch: int) -> Cache:
        """Return where the keys and values of an attention lie in memory."""
        if attention.name not in self.caches:
            self.caches[attention.name] = Cache.allocate(self.builder, attention, batch)
        return self.caches[attention.name]

    def address(self, name: str, n_bits: int) -> int:
        """Return where a tensor lies in memory."""
        if name not in self.addresses:
            self.addresses[name] = int(self.builder.allocate([n_bits])[0])
        return self.addresses[name]

    def spilled_share(self, stage: Stage) -> tuple[int, int]:
        """Return the share of a stage's inputs that comes from memory, as a fraction."""
        away = [n for n in stage.inputs if n not in self.residents]
        if len(away) == len(stage.inputs):
            return 1, 1
        total = sum(self.values(name) for name in stage.inputs)
        return sum(self.values(name) for name in away), total
