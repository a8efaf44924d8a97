"""HiSparse as measured on its board, beside this model of it (``arch_configs/hisparse.yaml``).

Called by ``validate_published.py``; by itself ``python benchmarks/published_hisparse.py`` adds what
each cause of lost cycles costs, one at a time.

The matrix is the Transformer's embedding, pruned by magnitude
(DLMC: ``transformer/magnitude_pruning/*/symbol_modality_33288_512_shared_``).  Masks are made here
with what the collection's table says of the real ones: rows, columns, non-zeros, and the standard
deviation of the non-zeros of rows and of columns.  Magnitudes are normal with a scale for each row
and each column (log-normal); the largest are kept.  Nothing is fitted to the measurements but the
constant of the host's call, on the least and the most sparse matrix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from f2fsim.codec import WEIGHT_TYPES, PrunedTensor
from f2fsim.config.arch import ArchConfig, load_arch
from f2fsim.config.load_workload import build_workload
from f2fsim.pipeline.layer import LayerJob, run_layer
from f2fsim.pipeline.run import layer_jobs
from f2fsim.results import LayerResult

SEEDS = (1, 2, 3)
#: Sampled columns for the fit of scales to the spread of rows and columns.
SAMPLE = 1009


class HiSparsePoint(NamedTuple):
    """A matrix and what was measured: billions of operations a second, two a non-zero.

    ``row_std``, ``column_std``: standard deviation of the non-zeros of a row and of a column.
    """

    n_rows: int
    n_columns: int
    nnz: int
    row_std: float
    column_std: float
    gops: float

    @property
    def measured_us(self) -> float:
        """Time of a product, the host's call included."""
        return 2 * self.nnz / self.gops / 1e3


#: Du et al., FPGA 2022, table 3; sizes and spreads of ``dlmc.csv``, whose rows are columns here.
HISPARSE = {
    "0.5": HiSparsePoint(512, 33288, 8521728, 4076.27, 49.1043, 21.9),
    "0.6": HiSparsePoint(512, 33288, 6817381, 4136.25, 49.9703, 18.9),
    "0.7": HiSparsePoint(512, 33288, 5113037, 3722.97, 46.0358, 16.5),
    "0.8": HiSparsePoint(512, 33288, 3408691, 1767.53, 33.4643, 14.8),
    "0.9": HiSparsePoint(512, 33288, 1704346, 1085.10, 20.1380, 9.7),
    "0.95": HiSparsePoint(512, 33288, 852171, 781.35, 9.0588, 5.7),
}


def hisparse_points(given: Mapping[str, Mapping[str, Any]]) -> dict[str, HiSparsePoint]:
    """Return the matrices of a file; without spreads rows and columns are even."""
    return {
        name: HiSparsePoint(
            one["rows"], one["columns"], one["nnz"],
            one.get("row_std", 0.0), one.get("column_std", 0.0), one["throughput_gops"],
        )
        for name, one in given.items()
    }  # fmt: skip


def uneven_mask(point: HiSparsePoint, seed: int, *, even: bool = False) -> NDArray[np.bool_]:
    """Return a mask with a point's non-zeros and their spread over rows and columns."""
    rng = np.random.default_rng(seed)
    rows, columns = (_normal(rng, n) for n in (point.n_rows, point.n_columns))
    spread = (0.0, 0.0) if even else _scales(point, rows, columns)
    values = np.abs(rng.standard_normal((point.n_rows, point.n_columns), dtype=np.float32))
    values *= np.exp(spread[0] * rows, dtype=np.float32)[:, None]
    values *= np.exp(spread[1] * columns, dtype=np.float32)
    least = np.partition(values.ravel(), values.size - point.nnz)[values.size - point.nnz]
    mask: NDArray[np.bool_] = values >= least
    return mask


def _normal(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    drawn = rng.standard_normal(n)
    return (drawn - drawn.mean()) / max(drawn.std(), 1e-9)


def _scales(
    point: HiSparsePoint, rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> tuple[float, float]:
    """Return the log-scales' deviations of rows and columns that give the stated spreads."""
    from scipy.optimize import fsolve
    from scipy.special import erfc, erfcinv

    density = point.nnz / (point.n_rows * point.n_columns)
    some = np.quantile(columns, (np.arange(SAMPLE) + 0.5) / SAMPLE)

    def misses(x: NDArray[np.float64]) -> list[float]:
        scale = np.exp(np.abs(x[0]) * rows)[:, None] * np.exp(np.abs(x[1]) * some)
        chance = erfc(np.exp(x[2]) / scale)
        noise = (chance * (1 - chance)).mean()  # of a single draw
        by_row = np.sqrt(chance.mean(1).var() + noise / point.n_columns)
        by_column = np.sqrt(chance.mean(0).var() + noise / point.n_rows)
        return [
            by_row * point.n_columns / point.row_std - 1 if point.row_std else float(x[0]),
            by_column * point.n_rows / point.column_std - 1 if point.column_std else float(x[1]),
            chance.mean() / density - 1,
        ]

    found = np.abs(fsolve(misses, [0.2, 0.2, np.log(erfcinv(density))])[:2])
    return float(found[0]), float(found[1])


def run_mask(arch: ArchConfig, mask: NDArray[np.bool_]) -> LayerResult:
    """Run one product of a matrix with this mask and a vector."""
    n_rows, n_columns = mask.shape
    layer = {"name": "matrix", "op": "linear", "in_features": n_columns, "out_features": n_rows}
    given = {
        "name": "spmv",
        "synthetic": {"distribution": "normal"},
        "pruning": {"method": "magnitude", "sparsity": 0.5},
        "weight_type": "fp32",
    }
    tiny = {**given, "layers": [layer | {"in_features": 8, "out_features": 8}]}
    job = next(layer_jobs(build_workload(tiny, Path(), "spmv"), arch))
    whole = build_workload({**given, "layers": [layer]}, Path(), "spmv").layers[0]
    one = np.float32(1).view(np.uint32)
    tensor = PrunedTensor("matrix", mask * one, mask, WEIGHT_TYPES["fp32"])
    return run_layer(_with(job, replace(job.data, layer=whole, tensor=tensor)))


def _with(job: LayerJob, data: Any) -> LayerJob:
    return replace(job, data=data, encode=lambda form, tensor: form.encode(tensor))


def model_us(point: HiSparsePoint, seeds: Sequence[int] = SEEDS) -> list[float]:
    """Return the time of the machine alone, a mask for each seed."""
    arch = load_arch("hisparse")
    return [run_mask(arch, uneven_mask(point, seed)).n_cycles * 1e6 / arch.clock for seed in seeds]


def slope(points: Sequence[HiSparsePoint], times_us: Sequence[float]) -> float:
    """Return non-zeros a cycle of 237 MHz: the line of least squares of time over non-zeros."""
    per_us = 1 / float(np.polyfit([one.nnz for one in points], times_us, 1)[0])
    return per_us / 237


def print_hisparse(points: Mapping[str, HiSparsePoint]) -> None:
    """Print measured and modelled times, the constant between them, and the slopes."""
    found = {name: model_us(point) for name, point in points.items()}
    mean = {name: float(np.mean(times)) for name, times in found.items()}
    ends = sorted(points, key=lambda name: points[name].nnz)
    ends = [ends[0], ends[-1]]
    call = float(np.mean([points[name].measured_us - mean[name] for name in ends]))
    print(
        "\n| HiSparse S | non-zeros | measured us | machine us (least, most of the masks) ", end=""
    )
    print(f"| with the call's {call:.0f} us | difference |\n|---|---|---|---|---|---|")
    for name, one in points.items():
        whole = mean[name] + call
        print(
            f"| {name} | {one.nnz} | {one.measured_us:.0f} | {mean[name]:.0f} "
            f"({min(found[name]):.0f}, {max(found[name]):.0f}) | {whole:.0f} "
            f"| {100 * (whole / one.measured_us - 1):+.1f} % |"
        )
    print(f"\nthe call's constant is fitted on S = {' and '.join(ends)}, nothing else is")
    if len(points) > 1:
        every = list(points.values())
        measured = slope(every, [one.measured_us for one in every])
        model = slope(every, [mean[name] for name in points])
        print(f"slope, non-zeros a cycle: measured {measured:.1f}, model {model:.1f}")
        print(f"time a non-zero: {100 * (measured / model - 1):+.1f} %")


def print_causes(points: Mapping[str, HiSparsePoint]) -> None:
    """Print the cycles of the machine with causes of lost cycles taken away, one at a time."""
    arch = load_arch("hisparse")
    stalled = arch.with_values({"pe_array.accumulate_cycles": 5})
    print("\n| HiSparse S | cycles | 128 a cycle | + padding, markers | even rows ", end="")
    print("| no forwarding of sums |\n|---|---|---|---|---|---|")
    for name, point in points.items():
        mask = uneven_mask(point, SEEDS[0])
        result = run_mask(arch, mask)
        even = run_mask(arch, uneven_mask(point, SEEDS[0], even=True))
        slow = run_mask(stalled, mask)
        print(
            f"| {name} | {result.n_cycles} | {point.nnz // 128} | {result.bound_cycles['packets']} "
            f"| {even.n_cycles} | {slow.n_cycles} |",
            flush=True,
        )


if __name__ == "__main__":
    print_hisparse(HISPARSE)
    print_causes(HISPARSE)
