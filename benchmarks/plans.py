"""Plans chosen by prediction and trials against runs of all likely plans.

    python benchmarks/plans.py [--layers N] [--first N] [--seed S] [--archs NAME ... | --duel DUEL]
                               [--kept FILE | --planning] [--changed KEY=VALUE ...]

Random layers (shape, batch, density, convolutions among them) on shipped machines: how many cycles
the chosen plan takes over those of the best one, in quantiles, and the worst ten with both plans.
With ``--duel`` machines are random designs of its families, and plans are predicted, as a duel's.
With ``--kept`` runs are kept in a file, a line for each layer and machine: what was interrupted
goes on, and another way to choose is measured without running all again.  With ``--planning`` only
the CPU time of planning is measured.  With ``--changed`` the worst ten's plans are run again on
machines with other keys.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from random_jobs import duel_machines, jobs, shipped_machines

from f2fsim.errors import ConfigError
from f2fsim.hw.arrays import array_kind
from f2fsim.mapping.plan import Plan
from f2fsim.pipeline.layer import LayerJob, chosen_plan, trial
from f2fsim.pipeline.trials import Trial, stretch_of, tried_plan
from f2fsim.scheduling import every_plan, likely_plans, plan_layer
from f2fsim.sharing import sharing_meanwhile
from f2fsim.shipped import names

#: Way to store, schedule, bands and tiles: what tells the plans of a layer apart.
Key = tuple[bool, str, int, int]


@dataclass(frozen=True)
class Case:
    """One layer on one machine: cycles of the chosen, the predicted and the best plan."""

    arch: str
    layer: str
    number: int
    chosen: tuple[float, Key]
    best: tuple[float, Key]
    predicted: float
    n_plans: int
    n_trials: int

    @property
    def ratio(self) -> float:
        """Cycles of the chosen plan over those of the best."""
        return self.chosen[0] / self.best[0]


class Runs:
    """Runs of a layer's plans, each once."""

    def __init__(self, job: LayerJob, kept: list[list[Any]]) -> None:
        self.job = job
        self.found = {tuple(key): Trial(cycles, tuple(steps)) for key, cycles, steps in kept}

    def __call__(self, plan: Plan) -> Trial:
        """Return the run of a plan."""
        key = key_of(plan)
        if key not in self.found:
            self.found[key] = trial(self.job, plan)
        return self.found[key]

    def kept(self) -> list[list[Any]]:
        """Return them as JSON has them."""
        return [[list(key), one.cycles, list(one.step_cycles)] for key, one in self.found.items()]


def key_of(plan: Plan) -> Key:
    """Return what tells a plan from the others of its layer."""
    return plan.is_dense, plan.schedule, len(plan.band_rows), len(plan.tile_columns)


def compare(job: LayerJob, arch: str, number: int, runs: Runs, tries: bool) -> Case:
    """Choose a plan, with trials or as predicted, and hold it against those that were run."""
    data = job.data
    tried: list[Plan] = []

    def run(plan: Plan) -> Trial:
        tried.append(plan)
        return runs(plan)

    chosen = plan_layer(job.arch, job.dram, data.layer, data.tensor)
    predicted = runs(chosen).cycles
    if tries:
        chosen = tried_plan(partial(likely_plans, job.arch, job.dram, data.layer, data.tensor), run)
    cycles = runs(chosen).cycles, key_of(chosen)
    best = min(runs.found, key=lambda key: runs.found[key].cycles)
    least = runs.found[best].cycles, best
    return Case(
        arch, data.layer.name, number, cycles, least, predicted, len(runs.found), len(tried)
    )


def run_near_plans(job: LayerJob, runs: Runs, within: float) -> None:
    """Run the plans whose predicted cycles are within a factor of the fewest.

    The cycles of front end and array are taken from a run of each way to store, as `auto` does.
    """
    data = job.data
    own = array_kind(job.arch).own_plans(job.arch, job.arch.pe_array, data.layer, data.tensor)
    if own:
        run_own_plans(own, runs)
        return
    predict = partial(
        likely_plans, job.arch, job.dram, data.layer, data.tensor, within=within, most=10**6
    )
    stretch: dict[bool, tuple[float, float]] = {}
    for one in predict():
        if one.choice.is_dense not in stretch:
            stretch[one.choice.is_dense] = stretch_of(runs(one.plan), one)
    found = predict(stretch)
    for one in found:
        if one.cycles <= within * found[0].cycles:
            runs(one.plan)


def run_own_plans(own: Sequence[Plan], runs: Runs) -> None:
    """Run the plans that a kind makes itself (EIE, HiSparse), fewest bands first.

    Every band is a pass over all activations: from bands on with which all take twice the best
    cycles, more are not run.
    """
    by_bands: dict[int, list[float]] = {}
    for plan in sorted(own, key=lambda one: len(one.band_rows)):
        n_bands = len(plan.band_rows)
        if n_bands not in by_bands and by_bands:
            last = min(by_bands[max(by_bands)])
            if last > 2 * min(min(cycles) for cycles in by_bands.values()):
                return
        by_bands.setdefault(n_bands, []).append(runs(plan).cycles)


def show(cases: list[Case]) -> None:
    """Print quantiles by machine and the worst ten."""
    for arch in sorted({case.arch for case in cases}):
        print(f"{arch:20} {_quality([case for case in cases if case.arch == arch])}")
    print(f"{'all':20} {_quality(cases)}")
    predicted = np.array([case.predicted / case.best[0] for case in cases])
    print(
        f"{sum(case.n_plans for case in cases)} plans run, "
        f"{np.mean([case.n_trials for case in cases]):.2f} trials a layer; predicted plans alone: "
        f"within 2 % {np.mean(predicted <= 1.02):.2%}, within 10 % {np.mean(predicted <= 1.1):.2%}"
    )
    for case in sorted(cases, key=lambda one: -one.ratio)[:10]:
        print(f"  {case.ratio:.3f} {case.arch}, {case.layer}, {case.n_trials} trials")
        for what, (cycles, key) in (("chosen", case.chosen), ("best", case.best)):
            is_dense, schedule, n_bands, n_tiles = key
            print(
                f"      {what:6} {cycles:9.0f} cycles: {schedule}, {n_bands} bands, "
                f"{n_tiles} tiles{', dense' if is_dense else ''}"
            )


def _quality(cases: list[Case]) -> str:
    ratios = np.array([case.ratio for case in cases])
    return (
        f"{ratios.size:5d} pairs: within 2 % {np.mean(ratios <= 1.02):7.2%}, within 10 % "
        f"{np.mean(ratios <= 1.1):7.2%}, mean {np.exp(np.log(ratios).mean()):.4f}, "
        f"median {np.median(ratios):.3f}, 90 % {np.quantile(ratios, 0.9):.3f}, "
        f"99 % {np.quantile(ratios, 0.99):.3f}, "
        f"worst {ratios.max():.3f}"
    )


def measure(options: argparse.Namespace) -> Iterator[Case]:
    """Yield a case for each layer and machine; new runs are added to the file of kept ones."""
    kept: dict[tuple[str, int, int], list[list[Any]]] = {}
    if options.kept and options.kept.exists():
        for line in options.kept.read_text().splitlines():
            one = json.loads(line)
            kept[one["arch"], one["seed"], one["number"]] = one["runs"]
    for number in range(options.first, options.first + options.layers):
        for arch, draw in options.machines.items():
            rng = np.random.default_rng([options.seed, number])  # the same layer on each machine
            for job in jobs(rng, draw, options.most_weights, options.most_macs):
                place = arch, options.seed, number
                runs = Runs(job, kept.get(place, []))
                n_kept = len(runs.found)
                try:
                    with sharing_meanwhile(256 << 20):
                        if not n_kept:
                            run_near_plans(job, runs, options.within)
                        yield compare(job, arch, number, runs, not options.duel)
                except ConfigError as error:
                    print(f"{arch}: {error}")
                if options.kept and len(runs.found) > n_kept:
                    line = {"arch": arch, "seed": options.seed, "number": number}
                    with options.kept.open("a") as file:
                        file.write(json.dumps(line | {"runs": runs.kept()}) + "\n")


def show_changed(cases: list[Case], options: argparse.Namespace) -> None:
    """Print what the worst cases' two plans take, run and predicted, also with changed keys."""
    for case in sorted(cases, key=lambda one: -one.ratio)[:10]:
        print(f"{case.arch}, {case.layer}: cycles, of front end and array")
        for changed in ({}, dict(one.split("=") for one in options.changed)):
            rng = np.random.default_rng([options.seed, case.number])
            sizes = options.most_weights, options.most_macs
            for job in jobs(rng, options.machines[case.arch], *sizes, **changed):
                layer = job.arch, job.dram, job.data.layer, job.data.tensor
                plans = {key_of(plan): plan for plan in every_plan(*layer)}
                likely = likely_plans(*layer, within=1e9, most=10**6)
                predicted = {
                    key_of(one.plan): (round(one.cycles), *one.step_cycles) for one in likely
                }
                print(f"    {changed or 'as it is'}")
                for what, key in (("chosen", case.chosen[1]), ("best", case.best[1])):
                    one = trial(job, plans[key])
                    took = round(one.cycles), *one.step_cycles
                    print(f"      {what:6} {took}, predicted {predicted.get(key)}")


def show_planning(options: argparse.Namespace) -> None:
    """Print the CPU seconds in which the layers are planned: predicted, and with trials."""
    seconds, n_jobs = np.zeros(2), 0
    for number in range(options.first, options.first + options.layers):
        for draw in options.machines.values():
            rng = np.random.default_rng([options.seed, number])
            for job in jobs(rng, draw, options.most_weights, options.most_macs):
                data, start = job.data, time.process_time()
                plan_layer(job.arch, job.dram, data.layer, data.tensor)
                middle = time.process_time()
                chosen_plan(job)
                seconds += middle - start, time.process_time() - middle
                n_jobs += 1
    print(
        f"{n_jobs} jobs: predicted {seconds[0]:.2f} s, with trials {seconds[1]:.2f} s of CPU time"
    )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=300)
    parser.add_argument("--first", type=int, default=0, help="number of the first layer")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--archs", nargs="*", default=list(names("arch_configs")))
    parser.add_argument("--duel", help="shipped duel or file: designs of its families")
    parser.add_argument("--most-weights", type=int, default=1 << 16, help="of linear layers")
    parser.add_argument("--most-macs", type=int, default=1 << 25, help="of all layers")
    parser.add_argument("--within", type=float, default=1.3, help="of the fewest predicted cycles")
    parser.add_argument("--kept", type=Path, help="file of runs")
    parser.add_argument("--planning", action="store_true", help="only how long planning takes")
    parser.add_argument("--changed", nargs="*", help="KEY=VALUE: run the worst ten's plans with it")
    options = parser.parse_args()
    options.machines = (
        duel_machines(options.duel) if options.duel else shipped_machines(options.archs)
    )
    if options.planning:
        show_planning(options)
        return
    cases = list(measure(options))
    show(cases)
    if options.changed:
        show_changed(cases, options)


if __name__ == "__main__":
    main()
