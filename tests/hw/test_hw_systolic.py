"""Systolic and flexible arrays against the published formulas, and their logs by hand."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from f2fsim.codec import FORMATS, WEIGHT_TYPES, PrunedTensor
from f2fsim.config.arch import load_arch
from f2fsim.config.load_workload import build_workload
from f2fsim.config.pe_array import FlexibleArray, SystolicArray
from f2fsim.cost import CostShape, layer_energy_pj, sram_byte_pj, sram_um2
from f2fsim.engine import run
from f2fsim.engine.compiled import run_compiled
from f2fsim.engine.event import run_event
from f2fsim.errors import ConfigError, InputError
from f2fsim.hw.arrays.flexible import bare_flexible, flexible_steps, fold_sizes
from f2fsim.hw.arrays.systolic_folds import bare_systolic, fold, fold_cycles, fold_steps
from f2fsim.hw.front_ends import layer_format
from f2fsim.mapping.plan import Plan
from f2fsim.pipeline.cost import CostModel
from f2fsim.pipeline.layer import LayerJob, prepare_layer
from f2fsim.pipeline.run import layer_jobs
from f2fsim.results import ComponentStats

# (streamed columns, outputs, inputs), cycles of SCALE-Sim 3.0.0 with unlimited bandwidth.
RUNS = [
    ("weight_stationary", (512, 64, 512), 19391),
    ("weight_stationary", (64, 512, 512), 40447),
    ("weight_stationary", (64, 2048, 512), 161791),
    ("output_stationary", (512, 64, 512), 18367),
]


def array_of(dataflow: str, rows: int = 32, columns: int = 32) -> SystolicArray:
    return SystolicArray(kind="systolic", rows=rows, columns=columns, dataflow=dataflow)


@pytest.mark.parametrize(("dataflow", "sizes", "printed"), RUNS)
def test_published_runs(dataflow: str, sizes: tuple[int, int, int], printed: int) -> None:
    """SCALE-Sim prints the last cycle's number, one less than the count."""
    streamed, outputs, inputs = sizes
    machine = bare_systolic(array_of(dataflow), outputs, inputs, streamed)
    outcome = run_compiled(machine)
    assert outcome.n_ticks - 1 == printed
    assert run_event(machine) == outcome


@settings(max_examples=60, deadline=None)
@given(
    m=st.integers(1, 70), n=st.integers(1, 70), k=st.integers(1, 70),
    r=st.integers(1, 9), c=st.integers(1, 9),
)  # fmt: skip
def test_formulas_for_any_size(m: int, n: int, k: int, r: int, c: int) -> None:
    """m streamed rows, n outputs, k inputs, as the field names them."""
    ws = math.ceil(k / r) * math.ceil(n / c) * (2 * r + c + m - 2)
    os = math.ceil(m / r) * math.ceil(n / c) * (k + r + c - 2)
    for dataflow, cycles in (("weight_stationary", ws), ("output_stationary", os)):
        machine = bare_systolic(array_of(dataflow, r, c), n, k, m)
        assert run_compiled(machine).n_ticks == cycles


def test_folds_by_hand() -> None:
    """5 x 7 weights on 3 x 2 PEs: three strips of three pieces."""
    folds = fold(5, 7, array_of("weight_stationary", 3, 2))
    assert folds.first_row.tolist() == [0, 0, 0, 2, 2, 2, 4, 4, 4]
    assert folds.first_col.tolist() == [0, 3, 6] * 3
    assert (folds.n_rows * folds.n_cols).tolist() == [6, 6, 2, 6, 6, 2, 3, 3, 1]
    cycles = fold_cycles(folds, 10, array_of("weight_stationary", 3, 2))
    assert cycles.tolist() == [16] * 9
    # 4 waves of 3 columns, 7 + 3 + 2 - 2 = 10 cycles each; a strip 40.
    cycles = fold_cycles(folds, 10, array_of("output_stationary", 3, 2))
    assert cycles.tolist() == [3, 3, 34] * 3


def job_of(buffer: str, n_tokens: int) -> LayerJob:
    """64 outputs of 300 int8 inputs on 32 x 32 PEs."""
    arch = load_arch("systolic_32x32_os").with_values({"pe_array.strip_buffer": buffer})
    data = {
        "name": "one",
        "synthetic": {"distribution": "normal"},
        "layers": [
            {"name": "l", "op": "linear", "in_features": 300, "out_features": 64}
            | {"n_tokens": n_tokens}
        ],
    }
    return next(layer_jobs(build_workload(data, Path(), "one"), arch))


@pytest.mark.parametrize(
    ("buffer", "width", "n_tokens"),
    [
        ("9600 B", 32, 100),
        ("9599 B", 31, 100),
        ("4800 B", 16, 100),
        ("300 B", 1, 33),
        ("1 B", 32, 9),
    ],
)
def test_a_strip_is_no_wider_than_its_buffer(buffer: str, width: int, n_tokens: int) -> None:
    """Strips that pass once need none; else time, reads and writes follow from what is kept."""
    job = job_of(buffer, n_tokens)
    plan = Plan("input_stationary", (64,), (n_tokens,), 32, {})
    built, _ = prepare_layer(job, plan)
    array = next(part for part in built.machine.components if part.name == "pe array")
    waves = math.ceil(n_tokens / 32)
    cycles = waves * math.ceil(64 / width) * (300 + 32 + 32 - 2)
    assert int(array.service_cycles.sum()) == cycles
    assert array.actions.get("strip_write_byte", 0) == (64 * 300 if waves > 1 else 0)
    assert array.actions.get("strip_read_byte", 0) == 64 * 300 * (waves - 1) <= 32 * cycles
    event, compiled = (run(built.machine, job.dram, engine) for engine in ("event", "compiled"))
    assert event == compiled


def test_strip_buffers_are_priced() -> None:
    arch = load_arch("systolic_32x32_os")
    cost = CostModel.of(arch)
    assert cost.area_um2("int8")["strip buffer"] == sram_um2(cost.table, 256 << 10, 32)
    shape = CostShape({"pe array": 1 << 15}, array_bank_bytes={"strip": 8192})
    part = ComponentStats("pe array", "pe_array", 1, 1, 1, {}, 0, 1, {"strip_read_byte": 100})
    energy = layer_energy_pj([part], None, cost.table, shape=shape)["pe array"]
    assert energy == pytest.approx(100 * sram_byte_pj(cost.table, 8192))
    with pytest.raises(InputError, match="uses its strip memory, whose size is not given"):
        layer_energy_pj([part], None, cost.table)
    with pytest.raises(ConfigError, match="strip_buffer: must be left out for weight_stationary"):
        load_arch("systolic_32x32").with_values({"pe_array.strip_buffer": "1 KiB"})


def test_strips_do_not_cross_groups() -> None:
    folds = fold(6, 4, array_of("weight_stationary", 4, 4), group_rows=3, row=2)
    assert folds.first_row.tolist() == [0, 1, 4]
    assert folds.n_rows.tolist() == [1, 3, 2]


def tensor_of(shape, density, seed):
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < density
    patterns = np.where(mask, rng.integers(1, 128, shape), 0).astype(np.uint8)
    return PrunedTensor("t", patterns, mask, WEIGHT_TYPES["int8"])


def test_fold_steps_cover_the_matrix_once() -> None:
    tensor = tensor_of((37, 50), 0.3, 1)
    encoded = FORMATS["dense"]().encode(tensor)
    array = array_of("weight_stationary", 8, 4)
    steps = fold_steps(tensor, encoded, fold(37, 50, array))
    assert steps.n_weights.sum() == 37 * 50
    assert steps.n_kept.sum() == tensor.n_kept
    assert steps.stream_bits["weights"].sum() == encoded.streams["weights"].n_bits
    assert steps.rows_done.sum() == 37


# (M, N, K, cycles) labelled Reported in the TeAAL artifact: second hand, SIGMA, HPCA 2020.
SIGMA = [
    (128, 2048, 4096, 66454),
    (320, 3072, 4096, 100576),
    (1632, 36548, 1024, 880058),
    (2048, 4096, 32, 4213),
    (35, 8457, 2560, 169308),
]


@pytest.mark.parametrize(("m", "n", "k", "published"), SIGMA)
def test_sigma_published_cycles(m: int, n: int, k: int, published: int) -> None:
    """Stationary masks of density 0.2 go through the model; within 2 %."""
    array = FlexibleArray(kind="flexible", n_multipliers=16384, load_weights=128, chunk=128)
    tensor = tensor_of((m, k), 0.2, 3)
    machine = bare_flexible(array, tensor, n)
    outcome = run_compiled(machine)
    assert outcome.n_ticks == pytest.approx(published, rel=0.02)
    assert run_event(machine) == outcome


def test_flexible_folds_by_hand() -> None:
    """Chunks of 2 columns, 3 multipliers: the first chunk has 4 kept weights, the second none."""
    mask = np.array(
        [[1, 1, 0, 0, 0, 1],
         [0, 1, 0, 0, 0, 0],
         [1, 0, 0, 0, 0, 0]], dtype=np.bool_
    )  # fmt: skip
    tensor = PrunedTensor("t", mask.astype(np.uint8), mask, WEIGHT_TYPES["int8"])
    array = FlexibleArray(kind="flexible", n_multipliers=3, load_weights=2, chunk=2)
    weights, kept = fold_sizes(tensor, array)
    # Fold 0: mask bits up to before the fourth kept weight (row 2, column 0 of the chunk).
    assert weights.tolist() == [4, 2, 12]
    assert kept.tolist() == [3, 1, 1]
    # Loading 2, 1, 1 cycles, then 10 columns each.
    outcome = run_compiled(bare_flexible(array, tensor, 10))
    assert outcome.n_ticks == 12 + 11 + 11


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), density=st.sampled_from([0.0, 0.05, 0.5, 1.0]))
def test_flexible_folds_hold_every_weight_once(seed: int, density: float) -> None:
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 20)), int(rng.integers(1, 40)))
    tensor = tensor_of(shape, density, seed)
    encoded = FORMATS["bitmap"]().encode(tensor)
    array = FlexibleArray(kind="flexible", n_multipliers=7, load_weights=2, chunk=8)
    steps = flexible_steps(tensor, encoded, array)
    for name, bits in steps.stream_bits.items():
        assert bits.sum() == encoded.streams[name].n_bits
    assert steps.n_weights.sum() == tensor.n_weights
    assert steps.n_kept.max() <= 7


def test_every_number_of_the_shipped_machines_has_a_source() -> None:
    """Each number in these files says where it comes from, or that it is assumed."""
    from f2fsim import shipped

    for path in shipped.names("arch_configs").values():
        bare = [
            line
            for line in path.read_text().splitlines()
            if re.match(r"\s*(preset:|\w+:\s*\d)", line)
            and not re.search(r"# (source: \S|assumed)", line)
        ]
        assert not bare, f"{path.name}: {bare}"


def test_nm_machines_read_other_patterns_densely() -> None:
    """A group of four that keeps three does not fit 2:4; the columns' last group is cut short."""

    from f2fsim.config.arch import load_arch

    arch = load_arch("nm_edge")
    mask = np.array([[1, 1, 0, 0, 1, 1], [0, 0, 1, 0, 0, 0]], dtype=np.bool_)
    fits = PrunedTensor("t", mask.astype(np.uint8), mask, WEIGHT_TYPES["int8"])
    assert layer_format(arch, fits).name == "nm"
    full = mask.copy()
    full[0, 2] = True
    other = PrunedTensor("t", full.astype(np.uint8), full, WEIGHT_TYPES["int8"])
    assert layer_format(arch, other).name == "dense"
