"""Published figures of EIE, SIGMA, HiSparse and systolic simulators beside this model's.

Run ``python benchmarks/validate_published.py [FILE]``; prints Markdown tables.  Masks are synthetic
and of the published densities; figures read off bars are so named in ``docs/machines.md``.

FILE holds other layers, as JSON (a group that is left out is not run, an efficiency that is not
known may be left out)::

    {"eie": {"layers": {"VGG-7": {"inputs": 4096, "outputs": 4096, "weight_density_pct": 4,
        "activation_density_pct": 37.5, "theoretical_us": 7.9, "actual_us": 8.7}}},
     "sigma": {"gemms_M_N_K_cycles": [[128, 2048, 4096, 66454]]},
     "systolic": {"runs_32x32": [{"M,N,K": [512, 64, 512], "ws": 19391, "os": 18367}]},
     "hisparse": {"matrices": {"0.9": {"rows": 512, "columns": 33288, "nnz": 1704346,
        "row_std": 1085.1, "column_std": 20.14, "throughput_gops": 9.7}}}}

``efficiency_pct_at_fifo_1_2_4_8_16_256`` (six figures) or the two times give an EIE layer's
efficiency, ``real_over_total_work_pct_at_64_pe`` its share of real entries.  Rows and columns of
HiSparse's matrices are even unless the deviation of their non-zeros is given
(``published_hisparse.py``).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from published_hisparse import HISPARSE, hisparse_points, print_hisparse

from f2fsim.codec import WEIGHT_TYPES, PrunedTensor
from f2fsim.codec.csc_relative import CscRelativeFormat
from f2fsim.config.pe_array import FlexibleArray, SystolicArray
from f2fsim.engine.compiled import run_compiled
from f2fsim.hw.arrays.broadcast.batches import SliceCounts, batch_cycles, draw_broadcasts
from f2fsim.hw.arrays.broadcast.components import SWAP_CYCLES
from f2fsim.hw.arrays.flexible import bare_flexible
from f2fsim.hw.arrays.systolic_folds import bare_systolic

DEPTHS = (1, 2, 4, 8, 16, 256)


class EieLayer(NamedTuple):
    """A layer of the EIE paper.

    ``efficiency`` in percent at `DEPTHS` (all equal to None where not published), ``real_share``
    the real entries in percent of all, padding included (None where not published).
    """

    n_inputs: int
    n_outputs: int
    density: float
    activations: float
    efficiency: Sequence[float | None]
    real_share: float | None


#: Han et al., EIE, ISCA 2016, Tables III and IV, bars of Figs. 8 and 12.
EIE = {
    "Alex-6": EieLayer(9216, 4096, 0.09, 0.351, (61.7, 76.0, 87.2, 92.7, 95.6, 96.9), 84.7),
    "Alex-7": EieLayer(4096, 4096, 0.09, 0.353, (65.1, 81.7, 92.7, 95.6, 96.1, 96.1), 83.9),
    "Alex-8": EieLayer(4096, 1000, 0.25, 0.375, (52.0, 69.2, 84.4, 89.3, 90.6, 90.6), 100.0),
    "NT-Wd": EieLayer(600, 8791, 0.11, 1.0, (79.7, 89.3, 93.5, 93.5, 93.5, 93.5), 82.5),
    "NT-LSTM": EieLayer(1201, 2400, 0.10, 1.0, (49.9, 69.2, 83.1, 85.9, 87.7, 91.4), 92.9),
}

#: M, N, K, cycles: labelled Reported in the TeAAL artifact (SIGMA, HPCA 2020), second hand.
SIGMA = (
    (128, 2048, 4096, 66454),
    (320, 3072, 4096, 100576),
    (1632, 36548, 1024, 880058),
    (2048, 4096, 32, 4213),
    (35, 8457, 2560, 169308),
)

#: dataflow, (M, N, K), cycles as SCALE-Sim 3.0.0 prints them (one less than the count).
SYSTOLIC = (
    ("weight_stationary", (512, 64, 512), 19391),
    ("weight_stationary", (64, 512, 512), 40447),
    ("weight_stationary", (64, 2048, 512), 161791),
    ("output_stationary", (512, 64, 512), 18367),
)


@dataclass(frozen=True)
class EieFigures:
    """Efficiency in percent at `DEPTHS`, and the share of real entries in percent."""

    efficiency: tuple[float, ...]
    real_share: float


def eie_mask(layer: EieLayer, unevenness: float, seed: int) -> np.ndarray:
    """Return a mask of the published density.

    With `unevenness` 0 every weight is kept with the same chance; otherwise the chance of a row
    is drawn from a gamma distribution of this coefficient of variation.
    """
    rng = np.random.default_rng(seed)
    chance = np.full(layer.n_outputs, layer.density)
    if unevenness:
        drawn = rng.gamma(unevenness**-2, 1.0, layer.n_outputs)
        chance = np.minimum(drawn * layer.density / drawn.mean(), 1.0)
    mask = np.empty((layer.n_outputs, layer.n_inputs), dtype=np.bool_)
    for row, share in zip(mask, chance, strict=True):
        row[:] = rng.random(layer.n_inputs) < share
    return mask


def eie_figures(layer: EieLayer, unevenness: float = 0.0, seed: int = 1) -> EieFigures:
    """Run a layer through the broadcast array, weights on the chip, at every depth."""
    mask = eie_mask(layer, unevenness, seed)
    tensor = PrunedTensor("mask", mask.astype(np.uint8), mask, WEIGHT_TYPES["int4"])
    entries = CscRelativeFormat(n_pes=64, run_bits=4).entry_counts(tensor)
    counts = SliceCounts(entries.stored, entries.stored - entries.padding)
    work = draw_broadcasts(layer.n_inputs, 1, 4096, layer.activations, seed + 1)
    real = work.columns[work.columns >= 0]
    busy = entries.stored[real].sum() / 64
    cycles = [int((batch_cycles(counts, work, depth) + SWAP_CYCLES).sum()) - 1 for depth in DEPTHS]
    share = 100 * counts.kept.sum() / max(counts.stored.sum(), 1)
    return EieFigures(tuple(float(100 * busy / n) for n in cycles), float(share))


def fit_unevenness(layer: EieLayer) -> float:
    """Return the unevenness at which a layer's efficiency at depth 8 is nearest the paper's."""
    target = layer.efficiency[3]
    tried = np.arange(0.0, 0.55, 0.05)
    return float(min(tried, key=lambda u: abs(eie_figures(layer, u).efficiency[3] - target)))


def sigma_cycles(m: int, n: int, k: int, seed: int = 3) -> int:
    """Run a product with a stationary mask of density 0.2 through the flexible array."""
    mask = np.random.default_rng(seed).random((m, k)) < 0.2
    tensor = PrunedTensor("t", mask.astype(np.uint8), mask, WEIGHT_TYPES["int8"])
    array = FlexibleArray(kind="flexible", n_multipliers=16384, load_weights=128, chunk=128)
    return run_compiled(bare_flexible(array, tensor, n)).n_ticks


def eie_layers(given: Mapping[str, Mapping[str, Any]]) -> dict[str, EieLayer]:
    """Return the EIE layers of a file."""
    layers = {}
    for name, one in given.items():
        efficiency = one.get("efficiency_pct_at_fifo_1_2_4_8_16_256", [None] * len(DEPTHS))
        if efficiency[3] is None and "actual_us" in one:
            at_8 = 100 * one["theoretical_us"] / one["actual_us"]
            efficiency = [at_8 if depth == 8 else None for depth in DEPTHS]
        layers[name] = EieLayer(
            one["inputs"],
            one["outputs"],
            one["weight_density_pct"] / 100,
            one["activation_density_pct"] / 100,
            efficiency,
            one.get("real_over_total_work_pct_at_64_pe"),
        )
    return layers


def _figures(values: Sequence[float | None]) -> str:
    return " ".join("-" if x is None else f"{x:.1f}" for x in values)


def print_eie(layers: Mapping[str, EieLayer], unevenness: float) -> None:
    """Print published and modelled efficiencies of some layers."""
    print(f"\nEIE, unevenness of rows {unevenness:g} (0, or as fitted to Alex-7 alone)\n")
    print("| layer | published, depth 1 2 4 8 16 256 | model | real share | model |")
    print("|---|---|---|---|---|")
    errors = []
    for name, layer in layers.items():
        got = eie_figures(layer, unevenness)
        if layer.efficiency[3] is not None:
            errors.append(abs(got.efficiency[3] - layer.efficiency[3]))
        print(
            f"| {name} | {_figures(layer.efficiency)} | {_figures(got.efficiency)} "
            f"| {_figures([layer.real_share])} | {got.real_share:.1f} |"
        )
    if errors:
        print(f"\nmean absolute error at depth 8: {np.mean(errors):.2f} points")


def print_sigma(gemms: Sequence[Sequence[int]]) -> None:
    """Print published and modelled cycles of products."""
    print("\n| SIGMA M N K | published | model | difference |\n|---|---|---|---|")
    for m, n, k, published in gemms:
        cycles = sigma_cycles(m, n, k)
        print(f"| {m} {n} {k} | {published} | {cycles} | {100 * (cycles / published - 1):+.2f} % |")


def print_systolic(runs: Sequence[tuple[str, Sequence[int], int]]) -> None:
    """Print printed and modelled cycles of products."""
    print("\n| systolic | M N K | printed | model - 1 |\n|---|---|---|---|")
    for dataflow, (m, n, k), printed in runs:
        array = SystolicArray(kind="systolic", rows=32, columns=32, dataflow=dataflow)
        cycles = run_compiled(bare_systolic(array, n, k, m)).n_ticks
        print(f"| {dataflow} | {m} {n} {k} | {printed} | {cycles - 1} |")


def main(arguments: Sequence[str]) -> None:
    """Print all tables: of the built-in layers, or of those in a file."""
    if len(arguments) > 1:
        raise SystemExit("usage: validate_published.py [FILE]")
    layers, gemms, runs, points = EIE, SIGMA, SYSTOLIC, HISPARSE
    if arguments:
        given = json.loads(Path(arguments[0]).read_text())
        layers = eie_layers(given.get("eie", {}).get("layers", {}))
        gemms = given.get("sigma", {}).get("gemms_M_N_K_cycles", [])
        names = {"ws": "weight_stationary", "os": "output_stationary"}
        runs = [
            (names[key], run["M,N,K"], run[key])
            for run in given.get("systolic", {}).get("runs_32x32", [])
            for key in names
            if key in run
        ]
        points = hisparse_points(given.get("hisparse", {}).get("matrices", {}))
    if layers:
        print_eie(layers, 0.0)
        print_eie(layers, fit_unevenness(EIE["Alex-7"]))
    print_sigma(gemms)
    print_systolic(runs)
    if points:
        print_hisparse(points)


if __name__ == "__main__":
    main(sys.argv[1:])
