"""Which axis of a model's inputs is the batch, told by its recurrent operators.

LSTM, GRU and RNN take (time, batch, features) unless their layout says (batch, time, features).
Every axis of the inputs gets a name of its own; the names that ONNX's shape inference carries to a
recurrent operator tell which axis is which there.  Without one the first axis is the batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from f2fsim.workloads.onnx_graph import inputs, without_large_constants
from f2fsim.workloads.onnx_nodes import RECURRENT
from f2fsim.workloads.readers.onnx_file import subgraphs

#: Batch axis of an input by its name; None for an input without one.
Axes = Mapping[str, int | None]


def batch_axes(model: Any) -> Axes:
    """Return the batch axes of the inputs that reach a recurrent operator.

    Parameters
    ----------
    model : ModelProto
        It is not changed.
    """
    import onnx

    kinds = {node.op_type for part in subgraphs(model.graph) for node in part.node}
    if not kinds & set(RECURRENT):
        return {}
    light = without_large_constants(model)
    places: dict[str, tuple[str, int]] = {}
    for number, entry in enumerate(inputs(model.graph)):
        for axis in range(len(entry.type.tensor_type.shape.dim)):
            places[f"axis {axis} of input {number}"] = (entry.name, axis)
    names = {place: word for word, place in places.items()}
    for entry in light.graph.input:
        for axis, dim in enumerate(entry.type.tensor_type.shape.dim):
            if (entry.name, axis) in names:
                dim.dim_param = names[(entry.name, axis)]
    try:
        shapes = _words(onnx.shape_inference.infer_shapes(light, data_prop=True).graph)
    except Exception:  # onnx raises C++ exceptions without a common Python base
        return {}
    batch: dict[str, int | None] = {}
    timed: dict[str, int | None] = {}
    for node in light.graph.node:
        for name, batch_axis, other in _roles(node) if node.op_type in RECURRENT else ():
            words = shapes.get(name, ())
            if len(words) > max(batch_axis, other):
                if words[batch_axis] in places:
                    batch.setdefault(*places[words[batch_axis]])
                if places.get(words[other], ("", 1))[1] == 0:
                    timed[places[words[other]][0]] = None
    return timed | batch


def _roles(node: Any) -> list[tuple[str, int, int]]:
    """Return the inputs of a recurrent operator, their batch axes and the axes beside these."""
    first = any(a.name == "layout" and a.i for a in node.attribute)
    batch, time = (0, 1) if first else (1, 0)
    return [(node.input[i], batch, time) for i in (0, 5, 6) if i < len(node.input)]


def _words(graph: Any) -> dict[str, tuple[str, ...]]:
    """Return the names of every value's axes, "" for one without."""
    return {
        entry.name: tuple(dim.dim_param for dim in entry.type.tensor_type.shape.dim)
        for entry in [*graph.input, *graph.value_info, *graph.output]
    }
