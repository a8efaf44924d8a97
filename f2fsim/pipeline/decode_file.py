"""From a container back to weights, and what a container holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from f2fsim.codec import PrunedTensor
from f2fsim.codec.container import SUFFIX, Container, StoredTensor
from f2fsim.codec.export import check_ending, integer_codes, real_values, write_arrays
from f2fsim.errors import DataError, InputError
from f2fsim.pipeline.encode_file import Progress, silent
from f2fsim.pipeline.encode_row import EncodeRow, row_of
from f2fsim.whole_file import check_file


def decode_file(
    file: str | Path,
    out: str | Path,
    *,
    integers: bool = False,
    tensors: Sequence[str] | None = None,
    max_weights: int | None = None,
    progress: Progress = silent,
) -> list[str]:
    """Decode a container and write the pruned weights.

    Parameters
    ----------
    file : str or Path
        The container.
    out : str or Path
        ``.safetensors`` or ``.npz``; each tensor has its name and shape in the model.
    integers : bool
        Write integer weights as codes with ``<name>.scale`` beside them; by default as float32.
    tensors : sequence of str, optional
        Only these.
    max_weights : int, optional
        Weights that the container may claim; by default what its bytes make credible.
    progress : callable
        Called with done, total and the tensor's name.

    Returns
    -------
    list of str
        Names written.

    Raises
    ------
    InputError
        If `out` cannot take weights, or is the container itself.
    DataError
        If the container is damaged; nothing is written then.
    """
    target = Path(out)
    check_ending(target)
    if target.name.endswith(SUFFIX):
        raise InputError(f"{target}: ends like a container; decoded weights need another name")
    check_file(target, "out")
    if target.exists() and Path(file).exists() and target.samefile(file):
        raise InputError(f"{target}: is the container itself; decoded weights need another name")
    arrays: dict[str, NDArray[Any]] = {}
    for item, tensor in decoded(Container(Path(file), max_weights), tensors, progress):
        if integers and not tensor.weight_type.is_float:
            arrays[tensor.name] = integer_codes(tensor).reshape(item.source_shape)
            if item.scale is not None:
                arrays[f"{tensor.name}.scale"] = item.scale
        else:
            arrays[tensor.name] = real_values(tensor, item.scale).reshape(item.source_shape)
    write_arrays(target, arrays)
    return list(arrays)


def decoded(
    container: Container, tensors: Sequence[str] | None = None, progress: Progress = silent
) -> Iterator[tuple[StoredTensor, PrunedTensor]]:
    """Yield each stored tensor with what it decodes to, checked.

    Raises
    ------
    DataError
        If a tensor is missing or damaged; the message names file and tensor.
    """
    names = container.names() if tensors is None else list(tensors)
    for done, name in enumerate(names):
        progress(done, len(names), name)
        item = container.read(name)
        try:
            tensor = item.decode()
        except DataError as error:
            raise DataError(f"{container.path}: {error}") from None
        yield item, tensor
    progress(len(names), len(names), "")


def inspect_file(file: str | Path, *, max_weights: int | None = None) -> list[EncodeRow]:
    """Return the rows of a container's tensors; streams are read and checked, not decoded.

    Parameters
    ----------
    file : str or Path
        The container.
    max_weights : int, optional
        Weights that it may claim; by default what its bytes make credible.
    """
    container = Container(Path(file), max_weights)
    shares = container.size().shares()
    rows = []
    for name in container.names():
        item = container.read(name)
        kept = item.encoded.stats.get("n_kept")
        if kept is None:
            kept = item.decode().n_kept
        rows.append(row_of(item, int(kept), shares[name]))
    return rows
