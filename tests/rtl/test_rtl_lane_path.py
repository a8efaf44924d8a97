"""Wide reads and sums of rows: every bit and cycle against NumPy, lint, and a wrong bit noticed."""

import dataclasses

import numpy as np
import pytest

from f2fsim.errors import InputError
from f2fsim.rtl.cosim import cosimulate, lint
from f2fsim.rtl.cycles import random_gaps
from f2fsim.rtl.lane_path import RowSumsDevice, WideReadDevice

TREES = [(2, 8, 12, 1), (8, 16, 20, 1), (16, 16, 32, 2), (32, 8, 16, 5), (8, 9, 12, 2)]


def sums_of(device, n_steps=120, seed=0):
    rng = np.random.default_rng(seed)
    top = 1 << (device.product_bits - 1)
    products = rng.integers(-top, top, (n_steps, device.lanes))
    first = rng.random((n_steps, device.lanes)) < rng.choice([0.02, 0.1, 0.5], (n_steps, 1))
    first[::11], first[::13] = True, False
    return device.step(first, products)


@pytest.mark.needs("iverilog")
@pytest.mark.parametrize("sizes", TREES, ids=str)
def test_sums_of_rows(sizes):
    device = RowSumsDevice(*sizes)
    bench = device.bench(sums_of(device), random_gaps(1, 4))
    assert cosimulate(bench).message.startswith("PASS 120 steps")


def test_nodes_give_each_row_once() -> None:
    """Bits of a step read back: the complete rows' sums, and what is open at either end."""
    rng = np.random.default_rng(7)
    device = RowSumsDevice(16, 8, 20)
    for density in (0.0, 0.05, 0.3, 1.0):
        first = rng.random((40, 16)) < density
        products = rng.integers(-128, 128, (40, 16))
        made = device.step(first, products).made
        weights = 1 << np.arange(20)
        for flags, row, bits in zip(first, products.tolist(), made, strict=True):
            rows, owner = [[]], 0
            for flag, value in zip(flags.tolist(), row, strict=True):
                owner += flag
                rows += [[]] if owner == len(rows) else []
                rows[owner] = [*rows[owner], value]
            found = bits[:300].reshape(15, 20) @ weights
            ends = bits[315:355].reshape(2, 20) @ weights
            complete = [sum(one) % 2**20 for one in rows[1:-1]]
            assert sorted(found[bits[300:315]].tolist()) == sorted(complete)
            assert ends[0] == sum(rows[0]) % 2**20
            assert ends[1] == sum(rows[-1]) % 2**20
            assert bits[355] == (len(rows) > 1)


@pytest.mark.needs("iverilog")
@pytest.mark.parametrize(("lanes", "bits", "n_columns"), [(4, 8, 9), (16, 8, 16), (16, 3, 77)])
def test_wide_reads_over_the_end_of_a_row(lanes, bits, n_columns):
    device = WideReadDevice(lanes, bits)
    rng = np.random.default_rng(3)
    values = rng.integers(0, 1 << bits, n_columns)
    # One group after another, as dense rows are read.
    columns = np.arange(100) * lanes % n_columns
    step = device.step(columns, n_columns, values)
    bench = device.bench(step, random_gaps(2, 4))
    assert cosimulate(bench).message.startswith("PASS 100 steps")
    rows = bench.sinks[0].rows.copy()
    rows[5, 1] ^= True
    sink = dataclasses.replace(bench.sinks[0], rows=rows)
    failed = cosimulate(dataclasses.replace(bench, sinks=(sink,)))
    assert failed.message.startswith("FAIL out 5: bits differ")


@pytest.mark.needs("iverilog", "verilator")
@pytest.mark.parametrize("device", [RowSumsDevice(8), WideReadDevice(8)], ids=str)
def test_verilog_is_clean(device):
    assert lint(device.files()) == ""
    assert lint(device.files(), "verilator") == ""


def test_sizes_that_cannot_work_are_refused():
    with pytest.raises(InputError, match="lanes must be a power of two from 2, got 12"):
        RowSumsDevice(12)
    with pytest.raises(InputError, match="sum_bits must be at least 19, got 18"):
        RowSumsDevice(8, 16, 18)
    with pytest.raises(InputError, match="word_bits must be at least 1, got 0"):
        WideReadDevice(8, 0)
