"""Plans chosen by prediction against exhaustive simulation of all plans.

    python benchmarks/plans.py [--layers N] [--seed S] [--archs NAME ...] [--within F]

Random layers (shape, batch, density, convolutions among them) on shipped machines: how many cycles
the chosen plan takes over those of the best one, in quantiles, and the worst ten with both plans.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from f2fsim.config.arch import load_arch
from f2fsim.config.load_workload import build_workload
from f2fsim.errors import ConfigError
from f2fsim.hw.arrays import array_kind
from f2fsim.mapping.plan import Plan
from f2fsim.pipeline.layer import LayerJob, chosen_plan, trial
from f2fsim.pipeline.run import layer_jobs
from f2fsim.pipeline.trials import stretch_of
from f2fsim.scheduling import every_plan, likely_plans
from f2fsim.sharing import sharing_meanwhile
from f2fsim.shipped import names


@dataclass(frozen=True)
class Case:
    """One layer on one machine: cycles of the chosen plan and of the best."""

    arch: str
    layer: str
    chosen: tuple[int, Plan]
    best: tuple[int, Plan]
    n_plans: int

    @property
    def ratio(self) -> float:
        """Cycles of the chosen plan over those of the best."""
        return self.chosen[0] / self.best[0]


def random_layer(rng: np.random.Generator, most_weights: int) -> tuple[dict[str, Any], int]:
    """Return a layer and its batch: sizes by powers of two and odd ones, few and many columns."""
    batch = int(rng.choice([1, 1, 2, 4, 8]))
    if rng.random() < 0.4:
        channels, out = (int(rng.choice([3, 16, 32, 64, 96, 128])) for _ in range(2))
        size = int(rng.choice([5, 7, 14, 28]))
        kernel = int(rng.choice([1, 3]))
        layer = {
            "name": f"conv {channels}x{size}x{size} to {out}, kernel {kernel}, batch {batch}",
            "op": "conv2d",
            "in_channels": channels,
            "out_channels": out,
            "kernel": [kernel, kernel],
            "input_size": [size, size],
            "padding": [kernel // 2, kernel // 2],
        }
        return layer, batch
    while True:
        k, m = (int(2 ** rng.uniform(4, 12)) for _ in range(2))
        if k * m <= most_weights:
            break
    tokens = int(rng.choice([1, 1, 2, 3, 8, 16, 50]))
    name = f"linear {k} to {m}, {tokens} tokens, batch {batch}"
    layer = {"name": name, "op": "linear", "in_features": k, "out_features": m, "n_tokens": tokens}
    return layer, batch


def jobs(rng: np.random.Generator, arch: str, most_weights: int) -> Iterator[LayerJob]:
    """Yield one random layer on a machine."""
    layer, batch = random_layer(rng, most_weights)
    sparsity = float(rng.choice([0.0, 0.5, 0.7, 0.8, 0.9, 0.95]))
    layer["name"] += f", S={sparsity:g}"
    data = {
        "name": "random",
        "synthetic": {"distribution": "normal"},
        "pruning": {"method": "magnitude", "sparsity": sparsity},
        "seed": int(rng.integers(1000)),
        "batch": batch,
        "layers": [layer],
    }
    yield from layer_jobs(build_workload(data, Path(), "random"), load_arch(arch), cache=None)


def compare(job: LayerJob, arch: str, within: float) -> Case:
    """Run the chosen plan and all others that are predicted to be near."""
    layer, tensor = job.data.layer, job.data.tensor
    with sharing_meanwhile(256 << 20):
        plan = chosen_plan(job)
        if array_kind(job.arch).own_plans(job.arch, job.arch.pe_array, layer, tensor):
            plans = every_plan(job.arch, job.dram, layer, tensor)
        else:
            plans = near_plans(job, within)
        plans = [plan, *(one for one in plans if one != plan)]
        cycles = [trial(job, one).cycles for one in plans]
    best = int(np.argmin(cycles))
    return Case(
        arch, layer.name, (round(cycles[0]), plan), (round(cycles[best]), plans[best]), len(plans)
    )


def near_plans(job: LayerJob, within: float) -> list[Plan]:
    """Return the plans whose predicted cycles are within a factor of the fewest.

    The array's cycles are taken from a run, as `auto` does.
    """
    layer, tensor = job.data.layer, job.data.tensor
    predict = partial(likely_plans, job.arch, job.dram, layer, tensor, within=within, most=10**6)
    stretch: dict[bool, tuple[float, float]] = {}
    for one in predict():
        if one.plan.is_dense not in stretch:
            stretch[one.plan.is_dense] = stretch_of(trial(job, one.plan), one)
    found = predict(stretch)
    return [one.plan for one in found if one.cycles <= within * found[0].cycles]


def show(cases: list[Case]) -> None:
    """Print quantiles by machine and the worst ten."""
    for arch in sorted({case.arch for case in cases}):
        ratios = np.array([case.ratio for case in cases if case.arch == arch])
        good = np.mean(ratios <= 1.02)
        print(
            f"{arch:20} {ratios.size:4d} layers: within 2 % {good:6.1%}, mean {ratios.mean():.4f}, "
            f"worst {ratios.max():.3f}"
        )
    ratios = np.array([case.ratio for case in cases])
    print(
        f"all: {ratios.size} layers, {sum(case.n_plans for case in cases)} plans: within 2 % "
        f"{np.mean(ratios <= 1.02):.2%}, worst {ratios.max():.3f}"
    )
    for case in sorted(cases, key=lambda one: -one.ratio)[:10]:
        print(f"  {case.ratio:.3f} {case.arch}, {case.layer}")
        for what, (cycles, plan) in (("chosen", case.chosen), ("best", case.best)):
            print(
                f"      {what:6} {cycles:9d} cycles: {plan.schedule}, {len(plan.band_rows)} bands, "
                f"{len(plan.tile_columns)} tiles{', dense' if plan.is_dense else ''}"
            )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--archs", nargs="*", default=list(names("arch_configs")))
    parser.add_argument("--most-weights", type=int, default=1 << 18)
    parser.add_argument("--within", type=float, default=1.3, help="of the fewest predicted cycles")
    options = parser.parse_args()
    cases: list[Case] = []
    for number in range(options.layers):
        for arch in options.archs:
            rng = np.random.default_rng([options.seed, number])  # the same layer on each machine
            for job in jobs(rng, arch, options.most_weights):
                try:
                    cases.append(compare(job, arch, options.within))
                except ConfigError as error:
                    print(f"{arch}: {error}")
    show(cases)


if __name__ == "__main__":
    main()
