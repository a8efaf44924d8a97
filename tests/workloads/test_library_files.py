"""Files written by the libraries themselves (``tests/data/checkpoints/make.py``), bit for bit."""

import math
from pathlib import Path

import numpy as np
import pytest

from f2fsim.errors import DataError
from f2fsim.pipeline.encode_file import encode
from f2fsim.workloads import iterate_layers
from f2fsim.workloads.conventions.checkpoint import Checkpoint, open_checkpoint
from f2fsim.workloads.import_model import import_model

FOLDER = Path(__file__).parents[1] / "data" / "checkpoints"
FILES = sorted(
    p
    for p in FOLDER.iterdir()
    if p.suffix in (".safetensors", ".pth") and p.stem != "torch_sparsifier"
)
#: Norms are summed, and three numbers multiplied, in another order than the library does.
ROUNDED = ("weight_norm", "spectral_norm", "bnb_int8")
#: Pruned by a sparsifier that keeps the masks out of the model's state.
WITHOUT_MASK = FOLDER / "torch_sparsifier.safetensors"
EXPECTED = {
    key: array
    for name in ("expected.npz", "expected_sparse.npz")
    for key, array in np.load(FOLDER / name).items()
}


def of(path: Path) -> dict[str, np.ndarray]:
    """What the library reads of a file: tensors and masks."""
    start = path.stem + "/"
    return {k.removeprefix(start): v for k, v in EXPECTED.items() if k.startswith(start)}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_values_and_masks_are_those_of_the_library(path: Path) -> None:
    expected = of(path)
    assert expected
    checkpoint = open_checkpoint(path)
    for key, array in expected.items():
        name, _, mask = key.partition("/")
        stored = checkpoint.read_stored(name)
        if mask:
            np.testing.assert_array_equal(stored.mask, array)
        elif any(word in path.stem for word in ROUNDED):
            np.testing.assert_allclose(stored.values, array, rtol=2e-6)
        else:
            np.testing.assert_array_equal(stored.values.astype(np.float32), array)
            if stored.codes is not None:
                same = stored.codes.values().reshape(array.shape)
                np.testing.assert_array_equal(same, array)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_commands_agree_and_bytes_are_accounted_for(path: Path) -> None:
    workload = import_model(str(path), folder=FOLDER, spatial=(8,))
    tensors = {layer.tensor for layer in workload.layers}
    tensors |= {getattr(layer, "recurrent_tensor", None) for layer in workload.layers} - {None}
    assert {row.tensor for row in encode(path, format="dense").rows} == tensors
    assert {key.partition("/")[0] for key in of(path)} <= tensors
    checkpoint = open_checkpoint(path)
    assert isinstance(checkpoint, Checkpoint)
    account = checkpoint.account({str(name) for name in tensors})
    assert account.layer_bytes + account.listed_bytes == account.data_bytes
    assert len(list(iterate_layers(workload))) == len(workload.layers)


def test_codes_and_scales_are_kept_as_stored() -> None:
    for file, weight_type in (("ct_int8_channel", "int8"), ("ct_fp8_channel", "fp8_e4m3")):
        workload = import_model(str(FOLDER / f"{file}.safetensors"), folder=FOLDER)
        data = next(iterate_layers(workload.with_overrides(weight_type=weight_type)))
        assert data.quantisation_error == 0.0
        model = open_checkpoint(FOLDER / f"{file}.safetensors")
        assert isinstance(model, Checkpoint)
        raw = model.model.read("fc.weight_scale").ravel().astype(np.float32)
        np.testing.assert_array_equal(data.scale, raw)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_bits_of_codes_and_scales_are_those_in_the_file(path: Path) -> None:
    checkpoint = open_checkpoint(path)
    assert isinstance(checkpoint, Checkpoint)
    widths = {"int4": 4, "uint4": 4, "int8": 8, "uint8": 8, "fp8_e4m3": 8, "fp8_e5m2": 8}
    for name, entry in checkpoint.entries.items():
        codes = checkpoint.read_stored(name).codes
        if codes is None:
            continue
        # Besides codes and scales an entry holds its shape or form: small integers.
        small = [p for p in entry.parts if p.endswith(("_shape", "_format"))]
        n_small = sum(checkpoint.model.infos[p].n_bytes for p in small)
        n_bits = math.prod(entry.shape) * widths[codes.weight_type] + codes.side_bits
        assert n_bits == 8 * (checkpoint.infos[name].n_bytes - n_small)


def test_parametrised_weights_without_their_mask_are_refused() -> None:
    with pytest.raises(DataError, match=r"'0.parametrizations.weight.original'.*not known how"):
        import_model(str(WITHOUT_MASK), folder=FOLDER)


@pytest.mark.parametrize(
    ("file", "weight_type", "section"),
    [
        ("ct_int4_group", "int4", {"granularity": "group", "group": 16}),
        ("ct_int4_asym", "int4", {"granularity": "group", "group": 16, "symmetric": False}),
        ("ct_int8_channel", "int8", {}),
        ("ct_fp8_block", "fp8_e4m3", {"granularity": "group", "group": 16}),
        ("bnb_int8", "int8", {}),
    ],
)
def test_a_workload_keeps_the_codes_of_its_file(
    file: str, weight_type: str, section: dict[str, object]
) -> None:
    workload = import_model(str(FOLDER / f"{file}.safetensors"), folder=FOLDER)
    assert workload.weight_type == weight_type
    given = workload.quantisation.model_dump(exclude_defaults=True)
    assert given.items() >= section.items()
    assert "codes of 1 of 1 tensors are kept (" in workload.description
    data = next(iterate_layers(workload))
    stored = open_checkpoint(FOLDER / f"{file}.safetensors").read_stored("fc.weight")
    assert stored.codes is not None
    assert data.quantisation_error == 0.0
    assert data.tensor.scale_bits == stored.codes.side_bits
    n_bits = data.tensor.weight_type.n_bits
    if "int" in weight_type:
        codes = np.where(data.tensor.mask, stored.codes.codes, 0).astype(np.int16)
        np.testing.assert_array_equal(data.tensor.patterns, codes & (2**n_bits - 1))
    # Pruned by what the codes mean, the survivors keep theirs.
    pruned = next(iterate_layers(workload.with_overrides(sparsity=0.5)))
    same = pruned.tensor.mask & data.tensor.mask
    np.testing.assert_array_equal(
        np.where(same, pruned.tensor.patterns, 0), np.where(same, data.tensor.patterns, 0)
    )
    magnitude = np.abs(stored.values)
    assert magnitude[pruned.tensor.mask].min() >= magnitude[~pruned.tensor.mask].max()


def test_encode_says_whose_codes_it_cannot_keep() -> None:
    path = FOLDER / "ct_int8_channel.safetensors"
    kept = encode(path, format="dense")
    assert kept.quantised_anew == {}
    assert encode(path, format="dense", weight_type="fp16").quantised_anew == {"fc.weight": "int8"}
    groups = encode(FOLDER / "ct_int4_group.safetensors", format="dense", weight_type="int4")
    assert groups.quantised_anew == {"fc.weight": "int4"}
