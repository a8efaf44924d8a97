"""docs/format.md is complete: a decoder written from it alone reads every format."""

import sys
from pathlib import Path

import numpy as np
import pytest

from f2fsim.codec import FORMATS, WEIGHT_TYPES, PrunedTensor, weight_format
from f2fsim.codec.container import store, write_container

sys.path.insert(0, str(Path(__file__).parent))
import stranger_decoder

CASES = [
    *((name, {}) for name in sorted(FORMATS)),
    ("bitmap", {"mask": "zero_runs"}),
    ("bitmap", {"mask": "rice"}),
    ("bitmap", {"mask": "block"}),
    ("csr", {"interleave": 3}),
    ("csr", {"pointers": "counts", "pointer_bits": "auto"}),
    ("cpsr", {"n_clusters": 2, "pack": 2, "part_columns": 9, "value_bits": 32}),
    ("csc_relative", {"n_pes": 3, "run_bits": 1}),
    ("csc_relative", {"n_pes": 2, "pointers": "counts", "run_bits": 2}),
    ("huffman", {"mask": "zero_runs", "n_decoders": 3, "word_bytes": 1}),
    ("huffman", {"max_length": 8, "n_decoders": 40}),
    ("rle", {"run_bits": 1}),
    ("nm", {"n": 2, "m": 4}),
    ("f2f", {"n_out": 24, "n_s": 2, "encoder": "viterbi", "order": "row", "mask_code": "auto"}),
    ("f2f", {"n_out": 40, "n_s": 15, "taps": 5, "n_groups": 3, "shuffle_seed": 7}),
    ("f2f", {"n_out": 40, "n_s": 7, "taps": 4}),
    ("f2f", {"n_in": 4, "n_out": 9, "n_s": 0, "order": "column", "mask_code": "block"}),
    ("f2f", {"n_out": 30, "value_code": "classes", "mask_code": "rice"}),
    ("f2f", {"n_in": 16, "n_out": 70, "n_s": 15, "value_code": "classes", "n_groups": 3}),
    ("f2f", {"n_in": 8, "n_out": 30, "n_s": 1, "value_code": "classes", "encoder": "viterbi"}),
    ("bitmap", {"mask": "classes"}),
    ("huffman", {"mask": "classes"}),
    ("f2f", {"n_out": 40, "order": "row", "mask_code": "classes"}),
    ("f2f", {"n_out": 40, "order": "column", "mask_code": "classes"}),
    ("f2f", {"n_out": 40, "order": "diagonal", "shuffle_seed": 3, "mask_code": "classes"}),
]


def make_tensor(name, kind, seed):
    """About a fifth kept, two of four at most, kept zeros and real-looking floats among them."""
    rng = np.random.default_rng(seed)
    weight_type = WEIGHT_TYPES[kind]
    mask = rng.random((13, 40)) < 0.25
    groups = mask.reshape(13, 10, 4)
    groups &= np.cumsum(groups, axis=2) <= 2
    if weight_type.is_float:
        values = rng.standard_normal(mask.shape).astype(np.float32)
        patterns = values.view(np.uint32) >> (32 - weight_type.n_bits)
    else:
        patterns = rng.integers(0, 1 << weight_type.n_bits, mask.shape)
    patterns = patterns.astype(weight_type.pattern_dtype)
    patterns[rng.random(mask.shape) < 0.2] = 0
    patterns[~mask] = 0
    return PrunedTensor(name, patterns, mask, weight_type)


def make_narrow(name, seed, varying, ones):
    """Kept floats that share all bits but some; where none of those is set, all stored ones are 0."""
    tensor = make_tensor(name, "bf16", seed)
    shared = (tensor.patterns & np.uint16(varying)) | np.uint16(ones)
    patterns = np.where(tensor.mask, shared, 0).astype(np.uint16)
    return PrunedTensor(name, patterns, tensor.mask, tensor.weight_type)


@pytest.mark.parametrize(("name", "params"), CASES)
def test_a_stranger_decodes(tmp_path, name, params):
    kinds = ["int8", "int4", "fp16"]
    if "value_code" in params:
        kinds += ["uint8", "uint4", "fp8_e4m3", "fp8_e5m2", "bf16", "fp32"]
    tensors = [make_tensor(f"layer.{kind}", kind, i) for i, kind in enumerate(kinds)]
    if "codebook_bits" not in params:
        tensors.append(make_narrow("narrow", 5, 0b1000_0011_0110_0000, 0b0011_1000_0000_0001))
        tensors.append(make_narrow("constant", 6, 0, 0b0011_1111_1000_0000))
    path = tmp_path / "m.f2f.safetensors"
    write_container(path, [store(t, weight_format(name, params).encode(t)) for t in tensors])
    found = stranger_decoder.read_file(path)
    assert sorted(found) == sorted(t.name for t in tensors)
    for tensor in tensors:
        patterns, kept = stranger_decoder.decode(*found[tensor.name])
        assert patterns == tensor.patterns.ravel().tolist()
        assert kept == tensor.mask.ravel().astype(int).tolist()
