"""Dense, CSR and bitmap: hand-worked streams, SciPy as the oracle, refused parameters."""

import numpy as np
import pytest
import scipy.sparse

from f2fsim.bits import unpack_fields
from f2fsim.codec import WEIGHT_TYPES, PrunedTensor, weight_format
from f2fsim.codec.csr import pe_entry_counts, row_counts
from f2fsim.errors import InputError

#     columns 0  1  2  3
ROWS = [
    [0, 5, 0, 7],
    [0, 0, 0, 0],
    [1, 2, 3, 0],
    [0, 0, 0, 9],
]


def tensor_of(rows, kind="int8"):
    patterns = np.array(rows, dtype=WEIGHT_TYPES[kind].pattern_dtype)
    return PrunedTensor("t", patterns, patterns != 0, WEIGHT_TYPES[kind])


def fields(encoded, name, width):
    stream = encoded.streams[name]
    return unpack_fields(stream.data, width, stream.n_bits // width).tolist()


def test_dense_by_hand():
    encoded = weight_format("dense", {"block": 6}).encode(tensor_of(ROWS))
    assert encoded.streams["weights"].data.tolist() == [v for row in ROWS for v in row]
    assert list(encoded.streams) == ["weights"]
    assert encoded.work.stream_bits["weights"].tolist() == [48, 48, 32]
    assert encoded.work.n_kept.tolist() == [2, 3, 1]


def test_dense_int4_packs_two_weights_a_byte():
    encoded = weight_format("dense").encode(tensor_of([[1, 2, 0xF]], "int4"))
    assert encoded.streams["weights"].data.tolist() == [0x21, 0x0F]
    assert encoded.n_bits == 12


def test_dense_marks_kept_zeros_only_if_there_are_any():
    tensor = tensor_of(ROWS)
    mask = tensor.mask.copy()
    mask[1, 2] = True
    kept = PrunedTensor("t", tensor.patterns, mask, tensor.weight_type)
    encoded = weight_format("dense", {"block": 16}).encode(kept)
    # Zeros in order: (0,0) (0,2) (1,0) (1,1) (1,2)*: four pruned zeros before the kept one.
    assert encoded.params["kept_zeros"] == {"code": "zero_runs", "params": {"run_bits": 3}}
    assert fields(encoded, "mask", 3) == [4]


def test_bitmap_by_hand():
    encoded = weight_format("bitmap", {"block": 8}).encode(tensor_of(ROWS))
    assert encoded.streams["mask"].data.tolist() == [0b00001010, 0b10000111]
    assert encoded.streams["weights"].data.tolist() == [5, 7, 1, 2, 3, 9]
    assert encoded.work.stream_bits["weights"].tolist() == [16, 32]
    assert encoded.work.stream_bits["mask"].tolist() == [8, 8]
    assert encoded.n_bits_without_mask == 48


def test_csr_by_hand():
    encoded = weight_format("csr").encode(tensor_of(ROWS))
    assert encoded.streams["weights"].data.tolist() == [5, 7, 1, 2, 3, 9]
    assert fields(encoded, "indices", 2) == [1, 3, 0, 1, 2, 3]
    assert fields(encoded, "pointers", 32) == [0, 2, 2, 5, 6]
    assert encoded.work.n_stored.tolist() == [2, 0, 3, 1]
    assert encoded.work.stream_bits["pointers"].tolist() == [64, 32, 32, 32]
    assert encoded.work.n_weights.tolist() == [4, 4, 4, 4]


def test_csr_counts_by_hand():
    params = {"pointers": "counts", "pointer_bits": "auto", "index_bits": 5}
    encoded = weight_format("csr", params).encode(tensor_of(ROWS))
    assert fields(encoded, "pointers", 2) == [2, 0, 3, 1]
    assert fields(encoded, "indices", 5) == [1, 3, 0, 1, 2, 3]


def test_csr_interleaved_by_hand():
    # PE 0 owns rows 0 and 2: 5 7 1 2 3; PE 1 owns rows 1 and 3: 9.
    tensor = tensor_of(ROWS)
    encoded = weight_format("csr", {"interleave": 2, "pointer_bits": 8}).encode(tensor)
    assert encoded.streams["weights"].data.tolist() == [5, 9, 7, 1, 2, 3]
    assert fields(encoded, "indices", 2) == [1, 3, 3, 0, 1, 2]
    assert encoded.work.n_stored.tolist() == [2, 1, 1, 1, 1]
    # Rows 0, 1 and 3 begin in round 0 (row 1 is empty), row 2 in round 2.
    assert encoded.work.n_weights.tolist() == [12, 0, 4, 0, 0]
    assert encoded.work.stream_bits["pointers"].tolist() == [32, 0, 8, 0, 0]
    assert pe_entry_counts(row_counts(tensor), 2).tolist() == [5, 1]
    assert pe_entry_counts(row_counts(tensor), 3).tolist() == [3, 0, 3]


def test_csr_equals_scipy():
    rng = np.random.default_rng(0)
    patterns = rng.integers(1, 256, (50, 300)).astype(np.uint8) * (rng.random((50, 300)) < 0.1)
    encoded = weight_format("csr", {"index_bits": 16}).encode(tensor_of(patterns))
    expected = scipy.sparse.csr_array(patterns)
    np.testing.assert_array_equal(encoded.streams["weights"].data, expected.data)
    assert fields(encoded, "indices", 16) == expected.indices.tolist()
    assert fields(encoded, "pointers", 32) == expected.indptr.tolist()


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("csr", {"index_bits": 1}, "needs index_bits ≥ 2, got 1"),
        ("csr", {"pointer_bits": 2}, "needs pointer_bits ≥ 3, got 2"),
        ("csr", {"index_bits": 33}, "must be 'auto' or 0 to 32, got 33"),
        ("csr", {"pointers": "links"}, "offsets or counts"),
        ("csr", {"interleave": 0}, "interleave must be 1 to 65536, got 0"),
        ("dense", {"block": 0}, "block must be ≥ 1, got 0"),
        ("dense", {"block": "x"}, "block must be ≥ 1, got 'x'"),
        ("dense", {"block": True}, "block must be ≥ 1, got True"),
        ("bitmap", {"block": -3}, "block must be ≥ 1, got -3"),
        ("bitmap", {"mask": "rawe"}, "did you mean 'raw'"),
    ],
)
def test_bad_parameters_are_refused(name, params, message):
    with pytest.raises(InputError, match=message):
        weight_format(name, params).encode(tensor_of(ROWS))
