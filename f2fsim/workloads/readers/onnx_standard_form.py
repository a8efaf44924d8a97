"""An ONNX graph in standard operators: quantised and fused ones rewritten to what they multiply.

ONNX Runtime's quantisers and optimisers put operators of their own into a graph (QLinearConv,
MatMulInteger, MatMulNBits, Attention, SkipLayerNormalization …).  The rewritten graph has the same
products by the same weights and the same shapes; it is for reading sizes and weights, not to be
run.  Quantised weights become the value ``NAME.dequantised``: (stored - zero point) · scale, or
``NAME.codes`` where the scale stands behind the product.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from typing import Any

from f2fsim.workloads.readers.onnx_derived import DOMAIN

#: Operators of other domains, or newer than a model's standard, that keep the shape of an input or
#: act like a standard operator: the operator put in place and the inputs that it gets.
_STAND_INS: dict[str, tuple[str, tuple[int, ...]]] = {
    "BiasGelu": ("Identity", (0,)),
    "FastGelu": ("Identity", (0,)),
    "Gelu": ("Identity", (0,)),
    "GroupNormalization": ("Identity", (0,)),
    "GroupQueryAttention": ("Identity", (0,)),
    "LayerNormalization": ("Identity", (0,)),
    "MultiHeadAttention": ("Identity", (0,)),
    "QLinearAdd": ("Add", (0, 3)),
    "QLinearAveragePool": ("AveragePool", (0,)),
    "QLinearGlobalAveragePool": ("GlobalAveragePool", (0,)),
    "QLinearLeakyRelu": ("Identity", (0,)),
    "QLinearMul": ("Mul", (0, 3)),
    "QLinearSigmoid": ("Identity", (0,)),
    "QLinearSoftmax": ("Identity", (0,)),
    "QuickGelu": ("Identity", (0,)),
    "RMSNormalization": ("Identity", (0,)),
    "RotaryEmbedding": ("Identity", (0,)),
    "SimplifiedLayerNormalization": ("Identity", (0,)),
    "SkipLayerNormalization": ("Identity", (0,)),
    "SkipSimplifiedLayerNormalization": ("Identity", (0,)),
    "Swish": ("Identity", (0,)),
    "FusedConv": ("Conv", (0, 1, 2)),
    "FusedGemm": ("Gemm", (0, 1, 2)),
    "QuantizeLinear": ("Identity", (0,)),
}
#: Stand-ins whose fourth output is the sum of the first two inputs.
_SUMS = ("SkipLayerNormalization", "SkipSimplifiedLayerNormalization")
#: Standard domain's version from which ONNX's reference evaluator has DequantizeLinear.
_EVALUATED_DEQUANTISE = 19
#: Names of the standard domain.
STANDARD = ("", "ai.onnx")
#: Fused attentions: their products of activations are not in the rewritten graph.
_ATTENTIONS = ("Attention", "QAttention", "GroupQueryAttention", "MultiHeadAttention")


#: From a node, and the names of stored constants, to the nodes in its place.
Rewriter = Callable[[Any, Container[str]], list[Any]]


@dataclass
class Rewritten:
    """What rewriting did: quantised operators met, and attentions whose products are fused.

    ``opset`` is the version of the standard operators that the model was written for.
    """

    quantised: list[str] = field(default_factory=list)
    attentions: list[tuple[str, str]] = field(default_factory=list)
    opset: int = 1


def rewrite(model: Any, stored: Iterable[str]) -> Rewritten:
    """Bring a model into standard operators, in place, subgraphs too.

    Parameters
    ----------
    model : ModelProto
    stored : iterable of str
        Names of its constants.
    """
    done = Rewritten(opset=standard_opset(model))
    _rewrite_graph(model.graph, stored, done)
    _declare_domains(model)
    return done


def for_evaluation(model: Any) -> None:
    """Replace what ONNX's reference evaluator lacks by operators of the same values, in place."""
    opset = standard_opset(model)
    if opset < _EVALUATED_DEQUANTISE:
        for part in _graphs(model.graph):
            for node in part.node:
                if node.op_type == "DequantizeLinear" and node.domain in STANDARD:
                    node.CopyFrom(_dequantise(node))
    _declare_domains(model)


def _declare_domains(model: Any) -> None:
    # Exporters forget to declare the domains of their own operators.
    used = {node.domain for part in _graphs(model.graph) for node in part.node} | {DOMAIN}
    declared = {entry.domain for entry in model.opset_import}
    for domain in sorted(used - declared - set(STANDARD)):
        model.opset_import.add(domain=domain, version=1)


def _graphs(graph: Any) -> Iterable[Any]:
    """Yield a graph and the graphs inside its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
                yield from _graphs(inner)


def _rewrite_graph(graph: Any, stored: Iterable[str], done: Rewritten) -> None:
    nodes: list[Any] = []
    made: dict[str, bytes] = {}
    fixed = set(stored)
    for node in graph.node:
        for attribute in node.attribute:
            for inner in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
                _rewrite_graph(inner, fixed, done)
        if node.input and all(not name or name in fixed for name in node.input):
            fixed.update(node.output)
        new = _rewritten(node, fixed, done)
        texts = {name: n.SerializeToString() for n in new for name in n.output if name}
        if any(made.get(name, text) != text for name, text in texts.items()):
            # The same weights with other scales: two values cannot have one name.
            new, texts = [node], {}
        # Nodes that share their weights need these dequantised once.
        nodes += [n for n in new if not any(name in made for name in n.output)]
        made |= texts
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def _rewritten(node: Any, stored: Container[str], done: Rewritten) -> list[Any]:
    kind = node.op_type
    if kind in _QUANTISED and len(node.input) >= 2:
        done.quantised.append(kind)
        if kind == "QAttention":
            done.attentions.append((node.name or node.output[0], kind))
        return _QUANTISED[kind](node, stored)
    if kind == "DequantizeLinear" and (
        node.domain not in STANDARD or done.opset < _EVALUATED_DEQUANTISE
    ):
        return [_dequantise(node)]
    if node.domain == DOMAIN or is_standard(node, done.opset):
        return [node]
    if kind in _ATTENTIONS:
        done.attentions.append((node.name or node.output[0], kind))
    if kind == "Attention":
        return _attention(node, node.input[1], [])
    if kind == "FusedMatMul":
        return _fused_matmul(node)
    if kind == "QLinearConcat":
        return [_like(node, "Concat", list(node.input[2::3]))]
    if kind in _STAND_INS:
        op, places = _STAND_INS[kind]
        new = [_like(node, op, [node.input[i] for i in places if i < len(node.input)])]
        if kind in _SUMS and len(node.output) > 3 and node.output[3]:
            new.append(_sum(node))
        return new
    return [node]


def standard_opset(model: Any) -> int:
    """Return the version of the standard operators that a model was written for."""
    return next((e.version for e in model.opset_import if e.domain in STANDARD), 1)


def is_standard(node: Any, opset: int) -> bool:
    """Whether a node is an operator of the standard at this version.

    Exporters write operators of ONNX Runtime into the standard domain too.
    """
    from onnx import defs

    if node.domain not in STANDARD:
        return False
    try:
        defs.get_schema(node.op_type, max_inclusive_version=opset, domain="")
    except defs.SchemaError:
        return False
    return True


def _dequantise(node: Any) -> Any:
    """Return the node as this module's own operator; an axis that is not said is the second."""
    from onnx import helper

    new = _like(node, "Dequantise", list(node.input), DOMAIN)
    if all(attribute.name != "axis" for attribute in new.attribute):
        new.attribute.append(helper.make_attribute("axis", 1))
    return new


def _sum(node: Any) -> Any:
    from onnx import helper

    return helper.make_node("Add", list(node.input[:2]), [node.output[3]])


def _like(node: Any, op: str, names: list[str], domain: str = "") -> Any:
    """Return a node of another operator with the same name, attributes and first output."""
    new = type(node)()
    new.op_type, new.name, new.domain = op, node.name, domain
    new.input.extend(names)
    new.output.append(node.output[0])
    if op not in ("Identity", "Add", "Mul", "MatMul"):
        new.attribute.extend(node.attribute)
    return new


def _input(node: Any, place: int) -> str:
    return str(node.input[place]) if len(node.input) > place else ""


def _dequantised(weights: str, scale: str, zero: str, axis: int) -> tuple[Any, str]:
    from onnx import helper

    name = f"{weights}.dequantised" if scale else f"{weights}.codes"
    inputs = [weights, scale, zero]
    return helper.make_node("Dequantise", inputs, [name], domain=DOMAIN, axis=axis), name


def _product(op: str, weights: int, scale: int, zero: int, axis: int) -> Rewriter:
    """Return a rewriter for an operator whose weights, scales and zero points are these inputs.

    -1 for inputs that the operator does not have.  A product of two activations has no weights to
    dequantise.
    """

    def apply(node: Any, stored: Container[str]) -> list[Any]:
        if node.input[weights] not in stored:
            return [_like(node, op, [node.input[0], node.input[weights]])]
        scales = _input(node, scale) if scale >= 0 else ""
        side = axis
        if op == "Gemm" and any(a.name == "transB" and a.i for a in node.attribute):
            side = 0
        make, name = _dequantised(node.input[weights], scales, _input(node, zero), side)
        return [make, _like(node, op, [node.input[0], name])]

    return apply


def _lstm(node: Any, _: Container[str]) -> list[Any]:
    """DynamicQuantizeLSTM stores (directions, in, gates · hidden): turned round for LSTM."""
    from onnx import helper

    new, names = [], []
    for weights, scale, zero in ((1, 8, 9), (2, 10, 11)):
        make, name = _dequantised(node.input[weights], _input(node, scale), _input(node, zero), 0)
        turned = f"{name}.turned"
        new += [make, helper.make_node("Transpose", [name], [turned], perm=[0, 2, 1])]
        names.append(turned)
    lstm = _like(node, "LSTM", [node.input[0], *names, *node.input[3:8]])
    lstm.output.extend(node.output[1:])
    return [*new, lstm]


def _n_bits(node: Any, _: Container[str]) -> list[Any]:
    from onnx import helper

    keep = {a.name: a.i for a in node.attribute if a.name in ("K", "N", "bits", "block_size")}
    keep.setdefault("bits", 4)
    name = f"{node.input[1]}.dequantised"
    make = helper.make_node("UnpackBits", list(node.input[1:4]), [name], domain=DOMAIN, **keep)
    turned = helper.make_node("Transpose", [name], [f"{name}.turned"], perm=[1, 0])
    product = helper.make_node(
        "MatMul", [node.input[0], f"{name}.turned"], [node.output[0]], name=node.name
    )
    return [make, turned, product]


def for_inference(graph: Any) -> None:
    """Put what ONNX's shape inference knows in place of this module's own operators."""
    from onnx import TensorProto, helper

    for node in graph.node:
        if node.domain == DOMAIN and node.op_type == "Dequantise":
            node.op_type, node.domain = "Identity", ""
            del node.attribute[:]
            del node.input[1:]
    for node in [n for n in graph.node if n.domain == DOMAIN]:
        sizes = {a.name: a.i for a in node.attribute}
        shape = (sizes["N"], sizes["K"])
        entry = helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, shape)
        graph.input.append(entry)
        graph.node.remove(node)


def _attention(node: Any, weights: str, before: list[Any]) -> list[Any]:
    """The product by the weights of query, key and value; the output is as wide as the value."""
    from onnx import helper

    joined = f"{node.output[0]}.qkv"
    product = helper.make_node("MatMul", [node.input[0], weights], [joined], name=node.name)
    sizes = [n for a in node.attribute if a.name == "qkv_hidden_sizes" for n in a.ints]
    out = node.output[0]
    widths = helper.make_node("Constant", [], [f"{joined}.widths"], value_ints=sizes or [1])
    inputs = [joined, f"{joined}.widths"] if sizes else [joined]
    parts = [f"{joined}.query", f"{joined}.key", out]
    more: dict[str, Any] = {} if sizes else {"num_outputs": 3}
    split = helper.make_node("Split", inputs, parts, axis=-1, **more)
    return [*before, product, *([widths] if sizes else []), split]


def _quantised_attention(node: Any, _: Container[str]) -> list[Any]:
    make, name = _dequantised(node.input[1], _input(node, 4), _input(node, 7), 1)
    return _attention(node, name, [make])


def _fused_matmul(node: Any) -> list[Any]:
    """A matrix product with sides that may be turned round or have rows in front of the batch."""
    from onnx import helper

    flags = {a.name for a in node.attribute if a.name.startswith("trans") and a.i}
    product = _like(node, "MatMul", list(node.input[:2]))
    if flags:
        sides = []
        for side, (rows, columns) in (("A", "ij"), ("B", "jk")):
            if f"trans{side}" in flags:
                rows, columns = columns, rows
            batch_last = f"transBatch{side}" in flags
            sides.append(f"{rows}...{columns}" if batch_last else f"...{rows}{columns}")
        product.op_type = "Einsum"
        equation = f"{','.join(sides)}->...ik"
        product.attribute.append(helper.make_attribute("equation", equation))
    return [product]


_QUANTISED: dict[str, Rewriter] = {
    "QLinearConv": _product("Conv", 3, 4, 5, 0),
    "ConvInteger": _product("Conv", 1, -1, 3, 0),
    "QLinearMatMul": _product("MatMul", 3, 4, 5, -1),
    "MatMulInteger": _product("MatMul", 1, -1, 3, -1),
    "MatMulIntegerToFloat": _product("MatMul", 1, 3, 5, -1),
    "DynamicQuantizeMatMul": _product("MatMul", 1, 2, 3, -1),
    "QGemm": _product("Gemm", 3, 4, 5, 1),
    "DynamicQuantizeLSTM": _lstm,
    "MatMulNBits": _n_bits,
    "QAttention": _quantised_attention,
}
