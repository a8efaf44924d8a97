"""What building a layer's machine gives: the machine, and the totals that checks need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from f2fsim.hw.description import Machine
from f2fsim.mapping.steps import BandSteps, LayerSteps


@dataclass(frozen=True, eq=False)
class BandWork:
    """The steps of a band; arrays that need more (gathers, folds) derive from it."""

    steps: BandSteps

    @property
    def fed_steps(self) -> BandSteps:
        """Steps of the front end, where the array takes weights in others."""
        return self.steps


@dataclass(frozen=True, eq=False)
class LayerMachine:
    """A machine ready to run, and the static facts of its layer.

    Attributes
    ----------
    machine : Machine
        The machine.
    macs_issued, macs_effectual : int
        Multiplier slots taken, and multiplications that count (kept weights, and for machines
        that skip zero activations only those with non-zero ones).
    payload_bits : mapping of str to int
        Bits that each reader or writer moves.
    unit_rates : mapping of str to (int, int)
        Work in all, and the most that is done a cycle, of each unit that can bound the layer
        beside memory and multipliers.
    memory_bytes : int
        Taken of the memory, from its start: with less of it the layer could not be built.
    steps : LayerSteps or None
        Steps of the front end; None for arrays without them.
    work : tuple of BandWork
        What the array knows of each band.
    origins : mapping of str to str
        Where drawn inputs of the machine come from.
    """

    machine: Machine
    macs_issued: int
    macs_effectual: int
    payload_bits: dict[str, int]
    unit_rates: Mapping[str, tuple[int, int]]
    memory_bytes: int
    steps: LayerSteps | None = None
    work: tuple[BandWork, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)


def payload_bits(machine: Machine) -> dict[str, int]:
    """Return the bits that each reader and writer of a machine moves."""
    return {one.name: one.payload_bits for one in machine.engines}
