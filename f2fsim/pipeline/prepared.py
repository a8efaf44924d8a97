"""A piece of a network on one core of a target, on its way from graph to machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from f2fsim.codec import PrunedTensor
from f2fsim.hw.functional import FunctionalJob
from f2fsim.network.context import Network
from f2fsim.network.join import StageParts
from f2fsim.network.residency import Tensor, resident_bits
from f2fsim.network.stages import Stage
from f2fsim.pipeline.network_layers import LayerFacts
from f2fsim.pipeline.target import Target

Residency = str | Sequence[str]


@dataclass(frozen=True, eq=False)
class LayerValues:
    """What the values of a layer come from: the machine's side, and the whole pruned tensor."""

    job: FunctionalJob
    whole: PrunedTensor


@dataclass
class PreparedNetwork:
    """One network on one target, from graph to machine."""

    target: Target
    stages: tuple[Stage, ...]
    tensors: Mapping[str, Tensor]
    residents: set[str]
    activation_bits: int
    network: Network
    machines: list[StageParts | None] = field(default_factory=list)
    macs_issued: list[int] = field(default_factory=list)
    facts: list[dict[str, Any]] = field(default_factory=list)
    jobs: dict[int, LayerValues] | None = None
    layers: dict[int, LayerFacts] = field(default_factory=dict)

    @property
    def capacity_bits(self) -> int:
        """Bits of the scratchpad."""
        return 8 * self.target.arch.scratchpad.capacity

    def held_bits(self, number: int) -> int:
        """Return the bits of residents that live in a stage."""
        return resident_bits([self.tensors[name] for name in sorted(self.residents)], number)
