"""Whole logs, worked by hand, of every front end with its PE array; no memory behind them.

Every FIFO has one place and one cycle of latency: an item is seen one cycle after it is put, and
its place is free when its taker starts.  Intervals are (part, state or cause, start, end).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from f2fsim.codec import WEIGHT_TYPES, PrunedTensor
from f2fsim.codec.f2f import F2FFormat
from f2fsim.config.arch import ArchConfig, load_arch
from f2fsim.config.front_end import (
    BitmapFrontEnd,
    CsrFrontEnd,
    DenseFrontEnd,
    F2fFrontEnd,
    NmFrontEnd,
    RleFrontEnd,
)
from f2fsim.config.pe_array import FlexibleArray, LanesArray, RowParallelArray, SystolicArray
from f2fsim.engine.compiled import run_compiled
from f2fsim.engine.event import run_event
from f2fsim.hw.arrays import ARRAYS
from f2fsim.hw.arrays.bank_gather import gather_windows
from f2fsim.hw.arrays.flexible import FoldedWork
from f2fsim.hw.arrays.job import ArrayJob
from f2fsim.hw.arrays.lanes import GatheredWork
from f2fsim.hw.arrays.operands import StepReads, Words
from f2fsim.hw.arrays.row_parallel import GatherWork
from f2fsim.hw.arrays.systolic import FoldWork
from f2fsim.hw.arrays.systolic_folds import fold
from f2fsim.hw.description import Channel, Component, Machine, seq
from f2fsim.hw.front_ends import FRONT_ENDS
from f2fsim.hw.front_ends.contract import FrontEndJob
from f2fsim.mapping.plan import Plan
from f2fsim.mapping.steps import BandSteps, LayerSteps

ONE_PLACE = {"fifo_units": 1, "pipeline_cycles": 1}


@dataclass
class Bench:
    """Stands for `MachineBuilder`: adds components at 1 GHz, without memory."""

    arch: ArchConfig = field(default_factory=lambda: load_arch("dense_edge"))
    components: list = field(default_factory=list)
    channels: list = field(default_factory=list)

    def channel(self, name, capacity, latency_cycles=1):
        self.channels.append(Channel(name, capacity, latency_cycles))
        return name

    def component(self, name, kind, service, n_items, inputs=(), outputs=(), actions=None):
        part = Component(
            name, kind, 10**9, n_items, seq(service), tuple(inputs), tuple(outputs), actions or {}
        )
        self.components.append(part)


@dataclass
class Log:
    lines: list = field(default_factory=list)

    def busy(self, part, start, end):
        self.lines.append((part, "busy", start, end))

    def stall(self, part, cause, start, end):
        self.lines.append((part, cause, start, end))

    def occupancy(self, channel, time, units):
        pass

    def begin(self, machine, dram, ticks):
        pass

    def finish(self, end):
        pass


def band(n_weights, *, kept=None, stored=None, patches=None, symbols=None):
    n_weights = np.array(n_weights)
    kept = n_weights if kept is None else np.array(kept)
    stored = kept if stored is None else np.array(stored)
    patches = np.zeros_like(n_weights) if patches is None else np.array(patches)
    symbols = np.ones_like(n_weights) if symbols is None else np.array(symbols)
    done = np.zeros_like(n_weights)
    return BandSteps({}, n_weights, kept, stored, patches, symbols, patches, symbols, done)


def any_band():
    """A band for kinds that ask what is stored: one weight of each pattern."""
    every = np.arange(256, dtype=np.uint8).reshape(1, -1)
    tensor = PrunedTensor("band", every, np.ones(every.shape, bool), WEIGHT_TYPES["int8"])
    return tensor, F2FFormat(n_in=8, n_out=8).encode(tensor)


def run(front_end, array, steps, columns=1, gather=None, folds=None):
    bench = Bench(load_arch("dense_edge").model_copy(update={"pe_array": array}))
    layer = LayerSteps((steps,), [(0, 0)], (columns,), (0,))
    plan = Plan("input_stationary", (1,), (columns,), 1, {})
    inputs = []
    if front_end:
        job = FrontEndJob(bench, front_end, (), plan, layer, [any_band()], 8)
        inputs = FRONT_ENDS[front_end.kind].build(job, front_end)
    if gather is not None:
        work = GatherWork(steps, gather, steps.n_kept, Words(2, 8, 1, 1), 0, 0)
    elif folds is not None:
        work = FoldWork(steps, folds)
    elif array.kind == "lanes":
        taken = steps.n_kept if array.zeros == "skip" else steps.n_weights
        slots = np.maximum(-(-taken // array.weights_per_cycle), 1)
        reads = StepReads(slots, int(slots.sum()), int(slots.sum()), 0)
        work = GatheredWork(steps, steps, reads, Words(8, 8, 1, 1), 0, False)
    else:
        work = FoldedWork(steps, seq(1), 0)
    ARRAYS[array.kind].build(ArrayJob(bench, layer, "int8", 8, inputs, [], [work]), array)
    machine = Machine(tuple(bench.components), tuple(bench.channels))
    log = Log()
    outcome = run_event(machine, observer=log)
    assert run_compiled(machine) == outcome
    for part in outcome.components:
        assert part.busy_cycles + part.stalled_cycles + part.idle_cycles == outcome.n_ticks
    return log.lines


def check(lines, expected):
    assert sorted(lines) == sorted(expected)


def test_dense_and_lanes() -> None:
    """Four weights a step on four lanes, two columns: two cycles a step."""
    array = LanesArray(kind="lanes", weights_per_cycle=4, zeros="multiply")
    front_end = DenseFrontEnd(kind="dense", weights_per_cycle=4, **ONE_PLACE)
    check(
        run(front_end, array, band([4, 4, 4]), columns=2),
        [
            ("weight buffer", "busy", 0, 1),
            ("weight buffer", "busy", 1, 2),
            ("weight buffer", "busy", 2, 3),
            ("weight buffer", "weight buffer out full", 3, 4),
            ("pe array", "weight buffer empty", 0, 2),
            ("pe array", "busy", 2, 4),
            ("pe array", "busy", 4, 6),
            ("pe array", "busy", 6, 8),
        ],
    )


def test_bitmap_and_skipping_lanes() -> None:
    """3, 0 and 2 kept weights; aligner and lanes take 2 a cycle; an empty step takes one cycle.

    A mask is counted on its way: 2 cycles after its put it can be taken.
    """
    array = LanesArray(kind="lanes", weights_per_cycle=2, zeros="skip")
    front_end = BitmapFrontEnd(kind="bitmap", block=4, aligner_weights=2, **ONE_PLACE)
    check(
        run(front_end, array, band([4, 4, 4], kept=[3, 0, 2])),
        [
            ("mask unit", "busy", 0, 1),
            ("mask unit", "busy", 1, 2),
            ("mask unit", "busy", 2, 3),
            ("aligner", "mask unit empty", 0, 3),
            ("aligner", "busy", 3, 5),
            ("aligner", "busy", 5, 6),
            ("aligner", "busy", 6, 7),
            ("aligner", "aligner out full", 7, 8),
            ("pe array", "aligner empty", 0, 6),
            ("pe array", "busy", 6, 8),
            ("pe array", "busy", 8, 9),
            ("pe array", "busy", 9, 10),
        ],
    )


def test_f2f_and_gating_lanes() -> None:
    """0, 3 and 1 patches at one a cycle; pruned weights take their slots.

    The patch unit waits for a mask, whose ranks are its positions, 5 cycles after its put.
    """
    array = LanesArray(kind="lanes", weights_per_cycle=4, zeros="gate")
    front_end = F2fFrontEnd(kind="f2f", n_in=1, n_out=4, n_s=1, patch_rate=1, **ONE_PLACE)
    check(
        run(front_end, array, band([4, 4, 4], kept=[1, 0, 1], patches=[0, 3, 1])),
        [
            ("xor decoder", "busy", 0, 1),
            ("xor decoder", "busy", 1, 2),
            ("xor decoder", "xor decoder out full", 2, 6),
            ("xor decoder", "busy", 6, 7),
            ("mask unit", "busy", 0, 1),
            ("mask unit", "busy", 1, 2),
            ("mask unit", "busy", 2, 3),
            ("patch unit", "xor decoder empty", 0, 2),
            ("patch unit", "mask unit empty", 2, 6),
            ("patch unit", "busy", 6, 7),
            ("patch unit", "busy", 7, 10),
            ("patch unit", "busy", 10, 11),
            ("pe array", "patch unit empty", 0, 8),
            ("pe array", "busy", 8, 9),
            ("pe array", "patch unit empty", 9, 11),
            ("pe array", "busy", 11, 12),
            ("pe array", "busy", 12, 13),
        ],
    )


def test_f2f_with_coded_mask_and_skipping_lanes() -> None:
    """2, 0 and 3 code words at one a cycle; 3, 0 and 2 kept weights on two lanes.

    A coded mask is made a cycle later; compaction takes 4 cycles with the FIFO.
    """
    array = LanesArray(kind="lanes", weights_per_cycle=2, zeros="skip")
    front_end = F2fFrontEnd(
        kind="f2f", n_in=1, n_out=4, n_s=1, mask_code="zero_runs", mask_rate=1, **ONE_PLACE
    )
    check(
        run(front_end, array, band([4, 4, 4], kept=[3, 0, 2], symbols=[2, 0, 3])),
        [
            ("xor decoder", "busy", 0, 1),
            ("xor decoder", "busy", 1, 2),
            ("xor decoder", "xor decoder out full", 2, 8),
            ("xor decoder", "busy", 8, 9),
            ("mask unit", "busy", 0, 2),
            ("mask unit", "busy", 2, 3),
            ("mask unit", "busy", 3, 6),
            ("patch unit", "xor decoder empty", 0, 2),
            ("patch unit", "mask unit empty", 2, 8),
            ("patch unit", "busy", 8, 9),
            ("patch unit", "busy", 9, 10),
            ("patch unit", "mask unit empty", 10, 12),
            ("patch unit", "busy", 12, 13),
            ("pe array", "patch unit empty", 0, 13),
            ("pe array", "busy", 13, 15),
            ("pe array", "busy", 15, 16),
            ("pe array", "patch unit empty", 16, 17),
            ("pe array", "busy", 17, 18),
        ],
    )


def test_csr_and_row_parallel() -> None:
    """Two rows on two PEs, windows of 2 rounds: the banks of the entries are 0 0 1 and 0 1 0.

    PE 0 takes bank 0, then PE 1 does, then PE 0 again beside PE 1 in bank 1: 3 cycles.  The last
    entries meet in no bank: 1 cycle.
    """
    mask = np.array([[1, 0, 1, 1], [1, 1, 1, 0]], dtype=np.bool_)
    tensor = PrunedTensor("t", mask.astype(np.uint8), mask, WEIGHT_TYPES["int8"])
    found = gather_windows(tensor, n_pes=2, n_banks=2, window=2)
    gather, rounds = found.cycles, found.rounds
    array = RowParallelArray(kind="row_parallel", n_pes=2, window=2)
    front_end = CsrFrontEnd(kind="csr", **ONE_PLACE)
    check(
        run(front_end, array, band([4, 2], symbols=rounds), gather=gather),
        [
            ("index decoder", "busy", 0, 2),
            ("index decoder", "busy", 2, 3),
            ("pe array", "index decoder empty", 0, 3),
            ("pe array", "busy", 3, 6),
            ("pe array", "busy", 6, 7),
        ],
    )


def test_nm_and_skipping_lanes() -> None:
    """4 and 2 kept weights on two lanes."""
    array = LanesArray(kind="lanes", weights_per_cycle=2, zeros="skip")
    front_end = NmFrontEnd(kind="nm", n=2, m=4, groups_per_cycle=2, **ONE_PLACE)
    check(
        run(front_end, array, band([8, 8], kept=[4, 2])),
        [
            ("index decoder", "busy", 0, 1),
            ("index decoder", "busy", 1, 2),
            ("pe array", "index decoder empty", 0, 2),
            ("pe array", "busy", 2, 4),
            ("pe array", "busy", 4, 5),
        ],
    )


def test_rle_and_skipping_lanes() -> None:
    """5 entries of which one is padding take 3 cycles to decode and 2 to multiply."""
    array = LanesArray(kind="lanes", weights_per_cycle=2, zeros="skip")
    front_end = RleFrontEnd(kind="rle", entries_per_cycle=2, **ONE_PLACE)
    check(
        run(front_end, array, band([60, 9], kept=[4, 1], stored=[5, 1])),
        [
            ("run decoder", "busy", 0, 3),
            ("run decoder", "busy", 3, 4),
            ("pe array", "run decoder empty", 0, 4),
            ("pe array", "busy", 4, 6),
            ("pe array", "busy", 6, 7),
        ],
    )


@pytest.mark.parametrize(
    ("dataflow", "cycles"),
    # Weight-stationary: 2 to load, 5 columns, 2 + 3 - 2 to drain.  Output-stationary: 3 waves of
    # 2 columns, 4 + 2 + 3 - 2 each; the first wave's first 2 cycles are the first piece's.
    [("weight_stationary", [10, 10]), ("output_stationary", [2, 19])],
)
def test_systolic(dataflow: str, cycles: list[int]) -> None:
    """3 x 4 weights on 2 x 3 PEs: two folds of one strip."""
    array = SystolicArray(kind="systolic", rows=2, columns=3, dataflow=dataflow)
    lines = run(None, array, band([6, 6]), columns=5, folds=fold(3, 4, array))
    check(lines, [("pe array", "busy", 0, cycles[0]), ("pe array", "busy", cycles[0], sum(cycles))])


def test_flexible() -> None:
    """5 and 1 kept weights, loaded 2 a cycle, then 4 columns stream."""
    array = FlexibleArray(kind="flexible", n_multipliers=5, load_weights=2, chunk=4)
    front_end = BitmapFrontEnd(kind="bitmap", block=64, aligner_weights=64, **ONE_PLACE)
    check(
        run(front_end, array, band([20, 8], kept=[5, 1]), columns=4),
        [
            ("mask unit", "busy", 0, 1),
            ("mask unit", "busy", 1, 2),
            ("aligner", "mask unit empty", 0, 3),
            ("aligner", "busy", 3, 4),
            ("aligner", "busy", 4, 5),
            ("pe array", "aligner empty", 0, 5),
            ("pe array", "busy", 5, 12),
            ("pe array", "busy", 12, 17),
        ],
    )
