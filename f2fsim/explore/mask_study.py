"""The study behind ``f2fsim paper --masks``: real pruning masks, encoded whole, layer by layer.

Masks are published without values; values are drawn (normal, int8 by row, from the seed and the
layer's name).  What is measured of a layer is kept in a file, so that a run that was stopped goes
on, and sums and tables are made from the same numbers again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from f2fsim._version import __version__
from f2fsim.codec import PrunedTensor, WeightType, weight_format, weight_type
from f2fsim.codec.base import EncodedTensor
from f2fsim.codec.f2f import F2FParams, auto_format
from f2fsim.codec.f2f.format import F2FFormat, read_params
from f2fsim.codec.f2f.matrix import MAX_N_OUT
from f2fsim.codec.masks import MASK_CODES, MaskShape, fit_mask
from f2fsim.errors import SimulationError
from f2fsim.explore.mask_sets import MaskFile, MaskSet
from f2fsim.whole_file import whole_file
from f2fsim.workloads.quantise import quantise
from f2fsim.workloads.synthetic import generator

#: Encoded bits a step, as in the published scheme.
N_IN = 8
#: (encoder, N_s) of every way.
DECODERS = (
    ("viterbi", 0),
    ("viterbi", 1),
    ("viterbi", 2),
    ("elimination", 7),
    ("elimination", 15),
    ("elimination", 31),
)
#: The one that takes most of the time, on fewer bit planes or layers.
EXACT = ("viterbi", 2)
#: The order of fewest value bits of these, by the elimination encoder with N_s = 7, is the fitted.
ORDERS: tuple[tuple[str, int | None], ...] = (
    ("row", None),
    ("column", None),
    ("diagonal", None),
    ("diagonal", 1),
)
#: ``published``: row order, ``N_out`` by the set's nominal sparsity.  ``fitted``: the layer's best
#: order, ``N_out`` by its own sparsity.  ``auto``: all chosen by the program.
WAYS = ("published", "fitted", "auto")
#: Encoded bits a step of ``auto``: the widest of these whose ``N_out`` the layer's sparsity allows.
AUTO_N_IN = (16, 8, 4)
#: Register bits of ``auto``, the newest word counted.
AUTO_REGISTER = 256
#: The mask code that does not depend on the order.
CLASSES = "classes"
#: CPU time of a block by the exact encoder with N_s = 2, as measured with about N_in kept weights a
#: block; and the time that all of them may take, an hour on two cores.
EXACT_SECONDS, BUDGET_SECONDS = 0.25e-3, 7200.0
#: Kept with each measurement: raise one when the meaning of its figures changes.
MEASURES = {"decoders": 2, "exact": 1, "auto": 2, "masks": 1, "classes": 1}

INT8 = weight_type("int8")
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Figures:
    """What one decoder gives on one layer.

    Attributes
    ----------
    way, encoder, order : str
    n_in, n_out, n_s, n_planes : int
        ``n_planes`` of the eight bit planes were encoded, the lowest.
    shuffle_seed : int or None
    n_care_bits, n_unmatched_bits, n_patches : int
        Of the planes that were encoded; a patch corrects one bit.
    value_bits, patch_bits : int
        Exact bits of encoded words with patches, and of the patches alone.
    """

    way: str
    encoder: str
    order: str
    shuffle_seed: int | None
    n_in: int
    n_out: int
    n_s: int
    n_planes: int
    n_care_bits: int
    n_unmatched_bits: int
    value_bits: int
    patch_bits: int


@dataclass(frozen=True)
class LayerFigures:
    """What was measured of one layer.

    Attributes
    ----------
    set, layer
        Where the mask comes from.
    n_rows, n_columns, n_kept : int
    figures : tuple of Figures
        One for each way and decoder.
    mask_bits : dict of str to dict of str to int
        By order (``row``, ``fitted``, ``auto``) and mask code.
    """

    set: MaskSet
    layer: str
    n_rows: int
    n_columns: int
    n_kept: int
    figures: tuple[Figures, ...]
    mask_bits: dict[str, dict[str, int]]

    @property
    def n_weights(self) -> int:
        """Weight positions."""
        return self.n_rows * self.n_columns

    def of(self, way: str, encoder: str, n_s: int) -> Figures | None:
        """Return the figures of one decoder, None if it was not run; ``auto`` has only one."""
        for found in self.figures:
            if found.way == way and (way == "auto" or (found.encoder, found.n_s) == (encoder, n_s)):
                return found
        return None


@dataclass(frozen=True)
class LayerTask:
    """One layer to measure.

    Attributes
    ----------
    file : MaskFile
    seed : int
        Of the values.
    n_exact_planes : int
        Bit planes for the exact encoder with N_s = 2.
    folder : Path
        Where measurements are kept.
    exact : bool
        Whether that encoder is run here if it was not before.
    """

    file: MaskFile
    seed: int
    n_exact_planes: int
    folder: Path
    exact: bool = True

    def kept(self, what: str, measure: Callable[[], Any]) -> Any:
        """Return a measurement as JSON has it, from its file if there is one."""
        path = self._path(what)
        if not path.exists():
            with whole_file(path) as partial:
                partial.write_text(json.dumps(measure()))
        return json.loads(path.read_text())

    def is_kept(self, what: str) -> bool:
        """Whether a measurement has a file."""
        return self._path(what).exists()

    def _path(self, what: str) -> Path:
        about = [self.file.digest, str(self.file.set), self.file.layer, self.seed, __version__]
        text = json.dumps([*about, what, MEASURES[what.split()[0]]])
        return self.folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"


def affordable_planes(files: Sequence[MaskFile]) -> int:
    """Return how many bit planes of every layer end in `BUDGET_SECONDS` with N_s = 2, 1 to 8."""
    seconds = 0.0
    for file in files:
        rows, columns = file.shape()
        seconds += 2 * rows * columns / _n_out(file.set.sparsity) * EXACT_SECONDS
    return max(1, min(INT8.n_bits, int(BUDGET_SECONDS / seconds))) if seconds else INT8.n_bits


def make_tasks(
    files: Sequence[MaskFile], seed: int, n_exact_planes: int, exact_every: int, folder: Path
) -> list[LayerTask]:
    """Return a task for each layer, with `EXACT` for every `exact_every`-th layer of a set."""
    numbers: dict[MaskSet, int] = {}
    tasks = []
    for file in files:
        number = numbers[file.set] = numbers.get(file.set, -1) + 1
        chosen = number % exact_every == exact_every // 2
        tasks.append(LayerTask(file, seed, n_exact_planes, folder, chosen))
    return tasks


def run_masks(
    tasks: Sequence[LayerTask], *, n_workers: int = 1, progress: Progress | None = None
) -> list[LayerFigures]:
    """Measure layers that have no record yet; return all in the order of the tasks."""
    found: list[LayerFigures] = []
    for task, layer in zip(tasks, _results(tasks, n_workers), strict=True):
        found.append(layer)
        if progress:
            progress(len(found), len(tasks), f"{task.file.set} {task.file.layer}")
    return found


def _results(tasks: Sequence[LayerTask], n_workers: int) -> Iterator[LayerFigures]:
    if n_workers <= 1:
        yield from map(run_layer, tasks)
        return
    with ProcessPoolExecutor(n_workers) as pool:
        yield from pool.map(run_layer, tasks)


def run_layer(task: LayerTask) -> LayerFigures:
    """Return what is measured of a layer, from the files of a former run where there are any."""
    work = _Work(task.file, task.seed)
    decoders = task.kept("decoders", work.decoders)
    auto = task.kept("auto", work.auto)
    fitted = next(f for f in decoders["figures"] if f["way"] == "fitted")
    planes = task.n_exact_planes
    order = (fitted["order"], fitted["shuffle_seed"])
    exact = []
    if task.exact or task.is_kept(f"exact {planes}"):
        exact = task.kept(f"exact {planes}", lambda: work.exact(planes, order))
    orders = {
        name: (row["order"], row["shuffle_seed"])
        for name, row in (("fitted", fitted), ("auto", auto))
    }
    masks = task.kept(f"masks {orders}", lambda: work.masks(orders))
    classes = task.kept(CLASSES, work.classes)
    for bits in masks.values():
        bits[CLASSES] = classes
    figures = tuple(Figures(**row) for row in (*decoders["figures"], *exact, auto))
    rows, columns = decoders["shape"]
    return LayerFigures(
        task.file.set, task.file.layer, rows, columns, decoders["n_kept"], figures, masks
    )


class _Work:
    """Measures one layer; the tensor is made when it is first needed."""

    def __init__(self, file: MaskFile, seed: int) -> None:
        self.file, self.seed = file, seed

    @cached_property
    def tensor(self) -> PrunedTensor:
        """The layer with drawn values: normal, int8 by row."""
        mask = self.file.mask()
        rng = generator(self.seed, f"paper {self.file.set}", self.file.layer)
        values = rng.standard_normal(mask.shape, dtype=np.float32)
        return PrunedTensor(self.file.layer, quantise(values, mask, INT8).patterns, mask, INT8)

    def decoders(self) -> dict[str, Any]:
        """Measure the ways ``published`` and ``fitted``, without the exact one of N_s = 2."""
        tensor, figures = self.tensor, []
        order = _best_order(tensor, _n_out(tensor.sparsity))
        for encoder, n_s in DECODERS:
            if (encoder, n_s) != EXACT:
                figures += self._both(tensor, encoder, n_s, order)
        return {"shape": tensor.shape, "n_kept": tensor.n_kept, "figures": figures}

    def exact(self, n_planes: int, order: tuple[str, int | None]) -> list[dict[str, Any]]:
        """Measure both ways of the exact encoder with N_s = 2 on the lowest planes."""
        return self._both(_low_planes(self.tensor, n_planes), *EXACT, order)

    def _both(
        self, part: PrunedTensor, encoder: str, n_s: int, order: tuple[str, int | None]
    ) -> list[dict[str, Any]]:
        base = F2FParams(n_in=N_IN, n_s=n_s, n_out=N_IN, encoder=encoder, order="row")
        nominal, own = _n_out(self.file.set.sparsity), _n_out(self.tensor.sparsity)
        published = replace(base, n_out=_allowed(nominal, n_s))
        fitted = replace(base, n_out=_allowed(own, n_s), order=order[0], shuffle_seed=order[1])
        return [
            _figures(way, part, _encoded(part, params)) | {"encoder": encoder}
            for way, params in (("published", published), ("fitted", fitted))
        ]

    def auto(self) -> dict[str, Any]:
        """Measure the way ``auto``: what ``f2fsim encode --auto`` takes for layers of such size."""
        reach = MAX_N_OUT * (1.0 - self.tensor.sparsity)
        n_in = next((n for n in AUTO_N_IN if n <= reach), AUTO_N_IN[-1])
        base = F2FParams(n_in=n_in, n_s=AUTO_REGISTER // n_in - 1, n_out=n_in, mask_code="auto")
        return _figures("auto", self.tensor, _encoded(self.tensor, auto_format(self.tensor, base)))

    def masks(self, orders: Mapping[str, tuple[str, int | None]]) -> dict[str, dict[str, int]]:
        """Return the bits of the mask by order and mask code, but for ``classes``."""
        found = {}
        for name, (order, seed) in {"row": ORDERS[0], **orders}.items():
            params = F2FParams(order=order, shuffle_seed=seed)
            mask = params.block_order(self.tensor.shape).mask_sequence(self.tensor.mask)
            codes = (code for code in MASK_CODES if code != CLASSES)
            found[name] = {code: fit_mask(mask, code)[2] for code in codes}
        return found

    def classes(self) -> int:
        """Return the bits of the mask in ``classes``, in row order: others differ by a permille."""
        mask = self.tensor.mask
        return fit_mask(mask.ravel(), CLASSES, MaskShape(0, *mask.shape))[2]


def _n_out(sparsity: float) -> int:
    """Return the whole ``N_out`` at which encoded bits meet the kept ones, as published."""
    return min(MAX_N_OUT, int(N_IN / max(1.0 - sparsity, 1e-9) + 1e-9))


def _allowed(n_out: int, n_s: int) -> int:
    """Return the width, or the widest decoder whose rows can all differ."""
    return min(n_out, (1 << N_IN) - 1) if n_s == 0 else n_out


def _low_planes(tensor: PrunedTensor, n_planes: int) -> PrunedTensor:
    """Return the tensor's lowest bit planes, as a type of that many bits."""
    if n_planes == INT8.n_bits:
        return tensor
    kind = WeightType(f"low {n_planes} of int8", n_planes, np.dtype(np.uint8))
    patterns = tensor.patterns & np.uint8((1 << n_planes) - 1)
    return PrunedTensor(tensor.name, patterns, tensor.mask, kind)


def _best_order(tensor: PrunedTensor, n_out: int) -> tuple[str, int | None]:
    def bits(key: tuple[str, int | None]) -> int:
        base = F2FParams(n_in=N_IN, n_s=7, n_out=n_out, order=key[0], shuffle_seed=key[1])
        return _encoded(tensor, base).n_bits_without_mask

    return min(ORDERS, key=bits)


def _encoded(tensor: PrunedTensor, params: F2FParams) -> EncodedTensor:
    given = {key: value for key, value in asdict(params).items() if value is not None}
    return weight_format("f2f", given).encode(tensor)


def _figures(way: str, tensor: PrunedTensor, encoded: EncodedTensor) -> dict[str, Any]:
    """Decode, compare; return the fields of `Figures`.

    Raises
    ------
    SimulationError
        If the decoded tensor is another one.
    """
    back = weight_format(encoded.format, {}).decode(encoded)
    if not (
        np.array_equal(back.patterns, tensor.patterns) and np.array_equal(back.mask, tensor.mask)
    ):
        raise SimulationError(f"{tensor.name}: decoding {encoded.params} gives another tensor")
    params = read_params(encoded) if encoded.format == F2FFormat.name else None
    figures = Figures(
        way=way,
        encoder="elimination" if params else encoded.format,
        order=params.order if params else "row",
        shuffle_seed=params.shuffle_seed if params else None,
        n_in=params.n_in if params else 0,
        n_out=params.n_out if params else 0,
        n_s=params.n_s if params else 0,
        n_planes=tensor.weight_type.n_bits,
        n_care_bits=tensor.n_kept * tensor.weight_type.n_bits,
        n_unmatched_bits=int(encoded.stats.get("n_unmatched_bits", 0)),
        value_bits=encoded.n_bits_without_mask,
        patch_bits=encoded.streams["patches"].n_bits if params else 0,
    )
    return asdict(figures)
