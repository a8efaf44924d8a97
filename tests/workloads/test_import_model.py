"""Models never seen before become workloads: ONNX graphs and files of tensors."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

from f2fsim.config import load_workload
from f2fsim.config.workload_yaml import workload_text
from f2fsim.errors import DataError, InputError
from f2fsim.workloads import iterate_layers, open_model
from f2fsim.workloads.import_model import import_model

RNG = np.random.default_rng(11)


def weights(**shapes: tuple[int, ...]) -> list[onnx.TensorProto]:
    return [
        numpy_helper.from_array(RNG.standard_normal(s).astype(np.float32), n)
        for n, s in shapes.items()
    ]


def save(path: Path, nodes: list[Any], inputs: dict[str, Any], init: list[Any], out: str) -> Path:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [helper.make_tensor_value_info(out, TensorProto.FLOAT, None)],
        init,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def classifier(path: Path) -> Path:
    """A small network with most kinds of nodes; free batch and free image height."""
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "w1"], ["a"], name="stem", auto_pad="SAME_UPPER", strides=[2, 2]),
        node("Relu", ["a"], ["b"]),
        node(
            "Conv", ["b", "w2"], ["c"], name="dw", group=8, pads=[0, 1, 2, 1], kernel_shape=[3, 3]
        ),
        node("ConvTranspose", ["c", "w3"], ["d"], name="up", strides=[2, 2]),
        node("GlobalAveragePool", ["d"], ["e"]),
        node("Flatten", ["e"], ["f"]),
        node("Gemm", ["f", "w4", "b4"], ["g"], name="fc", transB=1),
        node("Transpose", ["w5"], ["w5t"], perm=[1, 0]),
        node("MatMul", ["g", "w5t"], ["h"], name="out"),
        node("MatMul", ["g", "w6"], ["i"], name="out"),
        node("Add", ["h", "i"], ["y"]),
    ]
    init = weights(
        w1=(8, 3, 3, 3), w2=(8, 1, 3, 3), w3=(8, 4, 2, 2), w4=(16, 4), b4=(16,), w5=(10, 16),
        w6=(16, 10),
    )  # fmt: skip
    return save(path, nodes, {"x": ["n", 3, "h", 17]}, init, "y")


def test_onnx_classifier_becomes_a_workload_and_runs(tmp_path: Path) -> None:
    classifier(tmp_path / "net.onnx")
    workload = import_model(str(tmp_path / "net.onnx"), folder=tmp_path, sizes={"h": 20})
    (tmp_path / "net.yaml").write_text(workload_text(workload))
    loaded = load_workload(tmp_path / "net.yaml")
    assert loaded == workload
    got = {la.name: (la.kind, *la.shape, la.n_columns) for la in loaded.layers}
    assert got == {
        "stem": ("conv2d", 8, 27, 10 * 9),
        "dw": ("conv2d", 8, 9, 10 * 9),
        "up": ("conv_transpose", 16, 8, 10 * 9),
        "fc": ("linear", 16, 4, 1),
        "out": ("linear", 10, 16, 1),
        "out#2": ("linear", 10, 16, 1),
    }
    data = {d.layer.name: d.tensor for d in iterate_layers(loaded.with_overrides(sparsity=0.5))}
    assert data["stem"].n_kept == 108
    tensors = open_model(tmp_path / "net.onnx")
    whole = {d.layer.name: d for d in iterate_layers(loaded.with_overrides(weight_type="fp32"))}
    for name, tensor in (("out", tensors.read("w5")), ("out#2", tensors.read("w6").T)):
        np.testing.assert_array_equal(whole[name].tensor.patterns.view(np.float32), tensor)


def test_free_sizes_are_asked_for_by_name(tmp_path: Path) -> None:
    path = str(classifier(tmp_path / "net.onnx"))
    with pytest.raises(InputError, match=r"'stem' .* dimension 2 \(h\) of input 'x'"):
        import_model(path)
    with pytest.raises(InputError, match=r"no input or free dimension 'hh' \(did you mean 'h'"):
        import_model(path, sizes={"hh": 3})
    with pytest.raises(InputError, match="has 4 dimensions"):
        import_model(path, sizes={"x": (1, 3)})
    by_shape = import_model(path, sizes={"x": (4, 3, 20, 17)})
    assert by_shape.batch == 4
    assert by_shape.layer("stem").n_columns == 4 * 90


def encoder(path: Path) -> Path:
    """One attention head, an embedding, an LSTM in two directions: shapes by running only."""
    node = helper.make_node
    nodes = [
        node("Gather", ["table", "ids"], ["e"], name="embed"),
        node("Shape", ["e"], ["s"]),
        node("ConstantOfShape", ["s"], ["zero"]),
        node("Add", ["e", "zero"], ["x"]),
        node("MatMul", ["x", "wq"], ["q"], name="query"),
        node("MatMul", ["x", "wk"], ["k"], name="key"),
        node("Transpose", ["k"], ["kt"], perm=[0, 2, 1]),
        node("MatMul", ["q", "kt"], ["p"], name="scores"),
        node("MatMul", ["p", "x"], ["o"]),
        node("Transpose", ["o"], ["t"], perm=[1, 0, 2]),
        node("LSTM", ["t", "w", "r"], ["y"], name="rnn", hidden_size=5, direction="bidirectional"),
    ]
    init = weights(table=(300, 12), wq=(12, 12), wk=(12, 12), w=(2, 20, 12), r=(2, 20, 5))
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "time"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], init,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def test_onnx_encoder_and_what_it_leaves_out(tmp_path: Path) -> None:
    workload = import_model(str(encoder(tmp_path / "e.onnx")), folder=tmp_path, sizes={"time": 7})
    got = {la.name: (*la.shape, la.n_columns, la.repeat) for la in workload.layers}
    assert got == {
        "query": (12, 12, 7, 1), "key": (12, 12, 7, 1),
        "rnn.0": (20, 17, 1, 7), "rnn.1": (20, 17, 1, 7),
    }  # fmt: skip
    left = {e.name: (e.reason, e.n_weights, e.macs) for e in workload.excluded}
    assert left["embed"] == ("table look-up, no product", 3600, 0)
    assert left["scores"] == ("product of two activations", 0, 7 * 7 * 12)
    assert len(list(iterate_layers(workload))) == 4


def test_branches_and_empty_models(tmp_path: Path) -> None:
    node = helper.make_node
    branch = helper.make_graph(
        [node("MatMul", ["x", "w"], ["z"], name="inner")], "then", [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)], weights(w=(40, 50)),
    )  # fmt: skip
    other = helper.make_graph(
        [node("MatMul", ["x", "v"], ["u"])], "else", [],
        [helper.make_tensor_value_info("u", TensorProto.FLOAT, None)], weights(v=(40, 50)),
    )  # fmt: skip
    flag = numpy_helper.from_array(np.array(True), "flag")
    choose = node("If", ["flag"], ["y"], name="choose", then_branch=branch, else_branch=other)
    path = save(tmp_path / "if.onnx", [choose], {"x": [3, 40]}, [flag], "y")
    workload = import_model(str(path))
    assert [la.name for la in workload.layers] == ["inner"]
    assert workload.batch == 3
    assert [(e.name, e.n_weights) for e in workload.excluded] == [("choose.else_branch", 2000)]
    path = save(tmp_path / "r.onnx", [node("Relu", ["x"], ["y"])], {"x": [1, 4]}, [], "y")
    with pytest.raises(DataError, match="no convolution, matrix product or LSTM"):
        import_model(str(path))


def test_local_functions_are_inlined(tmp_path: Path) -> None:
    node = helper.make_node
    body = helper.make_function(
        "own", "Layer", ["a", "b"], ["c"], [node("MatMul", ["a", "b"], ["c"], name="inside")],
        [helper.make_opsetid("", 17)],
    )  # fmt: skip
    graph = helper.make_graph(
        [node("Layer", ["x", "w"], ["y"], domain="own")], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], weights(w=(1, 6, 5)),
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    onnx.save(
        helper.make_model(graph, functions=[body], opset_imports=opsets, ir_version=8),
        tmp_path / "f.onnx",
    )
    workload = import_model(str(tmp_path / "f.onnx"), folder=tmp_path)
    assert [la.shape for la in workload.layers] == [(5, 6)]
    assert next(iterate_layers(workload)).tensor.n_kept == 30


def test_damaged_graphs_are_one_line(tmp_path: Path) -> None:
    data = bytearray(classifier(tmp_path / "net.onnx").read_bytes())
    rng = np.random.default_rng(0)
    broken = tmp_path / "broken.onnx"
    refused = 0
    for _ in range(60):
        copy = data.copy()
        # The graph's nodes come first in the file, the weights behind them.
        for place in rng.integers(0, min(len(data), 900), 3):
            copy[place] = rng.integers(0, 256)
        broken.write_bytes(bytes(copy))
        try:
            workload = import_model(str(broken), folder=tmp_path, sizes={"h": 20})
            list(iterate_layers(workload))
        except InputError as error:
            refused += 1
            text = str(error)
            assert_one_line(text)
    assert refused > 20


def assert_one_line(text: str) -> None:
    assert "\n" not in text
    assert len(text) < 1000


TENSORS = {
    "embed.weight": (50, 8), "conv0.weight": (6, 1, 3), "conv1.weight": (6, 1, 5),
    "fc.weight": (4, 8), "fc.bias": (4,), "c_fc.weight": (8, 4), "rnn.weight_ih_l0": (15, 7),
    "rnn.weight_hh_l0": (15, 5),
}  # fmt: skip


def test_file_of_tensors_by_stated_assumptions(tmp_path: Path) -> None:
    arrays = {n: RNG.standard_normal(s).astype(np.float32) for n, s in TENSORS.items()}
    arrays["ids"] = np.zeros((3, 3), dtype=np.int64)  # type: ignore[assignment]
    save_file(arrays, tmp_path / "m.safetensors")
    workload = import_model(
        str(tmp_path / "m.safetensors"), folder=tmp_path, tokens=9, spatial=(20,),
        transposed=["c_*"],
    )  # fmt: skip
    got = {la.name: (*la.shape, la.n_columns, la.repeat) for la in workload.layers}
    assert got == {
        "conv0": (6, 3, 20, 1), "conv1": (6, 5, 20, 1), "fc": (4, 8, 9, 1), "c_fc": (4, 8, 9, 1),
        "rnn_l0": (15, 12, 1, 9),
    }  # fmt: skip
    assert workload.layer("conv0").n_groups == 1
    assert workload.layer("conv1").n_groups == 6
    assert {e.name for e in workload.excluded} == {"embed.weight", "ids", "vectors"}
    assert len(list(iterate_layers(workload))) == 5
    with pytest.raises(InputError, match="its input size is needed"):
        import_model(str(tmp_path / "m.safetensors"))


def test_names_of_vision_and_language_models(tmp_path: Path) -> None:
    shapes = {
        "vit.pos_embed": (1, 17, 8), "vit.cls_token": (1, 1, 8),
        "vit.patch_embed.proj.weight": (8, 3, 4, 4), "model.embed_tokens.weight": (40, 8),
        "transformer.wte.weight": (40, 8), "albert.embedding_hidden_mapping_in.weight": (8, 4),
        "layers.0.relative_position_bias_table": (25, 2), "lm_head.weight": (40, 8),
        "h.0.attn.bias": (1, 1, 16, 16), "layers.0.mlp.fc1.weight": (16, 8),
    }  # fmt: skip
    arrays = {n: RNG.standard_normal(s).astype(np.float32) for n, s in shapes.items()}
    save_file(arrays, tmp_path / "m.safetensors")
    workload = import_model(str(tmp_path / "m.safetensors"), spatial=(16,))
    assert {la.name for la in workload.layers} == {
        "vit.patch_embed.proj", "albert.embedding_hidden_mapping_in", "lm_head", "layers.0.mlp.fc1",
    }  # fmt: skip
    assert len(workload.excluded) == 6


def test_matrices_stored_in_out_are_seen_by_their_biases(tmp_path: Path) -> None:
    """GPT-2 stores (in, out); a file that stores (out, in) has square matrices too."""
    wide, square = RNG.standard_normal((6, 18)), RNG.standard_normal((6, 6))
    tensors = {"h.c_attn.weight": wide, "h.c_attn.bias": np.zeros(18), "h.c_proj.weight": square,
               "h.c_proj.bias": np.zeros(6), "lm_head.weight": RNG.standard_normal((50, 6))}  # fmt: skip
    path = tmp_path / "gpt.safetensors"
    save_file({n: t.astype(np.float32) for n, t in tensors.items()}, path)
    workload = import_model(str(path), folder=tmp_path)
    assert {la.name: (la.shape, la.transposed) for la in workload.layers} == {
        "h.c_attn": ((18, 6), True), "h.c_proj": ((6, 6), True), "lm_head": ((50, 6), False)
    }  # fmt: skip
    assert "2 tensors are (in, out)" in workload.description
    tensors["h.c_attn.weight"] = wide.T.copy()
    save_file({n: t.astype(np.float32) for n, t in tensors.items()}, path)
    plain = import_model(str(path), folder=tmp_path)
    assert not any(la.transposed for la in plain.layers)


def test_experts_patches_and_packed_integers(tmp_path: Path) -> None:
    """A mixture of experts, a patch embedding, and what a quantiser leaves in a file."""
    shapes = {"mlp.experts.weight": (3, 8, 4), "patch_embed.proj.weight": (16, 3, 4, 4),
              "q.scales": (2, 8), "mlp.gate.weight": (3, 4)}  # fmt: skip
    tensors = {n: RNG.standard_normal(s).astype(np.float32) for n, s in shapes.items()}
    path = tmp_path / "moe.safetensors"
    save_file(tensors | {"q.qweight": np.zeros((2, 8), np.int32)}, path)
    with pytest.raises(DataError, match=r"GPTQ: tensor 'q.qweight' has no .*'q.qzeros' beside it"):
        import_model(str(path), folder=tmp_path, tokens=5, spatial=(8, 8))
    save_file(tensors, path)
    workload = import_model(str(path), folder=tmp_path, tokens=5, spatial=(8, 8))
    layers = {la.name: la for la in workload.layers}
    assert set(layers) == {*(f"mlp.experts.{i}" for i in range(3)), "mlp.gate",
                           "patch_embed.proj"}  # fmt: skip
    assert layers["patch_embed.proj"].macs == 16 * 48 * 4
    for data in iterate_layers(workload, ["mlp.experts.2"]):
        largest = np.abs(tensors["mlp.experts.weight"][2]).max(axis=1) / 127
        np.testing.assert_allclose(data.scale, largest, rtol=1e-6)
    assert {e.name: e.reason.split()[0] for e in workload.excluded} == {"q.scales": "scales"}


def test_options_without_effect_and_sizes_that_contradict_are_refused(tmp_path: Path) -> None:
    net = str(classifier(tmp_path / "net.onnx"))
    tensors = tmp_path / "t.safetensors"
    save_file({"fc.weight": np.ones((3, 4), np.float32)}, tensors)
    for file, options, rule in (
        (net, {"tokens": 5}, "--tokens is for files without a graph"),
        (net, {"spatial": (8,)}, "--spatial is for files without a graph"),
        (str(tensors), {"sizes": {"x": 3}}, "--size is for ONNX"),
        (str(tensors), {"transposed": ["cf*"]}, "'cf\\*' matches no tensor"),
        (net, {"sizes": {"x": (1, 5, 20, 32)}}, "has 5 channels or features, its weights take"),
    ):
        with pytest.raises(InputError, match=rule):
            import_model(file, **options)
