"""The generated Verilog agrees with the model in every bit and every cycle."""

import dataclasses

import numpy as np
import pytest

from f2fsim.codec.f2f.format import F2FFormat
from f2fsim.codec.f2f.matrix import DecoderMatrix
from f2fsim.codec.tensor import PrunedTensor, weight_type
from f2fsim.engine.event import run_event
from f2fsim.errors import InputError, MissingDependencyError
from f2fsim.hw.description import InPort, Machine, seq
from f2fsim.rtl import cosim
from f2fsim.rtl.cosim import cosimulate, lint, pick_simulator
from f2fsim.rtl.design import GroupDesign
from f2fsim.rtl.emit import emit_design
from f2fsim.rtl.layer import layer_vectors
from f2fsim.rtl.testbench import bench_files
from f2fsim.rtl.timing import (
    TakeTimes,
    eager_environment,
    group_machine,
    output_cycles,
    random_environment,
)
from f2fsim.rtl.vectors import random_vectors

needs_simulator = pytest.mark.needs("iverilog")

# n_in, n_out, n_s, taps, depth, block FIFO, patch rate, mask code, run bits, mask rate, gap
CASES = [
    (4, 16, 2, "dense", 1, 1, 1, "raw", 4, 1, 1),
    (5, 40, 15, 5, 3, 4, 2, "zero_runs", 4, 2, 3),
    (8, 80, 2, "dense", 2, 9, 1, "raw", 4, 1, 4),
    (8, 26, 7, "dense", 1, 2, 3, "zero_runs", 1, 4, 5),
    (16, 160, 15, 5, 2, 4, 4, "zero_runs", 6, 1, 2),
    (11, 33, 0, "dense", 4, 2, 1, "zero_runs", 3, 3, 8),
]


def make(case, n_planes=3):
    n_in, n_out, n_s, taps, depth, fifo, patch_rate, code, run_bits, mask_rate, gap = case
    design = GroupDesign(
        DecoderMatrix.random(n_in, n_out, n_s, taps).bits,
        n_in,
        n_planes,
        pipeline_depth=depth,
        block_fifo=fifo,
        patch_rate=patch_rate,
        patch_fifo=2 * patch_rate + 1,
        mask_code=code,
        run_bits=run_bits,
        mask_rate=mask_rate,
        mask_fifo=2 * mask_rate + 1,
    )
    return design, gap


@needs_simulator
@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case[:4])))
def test_bits_and_cycles(case):
    design, gap = make(case)
    vectors = random_vectors(design, 250, seed=case[1], patch_share=0.02)
    world = eager_environment(design, vectors)
    if gap > 1:
        world = random_environment(design, vectors, 7, gap)
    result = cosimulate(design, vectors, world)
    assert result.passed, result.message
    assert result.message.startswith("PASS 250 blocks")


@needs_simulator
def test_the_bench_notices_a_wrong_bit_and_a_wrong_cycle(tmp_path):
    design, _ = make(CASES[0])
    vectors = random_vectors(design, 40, seed=1)
    world = eager_environment(design, vectors)
    wrong = vectors.expected.copy()
    block, plane, position = np.argwhere(wrong)[-1]
    wrong[block, plane, position] ^= True
    result = cosimulate(design, dataclasses.replace(vectors, expected=wrong), world)
    assert not result.passed
    assert f"block {block}: bits differ" in result.message
    slower = dataclasses.replace(design, pipeline_depth=2, block_fifo=3)
    files = bench_files(design, vectors, world)
    files["f2f_group.v"] = emit_design(slower)["f2f_group.v"]
    cosim.write_files(files, tmp_path)
    verdict = cosim.run_bench(tmp_path, pick_simulator())
    assert verdict.startswith("FAIL block 0: cycle 7, expected 6")


@needs_simulator
@pytest.mark.parametrize("n_used", [1, 7, 23])
def test_layers_that_use_the_first_outputs_only(n_used):
    design, gap = make((6, 24, 3, 5, 2, 4, 2, "zero_runs", 3, 2, 3))
    vectors = random_vectors(design, 200, seed=n_used, patch_share=0.02, n_used=n_used)
    outcome = cosimulate(design, vectors, random_environment(design, vectors, 5, gap))
    assert outcome.passed, outcome.message


LINTED = [
    *CASES,
    (8, 64, 3, 5, 1, 1, 16, "zero_runs", 4, 16, 1),
    (2, 3, 0, "dense", 1, 1, 1, "raw", 4, 1, 1),
]


@pytest.mark.parametrize(
    "simulator",
    [
        pytest.param("icarus", marks=pytest.mark.needs("iverilog")),
        pytest.param("verilator", marks=pytest.mark.needs("verilator")),
    ],
)
@pytest.mark.parametrize("case", LINTED, ids=lambda case: "-".join(map(str, case[:4])))
def test_lint_is_clean(case, simulator):
    design, _ = make(case)
    vectors = random_vectors(design, 3)
    files = bench_files(design, vectors, eager_environment(design, vectors))
    assert lint(files, simulator) == ""


@pytest.mark.needs("verilator")
@pytest.mark.slow  # half a minute of C++ compilation
def test_verilator_agrees():
    design, gap = make(CASES[1])
    vectors = random_vectors(design, 250, seed=1, patch_share=0.02)
    world = random_environment(design, vectors, 7, gap)
    assert cosimulate(design, vectors, world, "verilator").message.startswith("PASS 250 blocks")


def small_layer(seed=0, shape=(48, 65), sparsity=0.8):
    """Weights with dense and empty rows, as pruning leaves them; plane 7 of uint8 is constant."""
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < (1 - sparsity) * rng.exponential(1.0, (shape[0], 1))
    patterns = np.where(mask, rng.integers(0, 128, shape), 0).astype(np.uint8)
    return PrunedTensor("layer", patterns, mask, weight_type("uint8"))


@needs_simulator
@pytest.mark.parametrize(("code", "groups"), [("raw", 1), ("zero_runs", 1), ("raw", 3)])
def test_an_encoded_layer(code, groups):
    weight_format = F2FFormat(n_in=6, n_out=30, n_s=7, mask_code=code, n_groups=groups)
    tensor = small_layer()
    encoded = weight_format.encode(tensor)
    assert list(encoded.params["stored_planes"]) == list(range(7))
    for group in range(groups):
        vectors = layer_vectors(tensor, encoded, group=group)
        design = GroupDesign(
            weight_format.matrix.bits,
            6,
            8,
            mask_code=code,
            run_bits=encoded.params["mask"]["params"].get("run_bits", 4),
        )
        result = cosimulate(design, vectors, random_environment(design, vectors, group))
        assert result.passed, result.message
    assert vectors.n_blocks == len(range(groups - 1, -(-48 * 65 // 30), groups))


def test_layer_vectors_refuse_what_has_no_verilog():
    tensor = small_layer()
    encoded = F2FFormat(n_in=6, n_out=30, n_s=2).encode(tensor)
    with pytest.raises(InputError, match="group must be 0 to 0"):
        layer_vectors(tensor, encoded, group=1)
    with pytest.raises(InputError, match="has no XOR decoder"):
        layer_vectors(tensor, dataclasses.replace(encoded, format="csr"))


@needs_simulator
def test_patch_unit_by_block_is_the_same_where_patches_are_there():
    # The machine model serves a block in max(1, ceil(patches / rate)) cycles as one item; the
    # Verilog cycle by cycle as patches become visible. Equal as long as the FIFO holds them.
    design = GroupDesign(DecoderMatrix.random(6, 24, 3).bits, 6, 2, patch_rate=2, patch_fifo=64)
    vectors = random_vectors(design, 200, patch_share=0.3, seed=2)
    world = random_environment(design, vectors, 3)
    world = dataclasses.replace(
        world,
        patch_gaps=np.ones_like(world.patch_gaps),
        output_gaps=2 + world.output_gaps,
    )
    machine = group_machine(design, vectors, world)
    counts = vectors.patch_counts
    parts = []
    for part in machine.components:
        if part.name == "patch_unit":
            one = seq(1)
            part = dataclasses.replace(
                part,
                n_items=vectors.n_blocks,
                service_cycles=seq(np.maximum(1, -(-counts // 2))),
                inputs=(
                    InPort("blocks", one, "blocks empty"),
                    InPort("counts", one, "counts empty"),
                    InPort("patches", seq(counts), "patches empty"),
                ),
                outputs=(dataclasses.replace(part.outputs[0], emit=one),),
            )
        parts.append(part)
    by_block = Machine(tuple(parts), machine.channels)
    seen = TakeTimes()
    run_event(by_block, None, seen)
    np.testing.assert_array_equal(seen.ticks, output_cycles(design, vectors, world))
    assert cosimulate(design, vectors, world).passed


def test_sizes_that_cannot_work_are_refused():
    matrix = np.ones((8, 8), dtype=bool)
    with pytest.raises(InputError) as caught:
        GroupDesign(matrix, 3, pipeline_depth=0, patch_rate=4, patch_fifo=6)
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert "patch_fifo must be 7 to 4096, got 6" in str(caught.value)
    with pytest.raises(InputError, match=r"mask code 'zero_run' \(did you mean 'zero_runs'"):
        GroupDesign(matrix, 4, mask_code="zero_run")


def test_missing_simulators_are_named(monkeypatch):
    monkeypatch.setattr(cosim.shutil, "which", lambda name: None)
    with pytest.raises(MissingDependencyError, match="apt-get install iverilog"):
        pick_simulator()
    with pytest.raises(InputError, match="did you mean 'icarus'"):
        pick_simulator("icaro")
