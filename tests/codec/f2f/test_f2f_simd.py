"""Sets of instructions: the same bytes from all that this processor has, switched by a variable."""

import os
import subprocess
import sys

import pytest

from f2fsim.codec.f2f import simd
from f2fsim.errors import InputError

PROGRAM = """
import hashlib
import numpy as np
from f2fsim.codec import WEIGHT_TYPES, PrunedTensor
from f2fsim.codec.f2f import F2FFormat, simd

digest = hashlib.sha256()
rng = np.random.default_rng(0)
for kind, params in [
    ("int8", {"n_s": 2, "n_out": 26, "encoder": "viterbi"}),
    ("int8", {"n_s": 1, "n_out": 48, "encoder": "viterbi"}),  # 4 to 20 care bits a block
    ("int4", {"n_in": 3, "n_s": 2, "n_out": 30, "encoder": "viterbi"}),
    ("int8", {"n_s": 7}),
    ("bf16", {"n_in": 16, "n_s": 15, "n_out": 160, "n_groups": 3}),
    ("fp32", {"n_in": 5, "n_s": 31, "n_out": 300, "search": 0}),
    ("int8", {"n_in": 16, "n_s": 15, "n_out": 16, "value_code": "classes"}),  # blocks share vectors
    ("int8", {"n_in": 16, "n_s": 7, "n_out": 27, "n_groups": 2, "value_code": "classes"}),
]:
    weight_type = WEIGHT_TYPES[kind]
    mask = rng.random((40, 97)) < 0.25
    patterns = rng.integers(0, 1 << weight_type.n_bits, mask.shape) * mask
    tensor = PrunedTensor("t", patterns.astype(weight_type.pattern_dtype), mask, weight_type)
    codec = F2FFormat(**params)
    encoded = codec.encode(tensor)
    for name in sorted(encoded.streams):
        digest.update(encoded.streams[name].data.tobytes())
    assert np.array_equal(codec.decode(encoded).patterns, tensor.patterns)
print(simd.SETS[simd.instruction_set()], digest.hexdigest())
"""


def run(name):
    environment = {key: value for key, value in os.environ.items() if key != simd.VARIABLE}
    if name is not None:
        environment[simd.VARIABLE] = name
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_every_set_makes_the_same_bytes():
    used, expected = run(None)
    assert used == simd.available()[-1]
    for name in simd.available():
        assert run(name) == [name, expected]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("avx", "unknown instructions 'avx' .did you mean 'avx.'"),
        ("", "unknown instructions ''"),
        ("x" * 1000, "unknown instructions 'xxx"),
        ("gfni", "this processor has no gfni; it has avx2, portable"),
    ],
)
def test_other_words_are_refused(monkeypatch, asked, message):
    monkeypatch.setattr(simd._decode, "has_set", lambda number: number < 2)
    monkeypatch.setenv(simd.VARIABLE, asked)
    with pytest.raises(InputError, match=message):
        simd.instruction_set()
