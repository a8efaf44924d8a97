"""Bounds against hand-worked numbers."""

import numpy as np
import pytest

from f2fsim.codec import WEIGHT_TYPES, PrunedTensor
from f2fsim.codec.entropy import binary_entropy, entropy_bits, value_entropy, zero_order_entropy


def test_entropy_of_a_bit():
    assert binary_entropy(0.5) == 1.0
    assert binary_entropy(0.9) == pytest.approx(0.4689956)
    assert binary_entropy(0.0) == binary_entropy(1.0) == 0.0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
def test_zero_order_entropy_is_that_of_the_counts(dtype):
    symbols = np.array([7, 7, 7, 7, 9, 9, 200, 0], dtype=dtype)
    assert zero_order_entropy(symbols) == pytest.approx(0.5 * 1 + 0.25 * 2 + 2 * 0.125 * 3)
    assert zero_order_entropy(symbols[:0]) == zero_order_entropy(symbols[:4]) == 0.0


@pytest.mark.parametrize("kind", ["int8", "bf16", "fp32"])
def test_only_kept_weights_count(kind):
    mask = np.array([[True, True, False, False], [True, True, False, False]])
    patterns = np.where(mask, [[1, 1, 0, 0], [0, 1, 0, 0]], 0)
    kind = WEIGHT_TYPES[kind]
    tensor = PrunedTensor("t", patterns.astype(kind.pattern_dtype), mask, kind)
    assert value_entropy(tensor) == pytest.approx(binary_entropy(0.25))
    assert entropy_bits(tensor) == pytest.approx(8 + 4 * binary_entropy(0.25))
