"""Activation densities measured by running the real network with ONNX's reference evaluator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.errors import InputError, near_miss
from f2fsim.workloads.import_found import Found
from f2fsim.workloads.onnx_axes import batch_axes
from f2fsim.workloads.onnx_branches import take_branches
from f2fsim.workloads.onnx_graph import Sizes, evaluate, fix_inputs, inputs
from f2fsim.workloads.readers import open_model
from f2fsim.workloads.readers.onnx_file import load_proto
from f2fsim.workloads.readers.onnx_standard_form import for_evaluation
from f2fsim.workloads.synthetic import generator


def measure_densities(
    path: Path, found: Found, sizes: Sizes, data: Path | None = None, seed: int = 1
) -> str:
    """Run an ONNX model and note in `found` which share of each layer's inputs is not zero.

    The zeros that padding adds are not counted, and recurrent layers are left as they are (their
    state changes from step to step).

    Parameters
    ----------
    path : Path
        The model.
    found : Found
        What `import_onnx` found in it; its layers get ``activation_density`` and the origin
        ``measured``.
    sizes : mapping
        As for `import_onnx`, the shapes of the arrays in `data` included.
    data : Path, optional
        File of arrays named like the model's inputs (``.npz``); without it, float inputs are
        standard normal noise and others zeros.
    seed : int
        Of the noise.

    Returns
    -------
    str
        What the densities were measured on, for the workload's description.

    Raises
    ------
    InputError
        If the arrays do not fit the model's inputs or the evaluator cannot run the model.
    """
    if found.quantised:
        raise InputError(
            f"{path}: has quantised operators: activations are measured on the float model"
        )
    model = load_proto(path)
    for_evaluation(model)
    feeds = _given(path, model, data) if data is not None else {}
    free = fix_inputs(path, model.graph, sizes, batch_axes(model))
    take_branches(path, model)
    if free:
        raise InputError(f"{path}: cannot be run without the size of {', '.join(free)}")
    if data is None:
        feeds = {entry.name: _noise(entry, seed) for entry in inputs(model.graph)}
    layers = [layer for layer in found.layers if layer["op"] != "lstm"]
    values = evaluate(path, model, feeds, [found.inputs[layer["name"]] for layer in layers])
    for layer in layers:
        value = values[found.inputs[layer["name"]]]
        layer["activation_density"] = round(float(np.count_nonzero(value) / value.size), 6)
        layer["activation_origin"] = "measured"
    source = f"on {data.name}" if data is not None else f"on standard normal noise (seed {seed})"
    return f"activation densities measured {source}"


def _given(path: Path, model: Any, data: Path) -> dict[str, NDArray[Any]]:
    """Read the arrays that the model's inputs take, in the inputs' types."""
    from onnx import helper

    arrays = open_model(data)
    entries = {entry.name: entry for entry in inputs(model.graph)}
    for name in arrays.names():
        if name not in entries:
            raise InputError(
                f"{data}: {path.name} has no input {name!r}{near_miss(name, entries)}; "
                f"it has {', '.join(entries)}"
            )
    return {
        name: arrays.read(name).astype(
            helper.tensor_dtype_to_np_dtype(entries[name].type.tensor_type.elem_type)
        )
        for name in arrays.names()
    }


def _noise(entry: Any, seed: int) -> NDArray[Any]:
    from onnx import helper

    tensor = entry.type.tensor_type
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    shape = tuple(max(1, dim.dim_value) for dim in tensor.shape.dim)
    if dtype.kind != "f":
        return np.zeros(shape, dtype=dtype)
    return generator(seed, "input", entry.name).standard_normal(shape).astype(dtype)
