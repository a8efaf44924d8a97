"""A model file as a workload: from its graph where it has one, from its tensors otherwise."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from f2fsim.config.workload import FileWeights, Workload, build_workload
from f2fsim.errors import InputError
from f2fsim.workloads.activations import measure_densities
from f2fsim.workloads.import_onnx import import_onnx
from f2fsim.workloads.import_tensors import import_tensors
from f2fsim.workloads.readers import open_model
from f2fsim.workloads.sources import package_file


def import_model(
    file: str,
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
) -> Workload:
    """Make a workload from a model file.

    Parameters
    ----------
    file : str
        Path of the file, or, with `package`, its path inside the installed package.
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

    Returns
    -------
    Workload
        Unpruned (zeros are the mask), int8, activation density 1 assumed.

    Raises
    ------
    InputError
        If the file is missing or damaged, needs sizes that are not given, or has no layers.
    """
    path = Path(file)
    _check_options(path, sizes, tokens, spatial, transposed)
    if package is not None:
        weights: dict[str, Any] = {"package": package, "file": file}
        path = package_file(FileWeights(file=file, package=package))
    else:
        base = (folder or Path()).resolve()
        weights = {"file": Path(os.path.relpath(path.resolve(), base)).as_posix()}
    model = open_model(path)
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
    data = {
        "name": name or re.sub(r"(\.index)?\.[a-z]+$", "", path.name) or "model",
        "description": "; ".join(found.notes),
        "batch": found.batch,
        "weights": weights,
        "layers": found.layers,
        "excluded": found.excluded,
    }
    return build_workload(data, folder or Path(), str(path))


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
