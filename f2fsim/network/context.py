"""A network on an architecture: what every part of its machine is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from f2fsim.config.arch import ArchConfig
from f2fsim.config.operation import Attention
from f2fsim.hw.machine_builder import MachineBuilder
from f2fsim.network.cache import Cache, Tile
from f2fsim.network.order import Waits, all_waits
from f2fsim.network.residency import Tensor
from f2fsim.network.stages import Stage


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
    """

    arch: ArchConfig
    builder: MachineBuilder
    stages: Sequence[Stage]
    tensors: Mapping[str, Tensor]
    residents: set[str]
    activation_bits: int
    waits: dict[str, Waits] = field(init=False)
    addresses: dict[str, int] = field(default_factory=dict)
    tiles: dict[int, tuple[Tile, ...]] = field(default_factory=dict)
    caches: dict[str, Cache] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.waits = all_waits(self.stages, self.residents)

    def gives(self, channel: str, number: int) -> int:
        """Return the tokens that a stage gives to a channel when its output is there."""
        return int(channel in self.waits and number in self.waits[channel].given)

    def takes(self, channel: str, number: int) -> int:
        """Return the tokens that a stage takes from a channel before it starts."""
        return int(channel in self.waits and number in self.waits[channel].taken)

    def values(self, name: str) -> int:
        """Return the values of a tensor."""
        for stage in self.stages:
            if stage.output == name:
                return stage.n_values
        return 0

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
