"""Measured activation densities against a network whose zeros are known beforehand."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from f2fsim.errors import InputError
from f2fsim.workloads import load_layer
from f2fsim.workloads.import_model import import_model


def network(path: Path) -> str:
    """Relu of the input, a product, Relu, a product."""
    eye = np.eye(8, dtype=np.float32)
    eye[:, 4:] *= -1
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("MatMul", ["a", "w1"], ["b"], name="first"),
        helper.make_node("Relu", ["b"], ["c"]),
        helper.make_node("MatMul", ["c", "w2"], ["y"], name="second"),
    ]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", "t", 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(eye, "w1"), numpy_helper.from_array(eye, "w2")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return str(path)


def densities(workload: Any) -> list[float]:
    assert {layer.activation_origin for layer in workload.layers} == {"measured"}
    return [layer.activation_density for layer in workload.layers]


def test_given_input_is_counted_exactly(tmp_path: Path) -> None:
    x = np.array([[[1, -1, 2, 0, 3, 4, -5, -6], [1, 1, 1, 1, 1, 1, 1, 1]]], dtype=np.float64)
    np.savez(tmp_path / "in.npz", x=x)
    workload = import_model(
        network(tmp_path / "net.onnx"), folder=tmp_path, measure=True, inputs=tmp_path / "in.npz"
    )
    # After the first Relu 4 + 8 of 16 are left; of these the last four columns turn negative.
    assert densities(workload) == [12 / 16, 6 / 16]
    assert workload.layer("first").n_columns == 2
    assert "measured on in.npz" in workload.description
    data = load_layer(workload, "second")
    assert data.activation_density == 6 / 16
    assert data.origins["activations"] == "measured"


def test_noise_is_reproducible_and_said(tmp_path: Path) -> None:
    path = network(tmp_path / "net.onnx")
    first, again = (
        import_model(path, folder=tmp_path, sizes={"t": 500}, measure=True) for _ in range(2)
    )
    assert densities(first) == densities(again)
    assert densities(first) == pytest.approx([0.5, 0.25], abs=0.03)
    assert "standard normal noise (seed 1)" in first.description


def test_inputs_that_do_not_fit(tmp_path: Path) -> None:
    path = network(tmp_path / "net.onnx")
    with pytest.raises(InputError, match=r"dimension 1 \(t\) of input 'x'"):
        import_model(path, measure=True)
    np.savez(tmp_path / "in.npz", z=np.zeros((1, 2, 8)))
    with pytest.raises(InputError, match="no input or free dimension 'z'"):
        import_model(path, measure=True, inputs=tmp_path / "in.npz")
    np.savez(tmp_path / "in.npz", x=np.zeros((1, 2, 9)))
    with pytest.raises(InputError, match=r"cannot be inferred|cannot run"):
        import_model(path, measure=True, inputs=tmp_path / "in.npz")
    np.savez(tmp_path / "w.npz", w=np.zeros((3, 3)))
    with pytest.raises(InputError, match="only an ONNX model can be run"):
        import_model(str(tmp_path / "w.npz"), measure=True)
