"""Bits that all kept weights share are stored by no sparse format, and the bounds know."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from f2fsim.codec import FORMATS, WEIGHT_TYPES, PrunedTensor, decode, weight_format
from f2fsim.codec.container import Container, store, write_container
from f2fsim.codec.entropy import n_varying_bits
from f2fsim.codec.narrow import VaryingBits, varying_bits
from f2fsim.errors import DataError
from f2fsim.pipeline.encode_row import row_of, stored_stats, total_row

NARROW = ("bitmap", "csr", "csc_relative", "nm", "rle")


def trained(kind, sparsity=0.8, shape=(64, 128), seed=0):
    """Magnitude-pruned normal weights in a float type: exponents of few binades."""
    rng = np.random.default_rng(seed)
    values = (rng.standard_normal(shape) * 0.02).astype(np.float32)
    mask = np.abs(values) > np.quantile(np.abs(values), sparsity)
    patterns = {
        "fp32": lambda: values.view(np.uint32),
        "bf16": lambda: (values.view(np.uint32) >> 16).astype(np.uint16),
        "fp16": lambda: values.astype(np.float16).view(np.uint16),
    }[kind]()
    return PrunedTensor("t", np.where(mask, patterns, 0), mask, WEIGHT_TYPES[kind])


@pytest.mark.parametrize("kind", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("name", NARROW)
def test_every_format_stores_as_many_bits_of_a_value(name, kind):
    tensor = trained(kind)
    if name == "nm":
        mask = np.tile([True, False, False, True], (64, 32))
        patterns = np.where(mask, np.maximum(tensor.patterns, tensor.patterns[tensor.mask][0]), 0)
        tensor = PrunedTensor("t", patterns.astype(tensor.patterns.dtype), mask, tensor.weight_type)
    # bf16 and fp32 of these weights share the top of the exponent: 0.0256 to 0.1.
    n_bits = varying_bits(tensor).n_bits
    assert n_bits < tensor.weight_type.n_bits - 2
    encoded = weight_format(name).encode(tensor)
    n_stored = int(encoded.work.n_stored.sum())
    assert encoded.streams["weights"].n_bits == n_stored * n_bits
    assert int(encoded.work.stream_bits["weights"].sum()) == n_stored * n_bits
    planes = weight_format("f2f").encode(tensor).params["stored_planes"]
    assert len(planes) == n_bits
    decoded = decode(encoded)
    np.testing.assert_array_equal(decoded.patterns, tensor.patterns)
    np.testing.assert_array_equal(decoded.mask, tensor.mask)


@pytest.mark.parametrize("name", NARROW)
def test_values_that_are_all_alike_take_no_bits(name):
    mask = np.tile([True, False, False, False], (6, 5))
    one = np.where(mask, 0x3F80, 0).astype(np.uint16)
    tensor = PrunedTensor("t", one, mask, WEIGHT_TYPES["bf16"])
    encoded = weight_format(name, {"n_pes": 2} if name == "csc_relative" else {}).encode(tensor)
    assert encoded.streams["weights"].n_bits == 0
    assert (encoded.params["varying_bits"], encoded.params["constant_ones"]) == (0, 0x3F80)
    np.testing.assert_array_equal(decode(encoded).patterns, one)


def test_integers_and_dense_are_stored_whole():
    mask = np.ones((2, 4), dtype=np.bool_)
    tensor = PrunedTensor("t", np.full((2, 4), 0x40, np.uint8), mask, WEIGHT_TYPES["int8"])
    assert weight_format("bitmap").encode(tensor).streams["weights"].n_bits == 64
    assert weight_format("dense").encode(trained("bf16")).n_bits == 16 * 64 * 128


@given(
    kind=st.sampled_from(["fp8_e4m3", "fp16", "bf16", "fp32"]),
    data=st.data(),
    n=st.integers(1, 30),
)
def test_compacting_is_undone(kind, data, n):
    weight_type = WEIGHT_TYPES[kind]
    every = (1 << weight_type.n_bits) - 1
    varying = data.draw(st.integers(0, every))
    ones = data.draw(st.integers(0, every)) & ~varying
    values = data.draw(st.lists(st.integers(0, every), min_size=n, max_size=n))
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), dtype=np.bool_)
    patterns = np.array([(v & varying) | ones for v in values], dtype=weight_type.pattern_dtype)
    patterns[~mask] = 0
    bits = VaryingBits(weight_type, varying, ones)
    stored = bits.compact(patterns)
    assert int(stored.max()) < 1 << max(bits.n_bits, 0)
    np.testing.assert_array_equal(bits.widen(stored, mask), patterns)
    found = varying_bits(PrunedTensor("t", patterns[None], mask[None], weight_type))
    if mask.any():
        assert found.varying & ~varying == 0


@pytest.mark.parametrize(
    "params",
    [
        {"varying_bits": -1}, {"varying_bits": 1 << 16}, {"varying_bits": 1},
        {"varying_bits": 1, "constant_ones": 1}, {"varying_bits": 0xFFFF, "constant_ones": 0},
        {"varying_bits": None}, {"constant_ones": 1}, {"varying_bits": 1.5, "constant_ones": 0},
    ],
)  # fmt: skip
def test_damaged_parameters(params):
    encoded = weight_format("bitmap").encode(trained("bf16"))
    with pytest.raises(DataError):
        decode(type(encoded)(**{**vars(encoded), "params": {"block": 64, **params}}))


def test_all_sparse_formats_take_part():
    assert {name for name in FORMATS if issubclass(FORMATS[name], FORMATS["csr"].__base__)} == set(
        NARROW
    )


@pytest.mark.parametrize("kind", ["bf16", "fp32"])
def test_the_bounds_know(kind, tmp_path):
    """bf16 at S=0.8: F2F stored 12.6 of 16 bits a kept weight, bitmap all, and that alone told."""
    tensor = trained(kind, 0.8, (128, 256))
    n_bits = varying_bits(tensor).n_bits
    assert n_varying_bits(tensor) == n_bits
    rows = {}
    for name, params in (
        ("f2f", {"n_s": 15, "n_out": 40}), ("bitmap", {}), ("csr", {}), ("rle", {})
    ):  # fmt: skip
        encoded = weight_format(name, params).encode(tensor)
        stats = stored_stats(encoded, tensor)
        item = store(tensor, replace(encoded, stats=stats))
        write_container(tmp_path / "m.f2f.safetensors", [item])
        back = Container(tmp_path / "m.f2f.safetensors").read("t")
        rows[name] = row_of(back, tensor.n_kept)
        assert rows[name].kept_bits == tensor.n_kept * n_bits
        assert rows[name].value_overhead >= 1.0
        assert rows[name].overhead >= 0.999
    assert rows["bitmap"].value_overhead == rows["csr"].value_overhead == 1.0
    assert rows["f2f"].value_overhead < 1.05
    total = total_row(list(rows.values()))
    assert total.kept_bits == 4 * tensor.n_kept * n_bits


def test_bits_that_vary_by_hand():
    mask = np.array([[True, True, True, False]])
    kind = WEIGHT_TYPES["int4"]
    tensor = PrunedTensor("t", np.array([[5, 7, 5, 0]], np.uint8), mask, kind)
    assert n_varying_bits(tensor) == 1
    assert n_varying_bits(PrunedTensor("t", np.zeros((1, 4), np.uint8), ~mask & False, kind)) == 0
