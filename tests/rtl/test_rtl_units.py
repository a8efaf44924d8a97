"""Units behind or beside front ends: the block mask code, compaction, the register window."""

import dataclasses

import numpy as np
import pytest

from f2fsim.errors import InputError
from f2fsim.rtl.bitmap import BitmapDevice, BitmapVectors
from f2fsim.rtl.block_mask import BlockMaskPath
from f2fsim.rtl.cosim import cosimulate, lint
from f2fsim.rtl.cycles import random_gaps
from f2fsim.rtl.skipping import CompactorDevice, StepVectors


def masks(n, n_blocks, density, seed=0):
    rng = np.random.default_rng(seed)
    mask = rng.random((n_blocks, n)) < density
    mask[::9], mask[::7] = True, False
    return mask


#: Block, most ones, escapes, inverted, words a cycle.
CODES = [(16, 2, 1, 0, 1), (24, 24, 0, 0, 2), (8, 3, 1, 1, 3)]


@pytest.mark.needs("iverilog")
@pytest.mark.parametrize("code", CODES, ids=lambda code: "-".join(map(str, code)))
def test_masks_of_the_block_code(code):
    block, max_ones, escapes, inverted, rate = code
    mask = masks(20, 120, 0.9 if inverted else 0.15)
    path = BlockMaskPath(20, 8, block, max_ones, escapes, inverted, rate)
    values = np.arange(int(mask.sum())) % 256
    bench = BitmapDevice(path, 4).bench(BitmapVectors(mask, values), random_gaps(2, 4))
    assert cosimulate(bench).message.startswith(f"PASS {bench.n_items} beats")


@pytest.mark.needs("iverilog", "verilator")
@pytest.mark.parametrize(("max_ones", "escapes"), [(3, 1), (0, 1), (16, 0)])
def test_verilog_of_the_block_code_is_clean(max_ones, escapes):
    device = BitmapDevice(BlockMaskPath(20, 8, 16, max_ones, escapes, 0, 2), 4)
    assert lint(device.files()) == ""
    assert lint(device.files(), "verilator") == ""


@pytest.mark.needs("iverilog")
@pytest.mark.parametrize(("n", "lanes"), [(30, 4), (24, 8), (64, 16), (20, 32)])
def test_compaction_of_kept_weights(n, lanes):
    mask = masks(n, 100, 0.2, seed=n)
    weights = np.random.default_rng(n).integers(0, 256, mask.shape)
    device = CompactorDevice(n, lanes)
    outcome = cosimulate(device.bench(StepVectors(mask, weights), random_gaps(2, 4)))
    assert outcome.message.startswith(f"PASS {outcome.n_items} beats")
    wrong = StepVectors(mask, weights)
    bench = device.bench(wrong, random_gaps(2, 4))
    rows = bench.sinks[0].rows.copy()
    rows[3] ^= bench.sinks[0].care[3]
    sink = dataclasses.replace(bench.sinks[0], rows=rows)
    failed = cosimulate(dataclasses.replace(bench, sinks=(sink,)))
    assert failed.message.startswith("FAIL out 3: bits differ")


@pytest.mark.needs("iverilog", "verilator")
def test_verilog_of_the_compaction_is_clean():
    device = CompactorDevice(30, 8)
    assert lint(device.files()) == ""
    assert lint(device.files(), "verilator") == ""


def test_sizes_that_cannot_work_are_refused():
    with pytest.raises(InputError, match="lanes must be a power of two"):
        CompactorDevice(30, 6)
    with pytest.raises(InputError, match="mask_rate must be 1 to 16, got 17"):
        BitmapDevice(BlockMaskPath(20, 8, 16, 3, 1, 0, 17), 4)
