"""Sparse arrays that are no matrices of SciPy: both commands say what they are, and agree."""

import numpy as np
import pytest
import scipy.sparse

from f2fsim.errors import DataError
from f2fsim.pipeline.encode_file import encode
from f2fsim.workloads.readers import open_model


def save_pydata(path):
    np.savez(
        path, data=np.ones(3, np.float32), coords=np.array([[0, 1, 2], [1, 2, 3]]),
        shape=np.array([4, 5]), fill_value=np.float32(0),
    )  # fmt: skip


def save_compressed(path):
    np.savez(
        path, data=np.ones(3, np.float32), indices=np.array([1, 2, 3]),
        indptr=np.array([0, 1, 2, 3, 3]), compressed_axes=np.array([0]), shape=np.array([4, 5]),
        fill_value=np.float32(0),
    )  # fmt: skip


def save_three_dimensions(path):
    scipy.sparse.save_npz(path, scipy.sparse.coo_array(np.ones((3, 4, 5), np.float32)))


@pytest.mark.parametrize(
    ("save", "message"),
    [
        (save_pydata, "is a sparse array of pydata/sparse; save it as SciPy's"),
        (save_compressed, "is a sparse array of pydata/sparse; save it as SciPy's"),
        (save_three_dimensions, "is a sparse array of 3 dimensions; a matrix is needed"),
    ],
)
def test_other_sparse_arrays_are_named(tmp_path, save, message):
    path = tmp_path / "a.npz"
    save(path)
    for read in (open_model, encode):
        with pytest.raises(DataError, match=message):
            read(path)


def test_whole_numbers_without_a_scale_are_no_weights_in_either_command(tmp_path):
    path = tmp_path / "a.npz"
    scipy.sparse.save_npz(path, scipy.sparse.csr_matrix(np.arange(20).reshape(4, 5)))
    with pytest.raises(DataError, match="int64 elements are no weights"):
        encode(path)
