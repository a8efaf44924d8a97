"""Where partial sums go: accesses and conflicts against brute force, ports, energy and area."""

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
from f2fsim.config.pe_array import FlexibleArray, RowParallelArray
from f2fsim.cost import sram_um2
from f2fsim.engine import run
from f2fsim.errors import ConfigError
from f2fsim.hw.arrays import array_kind
from f2fsim.hw.arrays.flexible import fold_sums
from f2fsim.hw.arrays.operands import Words, step_reads
from f2fsim.hw.arrays.row_parallel import open_windows
from f2fsim.hw.arrays.sums import StepSums, in_row_order, sum_cycles
from f2fsim.hw.streams import fill_width_bits
from f2fsim.mapping.plan import Plan
from f2fsim.mapping.steps import starts_of
from f2fsim.pipeline.cost import CostModel
from f2fsim.pipeline.layer import prepare_layer, run_layer
from f2fsim.pipeline.run import layer_jobs
from f2fsim.shipped import names

SHIPPED = sorted(names("arch_configs"))


def job(arch: ArchConfig, sparsity: float = 0.9, **layer: Any) -> Any:
    sizes = {"in_features": 192, "out_features": 80, "n_tokens": 20} | layer
    data = {
        "name": "one",
        "synthetic": {"distribution": "normal"},
        "pruning": {"method": "magnitude", "sparsity": sparsity},
        "layers": [{"name": "l", "op": "linear", **sizes}],
    }
    return next(layer_jobs(build_workload(data, Path(), "one"), arch))


def array_of(built: Any) -> Any:
    return next(part for part in built.machine.components if part.name == "pe array")


PLACES = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 20)), max_size=7)


@settings(deadline=None, max_examples=150)
@given(
    steps=st.lists(PLACES, min_size=1, max_size=16),
    window=st.integers(1, 5),
    banks=st.tuples(st.integers(1, 6), st.integers(1, 6)),
)
def test_conflicts_equal_a_brute_force_count(
    steps: list[list[tuple[int, int]]], window: int, banks: tuple[int, int]
) -> None:
    """Wide reads and sums of random steps, group by group with dictionaries."""
    n_banks, n_sum_banks = banks
    first = starts_of(np.array([len(one) for one in steps], dtype=np.int64))
    rows = np.array([r for one in steps for r, _ in one], dtype=np.int64)
    columns = np.array([c for one in steps for _, c in one], dtype=np.int64)
    found_rows, found_columns = in_row_order(rows, columns, first, 13)
    ordered = [sorted(one, key=lambda place: place[0]) for one in steps]
    assert found_rows.tolist() == [r for one in ordered for r, _ in one]
    assert found_columns.tolist() == [c for one in ordered for _, c in one]

    cycles = 0
    for start in range(0, len(steps), window):
        some = steps[start : start + window]
        reads = Counter(c % n_banks for one in some for c in {c for _, c in one})
        in_turn = 0
        for one in some:
            sums = Counter(r % n_sum_banks for r in {r for r, _ in one})
            in_turn += max(1, *sums.values()) if sums else 1
        cycles += max(in_turn, *reads.values()) if reads else in_turn

    def arbitrated(n_sums: int) -> Any:
        sums = StepSums.of(found_rows, first, n_sums)
        words = [len({r for r, _ in one}) for one in steps]
        assert sums.between(first[:-1], first[1:]).tolist() == words
        of_words = Words(n_banks, 8, 1, 1)
        added = sum_cycles(sums, first)
        return step_reads(found_columns, first, (7, window), of_words, 21, added, gathers=False)

    assert int(arbitrated(n_sum_banks).cycles.sum()) == cycles
    assert arbitrated(2 * n_sum_banks).cycles.sum() <= cycles  # more banks never cost


def places_by_hand(mask: np.ndarray, step: int, *, skips: bool) -> list[list[tuple[int, int]]]:
    """Kept weights of full groups of a diagonal order, written out from its definition."""
    n_rows, n_cols = mask.shape
    sequence = [(i, (i + step * d) % n_cols) for d in range(n_cols) for i in range(n_rows)]
    if skips:
        kept = [place for place in sequence if mask[place]]
        return [kept[at : at + 32] for at in range(0, len(kept), 32)] or [[]]
    cut = [sequence[at : at + 256] for at in range(0, len(sequence), 256)]
    return [[place for place in piece if mask[place]] for piece in cut]


@settings(deadline=None, max_examples=12)
@given(
    n_rows=st.integers(5, 90), n_cols=st.integers(30, 70), seed=st.integers(0, 99),
    n_banks=st.sampled_from([4, 16, 64]), zeros=st.sampled_from(["gate", "skip"]),
    shares=st.booleans(),
)  # fmt: skip
def test_a_layer_takes_the_cycles_of_its_mask_in_both_engines(
    n_rows: int, n_cols: int, seed: int, n_banks: int, zeros: str, shares: bool
) -> None:
    """F2F's diagonal order: one band, one tile, every step counted from its own kept weights."""
    arch = load_arch("f2f_skip_edge").with_values(
        {
            "pe_array.zeros": zeros,
            "pe_array.weights_per_cycle": 32 if zeros == "skip" else 256,
            "pe_array.window": 1,
            "pe_array.shared_reads": shares and zeros == "skip",
            "pe_array.accumulators.n_banks": n_banks,
        }
    )
    one = job(arch, sparsity=0.8, in_features=n_cols, out_features=n_rows, n_tokens=9)
    rng = np.random.default_rng(seed)
    mask = rng.random((n_rows, n_cols)) < 0.3
    tensor = PrunedTensor("l", mask.astype(np.uint8), mask, WEIGHT_TYPES["int8"])
    one = replace(one, data=replace(one.data, tensor=tensor))
    plan = Plan("input_stationary", (n_rows,), (9,), n_rows, {})
    built, encoded = prepare_layer(one, plan)
    step = encoded[0].params["order_step"]
    total, n_reads, words = 0, 0, []
    steps = places_by_hand(mask, step, skips=zeros == "skip")
    for places in steps:
        # Gathered words are read one by one unless reads are shared, wide ones once a group.
        asked = [c for _, c in places]
        reads = [c % 64 for c in (asked if zeros == "skip" and not shares else set(asked))]
        n_reads += len(reads)
        sums = [r % n_banks for r in {r for r, _ in places}]
        of_step = max([1, *(x.count(b) for x in (reads, sums) for b in x)])
        if len(words) == len(steps) - 1:
            of_step = max(of_step, -(-n_rows // n_banks))
        total += of_step
        words.append(len(sums))
    waves = 2
    array = array_of(built)
    assert int(array.service_cycles.sum()) == waves * total
    if zeros == "skip":
        # Words of 8 bytes, and the outputs on their way to the memory.
        outputs = array.actions["sram_write_byte"]
        assert array.actions["sram_read_byte"] == 8 * waves * n_reads + outputs
    assert array.actions.get("accumulator_read_byte", 0) == waves * sum(words[:-1]) * 8 * 4
    event, compiled = (run(built.machine, one.dram, engine) for engine in ("event", "compiled"))
    assert event == compiled
    busy = next(part for part in event.components if part.name == "pe array").busy_cycles
    assert busy == waves * total


def test_as_many_banks_as_rows_take_a_cycle_a_step() -> None:
    """In a band of no more rows than banks no two sums of a group meet; in a larger one they do."""
    values = {"pe_array.zeros": "multiply", "pe_array.window": 1, "front_end.outputs": "all"}
    arch = load_arch("f2f_edge").with_values(values)
    banks = arch.pe_array.accumulators.n_banks
    for n_rows, free in ((banks, True), (2 * banks, False)):
        one = job(arch, in_features=300, out_features=n_rows, n_tokens=1)
        built, _ = prepare_layer(one, Plan("input_stationary", (n_rows,), (1,), n_rows, {}))
        cycles = array_of(built).service_cycles
        assert bool(cycles[:-1].max() == 1) is free


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("n_tokens", [1, 20])
def test_bytes_are_within_the_ports(name: str, n_tokens: int) -> None:
    """Of accumulators and of the scratchpad, in every machine; area prices these very banks."""
    arch = load_arch(name)
    layer = run_layer(job(arch, n_tokens=n_tokens))
    sums = array_kind(arch).accumulators(arch, arch.pe_array)
    ports = sums.n_banks * sums.word_bytes
    parts = [p for p in layer.components if p.name == "pe array" or p.name.startswith("pe ")]
    for kind in ("read", "write"):
        taken = sum(p.actions.get(f"accumulator_{kind}_byte", 0) for p in parts)
        assert taken <= ports * layer.n_cycles
        taken = sum(p.actions.get(f"sram_{kind}_byte", 0) for p in parts)
        assert taken <= fill_width_bits(arch) // 8 * layer.n_cycles
    assert layer.bound_cycles["accumulators"] <= layer.n_cycles
    cost = CostModel.of(arch)
    area = cost.area_um2("int8")
    priced = sram_um2(cost.table, sums.capacity, sums.n_banks, n_ports=2)
    assert area["accumulators"] == pytest.approx(priced)
    registers = 32 * arch.pe_array.n_multipliers * cost.table.cell("DFF")
    assert area["sum registers"] == pytest.approx(registers)


def test_one_wave_of_a_row_stays_in_registers_and_several_do_not() -> None:
    """Dense rows of 300 on 256 lanes: steps end within 4 of 5 rows, each read and written a wave."""
    arch = load_arch("dense_edge")
    for n_tokens, waves in ((1, 0), (3, 3)):
        one = job(arch, in_features=320, out_features=8, n_tokens=n_tokens)
        built, _ = prepare_layer(one, Plan("input_stationary", (8,), (n_tokens,), 1, {}))
        ends = [256 * k for k in range(1, 10) if (256 * k) % 320]
        assert array_of(built).actions.get("accumulator_read_byte", 0) == waves * len(ends) * 4


@settings(deadline=None, max_examples=60)
@given(
    counts=st.lists(st.integers(0, 12), min_size=1, max_size=20),
    n_pes=st.integers(1, 5),
    window=st.integers(1, 6),
)
def test_rows_that_wait_between_windows(counts: list[int], n_pes: int, window: int) -> None:
    array = RowParallelArray(kind="row_parallel", n_pes=n_pes, window=window)
    waits = 0
    for pe in range(n_pes):
        owner = [row for row in range(pe, len(counts), n_pes) for _ in range(counts[row])]
        waits += sum(owner[at - 1] == owner[at] for at in range(window, len(owner), window))
    assert open_windows(np.array(counts, dtype=np.int64), array) == waits


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 999), n_rows=st.integers(1, 12), n_cols=st.integers(1, 40),
    n=st.integers(3, 20), chunk=st.integers(2, 12), n_banks=st.integers(1, 5),
)  # fmt: skip
def test_folds_of_a_flexible_array(
    seed: int, n_rows: int, n_cols: int, n: int, chunk: int, n_banks: int
) -> None:
    mask = np.random.default_rng(seed).random((n_rows, n_cols)) < 0.4
    tensor = PrunedTensor("t", mask.astype(np.uint8), mask, WEIGHT_TYPES["int8"])
    array = FlexibleArray.model_validate(
        {"kind": "flexible", "n_multipliers": n, "load_weights": 1, "chunk": chunk}
        | {"accumulators": {"n_banks": n_banks}}
    )
    folds: list[set[int]] = []
    for left in range(0, n_cols, chunk):
        rows = np.nonzero(mask[:, left : left + chunk])[0].tolist()
        folds += [set(rows[at : at + n]) for at in range(0, len(rows), n)]
    often = [sum(row in fold for fold in folds) for row in range(n_rows)]
    rounds = []
    for fold in folds or [set()]:
        banks = [row % n_banks for row in fold if often[row] > 1]
        rounds.append(max([1, *(banks.count(b) for b in banks)]))
    found, words = fold_sums(tensor, array)
    assert found.tolist() == rounds
    assert words == sum(max(k - 1, 0) for k in often)


def test_strips_of_a_systolic_array() -> None:
    """192 inputs on 32 rows of PEs are six pieces: five sums a row and column wait in a bank."""
    sums = {}
    for name in ("systolic_32x32", "systolic_32x32_os"):
        arch = load_arch(name)
        one = job(arch)
        built, _ = prepare_layer(one, Plan("input_stationary", (80,), (20,), 32, {}))
        sums[name] = array_of(built).actions.get("accumulator_read_byte", 0)
    assert sums == {"systolic_32x32": 5 * 80 * 20 * 4, "systolic_32x32_os": 0}


def test_sums_that_stay_in_pes_have_no_memory() -> None:
    arch = load_arch("systolic_32x32_os")
    assert CostModel.of(arch).area_um2("int8")["accumulators"] == 0
    with pytest.raises(ConfigError, match=r"accumulators.capacity: must be left out"):
        arch.with_values({"pe_array.accumulators.capacity": "1 KiB"})
