"""Choosing width and order: never worse than the plain choice, near the entropy."""

import numpy as np
import pytest

from f2fsim.codec import WEIGHT_TYPES, PrunedTensor
from f2fsim.codec.f2f import F2FFormat, F2FParams, auto_format
from f2fsim.errors import ConfigError


def uneven_tensor(shape, seed):
    """Magnitude pruning of rows with unequal spread: dense and empty rows."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=shape) * rng.lognormal(0, 0.8, (shape[0], 1))
    mask = np.abs(values) >= np.quantile(np.abs(values), 0.9)
    patterns = rng.integers(0, 256, shape, dtype=np.uint8) * mask
    return PrunedTensor("t", patterns.astype(np.uint8), mask, WEIGHT_TYPES["int8"])


def test_auto_is_near_the_entropy_and_beats_row_order():
    tensor = uneven_tensor((128, 1000), 0)
    base = F2FFormat(n_in=16, n_s=15)
    chosen = auto_format(tensor, base)
    assert isinstance(chosen, F2FFormat)
    assert (chosen.n_in, chosen.n_s, chosen.seed) == (16, 15, base.seed)
    bits = chosen.encode(tensor).n_bits_without_mask
    row = F2FFormat(n_in=16, n_s=15, n_out=160, order="row").encode(tensor).n_bits_without_mask
    assert bits < 1.02 * tensor.n_kept * 8 < row


def test_auto_repeats_itself_and_takes_any_tensor():
    for shape in ((1, 1), (3, 7), (40, 9)):
        tensor = uneven_tensor(shape, 3)
        chosen = auto_format(tensor, F2FParams())
        assert chosen == auto_format(tensor, F2FParams())
        F2FFormat.from_params(chosen).encode(tensor)
    empty = PrunedTensor(
        "e", np.zeros((4, 5), np.uint8), np.zeros((4, 5), bool), WEIGHT_TYPES["int8"]
    )
    assert auto_format(empty, F2FParams()) == F2FParams()


def test_auto_keeps_to_the_register():
    with pytest.raises(ConfigError, match="exceed 64"):
        auto_format(uneven_tensor((8, 8), 0), F2FParams(n_s=15), max_register_bits=64)
