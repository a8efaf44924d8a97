"""Small values of an ONNX graph known before it runs: sizes, and what is computed of them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.workloads.readers.onnx_file import constants

Shape = tuple[int, ...]

#: Constants with more elements than this are not needed to infer shapes.
SMALL = 1024

#: Operators whose result may be far larger than their inputs.
_GROWING = ("ConstantOfShape", "Expand", "Tile", "Range", "Pad", "Resize", "OneHot", "EyeLike")
#: Operators whose result is not fixed by their inputs.
_RANDOM = ("RandomNormal", "RandomUniform", "Bernoulli", "Multinomial")


def fold_sizes(model: Any, shapes: Mapping[str, Shape], known: dict[str, NDArray[Any]]) -> int:
    """Compute the small integer values of the main graph that are fixed; make them initializers.

    Parameters
    ----------
    model : ModelProto
        Changed in place: a node whose results are known is taken out.
    shapes : mapping of str to shape
        Known shapes; -1 where a size is not known.
    known : dict of str to ndarray
        Values found so far; the new ones are added.

    Returns
    -------
    int
        Values found.
    """
    from onnx import numpy_helper

    graph = model.graph
    for name, tensor in constants(graph):
        if name not in known and np.prod(tensor.dims) <= SMALL and not tensor.external_data:
            known[name] = numpy_helper.to_array(tensor)
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    found: dict[str, NDArray[Any]] = {}
    kept = []
    for node in graph.node:
        stored = any(name in known for name in node.output)
        values = None if stored else _value(node, shapes, known, opsets)
        if values is None:
            kept.append(node)
            continue
        found |= values
        known |= values
    copies = [type(node).FromString(node.SerializeToString()) for node in kept]
    del graph.node[:]
    graph.node.extend(copies)
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in found.items())
    return len(found)


def _value(
    node: Any,
    shapes: Mapping[str, Shape],
    known: Mapping[str, NDArray[Any]],
    opsets: Mapping[str, int],
) -> dict[str, NDArray[Any]] | None:
    """Return the results of a node if its inputs are known and they are small."""
    if node.op_type in ("Shape", "Size") and not node.domain:
        shape = shapes.get(node.input[0])
        if shape is None or min(shape, default=1) < 0:
            return None
        if node.op_type == "Size":
            return {node.output[0]: np.array(np.prod(shape), dtype=np.int64)}
        ends = {attribute.name: attribute.i for attribute in node.attribute}
        part = shape[ends.get("start", 0) : ends.get("end", len(shape))]
        return {node.output[0]: np.array(part, dtype=np.int64)}
    if node.op_type.startswith(_RANDOM) or not (node.input or node.op_type == "Constant"):
        return None
    if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
        return None
    if any(name and name not in known for name in node.input):
        return None
    sizes = [shapes.get(name, (-1,)) for name in node.output if name]
    if any(min(shape, default=1) >= 0 and math.prod(shape) > SMALL for shape in sizes):
        return None
    if any(min(shape, default=1) < 0 for shape in sizes) and node.op_type in _GROWING:
        return None
    return _run(node, known, opsets)


def _run(
    node: Any, known: Mapping[str, NDArray[Any]], opsets: Mapping[str, int]
) -> dict[str, NDArray[Any]] | None:
    from onnx import helper, numpy_helper
    from onnx.reference import ReferenceEvaluator

    names = [name for name in node.output if name]
    leaves = dict.fromkeys(name for name in node.input if name)
    try:
        graph = helper.make_graph(
            [node],
            "sizes",
            [],
            [helper.make_empty_tensor_value_info(name) for name in names],
            [numpy_helper.from_array(known[name], name) for name in leaves],
        )
        imports = [helper.make_opsetid(*item) for item in opsets.items()]
        one = helper.make_model(graph, opset_imports=imports)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            results = ReferenceEvaluator(one).run(None, {})
    except Exception:  # an operator that the evaluator lacks: the value stays unknown
        return None
    values = {name: np.asarray(value) for name, value in zip(names, results, strict=True)}
    small = all(value.size <= SMALL and value.dtype.kind in "biuf" for value in values.values())
    return values if small else None
