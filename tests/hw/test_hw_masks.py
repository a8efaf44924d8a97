"""The mask unit: what the format codes is what the unit is built, timed and priced for."""

import numpy as np
import pytest

import f2fsim
from f2fsim.codec import WEIGHT_TYPES, PrunedTensor
from f2fsim.codec.block_code import UNIT_BLOCK, UNIT_ONES
from f2fsim.config.arch import load_arch
from f2fsim.cost import front_end_units
from f2fsim.hw.front_ends import layer_format


def tensor(density: float) -> PrunedTensor:
    rng = np.random.default_rng(7)
    mask = rng.random((64, 640)) < density
    patterns = np.where(mask, rng.integers(1, 256, mask.shape), 0).astype(np.uint8)
    return PrunedTensor("w", patterns, mask, WEIGHT_TYPES["int8"])


def test_words_of_the_format_are_those_of_the_priced_unit():
    assert (front_end_units.UNIT_BLOCK, front_end_units.UNIT_ONES) == (UNIT_BLOCK, UNIT_ONES)


@pytest.mark.parametrize("density", [0.05, 0.1, 0.3, 0.5])
@pytest.mark.parametrize("name", ["f2f_edge", "f2f_skip_edge", "bitmap_edge", "huffman_edge"])
def test_a_block_code_comes_in_words_of_the_unit(name: str, density: float):
    arch = load_arch(name).with_values({"front_end.mask_code": "block"})
    one = tensor(density)
    encoded = layer_format(arch, one, is_dense=False).encode(one)
    code = encoded.params["mask"]
    assert code["code"] == "block"
    assert code["params"]["block"] == UNIT_BLOCK
    assert code["params"]["max_ones"] <= UNIT_ONES


@pytest.mark.parametrize("code", ["block", "zero_runs"])
def test_a_coded_mask_of_a_layer_without_holes_has_no_bits(code: str):
    arch = load_arch("f2f_values_edge").with_values({"front_end.mask_code": code})
    one = tensor(2.0)
    assert one.n_kept == one.n_weights
    encoded = layer_format(arch, one, is_dense=False).encode(one)
    assert encoded.streams["mask"].n_bits == 0
    result = f2fsim.simulate(arch, "silero_vad", layers=["stft_conv"], sparsity=0, cache=None)
    assert result.layers[0].encoded_bits["mask"] == 0
