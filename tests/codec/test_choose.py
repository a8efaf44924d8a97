"""Choosing all parameters: what is given stays, masks are coded, tiny layers are no larger."""

import numpy as np
import pytest

from f2fsim.codec import WEIGHT_TYPES, PrunedTensor, decode, weight_format
from f2fsim.codec.choose import F2F_ENTRY_BYTES, MASK_CODE_ENTRY_BYTES, encode_smallest
from f2fsim.codec.entropy import binary_entropy
from f2fsim.codec.f2f import F2FFormat, auto_format
from f2fsim.errors import ConfigError, InputError


def make_tensor(shape, sparsity, seed=0, rows=0.5, columns=0.0):
    """Magnitude pruning of weights whose rows and columns have spreads of their own."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(shape) * rng.lognormal(0, rows, (shape[0], 1))
    values *= rng.lognormal(0, columns, (1, shape[1]))
    mask = np.abs(values) >= np.quantile(np.abs(values), sparsity)
    patterns = (rng.integers(1, 256, shape) * mask).astype(np.uint8)
    return PrunedTensor("t", patterns, mask, WEIGHT_TYPES["int8"])


def n_bytes(encoded):
    return sum(-(-stream.n_bits // 8) for stream in encoded.streams.values())


def bound(tensor):
    """``H(S) + (1-S)·n_w`` of the whole tensor."""
    return tensor.n_weights * binary_entropy(tensor.sparsity) + 8 * tensor.n_kept


@pytest.mark.parametrize("sparsity", [0.7, 0.9])
@pytest.mark.parametrize("shape", [(256, 1152), (512, 300)])
def test_all_parameters_are_chosen(shape, sparsity):
    tensor = make_tensor(shape, sparsity)
    encoded = encode_smallest(tensor, {})
    assert encoded.params["mask"]["code"] != "raw"
    assert encoded.n_bits < 1.02 * bound(tensor)
    np.testing.assert_array_equal(decode(encoded).patterns, tensor.patterns)


def test_what_is_given_stays():
    tensor = make_tensor((40, 90), 0.9)
    given = {"n_in": 5, "n_out": 61, "n_s": 3, "order": "column", "mask_code": "raw", "seed": 9}
    params = encode_smallest(tensor, given).params
    assert params["mask"]["code"] == "raw"
    assert [params[k] for k in ("n_in", "n_out", "n_s", "order", "seed")] == [5, 61, 3, "column", 9]
    viterbi = encode_smallest(tensor, {"encoder": "viterbi", "n_in": 4, "n_s": 1}).params
    assert (viterbi["n_in"], viterbi["n_s"]) == (4, 1)
    with pytest.raises(InputError, match="did you mean 'n_out'"):
        encode_smallest(tensor, {"n_ut": 3})
    with pytest.raises(ConfigError, match="n_s: must be 0 to 63"):
        encode_smallest(tensor, {"n_s": 64})


@pytest.mark.parametrize("n", [1, 2, 9, 42, 100, 500, 1000, 1999])
@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.9, 1.0])
def test_tiny_layers_are_not_larger_than_bitmap(n, sparsity):
    tensor = make_tensor((1, n), sparsity)
    encoded = encode_smallest(tensor, {})
    for code, entry in (("raw", 0), ("auto", MASK_CODE_ENTRY_BYTES)):
        plain = weight_format("bitmap", {"mask": code}).encode(tensor)
        own = F2F_ENTRY_BYTES if encoded.format == "f2f" else 0
        assert n_bytes(encoded) + own <= n_bytes(plain) + entry
    np.testing.assert_array_equal(decode(encoded).mask, tensor.mask)


@pytest.mark.parametrize("n", [2000, 5000, 10_000])
def test_small_layers_take_narrow_words(n):
    tensor = make_tensor((10, n // 10), 0.9)
    wide = auto_format(tensor, F2FFormat(n_in=16, n_s=15, mask_code="auto")).encode(tensor)
    chosen = encode_smallest(tensor, {})
    assert chosen.format == "f2f"
    assert chosen.n_bits <= wide.n_bits
    assert chosen.n_bits < 1.06 * bound(tensor)


@pytest.mark.parametrize(
    ("rows", "columns", "dense_rows"), [(0.0, 0.4, 0), (0.25, 0.0, 0), (0.1, 0.3, 0), (0, 0.2, 12)]
)
def test_the_sample_does_not_mislead(rows, columns, dense_rows):
    """Of an 8.4 million weight layer, pieces without its dense rows chose row order."""
    tensor = make_tensor((1024, 1500), 0.9, 1, rows, columns)
    mask = tensor.mask.copy()
    mask[37 : 37 + dense_rows] = True
    patterns = np.where(mask, np.maximum(tensor.patterns, 1), 0).astype(np.uint8)
    tensor = PrunedTensor("t", patterns, mask, tensor.weight_type)
    base = F2FFormat(n_s=7)
    chosen = auto_format(tensor, base)
    bits = {}
    for order, seed in (("diagonal", None), ("diagonal", 1), ("column", None), ("row", None)):
        other = F2FFormat(n_s=7, n_out=chosen.n_out, order=order, shuffle_seed=seed)
        bits[order, seed] = other.encode(tensor).n_bits_without_mask
    assert bits[chosen.order, chosen.shuffle_seed] < 1.003 * min(bits.values())
    assert max(bits.values()) > 1.05 * min(bits.values()), "the orders do not differ"


def test_planes_of_low_rates_take_longer_registers():
    """Of int4 values from a bell curve some planes are cared for by few: N_s=31 in place of 15."""
    rng = np.random.default_rng(0)
    values = np.clip(np.rint(rng.standard_normal((128, 512)) * 1.6), -8, 7).astype(np.int8)
    patterns, mask = (values & 15).astype(np.uint8), np.ones(values.shape, dtype=np.bool_)
    tensor = PrunedTensor("t", patterns, mask, WEIGHT_TYPES["int4"])
    chosen, short = encode_smallest(tensor, {}), encode_smallest(tensor, {"n_s": 15})
    assert (chosen.params["n_s"], short.params["n_s"]) == (31, 15)
    assert chosen.n_bits < 0.995 * short.n_bits
    assert chosen.n_bits_without_mask < 1.015 * chosen.stats["n_care_bits"] + 300
    np.testing.assert_array_equal(decode(chosen).patterns, patterns)


def clustered(n_rows=192, n_runs=8, n_kernels=32, spread=0.8, jitter=0.09):
    """Few bits a weight; in runs of kernels of their own density, kernels kept nearly as a whole."""
    rng = np.random.default_rng(2)
    densities = 0.3 * rng.lognormal(-spread * spread / 2, spread, (n_rows, n_runs))
    kernels = rng.random((n_rows, n_runs * n_kernels)) < np.repeat(densities, n_kernels, axis=1)
    mask = np.repeat(kernels, 9, axis=1)
    mask ^= rng.random(mask.shape) < jitter
    values = rng.integers(1, 16, mask.shape).astype(np.uint8)
    return PrunedTensor("t", np.where(mask, values, 0).astype(np.uint8), mask, WEIGHT_TYPES["int4"])


def spent_over_care(encoded):
    spent = encoded.streams["weights"].n_bits + encoded.streams["patches"].n_bits
    return spent / encoded.stats["n_care_bits"]


def test_no_flood_of_patches_for_a_smaller_mask():
    tensor = clustered()
    in_rows = encode_smallest(tensor, {"order": "row"})
    assert in_rows.params["order"] == "row"
    assert spent_over_care(in_rows) > 1.035
    chosen = encode_smallest(tensor, {})
    assert in_rows.n_bits < chosen.n_bits < 1.02 * in_rows.n_bits
    assert spent_over_care(chosen) < 1.01
    np.testing.assert_array_equal(decode(chosen).patterns, tensor.patterns)
