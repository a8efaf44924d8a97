"""From an ONNX graph to layers: which nodes multiply by constant weights, and in which shapes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from f2fsim.errors import DataError, InputError
from f2fsim.workloads.import_found import Found
from f2fsim.workloads.onnx_axes import batch_axes
from f2fsim.workloads.onnx_branches import take_branches
from f2fsim.workloads.onnx_edges import Edges
from f2fsim.workloads.onnx_graph import (
    Sizes,
    batch_of,
    evaluate,
    fix_inputs,
    infer,
    inputs,
    size_option,
)
from f2fsim.workloads.onnx_nodes import PRODUCTS, RECURRENT, NodeReader, node_name
from f2fsim.workloads.onnx_sizes import SMALL
from f2fsim.workloads.onnx_unknown import UnknownOperators, stated_shapes
from f2fsim.workloads.readers.onnx_file import OnnxFile, constants, subgraphs

#: A layer's name is a line of every table.
_LONGEST_NAME = 120


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
        If the file is damaged or has no layer with weights.
    InputError
        If a size that is needed is free and not given; the message names the input.
    """
    file = OnnxFile(path)
    try:
        return _import(path, file, sizes)
    except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
        # A damaged graph: attributes, inputs or sizes that no exporter writes.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: damaged ONNX graph: {reason}") from None


def _import(path: Path, file: OnnxFile, sizes: Sizes) -> Found:
    model, found = file.proto, Found()
    axes = batch_axes(model)
    stated = stated_shapes(model, sizes)
    free = fix_inputs(path, model.graph, sizes, axes)
    left_out = take_branches(path, model)
    found.batch = batch_of(model.graph, axes)
    tensors = {name: tuple(tensor.dims) for name, tensor in constants(model.graph)}
    shapes, _ = infer(path, model, stated)
    reader = NodeReader(tensors, shapes, found.batch, file.derived)
    tensors.update(_computed_weights(file, reader, model.graph))
    unknown = UnknownOperators(model)
    missing = [name for node in model.graph.node for name in reader.missing_shape(node)]
    wanted = [name for name in missing if name not in unknown.values]
    if wanted and not free:
        try:
            values = evaluate(path, model, {}, wanted)
        except DataError as error:
            raise DataError(f"{error} (it was run to find sizes; are those given right?)") from None
        shapes.update({name: value.shape for name, value in values.items()})
        found.notes.append("sizes that inference left open were found by running the model")
    if unknown.kinds:
        kinds = ", ".join(sorted(unknown.kinds)[:8])
        found.notes.append(f"operators that are not known: {kinds}")
    if file.rewritten.quantised:
        kinds = ", ".join(sorted(set(file.rewritten.quantised)))
        found.quantised = True
        found.notes.append(f"the model is quantised ({kinds}): weights are read dequantised")
    _collect(path, model.graph, reader, found, free, unknown)
    for name, kind in file.rewritten.attentions:
        found.excluded.append(_left_out(name, kind, "products of two activations, fused", 0))
    for name, branch, reason in left_out:
        size = sum(_floats(branch).values())
        if size > SMALL:
            found.excluded.append(_left_out(name, "If", reason, size))
    if not found.layers:
        rule = "has no convolution, matrix product or LSTM with constant weights"
        first = next(iter(found.excluded), None)
        detail = f" (left out: {first['op']} {first['name']!r}: {first['reason']})" if first else ""
        raise DataError(f"{path}: {rule}{detail}")
    return found


def _computed_weights(file: OnnxFile, reader: NodeReader, graph: Any) -> dict[str, tuple[int, ...]]:
    """Return the shapes of weights that the graph computes from constants."""
    found: dict[str, tuple[int, ...]] = {}
    for node in graph.node:
        for name in reader.computed_weights(node):
            if name not in found:
                try:
                    found[name] = file.shape(name)
                except DataError:
                    # The product is left out, with this reason.
                    continue
    return found


def _collect(
    path: Path,
    graph: Any,
    reader: NodeReader,
    found: Found,
    free: list[str],
    unknown: UnknownOperators,
) -> None:
    """Add the layers of a graph in its (topological) order, and what stands between them."""
    edges = Edges(reader.shapes, found.batch, [entry.name for entry in inputs(graph)])
    floats = _floats(graph)
    used: set[str] = set()
    for node in graph.node:
        reader.note(node)
        behind = unknown.values.get(reader.activation(node)) if reader.missing_shape(node) else None
        try:
            layers = [] if behind is not None else reader.layers(node)
        except InputError as error:
            hint = f"; give the size of {', '.join(free)}: {size_option(graph)}" if free else ""
            raise InputError(f"{path}: {error}{hint}") from None
        for layer in layers:
            layer["name"] = _unique(layer["name"], used)
            found.inputs[layer["name"]] = reader.activation(node)
        found.layers += layers
        if not reader.is_derived(node):
            edges.node(node, layers, reader.activation(node) if layers else "")
        left = sum(floats.get(name, 0) for name in node.input)
        inner = sum(size for body in _bodies(node) for size in _floats(body).values())
        if inner > SMALL:
            reason = "the number of iterations is not in the file"
            found.excluded.append(_left_out(node_name(node), node.op_type, reason, inner))
            continue
        products = node.op_type in (*PRODUCTS, *RECURRENT) or left > SMALL
        if not layers and products and not reader.is_derived(node):
            entry = reader.excluded(node, left)
            if behind is not None:
                entry["reason"] = f"the size of its input is not known: {behind} comes before it"
            elif unknown.is_unknown(node):
                entry["reason"] = "the operator is not known"
            found.excluded.append(entry)
    edges.add_to(found)


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
    if len(name) > _LONGEST_NAME:
        # TensorFlow's converters join the names of all fused operators; the last is the product.
        name = name.rpartition(";")[2][-_LONGEST_NAME:] or name[-_LONGEST_NAME:]
    unique, i = name, 2
    while unique in used:
        unique, i = f"{name}#{i}", i + 1
    used.add(unique)
    return unique
