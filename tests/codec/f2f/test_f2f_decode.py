"""The whole decode against definitions: orders turned to rows, all types, threads, wide blocks."""

import numpy as np
import pytest
from peak_memory import run_measured

from f2fsim.codec import WEIGHT_TYPES, PrunedTensor
from f2fsim.codec.f2f import BlockOrder, F2FFormat, simd
from f2fsim.codec.f2f import unpack as unpack_module
from f2fsim.errors import InputError

SHAPES = [(1, 1), (3, 200), (200, 3), (64, 64), (130, 67), (193, 320)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["row", "column", "diagonal"])
@pytest.mark.parametrize("shuffle", [None, 5])
def test_orders_are_turned_to_rows(shape, kind, shuffle):
    rng = np.random.default_rng(1)
    step = 1 if shape[1] == 1 else shape[1] - 1
    order = BlockOrder(kind, *shape, step, shuffle)
    places = order.flat_indices(0, shape[0] * shape[1])
    for dtype in (np.uint8, np.uint16, np.uint32, np.bool_):
        matrix = rng.integers(0, 2**31, shape).astype(dtype)
        for n_threads in (1, 3):
            found = order.to_matrix(matrix.reshape(-1)[places], n_threads)
            np.testing.assert_array_equal(found, matrix)
    mask = rng.random(shape) < 0.4
    packed = np.packbits(mask.reshape(-1)[places], bitorder="little")
    np.testing.assert_array_equal(order.mask_matrix(packed, 2), mask)


@pytest.mark.parametrize("kind", sorted(WEIGHT_TYPES))
@pytest.mark.parametrize(
    "params",
    [
        {"n_in": 8, "n_out": 80, "n_s": 2},
        {"n_in": 1, "n_out": 3, "n_s": 5, "order": "row", "n_groups": 3},
        {"n_in": 16, "n_out": 512, "n_s": 31, "order": "column", "search": 0},
        {"n_in": 9, "n_out": 150, "n_s": 3, "shuffle_seed": 2, "n_groups": 5},
        {"n_in": 12, "n_out": 210, "n_s": 1, "mask_code": "rice"},
    ],
)
def test_every_type_comes_back(monkeypatch, kind, params):
    """Many patches, ranges of blocks that end anywhere, threads, each set of instructions."""
    monkeypatch.setattr(unpack_module, "_BLOCKS_PER_TASK", 8)
    rng = np.random.default_rng(3)
    weight_type = WEIGHT_TYPES[kind]
    shape = (90, 131)
    mask = rng.random(shape) < rng.random((90, 1)) * 0.5
    mask[7:20] = False
    patterns = rng.integers(0, 1 << weight_type.n_bits, shape, dtype=np.uint64)
    patterns = (patterns * mask).astype(weight_type.pattern_dtype)
    tensor = PrunedTensor("t", patterns, mask, weight_type)
    codec = F2FFormat(**params)
    encoded = codec.encode(tensor)
    for name in simd.available():
        monkeypatch.setattr(unpack_module, "INSTRUCTIONS", simd.SETS.index(name))
        for n_threads in (1, 2):
            decoded = codec.decode(encoded, n_threads)
            np.testing.assert_array_equal(decoded.patterns, patterns)
            np.testing.assert_array_equal(decoded.mask, mask)


@pytest.mark.parametrize("n_in", [8, 16])
@pytest.mark.parametrize("n_out", [16, 32, 33, 64, 100, 128, 129])
@pytest.mark.parametrize("kept_bits", [0xFF, 0xB6, 0x10, 0])
def test_sets_of_instructions_agree(monkeypatch, n_in, n_out, kept_bits):
    """Widths at the edges of vectors, planes that are not stored, more than one tile."""
    rng = np.random.default_rng(n_out + kept_bits)
    shape = (37, 211)
    mask = rng.random(shape) < 0.3
    patterns = rng.integers(0, 256, shape, dtype=np.uint8) & np.uint8(kept_bits)
    tensor = PrunedTensor("t", patterns * mask, mask, WEIGHT_TYPES["int8"])
    codec = F2FFormat(n_in=n_in, n_out=n_out, n_s=3, n_groups=2, search=0)
    encoded = codec.encode(tensor)
    for name in simd.available():
        monkeypatch.setattr(unpack_module, "INSTRUCTIONS", simd.SETS.index(name))
        np.testing.assert_array_equal(codec.decode(encoded).patterns, tensor.patterns)


@pytest.mark.parametrize("kind", ["int4", "bf16", "fp32"])
def test_a_pruned_weight_that_is_not_zero_is_refused(kind):
    weight_type = WEIGHT_TYPES[kind]
    mask = np.ones((70, 9), dtype=bool)
    mask[61, 3] = False
    patterns = np.full((9, 70), 2, dtype=weight_type.pattern_dtype).T  # not in row order
    with pytest.raises(InputError, match="pruned weight is not zero"):
        PrunedTensor("t", patterns, mask, weight_type)
    PrunedTensor("t", patterns * mask, mask, weight_type)


LARGE = """
import sys
import numpy as np
from f2fsim.codec import WEIGHT_TYPES, PrunedTensor
from f2fsim.codec.f2f import F2FFormat

rng = np.random.default_rng(0)
shape = (4096, 11008)
mask, patterns = np.empty(shape, bool), np.empty(shape, np.uint8)
for r in range(0, shape[0], 256):
    part = (256, shape[1])
    mask[r : r + 256] = rng.random(part, dtype=np.float32) < 0.1
    patterns[r : r + 256] = rng.integers(0, int(sys.argv[3]), part, dtype=np.uint8) * mask[r : r + 256]
codec = F2FFormat(encoder=sys.argv[1], n_s=int(sys.argv[2]))
decoded = codec.decode(codec.encode(PrunedTensor("t", patterns, mask, WEIGHT_TYPES["int8"])))
assert np.array_equal(decoded.patterns, patterns)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encoder", "n_s", "n_values"), [("elimination", 7, 256), ("viterbi", 2, 4)]
)
def test_a_large_layer_takes_less_than_a_gibibyte(encoder, n_s, n_values):
    """Encode and decode of 4096 x 11008 int8 weights, the tensors themselves included.

    For the slow encoder two of the eight bit planes vary, so that it ends in minutes: planes are
    encoded one after another, and tensor and blocks are as large as with all.
    """
    _, peak_kib = run_measured(LARGE, encoder, str(n_s), str(n_values))
    assert peak_kib < 2**20
