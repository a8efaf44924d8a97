"""Plans: all is covered, what is held fits, and weights are not decoded once for each column."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from f2fsim.codec import WEIGHT_TYPES, PrunedTensor
from f2fsim.config.arch import ArchConfig, load_arch
from f2fsim.config.layer import LinearLayer
from f2fsim.errors import ConfigError
from f2fsim.mapping.plan import Plan
from f2fsim.scheduling import plan_layer


def plan_of(arch: ArchConfig, n_rows: int, n_reduction: int, n_columns: int) -> Plan:
    """Plan an int8 layer that keeps every tenth weight."""
    layer = LinearLayer(
        name="l", op="linear", in_features=n_reduction, out_features=n_rows, n_tokens=n_columns
    )
    mask = np.arange(n_rows * n_reduction).reshape(n_rows, n_reduction) % 10 == 0
    patterns = mask.astype(np.uint8)
    return plan_layer(arch, layer, PrunedTensor("l", patterns, mask, WEIGHT_TYPES["int8"]))


@given(st.integers(1, 700), st.integers(1, 90), st.integers(1, 300), st.integers(9, 19))
def test_a_plan_covers_the_layer_and_fits(
    n_rows: int, n_reduction: int, n_columns: int, log_capacity: int
) -> None:
    arch = load_arch("f2f_edge")
    room = arch.scratchpad.model_copy(update={"capacity": 1 << log_capacity})
    arch = arch.model_copy(update={"scratchpad": room})
    try:
        plan = plan_of(arch, n_rows, n_reduction, n_columns)
    except ConfigError:
        # A column in, and the accumulators of one row, both twice where there is a next one.
        assert 1 << log_capacity < 2 * (n_reduction + 4)
        return
    assert sum(plan.band_rows) == n_rows
    assert sum(plan.tile_columns) == n_columns
    tiles, bands = len(plan.tile_columns), len(plan.band_rows)
    # Blocks run through all rows of a band (diagonal order): each row and column accumulates 4 bytes.
    most_columns, most_rows = max(plan.tile_columns), max(plan.band_rows)
    needed = most_columns * n_reduction * (2 if tiles > 1 else 1)
    needed += 4 * most_rows * most_columns * (2 if tiles * bands > 1 else 1)
    assert needed <= 1 << log_capacity


@pytest.mark.parametrize(
    "name", ["f2f_edge", "f2f_skip_edge", "csr_edge", "bitmap_edge", "dense_edge"]
)
def test_weights_are_not_read_and_decoded_once_a_column(name: str) -> None:
    """A large table times 1920 vectors, as Transformer-base ends with at a batch of 64.

    Holding the weights and taking a column or two at a time would move the fewest DRAM bits, but
    read and decode them up to 1920 times.
    """
    plan = plan_of(load_arch(name), 41200, 512, 1920)
    assert len(plan.tile_columns) <= 64


def test_the_cheapest_of_all_choices_by_hand() -> None:
    """64 x 64 weights times 64 columns, dense int8, in 2 KiB with double buffers.

    A column in flight takes 2 x 64 B of activations and 2 x 4 B for each of 5 rows: 168 B.
    Input-stationary: 12 columns fit, 6 tiles, 6 x 4096 + 4096 = 28 672 B moved.
    Weight-stationary, 4 bands: 1024 B held, 6 columns, 11 tiles: 4096 + 4 x 4096 = 20 480 B, and
    11 x 4096 B read again for 352 more.  3 bands: 1366 B held, 4 columns, 16 tiles:
    4096 + 3 x 4096 = 16 384 B, and 512 more.  2 bands or 1 leave no room for a column.
    """
    arch = load_arch("dense_edge")
    room = arch.scratchpad.model_copy(update={"capacity": 2048})
    plan = plan_of(arch.model_copy(update={"scratchpad": room}), 64, 64, 64)
    assert plan.schedule == "weight_stationary"
    assert plan.band_rows == (22, 21, 21)
    assert plan.tile_columns == (4,) * 16
