"""From a file of tensors without a graph to layers: what shapes and names can tell.

The assumptions are the user's to check; ``f2fsim workload from`` writes them into the file:

* two dimensions: a linear layer (out, in) applied to ``tokens`` columns; (in, out) where the
  lengths of the biases say so (GPT-2);
* three, with "expert" in the name: one linear layer an expert;
* three to five: a convolution with stride 1 that keeps the spatial size (``spatial``); with one
  input channel it is depthwise, unless it is the first convolution of the file; with "patch" in
  the name its patches do not overlap (stride = kernel);
* ``…weight_ih…`` with ``…weight_hh…``: a recurrent cell run for ``tokens`` steps, with
  ``…weight_hr…`` one with a projection, which is a layer of its own;
* what is no layer, `f2fsim.workloads.roles` says by its name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from f2fsim.errors import DataError, InputError
from f2fsim.workloads.conventions.checkpoint import Checkpoint
from f2fsim.workloads.conventions.table import LeftOut
from f2fsim.workloads.import_found import Found
from f2fsim.workloads.readers import ModelFile
from f2fsim.workloads.roles import Roles, roles_of, tied_output

_GATES = (4, 3, 1)


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
    for pattern in transposed:
        if not any(fnmatchcase(name, pattern) for name in model.names()):
            raise InputError(f"{model.path}: --transposed {pattern!r} matches no tensor")
    turned = _stored_in_out(model)
    roles = roles_of(model)
    first_convolution = True
    cells = {name: _recurrent(model, name, model.shape(name), tokens) for name in roles.weights}
    inside = {cell["recurrent_tensor"] for cell in cells.values() if cell}
    for name, kind in roles.weights.items():
        shape = model.shape(name)
        given = name in turned or any(fnmatchcase(name, pattern) for pattern in transposed)
        if name in inside:
            continue
        if kind == "linear":
            found.layers.append(cells[name] or _linear(name, shape, tokens, given))
        elif kind == "experts":
            expert = _linear(name, shape[1:], tokens, given)
            found.layers += [
                {**expert, "name": f"{expert['name']}.{i}", "index": [i]} for i in range(shape[0])
            ]
        else:
            found.layers.append(_convolution(model, name, shape, spatial, first_convolution))
            first_convolution = False
    if model.architecture:
        _order_gguf(model, found)
    found.excluded = _excluded(roles.left_out)
    if not found.layers:
        raise DataError(_no_layers(model, roles))
    found.notes += _notes(model, roles, turned)
    return found


#: Order in which a block of a GGUF model multiplies by its tensors.
_GGUF_ORDER = ("attn_qkv", "attn_q", "attn_k", "attn_v", "attn_output", "ssm_in", "ssm_x", "ssm_dt",
               "ssm_out", "ffn_gate_inp", "ffn_gate", "ffn_up", "ffn_down")  # fmt: skip


def _order_gguf(model: ModelFile, found: Found) -> None:
    """Put the layers of a GGUF model in the order of execution; a tied table is its output."""
    tied = tied_output(model)
    for layer in found.layers:
        if tied is not None and layer["tensor"] == tied:
            layer["name"] = "output"
            found.notes.append(f"{tied} is looked up and is the output projection too (tied)")

    def place(layer: dict[str, Any]) -> tuple[int, int, int]:
        match = re.match(r"(?:.*\.)?blk\.(\d+)\.(\w+)", layer["tensor"])
        last = layer["tensor"] in (tied, "output.weight")
        if match is None:
            return (2 if last else 0, 0, 0)
        fits = (i for i, name in enumerate(_GGUF_ORDER) if match[2].startswith(name))
        return (1, int(match[1]), next(fits, len(_GGUF_ORDER)))

    found.layers.sort(key=place)


def _excluded(left_out: list[LeftOut]) -> list[dict[str, Any]]:
    """Return the entries of ``excluded:``; vectors of one reason are one entry."""
    entries: list[dict[str, Any]] = []
    vectors: dict[str, int] = {}
    for item in left_out:
        if item.reason.startswith("vector"):
            vectors[item.reason] = vectors.get(item.reason, 0) + item.n_weights
        else:
            entries.append(_left_out(item.name, item.reason, item.n_weights))
    return entries + [_left_out("vectors", reason, n) for reason, n in vectors.items()]


def _no_layers(model: ModelFile, roles: Roles) -> str:
    """Say why a file makes no layers: what the first tensor of two or more dimensions is."""
    first = next((item for item in roles.left_out if not item.reason.startswith("vector")), None)
    said = f"; {first.name!r}: {first.reason}" if first else ""
    return f"{model.path}: has no float tensor of two to five dimensions that is a layer{said}"


def _notes(model: ModelFile, roles: Roles, turned: set[str]) -> list[str]:
    notes = ["shapes only: the file holds no graph; see docs/workloads.md"]
    if turned & set(roles.weights):
        n = len(turned & set(roles.weights))
        notes.append(f"{n} tensors are (in, out), as the lengths of biases show")
    if isinstance(model, Checkpoint):
        account = model.account(set(roles.weights))
        if model.conventions():
            notes.append(f"stored as: {', '.join(model.conventions())}")
        if model.data_bytes is not None:
            notes.append(
                f"{account.data_bytes} bytes of data = {account.layer_bytes} in layers + "
                f"{account.listed_bytes} listed"
            )
    return notes


def _stored_in_out(model: ModelFile) -> set[str]:
    """Return the matrices with a bias that are stored (in, out).

    A bias is as long as the outputs, so each matrix that is not square shows its order.  If all
    of these are (in, out), so are the square ones.
    """
    biased, turned, plain = set[str](), set[str](), set[str]()
    for name in model.names():
        shape = model.shape(name)
        bias = re.sub(r"weight$", "bias", name)
        if len(shape) == 3 and name + "_bias" in model.infos:
            bias = name + "_bias"
        if bias == name or len(shape) not in (2, 3) or bias not in model.infos:
            continue
        biased.add(name)
        n_out, n_in = shape[-2:]
        if n_out != n_in and model.shape(bias) == (*shape[:-2], n_in):
            turned.add(name)
        elif n_out != n_in:
            plain.add(name)
    return biased - plain if turned and not plain else turned


def _left_out(name: str, reason: str, n_weights: int) -> dict[str, Any]:
    return {"name": name, "op": "tensor", "reason": reason, "n_weights": n_weights}


def _linear(name: str, shape: tuple[int, ...], tokens: int, flipped: bool) -> dict[str, Any]:
    n_out, n_in = shape[::-1] if flipped else shape
    layer: dict[str, Any] = {"name": _layer_name(name), "op": "linear", "tensor": name}
    layer |= {"in_features": n_in, "out_features": n_out}
    if tokens != 1:
        layer["repeat" if re.search(r"weight_(ih|hh|hr)", name) else "n_tokens"] = tokens
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
    projection = model.infos.get(name.replace("weight_ih", "weight_hr"))
    hidden = projection.shape[1] if projection and len(projection.shape) == 2 else own[-1]
    back = projection.shape[0] if projection and len(projection.shape) == 2 else hidden
    gates = next((g for g in _GATES if own == (g * hidden, back)), 0)
    if not gates or shape[0] != own[0]:
        return None
    layer: dict[str, Any] = {"name": _layer_name(name), "op": "lstm", "tensor": name}
    layer |= {"recurrent_tensor": partner, "input_size": shape[1], "hidden_size": hidden}
    if back != hidden:
        layer["projection_size"] = back
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
