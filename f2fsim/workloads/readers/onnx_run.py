"""Nodes of an ONNX graph run one after another, each only if its result is of a credible size.

A few bytes can ask for any size (ConstantOfShape, Expand, Tile, the outer product of two vectors):
ONNX's shape inference tells before anything is allocated.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.errors import DataError, in_a_line

#: Elements that a result may have whatever it is made of, and for each element behind it.
_FREE_ELEMENTS, _GROWTH = 2**22, 64
#: Values that shape inference looks into.
_SMALL = 1024


def run_nodes(
    nodes: Sequence[Any],
    values: dict[str, NDArray[Any]],
    opsets: Mapping[str, int],
    operators: Sequence[Any],
) -> None:
    """Run nodes in order and add their results to `values`.

    Parameters
    ----------
    nodes : sequence of NodeProto
        Without graphs inside.
    values : dict of str to ndarray
        What the nodes need from outside.
    opsets : mapping of str to int
        Versions by domain.
    operators : sequence
        Further operators of the evaluator.

    Raises
    ------
    DataError
        If a result would be far larger than what it is made of.
    """
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    limit = max(_FREE_ELEMENTS, _GROWTH * sum(value.size for value in values.values()))
    imports = [helper.make_opsetid(*item) for item in opsets.items()]
    for node in nodes:
        names = [name for name in node.output if name]
        feeds = {name: values[name] for name in node.input if name}
        _check_size(node, feeds, imports, limit)
        graph = helper.make_graph(
            [node],
            "one",
            [_described(name, value) for name, value in feeds.items()],
            [helper.make_empty_tensor_value_info(name) for name in names],
        )
        model = helper.make_model(graph, opset_imports=imports)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = ReferenceEvaluator(model, new_ops=list(operators)).run(None, feeds)
        for name, value in zip(names, found, strict=True):
            values[name] = np.asarray(value)


def _check_size(
    node: Any, feeds: Mapping[str, NDArray[Any]], imports: Iterable[Any], limit: int
) -> None:
    import onnx
    from onnx import helper, numpy_helper

    small = {n: v for n, v in feeds.items() if v.size <= _SMALL and v.dtype.kind in "biuf"}
    graph = helper.make_graph(
        [node],
        "size",
        [_described(name, value) for name, value in feeds.items() if name not in small],
        [helper.make_empty_tensor_value_info(name) for name in node.output if name],
        [numpy_helper.from_array(value, name) for name, value in small.items()],
    )
    try:
        model = helper.make_model(graph, opset_imports=list(imports))
        done = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception:  # a node that contradicts itself: the evaluator says how
        return
    for entry in [*done.graph.output, *done.graph.value_info]:
        dims = entry.type.tensor_type.shape.dim
        size = math.prod(dim.dim_value if dim.HasField("dim_value") else 1 for dim in dims)
        if size > limit:
            raise DataError(
                f"value {in_a_line(entry.name)} would have {size} elements, made of constants that "
                f"make {limit} credible"
            )


def _described(name: str, value: NDArray[Any]) -> Any:
    from onnx import helper

    try:
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
    except (KeyError, ValueError):
        return helper.make_empty_tensor_value_info(name)
    return helper.make_tensor_value_info(name, kind, value.shape)
