"""The broadcast array: a whole log by hand, both engines and both forms equal, depth, padding."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from f2fsim.codec import WEIGHT_TYPES, PrunedTensor
from f2fsim.codec.csc_relative import CscRelativeFormat
from f2fsim.config.pe_array import BroadcastArray
from f2fsim.engine.compiled import run_compiled
from f2fsim.engine.event import run_event
from f2fsim.hw.arrays.broadcast.batches import (
    Broadcasts,
    SliceCounts,
    batch_cycles,
    draw_broadcasts,
    entries_by_pe,
)
from f2fsim.hw.arrays.broadcast.components import BroadcastJob, add_folded, add_network
from f2fsim.hw.description import Component, Machine, seq


@dataclass
class Bench:
    """Stands for `MachineBuilder`: adds components at 1 GHz, without memory."""

    components: list = field(default_factory=list)
    channels: list = field(default_factory=list)

    def channel(self, name, capacity, latency_cycles=1):
        from f2fsim.hw.description import Channel

        self.channels.append(Channel(name, capacity, latency_cycles))
        return name

    def component(self, name, kind, service, n_items, inputs=(), outputs=(), actions=None):
        self.components.append(
            Component(
                name, kind, 10**9, n_items, seq(service), tuple(inputs), tuple(outputs),
                actions or {},
            )
        )  # fmt: skip

    def build(self) -> Machine:
        return Machine(tuple(self.components), tuple(self.channels))


@dataclass
class Log:
    lines: list = field(default_factory=list)

    def busy(self, part, start, end):
        if start < end:
            self.lines.append((part, "busy", start, end))

    def stall(self, part, cause, start, end):
        self.lines.append((part, cause, start, end))

    def occupancy(self, channel, time, units):
        pass

    def begin(self, machine, dram, ticks):
        pass

    def finish(self, end):
        pass


def machine_of(form, entries, passes, depth, n_inputs_at_once=4096):
    counts = [SliceCounts(e, e) for e in entries]
    array = BroadcastArray(
        kind="broadcast",
        n_pes=entries[0].shape[1],
        fifo_depth=depth,
        batch_inputs=n_inputs_at_once,
    )
    bench = Bench()
    form(BroadcastJob(bench, array, counts, passes, "int8", 8), [], [])
    return bench.build()


def test_whole_log_of_two_pes_and_three_broadcasts() -> None:
    """One place a queue: the third broadcast waits for the last cycle of the slower PE's first.

    Column 0 has rows 0 and 40 on PE 0, its places 0 and 20: with the padding of a 4-bit run 3
    entries, and none on PE 1 (one cycle to see that).  Column 1 has 1 and 2, column 2 has 1 and 1.
    """
    mask = np.zeros((41, 3), dtype=np.bool_)
    mask[[0, 40], 0] = mask[[0, 1, 3], 1] = mask[[2, 5], 2] = True
    tensor = PrunedTensor("t", mask.astype(np.uint8), mask, WEIGHT_TYPES["int8"])
    entries = CscRelativeFormat(n_pes=2, run_bits=4).entry_counts(tensor).stored
    assert entries.tolist() == [[3, 0], [1, 2], [1, 1]]
    work = Broadcasts(seq([0, 1, 2]), seq([0, 3]))
    log = Log()
    machine = machine_of(add_network, [entries], [(0, work)], depth=1)
    outcome = run_event(machine, observer=log)
    assert sorted(log.lines) == sorted(
        [
            ("broadcaster", "busy", 0, 1),
            ("broadcaster", "busy", 1, 2),
            ("broadcaster", "queue full", 2, 4),  # PE 0 frees its place with cycle 4 to 5
            ("broadcaster", "busy", 4, 5),
            ("broadcaster", "queue full", 5, 6),  # PE 1 works on column 1 from 5 to 7
            ("pe 0", "queue empty", 0, 2),
            ("pe 0", "busy", 2, 4),
            ("pe 0", "busy", 4, 5),
            ("pe 0", "busy", 5, 6),
            ("pe 0", "queue empty", 6, 7),
            ("pe 0", "busy", 7, 8),
            ("pe 1", "queue empty", 0, 2),
            ("pe 1", "busy", 2, 3),  # an empty slice takes the cycle of its pointers
            ("pe 1", "queue empty", 3, 5),
            ("pe 1", "busy", 5, 6),
            ("pe 1", "busy", 6, 7),
            ("pe 1", "busy", 7, 8),
            ("output unit", "pe not done", 0, 9),
            ("output unit", "busy", 9, 10),
        ]
    )
    assert outcome.n_ticks == 10
    assert run_compiled(machine) == outcome
    counts = SliceCounts(entries, entries)
    assert batch_cycles(counts, work, 1).tolist() == [8]


def random_work(seed: int):
    rng = np.random.default_rng(seed)
    n_pes, n_cols = int(rng.integers(1, 6)), int(rng.integers(1, 30))
    at_once = int(rng.integers(1, n_cols + 1))
    entries = [rng.integers(0, 5, (n_cols, n_pes)) for _ in range(2)]
    passes = [
        (band, draw_broadcasts(n_cols, int(rng.integers(1, 4)), at_once, rng.random(), seed))
        for band in (0, 1)
    ]
    return entries, passes, at_once


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), depth=st.integers(1, 9))
def test_network_and_folded_form_take_the_same_cycles(seed: int, depth: int) -> None:
    entries, passes, at_once = random_work(seed)
    cycles = set()
    for form in (add_network, add_folded):
        machine = machine_of(form, entries, passes, depth, at_once)
        outcome = run_compiled(machine)
        assert run_event(machine) == outcome
        cycles.add(outcome.n_ticks)
    assert len(cycles) == 1


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_deeper_queue_is_never_slower(seed: int) -> None:
    entries, passes, at_once = random_work(seed)
    ticks = [
        run_compiled(machine_of(add_network, entries, passes, depth, at_once)).n_ticks
        for depth in (1, 2, 3, 8, 64)
    ]
    assert ticks == sorted(ticks, reverse=True)


def test_deep_queues_leave_only_the_busiest_pe() -> None:
    """With room for all, a batch takes the longest chain of one PE, and the way there and back."""
    rng = np.random.default_rng(5)
    entries = rng.integers(1, 6, (200, 4))
    work = Broadcasts(seq(np.arange(200)), seq([0, 200]))
    cycles = batch_cycles(SliceCounts(entries, entries), work, 1000)
    assert int(entries.sum(axis=0).max()) + 2 == int(cycles[0])


def test_draws_are_the_given_density_and_repeat() -> None:
    drawn = draw_broadcasts(1000, 40, 300, 0.35, seed=7)
    again = draw_broadcasts(1000, 40, 300, 0.35, seed=7)
    assert drawn.n_batches == 40 * 4
    assert (drawn.columns == again.columns).all()
    share = (drawn.columns >= 0).sum() / 40_000
    assert share == pytest.approx(0.35, abs=0.01)
    for batch in range(4):
        columns = drawn.columns[drawn.first[batch] : drawn.first[batch + 1]]
        assert (np.diff(columns) > 0).all()
        assert (columns // 300 == batch).all()


def test_a_batch_without_activations_passes_one_empty_broadcast() -> None:
    drawn = draw_broadcasts(10, 2, 5, 0.0, seed=1)
    assert drawn.columns.tolist() == [-1] * 4
    entries = np.full((10, 3), 4)
    assert batch_cycles(SliceCounts(entries, entries), drawn, 8).tolist() == [3] * 4


def test_padding_counts_as_work() -> None:
    """One PE, rows 0 and 40 kept, 4-bit runs: 39 zeros need two padding entries."""
    mask = np.zeros((41, 1), dtype=np.bool_)
    mask[[0, 40]] = True
    tensor = PrunedTensor("t", mask.astype(np.uint8), mask, WEIGHT_TYPES["int8"])
    counts = CscRelativeFormat(n_pes=1, run_bits=4).entry_counts(tensor)
    assert counts.stored.tolist() == [[4]]
    assert counts.padding.tolist() == [[2]]


def test_vectors_without_zeros_are_drawn_once() -> None:
    """All alike: one is kept, and its cycles and entries count for each."""
    drawn = draw_broadcasts(10, 3, 4, 1.0, seed=1)
    assert (drawn.times, drawn.n_batches, drawn.n_broadcasts) == (3, 9, 30)
    whole = drawn.expanded()
    assert whole.columns.tolist() == 3 * list(range(10))
    assert whole.first.tolist() == [0, 4, 8, 10, 14, 18, 20, 24, 28, 30]
    stored = np.random.default_rng(1).integers(0, 4, (10, 5))
    counts = SliceCounts(stored, stored)
    assert (batch_cycles(counts, drawn, 2) == batch_cycles(counts, whole, 2)).all()
    assert (entries_by_pe(stored, drawn) == entries_by_pe(stored, whole)).all()
