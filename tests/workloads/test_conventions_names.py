"""What names say: containers of training runs, copies, tokens, tables, kernels of other libraries."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from f2fsim.errors import DataError
from f2fsim.workloads import iterate_layers
from f2fsim.workloads.import_model import import_model

RNG = np.random.default_rng(22)


def layers_of(folder: Path, names: list[str], **options: object) -> set[str]:
    """Tensors of the layers of a file in which each name is a matrix of its own."""
    tensors = {n: RNG.standard_normal((4, 6)).astype(np.float32) for n in names}
    save_file(tensors, folder / "m.safetensors")
    workload = import_model(str(folder / "m.safetensors"), folder=folder, **options)  # type: ignore[arg-type]
    found = {str(layer.tensor) for layer in workload.layers}
    assert {entry.name for entry in workload.excluded} == set(names) - found
    return found


@pytest.mark.parametrize(
    "prefix",
    ["optimizer.state.0", "optimizer_states.0.state.1", "optimizer_G.state.0", "optim_d.state.3",
     "g_optimizer_state_dict.state.0", "opt_state.0.mu", "opt.state.0", "checkpoint.optimizer.x",
     "lr_schedulers.0", "scaler", "optimiser.state.2"],
)  # fmt: skip
def test_containers_of_training_runs(tmp_path: Path, prefix: str) -> None:
    assert layers_of(tmp_path, ["model.fc.weight", f"{prefix}.exp"]) == {"model.fc.weight"}


@pytest.mark.parametrize(
    ("original", "copy"),
    [("state_dict.fc.weight", "state_dict_ema.fc.weight"), ("model.fc.weight", "ema.fc.weight"),
     ("online_model.fc.weight", "ema_model.fc.weight"), ("student.fc.weight", "teacher.fc.weight"),
     ("model.diffusion_model.fc.weight", "model_ema.diffusion_modelfcweight"),
     ("module.encoder_q.fc.weight", "module.encoder_k.fc.weight"),
     ("online_network.fc.weight", "target_network.fc.weight"),
     ("fc.weight", "swa_model.module.fc.weight"), ("fc.weight", "shadow_params.0")],
)  # fmt: skip
def test_copies(tmp_path: Path, original: str, copy: str) -> None:
    assert layers_of(tmp_path, [original, copy]) == {original}


@pytest.mark.parametrize(
    "name",
    ["mixer.A_log", "vit.mask_token", "decoder.query_tokens", "prompt_learner.ctx", "vpt.prompts",
     "e_prompt.prompt_key", "quantize.embedding.weight", "quantizer.codevectors", "att.time_decay",
     "att.time_mix_k", "attn.relative_position_bias_table", "model.embed_tokens.weight",
     "pos_encoder.pe", "blk.attn_mask", "fc.input_scale", "resampler.latents", "h.0.ln_1.weight"],
)  # fmt: skip
def test_what_is_no_product(tmp_path: Path, name: str) -> None:
    assert layers_of(tmp_path, ["fc.weight", name]) == {"fc.weight"}


@pytest.mark.parametrize(
    "name",
    ["prompt_encoder.mask_downscaling.0.weight", "mask_decoder.mlp.weight", "b", "w2", "opt.fc.weight",
     "quantizer.project_q.weight", "att.time_maa_w1", "t_embedder.mlp.0.weight", "x_embedder.weight",
     "time_embed.0.weight", "shared_experts.gate_proj.weight", "lm_head.weight", "in_proj_weight",
     "base.lora_A.weight", "mlp.optimal.weight", "teacher.head.weight", "normalizer_fc.weight",
     "out.weight_v_proj"],
)  # fmt: skip
def test_what_is_a_product(tmp_path: Path, name: str) -> None:
    assert layers_of(tmp_path, ["fc.weight", name]) == {"fc.weight", name}


def test_kernels_of_flax_and_keras(tmp_path: Path) -> None:
    arrays = {
        "Dense_0/kernel": RNG.standard_normal((6, 4)).astype(np.float32),
        "Conv_0/kernel": RNG.standard_normal((3, 2, 5, 7)).astype(np.float32),
        "dw/depthwise_kernel": RNG.standard_normal((3, 3, 5, 2)).astype(np.float32),
        "own/kernel": RNG.standard_normal((4, 6)).astype(np.float32),
        "own/bias": np.zeros(4, np.float32),
    }
    np.savez(tmp_path / "f.npz", **arrays)
    workload = import_model(str(tmp_path / "f.npz"), folder=tmp_path, spatial=(8, 8))
    assert {la.name: la.shape for la in workload.layers} == {
        "Dense_0/kernel": (4, 6), "Conv_0/kernel": (7, 30), "dw/depthwise_kernel": (10, 9),
        "own/kernel": (4, 6),
    }  # fmt: skip
    exact = workload.with_overrides(weight_type="fp32")
    found = {d.layer.name: d.tensor.patterns.view(np.float32) for d in iterate_layers(exact)}
    np.testing.assert_array_equal(found["Dense_0/kernel"], arrays["Dense_0/kernel"].T)
    np.testing.assert_array_equal(found["own/kernel"], arrays["own/kernel"])
    conv = arrays["Conv_0/kernel"].transpose(3, 2, 0, 1).reshape(7, 30)
    np.testing.assert_array_equal(found["Conv_0/kernel"], conv)
    depthwise = arrays["dw/depthwise_kernel"].reshape(3, 3, 10).transpose(2, 0, 1).reshape(10, 9)
    np.testing.assert_array_equal(found["dw/depthwise_kernel"], depthwise)


def test_quanto_and_int8_of_another_type(tmp_path: Path) -> None:
    codes = RNG.integers(-127, 128, (4, 6), dtype=np.int8)
    scale = RNG.random((4, 1)).astype(np.float32)
    path = tmp_path / "q.safetensors"
    save_file({"fc.weight._data": codes, "fc.weight._scale": scale}, path)
    workload = import_model(str(path), folder=tmp_path)
    data = next(iterate_layers(workload))
    np.testing.assert_array_equal(data.tensor.patterns.view(np.int8), codes)
    np.testing.assert_array_equal(data.scale, scale[:, 0])
    save_file({"fc.weight": np.ones((4, 6), np.float32), "fc.SCB": np.ones(4, np.float32)}, path)
    with pytest.raises(DataError, match=r"int8: tensor 'fc.weight' holds F32"):
        import_model(str(path), folder=tmp_path)
