"""A container held against itself and against the model it was made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import PrunedTensor
from f2fsim.codec.container import Container, StoredTensor
from f2fsim.errors import DataError
from f2fsim.pipeline.decode_file import decoded
from f2fsim.pipeline.encode_file import ASKED_SPARSITY, Progress, as_matrix, silent
from f2fsim.pipeline.encode_row import EncodeRow, row_of
from f2fsim.workloads.conventions.checkpoint import open_checkpoint
from f2fsim.workloads.conventions.masks import MaskFile, read_masked
from f2fsim.workloads.prune import n_pruned
from f2fsim.workloads.quantise import quantise_stored
from f2fsim.workloads.readers import ModelFile
from f2fsim.workloads.readers.stored import Stored


def verify_file(
    file: str | Path,
    *,
    against: str | Path | None = None,
    mask: str | Path | None = None,
    max_weights: int | None = None,
    progress: Progress = silent,
) -> list[EncodeRow]:
    """Decode every tensor of a container and check it against what was encoded.

    Parameters
    ----------
    file : str or Path
        The container.
    against : str or Path, optional
        The model it was made from: kept weights must be its weights, quantised with the stored
        scale; pruned ones must be those that pruning by magnitude removes, or zeros.
    mask : str or Path, optional
        The file of masks it was made with.
    max_weights : int, optional
        Weights that the container may claim; by default what its bytes make credible.
    progress : callable
        Called with done, total and the tensor's name.

    Raises
    ------
    DataError
        If anything differs; the message names the first tensor.
    """
    container = Container(Path(file), max_weights)
    shares = container.size().shares()
    model = None if against is None else open_checkpoint(Path(against))
    masks = None if model is None or mask is None else MaskFile(model, Path(mask))
    rows = []
    for item, tensor in decoded(container, progress=progress):
        if model is not None:
            _check_against(container, item, tensor, model, masks)
        rows.append(row_of(item, tensor.n_kept, shares[tensor.name]))
    return rows


def _check_against(
    container: Container,
    item: StoredTensor,
    tensor: PrunedTensor,
    model: ModelFile,
    masks: MaskFile | None,
) -> None:
    place = f"{container.path}: tensor {tensor.name!r}"
    stored = read_masked(model, masks, tensor.name)
    array = stored.values
    if array.shape != item.source_shape:
        raise DataError(f"{place} has shape {item.source_shape}, {model.path} has {array.shape}")
    matrix = as_matrix(tensor.name, array)
    _check_pruned(place, item, tensor.mask, matrix, model)
    expected = quantise_stored(
        Stored(matrix, codes=stored.codes), tensor.mask, tensor.weight_type, by_row=True
    )
    scale = expected.scale
    same_scale = (scale is None) == (item.scale is None) and (
        scale is None or item.scale is None or np.array_equal(scale, item.scale)
    )
    if not same_scale or not np.array_equal(expected.patterns, tensor.patterns):
        raise DataError(f"{place}: kept weights differ from {model.path}")


def _check_pruned(
    place: str, item: StoredTensor, mask: NDArray[np.bool_], matrix: NDArray[Any], model: ModelFile
) -> None:
    """Refuse a mask that prunes what neither its zeros nor pruning by magnitude explain."""
    magnitudes = np.abs(matrix if matrix.dtype.kind == "f" else matrix.astype(np.float32))
    greatest = float(np.max(magnitudes, where=~mask, initial=0.0))
    asked = item.encoded.stats.get(ASKED_SPARSITY)
    n_absent = int(mask.size - np.count_nonzero(mask))
    if asked is not None and n_absent != n_pruned(asked, mask.size):
        raise DataError(
            f"{place}: {n_absent} weights are pruned, a sparsity of {asked} is "
            f"{n_pruned(asked, mask.size)}"
        )
    if greatest == 0.0:
        return
    if asked is None and not mask.any():
        raise DataError(f"{place}: holds only zeros, {model.path} has weights up to {greatest}")
    least = float(np.fmin.reduce(magnitudes, axis=None, where=mask, initial=np.inf))
    if greatest > least:
        raise DataError(
            f"{place}: a weight of magnitude {greatest} in {model.path} is pruned, one of {least} "
            "is kept"
        )
