"""EIE's columns, run lengths and N:M: hand-worked streams, published padding, refusals."""

import numpy as np
import pytest

from f2fsim.bits import unpack_fields
from f2fsim.codec import WEIGHT_TYPES, PrunedTensor, weight_format
from f2fsim.errors import InputError


def tensor_of(rows, kind="int8", mask=None):
    patterns = np.array(rows, dtype=WEIGHT_TYPES[kind].pattern_dtype)
    kept = patterns != 0 if mask is None else np.array(mask, dtype=np.bool_)
    return PrunedTensor("t", patterns, kept, WEIGHT_TYPES[kind])


def fields(encoded, name, width):
    stream = encoded.streams[name]
    return unpack_fields(stream.data, width, stream.n_bits // width).tolist()


def test_eie_column_of_the_paper():
    # EIE section III-C: [0,0,1,2,0*18,3] is v = [1,2,0,3], z = [2,0,15,2].
    column = [0, 0, 1, 2, *[0] * 18, 3]
    encoded = weight_format("csc_relative", {"n_pes": 1}).encode(tensor_of([[w] for w in column]))
    assert encoded.streams["weights"].data.tolist() == [1, 2, 0, 3]
    assert fields(encoded, "indices", 4) == [2, 0, 15, 2]
    assert fields(encoded, "pointers", 3) == [0, 4]
    assert (encoded.work.n_kept.tolist(), encoded.work.n_stored.tolist()) == ([3], [4])


def test_csc_relative_deals_rows_to_pes():
    rows = [
        [1, 0],
        [0, 5],
        [2, 0],
        [0, 6],
        [0, 7],
    ]
    fmt = weight_format("csc_relative", {"n_pes": 2, "run_bits": 1, "pointer_bits": 4})
    encoded = fmt.encode(tensor_of(rows))
    # PE 0: rows 0 2 4, PE 1: rows 1 3.  Column 0: PE 0 keeps 1 2.  Column 1: PE 0 keeps 7 after
    # two zeros (a padding entry covers both), PE 1 keeps 5 6.
    assert encoded.streams["weights"].data.tolist() == [1, 2, 0, 7, 5, 6]
    assert fields(encoded, "indices", 1) == [0, 0, 1, 0, 0, 0]
    assert fields(encoded, "pointers", 4) == [0, 0, 2, 0, 4, 2]
    assert encoded.work.stream_bits["pointers"].tolist() == [16, 8]
    counts = fmt.entry_counts(tensor_of(rows))
    assert counts.stored.tolist() == [[2, 0], [2, 2]]
    assert counts.padding.tolist() == [[0, 0], [1, 0]]


def test_kept_zero_like_padding_is_told_apart():
    # Two zeros with run 1: the first is padding, the second a kept 0 that looks like it.
    rows, mask = [[0, 0, 0, 0, 3]], [[0, 0, 0, 1, 1]]
    encoded = weight_format("rle", {"run_bits": 1}).encode(tensor_of(rows, mask=mask))
    assert encoded.streams["weights"].data.tolist() == [0, 0, 3]
    assert fields(encoded, "indices", 1) == [1, 1, 0]
    assert "mask" in encoded.streams
    without = weight_format("rle", {"run_bits": 1}).encode(tensor_of(rows))
    assert without.streams["weights"].data.tolist() == [0, 0, 3]
    assert "mask" not in without.streams


def test_rle_by_hand():
    # Runs cross rows: 0 0 9 | 0*4 | 0 8 0 with runs of two bits: (2, 9) (3, 0) (1, 8).
    rows = [[0, 0, 9, 0], [0, 0, 0, 0], [0, 8, 0, 0]]
    encoded = weight_format("rle", {"run_bits": 2, "chunk": 2}).encode(tensor_of(rows))
    assert encoded.streams["weights"].data.tolist() == [9, 0, 8]
    assert fields(encoded, "indices", 2) == [2, 3, 2]
    assert encoded.work.n_stored.tolist() == [2, 1]
    assert encoded.work.n_kept.tolist() == [1, 1]
    assert encoded.work.n_weights.tolist() == [7, 5]


def test_rle_auto_takes_the_fewest_bits():
    rng = np.random.default_rng(0)
    patterns = rng.integers(1, 256, (64, 256)) * (rng.random((64, 256)) < 0.1)
    tensor = tensor_of(patterns)
    sizes = [weight_format("rle", {"run_bits": k}).encode(tensor).n_bits for k in range(1, 17)]
    best = weight_format("rle").encode(tensor)
    assert best.n_bits == min(sizes)
    assert best.params["run_bits"] == sizes.index(min(sizes)) + 1


def test_two_of_four_by_hand():
    rows = [[0, 1, 0, 2, 3, 0], [0, 0, 0, 0, 0, 4]]
    encoded = weight_format("nm", {"groups": 3}).encode(tensor_of(rows))
    assert encoded.streams["weights"].data.tolist() == [1, 2, 3, 0, 0, 0, 4, 0]
    assert fields(encoded, "indices", 2) == [1, 3, 0, 0, 0, 0, 1, 0]
    assert encoded.work.n_weights.tolist() == [10, 2]
    assert encoded.work.n_kept.tolist() == [3, 1]
    assert encoded.work.n_stored.tolist() == [6, 2]
    assert encoded.work.stream_bits["indices"].tolist() == [12, 4]


def test_a_mask_that_is_not_nm_is_refused():
    rows = [[1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1]]
    with pytest.raises(InputError, match="is not 1:4: row 1, columns 4 to 5 keep 2"):
        weight_format("nm", {"n": 1}).encode(tensor_of(rows))


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("nm", {"n": 5, "m": 4}, "n must be 1 to 4, got 5"),
        ("nm", {"n": 0, "m": 4}, "n must be 1 to 4, got 0"),
        ("nm", {"m": "4"}, "m must be 1 to 1024, got '4'"),
        ("nm", {"groups": 0}, "groups must be ≥ 1"),
        ("rle", {"run_bits": 0}, "run_bits must be 'auto' or 1 to 16, got 0"),
        ("rle", {"chunk": 0}, "chunk must be ≥ 1"),
        ("csc_relative", {"run_bits": 17}, "run_bits must be 'auto' or 1 to 16, got 17"),
        ("csc_relative", {"n_pes": 0}, "n_pes must be 1 to 65536, got 0"),
        ("csc_relative", {"pointers": "x"}, "offsets or counts"),
        ("csc_relative", {"n_pes": 1, "pointer_bits": 1}, "needs pointer_bits ≥ 2, got 1"),
    ],
)
def test_bad_parameters_are_refused(name, params, message):
    with pytest.raises(InputError, match=message):
        weight_format(name, params).encode(tensor_of([[1, 0], [2, 0]]))


@pytest.mark.parametrize(
    ("n_inputs", "n_outputs", "density", "published"),
    [
        (9216, 4096, 0.09, 0.847),
        (4096, 4096, 0.09, 0.839),
        (4096, 1000, 0.25, 1.0),
        (600, 8791, 0.11, 0.825),
        (1201, 2400, 0.10, 0.929),
    ],
    ids=["Alex-6", "Alex-7", "Alex-8", "NT-Wd", "NT-LSTM"],
)
def test_eie_padding_is_near_the_published_share(n_inputs, n_outputs, density, published):
    """Real over total work at 64 PEs (EIE Fig. 12) on even masks of the published density.

    The bound is 4 points, as for the published layers; trained masks are less even.
    """
    rng = np.random.default_rng(0)
    mask = rng.random((n_outputs, min(n_inputs, 1024))) < density
    tensor = PrunedTensor("t", mask.astype(np.uint8), mask, WEIGHT_TYPES["int8"])
    counts = weight_format("csc_relative").entry_counts(tensor)
    share = 1 - counts.padding.sum() / counts.stored.sum()
    assert abs(share - published) < 0.04
