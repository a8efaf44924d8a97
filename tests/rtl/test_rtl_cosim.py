"""The generated Verilog agrees with the model in every bit and every cycle."""

import dataclasses

import numpy as np
import pytest

from f2fsim.codec.f2f.format import F2FFormat
from f2fsim.codec.f2f.matrix import DecoderMatrix
from f2fsim.codec.tensor import PrunedTensor, weight_type
from f2fsim.errors import InputError, MissingDependencyError
from f2fsim.rtl import cosim
from f2fsim.rtl.cosim import cosimulate, lint, pick_simulator
from f2fsim.rtl.cycles import eager, random_gaps
from f2fsim.rtl.f2f import F2fDevice
from f2fsim.rtl.layer import layer_vectors
from f2fsim.rtl.mask_path import RawMaskPath, RunMaskPath
from f2fsim.rtl.mask_paths import mask_path
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


def make(case, n_planes=3, **changes):
    n_in, n_out, n_s, taps, depth, fifo, patch_rate, code, run_bits, mask_rate, gap = case
    path = RawMaskPath(n_out, 3)
    if code == "zero_runs":
        path = RunMaskPath(n_out, 2 * mask_rate + 1, run_bits, mask_rate)
    design = {
        "pipeline_depth": depth,
        "block_fifo": fifo,
        "patch_rate": patch_rate,
        "patch_fifo": 2 * patch_rate + 1,
    }
    matrix = DecoderMatrix.random(n_in, n_out, n_s, taps).bits
    return F2fDevice(matrix, n_in, path, n_planes, **{**design, **changes}), gap


def vectors_of(device, n_blocks, **options):
    return random_vectors(device.matrix, device.n_in, device.n_planes, n_blocks, **options)


@needs_simulator
@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case[:4])))
def test_bits_and_cycles(case):
    device, gap = make(case)
    vectors = vectors_of(device, 250, seed=case[1], patch_share=0.02)
    result = cosimulate(device.bench(vectors, random_gaps(7, gap)))
    assert result.message.startswith("PASS 250 blocks")


@needs_simulator
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5])
def test_few_and_many_patches(share):
    # Few: gaps over many blocks, with escapes; many: blocks of several cycles.
    device, gap = make(CASES[3])
    vectors = vectors_of(device, 200, seed=3, patch_share=share)
    fields = vectors.patch_moves(3).fields
    assert fields.is_event.sum() == vectors.patches.shape[0]
    result = cosimulate(device.bench(vectors, random_gaps(3, gap)))
    assert result.message.startswith("PASS 200 blocks")


@needs_simulator
def test_escapes_of_the_gap_code():
    device, _ = make(CASES[0])
    vectors = vectors_of(device, 300, seed=1, patch_share=0.2)
    far = vectors.patches[:, 0] % 60 < 20
    flipped = vectors.patches[~far]
    expected = vectors.expected.copy()
    expected[tuple(flipped.T)] ^= True
    vectors = dataclasses.replace(vectors, patches=vectors.patches[far], expected=expected)
    assert not vectors.patch_moves(1).fields.is_event.all()
    result = cosimulate(device.bench(vectors, random_gaps(3, 3)))
    assert result.message.startswith("PASS 300 blocks")


@needs_simulator
def test_the_bench_notices_a_wrong_bit_and_a_wrong_cycle():
    device, _ = make(CASES[0])
    vectors = vectors_of(device, 40, seed=1)
    wrong = vectors.expected.copy()
    block, plane, position = np.argwhere(wrong)[-1]
    wrong[block, plane, position] ^= True
    result = cosimulate(device.bench(dataclasses.replace(vectors, expected=wrong), eager))
    assert not result.passed
    assert f"out {block}: bits differ" in result.message
    slower = dataclasses.replace(device, pipeline_depth=9, block_fifo=10)
    bench = dataclasses.replace(device.bench(vectors, eager), files=slower.files())
    assert cosimulate(bench).message.startswith("FAIL out 0: cycle")


@needs_simulator
@pytest.mark.parametrize("n_used", [1, 7, 23])
def test_layers_that_use_the_first_outputs_only(n_used):
    device, gap = make((6, 24, 3, 5, 2, 4, 2, "zero_runs", 3, 2, 3))
    vectors = vectors_of(device, 200, seed=n_used, patch_share=0.02, n_used=n_used)
    outcome = cosimulate(device.bench(vectors, random_gaps(5, gap)))
    assert outcome.passed, outcome.message


@pytest.mark.needs("iverilog", "verilator")
@pytest.mark.parametrize("case", CASES[:2], ids=["raw", "zero-runs"])
def test_verilog_is_clean(case):
    device, _ = make(case)
    assert lint(device.files()) == ""
    assert lint(device.files(), "verilator") == ""


@pytest.mark.needs("verilator")
@pytest.mark.slow  # half a minute of C++ compilation
def test_verilator_agrees():
    device, gap = make(CASES[1])
    vectors = vectors_of(device, 250, seed=1, patch_share=0.02)
    outcome = cosimulate(device.bench(vectors, random_gaps(7, gap)), "verilator")
    assert outcome.message.startswith("PASS 250 blocks")


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
    code_of = encoded.params["mask"]
    for group in range(groups):
        vectors = layer_vectors(tensor, encoded, group=group)
        path = mask_path(code_of["code"], 30, 2, 9, code_of["params"])
        device = F2fDevice(weight_format.matrix.bits, 6, path, 8)
        result = cosimulate(device.bench(vectors, random_gaps(group, 4)))
        assert result.passed, result.message
    assert vectors.n_blocks == len(range(groups - 1, -(-48 * 65 // 30), groups))


def test_layer_vectors_refuse_what_has_no_verilog():
    tensor = small_layer()
    encoded = F2FFormat(n_in=6, n_out=30, n_s=2).encode(tensor)
    with pytest.raises(InputError, match="group must be 0 to 0"):
        layer_vectors(tensor, encoded, group=1)
    with pytest.raises(InputError, match="has no XOR decoder"):
        layer_vectors(tensor, dataclasses.replace(encoded, format="csr"))


def test_sizes_that_cannot_work_are_refused():
    matrix = np.ones((8, 8), dtype=bool)
    with pytest.raises(InputError) as caught:
        F2fDevice(matrix, 3, RawMaskPath(8), pipeline_depth=0, patch_rate=4, patch_fifo=6)
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert "patch_fifo must be 9 to 4096, got 6" in str(caught.value)
    with pytest.raises(InputError, match="the mask unit makes 9 bits for 8"):
        F2fDevice(matrix, 4, RawMaskPath(9))
    with pytest.raises(InputError, match="no Verilog for mask code 'rice'"):
        mask_path("rice", 8, 1, 8, {})


def test_missing_simulators_are_named(monkeypatch):
    monkeypatch.setattr(cosim.shutil, "which", lambda name: None)
    with pytest.raises(MissingDependencyError, match="apt-get install iverilog"):
        pick_simulator()
    with pytest.raises(InputError, match="did you mean 'icarus'"):
        pick_simulator("icaro")
