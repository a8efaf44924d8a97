"""Mask codes: hand-worked words, exact sizes against a plain coder, damage refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from f2fsim.bits import unpack_fields
from f2fsim.codec import BitStream
from f2fsim.codec.masks import MASK_CODES, decode_mask, encode_mask, fit_mask
from f2fsim.errors import DataError, InputError


def mask_of(text):
    return np.array([c == "1" for c in text], dtype=np.bool_)


def words(coded, width):
    n = coded.stream.n_bits // width
    return unpack_fields(coded.stream.data, width, n).tolist()


def test_raw_bits_are_the_mask():
    coded = encode_mask(mask_of("1010000011"), "raw", unit=4)
    assert coded.stream.data.tolist() == [0b00000101, 0b11]
    assert coded.unit_bits.tolist() == [4, 4, 2]
    assert coded.unit_symbols.tolist() == [1, 1, 1]


def test_zero_runs_of_two_bits_by_hand():
    # Gaps 0, 2, 3 and 7 with escape 3 = three zeros: 0 | 2 | 3 0 | 3 3 1; the tail is free.
    coded = encode_mask(
        mask_of("1" + "001" + "0001" + "00000001" + "00"), "zero_runs", unit=4,
        params={"run_bits": 2},
    )  # fmt: skip
    assert words(coded, 2) == [0, 2, 3, 0, 3, 3, 1]
    # First positions 0, 1, 4, 7, 8, 11, 14: a word belongs to the unit where it begins.
    assert coded.unit_symbols.tolist() == [2, 2, 2, 1, 0]
    assert coded.unit_bits.tolist() == [4, 4, 4, 2, 0]


def test_zero_runs_of_one_bit_are_the_inverted_mask():
    coded = encode_mask(mask_of("0100110"), "zero_runs", unit=7, params={"run_bits": 1})
    assert words(coded, 1) == [1, 0, 1, 1, 0, 0]


def test_no_kept_weight_takes_no_bits_in_runs():
    coded = encode_mask(np.zeros(1000, dtype=np.bool_), unit=64)
    assert (coded.stream.n_bits, int(coded.unit_bits.sum())) == (0, 0)


def test_runs_of_an_even_mask_at_ninety_percent_take_about_half_a_bit():
    # DESIGN: zero runs take about 0.5 bits a weight at S=0.9; the entropy is 0.469.
    mask = np.random.default_rng(0).random(400_000) < 0.1
    _, params, n_bits = fit_mask(mask, "zero_runs")
    assert params == {"run_bits": 4}
    assert 0.495 < n_bits / mask.size < 0.51


@pytest.mark.parametrize("code", MASK_CODES)
@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(0, 400),
    density=st.sampled_from([0.0, 0.01, 0.1, 0.5, 0.9, 1.0]),
    unit=st.integers(1, 90),
    seed=st.integers(0, 2**32),
)
def test_round_trip_and_sizes(code, n, density, unit, seed):
    mask = np.random.default_rng(seed).random(n) < density
    coded = encode_mask(mask, code, unit=unit)
    np.testing.assert_array_equal(decode_mask(coded.stream, n, code, coded.params), mask)
    assert int(coded.unit_bits.sum()) == coded.stream.n_bits
    assert coded.unit_bits.shape == coded.unit_symbols.shape == (-(-n // unit),)
    assert fit_mask(mask, code) == (code, coded.params, coded.stream.n_bits)


@pytest.mark.parametrize("run_bits", [1, 3, 8])
@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 300), density=st.sampled_from([0.02, 0.3, 1.0]), seed=st.integers(0, 99))
def test_runs_equal_a_plain_coder(run_bits, n, density, seed):
    mask = np.random.default_rng(seed).random(n) < density
    escape, expected, run = 2**run_bits - 1, [], 0
    for kept in mask:
        if kept:
            expected.append(run)
            run = 0
        else:
            run += 1
            if run == escape:
                expected.append(escape)
                run = 0
    while expected and expected[-1] == escape:
        expected.pop()
    coded = encode_mask(mask, "zero_runs", unit=8, params={"run_bits": run_bits})
    assert words(coded, run_bits) == expected


def test_rice_by_hand():
    # Gaps 0, 2 and 7 with one low bit: 0·0 | 1 0·0 | 111 0·1, each low bit after its zero.
    coded = encode_mask(
        mask_of("1" + "001" + "00000001" + "0000"), "rice", unit=4, params={"low_bits": 1}
    )
    assert words(coded, 1) == [0, 0, 1, 0, 0, 1, 1, 1, 0, 1]
    assert coded.unit_bits.tolist() == [5, 5, 0, 0]
    assert coded.unit_symbols.tolist() == [2, 1, 0, 0]


def test_rice_comes_within_two_percent_of_the_entropy():
    mask = np.random.default_rng(0).random(400_000) < 0.1
    entropy = -(0.1 * np.log2(0.1) + 0.9 * np.log2(0.9))
    assert 1.0 < fit_mask(mask, "rice")[2] / (mask.size * entropy) < 1.02


def test_block_code_by_hand():
    # n = 4, at most 2 ones: words 0 (none), 1-4 (one at 0..3), 5-10 (two: 01 02 12 03 13 23),
    # 11 is the escape; 4 bits a word.
    params = {"block": 4, "max_ones": 2, "inverted": 0, "escapes": 1}
    coded = encode_mask(mask_of("000000101010111001"), "block", unit=8, params=params)
    # 1110 escapes to its raw bits 0111 (least significant first); "01" is padded with zeros.
    assert words(coded, 4) == [0, 3, 6, 11, 0b0111, 2]
    assert coded.unit_bits.tolist() == [8, 12, 4]
    assert coded.unit_symbols.tolist() == [2, 3, 1]


def test_block_code_inverts_dense_masks():
    mask = np.random.default_rng(2).random(40_000) < 0.9
    _, params, n_bits = fit_mask(mask, "block")
    assert params["inverted"] == 1
    assert n_bits == fit_mask(~mask, "block")[2]


@pytest.mark.parametrize("escapes", [0, 1])
@pytest.mark.parametrize(("block", "max_ones"), [(1, 0), (5, 1), (8, 7), (63, 63), (64, 63)])
@settings(max_examples=20, deadline=None)
@given(n=st.integers(0, 300), density=st.floats(0, 1), seed=st.integers(0, 99))
def test_block_code_with_given_parameters(block, max_ones, escapes, n, density, seed):
    mask = np.random.default_rng(seed).random(n) < density
    params = {"block": block, "max_ones": max_ones, "inverted": 0, "escapes": escapes}
    most = max((int(mask[i : i + block].sum()) for i in range(0, n, block)), default=0)
    if max_ones + escapes > block or (most > max_ones and not escapes):
        with pytest.raises(InputError, match="mask code"):
            encode_mask(mask, "block", unit=13, params=params)
        return
    coded = encode_mask(mask, "block", unit=13, params=params)
    np.testing.assert_array_equal(decode_mask(coded.stream, n, "block", params), mask)


@pytest.mark.parametrize("density", [0.0, 0.05, 0.1, 0.3, 0.5, 0.9, 1.0])
def test_block_code_in_the_words_of_a_mask_unit(density):
    mask = np.random.default_rng(4).random(20_000) < density
    code, params, n_bits = fit_mask(mask, "block32")
    assert code == "block"
    assert params["block"] == 32
    assert params["max_ones"] <= 6
    assert fit_mask(mask, "block")[2] <= n_bits <= 1.04 * mask.size
    coded = encode_mask(mask, "block32", unit=80)
    assert (coded.code, dict(coded.params)) == (code, params)
    assert coded.stream.n_bits == n_bits
    # A word for 32 positions, one more for the raw bits of an escape.
    assert coded.unit_symbols.max() <= 2 * (80 // 32 + 1)
    np.testing.assert_array_equal(decode_mask(coded.stream, mask.size, "block", params), mask)
    with pytest.raises(DataError, match="no stored code"):
        decode_mask(coded.stream, mask.size, "block32", params)


def test_auto_is_the_smallest():
    for density in (0.01, 0.1, 0.5, 0.95):
        mask = np.random.default_rng(1).random(5000) < density
        sizes = {code: fit_mask(mask, code)[2] for code in MASK_CODES}
        assert encode_mask(mask, unit=32).stream.n_bits == min(sizes.values())


def test_unknown_codes_and_parameters_are_refused():
    mask = np.ones(4, dtype=np.bool_)
    with pytest.raises(InputError, match="did you mean 'zero_runs'"):
        encode_mask(mask, "zero_run", unit=4)
    with pytest.raises(InputError, match="run_bits must be 1 to 16, got 17"):
        encode_mask(mask, "zero_runs", unit=4, params={"run_bits": 17})
    with pytest.raises(InputError, match="parameters must be"):
        encode_mask(mask, "zero_runs", unit=4, params={"k": 3})
    with pytest.raises(InputError, match="takes no parameters"):
        encode_mask(mask, "auto", unit=4, params={"run_bits": 3})


def test_damaged_masks_are_refused():
    coded = encode_mask(mask_of("0100110"), "zero_runs", unit=7, params={"run_bits": 2})
    with pytest.raises(DataError, match="do not fit 5 weights"):
        decode_mask(coded.stream, 5, "zero_runs", coded.params)
    with pytest.raises(DataError, match="no multiple"):
        decode_mask(coded.stream, 7, "zero_runs", {"run_bits": 5})
    with pytest.raises(DataError, match="run_bits"):
        decode_mask(coded.stream, 7, "zero_runs", {"run_bits": "2"})
    with pytest.raises(DataError, match="unknown mask code"):
        decode_mask(coded.stream, 7, "huffman", {})
    with pytest.raises(DataError, match="8 bits for 7 weights"):
        decode_mask(BitStream(np.zeros(1, np.uint8), 8), 7, "raw", {})
    with pytest.raises(DataError, match="rice mask: runs do not fit"):
        decode_mask(BitStream(np.full(1, 255, np.uint8), 8), 7, "rice", {"low_bits": 0})
    params = {"block": 4, "max_ones": 1, "inverted": 0, "escapes": 0}
    with pytest.raises(DataError, match="do not hold 1 blocks"):
        decode_mask(BitStream(np.full(1, 5, np.uint8), 3), 4, "block", params)
    with pytest.raises(DataError, match="position beyond the last weight"):
        decode_mask(BitStream(np.full(1, 4, np.uint8), 3), 3, "block", params)
    with pytest.raises(DataError, match="beyond the end"):
        decode_mask(BitStream(np.full(1, 255, np.uint8), 7), 7, "raw", {})
