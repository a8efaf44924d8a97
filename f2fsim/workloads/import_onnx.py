"""From an ONNX graph to layers: which nodes multiply by constant weights, and in which shapes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from f2fsim.errors import DataError, InputError, near_miss
from f2fsim.workloads.onnx_nodes import NodeReader
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
#: Constants below this size are not worth a line in the list of what is left out.
SMALL = 1024


@dataclass
class Found:
    """Layers and left-out operations of a model, as plain data for `Workload`."""

    layers: list[dict[str, Any]] = field(default_factory=list)
    excluded: list[dict[str, Any]] = field(default_factory=list)
    batch: int = 1


def import_onnx(path: Path, sizes: Mapping[str, tuple[int, ...] | int]) -> Found:
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
    free = _fix_inputs(path, model.graph, sizes)
    tensors = {
        name: tuple(tensor.dims)
        for graph in subgraphs(model.graph)
        for name, tensor in constants(graph)
    }
    floats = _float_constants(model.graph)
    shapes = _infer(path, model)
    found = Found(batch=_batch(model.graph))
    reader = NodeReader(tensors, shapes, found.batch)
    _walk(model.graph, reader, found, floats, path, free)
    if not found.layers:
        raise DataError(f"{path}: has no convolution, matrix product or LSTM with constant weights")
    return found


def _inputs(graph: Any) -> list[Any]:
    constant = {tensor.name for tensor in graph.initializer}
    return [entry for entry in graph.input if entry.name not in constant]


def _batch(graph: Any) -> int:
    for entry in _inputs(graph):
        dims = entry.type.tensor_type.shape.dim
        if len(dims) >= 2:
            return max(1, int(dims[0].dim_value))
    return 1


def _fix_inputs(path: Path, graph: Any, sizes: Mapping[str, tuple[int, ...] | int]) -> list[str]:
    """Set the shapes of the inputs; return the free dimensions that stay, in words."""
    free: list[str] = []
    entries = _inputs(graph)
    known = {entry.name for entry in entries}
    for entry in entries:
        dims = entry.type.tensor_type.shape.dim
        known |= {dim.dim_param for dim in dims if dim.dim_param}
        given = sizes.get(entry.name)
        if given is not None:
            shape = (given,) if isinstance(given, int) else given
            if len(shape) != len(dims):
                raise InputError(
                    f"{path}: input {entry.name!r} has {len(dims)} dimensions, got {shape}"
                )
            for dim, size in zip(dims, shape, strict=True):
                dim.dim_value = size
        for i, dim in enumerate(dims):
            if dim.HasField("dim_value") and dim.dim_value > 0:
                continue
            value = sizes.get(dim.dim_param) if dim.dim_param else None
            if isinstance(value, int):
                dim.dim_value = value
            elif i == 0 and len(dims) > 1:
                dim.dim_value = 1
            else:
                free.append(f"dimension {i} ({dim.dim_param or 'free'}) of input {entry.name!r}")
    for name in sizes:
        if name not in known:
            raise InputError(
                f"{path}: has no input or free dimension {name!r}"
                f"{near_miss(name, known)}; it has {', '.join(sorted(known))}"
            )
    return free


def _float_constants(graph: Any) -> dict[str, int]:
    """Return the sizes of constants with two or more dimensions of float elements."""
    from onnx import TensorProto

    kinds = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)
    return {
        name: math.prod(tensor.dims)
        for part in subgraphs(graph)
        for name, tensor in constants(part)
        if tensor.data_type in kinds and len(tensor.dims) >= 2
    }


def _infer(path: Path, model: Any) -> dict[str, tuple[int, ...]]:
    """Infer shapes; large constants become inputs first, so that models of any size pass."""
    import onnx

    for graph in subgraphs(model.graph):
        large = [t for t in graph.initializer if math.prod(t.dims) > SMALL]
        declared = {entry.name for entry in graph.input}
        for tensor in large:
            if graph is model.graph and tensor.name not in declared:
                graph.input.append(
                    onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
                )
            elif graph is not model.graph:
                graph.value_info.append(
                    onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
                )
            if graph is model.graph:
                graph.initializer.remove(tensor)
        # Shapes written by an exporter at another size would win over the inferred ones.
        del graph.value_info[:]
        for entry in graph.output:
            entry.type.tensor_type.ClearField("shape")
    try:
        model.CopyFrom(onnx.shape_inference.infer_shapes(model, data_prop=True))
    except Exception as error:  # onnx raises its own C++ classes, without a common base
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: shapes cannot be inferred: {reason}") from None
    shapes: dict[str, tuple[int, ...]] = {}
    for graph in subgraphs(model.graph):
        for entry in [*graph.input, *graph.value_info, *graph.output]:
            tensor = entry.type.tensor_type
            if tensor.HasField("shape"):
                shapes[entry.name] = tuple(
                    dim.dim_value if dim.HasField("dim_value") else -1 for dim in tensor.shape.dim
                )
        for name, tensor in constants(graph):
            shapes[name] = tuple(tensor.dims)
    return shapes


def _walk(
    graph: Any,
    reader: NodeReader,
    found: Found,
    floats: Mapping[str, int],
    path: Path,
    free: list[str],
) -> None:
    """Collect the layers of a graph in its (topological) order."""
    for node in graph.node:
        reader.note(node)
        if node.op_type in QUANTISED:
            raise DataError(
                f"{path}: node {node.name or node.output[0]!r} is a quantised {node.op_type}; "
                f"give the float model, f2fsim quantises it"
            )
        if node.op_type in ("If", "Loop", "Scan"):
            _branches(node, reader, found, floats, path, free)
            continue
        try:
            layers = reader.layers(node)
        except InputError as error:
            hint = f"; give sizes for {', '.join(free)}" if free else ""
            raise InputError(f"{path}: {error}{hint}") from None
        found.layers += _unique(layers, found.layers)
        left = sum(floats.get(name, 0) for name in node.input)
        if layers or node.op_type in ("Identity", "Transpose", "Constant", "Cast"):
            continue
        if node.op_type in ("MatMul", "Gemm", "Einsum", "Attention") or left > SMALL:
            found.excluded.append(reader.excluded(node, left))


def _branches(
    node: Any,
    reader: NodeReader,
    found: Found,
    floats: Mapping[str, int],
    path: Path,
    free: list[str],
) -> None:
    bodies = [a for a in node.attribute if a.HasField("g")]
    bodies.sort(key=lambda attribute: attribute.name != "then_branch")
    for attribute in bodies:
        if attribute.name in ("else_branch", "body"):
            inner = _float_constants(attribute.g)
            if sum(inner.values()) > SMALL:
                reason = (
                    "the other branch is taken"
                    if attribute.name == "else_branch"
                    else ("the number of iterations is not in the file")
                )
                found.excluded.append(
                    {
                        "name": f"{node.name or node.output[0]}.{attribute.name}",
                        "op": node.op_type,
                        "reason": reason,
                        "n_weights": sum(inner.values()),
                    }
                )
        else:
            _walk(attribute.g, reader, found, floats, path, free)


def _unique(layers: list[dict[str, Any]], before: list[dict[str, Any]]) -> list[dict[str, Any]]:
    used = {layer["name"] for layer in before}
    for layer in layers:
        base, i = layer["name"], 2
        while layer["name"] in used:
            layer["name"] = f"{base}#{i}"
            i += 1
        used.add(layer["name"])
    return layers
