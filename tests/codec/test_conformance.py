"""One suite for every entry of FORMATS: the contract of `WeightFormat`."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from f2fsim.codec import (
    FORMATS,
    WEIGHT_TYPES,
    BitStream,
    EncodedTensor,
    PrunedTensor,
    decode,
    weight_format,
)
from f2fsim.errors import DataError, InputError

# Parameters beside the defaults that the suite also runs.
VARIANTS = {
    "f2f": [
        {"n_in": 5, "n_out": 9, "n_s": 2, "order": "row", "n_groups": 3, "mask_code": "auto"},
        {"n_in": 11, "n_out": 70, "n_s": 15, "order": "column", "shuffle_seed": 4, "taps": 5},
        {"value_code": "classes"},
        {
            "n_in": 3,
            "n_out": 9,
            "n_s": 3,
            "value_code": "auto",
            "n_groups": 3,
            "encoder": "viterbi",
        },
        {"n_in": 16, "n_out": 32, "n_s": 15, "value_code": "auto", "mask_code": "auto"},
    ],
    "dense": [{"block": 5}],
    "bitmap": [{"block": 7, "mask": "zero_runs"}, {"mask": "auto"}],
    "csc_relative": [
        {"n_pes": 3, "run_bits": 1},
        {"n_pes": 4, "run_bits": "auto", "pointers": "counts", "pointer_bits": 16},
        {"n_pes": 1, "run_bits": 2},
    ],
    "huffman": [
        {"block": 5, "mask": "auto", "n_decoders": 3, "word_bytes": 1},
        {"n_decoders": 64, "max_length": 8, "word_bytes": 8},
    ],
    "nm": [{"n": 1, "m": 3, "groups": 2}, {"n": 4, "m": 4}, {"n": 3, "m": 16}],
    "rle": [{"run_bits": 1, "chunk": 3}, {"run_bits": 4}],
    "cpsr": [
        {"n_clusters": 2, "pack": 3, "part_columns": 7, "pointer_bits": "auto"},
        {"n_clusters": 1, "pack": 1, "value_bits": 32, "index_bits": 32},
    ],
    "csr": [
        {"pointers": "counts", "pointer_bits": "auto"},
        {"interleave": 3},
        {"interleave": 64, "index_bits": 16, "pointers": "counts"},
    ],
}
CASES = [
    pytest.param(name, params, id=f"{name}-{json.dumps(params)}")
    for name in FORMATS
    for params in [{}, *VARIANTS.get(name, [])]
]
# Parameters of which nearly every value is a reading of the same bits, of other weights: the
# container's checksums guard them.
OTHER_READINGS = {"n_pes", "interleave", "run_bits"} | {
    "n_in", "n_out", "n_s", "taps", "seed", "order", "order_step", "shuffle_seed", "n_groups",
}  # fmt: skip
SHAPES = [(0, 0), (0, 5), (4, 0), (1, 1), (1, 9), (9, 1), (5, 70), (67, 3)]


def make_tensor(shape, weight_type, density, seed, *, zero_share=0.1):
    """A tensor of random patterns (NaN payloads and -0.0 included), some kept weights 0."""
    rng = np.random.default_rng(seed)
    kind = WEIGHT_TYPES[weight_type]
    patterns = rng.integers(0, 1 << kind.n_bits, shape, dtype=np.uint64).astype(kind.pattern_dtype)
    patterns[rng.random(shape) < zero_share] = 0
    mask = rng.random(shape) < density
    patterns[~mask] = 0
    return PrunedTensor("t", patterns, mask, kind)


def fit_to(name, params, tensor):
    """The tensor with its mask cut down to what the format can hold (N:M only)."""
    if name != "nm":
        return tensor
    fmt = weight_format(name, params)
    mask = tensor.mask.copy()
    for first in range(0, tensor.shape[1], fmt.m):  # keep the first n of each group
        group = mask[:, first : first + fmt.m]
        group &= np.cumsum(group, axis=1) <= fmt.n
    patterns = np.where(mask, tensor.patterns, 0).astype(tensor.patterns.dtype)
    return PrunedTensor(tensor.name, patterns, mask, tensor.weight_type)


def check_contract(name, params, tensor):
    tensor = fit_to(name, params, tensor)
    before = tensor.patterns.copy(), tensor.mask.copy()
    fmt = weight_format(name, params)
    encoded = fmt.encode(tensor)
    again = fmt.encode(tensor)
    np.testing.assert_array_equal(before[0], tensor.patterns)
    np.testing.assert_array_equal(before[1], tensor.mask)
    assert dict(encoded.params) == dict(again.params)
    assert json.loads(json.dumps(encoded.params)) == encoded.params
    assert list(encoded.streams) == list(again.streams)
    for stream, other in zip(encoded.streams.values(), again.streams.values(), strict=True):
        np.testing.assert_array_equal(stream.data, other.data)
    decoded = decode(encoded)
    np.testing.assert_array_equal(decoded.patterns, tensor.patterns)
    np.testing.assert_array_equal(decoded.mask, tensor.mask)
    assert decoded.patterns.dtype == tensor.patterns.dtype
    work = encoded.work
    assert set(work.stream_bits) == set(encoded.streams)
    for stream_name, bits in work.stream_bits.items():
        assert bits.dtype == np.int64
        assert bits.shape == (work.n_units,)
        assert int(bits.sum()) == encoded.streams[stream_name].n_bits
        assert (bits >= 0).all()
    assert int(work.n_weights.sum()) == tensor.n_weights
    assert int(work.n_kept.sum()) == tensor.n_kept
    for counts in (work.n_weights, work.n_kept, work.n_stored, work.n_patches):
        assert counts.shape == (work.n_units,)
        assert counts.dtype == np.int64
        assert (counts >= 0).all()
    assert (work.n_stored >= work.n_kept).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("name", "params"), CASES)
def test_shapes_full_and_all_pruned(name, params, shape):
    for density in (0.0, 0.3, 1.0):
        check_contract(name, params, make_tensor(shape, "int8", density, 1))


@pytest.mark.parametrize("weight_type", WEIGHT_TYPES)
@pytest.mark.parametrize(("name", "params"), CASES)
def test_every_weight_type(name, params, weight_type):
    check_contract(name, params, make_tensor((13, 37), weight_type, 0.2, 2))


@pytest.mark.parametrize(("name", "params"), CASES)
@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(st.integers(0, 40), st.integers(0, 40)),
    weight_type=st.sampled_from(sorted(WEIGHT_TYPES)),
    density=st.sampled_from([0.0, 0.02, 0.1, 0.5, 0.97, 1.0]),
    zero_share=st.sampled_from([0.0, 0.05, 1.0]),
    seed=st.integers(0, 2**32),
)
def test_any_tensor(name, params, shape, weight_type, density, zero_share, seed):
    check_contract(
        name, params, make_tensor(shape, weight_type, density, seed, zero_share=zero_share)
    )


def damaged(encoded, rng):
    """One damage of a stream: flipped bits, a cut or longer tail, a swap, a loss."""
    streams = dict(encoded.streams)
    name = str(rng.choice(sorted(streams)))
    stream = streams[name]
    kind = rng.integers(0, 5)
    if kind == 0 and stream.n_bits:
        data = stream.data.copy()
        for at in rng.integers(0, data.shape[0] * 8, rng.integers(1, 9)):
            data[at // 8] ^= 1 << (at % 8)
        streams[name] = BitStream(data, stream.n_bits)
    elif kind == 1 and stream.n_bits:
        n_bits = int(rng.integers(0, stream.n_bits))
        streams[name] = BitStream(stream.data[: (n_bits + 7) // 8].copy(), n_bits)
    elif kind == 2:
        data = np.append(stream.data, rng.integers(0, 256, 3, dtype=np.uint8))
        streams[name] = BitStream(data, stream.n_bits + 24)
    elif kind == 3:
        other = str(rng.choice(sorted(streams)))
        streams[name], streams[other] = streams[other], stream
    else:
        del streams[name]
    return replace(encoded, streams=streams)


@pytest.mark.parametrize(("name", "params"), CASES)
def test_damaged_streams_raise_data_error_or_decode(name, params):
    rng = np.random.default_rng(3)
    refused = 0
    for seed in range(12):
        tensor = fit_to(name, params, make_tensor((11, 23), "int8", 0.3, seed))
        encoded = weight_format(name, params).encode(tensor)
        for _ in range(12):
            try:
                decode(damaged(encoded, rng))
            except DataError:
                refused += 1
    assert refused > 60


@pytest.mark.parametrize(("name", "params"), CASES)
def test_damaged_parameters_raise_data_error(name, params):
    tensor = fit_to(name, params, make_tensor((11, 23), "int8", 0.3, 4))
    encoded = weight_format(name, params).encode(tensor)
    for key in encoded.params:
        for value in (None, -1, 10**9, "x", {}, {"code": "x", "params": {}}, {"code": "raw"}, 3):
            bad = {**encoded.params, key: value}
            try:
                decoded = decode(replace(encoded, params=bad))
            except DataError:
                continue
            if key in OTHER_READINGS:
                continue
            np.testing.assert_array_equal(decoded.patterns, tensor.patterns)
    with pytest.raises(DataError):
        decode(replace(encoded, format="nothing"))
    with pytest.raises(DataError):
        FORMATS[name]().decode(replace(encoded, format="nothing"))


def test_unknown_format_and_parameter_are_refused():
    with pytest.raises(InputError, match="did you mean 'bitmap'"):
        weight_format("bitmp")
    with pytest.raises(InputError, match="did you mean 'block'"):
        weight_format("dense", {"blok": 4})


def test_registry_matches_class_names():
    assert {name: cls.name for name, cls in FORMATS.items()} == {name: name for name in FORMATS}


def test_encoded_tensor_is_needed_whole():
    encoded = weight_format("dense").encode(make_tensor((3, 3), "int8", 0.5, 0))
    assert isinstance(encoded, EncodedTensor)
    with pytest.raises(DataError, match="missing"):
        decode(replace(encoded, streams={}))
