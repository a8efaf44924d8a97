"""Bit patterns against independent decoders (NumPy casts, ml_dtypes, plain integers)."""

import math

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from f2fsim.codec import WEIGHT_TYPES, weight_type
from f2fsim.codec.floats import float_values, largest_finite
from f2fsim.config.pruning import Quantisation
from f2fsim.errors import DataError
from f2fsim.workloads.quantise import quantise

FINITE = st.floats(-1e4, 1e4, width=32)
MATRICES = hnp.arrays(
    np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), elements=FINITE
)


def decode(patterns: np.ndarray, name: str) -> np.ndarray:
    """Read patterns by types that are not this project's."""
    kinds = {"fp32": np.float32, "fp16": np.float16, "bf16": ml_dtypes.bfloat16, "int8": np.int8,
             "uint8": np.uint8}  # fmt: skip
    if name in kinds:
        return patterns.view(kinds[name]).astype(np.float64)
    low = patterns.astype(np.float64)
    return np.where((low >= 8) & (name == "int4"), low - 16, low)


@given(MATRICES, st.sampled_from(["int8", "int4"]), st.sampled_from(["channel", "tensor"]))
def test_integers_round_to_the_nearest_step(w: np.ndarray, name: str, granularity: str) -> None:
    mask = np.arange(w.size).reshape(w.shape) % 3 != 1
    result = quantise(w, mask, weight_type(name), Quantisation(granularity=granularity))
    codes = decode(result.patterns, name)
    high = 127 if name == "int8" else 7
    assert result.patterns.dtype == np.uint8
    assert not codes[~mask].any()
    assert np.abs(codes).max() <= high
    scale = result.scale[:, None].astype(np.float64)
    assert scale.shape == (w.shape[0], 1)
    if granularity == "tensor":
        assert np.unique(scale).size == 1
    kept = np.where(mask, w, 0).astype(np.float64)
    # Half a step, and the codes times the rounding of the float32 scale (half its last place, which
    # counts where the scale is subnormal) and of the division.
    last_place = np.spacing(result.scale[:, None]).astype(np.float64)
    bound = 0.5 * scale + np.abs(codes) * 0.5 * last_place + np.abs(kept) * 2.0**-23
    assert (np.abs(codes * scale - kept) <= bound).all()
    norm = math.sqrt(float((kept**2).sum()))
    if norm > 1e-20:
        error = math.sqrt(float(((codes * scale - kept) ** 2).sum())) / norm
        assert result.error == pytest.approx(error, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("name", ["int4", "int8"])
def test_largest_weight_takes_the_largest_code(name: str) -> None:
    w = np.array([[1.0, -2.0], [0.25, 0.125]], dtype=np.float32)
    high = 2 ** (WEIGHT_TYPES[name].n_bits - 1) - 1
    result = quantise(w, np.ones((2, 2), dtype=bool), weight_type(name))
    codes = decode(result.patterns, name)
    assert codes[0, 1] == -high
    assert codes[1, 0] == high
    np.testing.assert_allclose(result.scale, [2.0 / high, 0.25 / high], rtol=1e-6)


@given(MATRICES, st.sampled_from(["fp32", "fp16", "bf16"]))
def test_floats_round_as_the_types_own_library_does(w: np.ndarray, name: str) -> None:
    mask = np.arange(w.size).reshape(w.shape) % 2 == 0
    result = quantise(w, mask, weight_type(name))
    kinds = {"fp32": np.float32, "fp16": np.float16, "bf16": ml_dtypes.bfloat16}
    expected = np.where(mask, w, 0).astype(np.float32).astype(kinds[name]).astype(np.float64)
    np.testing.assert_array_equal(decode(result.patterns, name), expected)
    np.testing.assert_array_equal(np.signbit(decode(result.patterns, name)), np.signbit(expected))
    assert result.scale is None
    assert not result.patterns[~mask].any()
    if name == "fp32":
        assert result.error == 0.0


def test_all_pruned_and_rows_of_zeros() -> None:
    w = np.array([[1.0, 2.0], [0.0, 0.0]], dtype=np.float32)
    for name in WEIGHT_TYPES:
        nothing = quantise(w, np.zeros((2, 2), dtype=bool), weight_type(name))
        assert not nothing.patterns.any()
        assert nothing.error == 0.0
        whole = quantise(w, np.ones((2, 2), dtype=bool), weight_type(name))
        assert whole.scale is None or np.isfinite(whole.scale).all()


def test_integers_of_the_file_are_kept_as_they_are() -> None:
    w = np.array([[-128, 5], [127, 0]], dtype=np.int8)
    result = quantise(w, w != 0, weight_type("int8"))
    np.testing.assert_array_equal(result.patterns.view(np.int8), w)
    np.testing.assert_array_equal(result.scale, [1, 1])
    assert result.error == 0.0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_integers_refuse_what_is_not_finite(bad: float) -> None:
    w = np.array([[1.0, 2.0], [bad, 0.0]], dtype=np.float32)
    ones = np.ones((2, 2), dtype=bool)
    with pytest.raises(DataError, match=r"1 of 4 weights .* first at \[1, 0\]; int8 cannot"):
        quantise(w, ones, weight_type("int8"))
    for name, size in (("fp32", np.float32), ("fp16", np.float16)):
        kept = decode(quantise(w, ones, weight_type(name)).patterns, name)
        np.testing.assert_array_equal(kept[1, 0], np.float64(size(bad)))


def test_out_of_range_is_refused() -> None:
    ones = np.ones((1, 1), dtype=bool)
    with pytest.raises(DataError, match="beyond the range of fp16"):
        quantise(np.array([[1e6]], dtype=np.float32), ones, weight_type("fp16"))
    with pytest.raises(DataError, match="negative weights, which uint8 cannot hold"):
        quantise(np.array([[-1.0]], dtype=np.float32), ones, weight_type("uint8"))


@pytest.mark.parametrize(("name", "error"), [("fp8_e4m3", 0.03), ("fp8_e5m2", 0.06)])
@pytest.mark.parametrize("granularity", ["channel", "tensor"])
def test_8_bit_floats_are_scaled_to_their_largest_number(name, error, granularity):
    rng = np.random.default_rng(3)
    matrix = (rng.standard_normal((6, 500)) * 1e-3).astype(np.float32)
    mask = rng.random(matrix.shape) < 0.4
    kind = weight_type(name)
    result = quantise(matrix, mask, kind, Quantisation(granularity=granularity))
    values = float_values(result.patterns, kind) * result.scale[:, None]
    assert 0 < result.error < error
    np.testing.assert_allclose(values, np.where(mask, matrix, 0), atol=np.abs(matrix).max() / 14)
    largest = np.abs(float_values(result.patterns, kind)).max(axis=1)
    assert largest.max() == largest_finite(kind)
    assert (largest == largest_finite(kind)).all() == (granularity == "channel")


@pytest.mark.parametrize("group", [4, 5, 16])
@pytest.mark.parametrize("symmetric", [True, False])
@given(MATRICES)
def test_groups_of_columns_are_rows_of_their_own(
    group: int, symmetric: bool, w: np.ndarray
) -> None:
    kind = weight_type("int4" if symmetric or w.shape[0] % 2 else "uint4")
    how = Quantisation(granularity="group", group=group, symmetric=symmetric, scale_type="fp16")
    mask = w != 0
    result = quantise(w, mask, kind, how)
    assert result.scales is not None
    n_groups = -(-w.shape[1] // group)
    zero_bits = 0 if symmetric else 4
    assert result.scales.n_bits == w.shape[0] * n_groups * (16 + zero_bits)
    codes = result.patterns.astype(np.int16)
    codes = np.where(codes > 7, codes - 16, codes) if kind.signed else codes
    real = np.where(mask, result.scales.apply(codes.astype(np.int8)), 0)
    for row in range(w.shape[0]):
        for g in range(n_groups):
            columns = slice(g * group, (g + 1) * group)
            step = float(result.scales.values[row, g])
            assert step == np.float32(np.float16(step))
            values = w[row, columns]
            # fp16 rounds the step by up to 2^-11, or by an eighth of a step when subnormal.
            reach = max(values.max(), 0) - min(values.min(), 0) if not symmetric else 0
            limit = step * (0.5 + 16 * 2**-11) + 1e-7 * (abs(values).max() + reach)
            limit += 15 * 2**-25
            assert np.abs(real[row, columns] - values).max() <= limit * 1.01


def test_asymmetric_codes_are_those_of_the_formula() -> None:
    w = np.array([[-1.0, 0.5, 2.0, 0.0]], np.float32)
    how = Quantisation(symmetric=False)
    result = quantise(w, w != 0, weight_type("uint8"), how)
    assert result.scales is not None
    step = np.float32(3.0) / np.float32(255)
    assert result.scales.values[0, 0] == step
    assert result.scales.zeros is not None
    zero = round(1.0 / float(step))
    assert result.scales.zeros[0, 0] == zero
    assert result.patterns.tolist() == [[0, round(0.5 / float(step)) + zero, 255, 0]]
    assert result.scales.n_bits == 32 + 8


def test_floats_have_no_zero_points() -> None:
    w = np.array([[1.0, 2.0, -0.5]], np.float32)
    for name in ("fp8_e4m3", "bf16"):
        own = quantise(w, w != 0, weight_type(name), Quantisation(symmetric=False))
        same = quantise(w, w != 0, weight_type(name))
        np.testing.assert_array_equal(own.patterns, same.patterns)
        assert own.scales is None or own.scales.zeros is None
