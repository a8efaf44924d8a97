"""Shapes of an ONNX graph: inputs fixed, sizes inferred or found by running it."""

from __future__ import annotations

import math
import shlex
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.errors import DataError, InputError, near_miss
from f2fsim.workloads.onnx_sizes import SMALL, Shape, fold_sizes
from f2fsim.workloads.readers.onnx_derived import own_operators
from f2fsim.workloads.readers.onnx_file import constants, subgraphs
from f2fsim.workloads.readers.onnx_standard_form import for_inference

#: Elements of an input that a model is run on.
_MOST_ELEMENTS = 2**26

Sizes = Mapping[str, tuple[int, ...] | int]


def inputs(graph: Any) -> list[Any]:
    """Return the graph's inputs that are no initializers."""
    constant = {tensor.name for tensor in graph.initializer}
    return [entry for entry in graph.input if entry.name not in constant]


def batch_of(graph: Any, axes: Mapping[str, int | None]) -> int:
    """Return the batch of the first input with two or more dimensions.

    `axes` holds the batch axis of inputs where it is not the first (None: it has none).
    """
    for entry in inputs(graph):
        dims = entry.type.tensor_type.shape.dim
        if len(dims) >= 2:
            axis = axes.get(entry.name, 0)
            return 1 if axis is None else max(1, int(dims[axis].dim_value))
    return 1


def fix_inputs(path: Path, graph: Any, sizes: Sizes, axes: Mapping[str, int | None]) -> list[str]:
    """Set the shapes of the inputs; return the dimensions that stay free, in words.

    A free batch of an input with several dimensions becomes 1: the first axis unless `axes` says
    another one (or none).

    Raises
    ------
    InputError
        If a name in `sizes` is neither an input nor a free dimension, or the rank is another.
    """
    free: list[str] = []
    entries = inputs(graph)
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
            elif (i == axes.get(entry.name, 0) and len(dims) > 1) or dim.dim_param.lower() in (
                "batch",
                "batch_size",
            ):
                dim.dim_value = 1
            else:
                free.append(f"dimension {i} ({dim.dim_param or 'free'}) of input {entry.name!r}")
    for name in sizes:
        if name not in known:
            raise InputError(
                f"{path}: has no input or free dimension {name!r}{near_miss(name, known)}; "
                f"it has {', '.join(sorted(known))}"
            )
    return free


def size_option(graph: Any) -> str:
    """Return the option that gives the free sizes, to be filled in by the user."""
    options = []
    for entry in inputs(graph):
        dims = entry.type.tensor_type.shape.dim
        if all(dim.dim_value > 0 for dim in dims):
            continue
        words = [str(dim.dim_value) if dim.dim_value > 0 else "N" for dim in dims]
        options.append("--size " + shlex.quote(f"{entry.name}={'x'.join(words)}"))
    return " ".join(options)


def without_large_constants(model: Any) -> Any:
    """Return a copy for ONNX's shape inference, which takes models of any size that way."""
    import onnx

    light = type(model)()
    light.CopyFrom(model)
    graph = light.graph
    declared = {entry.name for entry in graph.input}
    for tensor in [t for t in graph.initializer if math.prod(t.dims) > SMALL]:
        if tensor.name not in declared:
            graph.input.append(
                onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            )
        graph.initializer.remove(tensor)
    for_inference(graph)
    # Shapes written by an exporter at another size would win over the inferred ones.
    del graph.value_info[:]
    for entry in graph.output:
        entry.type.tensor_type.ClearField("shape")
    return light


def infer(
    path: Path, model: Any, stated: Iterable[Any] = ()
) -> tuple[dict[str, Shape], dict[str, NDArray[Any]]]:
    """Return every shape as far as ONNX's inference comes, and the small values that are fixed.

    It runs on a copy without large constants.  What the inference cannot carry from value to value
    (sizes computed with Concat, Cast, Split …) is computed here and given to it as constants, until
    nothing more is found.  A size that is not known is -1.

    Parameters
    ----------
    path : Path
        The model's file.
    model : ModelProto
        It is not changed.
    stated : iterable of ValueInfoProto
        Shapes that the file states and that are taken as they are.

    Raises
    ------
    DataError
        If the graph contradicts itself.
    """
    import onnx

    light = without_large_constants(model)
    light.graph.value_info.extend(stated)
    known: dict[str, NDArray[Any]] = {}
    while True:
        try:
            done = onnx.shape_inference.infer_shapes(light, data_prop=True)
        except Exception as error:  # onnx raises C++ exceptions without a common Python base
            raise DataError(f"{path}: shapes cannot be inferred: {_reason(error)}") from None
        shapes = _shapes(done)
        if not fold_sizes(light, shapes, known):
            return shapes, known


def _shapes(model: Any) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {}
    for part in subgraphs(model.graph):
        for entry in [*part.input, *part.value_info, *part.output]:
            tensor = entry.type.tensor_type
            if tensor.HasField("shape"):
                shapes[entry.name] = tuple(
                    dim.dim_value if dim.HasField("dim_value") else -1 for dim in tensor.shape.dim
                )
        for name, tensor in constants(part):
            shapes[name] = tuple(tensor.dims)
    return shapes


def evaluate(
    path: Path, model: Any, feeds: Mapping[str, NDArray[Any]], names: Iterable[str]
) -> dict[str, NDArray[Any]]:
    """Run the model with ONNX's reference evaluator and return intermediate values by name.

    Parameters
    ----------
    path : Path
        The model's file: data kept beside it is read.
    model : ModelProto
        With its branches taken (`onnx_branches.take_branches`).
    feeds : mapping of str to ndarray
        Values of inputs; an input that is missing is filled with zeros of its fixed shape.
    names : iterable of str
        Values wanted; must be made by nodes of the graph or be inputs.

    Raises
    ------
    DataError
        If the evaluator cannot run the model.
    """
    import onnx
    from onnx.reference import ReferenceEvaluator

    whole = type(model)()
    whole.CopyFrom(model)
    wanted = list(dict.fromkeys(names))
    _keep_ancestors(whole.graph, wanted)
    made = {name for node in whole.graph.node for name in node.output}
    del whole.graph.output[:]
    whole.graph.output.extend(
        onnx.helper.make_empty_tensor_value_info(name) for name in wanted if name in made
    )
    entries = inputs(whole.graph)
    largest = max((_n_elements(entry) for entry in entries), default=0)
    if largest > _MOST_ELEMENTS:
        raise DataError(f"{path}: an input of {largest} elements is too large to run the model on")
    values = {e.name: feeds[e.name] if e.name in feeds else _zeros(e) for e in entries}
    try:
        onnx.load_external_data_for_model(whole, str(path.parent))
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            outputs = ReferenceEvaluator(whole, new_ops=own_operators()).run(None, values)
    except Exception as error:  # the evaluator lets any exception of an operator through
        raise DataError(f"{path}: ONNX's evaluator cannot run it: {_reason(error)}") from None
    results = dict(zip((o.name for o in whole.graph.output), outputs, strict=True))
    return results | {name: values[name] for name in wanted if name in values}


def _keep_ancestors(graph: Any, names: Iterable[str]) -> None:
    """Take out the nodes that none of the values needs: the evaluator may not know them."""
    needed = set(names)
    kept = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(values_used(node))
    copies = [type(node).FromString(node.SerializeToString()) for node in reversed(kept)]
    del graph.node[:]
    graph.node.extend(copies)


def values_used(node: Any) -> set[str]:
    """Return the values that a node takes, those that graphs inside it take included."""
    used = set(node.input)
    for attribute in node.attribute:
        for inner in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
            for other in inner.node:
                used |= values_used(other)
            used.update(entry.name for entry in inner.output)
    return used


def _n_elements(entry: Any) -> int:
    return math.prod(max(1, dim.dim_value) for dim in entry.type.tensor_type.shape.dim)


def _zeros(entry: Any) -> NDArray[Any]:
    from onnx import helper

    tensor = entry.type.tensor_type
    shape = [max(1, dim.dim_value) for dim in tensor.shape.dim]
    return np.zeros(shape, dtype=helper.tensor_dtype_to_np_dtype(tensor.elem_type))


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
