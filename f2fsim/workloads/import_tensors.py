"""From a file of tensors without a graph to layers: what shapes and names can tell.

The assumptions are the user's to check; ``f2fsim workload from`` writes them into the file:

* two dimensions: a linear layer (out, in) applied to ``tokens`` columns; (in, out) where the
  lengths of the biases say so (GPT-2);
* three, with "expert" in the name: one linear layer an expert;
* three to five: a convolution with stride 1 that keeps the spatial size (``spatial``); with one
  input channel it is depthwise, unless it is the first convolution of the file; with "patch" in
  the name its patches do not overlap (stride = kernel);
* ``…weight_ih…`` with ``…weight_hh…``: a recurrent cell run for ``tokens`` steps;
* tables that are named like embeddings, vectors (biases, norms) and integers are left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from f2fsim.errors import DataError, InputError
from f2fsim.workloads.import_found import Found
from f2fsim.workloads.readers import ModelFile

_EMBEDDING = re.compile(
    r"embed|(^|\.)(wte|wpe|shared)(\.|$)|position|token_type|rel_pos|relative_attention|rotary",
    re.IGNORECASE,
)
_PROJECTION = re.compile(r"lm_head|proj|mapping|dense|linear|(^|[._])fc", re.IGNORECASE)
_FLOATS = re.compile(r"(float|F8|F16|F32|F64|BF16|BFLOAT|Half|Double)", re.IGNORECASE)
_BYTES = re.compile(r"^(u?int8|[IU]8|Char|Byte)", re.IGNORECASE)
_GATES = (4, 3, 1)
_SCALES = re.compile(r"(scales?|scale_inv|q?zeros?|zero_points?|absmax|g_idx)$", re.IGNORECASE)


def import_tensors(
    model: ModelFile,
    *,
    tokens: int = 1,
    spatial: Sequence[int] = (),
    transposed: Sequence[str] = (),
) -> Found:
    """Find the layers of a file of tensors.

    Parameters
    ----------
    model : ModelFile
        The open file.
    tokens : int
        Columns of each linear layer, steps of each recurrent cell.
    spatial : sequence of int
        Input size of every convolution, one number an axis, or one for all axes.
    transposed : sequence of str
        Shell patterns of tensors that are stored (in, out).

    Raises
    ------
    InputError
        If there are convolutions and `spatial` is missing, or a pattern matches no tensor.
    DataError
        If no tensor can be a layer.
    """
    found = Found()
    vectors = 0
    first_convolution = True
    for pattern in transposed:
        if not any(fnmatchcase(name, pattern) for name in model.names()):
            raise InputError(f"{model.path}: --transposed {pattern!r} matches no tensor")
    turned = _stored_in_out(model)
    for name in model.names():
        shape = model.shape(name)
        reason = _reason_to_leave(name, shape, model.dtype(name))
        if reason == "vector":
            vectors += math.prod(shape)
        elif reason:
            found.excluded.append(_left_out(name, reason, math.prod(shape)))
        elif len(shape) == 2:
            layer = _recurrent(model, name, shape, tokens)
            if layer is None and "weight_hh" not in name:
                given = any(fnmatchcase(name, pattern) for pattern in transposed)
                layer = _linear(name, shape, tokens, given or name in turned)
            found.layers += [layer] if layer else []
        elif len(shape) == 3 and "expert" in name.lower():
            given = any(fnmatchcase(name, pattern) for pattern in transposed)
            expert = _linear(name, shape[1:], tokens, given)
            found.layers += [
                {**expert, "name": f"{expert['name']}.{i}", "index": [i]} for i in range(shape[0])
            ]
        else:
            found.layers.append(_convolution(model, name, shape, spatial, first_convolution))
            first_convolution = False
    if vectors:
        found.excluded.append(_left_out("vectors", "biases and norms, no product", vectors))
    if not found.layers:
        raise DataError(f"{model.path}: has no float tensor of two to five dimensions")
    found.notes.append("shapes only: the file holds no graph; see docs/workloads.md")
    if turned:
        found.notes.append(f"{len(turned)} tensors are (in, out), as the lengths of biases show")
    return found


def _stored_in_out(model: ModelFile) -> set[str]:
    """Return the matrices with a bias that are stored (in, out).

    A bias is as long as the outputs, so each matrix that is not square shows its order.  If all
    of these are (in, out), so are the square ones.
    """
    biased, turned, plain = set[str](), set[str](), set[str]()
    for name in model.names():
        shape = model.shape(name)
        bias = re.sub(r"weight$", "bias", name)
        if bias == name or len(shape) != 2 or bias not in model.infos:
            continue
        biased.add(name)
        if shape[0] != shape[1] and model.shape(bias) == (shape[1],):
            turned.add(name)
        elif shape[0] != shape[1]:
            plain.add(name)
    return biased - plain if turned and not plain else turned


def _reason_to_leave(name: str, shape: tuple[int, ...], dtype: str) -> str:
    if math.prod(shape) == 0:
        return "empty"
    if len(shape) < 2:
        return "vector"
    if name.endswith("qweight"):
        return "packed integers of a quantiser: give the float file"
    if _SCALES.search(name):
        return "scales or zero points of quantised weights"
    if not _FLOATS.search(dtype) and not _BYTES.search(dtype):
        return f"{dtype} elements are no weights"
    table = len(shape) == 2 or shape[0] == 1
    if table and _EMBEDDING.search(name) and not _PROJECTION.search(name):
        return "looks like an embedding: table look-up, no product"
    if len(shape) > 5 or (len(shape) > 2 and shape[0] == shape[1] == 1):
        return "looks like a buffer"
    return ""


def _left_out(name: str, reason: str, n_weights: int) -> dict[str, Any]:
    return {"name": name, "op": "tensor", "reason": reason, "n_weights": n_weights}


def _linear(name: str, shape: tuple[int, ...], tokens: int, flipped: bool) -> dict[str, Any]:
    n_out, n_in = shape[::-1] if flipped else shape
    layer: dict[str, Any] = {"name": _layer_name(name), "op": "linear", "tensor": name}
    layer |= {"in_features": n_in, "out_features": n_out}
    if tokens != 1:
        layer["n_tokens"] = tokens
    if flipped:
        layer["transposed"] = True
    return layer


def _recurrent(
    model: ModelFile, name: str, shape: tuple[int, ...], steps: int
) -> dict[str, Any] | None:
    """Return the cell whose input weights are `name`, None if they are no recurrent weights."""
    partner = name.replace("weight_ih", "weight_hh")
    if partner == name or partner not in model.infos:
        return None
    own = model.shape(partner)
    hidden = own[-1]
    gates = next((g for g in _GATES if own == (g * hidden, hidden)), 0)
    if not gates or shape[0] != own[0]:
        return None
    layer: dict[str, Any] = {"name": _layer_name(name), "op": "lstm", "tensor": name}
    layer |= {"recurrent_tensor": partner, "input_size": shape[1], "hidden_size": hidden}
    if gates != 4:
        layer["n_gates"] = gates
    if steps != 1:
        layer["repeat"] = steps
    return layer


def _convolution(
    model: ModelFile, name: str, shape: tuple[int, ...], spatial: Sequence[int], first: bool
) -> dict[str, Any]:
    n_out, n_in, *kernel = shape
    rank = len(kernel)
    if len(spatial) not in (1, rank):
        raise InputError(
            f"{model.path}: {name!r} {shape} looks like a convolution: its input size is needed, "
            f"the file has no graph; give --spatial, such as --spatial {'x'.join(['56'] * rank)}"
        )
    size = list(spatial) if len(spatial) == rank else [spatial[0]] * rank
    depthwise = n_in == 1 and n_out > 1 and not first
    layer: dict[str, Any] = {"name": _layer_name(name), "op": f"conv{rank}d", "tensor": name}
    layer |= {"in_channels": n_out if depthwise else n_in, "out_channels": n_out}
    layer |= {"kernel": kernel, "input_size": size}
    if "patch" in name.lower():
        return layer | {"stride": kernel}
    before, after = [(k - 1) // 2 for k in kernel], [k // 2 for k in kernel]
    if any(after):
        layer["padding"] = before if before == after else before + after
    if depthwise:
        layer["groups"] = n_out
    return layer


def _layer_name(tensor: str) -> str:
    return re.sub(r"\.?weight(?=$|_)", "", tensor).replace("_ih", "", 1) or tensor
