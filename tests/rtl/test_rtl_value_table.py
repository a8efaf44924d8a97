"""Verilog of the loader of value codes' tables: every table, word, pattern and cycle."""

import dataclasses

import numpy as np
import pytest

from f2fsim.codec import PrunedTensor
from f2fsim.codec.f2f.format import F2FFormat
from f2fsim.codec.f2f.rates import PERIOD, PlaneRates
from f2fsim.codec.f2f.value_code import Fold, ValueClass, ValueCode
from f2fsim.codec.f2f.value_table import pack_table, unpack_table
from f2fsim.codec.f2f.words import pack_words
from f2fsim.codec.tensor import weight_type
from f2fsim.hw.front_ends.value_table import item_bits
from f2fsim.rtl.cosim import cosimulate, lint
from f2fsim.rtl.cycles import eager, random_gaps
from f2fsim.rtl.plane_words import PlaneVectors
from f2fsim.rtl.value_table import CodeVectors, ValueTableDevice, code_vectors
from f2fsim.rtl.values import ValueVectors

N_IN, N_OUT = 4, 3


def random_code(kind, n_planes, rng):
    """A complete code of any number of classes, of any lengths, in any order."""
    signed, shift = bool(rng.integers(2)), int(rng.integers(3) * rng.integers(2))
    n_bits = kind.n_bits - shift
    centre = 0 if kind.is_float else int(rng.integers(1 << n_bits) * rng.integers(2))
    prefixes = [0]
    for _ in range(rng.integers(16)):
        splits = [i for i, length in enumerate(prefixes) if length < min(6, n_planes)]
        if splits:
            length = prefixes.pop(rng.choice(splits)) + 1
            prefixes += [length, length]
    classes, behind = [], 0
    for length in rng.permutation(prefixes).tolist():
        suffix = int(rng.integers(min(n_bits, n_planes - length) + 1))
        base = behind if behind >> n_bits == 0 and rng.integers(2) else rng.integers(1 << n_bits)
        classes.append(ValueClass(int(base), suffix, length))
        behind = int(base) + (1 << suffix)
    return ValueCode(Fold(kind, signed, centre, shift), tuple(classes))


def vectors_of(codes, lengths, n_planes, seed=0):
    """Any words within random rates; any codewords, damaged ones too."""
    rng = np.random.default_rng(seed)
    tables, items, blocks, planes = [], [], [], PlaneVectors([], [], [])
    for code, n_steps in zip(codes, lengths, strict=True):
        rates = [0] * code.n_planes
        for of_set in code.plane_sets:
            rate = int(rng.integers(N_IN * PERIOD + 1))
            for plane in of_set:
                rates[plane] = rate
        rates = PlaneRates(tuple(rates))
        table = pack_table(code, rates, N_IN)
        assert unpack_table(table, code.fold.weight_type, N_IN, "table") == (code, rates)
        items.append(item_bits(code, rates, N_IN))
        assert items[-1].sum() == table.n_bits
        words = rng.integers(0, 1 << N_IN, (n_steps, code.n_planes))
        words &= (1 << rates.fills[np.arange(n_steps) % PERIOD].astype(np.int64)) - 1
        stream = pack_words(words.astype(np.uint16), rates, 1)
        planes.rates.append(rates)
        planes.words.append(words)
        for bits, into in ((table, tables), (stream, planes.bits)):
            unpacked = np.unpackbits(bits.data, count=bits.n_bits, bitorder="little")
            into.append(unpacked.astype(np.bool_))
        mask = rng.random((n_steps, N_OUT)) < (0.6 if code.classes else 0)
        coded = rng.integers(0, 1 << code.n_planes, mask.shape, dtype=np.uint64)
        blocks.append(ValueVectors(code, mask, coded.astype(np.uint32)))
    return CodeVectors(tables, items, planes, blocks)


def cases(name, n_planes, n_codes, seed, longest=30):
    kind, rng = weight_type(name), np.random.default_rng(seed)
    codes = [random_code(kind, n_planes, rng) for _ in range(n_codes)]
    fold = Fold(kind, signed=False)
    # No kept weight; one value alone, which has no planes.
    codes[3:5] = ValueCode(fold, ()), ValueCode(fold, (ValueClass(5, 0, 0),))
    lengths = rng.integers(1, longest, n_codes)
    lengths[3:8] = 1  # passes of one step follow each other without a gap
    return vectors_of(codes, lengths.tolist(), n_planes, seed)


DEVICES = {
    name: ValueTableDevice(N_IN, N_OUT, n_planes, weight_type(name).n_bits, name == "bf16")
    for name, n_planes in (("int8", 10), ("int4", 6), ("bf16", 18))
}


@pytest.mark.needs("iverilog")
@pytest.mark.parametrize("longest", [1, 4, 40])
@pytest.mark.parametrize("name", DEVICES)
def test_tables_of_all_kinds_one_after_another(name, longest):
    device = DEVICES[name]
    # Simulated planes and bits take long.
    sizes = {"int4": (60, 30), "int8": (30, 20), "bf16": (9, 9)}[name]
    vectors = cases(name, device.n_planes, sizes[0], longest, sizes[1])
    outcome = cosimulate(device.bench(vectors, random_gaps(3, longest)))
    n_steps = int(vectors.planes.n_steps.sum())
    assert outcome.message.startswith(f"PASS {2 * n_steps} words and blocks")


@pytest.mark.needs("iverilog")
def test_weights_of_32_bits_need_three_words_held():
    device = ValueTableDevice(N_IN, N_OUT, 32, 32, is_float=True)
    assert device.sizes["WORDS"] == 3
    outcome = cosimulate(device.bench(cases("fp32", 32, 6, 0, 6), random_gaps(3, 4)))
    assert outcome.passed


@pytest.mark.needs("iverilog")
def test_encoded_bands():
    rng, kind = np.random.default_rng(2), weight_type("int8")
    codec = F2FFormat(n_in=N_IN, n_out=8, value_code="classes", spare_planes=2)
    tensors = []
    for n_steps in (20, 7, 1, 1, 30):
        values = np.clip(np.round(rng.normal(0, 20, (1, 8 * n_steps - 3))), -127, 127)
        mask = rng.random(values.shape) < 0.3
        patterns = np.where(mask, values.astype(np.int8).view(np.uint8), 0)
        tensors.append(PrunedTensor("band", patterns.astype(kind.pattern_dtype), mask, kind))
    vectors = code_vectors([codec.encode(tensor) for tensor in tensors], tensors)
    outcome = cosimulate(ValueTableDevice(N_IN, 8, 10, 8).bench(vectors, random_gaps(1, 4)))
    assert outcome.message.startswith("PASS 118 words and blocks")


@pytest.mark.needs("iverilog")
@pytest.mark.parametrize("bit", [9, 40])
def test_a_wrong_bit_of_a_table_is_noticed(bit):
    device = DEVICES["int4"]
    bench = device.bench(cases("int4", 6, 20, 1), eager)
    rows = bench.sources[0].rows.copy()
    rows.ravel()[bit] ^= True
    wrong = dataclasses.replace(bench.sources[0], rows=rows)
    failed = cosimulate(dataclasses.replace(bench, sources=(wrong, *bench.sources[1:])))
    assert failed.message.startswith("FAIL")


@pytest.mark.needs("iverilog", "verilator")
@pytest.mark.parametrize("name", DEVICES)
def test_verilog_is_clean(name):
    assert lint(DEVICES[name].files()) == ""
    assert lint(DEVICES[name].files(), "verilator") == ""
