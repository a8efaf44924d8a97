"""Huffman codes against an independent optimum, hand-worked streams, and the entropy."""

import heapq
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from f2fsim.codec import WEIGHT_TYPES, BitStream, PrunedTensor, decode
from f2fsim.codec.entropy import entropy_bits, zero_order_entropy
from f2fsim.codec.huffman import HuffmanFormat
from f2fsim.codec.huffman_code import (
    CanonicalCode,
    limited_lengths,
    optimal_code,
    pack_table,
    unpack_table,
)
from f2fsim.codec.huffman_symbols import (
    expected_symbols,
    expected_value_bits,
    n_symbols,
    paired,
    unpaired,
)
from f2fsim.errors import DataError, InputError

COUNTS = st.lists(st.one_of(st.just(0), st.integers(1, 5000)), min_size=2, max_size=16)


def textbook_bits(counts):
    """Bits of an unlimited Huffman code: the sum of all merged pairs."""
    heap = [int(n) for n in counts if n]
    heapq.heapify(heap)
    total = 0
    while len(heap) > 1:
        pair = heapq.heappop(heap) + heapq.heappop(heap)
        total += pair
        heapq.heappush(heap, pair)
    return total


def least_bits(counts, limit):
    """Fewest bits of all complete codes with lengths up to the limit: a walk over the space left."""
    best = {1 << limit: 0}
    for n in sorted((int(n) for n in counts if n), reverse=True):
        grown = {}
        for space, bits in best.items():
            for length in range(1, limit + 1):
                left = space - (1 << (limit - length))
                if left >= 0:
                    grown[left] = min(grown.get(left, 1 << 60), bits + n * length)
        best = grown
    return min(best.values())


@given(COUNTS)
def test_without_a_limit_lengths_are_huffmans(counts):
    counts = np.array(counts, dtype=np.int64)
    lengths = limited_lengths(counts, 16)
    if np.count_nonzero(counts) > 1:
        assert int((counts * lengths).sum()) == textbook_bits(counts)
        assert (2.0 ** -lengths[lengths > 0]).sum() == 1
    assert np.array_equal(lengths > 0, counts > 0)


@given(COUNTS, st.integers(4, 6))
def test_with_a_limit_lengths_are_optimal(counts, limit):
    counts = np.array(counts, dtype=np.int64)
    lengths = limited_lengths(counts, limit)
    assert lengths.max(initial=0) <= limit
    if np.count_nonzero(counts) > 1:
        assert int((counts * lengths).sum()) == least_bits(counts, limit)


@given(COUNTS)
def test_table_comes_back(counts):
    padded = np.zeros(16, dtype=np.int64)
    padded[: len(counts)] = counts
    code = optimal_code(padded, 8)
    found = unpack_table(pack_table(code), 4, "t")
    assert np.array_equal(found.lengths, code.lengths)


def test_table_by_hand():
    """Symbols 3 (2 bits), 4 (1 bit), 6 (2 bits): from 2: no step 0, - 1: 110... then none, + 1."""
    code = CanonicalCode(4, np.array([0, 0, 0, 2, 1, 0, 2] + [0] * 9))
    stream = pack_table(code)
    # 3, 6; "0" (2), "1110" (1), "10" (does not occur), "110" (2)
    assert stream.n_bits == 8 + 1 + 4 + 2 + 3
    bits = np.unpackbits(stream.data, bitorder="little")[: stream.n_bits].tolist()
    assert bits == [1, 1, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0, 1, 0, 1, 1, 0]
    # 4: 0, 3: 10, 6: 11, first bit lowest
    assert code.codewords[[4, 3, 6]].tolist() == [0, 0b01, 0b11]


@pytest.mark.parametrize(
    "lengths",
    [[1, 2], [1, 1, 1], [2], [3] * 9, [17, 17]],
    ids=["incomplete", "too full", "single", "nine", "long"],
)
def test_tables_of_no_prefix_code_are_refused(lengths):
    bad = CanonicalCode(4, np.array(lengths + [0] * (16 - len(lengths))))
    with pytest.raises(DataError):
        unpack_table(pack_table(bad), 4, "t")


def test_damaged_tables_are_refused():
    stream = pack_table(optimal_code(np.arange(16, dtype=np.int64), 8))
    for n in range(1, stream.n_bits):
        data = np.packbits(np.unpackbits(stream.data, bitorder="little")[:n], bitorder="little")
        with pytest.raises(DataError):
            unpack_table(BitStream(data, n), 4, "t")


def tensor_of(values, mask=None, kind="int8"):
    patterns = np.asarray(values).astype(WEIGHT_TYPES[kind].pattern_dtype)
    mask = np.ones(patterns.shape, dtype=bool) if mask is None else mask
    return PrunedTensor("t", np.where(mask, patterns, 0), mask, WEIGHT_TYPES[kind])


def test_streams_by_hand():
    """Values 5 and -3 with codewords of a bit each; two decoders take every other weight."""
    encoded = HuffmanFormat(n_decoders=2, word_bytes=1).encode(
        tensor_of([[5, -3, 5, 5, -3, -3, 5]])
    )
    # By value -3 comes first: its codeword is 0.  Decoder 0: 5 5 -3 5, decoder 1: -3 5 -3.
    assert encoded.streams["weights"].data.tolist() == [0b1011, 0b010]
    assert encoded.streams["pointers"].data.tolist() == [4 | 3 << 3]
    assert encoded.params["pointer_bits"] == 3


def test_pairs_by_hand():
    """Of two decoders the first has 1 1 1 1 2, the second 1 2 1 2: pairs 11, 11, 2- and 12, 12."""
    values = [[1, 1, 1, 2, 1, 1, 1, 2, 2]]
    pairs = paired(np.array(values[0], dtype=np.uint8), 2, 4)
    assert pairs.tolist() == [0x11, 0x21, 0x11, 0x21, 0x02]
    assert unpaired(pairs, 9, 2, 4).tolist() == values[0]


@given(st.integers(0, 40), st.integers(1, 5))
def test_pairs_come_back(n, n_decoders):
    symbols = np.random.default_rng(n).integers(0, 16, n).astype(np.uint8)
    pairs = paired(symbols, n_decoders, 4)
    assert pairs.size == n_symbols(n, n_decoders, 2)
    np.testing.assert_array_equal(unpaired(pairs, n, n_decoders, 4), symbols)


def test_pairs_are_taken_where_they_are_fewer_bits():
    """Nine weights of ten are 1: a codeword a weight is a bit, of two weights two thirds of one."""
    rng = np.random.default_rng(0)
    values = np.where(rng.random((60, 100)) < 0.9, 1, 2)
    encoded = HuffmanFormat(n_decoders=3).encode(tensor_of(values, kind="int4"))
    assert encoded.params["n_each"] == 2
    assert encoded.streams["weights"].n_bits < 0.66 * values.size
    decoded = decode(encoded)
    np.testing.assert_array_equal(decoded.patterns, values)
    work = HuffmanFormat(n_decoders=3, block=50).decoder_work(tensor_of(values, kind="int4"))
    assert work.symbols.sum() == 3000
    np.testing.assert_array_equal(work.weights.sum(axis=0), work.taken.sum(axis=0))
    # What the aligner takes of a unit has been read by then.
    assert (work.weights.cumsum(axis=0) >= work.taken.cumsum(axis=0)).all()


def floats(n_rows, n_cols, kind, binades, seed=0):
    """Weights of random signs and mantissas in some binades, the first of them most often."""
    rng = np.random.default_rng(seed)
    sizes = np.minimum(rng.geometric(0.7, (n_rows, n_cols)) - 1, binades - 1)
    n_mantissa = {"bf16": 7, "fp16": 10}[kind]
    low = rng.integers(0, 1 << n_mantissa, sizes.shape)
    sign = rng.integers(0, 2, sizes.shape) << 15
    return PrunedTensor(
        "w",
        (sign | (sizes + 9) << n_mantissa | low).astype(np.uint16),
        np.ones(sizes.shape, dtype=np.bool_),
        WEIGHT_TYPES[kind],
    )


@pytest.mark.parametrize("kind", ["bf16", "fp16"])
@pytest.mark.parametrize("n_decoders", [1, 3, 8])
def test_pairs_of_exponents_reach_their_entropy(kind, n_decoders):
    """Seven of ten exponents are one: 1.25 bits a code of single ones loses a tenth of a bit on."""
    tensor = floats(61, 101, kind, 5)
    encoded = HuffmanFormat(n_decoders=n_decoders).encode(tensor)
    assert encoded.params["n_each"] == 2
    assert encoded.params["base"] == 9
    np.testing.assert_array_equal(decode(encoded).patterns, tensor.patterns)
    bits = sum(encoded.streams[name].n_bits for name in ("weights", "codebook"))
    assert bits <= 1.007 * expected_value_bits(tensor) * tensor.n_weights
    work = HuffmanFormat(n_decoders=n_decoders, block=50).decoder_work(tensor)
    assert work.symbols.sum() == n_symbols(tensor.n_kept, n_decoders, 2)
    np.testing.assert_array_equal(work.weights.sum(axis=0), work.taken.sum(axis=0))


@pytest.mark.parametrize("n_weights", [40, 4000])
def test_signs_of_few_small_floats_stand_apart(n_weights):
    """Half as many symbols are listed; the sign costs its one bit."""
    rng = np.random.default_rng(1)
    patterns = rng.binomial(127, 0.5, n_weights) | rng.integers(0, 2, n_weights) << 7
    tensor = PrunedTensor(
        "w",
        patterns.astype(np.uint8)[None],
        np.ones((1, n_weights), bool),
        WEIGHT_TYPES["fp8_e5m2"],
    )
    encoded = HuffmanFormat(n_decoders=3).encode(tensor)
    assert encoded.params["sign_apart"] == 1
    np.testing.assert_array_equal(decode(encoded).patterns, tensor.patterns)
    work = HuffmanFormat(n_decoders=3).decoder_work(tensor)
    lengths = HuffmanFormat.table_of(encoded).lengths
    assert lengths.size == 128
    assert work.bits.sum() == lengths[patterns & 127].sum() + n_weights


def test_signs_are_in_the_symbol_where_they_are_uneven():
    positive = np.arange(64, dtype=np.uint8)[None]
    tensor = PrunedTensor("w", positive, np.ones((1, 64), bool), WEIGHT_TYPES["fp8_e4m3"])
    encoded = HuffmanFormat().encode(tensor)
    assert "sign_apart" not in encoded.params
    np.testing.assert_array_equal(decode(encoded).patterns, positive)


def test_exponents_of_more_binades_have_codewords_of_their_own():
    rng = np.random.default_rng(0)
    wide = floats(20, 30, "bf16", 5)
    patterns = wide.patterns | (rng.random(wide.shape) < 0.01).astype(np.uint16) << np.uint16(11)
    tensor = replace(wide, patterns=patterns)
    encoded = HuffmanFormat().encode(tensor)
    assert "n_each" not in encoded.params
    np.testing.assert_array_equal(decode(encoded).patterns, patterns)


def test_a_base_beyond_the_exponents_is_refused():
    encoded = HuffmanFormat().encode(floats(61, 101, "bf16", 5))
    for base, message in ((255, "beyond the symbols"), (256, "base"), (-1, "base")):
        with pytest.raises(DataError, match=message):
            decode(replace(encoded, params={**encoded.params, "base": base}))


def test_pairs_of_wide_weights_are_refused():
    encoded = HuffmanFormat().encode(tensor_of(np.arange(200).reshape(10, 20) % 17))
    with pytest.raises(DataError, match="pairs of int8"):
        decode(replace(encoded, params={**encoded.params, "n_each": 2}))


def test_work_of_each_decoder_adds_up_to_the_streams():
    rng = np.random.default_rng(0)
    mask = rng.random((40, 60)) < 0.3
    tensor = tensor_of(np.rint(rng.standard_normal((40, 60)) * 12), mask)
    codec = HuffmanFormat(n_decoders=3, block=50)
    encoded, work = codec.encode(tensor), codec.decoder_work(tensor)
    assert work.symbols.shape == work.bits.shape == (48, 3)
    np.testing.assert_array_equal(work.symbols.sum(axis=1), encoded.work.n_kept)
    pointers = encoded.streams["pointers"]
    n_bits = [
        int.from_bytes(pointers.data.tobytes(), "little") >> (d * w) & ((1 << w) - 1)
        for d in range(3)
        for w in [encoded.params["pointer_bits"]]
    ]
    assert work.bits.sum(axis=0).tolist() == n_bits
    padding = encoded.work.stream_bits["weights"] - work.bits.sum(axis=1)
    assert ((padding >= 0) & (padding < 8 * 3)).all()
    # Decoders take turns weight by weight.
    assert (np.ptp(work.symbols, axis=1) <= 1).all()


@pytest.mark.parametrize(("kind", "bound"), [("int8", 1.01), ("int4", 1.01), ("bf16", 1.01)])
def test_bits_are_near_the_entropy(kind, bound):
    """Symbols drawn from a bell curve; for bf16 sign and mantissa are incompressible."""
    rng = np.random.default_rng(1)
    mask = rng.random((300, 400)) < 0.5
    if kind == "bf16":
        values = rng.standard_normal(mask.shape).astype(np.float32).view(np.uint32) >> 16
        tensor = tensor_of(values, mask, kind)
        exponents = (values[mask] >> 7) & 255
        least = mask.size + tensor.n_kept * (8 + zero_order_entropy(exponents))
    else:
        width = WEIGHT_TYPES[kind].n_bits
        steps = np.clip(np.rint(rng.standard_normal(mask.shape) * 2 ** (width - 3)), -127, 127)
        low, high = -(1 << width - 1), (1 << width - 1) - 1
        tensor = tensor_of(np.clip(steps, low, high).astype(int) & ((1 << width) - 1), mask, kind)
        least = entropy_bits(tensor)
    encoded = HuffmanFormat().encode(tensor)
    assert least <= encoded.n_bits <= bound * least


def test_wrong_streams_are_refused():
    tensor = tensor_of(np.arange(200).reshape(10, 20) % 17)
    encoded = HuffmanFormat().encode(tensor)
    for name in ("codebook", "pointers"):
        streams = {**encoded.streams, name: BitStream(np.zeros(0, np.uint8), 0)}
        with pytest.raises(DataError):
            decode(replace(encoded, streams=streams))
    with pytest.raises(InputError, match="max_length must be 8 to 16, got 7"):
        HuffmanFormat(max_length=7)


@pytest.mark.parametrize("n", [3, 40, 700])
def test_expected_symbols_are_those_of_draws(n: int) -> None:
    """What a plan takes a table to hold: against codes of 300 drawings."""
    rng = np.random.default_rng(n)
    shares = np.exp(-(((np.arange(256) - 120) / 30.0) ** 2))
    shares /= shares.sum()
    used, listed = [], []
    for _ in range(300):
        found = np.unique(rng.choice(256, n, p=shares))
        used.append(found.size)
        listed.append(found[-1] - found[0] + 1)
    expected = expected_symbols(shares, np.array([float(n)]))
    assert expected[0][0] == pytest.approx(np.mean(used), rel=0.02)
    assert expected[1][0] == pytest.approx(np.mean(listed), rel=0.2)
