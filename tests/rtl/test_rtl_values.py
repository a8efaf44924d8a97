"""Verilog of the value decoders: every pattern of codes of all kinds, every cycle."""

import dataclasses

import numpy as np
import pytest

from f2fsim.codec.f2f.value_code import Fold, ValueClass, ValueCode
from f2fsim.codec.tensor import weight_type
from f2fsim.errors import InputError
from f2fsim.rtl.cosim import cosimulate, lint
from f2fsim.rtl.cycles import eager, random_gaps
from f2fsim.rtl.values import ValueDevice, ValueVectors


def code_of(name, signed, centre, shift, *classes):
    fold = Fold(weight_type(name), signed, centre, shift)
    return ValueCode(fold, tuple(ValueClass(*of_class) for of_class in classes))


#: Base, suffix bits, prefix bits of each class.
CODES = {
    "int8": code_of("int8", True, 3, 0, (0, 2, 1), (4, 4, 3), (20, 5, 3), (52, 6, 3), (0, 8, 3)),
    "uint8-shift": code_of("uint8", False, 7, 2, (0, 1, 1), (2, 3, 2), (10, 6, 2)),
    "int4-symbols": code_of(
        "int4", True, 0, 0, *((i, 0, min(i + 1, 6)) for i in range(6)), (6, 0, 6)
    ),
    "bf16": code_of("bf16", True, 0, 4, (900, 7, 1), (800, 9, 2), (0, 12, 2)),
    "e4m3": code_of("fp8_e4m3", False, 0, 0, (16, 4, 1), (64, 5, 2), (0, 8, 2)),
    "one-class": code_of("int8", False, 0, 0, (0, 8, 0)),
}


def vectors_of(code, n_out, n_blocks, seed=0):
    """Any bits on all planes: damaged codewords too."""
    rng = np.random.default_rng(seed)
    mask = rng.random((n_blocks, n_out)) < 0.4
    coded = rng.integers(0, 1 << code.n_planes, mask.shape, dtype=np.uint64)
    return ValueVectors(code, mask, coded.astype(np.uint32))


@pytest.mark.needs("iverilog")
@pytest.mark.parametrize("name", CODES)
def test_patterns_and_cycles(name):
    code = CODES[name]
    n_planes = code.n_planes + (name != "bf16")
    device = ValueDevice(6, n_planes, code.fold.weight_type.n_bits, out_fifo=3)
    outcome = cosimulate(device.bench(vectors_of(code, 6, 150), random_gaps(3, 4)))
    assert outcome.message.startswith("PASS 150 blocks")


@pytest.mark.needs("iverilog")
def test_ten_thousand_weights_of_every_codeword():
    code = CODES["int8"]
    device = ValueDevice(16, 11, 8)
    every = np.arange(16 * 1024, dtype=np.uint32).reshape(-1, 16) & ((1 << code.n_planes) - 1)
    vectors = ValueVectors(code, np.ones(every.shape, dtype=np.bool_), every)
    outcome = cosimulate(device.bench(vectors, eager))
    assert outcome.message.startswith("PASS 1024 blocks")


@pytest.mark.needs("iverilog")
def test_the_bench_notices_a_wrong_pattern():
    device, vectors = ValueDevice(4, 11, 8), vectors_of(CODES["int8"], 4, 40)
    bench = device.bench(vectors, eager)
    rows = bench.sinks[0].rows.copy()
    rows[7, 3] ^= True
    wrong = dataclasses.replace(bench, sinks=(dataclasses.replace(bench.sinks[0], rows=rows),))
    assert cosimulate(wrong).message.startswith("FAIL out 7: bits differ")


@pytest.mark.needs("iverilog", "verilator")
def test_verilog_is_clean():
    device = ValueDevice(5, 10, 8)
    assert lint(device.files()) == ""
    assert lint(device.files(), "verilator") == ""


def test_sizes_that_cannot_work_are_refused():
    with pytest.raises(InputError, match="value decoder: planes must be 1 to 32"):
        ValueDevice(5, 33, 8)
