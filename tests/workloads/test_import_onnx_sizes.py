"""What an ONNX graph's sizes mean: time and batch, branches that sizes decide, unknown operators."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from f2fsim.errors import DataError, InputError
from f2fsim.workloads import iterate_layers
from f2fsim.workloads.import_model import import_model
from f2fsim.workloads.layers import LayerReader

RNG = np.random.default_rng(11)
node = helper.make_node
N_IN, HIDDEN = 16, 32


def const(name: str, value: Any) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(value), name)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def save(
    path: Path,
    nodes: list[Any],
    inputs: dict[str, Any],
    init: list[Any],
    opset: int = 17,
    **more: Any,
) -> str:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [helper.make_empty_tensor_value_info("y")],
        init,
        **more,
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return str(path)


def cell(kind: str = "LSTM", gates: int = 4, directions: int = 1) -> list[Any]:
    rows = gates * HIDDEN
    return [
        const("w", normal(directions, rows, N_IN)),
        const("r", normal(directions, rows, HIDDEN)),
    ]


BEFORE = {
    "x itself": [],
    "kept by operators": [node("Relu", ["x"], ["a"]), node("Mul", ["a", "two"], ["x_"])],
    "projected": [node("MatMul", ["x", "p"], ["x_"], name="projection")],
}


@pytest.mark.parametrize(("kind", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
@pytest.mark.parametrize("before", BEFORE)
def test_time_comes_first(tmp_path: Path, kind: str, gates: int, before: str) -> None:
    """[time, batch, features] as it stands: the time is counted once."""
    nodes = [*BEFORE[before], node(kind, ["x_" if BEFORE[before] else "x", "w", "r"], ["y"],
                                   name="rnn", hidden_size=HIDDEN)]  # fmt: skip
    init = [*cell(kind, gates), const("two", np.float32(2)), const("p", normal(N_IN, N_IN))]
    per_step = gates * HIDDEN * (N_IN + HIDDEN)
    for shape, batch in (([7, 1, N_IN], 1), ([7, 3, N_IN], 3)):
        workload = import_model(save(tmp_path / "m.onnx", nodes, {"x": shape}, init))
        rnn = workload.layer("rnn")
        assert (workload.batch, rnn.n_columns, rnn.repeat) == (batch, batch, 7)
        assert rnn.macs * rnn.repeat == 7 * batch * per_step
        if before == "projected":
            assert workload.layer("projection").n_columns == 7 * batch
    # A free batch is 1; a free time is asked for.
    workload = import_model(save(tmp_path / "m.onnx", nodes, {"x": [7, "n", N_IN]}, init))
    assert (workload.batch, workload.layer("rnn").repeat) == (1, 7)
    free = save(tmp_path / "m.onnx", nodes, {"x": ["steps", "n", N_IN]}, init)
    with pytest.raises(InputError, match=r"size of dimension 0 \(steps\) of input 'x'"):
        import_model(free)
    workload = import_model(free, sizes={"steps": 9})
    assert (workload.batch, workload.layer("rnn").repeat) == (1, 9)


def test_batch_first_by_layout_or_transpose(tmp_path: Path) -> None:
    turned = [
        node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        node("LSTM", ["t", "w", "r"], ["y"], name="rnn", hidden_size=HIDDEN),
    ]
    layout = [node("LSTM", ["x", "w", "r"], ["y"], name="rnn", hidden_size=HIDDEN, layout=1)]
    for nodes in (turned, layout):
        workload = import_model(save(tmp_path / "m.onnx", nodes, {"x": [5, 9, N_IN]}, cell()))
        rnn = workload.layer("rnn")
        assert (workload.batch, rnn.n_columns, rnn.repeat) == (5, 5, 9)
        free = save(tmp_path / "m.onnx", nodes, {"x": ["n", "t", N_IN]}, cell())
        with pytest.raises(InputError, match=r"dimension 1 \(t\) of input 'x'"):
            import_model(free)
        assert import_model(free, sizes={"t": 4}).layer("rnn").repeat == 4


def test_unbatched_input_and_initial_state(tmp_path: Path) -> None:
    nodes = [
        node("Unsqueeze", ["x", "one"], ["b"]),
        node("LSTM", ["b", "w", "r", "", "", "h", "c"], ["y"], name="rnn", hidden_size=HIDDEN),
    ]
    shapes = {"x": ["t", N_IN], "h": [1, "n", HIDDEN], "c": [1, "n", HIDDEN]}
    path = save(tmp_path / "m.onnx", nodes, shapes, [*cell(), const("one", np.array([1]))])
    with pytest.raises(InputError, match=r"dimension 0 \(t\) of input 'x'; or give|'x': --size"):
        import_model(path)
    workload = import_model(path, sizes={"t": 6})
    assert (workload.batch, workload.layer("rnn").repeat) == (1, 6)


def test_stacked_cells_of_two_directions(tmp_path: Path) -> None:
    second = [const("w2", normal(1, 4 * 8, 2 * HIDDEN)), const("r2", normal(1, 4 * 8, 8))]
    nodes = [
        node(
            "LSTM", ["x", "w", "r"], ["a"], name="a", hidden_size=HIDDEN, direction="bidirectional"
        ),
        node("Transpose", ["a"], ["t"], perm=[0, 2, 1, 3]),
        node("Reshape", ["t", "shape"], ["s"]),
        node("LSTM", ["s", "w2", "r2"], ["y"], name="b", hidden_size=8),
    ]
    init = [*cell(directions=2), *second, const("shape", np.array([0, 0, -1]))]
    workload = import_model(save(tmp_path / "m.onnx", nodes, {"x": [7, 2, N_IN]}, init))
    assert {la.name: (la.n_columns, la.repeat) for la in workload.layers} == {
        "a.0": (2, 7), "a.1": (2, 7), "b": (2, 7),
    }  # fmt: skip


@pytest.mark.parametrize("opset", [10, 11, 12, 13, 17, 18, 19, 21])
def test_quantise_and_dequantise_of_every_version(tmp_path: Path, opset: int) -> None:
    """DequantizeLinear means (q - z) * scale, whichever version the evaluator has."""
    codes = RNG.integers(-128, 128, (24, 8)).astype(np.int8)
    kernel = RNG.integers(0, 256, (6, 3, 3, 3)).astype(np.uint8)
    per_axis = opset >= 13
    scales = RNG.random(8).astype(np.float32) if per_axis else np.float32(0.125)
    zeros = RNG.integers(-9, 9, 8).astype(np.int8) if per_axis else np.int8(3)
    k_scales = RNG.random(6).astype(np.float32) if per_axis else np.float32(0.25)
    k_zeros = RNG.integers(0, 9, 6).astype(np.uint8) if per_axis else np.uint8(7)
    axis = {"axis": 0} if per_axis else {}
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
        node("DequantizeLinear", ["xq", "s", "z"], ["xf"]),
        node("DequantizeLinear", ["kernel", "ks", "kz"], ["k"], **axis),
        node("Conv", ["xf", "k"], ["c"], name="conv"),
        node("Flatten", ["c"], ["f"]),
        node("DequantizeLinear", ["codes", "cs", "cz"], ["w"]),
        node("MatMul", ["f", "w"], ["y"], name="fc"),
    ]
    init = [
        const("s", np.float32(0.1)), const("z", np.uint8(128)), const("kernel", kernel),
        const("ks", k_scales), const("kz", k_zeros), const("codes", codes),
        const("cs", scales), const("cz", zeros),
    ]  # fmt: skip
    path = save(tmp_path / "q.onnx", nodes, {"x": [2, 3, 4, 4]}, init, opset)
    workload = import_model(path)
    assert [(la.name, la.shape, la.n_columns) for la in workload.layers] == [
        ("conv", (6, 27), 8),
        ("fc", (8, 24), 2),
    ]
    conv, fc = (LayerReader(workload).matrix(layer) for layer in workload.layers)
    expected = (codes.astype(np.float32) - np.float32(zeros)) * scales
    np.testing.assert_array_equal(fc, expected.T)
    turn = (slice(None), None, None, None) if per_axis else ()
    by_hand = (kernel.astype(np.float32) - np.float32(k_zeros)[turn]) * k_scales[turn]
    np.testing.assert_array_equal(conv, by_hand.reshape(6, 27))
    measured = import_model(path, measure=True)
    assert all(layer.activation_origin == "measured" for layer in measured.layers)


@pytest.mark.parametrize("domain", ["", "com.microsoft"])
def test_simplified_layer_normalisation_in_either_domain(tmp_path: Path, domain: str) -> None:
    names = {"axis": -1, "epsilon": 1e-5, "domain": domain}
    nodes = [
        node("MatMul", ["x", "w0"], ["a"], name="fc0"),
        node("SimplifiedLayerNormalization", ["a", "g"], ["b"], **names),
        node("SkipSimplifiedLayerNormalization", ["b", "a", "g"], ["c", "", "", "sum"],
             domain="com.microsoft"),
        node("MatMul", ["sum", "w1"], ["y"], name="fc1"),
    ]  # fmt: skip
    init = [const("w0", normal(64, 64)), const("w1", normal(64, 64)), const("g", normal(64))]
    workload = import_model(save(tmp_path / "m.onnx", nodes, {"x": [1, 16, 64]}, init))
    assert [layer.name for layer in workload.layers] == ["fc0", "fc1"]
    assert workload.macs == 131_072


def unknown(tmp_path: Path, shape: Any = None, inputs: Any = (1, 16, 64)) -> str:
    nodes = [
        node("MatMul", ["x", "w0"], ["a"], name="before"),
        node("Mystery", ["a", "table"], ["b"], name="odd", domain="my.own"),
        node("MatMul", ["b", "w1"], ["c"], name="behind"),
        node("Mystery", ["c", "c"], ["y"], domain="my.own"),
    ]
    init = [const(n, normal(64, 64)) for n in ("w0", "w1", "table")]
    info = [] if shape is None else [helper.make_tensor_value_info("b", TensorProto.FLOAT, shape)]
    return save(tmp_path / "m.onnx", nodes, {"x": inputs}, init, value_info=info)


def test_layers_of_known_sizes_are_kept_beside_unknown_operators(tmp_path: Path) -> None:
    workload = import_model(unknown(tmp_path))
    assert [layer.name for layer in workload.layers] == ["before"]
    left = {entry.name: (entry.reason, entry.n_weights) for entry in workload.excluded}
    assert left["odd"] == ("the operator is not known", 4096)
    assert left["behind"] == (
        "the size of its input is not known: Mystery 'odd' comes before it", 4096,
    )  # fmt: skip
    assert "operators that are not known: Mystery" in workload.description
    total = workload.n_weights + sum(entry.n_weights for entry in workload.excluded)
    assert total == 3 * 4096


def test_sizes_that_the_file_states_behind_an_unknown_operator(tmp_path: Path) -> None:
    workload = import_model(unknown(tmp_path, [1, 16, 64]))
    assert [(la.name, la.n_columns) for la in workload.layers] == [("before", 16), ("behind", 16)]
    # They were written for the exporter's size: with another they do not hold.
    workload = import_model(unknown(tmp_path, [1, 16, 64], [1, "t", 64]), sizes={"t": 8})
    assert [(la.name, la.n_columns) for la in workload.layers] == [("before", 8)]


def test_only_unknown_operators_is_an_error(tmp_path: Path) -> None:
    nodes = [node("Mystery", ["x", "w"], ["y"], domain="my.own")]
    path = save(tmp_path / "m.onnx", nodes, {"x": [1, 64]}, [const("w", normal(64, 64))])
    with pytest.raises(DataError, match="Mystery 'y': the operator is not known"):
        import_model(path)


def squeezing(rank_asked: int) -> list[Any]:
    """An If on the rank of a value, as PyTorch's exporter writes for an LSTM cell."""

    def branch(name: str, op: str, out: str) -> Any:
        nodes = [node(op, ["x", "zero"] if op == "Unsqueeze" else ["x"], [out])]
        return helper.make_graph(nodes, name, [], [helper.make_empty_tensor_value_info(out)])

    return [
        node("Shape", ["x"], ["shape"]),
        node("Size", ["shape"], ["rank"]),
        node("Equal", ["rank", "asked"], ["is"]),
        node("If", ["is"], ["b"], name="choose", then_branch=branch("then", "Unsqueeze", "u"),
             else_branch=branch("else", "Identity", "i")),
        node("LSTM", ["b", "w", "r"], ["y"], name="rnn", hidden_size=HIDDEN),
    ]  # fmt: skip


@pytest.mark.parametrize(("shape", "batch"), [([5, N_IN], 5), ([1, 5, N_IN], 5)])
def test_branches_that_sizes_decide(tmp_path: Path, shape: list[int], batch: int) -> None:
    init = [*cell(), const("asked", np.array(2)), const("zero", np.array([0]))]
    workload = import_model(save(tmp_path / "m.onnx", squeezing(2), {"x": shape}, init))
    rnn = workload.layer("rnn")
    assert (rnn.repeat, rnn.n_columns) == (1, batch)
    outputs = ReferenceEvaluator(str(tmp_path / "m.onnx")).run(None, {"x": normal(*shape)})
    assert outputs[0].shape == (1, 1, batch, HIDDEN)


@pytest.mark.weights
@pytest.mark.parametrize(
    ("file", "sizes"),
    [
        ("silero_vad", {"input": (1, 576), "state": (2, 1, 128)}),
        ("silero_vad_half", {"input": (1, 576)}),
        ("silero_vad_16k_op15", {"input": (1, 576)}),
    ],
)
def test_silero_s_own_files(file: str, sizes: dict[str, Any]) -> None:
    workload = import_model(f"silero_vad/data/{file}.onnx", package="silero-vad", sizes=sizes)
    assert [(la.kind, la.shape, la.n_columns) for la in workload.layers] == [
        ("conv1d", (258, 256), 4),
        ("conv1d", (128, 387), 4),
        ("conv1d", (64, 384), 2),
        ("conv1d", (64, 192), 1),
        ("conv1d", (128, 192), 1),
        ("lstm", (512, 256), 1),
        ("conv1d", (1, 128), 1),
    ]
    assert sum(data.tensor.n_weights for data in iterate_layers(workload)) == 308_224
