"""Names of all conventions thrown together: a workload, or one line of what is wrong."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from f2fsim.errors import InputError
from f2fsim.pipeline.encode_file import encode
from f2fsim.workloads import iterate_layers
from f2fsim.workloads.import_model import import_model

SUFFIXES = [
    ".weight",
    ".weight_orig",
    ".weight_mask",
    ".mask",
    ".weight_g",
    ".weight_v",
    ".weight_u",
    ".qweight",
    ".qzeros",
    ".scales",
    ".g_idx",
    ".weight_packed",
    ".weight_scale",
    ".weight_shape",
    ".weight_zero_point",
    ".weight_global_scale",
    ".weight.compressed",
    ".weight.bitmask",
    ".weight.shape",
    ".weight.row_offsets",
    ".weight.absmax",
    ".weight.quant_map",
    ".weight.nested_absmax",
    ".weight.nested_quant_map",
    ".weight.quant_state.bitsandbytes__nf4",
    ".SCB",
    ".weight_scale_inv",
    ".weight_scale_2",
    "_blocks",
    "_scales",
    ".weight_ih_l0",
    ".weight_hh_l0",
    ".weight_hr_l0",
    ".weight_hh_l0_raw",
    ".parametrizations.weight.original",
    ".parametrizations.weight.original0",
    ".parametrizations.weight.original1",
    ".parametrizations.weight.0._u",
    ".parametrizations.weight.0._v",
    ".parametrizations.weight.0.mask",
    ".W_q",
    ".scale",
    ".zero",
    ".weight._data",
    ".weight._scale",
    ".kernel",
    ".depthwise_kernel",
    ".bias",
    ".A_log",
    ".codes",
    ".codebooks",
    ".scale_weight",
]
DTYPES = ["f4", "f2", "i1", "u1", "i4", "i8", "f8", "?"]
CONFIGS: list[Any] = [
    None, {}, [], {"quant_method": 3}, {"quant_method": "gptq", "bits": -4}, {"bits": True},
    {"quant_method": "compressed-tensors", "config_groups": {"g": {"weights": {"num_bits": 0}}}},
    {"config_groups": []}, {"weight_block_size": [0, 8]}, {"weight_block_size": "128"},
    {"quant_method": "awq", "version": "gemv"}, {"quant_method": "unheard_of"}, {"version": 7},
]  # fmt: skip


def array(rng: np.random.Generator, name: str) -> np.ndarray:
    if "quant_state" in name and rng.random() < 0.8:
        sizes = [int(n) for n in rng.choice([1, 4, 8, -1, 2**40], 2)]
        state = {"quant_type": "nf4", "blocksize": int(rng.choice([0, 1, 64, -3])),
                 "dtype": "float16", "shape": sizes, "nested_blocksize": 256}  # fmt: skip
        return np.frombuffer(json.dumps(state).encode(), np.uint8).copy()
    shape = tuple(int(n) for n in rng.choice([1, 2, 4, 8, 16, 32, 0], rng.integers(0, 5)))
    dtype = np.dtype(str(rng.choice(DTYPES)))
    if dtype.kind == "f":
        return np.asarray(rng.standard_normal(shape)).astype(dtype)
    return np.asarray(rng.integers(0, 2 if dtype.kind == "b" else 100, shape)).astype(dtype)


@pytest.mark.parametrize("seed", range(150))
def test_any_names_together(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    bases = ["fc", "fc", "mlp.experts.up_proj"]
    names = {str(rng.choice(bases)) + str(rng.choice(SUFFIXES)) for _ in range(rng.integers(1, 8))}
    path = tmp_path / "m.safetensors"
    save_file({name: np.ascontiguousarray(array(rng, name)) for name in sorted(names)}, path)
    config = CONFIGS[seed % len(CONFIGS)]
    if config is not None:
        (tmp_path / "config.json").write_text(json.dumps({"quantization_config": config}))
    said: list[str] = []
    found: list[set[str]] = []
    for use in (_of_workload, _of_encode):
        try:
            found.append(use(path))
        except InputError as error:
            said.append(str(error))
    assert all("\n" not in text and str(path.parent) in text for text in said)
    assert len(found) < 2 or found[0] == found[1]


def _of_workload(path: Path) -> set[str]:
    workload = import_model(str(path), folder=path.parent, spatial=(4,))
    list(iterate_layers(workload))
    cells = {getattr(layer, "recurrent_tensor", None) for layer in workload.layers} - {None}
    return {str(name) for name in cells} | {str(layer.tensor) for layer in workload.layers}


def _of_encode(path: Path) -> set[str]:
    return {row.tensor for row in encode(path, format="dense").rows}
