"""Value codes: exact for every pattern, near the entropy, their planes and tables by hand."""

import itertools
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from f2fsim.codec import WEIGHT_TYPES, BitStream, PrunedTensor
from f2fsim.codec.entropy import value_entropy, zero_order_entropy
from f2fsim.codec.f2f import F2FFormat, read_value_code, simd
from f2fsim.codec.f2f import unpack as unpack_module
from f2fsim.codec.f2f.choose_code import choose_code
from f2fsim.codec.f2f.rates import PERIOD, PlaneRates
from f2fsim.codec.f2f.value_code import Fold, ValueClass, ValueCode
from f2fsim.codec.f2f.value_table import pack_table, unpack_table
from f2fsim.codec.huffman_code import limited_lengths
from f2fsim.errors import ConfigError, DataError

INT8, INT4 = WEIGHT_TYPES["int8"], WEIGHT_TYPES["int4"]


def bits_of(code, patterns):
    _, classes = code.encode(patterns.astype(np.uint32))
    return int(np.array([c.n_bits for c in code.classes])[classes].sum())


def check_exact(code, patterns):
    """Every pattern comes back, whatever stands on the planes that nobody cares for."""
    coded, classes = code.encode(patterns)
    assert code.is_complete
    care = code.care_masks[classes]
    assert not (coded & ~care).any()
    noise = np.random.default_rng(0).integers(0, 1 << 32, coded.shape, dtype=np.uint64)
    planes = np.uint32((1 << code.n_planes) - 1)
    for mixed in (coded, coded | (noise.astype(np.uint32) & ~care & planes)):
        np.testing.assert_array_equal(code.decode(mixed), patterns)
    lengths = np.array([c.n_bits for c in code.classes])
    assert np.array_equal(np.bitwise_count(code.care_masks), lengths)


@pytest.mark.parametrize("name", sorted(WEIGHT_TYPES))
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_patterns_come_back(name, data):
    kind = WEIGHT_TYPES[name]
    top = (1 << kind.n_bits) - 1
    few = st.lists(st.integers(0, top), min_size=1, max_size=6)
    spread = data.draw(few)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    near = rng.integers(-20, 20, data.draw(st.integers(0, 400))) << data.draw(
        st.integers(0, kind.n_bits - 4)
    )
    patterns = np.concatenate([spread, (near + spread[0]) & top]).astype(np.uint32)
    check_exact(choose_code(patterns, kind), patterns)


@pytest.mark.parametrize("name", ["int8", "fp16", "bf16", "fp32"])
def test_all_patterns_at_once_cost_no_more_than_their_bits(name):
    kind = WEIGHT_TYPES[name]
    patterns = np.random.default_rng(1).integers(0, 1 << kind.n_bits, 50_000, dtype=np.uint64)
    patterns = patterns.astype(np.uint32)
    code = choose_code(patterns, kind)
    check_exact(code, patterns)
    assert bits_of(code, patterns) <= patterns.size * kind.n_bits
    assert code.n_planes <= 32


@pytest.mark.parametrize("zeros", [[0x8000], [0], [0, 0x8000], []])
def test_kept_zeros_among_very_many_values_come_back(zeros):
    """Either zero beside the smallest magnitudes, where values are searched in cells."""
    rng = np.random.default_rng(4)
    many = np.concatenate([zeros, np.arange(1, 40), rng.integers(0, 1 << 16, 9000)])
    many = many[~np.isin(many, (0, 0x8000)) | np.isin(many, zeros)].astype(np.uint32)
    code = choose_code(many, WEIGHT_TYPES["bf16"], 32)
    coded, _ = code.encode(many)
    np.testing.assert_array_equal(code.decode(coded), many)


def test_no_weight_and_one_value_need_no_bits():
    assert choose_code(np.zeros(0, np.uint32), INT8).n_planes == 0
    code = choose_code(np.full(100, 0x80, np.uint32), INT8)
    assert (code.n_planes, len(code.classes)) == (0, 1)
    assert code.decode(np.zeros(3, np.uint32)).tolist() == [0x80] * 3


def test_planes_prefixes_and_cares_by_hand():
    """Numbers 0-3, 4, 5-8: prefixes 0, 10, 11; planes 0 and 1 suffix, 3 and 2 prefix."""
    classes = (ValueClass(0, 2, 1), ValueClass(4, 0, 2), ValueClass(5, 2, 2))
    code = ValueCode(Fold(INT8, signed=True), classes)
    assert (code.n_planes, code.prefix_planes, code.suffix_planes) == (4, 2, 2)
    assert code.prefixes == (0, 0b10, 0b11)
    assert [code.cares(p) for p in range(4)] == [(0, 2), (0, 2), (1, 2), (0, 1, 2)]
    assert code.plane_sets == ((0, 1), (2,), (3,))
    # Signs alternate: 0, -1, 1, -2, 2, -3, 3, -4, 4 are the numbers 0 … 8.
    values = np.array([0, -1, 1, -2, 2, -3, 3, -4, 4], dtype=np.int8).view(np.uint8)
    coded, of = code.encode(values.astype(np.uint32))
    assert of.tolist() == [0, 0, 0, 0, 1, 2, 2, 2, 2]
    assert coded.tolist() == [0, 1, 2, 3, 0b1000, 0b1100, 0b1101, 0b1110, 0b1111]
    check_exact(code, values.astype(np.uint32))


@pytest.mark.parametrize(
    ("fold", "numbers"),
    [
        (Fold(INT8, signed=True), {0: 0, 0xFF: 1, 1: 2, 0x7F: 254, 0x80: 255}),
        (Fold(INT8, signed=False, centre=0x80), {0x80: 0, 0xFF: 127, 0: 128}),
        (
            Fold(WEIGHT_TYPES["uint8"], signed=True, centre=0x80),
            {0x80: 0, 0x7F: 1, 0x81: 2, 0: 255},
        ),
        (
            Fold(WEIGHT_TYPES["bf16"], signed=True),
            {0: 0, 0x8000: 1, 0x3F80: 0x7F00, 0xBF80: 0x7F01},
        ),
        (Fold(WEIGHT_TYPES["fp32"], signed=True, shift=16), {0x3F800000: 0x7F00, 1 << 31: 1}),
    ],
    ids=["zigzag", "plain", "centre", "float", "shift"],
)
def test_numbers_by_hand(fold, numbers):
    patterns = np.array(list(numbers), dtype=np.uint32)
    assert fold.numbers(patterns).tolist() == list(numbers.values())
    np.testing.assert_array_equal(fold.patterns(fold.numbers(patterns)), patterns)


@given(st.lists(st.integers(0, 3000), min_size=16, max_size=16))
def test_symbols_cost_no_more_than_huffmans(counts):
    """Sixteen symbols fit sixteen classes: only the price of the table may make a class wider."""
    counts = np.array(counts)
    patterns = np.repeat(np.arange(16), counts)
    if not patterns.size:
        return
    code = choose_code(patterns, INT4)
    huffman = int((counts * limited_lengths(counts, 6)).sum())
    used = np.count_nonzero(counts)
    assert bits_of(code, patterns) + 12 * len(code.classes) <= huffman + 12 * used
    assert bits_of(code, patterns) >= patterns.size * zero_order_entropy(patterns) - 1e-6


@cache
def cheapest(counts, first=0, space=64):
    """Fewest bits and classes' price of all ways to cut numbers into classes: by trying."""
    while first < len(counts) and not counts[first]:
        first += 1
    if first == len(counts):
        return 0
    ways = [1 << 60]
    for suffix, prefix in itertools.product(range(4), range(1, 6)):
        size = 64 >> prefix
        if size <= space:
            own = sum(counts[first : first + (1 << suffix)]) * (suffix + prefix)
            ways.append(own + 12 + cheapest(counts, first + (1 << suffix), space - size))
    return min(ways)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 400), min_size=4, max_size=5))
def test_classes_are_the_best_of_all(counts):
    """Against an exhaustive search, for numbers in plain order."""
    counts = np.array(counts)
    if np.count_nonzero(counts) < 2:
        return
    patterns = np.repeat(np.arange(counts.size), counts)
    code = choose_code(patterns, WEIGHT_TYPES["uint4"])
    assert bits_of(code, patterns) + 12 * len(code.classes) <= cheapest(tuple(counts.tolist()))


@pytest.mark.parametrize(
    ("name", "bound"),
    [("int8", 1.01), ("uint8", 1.01), ("int4", 1.03), ("bf16", 1.02), ("fp16", 1.02)],
)
def test_bell_curves_cost_about_their_entropy(name, bound):
    kind = WEIGHT_TYPES[name]
    values = np.random.default_rng(2).standard_normal(1_000_000).astype(np.float32)
    if kind.is_float:
        half = values.astype(np.float16).view(np.uint16)
        patterns = half if name == "fp16" else values.view(np.uint32) >> 16
    else:
        middle = 0 if kind.signed else 1 << (kind.n_bits - 1)
        steps = np.rint(values * 2 ** (kind.n_bits - 3.2)) + middle
        patterns = np.clip(
            steps, middle - 2 ** (kind.n_bits - 1), middle + 2 ** (kind.n_bits - 1) - 1
        )
        patterns = patterns.astype(np.int64) & ((1 << kind.n_bits) - 1)
    patterns = patterns.astype(np.uint32)
    code = choose_code(patterns, kind)
    least = patterns.size * zero_order_entropy(patterns)
    assert least <= bits_of(code, patterns) <= bound * least


def test_floats_that_are_narrow_ones_cost_as_much():
    values = np.random.default_rng(3).standard_normal(20_000).astype(np.float32).view(np.uint32)
    narrow = choose_code(values >> 16, WEIGHT_TYPES["bf16"])
    wide = choose_code(values >> 16 << 16, WEIGHT_TYPES["fp32"])
    assert wide.fold.shift == 16
    assert bits_of(wide, values >> 16 << 16) == pytest.approx(
        bits_of(narrow, values >> 16), rel=0.01
    )


def test_rates_fill_what_they_say():
    rates = PlaneRates((16 * PERIOD, 100, 1, 0))
    fills = rates.fills
    assert fills.shape == (PERIOD, 4)
    assert fills.sum(axis=0).tolist() == [1024, 100, 1, 0]
    assert set(fills[:, 1].tolist()) == {1, 2}
    # Two groups: blocks 2t and 2t + 1 are step t of theirs.
    per_block = rates.step_bits(2 * PERIOD, 2)
    np.testing.assert_array_equal(per_block[::2], fills.sum(axis=1))
    np.testing.assert_array_equal(per_block[::2], per_block[1::2])


CODES = st.sampled_from(["int8", "uint4", "bf16", "fp32"]).flatmap(
    lambda name: st.integers(0, 10_000).map(lambda seed: (name, seed))
)


@settings(max_examples=60, deadline=None)
@given(CODES)
def test_tables_come_back(given_code):
    name, seed = given_code
    kind, rng = WEIGHT_TYPES[name], np.random.default_rng(seed)
    patterns = rng.integers(0, 1 << kind.n_bits, rng.integers(1, 60), dtype=np.uint64)
    code = choose_code(patterns.astype(np.uint32), kind)
    known = {planes: int(rng.integers(0, 16 * PERIOD + 1)) for planes in code.plane_sets}
    of = {plane: rate for planes, rate in known.items() for plane in planes}
    rates = PlaneRates(tuple(of[p] for p in range(code.n_planes)))
    stream = pack_table(code, rates, 16)
    assert unpack_table(stream, kind, 16, "t") == (code, rates)
    for cut in range(stream.n_bits):
        bits = np.unpackbits(stream.data, bitorder="little")[:cut]
        with pytest.raises(DataError):
            unpack_table(BitStream(np.packbits(bits, bitorder="little"), cut), kind, 16, "t")


@pytest.mark.parametrize(
    "classes",
    [
        (ValueClass(0, 3, 1),),
        (ValueClass(0, 3, 1), ValueClass(8, 3, 2)),
        (ValueClass(0, 3, 0), ValueClass(8, 3, 1)),
        (ValueClass(0, 9, 0),),
        (ValueClass(0, 3, 1), ValueClass(8, 3, 1), ValueClass(16, 3, 1)),
        tuple(ValueClass(i, 0, 5) for i in range(17)),
    ],
    ids=["single", "incomplete", "no prefix", "wide", "too full", "many"],
)
def test_tables_of_no_code_are_refused(classes):
    code = ValueCode(Fold(INT8, signed=True), classes)
    stream = pack_table(code, PlaneRates((5,) * code.n_planes), 8)
    with pytest.raises(DataError, match="no complete prefix code"):
        unpack_table(stream, INT8, 8, "t")


def tensor_of(kind, density, seed=0, shape=(64, 640)):
    rng = np.random.default_rng(seed)
    kind = WEIGHT_TYPES[kind]
    values = rng.standard_normal(shape).astype(np.float32)
    mask = np.abs(values) >= np.quantile(np.abs(values), 1 - density)
    if kind.is_float:
        patterns = values.view(np.uint32) >> (32 - kind.n_bits)
    else:
        high = 2 ** (kind.n_bits - 1) - 1
        patterns = np.rint(values / np.abs(values).max() * high).astype(np.int64)
        patterns &= (1 << kind.n_bits) - 1
    return PrunedTensor("t", np.where(mask, patterns, 0).astype(kind.pattern_dtype), mask, kind)


@pytest.mark.parametrize("density", [1.0, 0.5, 0.1])
@pytest.mark.parametrize("kind", ["int8", "int4", "bf16"])
def test_encodings_stay_near_the_entropy_and_below_the_patterns(kind, density):
    tensor = tensor_of(kind, density)
    n_out = int(16 / density)
    plain = F2FFormat(n_in=16, n_out=n_out, n_s=15)
    codec = F2FFormat(n_in=16, n_out=n_out, n_s=15, value_code="auto")
    encoded = codec.encode(tensor)
    assert encoded.n_bits <= plain.encode(tensor).n_bits
    # 4000 kept weights at the least: the start of the registers weighs; a table has 300 bits.
    least, care = tensor.n_kept * value_entropy(tensor), encoded.stats["n_care_bits"]
    assert least <= care <= 1.06 * least
    assert encoded.n_bits_without_mask <= (1.02 if density > 0.3 else 1.05) * care + 300
    decoded = codec.decode(encoded)
    np.testing.assert_array_equal(decoded.patterns, tensor.patterns)
    np.testing.assert_array_equal(decoded.mask, tensor.mask)


@pytest.mark.parametrize("encoder", ["elimination", "viterbi"])
def test_each_step_fetches_what_the_rates_say(encoder):
    tensor = tensor_of("int8", 0.2)
    codec = F2FFormat(n_in=8, n_out=40, n_s=1, value_code="classes", encoder=encoder, n_groups=2)
    encoded = codec.encode(tensor)
    code, rates = read_value_code(encoded, 8)
    n_blocks = encoded.work.n_units
    np.testing.assert_array_equal(encoded.work.stream_bits["weights"], rates.step_bits(n_blocks, 2))
    assert len(rates.sixty_fourths) == code.n_planes
    if encoder == "viterbi":
        assert all(rate % PERIOD == 0 for rate in rates.sixty_fourths)
    # A plane that fewer weights care for is fetched at a lower rate.
    shares = [len(code.cares(p)) for p in range(code.n_planes)]
    assert rates.sixty_fourths[int(np.argmin(shares))] < rates.sixty_fourths[-1]
    np.testing.assert_array_equal(codec.decode(encoded).patterns, tensor.patterns)


def test_auto_takes_the_patterns_where_a_code_gains_nothing():
    rng = np.random.default_rng(4)
    patterns = rng.integers(0, 256, (5, 40), dtype=np.uint8)
    tensor = PrunedTensor("t", patterns, np.ones(patterns.shape, dtype=bool), INT8)
    encoded = F2FFormat(n_in=8, n_out=8, n_s=7, value_code="auto").encode(tensor)
    plain = F2FFormat(n_in=8, n_out=8, n_s=7).encode(tensor)
    assert encoded.n_bits <= plain.n_bits


def test_auto_counts_the_planes_that_all_weights_share():
    """Every other bit of fp32 is constant: 16 planes of noise are less than any class holds."""
    rng = np.random.default_rng(6)
    patterns = rng.integers(0, 1 << 32, (40, 64), dtype=np.uint32) & np.uint32(0x55555555)
    tensor = PrunedTensor("t", patterns, np.ones((40, 64), dtype=bool), WEIGHT_TYPES["fp32"])
    codec = F2FFormat(n_in=16, n_out=16, n_s=7, value_code="auto")
    encoded = codec.encode(tensor)
    assert encoded.n_bits <= F2FFormat(n_in=16, n_out=16, n_s=7).encode(tensor).n_bits
    assert encoded.n_bits_without_mask <= 1.05 * 16 * tensor.n_weights
    np.testing.assert_array_equal(codec.decode(encoded).patterns, patterns)


def test_threads_give_the_same_streams():
    tensor = tensor_of("int8", 0.5)
    codec = F2FFormat(n_in=16, n_out=32, n_s=15, value_code="classes")
    one, four = codec.encode(tensor), codec.encode(tensor, n_threads=4)
    assert one.params == four.params
    for name, stream in one.streams.items():
        np.testing.assert_array_equal(stream.data, four.streams[name].data)


@pytest.mark.parametrize("name", sorted(WEIGHT_TYPES))
@pytest.mark.parametrize("spread", [0.03, 1.0, 30.0])
def test_sets_of_instructions_agree(monkeypatch, name, spread):
    """Short codewords and long ones, one value alone and all patterns at once, many patches."""
    kind = WEIGHT_TYPES[name]
    rng = np.random.default_rng(5)
    mask = rng.random((37, 211)) < 0.4
    values = rng.standard_normal(mask.shape).astype(np.float32) * spread
    whole = values.view(np.uint32) >> (32 - kind.n_bits) if kind.is_float else np.rint(values * 2)
    patterns = whole.astype(np.int64) & ((1 << kind.n_bits) - 1)
    patterns[0] = rng.integers(0, 1 << kind.n_bits, 211) if spread > 1 else 3
    patterns = np.where(mask, patterns, 0).astype(kind.pattern_dtype)
    tensor = PrunedTensor("t", patterns, mask, kind)
    codec = F2FFormat(n_in=11, n_out=33, n_s=2, value_code="classes", n_groups=2, search=0)
    encoded = codec.encode(tensor)
    for instructions in simd.available():
        monkeypatch.setattr(unpack_module, "INSTRUCTIONS", simd.SETS.index(instructions))
        np.testing.assert_array_equal(codec.decode(encoded).patterns, patterns)


def test_registers_too_small_are_refused_where_no_plane_is_stored():
    """One value, one plane of nothing: the matrix is never asked for, but decoding makes it."""
    mask = np.ones((4, 64), dtype=np.bool_)
    tensor = PrunedTensor("t", np.zeros((4, 64), np.uint8), mask, WEIGHT_TYPES["int8"])
    for code in ("none", "classes"):
        with pytest.raises(ConfigError, match="cannot all differ"):
            F2FFormat(n_in=1, n_s=0, n_out=64, taps=0, value_code=code).encode(tensor)
