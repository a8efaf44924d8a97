"""Which tensors stay in the scratchpad: lifetimes from the graph, a stated choice, the check."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass

from f2fsim.config.operation import NETWORK_INPUT
from f2fsim.errors import InputError, SimulationError, near_miss
from f2fsim.network.stages import Stage, last_uses

#: DRAM bits that a stage moves beside maps of other stages, given the bits that are free for it and
#: whether all its inputs are on the chip; None if it does not fit.
StageCost = Callable[[int, int, bool], float | None]


@dataclass(frozen=True)
class Tensor:
    """What a stage makes, and how long it is needed: stages `first` to `last`."""

    name: str
    n_bits: int
    first: int
    last: int
    n_reads: int

    @property
    def n_stages(self) -> int:
        """Stages that it lives through."""
        return self.last - self.first + 1


def tensors_of(
    stages: Sequence[Stage], activation_bits: int, needed_later: Container[str] = ()
) -> dict[str, Tensor]:
    """Return the tensors between stages.

    The network's input and outputs are not among them, nor what is needed in a later piece.
    """
    last = last_uses(stages)
    reads: dict[str, int] = {}
    for stage in stages:
        for name in stage.takes:
            reads[name] = reads.get(name, 0) + 1
    return {
        stage.output: Tensor(
            stage.output,
            stage.n_values * activation_bits,
            number,
            last[stage.output],
            reads[stage.output],
        )
        for number, stage in enumerate(stages)
        if stage.output in last and stage.output not in needed_later
    }


def resident_bits(residents: Sequence[Tensor], stage: int) -> int:
    """Return the bits of residents that live in a stage."""
    return sum(one.n_bits for one in residents if one.first <= stage <= one.last)


def all_on_chip(stage: Stage, names: set[str]) -> bool:
    """Whether all inputs of a stage are residents."""
    return all(name in names for name in stage.inputs)


def choose_residents(
    stages: Sequence[Stage],
    tensors: Mapping[str, Tensor],
    capacity_bits: int,
    policy: str | Sequence[str],
    cost: StageCost,
) -> set[str]:
    """Choose the tensors that stay in the scratchpad.

    ``auto`` goes through the tensors in the order of accesses saved for each stage that they live
    through (then small ones first) and keeps one if every stage of its life still fits and the
    stages together move no more bits for want of room than the tensor saves.  ``none`` keeps none,
    a list of names exactly those.

    Raises
    ------
    InputError
        If a name is no tensor between two stages, or named tensors do not fit.
    """
    if policy == "none":
        return set()
    if not isinstance(policy, str):
        return _named(stages, tensors, capacity_bits, policy, cost)
    chosen: list[Tensor] = []
    known: dict[tuple[int, int, bool], float | None] = {}

    def at(number: int, residents: Sequence[Tensor]) -> float | None:
        names = {one.name for one in residents}
        free = capacity_bits - resident_bits(residents, number)
        key = number, free, all_on_chip(stages[number], names)
        if key not in known:
            known[key] = cost(*key) if free >= 0 else None
        return known[key]

    def worth(one: Tensor) -> tuple[float, int, int]:
        return (-(1 + one.n_reads) / one.n_stages, one.n_bits, one.first)

    for one in sorted(tensors.values(), key=worth):
        if one.n_bits > capacity_bits:
            continue
        more, lost = [*chosen, one], 0.0
        for number in range(one.first, one.last + 1):
            before, after = at(number, chosen), at(number, more)
            if before is None or after is None:
                lost = float("inf")
                break
            lost += after - before
        if lost <= 0:
            # A stage's cost has its own inputs in it, so what reading saves is in the sum already.
            chosen.append(one)
        elif lost < one.n_bits * (1 + one.n_reads) and _saves(stages, one, lost):
            chosen.append(one)
    return {one.name for one in chosen}


def _saves(stages: Sequence[Stage], one: Tensor, lost: float) -> bool:
    """Whether the write, and reads as operands, that a tensor saves outweigh what is lost."""
    as_operand = sum(one.name in stage.operands for stage in stages)
    as_vector = sum(one.name in stage.inputs for stage in stages if stage.is_vector)
    return lost < one.n_bits * (1 + as_operand + as_vector)


def _named(
    stages: Sequence[Stage],
    tensors: Mapping[str, Tensor],
    capacity_bits: int,
    names: Sequence[str],
    cost: StageCost,
) -> set[str]:
    for name in names:
        if name not in tensors:
            raise InputError(
                f"residency: {name!r} is no tensor between two stages{near_miss(name, tensors)}"
            )
    residents = [tensors[name] for name in names]
    for number, stage in enumerate(stages):
        free = capacity_bits - resident_bits(residents, number)
        if free < 0 or cost(number, free, all_on_chip(stage, set(names))) is None:
            held = ", ".join(r.name for r in residents if r.first <= number <= r.last)
            raise InputError(
                f"residency: stage {stage.name!r} does not fit beside {held or 'nothing'} "
                f"({capacity_bits // 8} bytes of scratchpad, {max(free, 0) // 8} left)"
            )
    return set(names)


def check_capacity(
    stage: Stage, capacity_bits: int, held_bits: int, own_bits: Mapping[str, int]
) -> None:
    """Refuse a stage that would hold more than the scratchpad has: an error of the program."""
    used = held_bits + sum(own_bits.values())
    if used > capacity_bits:
        raise SimulationError(
            f"stage {stage.name!r}: maps of {held_bits} bits and {dict(own_bits)} are more than "
            f"the {capacity_bits} bits of the scratchpad"
        )


def spilled(names: Sequence[str], residents: set[str]) -> tuple[str, ...]:
    """Return the tensors that come from memory, the network's input among them."""
    return tuple(name for name in names if name == NETWORK_INPUT or name not in residents)
