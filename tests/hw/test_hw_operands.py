"""Where lanes get their activations: conflicts against a brute-force count, and what they cost."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from f2fsim.codec import WEIGHT_TYPES, PrunedTensor
from f2fsim.config.arch import ArchConfig, load_arch
from f2fsim.config.load_workload import build_workload
from f2fsim.errors import ConfigError
from f2fsim.hw.arrays.bank_gather import gather_groups, gather_windows
from f2fsim.hw.arrays.lane_estimates import mean_gather_cycles
from f2fsim.hw.arrays.lane_parts import neighbours_a_group
from f2fsim.hw.arrays.operands import Words, band_reads, step_reads
from f2fsim.hw.front_ends import FRONT_ENDS
from f2fsim.mapping.steps import starts_of
from f2fsim.pipeline.cost import CostModel
from f2fsim.pipeline.layer import prepare_layer, run_layer
from f2fsim.pipeline.run import layer_jobs
from f2fsim.shipped import names


def in_order(
    window: list[list[int]], n_lanes: int, n_banks: int, *, shares: bool
) -> tuple[int, int]:
    """Cycles and reads of a window: lane l has a queue of the l-th column of each group."""
    queues = [[one[lane] for one in window if lane < len(one)] for lane in range(n_lanes)]
    cycle = reads = 0
    while any(queues):
        taken: dict[int, int] = {}
        for i in range(n_lanes):
            queue = queues[(cycle + i) % n_lanes]
            if not queue:
                continue
            bank = queue[0] % n_banks
            if bank not in taken:
                taken[bank] = queue.pop(0)
                reads += 1
            elif shares and taken[bank] == queue[0]:
                queue.pop(0)
        cycle += 1
    return cycle, reads


def by_hand(
    groups: list[list[int]],
    n_lanes: int,
    window: int,
    words: Words,
    *,
    gathers: bool,
    shares: bool,
) -> tuple[int, int]:
    """Cycles and reads of all windows."""
    cycles = n_reads = 0
    for start in range(0, len(groups), window):
        some = groups[start : start + window]
        asked = [{c // words.neighbours for c in one} for one in some]
        per_bank = Counter(word % words.n_banks for one in asked for word in one)
        rounds, reads = max(per_bank.values(), default=0), sum(map(len, asked))
        if gathers:
            rounds, reads = in_order(some, n_lanes, words.n_banks, shares=shares)
        cycles += max(rounds * words.each, len(some))
        n_reads += reads
    return cycles, n_reads


@settings(deadline=None, max_examples=200)
@given(
    groups=st.lists(st.lists(st.integers(0, 40), max_size=7), min_size=1, max_size=16),
    window=st.integers(1, 5),
    n_banks=st.integers(1, 9),
    neighbours=st.integers(1, 3),
    each=st.integers(1, 2),
    gathers=st.booleans(),
    shares=st.booleans(),
)
def test_conflicts_equal_a_brute_force_count(
    groups: list[list[int]],
    window: int,
    n_banks: int,
    neighbours: int,
    each: int,
    gathers: bool,
    shares: bool,
) -> None:
    words = Words(n_banks, 8, neighbours, each)
    first = starts_of(np.array([len(one) for one in groups], dtype=np.int64))
    flat = np.array([c for one in groups for c in one], dtype=np.int64)
    ways = {"gathers": gathers, "shares": shares}
    reads = step_reads(flat, first, (7, window), words, 41, **ways)
    cycles, n_words = by_hand(groups, 7, window, words, **ways)
    assert int(reads.cycles.sum()) == cycles
    assert reads.n_reads == n_words
    assert (reads.cycles >= 1).all()
    asked = [c for one in groups for c in one]
    if not gathers:
        asked = [word for one in groups for word in {c // neighbours for c in one}]
    assert reads.n_waiting == len(asked)
    if gathers and shares:
        some = [groups[at : at + window] for at in range(0, len(groups), window)]
        asked = [c for one in some for c in {c for group in one for c in group}]
    of_bank = Counter(word % n_banks for word in asked)
    assert reads.fullest == max(of_bank.values(), default=0) * each <= cycles
    if gathers:
        return
    more = replace(words, n_banks=2 * n_banks)
    assert step_reads(flat, first, (7, window), more, 41, gathers=False).cycles.sum() <= cycles


@settings(deadline=None, max_examples=60)
@given(
    bands=st.lists(
        st.lists(st.lists(st.integers(0, 40), max_size=7), min_size=1, max_size=9),
        min_size=1, max_size=4,
    ),
    window=st.integers(1, 5), gathers=st.booleans(), shares=st.booleans(),
)  # fmt: skip
def test_bands_at_once_are_as_each_alone(
    bands: list[list[list[int]]], window: int, gathers: bool, shares: bool
) -> None:
    words, ways = Words(4, 8, 2, 1), (gathers, shares)
    groups = [group for band in bands for group in band]
    first = starts_of(np.array([len(one) for one in groups], dtype=np.int64))
    bounds = starts_of(np.array([len(band) for band in bands], dtype=np.int64))
    flat = np.array([c for one in groups for c in one], dtype=np.int64)
    added = np.arange(len(groups), dtype=np.int64) % 4
    least = np.full(len(bands), 3, dtype=np.int64)
    together = band_reads(flat, first, bounds, (7, window), words, 41, added, least, ways=ways)
    for i, found in enumerate(together.by_band()):
        begin, end = int(bounds[i]), int(bounds[i + 1])
        columns, mine = flat[first[begin] : first[end]], first[begin : end + 1] - first[begin]
        alone = step_reads(
            columns, mine, (7, window), words, 41, added[begin:end], gathers=gathers, shares=shares
        )
        cycles = alone.cycles.copy()
        cycles[-1] = max(cycles[-1], 3)
        assert found.cycles.tolist() == cycles.tolist()
        others = found.n_reads, found.n_waiting, found.fullest
        assert others == (alone.n_reads, alone.n_waiting, alone.fullest)


@pytest.mark.parametrize("density", [0.1, 0.3])
def test_more_banks_never_cost_random_gathers(density: float) -> None:
    """In order a single window may lose to luck (which lane is first); masks of layers do not."""
    columns = np.flatnonzero(np.random.default_rng(1).random(200_000) < density) % 512
    first = np.arange(columns.shape[0] // 32 + 1, dtype=np.int64) * 32
    taken = [
        int(step_reads(columns[: first[-1]], first, (32, 16), words, 512, gathers=True)
            .cycles.sum())
        for words in (Words(n, 8, 1, 1) for n in (8, 16, 32, 64, 128, 512))
    ]  # fmt: skip
    assert taken == sorted(taken, reverse=True)


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 999), n_rows=st.integers(1, 40), window=st.integers(1, 6),
    n_banks=st.sampled_from([2, 5, 8]),
)  # fmt: skip
def test_lanes_and_pes_have_one_arbiter(seed: int, n_rows: int, window: int, n_banks: int) -> None:
    """Rows of equally many entries: lane l's entries are those of PE l, so cycles are equal."""
    rng = np.random.default_rng(seed)
    n_lanes, n_kept = 4, 3
    mask = np.zeros((n_lanes * n_rows, 12), dtype=bool)
    for row in mask:
        row[rng.choice(12, n_kept, replace=False)] = True
    tensor = PrunedTensor("t", mask.astype(np.uint8), mask, WEIGHT_TYPES["int8"])
    shape = n_lanes, n_banks, window
    of_pe = np.nonzero(mask)[1].reshape(n_rows, n_lanes, n_kept).transpose(0, 2, 1).reshape(-1)
    first = np.arange(n_rows * n_kept + 1, dtype=np.int64) * n_lanes
    for shares in (False, True):
        pes = gather_windows(tensor, n_lanes, n_banks, window, shares=shares)
        lanes = gather_groups(of_pe, first, shape, shares=shares)
        assert lanes.cycles.tolist() == pes.cycles.tolist()
        assert lanes.reads.tolist() == pes.reads.tolist()
        assert lanes.of_bank.tolist() == [pes.of_bank.tolist()]


def job(arch: ArchConfig, **layer: Any) -> Any:
    sizes = {"in_features": 512, "out_features": 256, "n_tokens": 8} | layer
    data = {
        "name": "one",
        "synthetic": {"distribution": "normal"},
        "pruning": {"method": "magnitude", "sparsity": 0.9},
        "layers": [{"name": "l", "op": "linear", **sizes}],
    }
    return next(layer_jobs(build_workload(data, Path(), "one"), arch))


def array_cycles(arch: ArchConfig, **layer: Any) -> tuple[int, int]:
    """Busy cycles of the array, and the groups of lanes that it takes."""
    built, _ = prepare_layer(job(arch, **layer))
    array = next(part for part in built.machine.components if part.name == "pe array")
    return int(array.service_cycles.sum()), built.unit_rates["array steps"][0]


@pytest.mark.parametrize("name", ["f2f_edge", "dense_edge", "nm_edge"])
def test_neighbouring_columns_have_no_conflicts(name: str) -> None:
    """The diagonal's skew, dense rows and groups of 2:4 read neighbouring words: a cycle each."""
    cycles, groups = array_cycles(load_arch(name).with_values({"pe_array.window": 1}))
    assert cycles == groups


def test_the_diagonal_needs_its_bank_condition() -> None:
    """240 consecutive columns are 30 or 31 words of 8: with 16 banks two of them share a bank."""
    few = load_arch("f2f_edge").with_values(
        {"pe_array.window": 1, "scratchpad.n_banks": 16, "scratchpad.bank_bytes_per_cycle": 8}
    )
    cycles, groups = array_cycles(few)
    assert cycles > 1.3 * groups


def test_scattered_kept_weights_conflict_and_a_window_hides_it() -> None:
    arch = load_arch("bitmap_edge")
    lock_step, _ = array_cycles(arch.with_values({"pe_array.window": 1}))
    queued, groups = array_cycles(arch.with_values({"pe_array.window": 16}))
    assert lock_step > 1.5 * groups
    assert groups <= queued < 0.8 * lock_step
    few, _ = array_cycles(arch.with_values({"pe_array.window": 16, "scratchpad.n_banks": 32}))
    assert queued < few


@pytest.mark.parametrize("shares", [False, True])
@pytest.mark.parametrize("n_columns", [9, 27, 64, 300, 900])
@pytest.mark.parametrize("density", [0.05, 0.1, 0.3, 0.6, 1.0])
def test_plans_know_the_gathers(density: float, n_columns: int, shares: bool) -> None:
    mask = np.random.default_rng(5).random((230_400 // n_columns, n_columns)) < density
    columns = np.nonzero(mask)[1]
    first = np.arange(columns.shape[0] // 32 + 1, dtype=np.int64) * 32
    columns = columns[: first[-1]]
    words = Words(64, 8, 1, 1)
    taken = step_reads(columns, first, (32, 16), words, n_columns, gathers=True, shares=shares)
    mean = mean_gather_cycles(32, 64, 16, density, n_columns, shares=shares)
    assert mean == pytest.approx(taken.cycles.mean(), rel=0.06)


@pytest.mark.parametrize("name", ["bitmap_edge", "f2f_edge", "f2f_skip_edge", "scnn_like"])
def test_words_taken_are_within_the_ports(name: str) -> None:
    arch = load_arch(name)
    layer = run_layer(job(arch))
    built, _ = prepare_layer(job(arch))
    fullest, _ = built.unit_rates["operand banks"]
    assert 0 < fullest <= layer.n_cycles
    array = next(part for part in layer.components if part.name == "pe array")
    ports = arch.scratchpad.n_banks * arch.scratchpad.bank_bytes_per_cycle
    assert array.actions["sram_read_byte"] <= ports * layer.n_cycles


@pytest.mark.parametrize("name", sorted(names("arch_configs")))
def test_every_fifo_of_the_timing_is_priced_and_none_beside(name: str) -> None:
    arch = load_arch(name)
    built, _ = prepare_layer(job(arch, in_features=64, out_features=64))
    kind = FRONT_ENDS[arch.front_end.kind]
    said = kind.fifo_bits(arch.front_end, arch, 8)
    there = {one.name for one in built.machine.channels if one.name.endswith(" out")}
    assert set(said) == there
    for channel in built.machine.channels:
        if channel.name in said:
            assert said[channel.name] % channel.capacity == 0
    table = CostModel.of(arch).table
    area = CostModel.of(arch).area_um2("int8")["front end FIFOs"]
    assert area == pytest.approx(sum(said.values()) * table.area("fifo_bit", "typical"))


@pytest.mark.parametrize("name", sorted(names("arch_configs")))
@pytest.mark.parametrize("zeros", ["multiply", "gate", "skip"])
def test_reads_are_shared_by_lanes_that_gather_only(name: str, zeros: str) -> None:
    arch = load_arch(name)
    if arch.pe_array.kind != "lanes":
        return
    own = {"pe_array.zeros": zeros, "pe_array.shared_reads": False}
    gathers = neighbours_a_group(arch.with_values(own), arch.with_values(own).pe_array) is None
    if gathers:
        assert arch.with_values(own | {"pe_array.shared_reads": True}).pe_array.shared_reads
        return
    with pytest.raises(ConfigError, match=r"pe_array\.shared_reads: must be false for lanes"):
        arch.with_values(own | {"pe_array.shared_reads": True})
