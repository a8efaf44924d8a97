"""Huffman decoders: pairs of weights, floats, the table of a code, sizes that are refused."""

import numpy as np
import pytest

from f2fsim.codec.huffman_code import optimal_code
from f2fsim.codec.tensor import PrunedTensor, weight_type
from f2fsim.config.arch import load_arch
from f2fsim.errors import InputError
from f2fsim.rtl.cosim import cosimulate
from f2fsim.rtl.cycles import random_gaps
from f2fsim.rtl.front_ends import device_for_layer
from f2fsim.rtl.huffman import HuffmanDevice, code_table
from f2fsim.rtl.mask_path import RawMaskPath


def patterns(kind, shape, rng):
    """Values of few symbols: pairs of them have shorter codewords than each by itself."""
    drawn = rng.choice([1.0, -1.0, 2.0, 8.0], shape, p=[0.8, 0.1, 0.06, 0.04])
    if kind == "int4":
        return np.where(drawn == 1.0, 1, 2)
    if kind == "fp16":
        return (drawn * (1 + rng.random(shape) / 2)).astype(np.float16).view(np.uint16)
    wide = (drawn * (1 + rng.random(shape) / 2)).astype(np.float32).view(np.uint32)
    return wide if kind == "fp32" else wide >> np.uint32(16)


def job_of(kind, max_steps=0, **changes):
    rng, arch = np.random.default_rng(3), load_arch("huffman_edge")
    sizes = {"block": 48, "n_decoders": 4, **changes}
    mask = rng.random((80, 160)) < 0.3
    bits = np.where(mask, patterns(kind, mask.shape, rng), 0)
    kind = weight_type(kind)
    tensor = PrunedTensor("layer", bits.astype(kind.pattern_dtype), mask, kind)
    lanes = arch.pe_array.model_copy(update={"weights_per_cycle": sizes["n_decoders"]})
    front_end = arch.front_end.model_copy(update=sizes)
    arch = arch.model_copy(update={"front_end": front_end, "pe_array": lanes})
    return device_for_layer(arch, tensor, max_steps=max_steps)


@pytest.mark.needs("iverilog")
@pytest.mark.parametrize(
    ("kind", "n_each", "max_steps", "changes"),
    [
        ("bf16", 2, 45, {}),
        ("int4", 2, 37, {"pipeline_cycles": 4, "fifo_units": 1, "n_decoders": 2}),
        ("fp32", 1, 50, {"max_length": 9, "mask_code": "zero_runs"}),
        pytest.param("fp16", 2, 60, {"n_decoders": 8}, marks=pytest.mark.slow),
    ],
)
def test_pairs_and_floats(kind, n_each, max_steps, changes):
    job = job_of(kind, max_steps, **changes)
    assert job.vectors.n_each == n_each
    outcome = cosimulate(job.bench(random_gaps(2, 4)))
    assert outcome.message.startswith("PASS")
    assert outcome.n_items > 60


@pytest.mark.parametrize("seed", range(4))
def test_limits_and_offsets_find_every_codeword(seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 1 << rng.integers(1, 16), 256) * (rng.random(256) < 0.4)
    code = optimal_code(counts, 12)
    limits, offsets = code_table(code, 12)
    used = np.flatnonzero(code.lengths)
    by_length = used[np.argsort(code.lengths[used], kind="stable")]
    for place, symbol in enumerate(by_length.tolist()):
        length = int(code.lengths[symbol])
        # The first bit is the highest one of the number.
        number = int(f"{int(code.codewords[symbol]):0{length}b}"[::-1], 2)
        reached = [number >> (length - n) < limits[n - 1] for n in range(1, length + 1)]
        assert reached == [False] * (length - 1) + [True]
        assert number + offsets[length - 1] == place


def test_sizes_that_cannot_work_are_refused():
    path = RawMaskPath(64, 4)
    with pytest.raises(InputError, match="lanes must be a power of two"):
        HuffmanDevice(path, 12)
    with pytest.raises(InputError, match="pipeline_cycles must be at least 2"):
        HuffmanDevice(path, 8, pipeline_cycles=1)
    with pytest.raises(InputError, match="decoded_fifo must be at least 2"):
        HuffmanDevice(path, 8, 4, decoded_fifo=1)
