"""What front ends tell plans, against what is encoded and built."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from f2fsim.codec import PrunedTensor
from f2fsim.config.arch import load_arch
from f2fsim.config.load_workload import build_workload, load_workload
from f2fsim.hw.arrays.lane_estimates import mean_most
from f2fsim.hw.front_ends import front_end_kind
from f2fsim.mapping.facts import LayerFacts
from f2fsim.pipeline.layer import LayerJob, prepare_layer, trial
from f2fsim.pipeline.run import layer_jobs
from f2fsim.scheduling import every_plan, likely_plans


def job_of(
    arch: str, n_reduction: int, n_rows: int, sparsity: float, **changed: object
) -> LayerJob:
    layer = {"name": "l", "op": "linear", "in_features": n_reduction, "out_features": n_rows}
    data = {
        "name": "one",
        "synthetic": {"distribution": "normal"},
        "pruning": {"method": "magnitude", "sparsity": sparsity},
        "layers": [layer | {"n_tokens": 4}],
    }
    return next(
        layer_jobs(build_workload(data, Path(), "one"), load_arch(arch).with_values(changed))
    )


@pytest.mark.parametrize("n_reduction", [24, 25, 26, 27, 90])
def test_rows_that_groups_do_not_fill_are_still_n_of_m(n_reduction: int) -> None:
    """A narrow last group keeps up to n too: the layer is denser than n / m, and no dense one."""
    job = job_of("nm_edge", n_reduction, 64, 0.5)
    _, encoded = prepare_layer(job)
    kind, front_end = front_end_kind(job.arch), job.arch.front_end
    facts = LayerFacts.of(job.data.tensor)
    found = sum(stream.n_bits for name, stream in encoded[0].streams.items() if name != "mask")
    bands = len(encoded)
    assert kind.expected_bits(front_end, facts) == pytest.approx(found * bands, rel=0.15)
    weights = kind.step_weights(front_end, facts)
    assert kind.step_rounds(front_end, facts, weights, facts.density, 32) == pytest.approx(
        max(weights * facts.density / 32, 1)
    )


@pytest.mark.parametrize(
    ("arch", "table"), [("huffman_edge", "code table"), ("f2f_values_edge", "value table")]
)
@pytest.mark.parametrize("n_bands", [1, 4])
def test_tables_take_about_the_cycles_that_plans_expect(
    arch: str, table: str, n_bands: int
) -> None:
    job = job_of(arch, 100, 128, 0.8)
    data = job.data
    plan = next(
        one
        for one in every_plan(job.arch, job.dram, data.layer, data.tensor)
        if len(one.band_rows) == n_bands and not one.is_dense
    )
    built, _ = prepare_layer(job, plan)
    loader = next(one for one in built.machine.components if one.name == table)
    n_cycles = int(loader.service_cycles.sum()) / len(built.steps.passes)
    kind = front_end_kind(job.arch)
    facts, rows = LayerFacts.of(data.tensor), np.array([[128.0 / n_bands]])
    bits, cycles = kind.pass_table(job.arch.front_end, facts, rows)
    assert cycles[0, 0] == pytest.approx(n_cycles, rel=0.1)
    assert bits[0, 0] > 0


def test_front_ends_without_tables_load_none() -> None:
    job = job_of("bitmap_edge", 100, 128, 0.8)
    kind, facts = front_end_kind(job.arch), LayerFacts.of(job.data.tensor)
    bits, cycles = kind.pass_table(job.arch.front_end, facts, np.ones((2, 3)))
    assert not bits.any()
    assert not cycles.any()


@pytest.mark.parametrize(
    ("arch", "sizes", "sparsity", "within"),
    [
        ("f2f_edge", (1152, 16), 0.0, 0.02),  # 144 words of 8 columns meet in 64 banks
        ("f2f_edge", (1152, 16), 0.5, 0.08),
        ("f2f_edge", (600, 64), 0.8, 0.08),
        ("f2f_edge", (512, 64), 0.8, 0.02),  # a bank a word
        ("f2f_skip_edge", (254, 164), 0.0, 0.03),  # gathers of a diagonal: 1.36 cycles in two bands
        ("f2f_skip_edge", (254, 164), 0.5, 0.04),
        ("f2f_skip_edge", (600, 64), 0.8, 0.08),
        ("dense_server", (96, 64), 0.5, 0.01),
        ("nm_edge", (300, 64), 0.5, 0.02),
        ("csr_edge", (288, 96), 0.7, 0.04),  # two bands: 64 rows and 32
        ("csr_edge", (152, 80), 0.5, 0.05),
    ],
)
def test_the_array_takes_about_the_cycles_that_plans_expect_in_any_bands(
    arch: str, sizes: tuple[int, int], sparsity: float, within: float
) -> None:
    job = job_of(arch, *sizes, sparsity)
    data = job.data
    likely = likely_plans(job.arch, job.dram, data.layer, data.tensor, within=100, most=10**6)
    seen = set()
    for one in likely:
        # Of more bands a pass is of so few groups that the very mask decides.
        if one.choice.n_tiles == 1 and one.choice.n_bands <= 16 and not one.choice.is_dense:
            seen.add(one.choice.n_bands)
            assert trial(job, one.plan).step_cycles[1] == pytest.approx(
                one.step_cycles[1], rel=within
            )
    assert {1, 2} <= seen


@pytest.mark.parametrize("lanes", [64, 128])
def test_words_of_a_row_meet_in_banks(lanes: int) -> None:
    """A row of 96 columns in 64 groups of banks, from the first bank on.

    128 lanes read all of it, two words of half of the banks; of 64 lanes every other group does.
    """
    changed = {
        "pe_array.weights_per_cycle": lanes, "front_end.weights_per_cycle": lanes,
        "pe_array.columns": 4, "scratchpad.n_banks": 64, "scratchpad.bank_bytes_per_cycle": 4,
    }  # fmt: skip
    job = job_of("dense_server", 96, 16, 0.5, **changed)
    (one, *_) = likely_plans(job.arch, job.dram, job.data.layer, job.data.tensor)
    found = trial(job, one.plan).step_cycles[1]
    assert found == {64: 32, 128: 24}[lanes]
    assert one.step_cycles[1] == pytest.approx(found, rel=0.02)


@pytest.mark.parametrize(
    ("arch", "changed", "sparsity", "within"),
    [
        ("f2f_skip_edge", {}, 0.5, 0.12),
        ("f2f_skip_edge", {}, 0.9, 0.25),
        ("f2f_skip_edge", {"front_end.groups": 1}, 0.7, 0.12),
        ("f2f_server", {}, 0.7, 0.3),  # the most patches of 32 groups
        ("f2f_values_edge", {}, 0.7, 0.25),
        ("f2f_edge", {"front_end.mask_code": "zero_runs", "front_end.mask_rate": 4}, 0.7, 0.2),
        ("huffman_edge", {"front_end.mask_code": "zero_runs", "front_end.mask_rate": 4}, 0.8, 0.1),
        ("bitmap_edge", {"front_end.mask_code": "zero_runs", "front_end.mask_rate": 4}, 0.9, 0.1),
        ("bitmap_edge", {"front_end.mask_code": "block", "front_end.mask_rate": 1}, 0.9, 0.15),
    ],
)
def test_patches_and_mask_words_take_about_the_cycles_that_plans_expect(
    arch: str, changed: dict[str, object], sparsity: float, within: float
) -> None:
    """Of 1448 x 17 weights in 1 to 64 bands."""
    job = job_of(arch, 17, 1448, sparsity, **changed)
    data = job.data
    likely = likely_plans(job.arch, job.dram, data.layer, data.tensor, within=100, most=10**6)
    seen = set()
    for one in likely:
        if one.choice.n_tiles == 1 and one.choice.n_bands in (1, 4, 16, 64):
            if one.choice.is_dense:
                continue
            seen.add(one.choice.n_bands)
            assert one.step_cycles[0] == pytest.approx(
                trial(job, one.plan).step_cycles[0], rel=within
            )
    assert {4, 16} <= seen


def test_any_number_of_outputs_in_use_is_a_decoder() -> None:
    """Of a register of 64 bits the first 64 rows have rank 63: as many as are full are used."""
    arch = load_arch("f2f_skip_edge").with_values({"front_end.n_s": 7})
    kind, front_end = front_end_kind(arch), arch.front_end
    of_layer = kind.weight_format(arch)
    tensor = job_of("f2f_skip_edge", 100, 100, 0.5).data.tensor
    used = []
    for n_kept in range(1000, 10_000, 15):
        mask = np.zeros((100, 100), dtype=np.bool_)
        mask.reshape(-1)[:n_kept] = True
        band = PrunedTensor("band", np.zeros_like(tensor.patterns), mask, tensor.weight_type)
        used.append(kind.band_format(front_end, of_layer, band).to_json()["n_out"])
    assert min(used) == 8
    assert sorted(used, reverse=True) == used


def test_patches_of_a_trained_mask_row_by_row_are_its_own() -> None:
    """Rows are uneven: 2.1 times the cycles of a random mask's in one band, the fewest in four."""
    changed = {"front_end.order": "row", "front_end.groups": 4}
    workload = load_workload("silero_vad").with_overrides(sparsity=0.8)
    jobs = layer_jobs(workload, load_arch("f2f_skip_edge").with_values(changed))
    job = next(one for one in jobs if one.data.layer.name == "conv1")
    likely = likely_plans(
        job.arch, job.dram, job.data.layer, job.data.tensor, within=100, most=10**6
    )
    found, expected = {}, {}
    for one in likely:
        if one.choice.n_tiles == 1 and one.choice.n_bands in (1, 4, 16) and not one.choice.is_dense:
            expected[one.choice.n_bands] = one.step_cycles[0]
            found[one.choice.n_bands] = trial(job, one.plan).step_cycles[0]
    assert len(found) == 3
    assert expected == pytest.approx(found, rel=0.25)
    assert min(expected, key=lambda n: expected[n]) == min(found, key=lambda n: found[n]) == 4


@pytest.mark.parametrize(
    ("n_rows", "chance"),
    [(10, 0.7), (64, 0.5), (65, 0.4), (67, 0.9), (96, 0.1), (128, 0.5), (300, 0.02), (1000, 0.3)],
)
def test_the_most_sums_of_a_bank(n_rows: int, chance: float) -> None:
    """Against draws of the rows that a group adds to."""
    hits = np.random.default_rng(2).random((2000, n_rows)) < chance
    banks = np.arange(0, n_rows, 64)
    padded = np.pad(hits, ((0, 0), (0, -n_rows % 64)))
    most = padded.reshape(2000, banks.shape[0], 64).sum(axis=1).max(axis=1)
    assert mean_most(n_rows, chance, 64) == pytest.approx(np.maximum(most, 1).mean(), rel=0.02)
