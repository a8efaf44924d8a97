"""Verilog of word aligner and Huffman table loader: every bit, every cycle, table after table."""

import dataclasses

import numpy as np
import pytest

from f2fsim.codec import PrunedTensor
from f2fsim.codec.f2f.format import F2FFormat
from f2fsim.codec.huffman_code import choice_bits, optimal_code, pack_table
from f2fsim.codec.tensor import weight_type
from f2fsim.errors import InputError
from f2fsim.hw.front_ends.huffman_table import table_groups
from f2fsim.rtl.cosim import cosimulate, lint
from f2fsim.rtl.cycles import eager, random_gaps
from f2fsim.rtl.huffman_table import HuffmanTableDevice, TableVectors
from f2fsim.rtl.plane_words import PlaneWordsDevice, plane_vectors


def words_of(*bands, n_in=8, n_out=40, seed=0):
    """Encodings of normal weights, a pass each."""
    rng, kind = np.random.default_rng(seed), weight_type("int8")
    codec = F2FFormat(n_in=n_in, n_out=n_out, value_code="auto", spare_planes=2)
    encodings = []
    for shape in bands:
        values = np.clip(np.round(rng.normal(0, 20, shape)), -127, 127).astype(np.int8)
        mask = rng.random(shape) < 0.2
        patterns = np.where(mask, values.view(np.uint8), 0).astype(kind.pattern_dtype)
        encodings.append(codec.encode(PrunedTensor("band", patterns, mask, kind)))
    return plane_vectors(encodings)


@pytest.mark.needs("iverilog")
@pytest.mark.parametrize("longest", [1, 4])
def test_words_of_passes_with_their_own_rates(longest):
    # Passes of one step follow each other without a gap too.
    vectors = words_of((20, 64), (10, 64), (1, 40), (1, 40), (1, 40), (2, 20), (20, 64))
    assert any(rate % 64 for rates in vectors.rates for rate in rates.sixty_fourths)
    outcome = cosimulate(PlaneWordsDevice(8, 10).bench(vectors, random_gaps(3, longest)))
    assert outcome.message.startswith("PASS 84 steps")


@pytest.mark.needs("iverilog")
def test_a_rate_that_is_off_by_one_is_noticed():
    vectors = words_of((20, 64))
    bench = PlaneWordsDevice(8, 10).bench(vectors, eager)
    rows = bench.sources[1].rows.copy()
    rows[0, 5] ^= True  # half a bit a step
    wrong = dataclasses.replace(bench.sources[1], rows=rows)
    failed = cosimulate(dataclasses.replace(bench, sources=(bench.sources[0], wrong)))
    assert failed.message.startswith("FAIL")


def code_of(kind, rng, symbol_bits=8, longest=12):
    n = 1 << symbol_bits
    counts = np.zeros(n, dtype=np.int64)
    if kind == "bell":
        width = rng.uniform(n / 20, n / 6)
        counts = np.round(3e4 * np.exp(-(((np.arange(n) - n / 2) / width) ** 2) / 2))
        counts[n // 2] = 0  # no zero is kept
    elif kind == "every":
        counts += 1
    elif kind == "holes":
        counts = rng.integers(1, 1 << 14, n) * (rng.random(n) < 0.3)
        counts[[3, n - 2]] = 1
    else:
        counts[rng.choice(n, int(kind), replace=False)] = 5
    return optimal_code(counts.astype(np.int64), longest)


TABLES = {
    "int8": ((3, 8), True, 8, 12, ("bell", "1", "holes", "1", "1", "2", "every", "2", "bell")),
    "int4": ((2, 4, 0, 16), False, 4, 16, ("1", "2", "holes", "1", "every", "holes", "1")),
    "fp16": ((1, 16, 5, 9), False, 5, 9, ("holes", "1", "every", "holes")),
}


@pytest.mark.needs("iverilog")
@pytest.mark.parametrize("longest", [1, 4, 40])
@pytest.mark.parametrize("name", TABLES)
def test_tables_are_loaded_one_after_another(name, longest):
    sizes, paired, bits, length, kinds = TABLES[name]
    rng = np.random.default_rng(5)
    codes = [code_of(kind, rng, bits, length) for kind in kinds]
    vectors = TableVectors(codes, 1 << (bits - 1), paired)
    outcome = cosimulate(HuffmanTableDevice(*sizes).bench(vectors, random_gaps(3, longest)))
    n_writes = sum(code.n_used for code in codes)
    assert outcome.message.startswith(f"PASS {n_writes + sizes[0] * len(codes)} writes")


@pytest.mark.needs("iverilog")
def test_a_write_to_a_wrong_place_is_noticed():
    device, rng = HuffmanTableDevice(1), np.random.default_rng(5)
    bench = device.bench(TableVectors([code_of("bell", rng)]), eager)
    rows = bench.sinks[0].rows.copy()
    rows[7, 9] ^= True
    sink = dataclasses.replace(bench.sinks[0], rows=rows)
    failed = cosimulate(dataclasses.replace(bench, sinks=(sink, *bench.sinks[1:])))
    assert failed.message.startswith("FAIL write 7: bits differ")


@pytest.mark.parametrize("kind", ["bell", "holes", "every", "1"])
def test_groups_hold_all_bits_of_a_table(kind):
    code = code_of(kind, np.random.default_rng(1))
    groups, widths = table_groups(code), choice_bits(code)
    assert groups.sum() == pack_table(code).n_bits
    assert len(widths) == code.n_listed
    assert groups.size >= -(-code.n_listed // 4)
    assert max(groups[1:], default=0) <= 32


def test_a_group_ends_where_its_choices_are_long():
    # Lengths that jump from 1 to 9 and back: two choices, 16 and 17 bits, are more than 32.
    counts = np.ones(256, dtype=np.int64)
    counts[1::2] = 1 << np.arange(128) % 12
    code = optimal_code(counts, 16)
    assert max(choice_bits(code)) > 8
    assert table_groups(code).size > -(-code.n_listed // 4)


@pytest.mark.needs("iverilog", "verilator")
@pytest.mark.parametrize(
    "device", [PlaneWordsDevice(8, 10), HuffmanTableDevice(2), HuffmanTableDevice(2, 4, 0, 16)]
)
def test_verilog_is_clean(device):
    assert lint(device.files()) == ""
    assert lint(device.files(), "verilator") == ""


def test_sizes_that_cannot_work_are_refused():
    with pytest.raises(InputError, match="n_planes 2 to 32"):
        PlaneWordsDevice(8, 33)
    with pytest.raises(InputError, match="n_decoders must be at least 1"):
        HuffmanTableDevice(0)
