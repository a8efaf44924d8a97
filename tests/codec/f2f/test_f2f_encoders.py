"""Encoders against oracles that share no code with them."""

import itertools

import numpy as np
import pytest

from f2fsim.codec.f2f import DecoderMatrix, care_from_mask, decode_planes, decode_values
from f2fsim.codec.f2f.elimination import encode_elimination
from f2fsim.codec.f2f.viterbi import encode_viterbi
from f2fsim.errors import ConfigError


def make_problem(rng, sparsity, n_out, n_blocks, n_planes=1):
    care = care_from_mask(rng.random(n_out * n_blocks) >= sparsity, n_out)
    return care.with_values(rng.integers(0, 1 << n_planes, care.n_kept).astype(np.uint32))


def slow_decode(matrix, words, n_groups):
    """The decoder's definition, bit by bit in plain Python."""
    rows = matrix.bits.tolist()
    out = np.zeros((*words.shape, matrix.n_out), dtype=bool)
    for b, p in itertools.product(range(words.shape[0]), range(words.shape[1])):
        for o in range(matrix.n_out):
            bit = 0
            for j in range(matrix.n_s + 1):
                word = int(words[b - j * n_groups, p]) if b - j * n_groups >= 0 else 0
                for i in range(matrix.n_in):
                    bit ^= rows[o][j * matrix.n_in + i] & (word >> i)
            out[b, p, o] = bit & 1
    return out


def unmatched(matrix, words, care, n_groups=1):
    """Wrong care bits, counted on the decoder's raw planes."""
    planes = decode_planes(matrix, words, n_groups)
    block = np.repeat(np.arange(care.n_blocks), care.n_u)
    got = planes[block, :, care.pos]
    want = (care.val[:, None] >> np.arange(words.shape[1])) & 1
    return int((got != want).sum())


@pytest.mark.parametrize(
    ("n_in", "n_out", "n_s", "n_groups", "n_planes"),
    [
        (8, 80, 2, 1, 8),
        (3, 7, 4, 2, 1),
        (16, 130, 1, 3, 2),
        (11, 64, 0, 1, 3),
        (1, 5, 9, 4, 2),
    ],
)
def test_decoder_equals_definition(n_in, n_out, n_s, n_groups, n_planes):
    rng = np.random.default_rng(n_in)
    matrix = DecoderMatrix.random(n_in, n_out, n_s, seed=4)
    words = rng.integers(0, 1 << n_in, (9, n_planes)).astype(np.uint16)
    expected = slow_decode(matrix, words, n_groups)
    np.testing.assert_array_equal(decode_planes(matrix, words, n_groups), expected)
    care = make_problem(rng, 0.5, n_out, 9)
    block = np.repeat(np.arange(9), care.n_u)
    bits = expected[block, :, care.pos]
    np.testing.assert_array_equal(
        decode_values(matrix, words, care, n_groups, n_threads=2),
        (bits.astype(np.uint32) << np.arange(n_planes)).sum(axis=1),
    )


def test_decoder_by_hand():
    # Two inputs, three outputs, one word remembered: y = (a, b ^ old a, a ^ old b).
    matrix = DecoderMatrix.from_rows([[1, 0, 0, 0], [0, 1, 1, 0], [1, 0, 0, 1]], 2)
    words = np.array([[0b01], [0b10], [0b11]], dtype=np.uint16)
    assert decode_planes(matrix, words)[:, 0].astype(int).tolist() == [
        [1, 0, 1],
        [0, 0, 0],
        [1, 1, 0],
    ]


def brute_force(matrix, care, n_groups, filled):
    """Fewest unmatched bits over all words of `filled` bits, by trying every sequence."""
    total = 0
    columns = [sum(int(b) << o for o, b in enumerate(col)) for col in matrix.bits.T]
    n_in, n_s = matrix.n_in, matrix.n_s
    effect = [
        [
            sum_xor(columns[j * n_in + i] for i in range(n_in) if w >> i & 1)
            for w in range(1 << n_in)
        ]
        for j in range(n_s + 1)
    ]
    for group in range(n_groups):
        blocks = range(group, care.n_blocks, n_groups)
        wanted, cared = [], []
        for b in blocks:
            span = slice(care.block_ptr[b], care.block_ptr[b + 1])
            wanted.append(
                sum(
                    int(v & 1) << int(o)
                    for o, v in zip(care.pos[span], care.val[span], strict=True)
                )
            )
            cared.append(sum(1 << int(o) for o in care.pos[span]))
        best = 1 << 30
        for words in itertools.product(range(1 << filled), repeat=len(wanted)):
            wrong = 0
            for t, (y, mask) in enumerate(zip(wanted, cared, strict=True)):
                out = sum_xor(effect[j][words[t - j]] for j in range(min(t, n_s) + 1))
                wrong += ((out ^ y) & mask).bit_count()
            best = min(best, wrong)
        total += best
    return total


def sum_xor(values):
    out = 0
    for value in values:
        out ^= value
    return out


def small_case(rng):
    """A random small problem whose sequences can all be tried."""
    while True:
        n_in, n_s = int(rng.integers(1, 5)), int(rng.integers(0, 3))
        n_out = int(rng.integers(n_in, 9))
        if n_out >= 1 << (n_in * (n_s + 1)):
            continue
        n_groups = int(rng.integers(1, 3))
        n_blocks = int(rng.integers(1, max(2, 7 // n_in) * n_groups + 1))
        try:
            matrix = DecoderMatrix.random(n_in, n_out, n_s, seed=int(rng.integers(1 << 30)))
        except ConfigError:
            continue
        return matrix, make_problem(rng, rng.random() * 0.6, n_out, n_blocks), n_groups


def check_small_cases(seed, n_cases):
    rng = np.random.default_rng(seed)
    for _ in range(n_cases):
        matrix, care, n_groups = small_case(rng)
        filled = int(rng.integers(0, matrix.n_in + 1)) if rng.random() < 0.3 else matrix.n_in
        words, cost = encode_viterbi(matrix, care, 1, n_groups, filled=filled, cost_bytes=1)
        assert not words.size or int(words.max()) < 1 << filled
        assert cost == unmatched(matrix, words, care, n_groups)
        assert cost == brute_force(matrix, care, n_groups, filled)


def test_viterbi_equals_brute_force():
    check_small_cases(0, 300)


@pytest.mark.slow
def test_viterbi_equals_brute_force_on_ten_thousand_cases():
    check_small_cases(1, 10_000)


def dynamic_programme(matrix, care):
    """Fewest unmatched bits by the textbook recursion in NumPy (one plane, one group)."""
    n_in, n_s = matrix.n_in, matrix.n_s
    n = 1 << n_in
    digits = (np.arange(n)[:, None] >> np.arange(n_in)) & 1
    history = np.full((n,) * n_s, 10**6)
    history[(0,) * n_s] = 0
    for b in range(care.n_blocks):
        span = slice(care.block_ptr[b], care.block_ptr[b + 1])
        rows = matrix.bits[care.pos[span]].astype(np.int64)
        y = care.val[span].astype(np.int64) & 1
        cost = np.zeros((n,) * (n_s + 1), dtype=np.int64)
        for row, bit in zip(rows, y, strict=True):
            total = np.full((1,) * (n_s + 1), bit)
            for j in range(n_s + 1):
                part = digits @ row[j * n_in : (j + 1) * n_in] % 2
                total = total ^ part.reshape([n if k == j else 1 for k in range(n_s + 1)])
            cost += total
        history = (history[None] + cost).min(axis=-1) if n_s else np.asarray(history + cost.min())
    return int(history.min())


@pytest.mark.parametrize(
    ("n_in", "n_out", "n_s", "sparsity", "n_blocks"),
    [
        (8, 80, 2, 0.9, 2),
        (8, 26, 2, 0.7, 1),
        (8, 80, 1, 0.9, 40),
        (4, 26, 2, 0.8, 60),
        (8, 60, 1, 0.3, 12),
        (4, 200, 2, 0.1, 6),
        (4, 62, 2, 0.0, 8),  # the greatest costs that bytes hold
        (2, 20, 5, 0.8, 40),
        (6, 80, 0, 0.9, 60),
    ],
)
def test_viterbi_equals_plain_dynamic_programme(n_in, n_out, n_s, sparsity, n_blocks):
    rng = np.random.default_rng(n_out)
    matrix = (
        DecoderMatrix.random(n_in, n_out, n_s, seed=1) if n_out < 1 << (n_in * (n_s + 1)) else None
    )
    if matrix is None:
        matrix = DecoderMatrix.random(n_in, (1 << (n_in * (n_s + 1))) - 2, n_s, seed=1)
    care = make_problem(rng, sparsity, matrix.n_out, n_blocks)
    words, cost = encode_viterbi(matrix, care, 1)
    assert cost == unmatched(matrix, words, care) == dynamic_programme(matrix, care)


def test_viterbi_forms_agree_and_memory_bound_changes_nothing():
    rng = np.random.default_rng(6)
    matrix = DecoderMatrix.random(4, 34, 2, seed=1)
    care = make_problem(rng, 0.85, 34, 700, n_planes=3)
    words, cost = encode_viterbi(matrix, care, 3)
    small, small_cost = encode_viterbi(matrix, care, 3, cost_bytes=1)
    plain, plain_cost = encode_viterbi(matrix, care, 3, direct=True)
    np.testing.assert_array_equal(words, small)
    np.testing.assert_array_equal(words, plain)
    assert cost == small_cost == plain_cost == unmatched(matrix, words, care)
    threaded, _ = encode_viterbi(matrix, care, 3, n_threads=2)
    np.testing.assert_array_equal(words, threaded)


def unchecked(bits, n_in, n_s):
    """A matrix as drawn, equal and zero rows included."""
    matrix = object.__new__(DecoderMatrix)
    for key, value in {"bits": bits, "n_in": n_in, "n_out": len(bits), "n_s": n_s}.items():
        object.__setattr__(matrix, key, value)
    return matrix


@pytest.mark.parametrize(("n_s", "low", "high"), [(0, 92.8, 93.6), (1, 98.5, 98.9)])
def test_viterbi_efficiency_at_the_design_point(n_s, low, high):
    """Plain random matrices give the known figure, checked ones (distinct rows) no less."""
    rng = np.random.default_rng(8)
    care = make_problem(rng, 0.9, 80, 6000)
    plain, checked = [], []
    for seed in range(4):
        bits = rng.random((80, 8 * (n_s + 1))) < 0.5
        for values, matrix in (
            (plain, unchecked(bits, 8, n_s)),
            (checked, DecoderMatrix.random(8, 80, n_s, seed=seed)),
        ):
            _, cost = encode_viterbi(matrix, care, 1)
            values.append(100 * (1 - cost / care.n_kept))
    assert low <= np.mean(plain) <= high
    assert low <= np.mean(checked) <= high + 0.3


def gaussian_rank(equations):
    """Rank over GF(2) of rows given as Python integers."""
    pivots = {}
    for row in equations:
        while row and row.bit_length() in pivots:
            row ^= pivots[row.bit_length()]
        if row:
            pivots[row.bit_length()] = row
    return len(pivots)


@pytest.mark.parametrize(
    ("n_in", "n_out", "n_s", "n_groups", "n_planes", "fill"),
    [
        (8, 80, 7, 1, 8, [8]),
        (8, 80, 2, 2, 3, [8]),
        (16, 120, 15, 1, 2, [16]),
        (5, 30, 3, 3, 32, [5]),
        (8, 80, 63, 1, 1, [8]),
        (3, 24, 20, 1, 4, [3]),
        (8, 80, 7, 1, 8, [5, 4]),
        (16, 120, 15, 2, 2, [0, 1, 16]),
        (8, 80, 15, 1, 1, [0, 0, 1, 0, 0]),
    ],
)
def test_elimination_solves_every_independent_equation(n_in, n_out, n_s, n_groups, n_planes, fill):
    rng = np.random.default_rng(3)
    matrix = DecoderMatrix.random(n_in, n_out, n_s, seed=2)
    care = make_problem(rng, 1 - 0.9 * np.mean(fill) / n_out, n_out, 60 * n_groups, n_planes)
    words = encode_elimination(
        matrix, care, n_planes, n_groups, fill=np.array(fill, dtype=np.uint8), chunk_steps=10**6
    )
    step_of = np.arange(care.n_blocks) // n_groups
    assert not (words >> np.array(fill)[step_of % len(fill), None]).any()
    rank = 0
    for group in range(n_groups):
        equations = []
        for step, b in enumerate(range(group, care.n_blocks, n_groups)):
            for o in care.pos[care.block_ptr[b] : care.block_ptr[b + 1]]:
                row = 0
                for j in range(min(step, n_s) + 1):
                    for i in range(fill[(step - j) % len(fill)]):
                        if matrix.bits[o, j * n_in + i]:
                            row |= 1 << ((step - j) * n_in + i)
                equations.append(row)
        rank += gaussian_rank(equations)
    wrong = unmatched(matrix, words, care, n_groups)
    assert wrong <= (care.n_kept - rank) * n_planes


def test_elimination_in_chunks_is_as_good_as_whole():
    rng = np.random.default_rng(5)
    matrix = DecoderMatrix.random(8, 80, 15, seed=2)
    care = make_problem(rng, 0.905, 80, 3000)
    whole = unmatched(matrix, encode_elimination(matrix, care, 1, chunk_steps=10**6), care)
    cut = unmatched(
        matrix, encode_elimination(matrix, care, 1, chunk_steps=200, ahead_steps=100), care
    )
    assert abs(cut - whole) <= 0.0015 * care.n_kept


@pytest.mark.parametrize(("n_s", "floor"), [(7, 99.4), (15, 99.65), (31, 99.7)])
def test_elimination_efficiency_at_the_design_point(n_s, floor):
    rng = np.random.default_rng(9)
    matrix = DecoderMatrix.random(8, 80, n_s, seed=1)
    care = make_problem(rng, 0.9, 80, 12000, n_planes=8)
    wrong = unmatched(matrix, encode_elimination(matrix, care, 8), care)
    assert 100 * (1 - wrong / (8 * care.n_kept)) >= floor


def test_wrong_arguments_are_refused():
    matrix = DecoderMatrix.random(8, 80, 3, seed=1)
    care = make_problem(np.random.default_rng(0), 0.5, 64, 3)
    with pytest.raises(ValueError, match="n_out"):
        encode_elimination(matrix, care, 1)
    with pytest.raises(ConfigError, match="n_in"):
        encode_viterbi(matrix, care, 1)
    with pytest.raises(ValueError, match="more than 8 bits"):
        decode_planes(matrix, np.full((2, 1), 256, dtype=np.uint16))
