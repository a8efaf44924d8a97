"""8-bit floats against ml_dtypes, and every float type there and back."""

import ml_dtypes
import numpy as np
import pytest

from f2fsim.codec import WEIGHT_TYPES
from f2fsim.codec.floats import float_values, largest_finite, nearest_patterns

PEERS = {"fp8_e4m3": ml_dtypes.float8_e4m3fn, "fp8_e5m2": ml_dtypes.float8_e5m2}


@pytest.mark.parametrize("name", PEERS)
def test_all_patterns_mean_what_the_standard_says(name):
    patterns = np.arange(256, dtype=np.uint8)
    ours = float_values(patterns, WEIGHT_TYPES[name])
    np.testing.assert_array_equal(ours, patterns.view(PEERS[name]).astype(np.float32))
    assert np.array_equal(np.signbit(ours), patterns >= 128)


@pytest.mark.parametrize("name", PEERS)
def test_rounding_is_to_nearest_even(name):
    kind, peer = WEIGHT_TYPES[name], PEERS[name]
    exact = float_values(np.arange(128, dtype=np.uint8), kind)
    exact = exact[np.isfinite(exact)]
    middles = (exact[1:] + exact[:-1]) / 2
    rng = np.random.default_rng(0)
    drawn = rng.standard_normal(20_000).astype(np.float32) * np.exp2(rng.integers(-20, 8, 20_000))
    values = np.concatenate([exact, middles, np.nextafter(middles, 0), drawn, [0.0, np.nan]])
    values = np.concatenate([values, -values]).astype(np.float32)
    values = values[~(np.abs(values) > exact[-1])]
    expected = values.astype(peer).astype(np.float32)
    np.testing.assert_array_equal(float_values(nearest_patterns(values, kind), kind), expected)


def test_beyond_the_range_is_no_number():
    huge = np.array([1e9, -1e9], dtype=np.float32)
    e4m3, e5m2 = WEIGHT_TYPES["fp8_e4m3"], WEIGHT_TYPES["fp8_e5m2"]
    assert np.isnan(float_values(nearest_patterns(huge, e4m3), e4m3)).all()
    assert float_values(nearest_patterns(huge, e5m2), e5m2).tolist() == [np.inf, -np.inf]
    assert (largest_finite(e4m3), largest_finite(e5m2)) == (448.0, 57344.0)


@pytest.mark.parametrize("name", sorted(n for n, k in WEIGHT_TYPES.items() if k.is_float))
def test_numbers_come_back_to_their_patterns(name):
    kind = WEIGHT_TYPES[name]
    rng = np.random.default_rng(1)
    patterns = rng.integers(0, 1 << kind.n_bits, 5000, dtype=np.uint64).astype(kind.pattern_dtype)
    values = float_values(patterns, kind)
    finite = np.isfinite(values)
    np.testing.assert_array_equal(nearest_patterns(values, kind)[finite], patterns[finite])
    assert np.isnan(float_values(nearest_patterns(values[np.isnan(values)], kind), kind)).all()
