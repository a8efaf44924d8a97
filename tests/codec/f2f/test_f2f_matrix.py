"""Decoder matrices: reproducible, checked, as the document says."""

from itertools import pairwise

import numpy as np
import pytest

from f2fsim.codec.f2f import DecoderMatrix, F2FParams, matrix_rows
from f2fsim.codec.f2f.matrix import gf2_rank
from f2fsim.codec.f2f.splitmix import SplitMix64
from f2fsim.errors import ConfigError


def splitmix(seed, n):
    """SplitMix64 in plain Python integers, from the published description."""
    out, mask = [], (1 << 64) - 1
    for _ in range(n):
        seed = (seed + 0x9E3779B97F4A7C15) & mask
        z = seed
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        out.append(z ^ (z >> 31))
    return out


def test_splitmix_published_vector():
    # First outputs for seed 1234567, as in the reference implementation's test.
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert SplitMix64(1234567).draw(3).tolist() == expected == splitmix(1234567, 3)


def test_draws_do_not_depend_on_how_they_are_grouped():
    one = SplitMix64(9)
    assert np.concatenate([one.draw(2), one.draw(5)]).tolist() == splitmix(9, 7)


def test_permutation_is_fisher_yates():
    draws = splitmix(5, 9)
    order = list(range(10))
    for i, x in zip(range(9, 0, -1), draws, strict=True):
        j = ((x >> 32) * (i + 1)) >> 32
        order[i], order[j] = order[j], order[i]
    assert SplitMix64(5).permutation(10).tolist() == order


def test_dense_rows_are_the_generator_s_words():
    matrix = DecoderMatrix.random(8, 20, 12, seed=3)
    words = iter(splitmix(3, 40))
    for row in matrix.bits:
        value = next(words) | next(words) << 64
        assert row.tolist() == [bool(value >> c & 1) for c in range(104)]


@pytest.mark.parametrize(
    ("n_in", "n_out", "n_s", "taps"),
    [
        (8, 80, 2, "dense"),
        (8, 80, 0, "dense"),
        (8, 80, 15, 5),
        (8, 80, 2, 4),
        (8, 80, 2, 5),
        (16, 512, 63, "dense"),
        (1, 6, 5, 3),
    ],
)
def test_matrices_are_valid_and_reproducible(n_in, n_out, n_s, taps):
    matrix = DecoderMatrix.random(n_in, n_out, n_s, taps, seed=11)
    bits = matrix.bits
    assert bits.shape == (n_out, (n_s + 1) * n_in)
    assert bits.any(axis=1).all()
    assert np.unique(bits, axis=0).shape[0] == n_out
    assert gf2_rank(bits) == min(n_out, bits.shape[1] - (taps == 4))
    np.testing.assert_array_equal(bits, DecoderMatrix.random(n_in, n_out, n_s, taps, seed=11).bits)
    if isinstance(taps, int):
        assert (bits.sum(axis=1) == taps).all()
    if bits.size > 100:
        other = DecoderMatrix.random(n_in, n_out, n_s, taps, seed=12)
        assert not np.array_equal(bits, other.bits)


def test_sparse_rows_as_documented():
    draws = iter(splitmix(6, 9 * 6))
    for row in DecoderMatrix.random(8, 9, 15, taps=5, seed=6).bits:
        start = (next(draws) >> 32) * 128 >> 32
        edges = [i * 128 // 5 for i in range(6)]
        taps = [
            (start + low + ((next(draws) >> 32) * (high - low) >> 32)) % 128
            for low, high in pairwise(edges)
        ]
        assert sorted(taps) == np.flatnonzero(row).tolist()


def test_rank_against_determinants():
    rng = np.random.default_rng(0)
    for _ in range(50):
        square = rng.integers(0, 2, (6, 6))
        full = round(np.linalg.det(square)) % 2 == 1
        assert (gf2_rank(square.astype(bool)) == 6) == full


@pytest.mark.parametrize(
    ("rows", "n_in", "message"),
    [
        ([[1, 0], [0, 0]], 1, "row 1 is zero"),
        ([[1, 0], [1, 0]], 1, "rows 0 and 1 are equal"),
        ([[1, 1, 1, 0], [0, 1, 1, 0], [1, 0, 0, 0]], 2, "rank 2 is below 3"),
        ([[1, 2], [0, 1]], 1, "array of 0 and 1"),
        ([[1, 0, 1], [0, 1, 1]], 2, "no multiple of n_in"),
        ([[1, 0, 1, 1]], 2, "n_out: must be ≥ n_in"),
    ],
)
def test_bad_matrices_are_refused(rows, n_in, message):
    with pytest.raises(ConfigError, match=message):
        DecoderMatrix.from_rows(rows, n_in)


def test_matrix_is_read_only_and_survives_as_rows():
    matrix = DecoderMatrix.random(5, 30, 3, seed=2)
    with pytest.raises(ValueError, match="read-only"):
        matrix.bits[0, 0] = True
    params = F2FParams(n_in=5, n_out=30, n_s=3, rows=matrix_rows(matrix))
    np.testing.assert_array_equal(params.matrix.bits, matrix.bits)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_in": 0}, "n_in: must be 1 to 16, got 0"),
        ({"n_out": 7}, "n_out: must be ≥ n_in"),
        ({"n_s": 64}, "n_s: must be 0 to 63"),
        ({"encoder": "viterbo"}, "did you mean 'viterbi'"),
        ({"encoder": "viterbi"}, r"n_in \* n_s ≤ 16"),
        ({"order": "rows"}, "did you mean 'row'"),
        ({"value_code": "class"}, "value_code"),
        ({"seed": -1}, "seed"),
        ({"mask_code": "rw"}, "did you mean 'raw'"),
        ({"rows": ("zz",) * 80}, "no hexadecimal number"),
        ({"rows": ("1",)}, "expected n_out = 80 rows"),
        ({"rows": ([1], {}) * 40}, "rows"),
    ],
)
def test_bad_parameters_are_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        F2FParams(**change).matrix  # noqa: B018


def test_too_many_rows_for_the_register():
    with pytest.raises(ConfigError, match="cannot all differ"):
        DecoderMatrix.random(4, 16, 0)
