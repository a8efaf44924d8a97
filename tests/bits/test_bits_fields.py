"""Bit packing against Python integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from f2fsim.bits import pack_fields, unpack_fields


def test_hand_worked() -> None:
    # 0b101, 0b1, 0xff, then 2**63: little-endian, least significant bit first.
    data, n_bits = pack_fields([5, 1, 255, 2**63], [3, 1, 8, 64])
    assert n_bits == 76
    assert data.tolist() == [0b11111101, 0b00001111, 0, 0, 0, 0, 0, 0, 0, 0b1000]


@given(
    st.lists(st.integers(0, 64).flatmap(lambda w: st.tuples(st.integers(0, 2**w - 1), st.just(w))))
)
def test_equals_one_big_integer(fields: list[tuple[int, int]]) -> None:
    values = [v for v, _ in fields]
    widths = [w for _, w in fields]
    data, n_bits = pack_fields(np.array(values, dtype=np.uint64), widths)
    whole, at = 0, 0
    for value, width in fields:
        whole |= value << at
        at += width
    assert n_bits == at
    assert int.from_bytes(data.tobytes(), "little") == whole
    assert unpack_fields(data, widths, len(values)).tolist() == values


def test_refusals() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        pack_fields([4], [2])
    with pytest.raises(ValueError, match="0 to 64"):
        pack_fields([0], [65])
    with pytest.raises(ValueError, match="fewer"):
        unpack_fields(np.zeros(1, dtype=np.uint8), [9], 1)
