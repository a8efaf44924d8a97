"""From an ONNX graph to layers: which nodes multiply by constant weights, and in which shapes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from f2fsim.errors import DataError, InputError
from f2fsim.workloads.import_found import Found
from f2fsim.workloads.onnx_graph import (
    SMALL,
    Sizes,
    batch_of,
    evaluate,
    fix_inputs,
    infer_shapes,
    take_branches,
)
from f2fsim.workloads.onnx_nodes import PRODUCTS, RECURRENT, NodeReader, node_name
from f2fsim.workloads.readers.onnx_file import constants, load_proto, subgraphs

#: Operators whose weights are integers with scales of their own.
QUANTISED = {
    "QLinearConv",
    "QLinearMatMul",
    "ConvInteger",
    "MatMulInteger",
    "DynamicQuantizeLSTM",
    "DynamicQuantizeMatMul",
    "MatMulNBits",
    "QGemm",
    "QAttention",
}


def import_onnx(path: Path, sizes: Sizes) -> Found:
    """Find the layers of an ONNX model.

    Parameters
    ----------
    path : Path
        The model.
    sizes : mapping
        Shapes of graph inputs by name, and values of named dimensions.  A free first dimension
        is the batch and counts as 1.

    Raises
    ------
    DataError
        If the file is damaged, holds quantised operators, or has no layer with weights.
    InputError
        If a size that is needed is free and not given; the message names the input.
    """
    model = load_proto(path)
    try:
        return _import(path, model, sizes)
    except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
        # A damaged graph: attributes, inputs or sizes that no exporter writes.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: damaged ONNX graph: {reason}") from None


def _import(path: Path, model: Any, sizes: Sizes) -> Found:
    found = Found()
    left_out = take_branches(model.graph)
    free = fix_inputs(path, model.graph, sizes)
    found.batch = batch_of(model.graph)
    tensors = {name: tuple(tensor.dims) for name, tensor in constants(model.graph)}
    shapes = infer_shapes(path, model)
    reader = NodeReader(tensors, shapes, found.batch)
    missing = [name for node in model.graph.node for name in reader.missing_shape(node)]
    if missing and not free:
        values = evaluate(path, model, {}, missing)
        shapes.update({name: value.shape for name, value in values.items()})
        found.notes.append("sizes that inference left open were found by running the model")
    _collect(path, model.graph, reader, found, free)
    for name, branch in left_out:
        size = sum(_floats(branch).values())
        if size > SMALL:
            reason = "the then-branch is taken"
            found.excluded.append(_left_out(f"{name}.else_branch", "If", reason, size))
    if not found.layers:
        rule = "has no convolution, matrix product or LSTM with constant weights"
        first = next(iter(found.excluded), None)
        detail = f" (left out: {first['op']} {first['name']!r}: {first['reason']})" if first else ""
        raise DataError(f"{path}: {rule}{detail}")
    return found


def _collect(path: Path, graph: Any, reader: NodeReader, found: Found, free: list[str]) -> None:
    """Add the layers of a graph in its (topological) order."""
    floats = _floats(graph)
    used: set[str] = set()
    for node in graph.node:
        reader.note(node)
        if node.op_type in QUANTISED:
            raise DataError(
                f"{path}: node {node_name(node)!r} is a quantised {node.op_type}; "
                f"give the float model, f2fsim quantises it"
            )
        try:
            layers = reader.layers(node)
        except InputError as error:
            hint = f"; give the size of {', '.join(free)}" if free else ""
            raise InputError(f"{path}: {error}{hint}") from None
        for layer in layers:
            layer["name"] = _unique(layer["name"], used)
            found.inputs[layer["name"]] = reader.activation(node)
        found.layers += layers
        left = sum(floats.get(name, 0) for name in node.input)
        inner = sum(size for body in _bodies(node) for size in _floats(body).values())
        if inner > SMALL:
            reason = "the number of iterations is not in the file"
            found.excluded.append(_left_out(node_name(node), node.op_type, reason, inner))
            continue
        products = node.op_type in (*PRODUCTS, *RECURRENT) or left > SMALL
        if not layers and products and not reader.is_derived(node):
            found.excluded.append(reader.excluded(node, left))


def _bodies(node: Any) -> list[Any]:
    return [attribute.g for attribute in node.attribute if attribute.HasField("g")]


def _left_out(name: str, op: str, reason: str, n_weights: int) -> dict[str, Any]:
    return {"name": name, "op": op, "reason": reason, "n_weights": n_weights}


def _floats(graph: Any) -> dict[str, int]:
    """Return the sizes of float constants with two or more dimensions, of subgraphs too."""
    from onnx import TensorProto

    kinds = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)
    return {
        name: math.prod(tensor.dims)
        for part in subgraphs(graph)
        for name, tensor in constants(part)
        if tensor.data_type in kinds and len(tensor.dims) >= 2
    }


def _unique(name: str, used: set[str]) -> str:
    unique, i = name, 2
    while unique in used:
        unique, i = f"{name}#{i}", i + 1
    used.add(unique)
    return unique
