"""The decoder group as a machine description, and the cycle of every output by the event engine.

Every unit and channel of the Verilog has its counterpart here, with the same capacities: a take
in cycle t is a component's start at t, a put in cycle t its put at t (``docs/hardware_cost.md``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from f2fsim.engine.event import run_event
from f2fsim.hw.description import Channel, Component, InPort, Machine, OutPort, seq
from f2fsim.hw.dram import DramParams
from f2fsim.rtl.design import GroupDesign
from f2fsim.rtl.fields import Beats, beats
from f2fsim.rtl.vectors import GroupVectors

IntArray = NDArray[np.int64]
_CLOCK_HZ = 1_000_000_000


@dataclass(frozen=True, eq=False)
class Environment:
    """How fast the world around a group is, in cycles, all at least 1.

    Attributes
    ----------
    word_gaps, count_gaps, patch_gaps, mask_gaps : ndarray of int64
        Cycles that the source of each input takes for each put.
    output_gaps : ndarray of int64, shape (n_blocks,)
        Cycles until the consumer takes the next block.
    """

    word_gaps: IntArray
    count_gaps: IntArray
    patch_gaps: IntArray
    mask_gaps: IntArray
    output_gaps: IntArray


def patch_beats(design: GroupDesign, vectors: GroupVectors) -> Beats:
    """Return how patches move."""
    return beats(vectors.patch_counts, design.patch_rate)


def mask_beats(design: GroupDesign, vectors: GroupVectors) -> Beats:
    """Return how mask items move."""
    if design.mask_code == "raw":
        return beats(np.ones(vectors.n_blocks, dtype=np.int64), 1)
    return beats(vectors.zero_runs(design.run_bits).per_block, design.mask_rate)


def eager_environment(design: GroupDesign, vectors: GroupVectors) -> Environment:
    """Return a world that never waits: one put and one block a cycle."""
    n = vectors.n_blocks
    patches, masks = patch_beats(design, vectors), mask_beats(design, vectors)
    sizes = (n, n, patches.per_put.size, masks.per_put.size, n)
    return Environment(*(np.ones(size, dtype=np.int64) for size in sizes))


def random_environment(
    design: GroupDesign, vectors: GroupVectors, seed: int, longest: int = 4
) -> Environment:
    """Return a world with random gaps of 1 … `longest` cycles in stretches of 16 items.

    Stretches with gaps alternate with stretches without, so that channels run full and empty.
    """
    rng = np.random.default_rng(seed)
    eager = eager_environment(design, vectors)

    def gaps(n: int) -> IntArray:
        slow = np.repeat(rng.random(-(-n // 16)) < 0.5, 16)[:n]
        drawn = rng.integers(1, longest + 1, n)
        return np.where(slow, drawn, 1).astype(np.int64)

    return Environment(
        gaps(eager.word_gaps.size),
        gaps(eager.count_gaps.size),
        gaps(eager.patch_gaps.size),
        gaps(eager.mask_gaps.size),
        gaps(eager.output_gaps.size),
    )


def _source(name: str, channel: str, gaps: IntArray, emit: IntArray) -> Component:
    out = OutPort(channel, emit, f"{channel} full")
    return Component(name, "source", _CLOCK_HZ, gaps.size, gaps, (), (out,))


def _unit(name: str, n_items: int, inputs: Sequence[InPort], out: OutPort) -> Component:
    """Return a unit that takes a cycle an item."""
    return Component(name, name, _CLOCK_HZ, n_items, seq(1), tuple(inputs), (out,))


def group_machine(design: GroupDesign, vectors: GroupVectors, world: Environment) -> Machine:
    """Return the machine description of a group between its sources and its consumer."""
    n = vectors.n_blocks
    one = seq(1)
    patches, masks = patch_beats(design, vectors), mask_beats(design, vectors)
    components = (
        _source("word_source", "words", world.word_gaps, one),
        _source("count_source", "counts", world.count_gaps, one),
        _source("patch_source", "patches", world.patch_gaps, patches.per_put),
        _source("mask_source", "mask_items", world.mask_gaps, masks.per_put),
        _unit(
            "xor_decoder",
            n,
            [InPort("words", one, "words empty")],
            OutPort("blocks", one, "blocks full"),
        ),
        _unit(
            "patch_unit",
            patches.first.size,
            [
                InPort("blocks", patches.first, "blocks empty"),
                InPort("counts", patches.first, "counts empty"),
                InPort("patches", patches.per_cycle, "patches empty"),
            ],
            OutPort("patched", patches.last, "patched full"),
        ),
        _unit(
            "mask_unit",
            masks.first.size,
            [InPort("mask_items", masks.per_cycle, "mask items empty")],
            OutPort("masks", masks.last, "masks full"),
        ),
        Component(
            "consumer",
            "consumer",
            _CLOCK_HZ,
            n,
            world.output_gaps,
            (
                InPort("patched", one, "patched empty"),
                InPort("masks", one, "masks empty"),
            ),
        ),
    )
    return Machine(components, _channels(design))


def _channels(design: GroupDesign) -> tuple[Channel, ...]:
    """Return the channels of a group, as large as the FIFOs of the Verilog."""
    return (
        Channel("words", design.word_fifo),
        Channel("counts", design.block_fifo),
        Channel("patches", design.patch_fifo),
        Channel("mask_items", design.mask_fifo),
        Channel("blocks", design.block_fifo, design.pipeline_depth),
        Channel("patched", design.patched_fifo),
        Channel("masks", design.patched_fifo),
    )


class TakeTimes:
    """Observer that notes the tick at which the consumer took each block."""

    def __init__(self) -> None:
        self.ticks: list[int] = []

    def busy(self, part: str, start: int, end: int) -> None:
        """Note the start of each service of the consumer."""
        if part == "consumer":
            self.ticks.append(start)

    def begin(self, machine: Machine, dram: DramParams | None, ticks_per_second: int) -> None:
        """Nothing to prepare."""

    def stall(self, part: str, cause: str, start: int, end: int) -> None:
        """Stalls are not asked for."""

    def occupancy(self, channel: str, time: int, units: int) -> None:
        """Occupancies are not asked for."""

    def commands(self, *_: object) -> None:
        """There is no memory."""

    def finish(self, end: int) -> None:
        """Nothing to close."""


def output_cycles(design: GroupDesign, vectors: GroupVectors, world: Environment) -> IntArray:
    """Return the cycle in which the consumer takes each block, by the event engine.

    Cycle 0 is the first one after reset.
    """
    seen = TakeTimes()
    run_event(group_machine(design, vectors, world), None, seen)
    return np.array(seen.ticks, dtype=np.int64)
