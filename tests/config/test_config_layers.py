"""Layer geometry against counting by hand and against ONNX's reference evaluator."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from pydantic import ValidationError

from f2fsim.config import (
    Conv1dLayer,
    Conv2dLayer,
    ConvLayer,
    ConvTransposeLayer,
    LinearLayer,
    LstmLayer,
)


def conv2d(**changes: object) -> Conv2dLayer:
    base = {"name": "c", "op": "conv2d", "in_channels": 4, "out_channels": 6, "kernel": (3, 3),
            "input_size": (8, 9)}  # fmt: skip
    return Conv2dLayer.model_validate(base | changes)


def test_resnet_first_layer() -> None:
    layer = Conv2dLayer(
        name="conv1", op="conv2d", in_channels=3, out_channels=64, kernel=(7, 7),
        input_size=(224, 224), stride=(2, 2), padding=(3, 3), batch=2,
    )  # fmt: skip
    assert (layer.n_outputs, layer.n_reduction, layer.n_columns) == (64, 147, 2 * 112 * 112)
    assert layer.n_weights == 9408
    assert layer.macs == 2 * 118_013_952
    assert layer.n_input_values == 2 * 3 * 224 * 224
    assert layer.n_output_values == 2 * 64 * 112 * 112


def test_depthwise_and_grouped() -> None:
    depthwise = conv2d(in_channels=32, out_channels=32, groups=32, padding=(1, 1))
    assert (depthwise.n_groups, depthwise.n_outputs, depthwise.n_reduction) == (32, 1, 9)
    assert depthwise.shape == (32, 9)
    assert depthwise.macs == 32 * 9 * 8 * 9
    grouped = conv2d(groups=2)
    assert (grouped.n_outputs, grouped.n_reduction, grouped.shape) == (3, 18, (6, 18))


def test_linear_and_lstm() -> None:
    linear = LinearLayer(name="a", op="linear", in_features=5, out_features=7, n_tokens=3, batch=4)
    assert (linear.n_outputs, linear.n_reduction, linear.n_columns) == (7, 5, 12)
    lstm = LstmLayer(name="r", op="lstm", input_size=10, hidden_size=20, repeat=6, batch=2)
    assert (lstm.n_outputs, lstm.n_reduction, lstm.n_columns, lstm.repeat) == (80, 30, 2, 6)
    assert lstm.macs == 80 * 30 * 2


def run_onnx(layer: ConvLayer, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Evaluate the layer by onnx's own reference implementation."""
    begins, ends = zip(*layer.pads, strict=True)
    kind = "ConvTranspose" if layer.kind == "conv_transpose" else "Conv"
    node = helper.make_node(
        kind, ["x", "w"], ["y"], strides=list(layer.strides), dilations=list(layer.dilations),
        pads=[*begins, *ends], group=layer.groups,
    )  # fmt: skip
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in "xwy"]
    graph = helper.make_graph([node], "g", values[:2], values[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return ReferenceEvaluator(model).run(None, {"x": x, "w": w})[0]


def im2col(layer: ConvLayer, x: np.ndarray) -> np.ndarray:
    """Columns (groups, K, batch * positions) that the matrix of weights multiplies."""
    padded = np.pad(x, [(0, 0), (0, 0), *layer.pads])
    columns = []
    for position in itertools.product(*(range(n) for n in layer.output_size)):
        index = tuple(
            slice(p * s, p * s + d * (k - 1) + 1, d)
            for p, s, d, k in zip(
                position, layer.strides, layer.dilations, layer.kernel, strict=True
            )
        )
        columns.append(padded[(slice(None), slice(None), *index)].reshape(x.shape[0], -1))
    stacked = np.stack(columns, axis=1).reshape(len(x) * len(columns), layer.groups, -1)
    return stacked.transpose(1, 2, 0)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_convolution_is_the_product_that_the_layer_says(data: st.DataObject) -> None:
    small = st.integers(1, 3)
    rank = data.draw(st.integers(1, 2))
    groups = data.draw(small)
    batch = data.draw(st.integers(1, 2))

    def sizes(low: int, high: int, n: int = rank) -> tuple[int, ...]:
        return tuple(data.draw(st.lists(st.integers(low, high), min_size=n, max_size=n)))

    kernel, size, dilation = sizes(1, 3), sizes(3, 7), sizes(1, 2)
    padding = sizes(0, 2, 2 * rank)
    assume(all(s >= d * (k - 1) + 1 for s, d, k in zip(size, dilation, kernel, strict=True)))
    cls = Conv1dLayer if rank == 1 else Conv2dLayer
    layer = cls(
        name="c", op=f"conv{rank}d", in_channels=groups * data.draw(small),
        out_channels=groups * data.draw(small), kernel=kernel, input_size=size, batch=batch,
        stride=sizes(1, 3), dilation=dilation, padding=padding, groups=groups,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    x = rng.integers(-4, 5, (batch, layer.in_channels, *size)).astype(np.float32)
    w = rng.integers(-4, 5, (layer.out_channels, layer.in_channels // groups, *kernel))
    w = w.astype(np.float32)
    expected = run_onnx(layer, x, w)
    assert expected.shape == (batch, layer.out_channels, *layer.output_size)
    matrices = w.reshape(layer.shape).reshape(groups, layer.n_outputs, layer.n_reduction)
    columns = im2col(layer, x)
    assert columns.shape == (groups, layer.n_reduction, layer.n_columns)
    product = (matrices @ columns).reshape(layer.out_channels, batch, *layer.output_size)
    np.testing.assert_array_equal(product.swapaxes(0, 1), expected)


def test_transposed_convolution_against_onnx() -> None:
    base = {"name": "t", "op": "conv_transpose", "in_channels": 4, "out_channels": 6,
            "kernel": (3, 2), "input_size": (5, 4), "stride": (2, 3),
            "padding": (1, 0)}  # fmt: skip
    layer = ConvTransposeLayer.model_validate(base)
    x = np.ones((1, 4, 5, 4), dtype=np.float32)
    w = np.ones((4, 6, 3, 2), dtype=np.float32)
    assert run_onnx(layer, x, w).shape == (1, 6, *layer.output_size)
    assert (layer.n_outputs, layer.n_reduction, layer.n_columns) == (36, 4, 20)
    # Every input value meets C_out/groups * kernel weights.
    assert layer.macs == x.size * 36
    grouped = ConvTransposeLayer.model_validate(base | {"groups": 2})
    assert (grouped.n_outputs, grouped.n_reduction, grouped.shape) == (18, 2, (36, 2))
    assert grouped.macs == x.size * 18


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"kernel": (3,)}, "kernel must have 2 numbers"),
        ({"padding": (1, 1, 1)}, "padding must have 2 or 4 numbers"),
        ({"groups": 4}, "out_channels must be a multiple of groups"),
        ({"kernel": (9, 10)}, "the kernel does not fit"),
        ({"stride": (0, 1)}, "greater than or equal to 1"),
        ({"in_channels": "4"}, "valid integer"),
        ({"activation_density": 0.5}, "must be given together"),
        ({"activation_density": 1.5, "activation_origin": "given"}, "less than or equal to 1"),
        ({"in_channels": 2**20, "out_channels": 2**20}, "weights, at most"),
        ({"colour": 3}, "Extra inputs are not permitted"),
    ],
)
def test_impossible_geometry_is_refused(changes: dict[str, object], rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        conv2d(**changes)
