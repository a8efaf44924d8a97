"""Gap codes and the exponent codebook: exact, and the bits that are claimed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from f2fsim.codec import WEIGHT_TYPES, PrunedTensor
from f2fsim.codec.f2f import F2FFormat
from f2fsim.codec.f2f.patches import GapCode, bits_per_block, pack_patches, to_fields, unpack_events
from f2fsim.errors import DataError


@settings(deadline=None, max_examples=150)
@given(st.lists(st.integers(0, 3_000_000), max_size=60, unique=True))
def test_gap_fields_come_back(places):
    events = np.array(sorted(places), dtype=np.int64)
    fields = to_fields(events)
    stream = pack_patches(fields)
    assert stream.n_bits == int(fields.widths.sum())
    found, _ = unpack_events(stream, 0, fields.code, 0, 3_000_001, "t")
    np.testing.assert_array_equal(found, events)
    edges = np.array([0, 10, 1000, 3_000_001])
    assert bits_per_block(fields, edges).sum() == stream.n_bits


def test_gap_code_by_hand():
    # k = 1, d = 1: classes hold gaps 0-1, 2-5, 6-13, 14-28; 29 is the escape.
    code = GapCode(1, 1)
    assert code.offsets.tolist() == [0, 2, 6, 14]
    assert code.escape == 29


def test_events_beyond_the_end_are_refused():
    fields = to_fields(np.array([3, 90]))
    with pytest.raises(DataError, match="exceed 90"):
        unpack_events(pack_patches(fields), 0, fields.code, 0, 90, "t")


@pytest.mark.parametrize(("kind", "bits"), [("fp32", 32), ("bf16", 16)])
def test_codebook_goes_below_the_limit(kind, bits):
    """Survivors of magnitude pruning: fewer bits than (1 - S) * n_w a weight."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=(128, 600)).astype(np.float32)
    mask = np.abs(values) >= np.quantile(np.abs(values), 0.9)
    patterns = values.view(np.uint32) >> (32 - bits)
    patterns = (patterns * mask).astype(WEIGHT_TYPES[kind].pattern_dtype)
    tensor = PrunedTensor("t", patterns, mask, WEIGHT_TYPES[kind])
    codec = F2FFormat(n_out=80, n_s=15, codebook_bits=3)
    encoded = codec.encode(tensor)
    np.testing.assert_array_equal(codec.decode(encoded).patterns, patterns)
    assert encoded.n_bits_without_mask < tensor.n_kept * bits


@pytest.mark.parametrize("kind", ["fp32", "fp16", "bf16"])
def test_codebook_keeps_every_pattern(kind):
    rng = np.random.default_rng(2)
    weight_type = WEIGHT_TYPES[kind]
    patterns = rng.integers(0, 1 << weight_type.n_bits, (30, 41), dtype=np.uint64)
    special = 1 << (weight_type.n_bits - 1)  # -0.0; and NaNs with payloads among the random ones
    patterns[0, :] = special
    mask = rng.random(patterns.shape) < 0.4
    patterns = (patterns * mask).astype(weight_type.pattern_dtype)
    tensor = PrunedTensor("t", patterns, mask, weight_type)
    codec = F2FFormat(n_in=5, n_out=13, n_s=6, codebook_bits=2, order="column")
    encoded = codec.encode(tensor)
    assert encoded.stats["n_outliers"] > 0
    decoded = codec.decode(encoded)
    np.testing.assert_array_equal(decoded.patterns, patterns)
    assert sum(encoded.work.stream_bits["codebook"]) == encoded.streams["codebook"].n_bits
