"""Containers with right checksums and wrong content: refused before anything is allocated."""

import itertools
import random
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from f2fsim.codec import WEIGHT_TYPES, PrunedTensor, weight_format
from f2fsim.codec.container import Container, store, write_container
from f2fsim.codec.f2f.matrix import DecoderMatrix
from f2fsim.errors import ConfigError, DataError, InputError, in_a_line

sys.path.insert(0, str(Path(__file__).parent))
import forged

DENSE = {"format": "dense", "shape": [1, 1], "weight_type": "int8", "params.block": 64}
EMPTY = {"format": "rle", "weight_type": "fp32", "params.run_bits": 1, "bits.weights": 0}


def decode_all(path, **open_with):
    container = Container(path, **open_with)
    for name in container.names():
        container.read(name).decode()


def refused(path, **open_with):
    """Return the line in which a container is refused."""
    with pytest.raises(DataError) as caught:
        decode_all(path, **open_with)
    message = str(caught.value)
    assert len(message) < 500
    assert "\n" not in message
    return message


LIES = {
    "infinity in matrix": ({**DENSE, "matrix": [float("inf"), 1]}, "not deflated JSON"),
    "infinity in shape": ({**DENSE, "shape": [float("inf")]}, "not deflated JSON"),
    "infinity in bits": ({**DENSE, "bits.weights": float("inf")}, "not deflated JSON"),
    "not a number": ({**DENSE, "stats.n_kept": float("nan")}, "not deflated JSON"),
    "fraction": ({**DENSE, "shape": [1, 1.0]}, "shape is [1, 1.0]"),
    "true": ({**DENSE, "shape": [True, 1]}, "shape is [True, 1]"),
    "negative": ({**DENSE, "shape": [-1, -1]}, "shape is [-1, -1]"),
    "text": ({**DENSE, "shape": "1x1"}, "shape is '1x1'"),
    "65 sides": ({**DENSE, "shape": [1] * 65}, "shape is [1, 1,"),
    "huge side": ({**DENSE, "shape": [0, 1 << 41]}, "shape is [0, 2199023255552]"),
    "no shape": ({"format": "dense"}, "shape is None"),
    "other matrix": ({**DENSE, "matrix": [1, 2]}, "matrix is [1, 2]"),
    "three sides": ({**DENSE, "matrix": [1, 1, 1]}, "matrix is [1, 1, 1]"),
    "bits": ({**DENSE, "bits.weights": 1 << 60}, "bits.weights is 1152921504606846976"),
    "negative bits": ({**DENSE, "bits.weights": -8}, "bits.weights is -8"),
    "other stream": ({**DENSE, "bits.extra": 0}, "bits.extra is 0"),
    "other bytes": ({**DENSE, "bits.weights": 8000}, "describes 1000 bytes of streams, the file"),
    "scale that is none": ({**DENSE, "has_scale": 1}, "has_scale is 1"),
    "scale without bytes": ({**DENSE, "has_scale": True}, "describes 4 bytes"),
    "kept": ({**DENSE, "stats.n_kept": 2}, "stats.n_kept is 2"),
    "part of a weight": ({**DENSE, "stats.n_kept": 0.5}, "stats.n_kept is 0.5"),
    "huge statistic": ({**DENSE, "stats.cv_n_u": 1e300}, "stats.cv_n_u is 1e+300"),
    "weight type": ({**DENSE, "weight_type": "int3"}, "weight_type is 'int3'"),
    "weight type of a list": ({**DENSE, "weight_type": []}, "weight_type is []"),
    "format": ({**DENSE, "format": "y" * 100_000}, "unknown format 'yyyy"),
    "format of a number": ({**DENSE, "format": 1}, "format is 1"),
    "field": ({**DENSE, "colour": "red"}, "colour is 'red'"),
    "long parameter": ({**DENSE, **EMPTY, "params.run_bits": "y" * 100_000}, "(100,002 characters)"),
    "[2^31, 2^31]": ({**EMPTY, "bits.indices": 0, "shape": [1 << 31, 1 << 31]}, "--max-weights"),
    "[2^40] * 64": ({**EMPTY, "shape": [1 << 40] * 64}, "--max-weights"),
    "nothing times much": ({**EMPTY, "shape": [0, 1 << 40]}, "--max-weights"),
    "pes": (
        {"format": "csc_relative", "shape": [1, 1 << 20], "weight_type": "int8", "bits.pointers": 0,
         "params.n_pes": 1 << 16, "params.run_bits": 4, "params.pointer_bits": 0,
         "params.pointers": "offsets", "bits.weights": 0, "bits.indices": 0},
        "does not decode to what was encoded",
    ),
    "a diagonal without step": (
        {"format": "f2f", "shape": [1, 1 << 24], "weight_type": "int8", "params.n_in": 8,
         "params.n_out": 40, "params.n_s": 7, "params.taps": 5, "params.seed": 1,
         "params.order": "diagonal", "params.n_groups": 1},
        "parameter 'order_step' is missing",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LIES)
def test_lies_are_refused_in_a_line_at_once(tmp_path, case):
    fields, expected = LIES[case]
    path = tmp_path / "lie.f2f.safetensors"
    forged.forge(path, forged.table(fields), bytes(4), b"")
    tracemalloc.start()
    begin = time.process_time()
    message = refused(path)
    seconds, peak = time.process_time() - begin, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert expected in message
    assert peak < 100 << 20
    assert seconds < 1.0


@pytest.mark.parametrize("name", ["bitmap", "rle", "csc_relative", "f2f"])
@pytest.mark.parametrize("side", [20_000, 20_001])
def test_all_pruned_tensors_want_leave_to_be_large(tmp_path, name, side):
    path = tmp_path / "m.f2f.safetensors"
    params = {"bitmap": {"mask": "zero_runs"}, "f2f": {"mask_code": "zero_runs"}}.get(name, {})
    zeros = np.zeros((20, 20), dtype=np.uint8)
    tensor = PrunedTensor("a", zeros, zeros.astype(np.bool_), WEIGHT_TYPES["int8"])
    write_container(path, [store(tensor, weight_format(name, params).encode(tensor))])
    text, checks, _ = forged.take_apart(path)
    for key in ("bits.pointers", "bits.weights"):
        text["shared"][key] = 0
    text["shared"]["shape"] = [side, side]
    forged.forge(path, text, checks, b"")
    assert f"{side**2:,} weights (tensor 'a'" in refused(path)
    assert "at most 399,999,999 are believed" in refused(path, max_weights=399_999_999)


def test_a_limit_can_be_raised_and_lowered(tmp_path):
    path = tmp_path / "m.f2f.safetensors"
    zeros = np.zeros((4200, 4000), dtype=np.uint8)
    tensor = PrunedTensor("a", zeros, zeros.astype(np.bool_), WEIGHT_TYPES["int8"])
    write_container(path, [store(tensor, weight_format("rle").encode(tensor))])
    assert "16,800,000 weights" in refused(path)
    assert Container(path, 16_800_000).read("a").decode().shape == (4200, 4000)
    assert "at most 16,799,999" in refused(path, max_weights=16_799_999)


TABLES = {
    "a key twice": '{"columns":{},"columns":{},"made_by":"x","names":[],"shared":{}}',
    "deep": "[" * 100_000,
    "no table": "[]",
    "names that are none": forged.table(DENSE, names=[1]),
    "half a character": forged.table(DENSE, names=["\ud800"]),
    "one name twice": forged.table(DENSE, names=["a", "a"]),
    "a short column": forged.table(DENSE, names=["a", "b"], columns={"stats.n_kept": [1]}),
    "a field in both": forged.table(DENSE, columns={"shape": [[1, 1]]}),
    "many tensors": forged.table({}, names=map(str, range(65_537))),
    "many fields": forged.table({f"params.{i}": 0 for i in range(129)}),
    "a bomb": '{"made_by":"' + " " * (1 << 25) + '"}',
    "digits": forged.table(DENSE).__repr__().replace("'", '"').replace("64", "9" * 5000),
}


@pytest.mark.parametrize("case", TABLES)
def test_tables_that_are_none(tmp_path, case):
    path = tmp_path / "lie.f2f.safetensors"
    forged.forge(path, TABLES[case], bytes(4), b"", [0])
    refused(path)


def test_checksums_that_are_missing_or_too_many(tmp_path):
    path = tmp_path / "lie.f2f.safetensors"
    folded = forged.fold('{"columns":{},"made_by":"x","names":[],"shared":{}}')
    head = len(folded).to_bytes(4, "little") + folded
    forged.write(path, head, b"")
    assert Container(path).names() == []
    for body in (head[:3], head[:-1], head + bytes(3), head + bytes(16), bytes(3)):
        forged.write(path, body, b"")
        refused(path)


def test_an_older_container_is_named():
    for name in ("min_infinity", "min_rle_huge"):
        message = refused(Path(__file__).parent / f"old/{name}.f2f.safetensors")
        assert "container version '1'; this program reads 2" in message


def test_names_that_cannot_be_written(tmp_path):
    one = np.ones((1, 1), dtype=np.uint8)
    tensor = PrunedTensor("\ud800", one, one.astype(np.bool_), WEIGHT_TYPES["int8"])
    with pytest.raises(InputError, match="is no text"):
        write_container(
            tmp_path / "a.f2f.safetensors", [store(tensor, weight_format("dense").encode(tensor))]
        )
    assert not list(tmp_path.iterdir())


def test_values_in_messages():
    assert in_a_line("abc") == "'abc'"
    long = in_a_line("x" * 100_000)
    assert len(long) < 100
    assert long.endswith("(100,002 characters)")


def test_matrices_that_cannot_be_drawn_are_refused_at_once():
    begin = time.process_time()
    with pytest.raises(ConfigError, match="no decoder matrix"):
        DecoderMatrix.random(16, 512, 31, 2, 3)
    assert time.process_time() - begin < 3.0
    begin = time.process_time()
    with pytest.raises(ConfigError, match="80 rows cannot all differ with 1 taps on 64"):
        DecoderMatrix.random(8, 80, 7, 1)
    assert time.process_time() - begin < 0.1


VALUES = [
    None, 0, 1, -1, 3, 17, 64, 255, 513, 65535, 65536, 1 << 24, 1 << 31, 1 << 47, 1 << 63, 1 << 64,
    1.5, 1e300, True, "", "x", "dense", "row", "counts", [], {}, [1], [3, 1], [1 << 12, 1 << 12],
    [1 << 24, 1], [1, 1 << 24], [0, 1 << 40], {"code": "raw", "params": {}},
    {"code": "zero_runs", "params": {"run_bits": 4}}, {"code": "rice", "params": {"low_bits": 24}},
    {"code": "block", "params": {"block": 8, "max_ones": 2, "inverted": 1, "escapes": 1}},
    {"code": [], "params": {}}, ["f" * 1000] * 30, "y" * 100_000, "csr", "bitmap", "rle", "f2f",
]  # fmt: skip
ADDED = ["params.kept_zeros", "matrix", "has_scale", "bits.mask", "params.rows"]


def encodings(path):
    """Yield the JSON, checksums and streams of a small tensor in every format and mask code."""
    rng = np.random.default_rng(0)
    for name, params, kind in [
        *((name, {}, "int8") for name in ("csr", "csc_relative", "dense", "nm", "rle", "bitmap")),
        *(("bitmap", {"mask": code}, "fp16") for code in ("zero_runs", "rice", "block")),
        ("f2f", {"n_out": 24, "n_s": 2}, "int8"),
        ("f2f", {"n_out": 24, "value_code": "classes", "mask_code": "rice"}, "bf16"),
        ("huffman", {"n_decoders": 3}, "int8"),
        ("f2f", {"n_out": 40, "taps": 5, "n_groups": 3, "shuffle_seed": 7}, "fp16"),
    ]:
        weight_type = WEIGHT_TYPES[kind]
        mask = np.tile(np.array([True, False, True, False]), (12, 5))
        patterns = rng.integers(0, 1 << weight_type.n_bits, mask.shape)
        patterns[~mask | (rng.random(mask.shape) < 0.2)] = 0
        patterns = patterns.astype(weight_type.pattern_dtype)
        tensor = PrunedTensor("t", patterns, mask, weight_type)
        scale = np.ones(12, np.float32) if kind == "int8" else None
        encoded = weight_format(name, params).encode(tensor)
        write_container(path, [store(tensor, encoded, (12, 5, 4), scale)])
        yield forged.take_apart(path)


def test_tables_with_wrong_values_never_fault(tmp_path):
    path, draw = tmp_path / "m.f2f.safetensors", random.Random(0)
    bases = list(encodings(path))
    messages, slowest = [], 0
    for text, checks, streams in itertools.islice(itertools.cycle(bases), 600):
        fields = dict(text["shared"])
        for _ in range(draw.choice([1, 1, 2, 3])):
            key = draw.choice([*fields, draw.choice(ADDED)])
            fields[key] = draw.choice(VALUES)
        if draw.random() < 0.3:
            streams = b""
            fields |= {key: 0 for key in fields if key.startswith("bits.")}
        forged.forge(path, {**text, "shared": fields}, checks, streams)
        begin = time.process_time()
        try:
            Container(path).read("t").decode()
        except DataError as error:
            messages.append(str(error))
        slowest = max(slowest, time.process_time() - begin)
    assert len(messages) > 400
    assert max(map(len, messages)) < 700
    assert slowest < 1.0
