"""From a file of weights to a container and back: what the encoding commands call."""

from __future__ import annotations

import math
import os
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import PrunedTensor, WeightFormat, WeightType, weight_format
from f2fsim.codec import weight_type as weight_type_of
from f2fsim.codec.choose import encode_smallest
from f2fsim.codec.container import SUFFIX, StoredTensor, store, write_container
from f2fsim.codec.f2f import F2FFormat
from f2fsim.errors import DataError, InputError
from f2fsim.pipeline.encode_row import EncodeRow, row_of, stored_stats
from f2fsim.whole_file import check_file
from f2fsim.workloads.conventions.checkpoint import Checkpoint, open_checkpoint
from f2fsim.workloads.conventions.masks import MaskFile, read_masked
from f2fsim.workloads.conventions.table import LeftOut
from f2fsim.workloads.prune import magnitude_mask, n_pruned
from f2fsim.workloads.quantise import keeps_codes, quantise_stored, require_finite
from f2fsim.workloads.readers import ModelFile
from f2fsim.workloads.readers.stored import Stored
from f2fsim.workloads.roles import is_bias, kind_of_weights, roles_of
from f2fsim.workloads.synthetic import generator

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[int, int, str], None]

#: Weights that are encoded at once, at most: several tensors take the memory of all of them.
_MOST_WEIGHTS = 1 << 24
#: Number of a container's tensor that says how much of it magnitude pruning was to remove.
ASKED_SPARSITY = "asked_sparsity"


@dataclass(frozen=True, repr=False)
class EncodeResult:
    """What `encode` did.

    Attributes
    ----------
    rows : tuple of EncodeRow
        One for each tensor, in the file's order.
    left_out : tuple of LeftOut
        Tensors of the file that were not encoded, each with its reason.
    container : Path or None
        The file written.
    quantised_anew : mapping of str to str
        Tensors whose codes could not be kept, each with the type that the file stores it in: codes
        stay where the weight type is theirs and they have one scale a row.
    """

    rows: tuple[EncodeRow, ...]
    left_out: tuple[LeftOut, ...]
    container: Path | None
    quantised_anew: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        n_weights = sum(row.n_weights for row in self.rows)
        bits = sum(row.n_bits for row in self.rows) / n_weights if n_weights else 0.0
        where = f", in {self.container}" if self.container else ""
        return (
            f"EncodeResult: {len(self.rows)} tensors, {n_weights:,} weights, "
            f"{bits:.4g} bit/weight{where}"
        )

    def frame(self) -> pd.DataFrame:
        """Return one row a tensor as a pandas table."""
        import pandas as pd

        return pd.DataFrame([row.to_table() for row in self.rows])


def silent(done: int, total: int, label: str) -> None:
    """Report no progress."""


def encode(
    file: str | Path,
    *,
    format: str = "f2f",
    sparsity: float | None = None,
    weight_type: str = "int8",
    params: Mapping[str, Any] | None = None,
    auto: bool = False,
    tensors: Sequence[str] | None = None,
    mask: str | Path | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    progress: Progress = silent,
    dtype: str | None = None,
) -> EncodeResult:
    """Prune, quantise and encode the weight matrices of a file.

    Parameters
    ----------
    file : str or Path
        ``.safetensors``, ``.onnx``, ``.npz`` and what else `f2fsim.workloads.open_model` reads.
    format : str
        A name in `f2fsim.codec.FORMATS`.
    sparsity : float, optional
        Share of each tensor that magnitude pruning removes, biases left as they are; by default
        nothing is pruned and the zeros that are there count as pruned.
    weight_type : str
        Weight type; integers are quantised symmetrically per row.
    params : mapping, optional
        Parameters of the format.
    auto : bool
        Choose all parameters that `params` do not give, for the fewest bytes of each tensor
        (``f2f`` only); of very small tensors bitmap may be smaller and is taken then.
    tensors : sequence of str, optional
        Only these; by default the weights of the layers that ``f2fsim workload from`` finds (of
        an ONNX file every tensor of two or more dimensions).
    mask : str or Path, optional
        File of masks; what they prune is pruned.
    seed : int
        Decides among equal magnitudes at the threshold.
    out : str or Path, optional
        Container to write (``.f2f.safetensors``).
    progress : callable
        Called with done, total and the tensor's name.
    dtype : str, optional
        Name of `weight_type` before 0.2; deprecated.

    Returns
    -------
    EncodeResult

    Raises
    ------
    InputError
        If file, tensor or a parameter cannot be used; nothing is written then.
    """
    if dtype is not None:
        warnings.warn("encode: dtype is now weight_type", DeprecationWarning, stacklevel=2)
        weight_type = dtype
    wanted = weight_type_of(weight_type)
    if sparsity is not None and not 0.0 <= sparsity <= 1.0:
        raise InputError(f"sparsity must be 0 to 1, got {sparsity}")
    target = None if out is None else Path(out)
    if target is not None and not target.name.endswith(SUFFIX):
        raise InputError(f"{target}: a container's name ends with {SUFFIX}")
    if target is not None:
        check_file(target, "out")
    coder = weight_format(format, params)
    if auto and not isinstance(coder, F2FFormat):
        raise InputError(f"auto chooses parameters of f2f only, not of {format!r}")
    given = dict(params or {}) if auto else None
    model = open_checkpoint(Path(file))
    names, left_out = _chosen(model, tensors)
    masks = None if mask is None else MaskFile(model, Path(mask))
    rows: list[EncodeRow] = []

    anew: dict[str, str] = {}

    def read() -> Iterator[tuple[str, Stored]]:
        for done, name in enumerate(names):
            progress(done, len(names), name)
            weights = read_masked(model, masks, name)
            if weights.codes is not None and not keeps_codes(weights.codes, wanted):
                anew[name] = weights.codes.weight_type
            yield name, weights

    def encode_one(of: tuple[str, Stored]) -> StoredTensor:
        return _encode_one(model, *of, wanted, sparsity, seed, coder, given)

    def stored() -> Iterator[StoredTensor]:
        for item in _some_at_once(encode_one, read()):
            rows.append(row_of(item, int(item.encoded.stats["n_kept"])))
            yield item
        progress(len(names), len(names), "")

    shares = write_container(target, stored()).shares()
    in_file = tuple(replace(row, file_bytes=shares[row.tensor]) for row in rows)
    return EncodeResult(in_file, tuple(left_out), target, anew)


def _some_at_once(
    encode: Callable[[tuple[str, Stored]], StoredTensor], given: Iterable[tuple[str, Stored]]
) -> Iterator[StoredTensor]:
    """Yield the encoding of each tensor, in order, one a core at a time; large ones alone."""
    n_cores = os.cpu_count() or 1
    if n_cores == 1:
        yield from map(encode, given)
        return
    pool = ThreadPoolExecutor(n_cores)
    waiting: deque[tuple[int, Future[StoredTensor]]] = deque()
    try:
        for one in given:
            size = one[1].values.size
            # However many cores there are.
            while waiting and (
                len(waiting) > n_cores or sum(n for n, _ in waiting) + size > _MOST_WEIGHTS
            ):
                yield waiting.popleft()[1].result()
            if size > _MOST_WEIGHTS:  # in this thread, which Ctrl-C reaches
                yield encode(one)
            else:
                waiting.append((size, pool.submit(encode, one)))
            del one
        while waiting:
            yield waiting.popleft()[1].result()
    finally:
        pool.shutdown(cancel_futures=True)


def _chosen(model: ModelFile, tensors: Sequence[str] | None) -> tuple[list[str], list[LeftOut]]:
    """Return the names to encode and what is left out."""
    if tensors is not None:
        for name in tensors:
            model.shape(name)
        return list(dict.fromkeys(tensors)), []
    if isinstance(model, Checkpoint):
        roles = roles_of(model)
        names, left_out = list(roles.weights), roles.left_out
    else:
        names = [name for name in model.names() if _is_matrix(model, name)]
        rest = [name for name in model.names() if name not in set(names)]
        left_out = [
            LeftOut(name, "no matrix of real numbers", math.prod(model.shape(name)), 0)
            for name in rest
        ]
    if not names:
        raise DataError(f"{model.path}: has no weight matrix ({_what_there_is(model, left_out)})")
    return names, left_out


def _what_there_is(model: ModelFile, left_out: Sequence[LeftOut]) -> str:
    """Return what a file without a matrix holds, and how a vector of it can be encoded."""
    names = model.names()
    said = f"{len(names)} tensor{'s' if len(names) != 1 else ''}"
    if all(model.dtype(name) == "bool" for name in names):
        return said + " of masks without values; `f2fsim workload from` draws values for them"
    vectors = [name for name in names if len(model.shape(name)) == 1]
    others = [item for item in left_out if item.name not in vectors]
    if others:
        said += f"; {others[0].name!r}: {others[0].reason}"
    elif vectors:
        said += f", none of two or more dimensions; --tensor {vectors[0]} encodes a vector as a row"
    return said


def _is_matrix(model: ModelFile, name: str) -> bool:
    shape, word = model.shape(name), model.dtype(name).lower()
    return len(shape) >= 2 and 0 not in shape and not word.startswith(("bool", "string", "c"))


def _encode_one(
    model: ModelFile,
    name: str,
    weights: Stored,
    wanted: WeightType,
    sparsity: float | None,
    seed: int,
    coder: WeightFormat,
    given: Mapping[str, Any] | None,
) -> StoredTensor:
    array = weights.values
    if is_bias(name, array.ndim):
        sparsity = None
    try:
        matrix = as_matrix(name, array)
        own = None if weights.mask is None else weights.mask.reshape(matrix.shape)
        mask = _mask(matrix, own, sparsity, seed, name)
        stored = replace(weights, values=matrix, mask=own)
        result = quantise_stored(stored, mask, wanted, by_row=True)
    except DataError as error:
        raise DataError(f"{model.path}: tensor {name!r} {error}") from None
    tensor = PrunedTensor(name, result.patterns, mask, wanted)
    # Beside other tensors on one thread; one that is alone takes all cores.
    n_threads = 1 if tensor.n_weights <= _MOST_WEIGHTS else None
    encoded = coder.encode(tensor) if given is None else encode_smallest(tensor, given, n_threads)
    stats = stored_stats(encoded, tensor)
    if sparsity is not None:
        stats[ASKED_SPARSITY] = sparsity
    return store(tensor, replace(encoded, stats=stats), array.shape, result.scale)


def as_matrix(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Return a tensor as rows (first axis, the outputs) by all other axes (the reduction).

    Of a stack of experts' matrices the rows of all stand below each other.
    """
    if array.dtype.kind not in "fiu" or not array.size:
        kind = array.dtype if array.size else "no weights"
        raise DataError(f"holds {kind}, weights must be real numbers")
    n_rows = array.shape[0] if array.ndim > 1 else 1
    if array.ndim > 1 and kind_of_weights(name, array.shape) == "experts":
        n_rows *= array.shape[1]
    matrix: NDArray[Any] = array.reshape(n_rows, -1)
    if matrix.dtype.kind == "f" and matrix.dtype != np.float32:
        with np.errstate(over="ignore"):
            narrow: NDArray[Any] = matrix.astype(np.float32)
        if not np.array_equal(np.isfinite(narrow), np.isfinite(matrix)):
            raise DataError("holds values beyond the range of float32")
        return narrow
    return matrix


def _mask(
    matrix: NDArray[Any],
    own: NDArray[np.bool_] | None,
    sparsity: float | None,
    seed: int,
    name: str,
) -> NDArray[np.bool_]:
    """Return what stays; what the file's own mask prunes is never brought back."""
    if sparsity is None:
        return np.asarray(matrix != 0) if own is None else own
    require_finite(matrix, "pruning by magnitude cannot rank them")
    rng = generator(seed, "pruning", name)
    mask = magnitude_mask(matrix, n_pruned(sparsity, matrix.size), rng)
    return mask if own is None else mask & own
