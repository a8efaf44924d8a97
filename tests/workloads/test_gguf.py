"""GGUF files written by the library ``gguf``: values, codes and names, and damage."""

from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFWriter, quants

from f2fsim.config import load_workload
from f2fsim.errors import DataError
from f2fsim.workloads import iterate_layers, open_model
from f2fsim.workloads.conventions.checkpoint import Checkpoint, open_checkpoint
from f2fsim.workloads.import_model import import_model

RNG = np.random.default_rng(35)
#: Where the float16 scales of a block lie, so that random blocks hold finite numbers.
HALVES = {"Q4_0": (0,), "Q4_1": (0, 2), "Q5_0": (0,), "Q5_1": (0, 2), "Q8_0": (0,), "Q4_K": (0, 2),
          "Q5_K": (0, 2), "Q6_K": (208,), "MXFP4": ()}  # fmt: skip
CODES = {"Q4_0": "int4", "Q4_1": "uint4", "Q8_0": "int8", "Q4_K": "uint4"}


def random_blocks(kind: str, rows: int, columns: int) -> np.ndarray:
    n_weights, n_bytes = quants.GGML_QUANT_SIZES[GGMLQuantizationType[kind]]
    blocks = RNG.integers(0, 256, (rows * columns // n_weights, n_bytes), dtype=np.uint8)
    for at in HALVES[kind]:
        scales = RNG.standard_normal(len(blocks)).astype(np.float16)
        blocks[:, at : at + 2] = scales.view(np.uint8).reshape(-1, 2)
    if kind == "MXFP4":
        blocks[:, 0] = RNG.integers(100, 140, len(blocks))
    return blocks.reshape(rows, -1)


def written(path: Path, tensors: dict[str, tuple[np.ndarray, str]], arch: str = "llama") -> Path:
    writer = GGUFWriter(path, arch)
    writer.add_array("tokenizer.ggml.tokens", ["a", "bc", "d\u00e9"])
    writer.add_array("some.numbers", [1, 2, 3])
    for name, (array, kind) in tensors.items():
        writer.add_tensor(name, array, raw_dtype=GGMLQuantizationType[kind] if kind else None)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("kind", HALVES)
def test_block_types_as_the_library_reads_them(tmp_path: Path, kind: str) -> None:
    raw = random_blocks(kind, 6, 512)
    exact = quants.dequantize(raw, GGMLQuantizationType[kind])
    path = written(tmp_path / "m.gguf", {"blk.0.ffn_up.weight": (raw, kind)})
    model = open_model(path)
    stored = model.read_stored("blk.0.ffn_up.weight")
    np.testing.assert_array_equal(stored.values, exact)
    assert model.shape("blk.0.ffn_up.weight") == (6, 512)
    assert model.infos["blk.0.ffn_up.weight"].n_bytes == raw.nbytes
    assert (stored.codes is not None) == (kind in CODES)
    if stored.codes is not None:
        n_bits = 4 if "4" in CODES[kind] else 8
        assert stored.codes.weight_type == CODES[kind]
        assert stored.codes.side_bits + n_bits * 6 * 512 == 8 * raw.nbytes
        np.testing.assert_array_equal(stored.codes.values(), exact)


@pytest.mark.parametrize("kind", ["Q4_0", "Q4_1", "Q8_0", "BF16"])
def test_weights_quantised_by_the_library(tmp_path: Path, kind: str) -> None:
    weights = RNG.standard_normal((4, 96)).astype(np.float32)
    raw = quants.quantize(weights, GGMLQuantizationType[kind])
    path = written(tmp_path / "m.gguf", {"output.weight": (raw, kind)})
    exact = quants.dequantize(raw, GGMLQuantizationType[kind])
    np.testing.assert_array_equal(open_model(path).read("output.weight"), exact)


def test_floats_stacks_and_names(tmp_path: Path) -> None:
    arrays = {
        "token_embd.weight": RNG.standard_normal((20, 8)).astype(np.float32),
        "blk.0.attn_norm.weight": np.ones(8, np.float32),
        "blk.0.attn_q.weight": RNG.standard_normal((8, 8)).astype(np.float16),
        "blk.0.ffn_up_exps.weight": RNG.standard_normal((3, 4, 8)).astype(np.float32),
    }
    path = written(tmp_path / "m.gguf", {name: (a, "") for name, a in arrays.items()})
    model = open_model(path)
    for name, array in arrays.items():
        np.testing.assert_array_equal(model.read(name), array)
    workload = import_model(str(path), folder=tmp_path)
    shapes = {layer.name: layer.shape for layer in workload.layers}
    experts = {f"blk.0.ffn_up_exps.{i}": (4, 8) for i in range(3)}
    # The table is the output projection too: the file has no output.weight.
    assert shapes == {"blk.0.attn_q": (8, 8), **experts, "output": (20, 8)}
    assert "tied" in workload.description
    encoder = written(tmp_path / "b.gguf", {n: (a, "") for n, a in arrays.items()}, arch="bert")
    assert "token_embd.weight" in {
        entry.name for entry in import_model(str(encoder), folder=tmp_path).excluded
    }


def test_bytes_of_a_file_are_accounted_for(tmp_path: Path) -> None:
    tensors = {f"blk.{i}.ffn_up.weight": (random_blocks("Q4_1", 3, 32), "Q4_1") for i in range(3)}
    checkpoint = open_checkpoint(written(tmp_path / "m.gguf", tensors))
    assert isinstance(checkpoint, Checkpoint)
    account = checkpoint.account(set(tensors))
    assert account.layer_bytes == 3 * 60
    assert account.data_bytes == account.layer_bytes + account.listed_bytes
    assert [item.name for item in checkpoint.left_out] == ["padding"]


def test_types_without_a_reader_are_refused_by_name(tmp_path: Path) -> None:
    raw = RNG.integers(0, 256, (4, 66), dtype=np.uint8)
    path = written(tmp_path / "m.gguf", {"blk.0.ffn_up.weight": (raw, "IQ2_XXS")})
    with pytest.raises(DataError, match=r"'blk.0.ffn_up.weight': packed as GGML IQ2_XXS"):
        import_model(str(path), folder=tmp_path)


def test_damage_is_one_line(tmp_path: Path) -> None:
    tensors = {"a.weight": (random_blocks("Q4_0", 4, 64), "Q4_0"),
               "b.weight": (RNG.standard_normal((4, 8)).astype(np.float32), "")}  # fmt: skip
    data = written(tmp_path / "m.gguf", tensors).read_bytes()
    broken = tmp_path / "x.gguf"
    copies = [data[:n] for n in range(0, len(data), 13)]
    for _ in range(200):
        copy = bytearray(data)
        for place in RNG.integers(0, min(len(data), 400), 2):
            copy[place] = RNG.integers(0, 256)
        copies.append(bytes(copy))
    said: list[str] = []
    for copy in copies:
        broken.write_bytes(copy)
        try:
            model = open_model(broken)
            for name in model.names():
                model.read(name)
        except DataError as error:
            said.append(str(error))
    assert all("\n" not in text and str(broken) in text for text in said)
    assert len(said) > len(data) // 13


@pytest.mark.weights
def test_smollm2_is_a_workload() -> None:
    workload = load_workload("smollm2")
    # 30 layers of (2·576² + 2·576·192 + 3·576·1536) and the tied output of 49 152 rows: 134.5 M of
    # the model's 134 515 008 parameters, the rest in norms.
    assert workload.n_weights == 134_515_008 - 61 * 576
    data = next(iterate_layers(workload))
    assert (data.layer.name, data.tensor.shape) == ("blk.0.attn_q", (576, 576))


def test_mixed_codes_are_all_kept(tmp_path: Path) -> None:
    """Q4_1 blocks with a Q8_0 output, as quantisers of language models leave them."""
    raw = {"blk.0.ffn_up.weight": (random_blocks("Q4_1", 32, 64), "Q4_1"),
           "blk.0.ffn_down.weight": (random_blocks("Q4_1", 64, 32), "Q4_1"),
           "output.weight": (random_blocks("Q8_0", 16, 64), "Q8_0")}  # fmt: skip
    path = written(tmp_path / "m.gguf", raw)
    workload = import_model(str(path), folder=tmp_path)
    assert workload.weight_type == "uint4"
    assert workload.widest_weight_type == "int8"
    assert workload.layer("output").weight_type == "int8"
    assert "codes of 3 of 3 tensors are kept (uint4, int8)" in workload.description
    checkpoint = open_checkpoint(path)
    for data in iterate_layers(workload):
        stored = checkpoint.read_stored(str(data.layer.tensor))
        assert stored.codes is not None
        assert data.scales is not None
        codes = stored.codes.codes.astype(np.int16) & (2**data.tensor.weight_type.n_bits - 1)
        kept = np.where(data.tensor.mask, codes, 0)
        np.testing.assert_array_equal(data.tensor.patterns, kept)
        n_bits = data.tensor.weight_type.n_bits * data.tensor.n_weights + data.tensor.scale_bits
        assert n_bits == 8 * checkpoint.infos[str(data.layer.tensor)].n_bytes
    again = workload.with_overrides(weight_type="int8")
    assert {again.weight_type_of(layer) for layer in again.layers} == {"int8"}
    from f2fsim import simulate

    result = simulate("dense_edge", workload, cache=None)
    assert [layer.weight_type for layer in result.layers] == ["uint4", "uint4", "int8"]
    fetched = sum(
        layer.encoded_bits[name] for layer in result.layers for name in layer.encoded_bits
    )
    assert fetched == 8 * sum(checkpoint.infos[name].n_bytes for name in raw)


def test_floats_beside_codes_are_quantised_to_int8(tmp_path: Path) -> None:
    raw = {"blk.0.ffn_up.weight": (random_blocks("Q4_0", 32, 64), "Q4_0"),
           "output.weight": (RNG.standard_normal((16, 64)).astype(np.float16), "")}  # fmt: skip
    workload = import_model(str(written(tmp_path / "m.gguf", raw)), folder=tmp_path)
    types = {layer.name: workload.weight_type_of(layer) for layer in workload.layers}
    assert types == {"blk.0.ffn_up": "int4", "output": "int8"}
    assert (
        "codes of 1 of 2 tensors are kept (int4), 1 quantised anew (int8)" in workload.description
    )
    errors = {d.layer.name: d.quantisation_error for d in iterate_layers(workload)}
    assert errors["blk.0.ffn_up"] == 0.0
    assert 0.0 < errors["output"] < 0.01
