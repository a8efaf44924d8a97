"""Forms in which exporters, quantisers and optimisers write weights: each is read as what it means.

The weights read are held against what ONNX's evaluator computes from the same file, or against the
numbers that the quantised file was made of.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from f2fsim.config.load_workload import load_workload
from f2fsim.config.workload import Workload
from f2fsim.config.workload_yaml import workload_text
from f2fsim.errors import DataError, InputError
from f2fsim.workloads import iterate_layers
from f2fsim.workloads.import_model import import_model
from f2fsim.workloads.layers import LayerReader

RNG = np.random.default_rng(5)
node = helper.make_node


def const(name: str, value: Any) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(value), name)


def save(
    path: Path,
    nodes: list[Any],
    inputs: dict[str, Any],
    init: list[Any],
    kind: int = TensorProto.FLOAT,
    opset: int = 17,
) -> Path:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(n, kind, s) for n, s in inputs.items()],
        [helper.make_empty_tensor_value_info("y")],
        init,
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def load(path: Path, **options: Any) -> tuple[Workload, list[np.ndarray]]:
    """Import a model, through its YAML text, and return its matrices."""
    made = import_model(str(path), folder=path.parent, **options)
    text = path.with_suffix(".yaml")
    text.write_text(workload_text(made), encoding="utf-8")
    workload = load_workload(text)
    reader = LayerReader(workload)
    assert [la.layer.name for la in iterate_layers(workload)] == [la.name for la in made.layers]
    return workload, [reader.matrix(layer) for layer in workload.layers]


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


CHAINS = {
    "weight norm": [
        node("ReduceL2", ["v"], ["n"], axes=[1, 2, 3]),
        node("Div", ["v", "n"], ["u"]),
        node("Mul", ["u", "g"], ["w"]),
    ],
    "cast, reshape, transpose": [
        node("Cast", ["v"], ["a"], to=TensorProto.FLOAT16),
        node("Transpose", ["a"], ["b"], perm=[1, 0, 3, 2]),
        node("Transpose", ["b"], ["c"], perm=[1, 0, 3, 2]),
        node("Cast", ["c"], ["w"], to=TensorProto.FLOAT),
    ],
    "slices put together": [
        node("Split", ["v"], ["a", "b"], axis=0),
        node("Concat", ["b", "a"], ["w"], axis=0),
    ],
    "sizes in Constant nodes": [
        node("Constant", [], ["n"], value_ints=[6, 4, 3, 3]),
        node("Reshape", ["v", "n"], ["w"]),
    ],
}


@pytest.mark.parametrize("form", CHAINS)
def test_weights_computed_from_constants(tmp_path: Path, form: str) -> None:
    nodes = [*CHAINS[form], node("Conv", ["x", "w"], ["y"], name="conv", pads=[1, 1, 1, 1])]
    init = [const("v", normal(6, 4, 3, 3)), const("g", normal(6, 1, 1, 1))]
    path = save(tmp_path / "net.onnx", nodes, {"x": ["n", 4, 9, 9]}, init)
    model = onnx.load(path)
    model.graph.output[0].name = "w"
    wanted = ReferenceEvaluator(model).run(None, {"x": normal(1, 4, 9, 9)})[0]
    workload, [matrix] = load(path)
    np.testing.assert_array_equal(matrix, wanted.reshape(6, 36))
    assert workload.macs == 6 * 36 * 81


def quantised(wanted: np.ndarray, axis: int | None, unsigned: bool) -> tuple[Any, Any, Any]:
    """Return codes, scales and zero points, and the values that they mean."""
    n = 1 if axis is None else wanted.shape[axis]
    scale = RNG.uniform(0.01, 0.1, n).astype(np.float32)
    zero = RNG.integers(100, 150, n).astype(np.uint8) if unsigned else np.zeros(n, np.int8)
    spread = [1] * wanted.ndim
    if axis is not None:
        spread[axis] = n
    steps = np.rint(wanted / scale.reshape(spread)) + zero.reshape(spread)
    info = np.iinfo(zero.dtype)
    codes = np.clip(steps, info.min, info.max).astype(zero.dtype)
    return codes, scale if axis is not None else scale[0], zero if axis is not None else zero[0]


def meaning(codes: Any, scale: Any, zero: Any, axis: int = 0) -> np.ndarray:
    spread = [1] * codes.ndim
    spread[axis] = -1
    many = np.ndim(zero) == 1
    zero, scale = (v.reshape(spread) if many and np.ndim(v) else v for v in (zero, scale))
    return (codes.astype(np.float32) - np.float32(zero)) * np.float32(scale)


@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("per_channel", [False, True])
def test_quantised_operators(tmp_path: Path, unsigned: bool, per_channel: bool) -> None:
    """A convolution, a product of weights and one of activations, in ONNX's integer operators."""
    codes, scale, zero = quantised(normal(8, 3, 3, 3), 0 if per_channel else None, unsigned)
    fc, fc_scale, fc_zero = quantised(normal(8, 10), 1 if per_channel else None, unsigned)
    one, nil = const("one", np.float32(0.1)), const("nil", np.uint8(3))
    init = [const("w", codes), const("ws", scale), const("wz", zero), one, nil,
            const("f", fc), const("fs", fc_scale), const("fz", fc_zero)]  # fmt: skip
    nodes = [
        node("QLinearConv", ["x", "one", "nil", "w", "ws", "wz", "one", "nil"], ["a"], name="conv"),
        node("QLinearGlobalAveragePool", ["a", "one", "nil", "one", "nil"], ["b"],
             domain="com.microsoft"),
        node("Flatten", ["b"], ["c"]),
        node("QLinearMatMul", ["c", "one", "nil", "f", "fs", "fz", "one", "nil"], ["d"], name="fc"),
        node("MatMulInteger", ["c", "f", "nil", "fz"], ["e"], name="integer"),
        node("Transpose", ["d"], ["t"]),
        node("QLinearMatMul", ["d", "one", "nil", "t", "one", "nil", "one", "nil"], ["y"],
             name="scores"),
    ]  # fmt: skip
    path = save(tmp_path / "q.onnx", nodes, {"x": [1, 3, 12, 12]}, init, TensorProto.UINT8)
    workload, matrices = load(path)
    assert [(la.name, la.macs) for la in workload.layers] == [
        ("conv", 8 * 27 * 100), ("fc", 80), ("integer", 80)
    ]  # fmt: skip
    np.testing.assert_allclose(matrices[0], meaning(codes, scale, zero).reshape(8, 27), rtol=1e-6)
    np.testing.assert_allclose(matrices[1], meaning(fc, fc_scale, fc_zero, 1).T, rtol=1e-6)
    # The scale of an integer product stands behind it in the graph: codes less zero points.
    np.testing.assert_array_equal(matrices[2], meaning(fc, np.float32(1), fc_zero, 1).T)
    assert [(e.name, e.macs) for e in workload.excluded] == [("scores", 10)]
    assert "quantised (MatMulInteger, QLinearConv, QLinearMatMul)" in workload.description
    with pytest.raises(InputError, match="measured on the float model"):
        import_model(str(path), measure=True)


@pytest.mark.parametrize("n_bits", [2, 4, 8])
@pytest.mark.parametrize("with_zeros", [False, True])
def test_blocks_of_few_bits(tmp_path: Path, n_bits: int, with_zeros: bool) -> None:
    """MatMulNBits: K = 40 in blocks of 16, the last one padded; codes packed low bits first."""
    n_in, n_out, block, n_blocks = 40, 6, 16, 3
    codes = RNG.integers(0, 2**n_bits, (n_out, n_blocks * block))
    zeros = RNG.integers(0, 2**n_bits, (n_out, n_blocks))
    scales = RNG.uniform(0.01, 0.1, (n_out, n_blocks)).astype(np.float32)

    def packed(fields: np.ndarray) -> np.ndarray:
        bits = (fields[..., None] >> np.arange(n_bits)) & 1
        return np.packbits(bits.reshape(n_out, -1).astype(np.uint8), axis=1, bitorder="little")

    init = [const("w", packed(codes).reshape(n_out, n_blocks, -1)), const("s", scales.ravel())]
    names = ["x", "w", "s"]
    if with_zeros:
        init.append(const("z", packed(zeros).ravel()))
        names.append("z")
    product = node("MatMulNBits", names, ["y"], name="fc", domain="com.microsoft",
                   K=n_in, N=n_out, bits=n_bits, block_size=block)  # fmt: skip
    path = save(tmp_path / "n.onnx", [product], {"x": [1, 7, n_in]}, init)
    workload, [matrix] = load(path)
    middle = zeros if with_zeros else np.full_like(zeros, 2 ** (n_bits - 1))
    steps = codes.reshape(n_out, n_blocks, block) - middle[..., None]
    wanted = (steps * scales[..., None]).reshape(n_out, -1)[:, :n_in]
    np.testing.assert_allclose(matrix, wanted, rtol=1e-6)
    assert workload.macs == n_in * n_out * 7


def test_quantised_lstm(tmp_path: Path) -> None:
    """DynamicQuantizeLSTM stores its weights turned round: (directions, in, gates x hidden)."""
    own = RNG.integers(-100, 100, (2, 5, 12)).astype(np.int8)
    back = RNG.integers(-100, 100, (2, 3, 12)).astype(np.int8)
    scale = RNG.uniform(0.01, 0.1, (2, 12)).astype(np.float32)
    zero = np.zeros((2, 12), np.int8)
    init = [const("w", own), const("r", back), const("s", scale), const("z", zero)]
    names = ["x", "w", "r", "", "", "", "", "", "s", "z", "s", "z"]
    lstm = node("DynamicQuantizeLSTM", names, ["y"], name="rnn", domain="com.microsoft",
                hidden_size=3, direction="bidirectional")  # fmt: skip
    path = save(tmp_path / "l.onnx", [lstm], {"x": [9, 1, 5]}, init)
    workload, matrices = load(path)
    assert [(la.name, la.repeat) for la in workload.layers] == [("rnn.0", 9), ("rnn.1", 9)]
    for i, matrix in enumerate(matrices):
        wanted = [(part[i] * scale[i]).T for part in (own.astype(np.float32), back)]
        np.testing.assert_allclose(matrix, np.concatenate(wanted, axis=1), rtol=1e-6)


def test_stacks_of_matrices_and_equations(tmp_path: Path) -> None:
    """Experts, attention heads and turned products: one layer a matrix, MACs counted by hand."""
    experts, query, output = normal(3, 8, 5), normal(8, 2, 4), normal(2, 4, 8)
    init = [const("experts", experts), const("query", query), const("output", output)]
    nodes = [
        node("Einsum", ["x", "query"], ["q"], name="query", equation="bsd,dhk->bhsk"),
        node("Einsum", ["q", "output"], ["o"], name="output", equation="bhsk,hkd->bsd"),
        node("Einsum", ["o", "experts"], ["e"], name="experts", equation="bsd,edf->besf"),
        node("Unsqueeze", ["o", "one"], ["u"]),
        node("MatMul", ["u", "experts"], ["f"], name="stack"),
        node("Add", ["e", "f"], ["y"]),
    ]
    init.append(const("one", np.array([1])))
    path = save(tmp_path / "e.onnx", nodes, {"x": ["n", 6, 8]}, init)
    workload, matrices = load(path)
    names = ["query", "output"] + [f"{n}.{i}" for n in ("experts", "stack") for i in range(3)]
    assert [la.name for la in workload.layers] == names
    np.testing.assert_array_equal(matrices[0], query.reshape(8, 8).T)
    np.testing.assert_array_equal(matrices[1], output.reshape(8, 8).T)
    for i in range(3):
        np.testing.assert_array_equal(matrices[2 + i], experts[i].T)
        np.testing.assert_array_equal(matrices[5 + i], experts[i].T)
    assert [la.macs for la in workload.layers] == [6 * 64] * 2 + [6 * 40] * 6


def test_fused_operators_of_an_optimised_graph(tmp_path: Path) -> None:
    """Attention joins query, key and value; FusedMatMul turns its sides; norms keep their shape."""
    ms: dict[str, Any] = {"domain": "com.microsoft"}
    qkv, fc = normal(8, 24), normal(5, 8)
    init = [const("qkv", qkv), const("b", normal(24)), const("g", normal(8)), const("fc", fc)]
    nodes = [
        node("Attention", ["x", "qkv", "b"], ["a"], name="att", num_heads=2, **ms),
        node("SkipLayerNormalization", ["a", "x", "g"], ["s"], **ms),
        node("FusedMatMul", ["s", "fc"], ["f"], name="fc", transB=1, alpha=0.5, **ms),
        node("FusedMatMul", ["f", "f"], ["h"], name="scores", transB=1, **ms),
        node("FastGelu", ["h"], ["y"], **ms),
    ]
    path = save(tmp_path / "o.onnx", nodes, {"x": ["n", 6, 8]}, init)
    workload, matrices = load(path)
    np.testing.assert_array_equal(matrices[0], qkv.T)
    np.testing.assert_array_equal(matrices[1], fc)
    assert [la.macs for la in workload.layers] == [6 * 8 * 24, 6 * 8 * 5]
    assert {e.name for e in workload.excluded} == {"att", "scores"}


def test_sizes_computed_in_the_graph(tmp_path: Path) -> None:
    """Shape, Gather, Cast and Concat around a Reshape: folded, the model is not run."""
    nodes = [
        node("Conv", ["x", "w"], ["a"], name="conv"),
        node("Shape", ["a"], ["s"]),
        node("Gather", ["s", "zero"], ["n"], axis=0),
        node("Cast", ["n"], ["nf"], to=TensorProto.FLOAT),
        node("Floor", ["nf"], ["nr"]),
        node("Cast", ["nr"], ["ni"], to=TensorProto.INT64),
        node("Constant", [], ["rest"], value_ints=[-1]),
        node("Concat", ["ni", "rest"], ["to"], axis=0),
        node("Reshape", ["a", "to"], ["f"]),
        node("MatMul", ["f", "m"], ["y"], name="fc"),
    ]
    init = [const("w", normal(4, 1, 3, 3)), const("zero", np.array([0])), const("m", normal(64, 7))]
    path = save(tmp_path / "s.onnx", nodes, {"x": ["batch", 1, 6, 6]}, init)
    workload, _ = load(path)
    assert [la.macs for la in workload.layers] == [4 * 9 * 16, 64 * 7]
    assert "running" not in workload.description


def test_sparse_initializers_and_long_names(tmp_path: Path) -> None:
    dense = np.zeros((6, 5), np.float32)
    dense[[0, 2, 5], [1, 4, 0]] = [1.0, -2.0, 3.0]
    values = const("w", dense[dense != 0])
    places = const("places", np.flatnonzero(dense).astype(np.int64))
    long = ";".join(f"model_1/conv2d_{i}/BiasAdd/ReadVariableOp" for i in range(40))
    graph = helper.make_graph(
        [node("MatMul", ["x", "w"], [long], name=long)], "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 6])],
        [helper.make_tensor_value_info(long, TensorProto.FLOAT, None)],
        sparse_initializer=[helper.make_sparse_tensor(values, places, [6, 5])],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 17)]
    path = tmp_path / "s.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    workload, [matrix] = load(path)
    np.testing.assert_array_equal(matrix, dense.T)
    assert [la.name for la in workload.layers] == ["model_1/conv2d_39/BiasAdd/ReadVariableOp"]


def test_weights_that_cannot_be_computed_are_named(tmp_path: Path) -> None:
    nodes = [
        node("Unheard", ["v"], ["w"], domain="com.microsoft"),
        node("MatMul", ["x", "w"], ["y"], name="fc"),
    ]
    path = save(tmp_path / "u.onnx", nodes, {"x": [1, 6]}, [const("v", normal(6, 5))])
    with pytest.raises(DataError, match="left out: MatMul 'fc': its weights are computed by nodes"):
        import_model(str(path))


def test_free_sizes_show_the_option(tmp_path: Path) -> None:
    path = save(
        tmp_path / "f.onnx",
        [node("Conv", ["my input", "w"], ["y"], name="c")],
        {"my input": ["n", 3, "height", "width"]},
        [const("w", normal(4, 3, 3, 3))],
    )
    with pytest.raises(InputError, match=r"--size 'my input=1x3xNxN'$"):
        import_model(str(path))
