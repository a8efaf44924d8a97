"""Small checkpoints as tools write them: what each tensor means, and where its bytes are.

The inputs are made here; each stands for the whole kind.
"""

import collections
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from torch_writer import Strided, torch_file

from f2fsim.config.workload import Workload
from f2fsim.errors import DataError
from f2fsim.pipeline.encode_file import encode
from f2fsim.workloads import iterate_layers
from f2fsim.workloads.conventions.checkpoint import Checkpoint, open_checkpoint
from f2fsim.workloads.import_model import import_model
from f2fsim.workloads.statistics import mask_statistics

RNG = np.random.default_rng(20)


def floats(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def made(path: Path, tensors: dict[str, np.ndarray], **options: Any) -> Workload:
    """Write a file and make its workload; both commands must agree on what its layers are."""
    save_file(tensors, path)
    return workload_of(path, **options)


def workload_of(path: Path, **options: Any) -> Workload:
    workload = import_model(str(path), folder=path.parent, **options)
    named = {layer.tensor for layer in workload.layers}
    named |= {getattr(layer, "recurrent_tensor", None) for layer in workload.layers} - {None}
    assert {row.tensor for row in encode(path, format="dense").rows} == named
    checkpoint = open_checkpoint(path)
    assert isinstance(checkpoint, Checkpoint)
    account = checkpoint.account({str(name) for name in named})
    assert account.data_bytes == account.layer_bytes + account.listed_bytes
    stored = sum(int(np.prod(checkpoint.model.shape(n))) for n in checkpoint.model.names())
    n_listed = sum(entry.n_weights for entry in workload.excluded)
    if not checkpoint.conventions():
        assert workload.n_weights + n_listed == stored
    return workload


def matrices(workload: Workload) -> dict[str, np.ndarray]:
    """The exact float32 weights of each layer."""
    exact = workload.with_overrides(weight_type="fp32")
    return {d.layer.name: d.tensor.patterns.view(np.float32) for d in iterate_layers(exact)}


def masks(workload: Workload) -> dict[str, np.ndarray]:
    return {d.layer.name: d.tensor.mask for d in iterate_layers(workload)}


def test_pruning_buffers_are_one_layer(tmp_path: Path) -> None:
    weight, mask = floats(64, 128), (RNG.random((64, 128)) < 0.25).astype(np.float32)
    # A weight that training left at zero is kept: the mask says what is pruned.
    weight[mask == 1] *= RNG.random(int(mask.sum())) < 0.9
    tensors = {"fc.bias": floats(64), "fc.weight_mask": mask, "fc.weight_orig": weight}
    workload = made(tmp_path / "p.safetensors", tensors)
    assert [(la.name, la.shape) for la in workload.layers] == [("fc", (64, 128))]
    np.testing.assert_array_equal(matrices(workload)["fc"], weight * mask)
    np.testing.assert_array_equal(masks(workload)["fc"], mask == 1)


def test_masks_of_recurrent_cells(tmp_path: Path) -> None:
    hidden, mask = floats(64, 16), RNG.random((64, 16)) < 0.5
    tensors = {
        "rnn.weight_ih_l0": floats(64, 8),
        "rnn.weight_hh_l0_orig": hidden,
        "rnn.weight_hh_l0_mask": mask.astype(np.float32),
    }
    workload = made(tmp_path / "r.safetensors", tensors)
    assert [(la.name, la.kind, la.shape) for la in workload.layers] == [
        ("rnn_l0", "lstm", (64, 24))
    ]
    np.testing.assert_array_equal(masks(workload)["rnn_l0"][:, 8:], mask)


@pytest.mark.parametrize("name", ["fc.mask", "fc.weight_mask", "fc.weight.mask", "mask.fc.weight"])
def test_masks_beside_weights(tmp_path: Path, name: str) -> None:
    weight, mask = floats(8, 16), RNG.random((8, 16)) < 0.5
    workload = made(tmp_path / "m.safetensors", {"fc.weight": weight, name: mask})
    assert [la.name for la in workload.layers] == ["fc"]
    np.testing.assert_array_equal(masks(workload)["fc"], mask)


def test_masks_that_fit_nothing_are_refused(tmp_path: Path) -> None:
    weight = floats(8, 16)
    for tensors, rule in (
        ({"fc.weight_orig": weight}, "pruning buffers: tensor 'fc.weight_orig' has no mask"),
        ({"fc.weight_orig": weight, "fc.weight_mask": weight[:4]}, "has shape (4, 16), the weig"),
        ({"fc.weight": weight, "fc.mask": weight}, "'fc.mask' holds other numbers than 0 and 1"),
    ):
        path = tmp_path / "x.safetensors"
        save_file(tensors, path)
        with pytest.raises(DataError) as caught:
            list(iterate_layers(import_model(str(path), folder=tmp_path)))
        assert rule in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_file_of_masks(tmp_path: Path) -> None:
    tensors = {"a.weight": floats(8, 16), "b.weight": floats(4, 8)}
    kept = {name: RNG.random(array.shape) < 0.5 for name, array in tensors.items()}
    save_file(tensors, tmp_path / "w.safetensors")
    np.savez(tmp_path / "masks.npz", a=kept["a.weight"], **{"b.weight_mask": kept["b.weight"]})
    path = tmp_path / "w.safetensors"
    workload = import_model(str(path), folder=tmp_path, mask=tmp_path / "masks.npz")
    found = masks(workload)
    np.testing.assert_array_equal(found["a"], kept["a.weight"])
    np.testing.assert_array_equal(found["b"], kept["b.weight"])
    rows = encode(path, format="dense", mask=tmp_path / "masks.npz").rows
    assert [row.n_kept for row in rows] == [kept[row.tensor].sum() for row in rows]
    np.savez(tmp_path / "odd.npz", c=kept["a.weight"])
    with pytest.raises(DataError, match="mask 'c' belongs to no tensor"):
        import_model(str(path), folder=tmp_path, mask=tmp_path / "odd.npz")


def test_sparse_coo_weights_keep_their_mask(tmp_path: Path) -> None:
    dense = floats(64, 128) * (RNG.random((64, 128)) < 0.2)
    content = {"fc1.bias": Strided(floats(64)), "fc1.weight": ("coo", dense),
               "fc2.weight": Strided(floats(10, 64))}  # fmt: skip
    workload = workload_of(torch_file(tmp_path / "s.pth", content))
    assert [la.name for la in workload.layers] == ["fc1", "fc2"]
    np.testing.assert_array_equal(matrices(workload)["fc1"], dense)
    assert masks(workload)["fc1"].sum() == np.count_nonzero(dense)


def test_optimiser_state_is_no_layer(tmp_path: Path) -> None:
    model = {"fc1.weight": (64, 128), "fc1.bias": (64,), "fc2.weight": (10, 64), "fc2.bias": (10,)}
    state = {
        i: {"step": Strided(floats(1)), "exp_avg": Strided(floats(*s)),
            "exp_avg_sq": Strided(floats(*s))}
        for i, s in enumerate(model.values())
    }  # fmt: skip
    content = {
        "epoch": 3,
        "model_state_dict": collections.OrderedDict(
            (name, Strided(floats(*shape))) for name, shape in model.items()
        ),
        "optimizer_state_dict": {"state": state, "param_groups": [{"lr": 0.1}]},
    }
    workload = workload_of(torch_file(tmp_path / "c.pth", content))
    assert len(workload.layers) == 2
    assert workload.n_weights == 8832
    reasons = {e.reason for e in workload.excluded if e.name.startswith("optimizer")}
    assert reasons == {"optimiser state: no part of the network"}


def test_averaged_copies_are_no_layers(tmp_path: Path) -> None:
    weight = floats(8, 16)
    names = ["model.fc.weight", "ema.fc.weight", "model_ema.fcweight"]
    workload = made(tmp_path / "e.safetensors", dict.fromkeys(names, weight))
    assert [la.name for la in workload.layers] == ["model.fc"]
    assert {e.reason for e in workload.excluded} == {"averaged copy of model.fc.weight"}
    alone = made(tmp_path / "a.safetensors", {"ema.fc.weight": weight})
    assert [la.name for la in alone.layers] == ["ema.fc"]


def test_scales_of_channels_take_part_in_pruning(tmp_path: Path) -> None:
    codes = RNG.integers(-127, 128, (64, 128), dtype=np.int8)
    scales = np.where(np.arange(64) < 40, 1e-4, 1.0).astype(np.float32)[:, None]
    tensors = {"fc.weight": codes, "fc.weight_scale": scales}
    workload = made(tmp_path / "w.safetensors", tensors)
    data = next(iterate_layers(workload.with_overrides(sparsity=0.9)))
    statistics = mask_statistics(data)
    assert statistics.empty_rows == 40
    exact = np.abs(codes * scales)
    assert exact[data.tensor.mask].min() >= exact[~data.tensor.mask].max()
    # Codes and scales stay as they are stored.
    assert data.quantisation_error == 0.0
    np.testing.assert_array_equal(data.scale, scales[:, 0])
    kept = np.where(data.tensor.mask, codes, 0)
    np.testing.assert_array_equal(data.tensor.patterns.view(np.int8), kept)


def test_weight_norm_is_folded(tmp_path: Path) -> None:
    g, v = floats(16, 1, 1), floats(16, 8, 3)
    exact = g * v / np.linalg.norm(v.reshape(16, -1), axis=1)[:, None, None]
    old = {"conv.weight_g": g, "conv.weight_v": v}
    new = {"conv.parametrizations.weight.original0": g,
           "conv.parametrizations.weight.original1": v}  # fmt: skip
    for tensors in (old, new):
        workload = made(tmp_path / "n.safetensors", tensors, spatial=(8,))
        assert [(la.name, la.kind) for la in workload.layers] == [("conv", "conv1d")]
        np.testing.assert_allclose(matrices(workload)["conv"], exact.reshape(16, 24), rtol=1e-6)


def test_lstm_with_projection_and_the_sum_of_its_weights(tmp_path: Path) -> None:
    tensors = {"rnn.weight_ih_l0": floats(256, 48), "rnn.weight_hh_l0": floats(256, 32),
               "rnn.weight_hr_l0": floats(32, 64), "rnn.bias_ih_l0": floats(256)}  # fmt: skip
    workload = made(tmp_path / "l.safetensors", tensors, tokens=5)
    assert workload.n_weights == 22_528
    assert {la.repeat for la in workload.layers} == {5}
    cell = workload.layer("rnn_l0")
    assert (cell.shape, cell.n_columns) == ((256, 80), 1)
    both = np.concatenate([tensors["rnn.weight_ih_l0"], tensors["rnn.weight_hh_l0"]], axis=1)
    np.testing.assert_array_equal(matrices(workload)["rnn_l0"], both)


def test_recurrent_weights_alone_do_not_vanish(tmp_path: Path) -> None:
    workload = made(tmp_path / "h.safetensors", {"rnn.weight_hh_l0": floats(64, 24)})
    assert workload.n_weights == 64 * 24


def test_awd_lstm_names(tmp_path: Path) -> None:
    ih, hh = floats(64, 8), floats(64, 16)
    tensors = {
        "0.rnns.0.weight_hh_l0_raw": hh,
        "0.rnns.0.module.weight_ih_l0": ih,
        "0.rnns.0.module.weight_hh_l0": hh * 2,
    }
    workload = made(tmp_path / "a.safetensors", tensors)
    assert [la.shape for la in workload.layers] == [(64, 24)]
    both = np.concatenate([ih, hh], axis=1)
    np.testing.assert_array_equal(next(iter(matrices(workload).values())), both)
    assert "dropped-out copy" in workload.excluded[0].reason


def test_parameters_that_are_no_products(tmp_path: Path) -> None:
    names = ["mixer.A_log", "mask_token", "cls_token", "prompt_embeddings", "attn.bias",
             "experts.gate_up_proj_bias", "pos_embed", "blocks.0.attn_mask"]  # fmt: skip
    tensors = {name: floats(4, 16) for name in names} | {"fc.weight": floats(4, 16)}
    workload = made(tmp_path / "x.safetensors", tensors)
    assert [la.name for la in workload.layers] == ["fc"]
    assert {e.name for e in workload.excluded} == set(names)
    assert all(e.reason for e in workload.excluded)


def test_one_complex_tensor_does_not_make_a_file_damaged(tmp_path: Path) -> None:
    complex_values = (floats(3, 4) + 1j * floats(3, 4)).astype(np.complex64)
    content = {"fc.weight": Strided(floats(8, 4)), "fft.weight": Strided(complex_values)}
    workload = workload_of(torch_file(tmp_path / "c.pth", content))
    assert [la.name for la in workload.layers] == ["fc"]
    assert [(e.name, e.reason) for e in workload.excluded] == [
        ("fft.weight", "C64 elements are no weights")
    ]


def test_metadata_beside_the_file_must_be_json(tmp_path: Path) -> None:
    save_file({"fc.weight": floats(4, 4)}, tmp_path / "w.safetensors")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(DataError, match=r"config.json: is no JSON"):
        import_model(str(tmp_path / "w.safetensors"), folder=tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"quantization_config": None}))
    assert workload_of(tmp_path / "w.safetensors").n_weights == 16
