"""The study behind ``f2fsim paper``: E and memory reduction over sparsity, decoder and pruning.

Weights are the two shipped trained models and synthetic matrices of Transformer-base and
ResNet-50 shapes.  A matrix is pruned and quantised whole; then a part of it with a stated number
of blocks and nearly the whole's density is encoded, so that the study takes minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import PrunedTensor, weight_format, weight_type
from f2fsim.config import load_workload
from f2fsim.workloads import prune
from f2fsim.workloads.layers import LayerReader
from f2fsim.workloads.quantise import quantise
from f2fsim.workloads.synthetic import generator

SPARSITIES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
#: N:M with the density 1 - S of each sparsity.
NM_OF = {0.5: (2, 4), 0.6: (2, 5), 0.7: (3, 10), 0.8: (1, 5), 0.9: (1, 10), 0.95: (1, 20)}
PRUNINGS = ("random", "magnitude", "nm", "row_uneven")
#: Encoded bits a step, as in the published scheme.
N_IN = 8
#: (encoder, N_s, block order), the published scheme first.
DECODERS = (
    ("viterbi", 0, "row"),
    ("viterbi", 1, "row"),
    ("viterbi", 2, "row"),
    ("viterbi", 2, "diagonal"),
    ("elimination", 7, "row"),
    ("elimination", 7, "diagonal"),
    ("elimination", 15, "diagonal"),
    ("elimination", 31, "diagonal"),
)
#: Shapes (outputs, reduction) of the synthetic matrices: the first feed-forward matrix of
#: Transformer-base, and a 3x3 convolution of ResNet-50's fourth stage.
SHAPES = {"transformer": (2048, 512), "resnet50": (256, 2304)}
MODELS = ("opennsfw", "silero_vad")
#: Spread (standard deviation of the logarithm) of rows and columns of synthetic matrices, and
#: coefficient of variation of the row densities of row-uneven pruning.
SPREAD = 0.3
ROW_CV = 0.5
#: Rows of a sampled part, at evenly spaced ranks of density.
SAMPLE_ROWS = 32

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class PaperCase:
    """One combination of weights, pruning, sparsity and weight type; all decoders run on it.

    ``n_blocks`` is the number of blocks sampled, those of all bit planes counted.
    """

    source: str
    pruning: str
    sparsity: float
    weight_type: str
    n_blocks: int
    seed: int


@dataclass(frozen=True)
class PaperRow:
    """What one decoder gives on one case.

    Attributes
    ----------
    source, origin : str
        Where the weights come from; ``trained`` or ``synthetic``.
    pruning, weight_type, encoder, order : str
    sparsity : float
        As asked for; ``n_kept`` of ``n_weights`` is what the sample has.
    n_s, n_out : int
    n_weights, n_kept : int
        Of the sampled rows.
    n_care_bits, n_unmatched_bits : int
    value_bits, mask_bits : int
        Exact bits of values with patches, and of the best mask code.
    weight_bits : int
    """

    source: str
    origin: str
    pruning: str
    weight_type: str
    sparsity: float
    encoder: str
    n_s: int
    order: str
    n_out: int
    n_weights: int
    n_kept: int
    n_care_bits: int
    n_unmatched_bits: int
    value_bits: int
    mask_bits: int
    weight_bits: int

    @property
    def efficiency(self) -> float:
        """Matched over all care bits, ``E``."""
        return 1.0 - self.n_unmatched_bits / self.n_care_bits if self.n_care_bits else 1.0

    @property
    def over_entropy(self) -> float:
        """Value bits over ``(1-S)·n_w`` a weight, S of the sample."""
        return self.value_bits / (self.n_kept * self.weight_bits) if self.n_kept else 0.0

    def reduction(self, mask: str) -> float:
        """Return the share of dense bits saved with the mask ``none``, ``raw`` or ``best``."""
        extra = {"none": 0, "raw": self.n_weights, "best": self.mask_bits}[mask]
        return 1.0 - (self.value_bits + extra) / (self.n_weights * self.weight_bits)

    def to_table(self) -> dict[str, Any]:
        """Return the columns of the CSV."""
        return {
            "source": self.source,
            "origin": self.origin,
            "pruning": self.pruning,
            "weight_type": self.weight_type,
            "S": self.sparsity,
            "encoder": self.encoder,
            "N_s": self.n_s,
            "order": self.order,
            "N_in": N_IN,
            "N_out": self.n_out,
            "sampled_weights": self.n_weights,
            "sampled_S": round(1 - self.n_kept / self.n_weights, 5),
            "E_pct": round(100 * self.efficiency, 4),
            "value_over_entropy": round(self.over_entropy, 5),
            "reduction_without_mask_pct": round(100 * self.reduction("none"), 3),
            "reduction_raw_mask_pct": round(100 * self.reduction("raw"), 3),
            "reduction_best_mask_pct": round(100 * self.reduction("best"), 3),
        }


def paper_cases(*, quick: bool = False, seed: int = 0, n_blocks: int = 4000) -> list[PaperCase]:
    """Return the cases of the study in order; `quick` gives a small part with fewer blocks."""
    sparsities = (0.7, 0.9) if quick else SPARSITIES
    types = ("int8",) if quick else ("fp32", "int8")
    blocks = min(n_blocks, 400) if quick else n_blocks
    cases = []
    for source in SHAPES if not quick else ("resnet50",):
        for pruning in PRUNINGS:
            for kind in types:
                cases += [PaperCase(source, pruning, s, kind, blocks, seed) for s in sparsities]
    for model in MODELS if not quick else ("silero_vad",):
        for kind in types:
            cases += [PaperCase(model, "magnitude", s, kind, blocks, seed) for s in sparsities]
    return cases


def run_paper(
    cases: list[PaperCase], *, n_workers: int = 1, progress: Progress | None = None
) -> list[PaperRow]:
    """Run cases and return their rows in the order of the cases; workers do not change them."""
    rows: list[PaperRow] = []
    for done, found in enumerate(_results(cases, n_workers)):
        if progress:
            case = cases[done]
            progress(done, len(cases), f"{case.source} {case.pruning} S={case.sparsity}")
        rows += found
    return rows


def _results(cases: list[PaperCase], n_workers: int) -> Iterator[list[PaperRow]]:
    if n_workers <= 1:
        yield from map(run_case, cases)
        return
    with ProcessPoolExecutor(n_workers) as pool:
        yield from pool.map(run_case, cases)


def run_case(case: PaperCase) -> list[PaperRow]:
    """Return one row for each of `DECODERS`."""
    n_out = int(N_IN / (1.0 - case.sparsity) + 1e-9)
    name, matrix = _matrix(case.source, case.seed)
    n_weights = case.n_blocks // weight_type(case.weight_type).n_bits * n_out
    sample = _sample(_pruned(matrix, name, case), n_weights)
    return [_row(case, sample, n_out, *decoder) for decoder in DECODERS]


@lru_cache(maxsize=2)
def _matrix(source: str, seed: int) -> tuple[str, NDArray[np.float32]]:
    """Return name and weights: the synthetic matrix, or the largest layer of a model."""
    if source in SHAPES:
        n_rows, n_cols = SHAPES[source]
        rng = generator(seed, "paper", source)
        rows = np.exp(SPREAD * rng.standard_normal((n_rows, 1)))
        columns = np.exp(SPREAD * rng.standard_normal((1, n_cols)))
        normal = rng.standard_normal((n_rows, n_cols))
        return source, (normal * rows * columns).astype(np.float32)
    workload = load_workload(source)
    largest = max(workload.layers, key=lambda layer: layer.n_outputs * layer.n_reduction)
    return largest.name, LayerReader(workload).matrix(largest)


def _pruned(matrix: NDArray[np.float32], name: str, case: PaperCase) -> PrunedTensor:
    rng = generator(case.seed, f"paper {case.pruning} {case.sparsity}", name)
    n_prune = prune.n_pruned(case.sparsity, matrix.size)
    if case.pruning == "random":
        mask = prune.random_mask(matrix.shape, n_prune, rng)
    elif case.pruning == "magnitude":
        mask = prune.magnitude_mask(matrix, n_prune, rng)
    elif case.pruning == "nm":
        mask = prune.nm_mask(matrix, *NM_OF[case.sparsity])
    else:
        mask = prune.row_uneven_mask(matrix, case.sparsity, ROW_CV, rng)
    kind = weight_type(case.weight_type)
    return PrunedTensor(name, quantise(matrix, mask, kind).patterns, mask, kind)


def _sample(tensor: PrunedTensor, n_weights: int) -> PrunedTensor:
    """Return about `n_weights` weights: rows at even ranks of density, adjacent columns.

    Of all windows of columns the one is taken whose density is nearest to the whole's.
    """
    n_rows, n_cols = tensor.shape
    n_taken = min(SAMPLE_ROWS, n_rows)
    by_density = np.argsort(np.count_nonzero(tensor.mask, axis=1), kind="stable")
    middle = (np.arange(n_taken) + 0.5) / n_taken * n_rows
    rows = np.sort(by_density[middle.astype(np.int64)])
    width = min(n_cols, -(-n_weights // n_taken))
    kept = np.concatenate(([0], np.cumsum(np.count_nonzero(tensor.mask[rows], axis=0))))
    windows = kept[width:] - kept[: kept.size - width]
    wanted = tensor.n_kept / tensor.n_weights * width * n_taken
    first = int(np.argmin(np.abs(windows - wanted)))
    part = (rows, slice(first, first + width))
    patterns = np.ascontiguousarray(tensor.patterns[part])
    mask = np.ascontiguousarray(tensor.mask[part])
    return PrunedTensor(tensor.name, patterns, mask, tensor.weight_type)


def _row(
    case: PaperCase, sample: PrunedTensor, n_out: int, encoder: str, n_s: int, order: str
) -> PaperRow:
    params = {
        "n_in": N_IN,
        "n_out": n_out,
        "n_s": n_s,
        "encoder": encoder,
        "order": order,
        "mask_code": "auto",
    }
    encoded = weight_format("f2f", params).encode(sample)
    return PaperRow(
        source=case.source,
        origin="synthetic" if case.source in SHAPES else "trained",
        pruning=case.pruning,
        weight_type=case.weight_type,
        sparsity=case.sparsity,
        encoder=encoder,
        n_s=n_s,
        order=order,
        n_out=n_out,
        n_weights=sample.n_weights,
        n_kept=sample.n_kept,
        n_care_bits=int(encoded.stats["n_care_bits"]),
        n_unmatched_bits=int(encoded.stats["n_unmatched_bits"]),
        value_bits=encoded.n_bits_without_mask,
        mask_bits=encoded.n_bits - encoded.n_bits_without_mask,
        weight_bits=weight_type(case.weight_type).n_bits,
    )
