"""The graph that an ONNX model's layers stand in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from f2fsim.config import load_workload
from f2fsim.config.graph import network_nodes
from f2fsim.network.stages import build_stages
from f2fsim.workloads.import_model import import_model


def weights(name: str, *shape: int) -> Any:
    return numpy_helper.from_array(np.ones(shape, dtype=np.float32), name)


def save(path: Path, nodes: list[Any], constants: list[Any], shape: list[int]) -> Path:
    data = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [data], [out], constants)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def node(op: str, inputs: list[str], output: str, **attributes: Any) -> Any:
    return helper.make_node(op, inputs, [output], name=output, **attributes)


def test_a_residual_network(tmp_path: Path) -> None:
    nodes = [
        node("Conv", ["image", "w1"], "c1", pads=[1, 1, 1, 1]),
        node("Relu", ["c1"], "r1"),
        node("Conv", ["r1", "w2"], "c2", pads=[1, 1, 1, 1]),
        node("Add", ["c2", "r1"], "sum"),
        node("MaxPool", ["sum"], "pooled", kernel_shape=[2, 2], strides=[2, 2]),
        node("Concat", ["pooled", "pooled2"], "both", axis=1),
        node("GlobalAveragePool", ["both"], "mean"),
        node("Flatten", ["mean"], "flat"),
        node("Gemm", ["flat", "w3"], "logits", transB=1),
        node("Softmax", ["logits"], "out"),
    ]
    nodes.insert(5, node("AveragePool", ["sum"], "pooled2", kernel_shape=[2, 2], strides=[2, 2]))
    constants = [weights("w1", 4, 3, 3, 3), weights("w2", 4, 4, 3, 3), weights("w3", 10, 8)]
    path = save(tmp_path / "net.onnx", nodes, constants, [1, 3, 8, 8])
    found = import_model(str(path))
    assert [layer.inputs for layer in found.layers] == [("input",), ("r1",), ("mean",)]
    told = {
        one.name: (one.op, one.inputs, getattr(one, "values", None), getattr(one, "window", 1))
        for one in found.operations
    }
    assert told == {
        "r1": ("activation", ("c1",), 256, 1),
        "sum": ("add", ("c2", "r1"), 256, 1),
        "pooled": ("max_pool", ("sum",), 64, 4),
        "pooled2": ("average_pool", ("sum",), 64, 4),
        "both": ("concat", ("pooled", "pooled2"), None, 1),
        "mean": ("average_pool", ("both",), 8, 16),
        "out": ("softmax", ("logits",), 10, 1),
    }


def test_a_product_of_activations_leaves_a_chain_and_says_so(tmp_path: Path) -> None:
    nodes = [
        node("MatMul", ["image", "w1"], "a"),
        node("MatMul", ["image", "w2"], "b"),
        node("Transpose", ["b"], "bt", perm=[1, 0]),
        node("MatMul", ["a", "bt"], "out"),
    ]
    path = save(tmp_path / "net.onnx", nodes, [weights("w1", 6, 5), weights("w2", 6, 5)], [4, 6])
    found = import_model(str(path))
    assert found.operations == ()
    assert [layer.inputs for layer in found.layers] == [None, None]
    assert "chain, not a graph: MatMul 'out' multiplies two activations" in found.description


def test_opennsfw_has_its_sixteen_residuals() -> None:
    one = load_workload("opennsfw")
    stages = build_stages(network_nodes(one.layers, one.operations, one.batch))
    fused = [op.op for stage in stages for op in stage.fused]
    assert fused.count("add") == 17  # and the bias of the last layer
    assert sum(len(stage.operands) for stage in stages) == 16
