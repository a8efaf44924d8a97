"""Row bands of F2F: each uses the outputs that its own density lets be matched."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from f2fsim.codec import WEIGHT_TYPES, PrunedTensor
from f2fsim.config import ConvLayer
from f2fsim.config.arch import load_arch
from f2fsim.hw.front_ends import FRONT_ENDS, band_formats, layer_format
from f2fsim.hw.front_ends.f2f import used_outputs
from f2fsim.mapping.totals import layer_totals


def tensor(densities: list[float], n_columns: int, weight_type: str, seed: int) -> PrunedTensor:
    """A row of each density."""
    rng = np.random.default_rng(seed)
    kind = WEIGHT_TYPES[weight_type]
    dtype = np.uint8 if kind.n_bits <= 8 else np.uint16
    mask = rng.random((len(densities), n_columns)) < np.array(densities)[:, None]
    patterns = rng.integers(1, 1 << kind.n_bits, mask.shape).astype(dtype)
    return PrunedTensor("w", np.where(mask, patterns, 0).astype(dtype), mask, kind)


def cut(whole: PrunedTensor, rows: int) -> list[PrunedTensor]:
    parts = slice(0, rows), slice(rows, None)
    return [
        PrunedTensor("w", whole.patterns[part], whole.mask[part], whole.weight_type)
        for part in parts
    ]


def test_a_dense_and_a_sparse_band_take_their_own_outputs():
    arch = load_arch("f2f_edge")
    whole = tensor([0.8] * 16 + [0.1] * 48, 240, "int8", 5)
    bands = cut(whole, 16)
    formats = band_formats(arch, whole, bands, is_dense=False)
    assert [f.n_out for f in formats] == [
        used_outputs(arch.front_end, band.n_weights, band.n_kept) for band in bands
    ]
    assert formats[0].n_out < 12 < 70 < formats[1].n_out
    own = sum(f.encode(band).n_bits for f, band in zip(formats, bands, strict=True))
    # One number of outputs for both is either too many for the one or too few for the other.
    for n_out in (formats[0].n_out, 29, formats[1].n_out):
        same = load_arch("f2f_edge").with_values(
            {"front_end.n_out": n_out, "front_end.outputs": "all"}
        )
        assert own < 0.97 * sum(layer_format(same, band).encode(band).n_bits for band in bands)


def test_all_outputs_and_other_kinds_have_one_format():
    whole = tensor([0.8] * 4 + [0.1] * 4, 64, "int8", 1)
    everything = load_arch("f2f_edge").with_values({"front_end.outputs": "all"})
    for arch in (everything, load_arch("csr_edge"), load_arch("nm_edge")):
        formats = band_formats(arch, whole, cut(whole, 4), is_dense=False)
        assert formats == [layer_format(arch, whole)] * 2


@pytest.mark.parametrize("outputs", ["all", "matched"])
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_no_cut_into_bands_is_below_the_least(outputs: str, data: st.DataObject):
    levels = st.sampled_from([0.0, 0.05, 0.2, 0.5, 0.9, 1.0])
    densities = data.draw(st.lists(levels, min_size=2, max_size=12))
    name = data.draw(st.sampled_from(["int8", "int4", "bf16"]))
    whole = tensor(densities, data.draw(st.integers(1, 90)), name, data.draw(st.integers(0, 99)))
    arch = load_arch("f2f_skip_edge").with_values(
        {"front_end.outputs": outputs, "front_end.mask_code": "raw"}
    )
    bands = cut(whole, data.draw(st.integers(1, len(densities) - 1)))
    layer = ConvLayer.model_validate(
        {"name": "w", "in_channels": whole.shape[1], "out_channels": whole.shape[0],
         "kernel": [1], "input_size": [1]}
    )  # fmt: skip
    least = FRONT_ENDS["f2f"].least(arch.front_end, arch, layer_totals([(layer, whole)])[0])
    formats = band_formats(arch, whole, bands, is_dense=False)
    encoded = [f.encode(band) for f, band in zip(formats, bands, strict=True)]
    assert int(least.bits[0]) <= sum(one.n_bits for one in encoded)
    steps = [
        -(-band.n_weights // (f.n_out * arch.front_end.groups))
        for f, band in zip(formats, bands, strict=True)
    ]
    assert int(least.steps[0]) <= sum(steps)
