"""Where lanes get their activations: conflicts against a brute-force count, and what they cost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from f2fsim.config.arch import ArchConfig, load_arch
from f2fsim.config.load_workload import build_workload
from f2fsim.hw.arrays.operands import Words, step_reads
from f2fsim.hw.front_ends import FRONT_ENDS
from f2fsim.pipeline.cost import CostModel
from f2fsim.pipeline.layer import prepare_layer, run_layer
from f2fsim.pipeline.run import layer_jobs
from f2fsim.shipped import names


def by_hand(
    columns: list[list[int]], width: int, window: int, words: Words
) -> tuple[list[int], list[int]]:
    """Cycles of windows and words of steps, group by group with sets."""
    groups, owner = [], []
    for step, of_step in enumerate(columns):
        pieces = [of_step[i : i + width] for i in range(0, len(of_step), width)] or [[]]
        groups += [{c // words.neighbours for c in piece} for piece in pieces]
        owner += [step] * len(pieces)
    cycles = []
    for start in range(0, len(groups), window):
        some = groups[start : start + window]
        per_bank = [0] * words.n_banks
        for group in some:
            for word in group:
                per_bank[word % words.n_banks] += words.each
        cycles.append(max([*per_bank, len(some)]))
    n_words = [0] * len(columns)
    for step, group in zip(owner, groups, strict=True):
        n_words[step] += len(group)
    return cycles, n_words


@settings(deadline=None, max_examples=200)
@given(
    columns=st.lists(st.lists(st.integers(0, 40), max_size=20), min_size=1, max_size=12),
    width=st.integers(1, 7),
    window=st.integers(1, 5),
    n_banks=st.integers(1, 9),
    neighbours=st.integers(1, 3),
    each=st.integers(1, 2),
)
def test_conflicts_equal_a_brute_force_count(
    columns: list[list[int]], width: int, window: int, n_banks: int, neighbours: int, each: int
) -> None:
    words = Words(n_banks, 8, neighbours, each)
    per_step = np.array([len(one) for one in columns], dtype=np.int64)
    flat = np.array([c for one in columns for c in one], dtype=np.int64)
    groups = np.maximum(-(-per_step // width), 1)
    reads = step_reads(flat, per_step, groups, (width, window), words, 41)
    cycles, n_words = by_hand(columns, width, window, words)
    assert int(reads.cycles.sum()) == sum(cycles)
    assert reads.n_reads.tolist() == n_words
    assert (reads.cycles >= groups).all()
    more = step_reads(
        flat, per_step, groups, (width, window), replace(words, n_banks=2 * n_banks), 41
    )
    assert more.cycles.sum() <= reads.cycles.sum()


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


@pytest.mark.parametrize("name", ["bitmap_edge", "f2f_edge", "f2f_skip_edge", "scnn_like"])
def test_words_taken_are_within_the_ports(name: str) -> None:
    arch = load_arch(name)
    layer = run_layer(job(arch))
    built, _ = prepare_layer(job(arch))
    n_reads, n_banks = built.unit_rates["operand banks"]
    assert n_reads <= n_banks * layer.n_cycles
    array = next(part for part in layer.components if part.name == "pe array")
    ports = arch.scratchpad.n_banks * arch.scratchpad.bank_bytes_per_cycle
    assert n_reads < array.actions["sram_read_byte"] <= ports * layer.n_cycles


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
