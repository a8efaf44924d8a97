"""Verilog of the bitmap front end: values, places and cycles; lint."""

import dataclasses

import numpy as np
import pytest

from f2fsim.errors import InputError
from f2fsim.rtl.bitmap import BitmapDevice, BitmapVectors
from f2fsim.rtl.cosim import cosimulate, lint
from f2fsim.rtl.cycles import eager, random_gaps
from f2fsim.rtl.mask_path import RawMaskPath, RunMaskPath


def vectors_of(n, n_blocks, seed=0, sparsity=0.8):
    rng = np.random.default_rng(seed)
    mask = rng.random((n_blocks, n)) < 1 - sparsity
    mask[rng.random(n_blocks) < 0.125] = False
    mask[rng.random(n_blocks) < 0.125] = True
    return BitmapVectors(mask, rng.integers(0, 256, int(mask.sum())))


DEVICES = [
    BitmapDevice(RawMaskPath(16, 1), 4, mask_fifo=1, value_fifo=7, out_fifo=1, pipeline_cycles=1),
    BitmapDevice(RunMaskPath(40, 8, 4, 2), 8, 5, mask_fifo=2, value_fifo=20, out_fifo=5),
    BitmapDevice(RawMaskPath(20, 3), 32, mask_fifo=3, value_fifo=64, out_fifo=4),
]


@pytest.mark.needs("iverilog")
@pytest.mark.parametrize("device", DEVICES, ids=["16-by-4", "40-by-8-runs", "20-by-32"])
@pytest.mark.parametrize("longest", [1, 4])
def test_values_places_and_cycles(device, longest):
    n = device.mask_path.n
    vectors = vectors_of(n, 120, seed=n)
    vectors = BitmapVectors(vectors.mask, vectors.values % 2**device.weight_bits)
    outcome = cosimulate(device.bench(vectors, random_gaps(n, longest)))
    assert outcome.message.startswith(f"PASS {outcome.n_items} beats")


@pytest.mark.needs("iverilog")
def test_the_bench_notices_a_wrong_place_and_a_wrong_cycle():
    device, vectors = DEVICES[0], vectors_of(16, 30)
    bench = device.bench(vectors, eager)
    rows = bench.sinks[0].rows.copy()
    rows[5, 9] ^= bench.sinks[0].care[5, 9]
    assert bench.sinks[0].care[5, 9]
    wrong = dataclasses.replace(bench, sinks=(dataclasses.replace(bench.sinks[0], rows=rows),))
    assert cosimulate(wrong).message.startswith("FAIL out 5: bits differ")
    slower = dataclasses.replace(device, pipeline_cycles=2, out_fifo=2)
    late = cosimulate(dataclasses.replace(bench, files=slower.files()))
    assert late.message.startswith("FAIL out 0: cycle")


@pytest.mark.needs("iverilog", "verilator")
@pytest.mark.parametrize("device", DEVICES[1:], ids=["runs", "raw"])
def test_verilog_is_clean(device):
    assert lint(device.files()) == ""
    assert lint(device.files(), "verilator", device.top) == ""


def test_sizes_that_cannot_work_are_refused():
    with pytest.raises(InputError) as caught:
        BitmapDevice(RunMaskPath(40, 2, 4, 2), 6, value_fifo=4)
    assert len(str(caught.value).splitlines()) == 3
    assert "lanes must be a power of two" in str(caught.value)
