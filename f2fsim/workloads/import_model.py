"""A model file as a workload: from its graph where it has one, from its tensors otherwise."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from f2fsim.config.load_workload import build_workload
from f2fsim.config.weight_source import FileWeights
from f2fsim.config.workload import Workload
from f2fsim.errors import InputError
from f2fsim.workloads.activations import measure_densities
from f2fsim.workloads.conventions.checkpoint import Checkpoint, open_checkpoint
from f2fsim.workloads.conventions.masks import MaskFile
from f2fsim.workloads.import_matrices import import_matrices, is_matrix_set, set_name
from f2fsim.workloads.import_onnx import import_onnx
from f2fsim.workloads.import_tensors import import_tensors
from f2fsim.workloads.readers import ModelFile, open_model
from f2fsim.workloads.sources import package_file
from f2fsim.workloads.stored_types import stored_types


def import_model(
    file: str | Sequence[str],
    *,
    package: str | None = None,
    folder: Path | None = None,
    name: str | None = None,
    sizes: Mapping[str, tuple[int, ...] | int] | None = None,
    tokens: int = 1,
    spatial: Sequence[int] = (),
    transposed: Sequence[str] = (),
    measure: bool = False,
    inputs: Path | None = None,
    mask: Path | None = None,
) -> Workload:
    """Make a workload from a model file.

    Parameters
    ----------
    file : str or sequence of str
        Path of the file, or, with `package`, its path inside the installed package.  Several
        matrices (``.smtx``, ``.mtx``) of one folder, or the folder, make one network.
    package : str, optional
        Distribution that carries the file.
    folder : Path, optional
        Where the workload's YAML will lie; a user's file is named relative to it.
    name : str, optional
        Of the workload; default: the file's stem.
    sizes : mapping, optional
        ONNX: shapes of inputs and values of named dimensions.
    tokens, spatial, transposed
        Files without a graph: see `import_tensors`.
    measure, inputs
        ONNX: run the model on the arrays of the file `inputs` (noise without it) and record the
        density of each layer's input activations.

    mask : Path, optional
        File of masks, each called as its weights or its layer.

    Returns
    -------
    Workload
        Unpruned (zeros are the mask), int8, activation density 1 assumed.

    Raises
    ------
    InputError
        If the file is missing or damaged, needs sizes that are not given, or has no layers.
    """
    files = [file] if isinstance(file, str) else list(file)
    if package is None and is_matrix_set(files):
        if sizes or spatial or transposed or measure or inputs is not None or mask is not None:
            raise InputError(f"{files[0]}: matrices take no option but --tokens and --name")
        return _matrix_workload(files, folder, name, tokens)
    if len(files) > 1:
        raise InputError(f"--package: one file of the package is needed, got {len(files)}")
    file, path = files[0], Path(files[0])
    _check_options(path, sizes, tokens, spatial, transposed)
    if package is not None:
        weights: dict[str, Any] = {"package": package, "file": file}
        path = package_file(FileWeights(file=file, package=package))
    else:
        weights = {"file": _relative(path, folder)}
    model = open_checkpoint(path)
    if path.name.lower().endswith(".onnx"):
        sizes = dict(sizes or {})
        if inputs is not None:
            given = open_model(inputs)
            sizes |= {name: given.shape(name) for name in given.names()}
        found = import_onnx(path, sizes)
        if measure or inputs is not None:
            found.notes.append(measure_densities(path, found, sizes, inputs))
    elif measure or inputs is not None:
        raise InputError(f"{path}: only an ONNX model can be run to measure activations")
    else:
        found = import_tensors(model, tokens=tokens, spatial=spatial, transposed=transposed)
    data: dict[str, Any] = {
        "name": name or re.sub(r"(\.index)?\.[a-z]+$", "", path.name) or "model",
        "description": "; ".join(found.notes),
        "batch": found.batch,
        "weights": weights,
        "layers": found.layers,
        "operations": found.operations,
        "excluded": found.excluded,
    }
    if isinstance(model, Checkpoint):
        _keep_codes(model, data)
    if mask is not None:
        data["masks"] = {"file": _relative(mask, folder)}
        _name_masks(found.layers, model, mask)
    return build_workload(data, folder or Path(), str(path))


def _keep_codes(model: Checkpoint, data: dict[str, Any]) -> None:
    """Take the weight types that the file stores its weights in, and say so."""
    tensors = list(dict.fromkeys(str(layer["tensor"]) for layer in data["layers"]))
    found = stored_types(model, tensors)
    if found is None:
        return
    data |= {"weight_type": found.weight_type}
    for layer in data["layers"]:
        own = found.of(str(layer["tensor"]))
        if own != found.weight_type:
            layer["weight_type"] = own
    if found.quantisation:
        data["quantisation"] = found.quantisation
    data["description"] += "; " + found.note(len(tensors))


def _name_masks(layers: list[dict[str, Any]], model: ModelFile, file: Path) -> None:
    """Give each layer the name of its mask in a file of masks."""
    names = MaskFile(model, file).names
    for layer in layers:
        for tensor, key in (("tensor", "mask"), ("recurrent_tensor", "recurrent_mask")):
            if layer.get(tensor) in names:
                layer[key] = names[layer[tensor]]
    used = {layer.get(key) for layer in layers for key in ("mask", "recurrent_mask")}
    idle = next((name for name in names.values() if name not in used), None)
    if idle is not None:
        raise InputError(f"{file}: mask {idle!r} belongs to a tensor that is no layer")


def _relative(path: Path, folder: Path | None) -> str:
    """Return a user's file as a workload's YAML in `folder` names it."""
    return Path(os.path.relpath(path.resolve(), (folder or Path()).resolve())).as_posix()


def _matrix_workload(
    files: Sequence[str], folder: Path | None, name: str | None, tokens: int
) -> Workload:
    """Make a workload from a set of matrices; masks get synthetic values."""
    model, found, masks = import_matrices(files, tokens=tokens)
    source: dict[str, Any] = {"file": _relative(model.path, folder)}
    data: dict[str, Any] = {"name": name or set_name(model.path) or "matrices"}
    data |= {"description": "; ".join(found.notes), "layers": found.layers}
    data |= (
        {"synthetic": {"distribution": "normal"}, "masks": source} if masks else {"weights": source}
    )
    return build_workload(data, folder or Path(), str(model.path))


def _check_options(
    path: Path,
    sizes: Mapping[str, tuple[int, ...] | int] | None,
    tokens: int,
    spatial: Sequence[int],
    transposed: Sequence[str],
) -> None:
    """Refuse options that would have no effect on this kind of file."""
    if not path.name.lower().endswith(".onnx"):
        if sizes:
            raise InputError(
                f"{path}: --size is for ONNX; a file without a graph takes --tokens and --spatial"
            )
        return
    given = {"tokens": tokens != 1, "spatial": bool(spatial), "transposed": bool(transposed)}
    for option, is_given in given.items():
        if is_given:
            raise InputError(
                f"{path}: --{option} is for files without a graph; "
                f"ONNX takes --size for what is free"
            )
