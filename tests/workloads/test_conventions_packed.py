"""Packed weights by writers made from each format's description: values, groups, bits."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from f2fsim.errors import DataError
from f2fsim.workloads.conventions.checkpoint import Checkpoint, open_checkpoint
from f2fsim.workloads.readers.stored import Stored

RNG = np.random.default_rng(21)
FP4 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float32)


def opened(
    folder: Path, tensors: dict[str, np.ndarray], config: dict[str, Any] | None = None
) -> Checkpoint:
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    save_file(arrays, folder / "model.safetensors")
    if config is not None:
        (folder / "config.json").write_text(json.dumps({"quantization_config": config}))
    found = open_checkpoint(folder / "model.safetensors")
    assert isinstance(found, Checkpoint)
    return found


def read(model: Checkpoint, name: str) -> Stored:
    """One weight, which no part of the file is left out of."""
    model.require_readable()
    assert set(model.entries) == {name}
    assert not model.left_out
    return model.read_stored(name)


def packed_along_rows(fields: np.ndarray, n_bits: int) -> np.ndarray:
    """Fields (rows, columns) as little-endian words along the first axis."""
    bits = (fields[..., None] >> np.arange(n_bits)) & 1
    stream = bits.transpose(1, 0, 2).reshape(fields.shape[1], -1).astype(np.uint8)
    raw = np.packbits(stream, axis=1, bitorder="little")
    return raw.view("<i4").T


@pytest.mark.parametrize("n_bits", [2, 3, 4, 8])
@pytest.mark.parametrize("act_order", [False, True])
@pytest.mark.parametrize("declared", [None, "gptq", "gptq_v2"])
def test_gptq(tmp_path: Path, n_bits: int, act_order: bool, declared: str | None) -> None:
    n_in, n_out, group = 96, 32, 32
    codes = RNG.integers(0, 2**n_bits, (n_in, n_out))
    zeros = RNG.integers(1, 2**n_bits, (n_in // group, n_out))
    scales = RNG.random((n_in // group, n_out)).astype(np.float16)
    group_of = np.arange(n_in) // group
    if act_order:
        group_of = RNG.permutation(group_of)
    stored_zeros = zeros if declared == "gptq_v2" else zeros - 1
    tensors = {
        "fc.qweight": packed_along_rows(codes, n_bits),
        "fc.qzeros": packed_along_rows(stored_zeros.T, n_bits).T,
        "fc.scales": scales,
        "fc.g_idx": group_of.astype(np.int32),
    }
    config = {"quant_method": "gptq", "bits": n_bits, "checkpoint_format": declared}
    stored = read(opened(tmp_path, tensors, config if declared else None), "fc.weight")
    exact = (codes - zeros[group_of]) * scales.astype(np.float32)[group_of]
    np.testing.assert_array_equal(stored.values, exact.T.astype(np.float32))
    if n_bits in (4, 8):
        assert stored.codes is not None
        np.testing.assert_array_equal(stored.codes.codes, codes.T)
        np.testing.assert_array_equal(stored.codes.group_of, group_of)
        beside = tensors["fc.qzeros"].nbytes + scales.nbytes + tensors["fc.g_idx"].nbytes
        assert stored.codes.side_bits == 8 * beside


def awq_words(fields: np.ndarray) -> np.ndarray:
    """Nibble i of a word holds output order[i] of its eight."""
    order = [0, 2, 4, 6, 1, 3, 5, 7]
    eight = fields.reshape(fields.shape[0], -1, 8)[:, :, order].astype(np.uint32)
    words = (eight << (4 * np.arange(8, dtype=np.uint32))).sum(axis=2, dtype=np.uint32)
    return words.view(np.int32)


@pytest.mark.parametrize("config", [None, {"quant_method": "awq", "bits": 4, "version": "gemm"}])
def test_awq(tmp_path: Path, config: dict[str, Any] | None) -> None:
    codes, zeros = RNG.integers(0, 16, (64, 24)), RNG.integers(0, 16, (2, 24))
    scales = RNG.random((2, 24)).astype(np.float16)
    tensors = {"fc.qweight": awq_words(codes), "fc.qzeros": awq_words(zeros), "fc.scales": scales}
    stored = read(opened(tmp_path, tensors, config), "fc.weight")
    exact = (codes - zeros.repeat(32, axis=0)) * scales.astype(np.float32).repeat(32, axis=0)
    np.testing.assert_array_equal(stored.values, exact.T.astype(np.float32))


def fp4_bytes(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    fields = RNG.integers(0, 16, shape, dtype=np.uint8)
    values = np.where(fields & 8, -FP4[fields & 7], FP4[fields & 7])
    return fields[..., ::2] | (fields[..., 1::2] << 4), values


def test_mxfp4_blocks_of_experts(tmp_path: Path) -> None:
    packed, values = fp4_bytes((3, 8, 64))
    exponents = RNG.integers(120, 132, (3, 8, 2), dtype=np.uint8)
    tensors = {"mlp.experts.up_blocks": packed.reshape(3, 8, 2, 16),
               "mlp.experts.up_scales": exponents}  # fmt: skip
    stored = read(opened(tmp_path, tensors), "mlp.experts.up")
    exact = values * 2.0 ** (exponents.astype(int) - 127).repeat(32, axis=2)
    np.testing.assert_array_equal(stored.values, exact.astype(np.float32))


def test_nvfp4_of_modelopt(tmp_path: Path) -> None:
    import ml_dtypes

    packed, values = fp4_bytes((8, 64))
    scales = RNG.random((8, 4)).astype(ml_dtypes.float8_e4m3fn)
    tensors = {"fc.weight": packed, "fc.weight_scale": scales,
               "fc.weight_scale_2": np.array(0.25, np.float32)}  # fmt: skip
    stored = read(opened(tmp_path, tensors), "fc.weight")
    exact = values * (scales.astype(np.float32) * 0.25).repeat(16, axis=1)
    np.testing.assert_array_equal(stored.values, exact)


@pytest.mark.parametrize("config", [None, {"quant_method": "fp8", "weight_block_size": [128, 128]}])
def test_fp8_with_block_scales(tmp_path: Path, config: dict[str, Any] | None) -> None:
    import ml_dtypes

    weights = RNG.standard_normal((200, 300)).astype(ml_dtypes.float8_e4m3fn)
    scales = RNG.random((2, 3)).astype(np.float32)
    tensors = {"fc.weight": weights, "fc.weight_scale_inv": scales}
    stored = read(opened(tmp_path, tensors, config), "fc.weight")
    spread = scales.repeat(128, axis=0)[:200].repeat(128, axis=1)[:, :300]
    np.testing.assert_array_equal(stored.values, weights.astype(np.float32) * spread)
    assert stored.codes is not None
    assert stored.codes.weight_type == "fp8_e4m3"
    assert stored.codes.rows_per_scale == 128


@pytest.mark.parametrize("shape", [(), (1,), (6,), (6, 1), (1, 8), (6, 2), (3, 4)])
def test_scales_of_every_grid(tmp_path: Path, shape: tuple[int, ...]) -> None:
    codes = RNG.integers(-127, 128, (6, 8), dtype=np.int8)
    scales = RNG.random(shape).astype(np.float32)
    stored = read(opened(tmp_path, {"fc.weight": codes, "fc.weight_scale": scales}), "fc.weight")
    whole = scales.reshape(6, 1) if shape == (6,) else np.atleast_2d(scales)
    spread = whole.repeat(6 // whole.shape[0], axis=0).repeat(8 // whole.shape[1], axis=1)
    np.testing.assert_array_equal(stored.values, codes.astype(np.float32) * spread)


@pytest.mark.parametrize(
    ("tensors", "config", "rule"),
    [
        ({"fc.W_q": (4, 8), "fc.scale": (4, 1), "fc.zero": (4, 1)}, None, "'fc.W_q': packed by HQQ"),
        ({"fc.weight": (4, 8), "fc.weight_scale": (1,)}, None, "'fc.weight': packed by BitNet"),
        ({"fc.weight": (4, 8)}, {"quant_method": "bitnet"}, "'fc.weight': packed by bitnet"),
        ({"fc.q_weight": (4, 8), "fc.q_scale": (4, 1)}, None, "packed by EXL2"),
        ({"fc.codes": (4, 8), "fc.codebooks": (1, 256)}, None, "packed by AQLM"),
        ({"fc.Qidxs": (4, 8), "fc.SU": (8,), "fc.SV": (4,)}, None, "packed by QuIP#"),
        ({"fc.weight": (32, 1), "fc.weight.absmax": (1,)}, None, "quant_state is missing"),
        ({"fc.weight": (4, 8), "fc.lut": (16,)}, None, "8-bit codes beside 'fc.lut'"),
        ({"fc.weight": (4, 8), "fc.mask_scores": (4, 8)}, None, "movement pruning"),
    ],
)  # fmt: skip
def test_what_is_not_read_is_refused_by_name(
    tmp_path: Path, tensors: dict[str, tuple[int, ...]], config: Any, rule: str
) -> None:
    floats = ("scale", "zero", "absmax", "q_scale", "codebooks", "SU", "SV", "lut", "mask_scores")
    arrays: dict[str, np.ndarray] = {}
    for name, shape in tensors.items():
        words = name.endswith(("q_weight", "Qidxs"))
        kind = np.float32 if name.endswith(floats) else np.int32 if words else np.uint8
        arrays[name] = np.ones(shape, kind)
    model = opened(tmp_path, arrays | {"other.weight": np.ones((4, 4), np.float32)}, config)
    with pytest.raises(DataError) as caught:
        model.require_readable()
    assert rule in str(caught.value)
    assert "\n" not in str(caught.value)


def test_shards_of_pytorch_files(tmp_path: Path) -> None:
    from torch_writer import Strided, torch_file

    weights = {f"fc{i}.weight": RNG.standard_normal((4, 6)).astype(np.float32) for i in range(3)}
    table = {}
    for i, (name, array) in enumerate(weights.items()):
        torch_file(tmp_path / f"pytorch_model-{i}.bin", {name: Strided(array)})
        table[name] = f"pytorch_model-{i}.bin"
    index = tmp_path / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": table}))
    model = open_checkpoint(index)
    for name, array in weights.items():
        np.testing.assert_array_equal(model.read(name), array)
    assert isinstance(model, Checkpoint)
    assert model.account(set(weights)).layer_bytes == 3 * 4 * 6 * 4
    del table["fc1.weight"]
    index.write_text(json.dumps({"weight_map": table}))
    left = open_checkpoint(index)
    assert isinstance(left, Checkpoint)
    table["fc2.weight"] = "pytorch_model-0.bin"
    index.write_text(json.dumps({"weight_map": table}))
    with pytest.raises(DataError, match=r"has no tensor 'fc2.weight'"):
        open_checkpoint(index)


def test_metadata_beside_a_file_are_part_of_its_digest(tmp_path: Path) -> None:
    from f2fsim.explore.points import weights_digest
    from f2fsim.workloads.import_model import import_model

    codes = RNG.integers(0, 16, (64, 16))
    tensors = {
        "fc.qweight": packed_along_rows(codes, 4),
        "fc.qzeros": packed_along_rows(np.full((16, 2), 7), 4).T,
        "fc.scales": RNG.random((2, 16)).astype(np.float16),
    }
    opened(tmp_path, tensors, {"quant_method": "gptq", "bits": 4})
    workload = import_model(str(tmp_path / "model.safetensors"), folder=tmp_path)
    first = weights_digest(workload)
    # The second form of the format stores zeros as they are: other weights from the same file.
    (tmp_path / "config.json").write_text(
        json.dumps(
            {"quantization_config": {"quant_method": "gptq", "checkpoint_format": "gptq_v2"}}
        )
    )
    assert weights_digest(workload) != first


def test_elements_of_less_than_a_byte_are_refused(tmp_path: Path) -> None:
    header = json.dumps({"fc.weight": {"dtype": "F4", "shape": [4, 8], "data_offsets": [0, 16]}})
    raw = header.encode()
    path = tmp_path / "m.safetensors"
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + bytes(16))
    model = open_checkpoint(path)
    assert isinstance(model, Checkpoint)
    with pytest.raises(DataError, match=r"'fc.weight': packed as F4, which is not read"):
        model.require_readable()
