"""Gap codes: exact, and the bits that are claimed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from f2fsim.codec.f2f.patches import (
    GapCode,
    bits_per_block,
    pack_patches,
    to_fields,
    unpack_patches,
)
from f2fsim.errors import DataError


@settings(deadline=None, max_examples=150)
@given(st.lists(st.integers(0, 3_000_000), max_size=60, unique=True))
def test_gap_fields_come_back(places):
    events = np.array(sorted(places), dtype=np.int64)
    fields = to_fields(events)
    stream = pack_patches(fields)
    assert stream.n_bits == int(fields.widths.sum())
    found = unpack_patches(stream, fields.code, 3_000_001, "t")
    np.testing.assert_array_equal(found, events)
    edges = np.array([0, 10, 1000, 3_000_001])
    assert bits_per_block(fields, edges).sum() == stream.n_bits


def test_gap_code_by_hand():
    # k = 1, d = 1: classes hold gaps 0-1, 2-5, 6-13, 14-28; 29 is the escape.
    code = GapCode(1, 1)
    assert code.offsets.tolist() == [0, 2, 6, 14]
    assert code.escape == 29


def test_patches_beyond_the_end_are_refused():
    fields = to_fields(np.array([3, 90]))
    with pytest.raises(DataError, match="exceed 90"):
        unpack_patches(pack_patches(fields), fields.code, 90, "t")
