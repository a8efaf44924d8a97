"""A set of single matrices as a network: masks with synthetic values, or matrices with values."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from f2fsim.config.yaml_file import read_text
from f2fsim.errors import DataError, InputError, near_miss
from f2fsim.workloads.import_found import Found
from f2fsim.workloads.readers import ModelFile, open_model
from f2fsim.workloads.readers.matrix_files import MATRIX_READERS

#: Output positions of the convolutions of the Deep Learning Matrix Collection's ResNet-50, kept
#: at the root of that collection: three folders above the matrices.
POSITIONS, _LEVELS = "rn50_batchsizes.txt", 3


def is_matrix_set(files: Sequence[str]) -> bool:
    """Whether the files are matrices of which several make a network, or a folder of these."""
    paths = [Path(file) for file in files]
    return len(paths) > 1 or paths[0].suffix.lower() in MATRIX_READERS or paths[0].is_dir()


def matrix_set_path(files: Sequence[str]) -> Path:
    """Return what is opened for a set of files: the file itself or the folder of several.

    Raises
    ------
    InputError
        If one of several is no matrix or lies in another folder.
    """
    first = Path(files[0])
    if len(files) == 1:
        return first
    for file in map(Path, files):
        if file.suffix.lower() not in MATRIX_READERS:
            kinds = ", ".join(MATRIX_READERS)
            raise InputError(f"{file}: of several files each must be a matrix ({kinds})")
        if file.parent.resolve() != first.parent.resolve():
            raise InputError(
                f"{file}: lies in another folder than {first}: one network, one folder"
            )
    return first.parent


def import_matrices(files: Sequence[str], *, tokens: int = 1) -> tuple[ModelFile, Found, bool]:
    """Find the layers of a set of matrices: each is a linear layer (out, in).

    Parameters
    ----------
    files : sequence of str
        Files of one folder, in the order of the layers, or the folder itself.
    tokens : int
        Columns of each layer, unless ``rn50_batchsizes.txt`` beside the files or up to three
        folders above names their output positions.

    Returns
    -------
    (ModelFile, Found, bool)
        The opened set, its layers, and whether they are masks without values.

    Raises
    ------
    InputError
        If masks and matrices with values are mixed, or positions are known for some only.
    """
    model = open_model(matrix_set_path(files))
    names = model.names() if len(files) == 1 else list(dict.fromkeys(Path(f).stem for f in files))
    kinds = {name: model.dtype(name) == "bool" for name in names}
    if len(set(kinds.values())) > 1:
        odd = next(name for name, is_mask in kinds.items() if is_mask != kinds[names[0]])
        raise InputError(
            f"{model.path}: {names[0]!r} and {odd!r} cannot be mixed: one has no values"
        )
    masks = kinds[names[0]]
    found = Found()
    columns = _positions(model, names, tokens, found)
    for name in names:
        n_out, n_in = model.shape(name)
        layer: dict[str, Any] = {"name": name, "op": "linear", "mask" if masks else "tensor": name}
        layer |= {"in_features": n_in, "out_features": n_out}
        if columns[name] != 1:
            layer["n_tokens"] = columns[name]
        found.layers.append(layer)
    if masks:
        found.notes.insert(0, "masks from files, values synthetic (normal)")
    return model, found, masks


def _positions(model: ModelFile, names: list[str], tokens: int, found: Found) -> dict[str, int]:
    """Return the columns of each layer's product."""
    folder = (model.path if model.path.is_dir() else model.path.parent).resolve()
    places = [folder, *folder.parents][: _LEVELS + 1]
    file = next((place / POSITIONS for place in places if (place / POSITIONS).is_file()), None)
    table = {} if file is None else _read_positions(file)
    known = [name for name in names if name in table]
    if not known:
        return dict.fromkeys(names, tokens)
    if len(known) < len(names):
        name = next(name for name in names if name not in table)
        raise InputError(f"{file}: has no output positions of {name!r}{near_miss(name, table)}")
    if tokens != 1:
        raise InputError(f"--tokens has no effect: {file} holds the output positions")
    found.notes.append(f"output positions from {POSITIONS}; each convolution a product by im2col")
    return {name: table[name] for name in names}


def _read_positions(file: Path) -> dict[str, int]:
    table: dict[str, int] = {}
    for number, line in enumerate(read_text(file).splitlines(), 1):
        name, comma, count = line.rpartition(",")
        if not line.strip():
            continue
        if not comma or re.fullmatch(r"\s*0*[1-9][0-9]{0,8}\s*", count) is None:
            raise DataError(f"{file}:{number}: must be 'name,output positions', got {line[:80]!r}")
        table[name.strip()] = int(count)
    return table


def set_name(path: Path) -> str:
    """Return a network's name by its folder: ``network-method-0.9`` if that ends in a number."""
    parts = [part for part in path.resolve().parts if part != path.anchor]
    last = path.stem if path.is_file() else parts[-1] if parts else ""
    try:
        number = math.isfinite(float(last))
    except ValueError:
        number = False
    return "-".join(parts[-3:]) if number else last
