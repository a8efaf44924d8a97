"""Which plan a layer runs by on a machine: the one with the fewest predicted cycles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple, TypeVar

import numpy as np

from f2fsim.codec import PrunedTensor
from f2fsim.config.arch import ArchConfig
from f2fsim.config.layer import Layer
from f2fsim.errors import ConfigError
from f2fsim.hw.arrays import array_kind
from f2fsim.hw.dram import DramParams
from f2fsim.hw.front_ends import front_end_kind
from f2fsim.mapping.geometry import split_evenly
from f2fsim.mapping.plan import Plan
from f2fsim.scheduling.candidates import Candidates, candidates
from f2fsim.scheduling.forecast import (
    EQUAL_SHARE,
    NO_STRETCH,
    SCRATCHPAD_COST,
    predicted_cycles,
    step_cycles,
)
from f2fsim.scheduling.sizes import BAND_ALIGNMENT_BITS, Sizes

#: Plans that may be the fastest: predicted within this factor of the fewest cycles, and at most so
#: many of each way to store the weights.
WITHIN = 1.25
MOST_LIKELY = 32

#: Density from which the dense way is tried: below it a kept weight with its index (at most as many
#: bits again, twice over) and its bank conflicts cost less than the zeros.
LEAST_DENSE = 0.3

#: What ``schedule`` allows.
SCHEDULES = {
    "auto": ("input_stationary", "weight_stationary"),
    "predicted": ("input_stationary", "weight_stationary"),
    "exhaustive": ("input_stationary", "weight_stationary"),
    "input_stationary": ("input_stationary",),
    "weight_stationary": ("weight_stationary",),
}


def plan_layer(
    arch: ArchConfig,
    dram: DramParams,
    layer: Layer,
    tensor: PrunedTensor,
    *,
    inputs_on_chip: bool = False,
) -> Plan:
    """Choose bands, tiles, schedule and the way to store the weights of a layer.

    Of all choices that fit, those with the fewest predicted cycles win; of equal ones, that which
    moves the fewest bits, where a bit of held weights that a tile reads again from the scratchpad
    counts `SCRATCHPAD_COST`; then that with the fewest passes.  With `inputs_on_chip` no
    activations are loaded, and they take no room of the scratchpad.

    Raises
    ------
    ConfigError
        If one row band and one column do not fit the scratchpad; says what would.
    """
    own = array_kind(arch).own_plans(arch, arch.pe_array, layer, tensor)
    if own:
        return own[0]
    found = []
    for sizes, choices in _all(arch, layer, tensor, inputs_on_chip):
        cycles = predicted_cycles(sizes, dram, choices)
        for at in np.flatnonzero(cycles <= cycles.min() * (1 + EQUAL_SHARE)).tolist():
            cost = _cost(sizes, choices, at)
            found.append((float(cycles[at]), cost, (sizes, choices, at)))
    return _plan(*cheapest(found))


T = TypeVar("T")


class Choice(NamedTuple):
    """What tells the plans of a layer apart: way to store, schedule, numbers of bands and tiles."""

    is_dense: bool
    holds: bool
    n_bands: int
    n_tiles: int


@dataclass(frozen=True)
class Likely:
    """A plan with predicted core cycles: of the whole, and of the steps of front end and array.

    `cost` decides between plans that are as fast: the bits that it moves, then its passes.  The
    plan is made when it is asked for: of a large layer's likely plans one is.
    """

    cycles: float
    step_cycles: tuple[float, float]
    choice: Choice
    cost: tuple[float, int]
    make: Callable[[], Plan]

    @cached_property
    def plan(self) -> Plan:
        """The plan."""
        return self.make()


def likely_plans(
    arch: ArchConfig,
    dram: DramParams,
    layer: Layer,
    tensor: PrunedTensor,
    stretch: Mapping[bool, tuple[float, float]] | None = None,
    *,
    within: float = WITHIN,
    most: int = MOST_LIKELY,
    inputs_on_chip: bool = False,
) -> list[Likely]:
    """Return the plans that may be the fastest, fewest predicted cycles first.

    Before all others comes the one of least cost among those that are as fast (`EQUAL_SHARE`).

    Parameters
    ----------
    arch, dram, layer, tensor
        As of `plan_layer`.
    stretch : mapping of bool to (float, float), optional
        Factors on the predicted cycles of front end and array: of plans in the dense way, and of
        the others.
    within : float
        Plans whose predicted cycles are within this factor of the fewest of their way to store.
    most : int
        As many of each way at most.
    inputs_on_chip : bool
        As of `plan_layer`.
    """
    own = array_kind(arch).own_plans(arch, arch.pe_array, layer, tensor)
    if own:
        return [Likely(0.0, NO_STRETCH, Choice(False, False, 1, 1), (0.0, 1), lambda: own[0])]
    found = []
    for sizes, choices in _all(arch, layer, tensor, inputs_on_chip):
        factor = (stretch or {}).get(sizes.facts.is_dense, NO_STRETCH)
        cycles = predicted_cycles(sizes, dram, choices, within, factor)
        units = step_cycles(sizes, choices)
        near = np.flatnonzero(cycles <= within * cycles.min()).tolist()
        order = sorted(near, key=lambda at: (cycles[at], _cost(sizes, choices, at)))[:most]
        for at in order:
            steps = float(units[0, at]), float(units[1, at])
            choice = Choice(sizes.facts.is_dense, *choices.choice(at))
            make = partial(_plan, sizes, choices, at)
            cost = _cost(sizes, choices, at)
            found.append(Likely(float(cycles[at]), steps, choice, cost, make))
    found.sort(key=lambda one: one.cycles)
    first = found.index(cheapest([(one.cycles, one.cost, one) for one in found]))
    return [found[first], *found[:first], *found[first + 1 :]]


def cheapest(plans: Sequence[tuple[float, tuple[float, int], T]], measured: bool = False) -> T:
    """Return that of least cost among the plans that are as fast: (cycles, cost, plan) each.

    Cycles that were `measured` are no guess: none is spent for less than its share of the cost.
    """
    limit = min(cycles for cycles, _, _ in plans) * (1 + EQUAL_SHARE)
    equal = [one for one in plans if one[0] <= limit]
    if measured:
        return min(equal, key=lambda one: (one[0] * one[1][0], one[1][1]))[2]
    return min(equal, key=lambda one: (one[1], one[0]))[2]


def every_plan(
    arch: ArchConfig, dram: DramParams, layer: Layer, tensor: PrunedTensor
) -> list[Plan]:
    """Return every plan that `plan_layer` chooses from, each once; parameters as there."""
    own = array_kind(arch).own_plans(arch, arch.pe_array, layer, tensor)
    if own:
        return own
    return [
        _plan(sizes, choices, at)
        for sizes, choices in _all(arch, layer, tensor)
        for at in range(choices.n)
    ]


def _all(
    arch: ArchConfig, layer: Layer, tensor: PrunedTensor, inputs_on_chip: bool = False
) -> Iterator[tuple[Sizes, Candidates]]:
    """Yield the choices of each way to store the weights."""
    schedules = SCHEDULES[arch.schedule]
    ways = [False]
    has_way = front_end_kind(arch).dense_block(arch.front_end, arch) is not None
    if has_way and tensor.n_kept >= LEAST_DENSE * tensor.n_weights:
        ways.append(True)
    for is_dense in ways:
        sizes = Sizes(arch, layer, tensor, is_dense=is_dense, inputs_on_chip=inputs_on_chip)
        choices = candidates(sizes, schedules)
        while not choices.n and sizes.row_unit > 1:
            # Better some idle PEs than none that run.
            sizes.row_unit //= 2
            choices = candidates(sizes, schedules)
        if choices.n:
            yield sizes, choices
        elif not is_dense:
            sums = sizes.array.accumulators(arch, arch.pe_array)
            rows = min(sizes.row_unit, sizes.n_rows)
            held = sums.held_bytes(np.array([sizes.rows_held(rows)]), np.array([1]))
            if held[0] > sums.capacity:
                raise ConfigError(
                    f"{arch.place('pe_array.accumulators.capacity')}: layer {layer.name!r} needs "
                    f"at least a word of {sums.word_bytes} bytes for every row in work, got "
                    f"{sums.capacity}"
                )
            holds = schedules[0] == "weight_stationary"
            needs = sizes.needs(sizes.most_bands, sizes.n_columns, holds=holds)
            raise ConfigError(
                f"{arch.place('scratchpad.capacity')}: layer {layer.name!r} needs at least "
                f"{-(-sum(needs.values()) // 8)} bytes for one row band and one column, "
                f"got {arch.scratchpad.capacity}"
            )


def _cost(sizes: Sizes, choices: Candidates, number: int) -> tuple[float, int]:
    """Return the moved bits, with alignment and the reads of held weights, and the passes."""
    holds, n_bands, n_tiles = choices.choice(number)
    row = choices.tile_table[choices.at[number, 2]].tolist()
    inputs = row[0] * row[4] + row[1] * row[5]
    passes, weights = n_bands * n_tiles, sizes.expected_bits + sizes.scale_bits
    if not holds:
        return weights * n_tiles + inputs + BAND_ALIGNMENT_BITS * passes, passes
    again = SCRATCHPAD_COST * weights * n_tiles
    return weights + n_bands * (inputs + BAND_ALIGNMENT_BITS) + again, passes


def _plan(sizes: Sizes, choices: Candidates, number: int) -> Plan:
    holds, n_bands, n_tiles = choices.choice(number)
    bands = tuple(sizes.band_rows(n_bands))
    return Plan(
        "weight_stationary" if holds else "input_stationary",
        bands,
        tuple(split_evenly(sizes.n_columns, n_tiles)),
        sizes.rows_in_flight(bands[0]),
        sizes.needs(n_bands, n_tiles, holds=holds),
        sizes.facts.is_dense,
    )
