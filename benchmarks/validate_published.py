"""Published figures of EIE, SIGMA and systolic simulators beside this model's.

Run ``python benchmarks/validate_published.py``; prints Markdown tables.  Masks are synthetic, of
the published densities; figures read off bars are so named in ``docs/machines.md``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from f2fsim.codec import WEIGHT_TYPES, PrunedTensor
from f2fsim.codec.csc_relative import CscRelativeFormat
from f2fsim.config.pe_array import FlexibleArray, SystolicArray
from f2fsim.engine.compiled import run_compiled
from f2fsim.hw.broadcast import SWAP_CYCLES
from f2fsim.hw.broadcasts import SliceCounts, batch_cycles, draw_broadcasts
from f2fsim.hw.flexible import bare_flexible
from f2fsim.hw.systolic import bare_systolic

DEPTHS = (1, 2, 4, 8, 16, 256)

#: inputs, outputs, weight and activation density, efficiency in percent at DEPTHS, and the share
#: of real entries: Han et al., EIE, ISCA 2016, Tables III and IV, bars of Figs. 8 and 12.
EIE = {
    "Alex-6": (9216, 4096, 0.09, 0.351, (61.7, 76.0, 87.2, 92.7, 95.6, 96.9), 84.7),
    "Alex-7": (4096, 4096, 0.09, 0.353, (65.1, 81.7, 92.7, 95.6, 96.1, 96.1), 83.9),
    "Alex-8": (4096, 1000, 0.25, 0.375, (52.0, 69.2, 84.4, 89.3, 90.6, 90.6), 100.0),
    "NT-Wd": (600, 8791, 0.11, 1.0, (79.7, 89.3, 93.5, 93.5, 93.5, 93.5), 82.5),
    "NT-LSTM": (1201, 2400, 0.10, 1.0, (49.9, 69.2, 83.1, 85.9, 87.7, 91.4), 92.9),
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


def eie_mask(name: str, unevenness: float, seed: int) -> np.ndarray:
    """Return a mask of the published density.

    With `unevenness` 0 every weight is kept with the same chance; otherwise the chance of a row
    is drawn from a gamma distribution of this coefficient of variation.
    """
    n_inputs, n_outputs, density, _, _, _ = EIE[name]
    rng = np.random.default_rng(seed)
    chance = np.full(n_outputs, density)
    if unevenness:
        drawn = rng.gamma(unevenness**-2, 1.0, n_outputs)
        chance = np.minimum(drawn * density / drawn.mean(), 1.0)
    return rng.random((n_outputs, n_inputs)) < chance[:, None]


def eie_figures(name: str, unevenness: float = 0.0, seed: int = 1) -> EieFigures:
    """Run a layer through the broadcast array, weights on the chip, at every depth."""
    n_inputs, _, _, activations, _, _ = EIE[name]
    mask = eie_mask(name, unevenness, seed)
    tensor = PrunedTensor(name, mask.astype(np.uint8), mask, WEIGHT_TYPES["int4"])
    entries = CscRelativeFormat(n_pes=64, run_bits=4).entry_counts(tensor)
    counts = SliceCounts(entries.stored, entries.stored - entries.padding)
    work = draw_broadcasts(n_inputs, 1, 4096, activations, seed + 1)
    real = work.columns[work.columns >= 0]
    busy = entries.stored[real].sum() / 64
    cycles = [int((batch_cycles(counts, work, depth) + SWAP_CYCLES).sum()) - 1 for depth in DEPTHS]
    share = 100 * counts.kept.sum() / counts.stored.sum()
    return EieFigures(tuple(float(100 * busy / n) for n in cycles), float(share))


def fit_unevenness(name: str) -> float:
    """Return the unevenness at which one layer's efficiency at depth 8 is nearest the paper's."""
    target = EIE[name][4][3]
    tried = np.arange(0.0, 0.55, 0.05)
    return float(min(tried, key=lambda u: abs(eie_figures(name, u).efficiency[3] - target)))


def sigma_cycles(m: int, n: int, k: int, seed: int = 3) -> int:
    """Run a product with a stationary mask of density 0.2 through the flexible array."""
    mask = np.random.default_rng(seed).random((m, k)) < 0.2
    tensor = PrunedTensor("t", mask.astype(np.uint8), mask, WEIGHT_TYPES["int8"])
    array = FlexibleArray(kind="flexible", n_multipliers=16384, load_weights=128, chunk=128)
    return run_compiled(bare_flexible(array, tensor, n)).n_ticks


def main() -> None:
    """Print all tables."""
    fitted = fit_unevenness("Alex-7")
    for unevenness in (0.0, fitted):
        print(f"\nEIE, unevenness of rows {unevenness:g} (fitted to Alex-7: {fitted:g})\n")
        print("| layer | published, depth 1 2 4 8 16 256 | model | real share | model |")
        print("|---|---|---|---|---|")
        errors = []
        for name, (_, _, _, _, published, share) in EIE.items():
            got = eie_figures(name, unevenness)
            errors.append(abs(got.efficiency[3] - published[3]))
            ours = " ".join(f"{x:.1f}" for x in got.efficiency)
            theirs = " ".join(f"{x:.1f}" for x in published)
            print(f"| {name} | {theirs} | {ours} | {share:.1f} | {got.real_share:.1f} |")
        print(f"\nmean absolute error at depth 8: {np.mean(errors):.2f} points")
    print("\n| SIGMA M N K | published | model | difference |\n|---|---|---|---|")
    for m, n, k, published in SIGMA:
        cycles = sigma_cycles(m, n, k)
        print(f"| {m} {n} {k} | {published} | {cycles} | {100 * (cycles / published - 1):+.2f} % |")
    print("\n| systolic | M N K | printed | model - 1 |\n|---|---|---|---|")
    for dataflow, (m, n, k), printed in SYSTOLIC:
        array = SystolicArray(kind="systolic", rows=32, columns=32, dataflow=dataflow)
        cycles = run_compiled(bare_systolic(array, n, k, m)).n_ticks
        print(f"| {dataflow} | {m} {n} {k} | {printed} | {cycles - 1} |")


if __name__ == "__main__":
    main()
