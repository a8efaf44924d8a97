"""Row order and the scatter of sums: every bit and cycle against NumPy and the machine's counts."""

import numpy as np
import pytest

from f2fsim.errors import InputError
from f2fsim.hw.arrays.sums import StepSums, sum_rounds
from f2fsim.rtl.cosim import cosimulate, lint
from f2fsim.rtl.cycles import random_gaps
from f2fsim.rtl.row_order import BenesDevice, SorterDevice
from f2fsim.rtl.scatter import ScatterDevice, Sums


def sorter_step(device, n_steps=80):
    rng = np.random.default_rng(1)
    shape = n_steps, device.lanes
    keys = rng.integers(0, 1 << device.key_bits, shape)
    keys[::3] %= 5  # many of one row
    return keys, device.step(keys, rng.integers(0, 1 << device.payload_bits, shape))


def benes_step(device, n_steps=80):
    rng = np.random.default_rng(2)
    words = rng.integers(0, 1 << device.word_bits, (n_steps, device.lanes))
    order = np.argsort(rng.random(words.shape), axis=1)
    return device.step(words, rng.integers(0, device.lanes, n_steps), order)


def sums_of(device, n_groups=80, seed=3):
    rng = np.random.default_rng(seed)
    shape = n_groups, device.n_sums
    used = rng.random(shape) < rng.random((n_groups, 1))
    rows = np.sort(rng.integers(0, device.n_banks << device.place_bits, shape), axis=1)
    rows[::5] = np.arange(device.n_sums) * device.n_banks  # all in one bank
    return Sums(used, rows, rng.integers(0, 1 << device.sum_bits, shape))


@pytest.mark.needs("iverilog")
@pytest.mark.parametrize("device", [SorterDevice(8, 6, 9, 2), SorterDevice(2, 4, 1, 1)], ids=str)
def test_sorted_by_row(device):
    keys, step = sorter_step(device)
    weights = 1 << np.arange(device.key_bits)
    made = step.made.reshape(*keys.shape, -1)[:, :, : device.key_bits] @ weights
    np.testing.assert_array_equal(made, np.sort(keys, axis=1))
    assert cosimulate(device.bench(step, random_gaps(1, 4))).message.startswith("PASS 80 steps")


@pytest.mark.needs("iverilog")
@pytest.mark.parametrize("sizes", [(8, 5, 4), (4, 9, 8), (16, 3, 4)], ids=str)
def test_any_permutation(sizes):
    device = BenesDevice(*sizes)
    bench = device.bench(benes_step(device), random_gaps(2, 4))
    assert cosimulate(bench).message.startswith("PASS 80 steps")


@pytest.mark.needs("iverilog")
@pytest.mark.parametrize("sizes", [(8, 4, 3, 9), (4, 8, 2, 16)], ids=str)
def test_a_sum_a_bank_and_cycle(sizes):
    device = ScatterDevice(*sizes)
    outcome = cosimulate(device.bench(sums_of(device), random_gaps(3, 4)))
    assert outcome.message.startswith(f"PASS {outcome.n_items} cycles")
    assert outcome.n_items > 100


@pytest.mark.parametrize("sizes", [(8, 4), (32, 64), (16, 8)])
def test_groups_take_the_cycles_of_the_machine(sizes):
    device = ScatterDevice(*sizes)
    sums = sums_of(device, 200)
    used = sums.used | (np.arange(device.n_sums) == 0)  # no group is empty
    _, cycles = device.served(Sums(used, sums.rows, sums.values))
    # Equal rows of a group are one sum for the machine: take each once.
    n = used.sum(axis=1)
    bank = (sums.rows % device.n_banks)[used].astype(np.int32)
    first = np.concatenate([[0], np.cumsum(n)])
    found = sum_rounds(StepSums(bank, device.n_banks), first)
    np.testing.assert_array_equal(cycles, found)


@pytest.mark.needs("iverilog", "verilator")
@pytest.mark.parametrize(
    "device", [SorterDevice(4, 6, 9), BenesDevice(8, 5, 4), ScatterDevice(4, 4, 3, 8)], ids=str
)
def test_verilog_is_clean(device):
    assert lint(device.files()) == ""
    assert lint(device.files(), "verilator") == ""


def test_sizes_that_cannot_work_are_refused():
    with pytest.raises(InputError, match="lanes must be a power of two from 2, got 12"):
        SorterDevice(12)
    with pytest.raises(InputError, match="rows_a_stage must be at least 3"):
        BenesDevice(8, 9, 2)
    with pytest.raises(InputError, match="banks must be a power of two from 2, got 6"):
        ScatterDevice(4, 6)
