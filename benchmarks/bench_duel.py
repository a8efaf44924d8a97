"""Points that differ in the machine only, and a large duel on a trained network.

    python benchmarks/bench_duel.py [--points N] [--workers 2] [--schedule auto] [--duel] [--quick]

The points of some spaces on silero-vad (7 layers) and opennsfw (54 layers), int8, S=0.9, in the
order of a sweep: CPU milliseconds a point with what workers share (`f2fsim.sharing`) and without,
as before it; the records must be equal.  Beside it what nothing can share: runs of the engine on
machines that are new (with ``--schedule auto`` trials of plans too), and the CPU time of its kernel
alone.  Then wall and CPU seconds of points with one worker and with several.  With ``--duel`` the
shipped duel `opennsfw` of more than 5 000 designs: how many are simulated, and CPU seconds.  On a
shared machine CPU time is the figure to compare, and a ratio more than a figure.
"""

from __future__ import annotations

import argparse
import os
import time
from unittest.mock import patch

import f2fsim
from f2fsim.config.sweep import SweepSpec, make_sweep
from f2fsim.engine import compiled
from f2fsim.explore import evaluate
from f2fsim.explore.evaluate import KeptLayers, Task, metrics_of, run_task
from f2fsim.explore.expand import expand
from f2fsim.explore.inputs import load_inputs
from f2fsim.explore.runners import Processes
from f2fsim.explore.store import ResultStore
from f2fsim.explore.sweeps import sweep
from f2fsim.pipeline import simulate
from f2fsim.sharing import Shared

#: Axes of the machine alone, by architecture; encodings are shared where the format is.
SPACES = {
    "f2f_skip_edge": {
        "pe_array.weights_per_cycle": [16, 32, 64],
        "pe_array.columns": [4, 8, 16],
        "pe_array.window": [4, 16],
        "scratchpad.capacity": ["256 KiB", "512 KiB"],
        "memory.n_channels": [1, 2],
    },
    "bitmap_edge": {
        "pe_array.weights_per_cycle": [16, 32, 64],
        "pe_array.columns": [4, 8, 16],
        "pe_array.window": [4, 16],
        "scratchpad.n_banks": [32, 64],
        "memory.n_channels": [1, 2],
    },
    "csr_edge": {
        "scratchpad.n_banks": [32, 64],
        "pe_array.columns": [4, 8, 16],
        "pe_array.window": [4, 16],
        "scratchpad.capacity": ["256 KiB", "512 KiB"],
        "memory.n_channels": [1, 2],
    },
}


#: More of one space, so that two workers' starts are little of it: 144 points.
MANY = {"memory.n_channels": [1, 2, 4, 8]}


def spec_of(
    arch: str, workload: str, schedule: str, more: dict[str, list[int]] | None = None
) -> SweepSpec:
    axes = {"sparsity": [0.9], "schedule": [schedule], **SPACES[arch], **(more or {})}
    return make_sweep(name="bench", archs=[arch], workloads=[workload], axes=axes)


class TimedNetwork(compiled.Network):
    """The engine's kernel with a count of its runs and their CPU seconds."""

    n_runs, cpu_seconds = 0, 0.0

    def run(self) -> bool:
        """Run it, on the clock."""
        start = time.process_time()
        done: bool = super().run()
        TimedNetwork.cpu_seconds += time.process_time() - start
        TimedNetwork.n_runs += 1
        return done


def points(arch: str, workload: str, schedule: str, n_points: int) -> tuple[int, float]:
    """Time the points of a space; return how many, and their CPU seconds with what is shared."""
    spec = spec_of(arch, workload, schedule)
    found = [point for point in expand(spec, load_inputs(spec)) if point.status == "ready"]
    tasks = [Task.of(point, "compiled") for point in found[: n_points or None]]
    kept = KeptLayers()

    def alone(task: Task) -> dict[str, object]:
        return metrics_of(
            simulate(task.arch, task.workload, isolated=True, read_layers=kept.layers)
        )

    for task in tasks:
        run_task(task)  # encodings of all plans are on disk, for both
    alone(tasks[0])
    start = time.process_time()
    expected = [alone(task) for task in tasks]
    alone_seconds = time.process_time() - start
    # What a worker has when it begins: layers in memory, and what the first point made.
    with patch.object(evaluate, "_SHARED", Shared(evaluate.MAX_SHARED_BYTES)):
        run_task(tasks[0])
        TimedNetwork.n_runs, TimedNetwork.cpu_seconds = 0, 0.0
        start = time.process_time()
        with patch.object(compiled, "Network", TimedNetwork):
            outcomes = [run_task(task) for task in tasks]
        shared_seconds = time.process_time() - start
    for outcome, metrics in zip(outcomes, expected, strict=True):
        assert outcome.status == "ok", outcome.error
        assert outcome.metrics == metrics, "sharing changed a record"
    n = len(tasks)
    kernel_ms = 1e3 * TimedNetwork.cpu_seconds / n
    print(
        f"{workload:11} {arch:14} {schedule} {n} points: {1e3 * shared_seconds / n:6.2f} ms CPU "
        f"a point ({n / shared_seconds:5.1f} a second), {1e3 * alone_seconds / n:6.1f} without "
        f"sharing, ratio {alone_seconds / shared_seconds:.2f}; records equal; "
        f"{TimedNetwork.n_runs / n:.1f} runs of the engine, its kernel alone {kernel_ms:.1f} ms"
    )
    return n, shared_seconds


def workers(n_workers: int, schedule: str) -> None:
    walls, cpus = [], []
    for n in (1, n_workers):
        start = time.perf_counter()
        # One worker is a process of its own too, that has nothing yet.
        spec = spec_of("bitmap_edge", "opennsfw", schedule, MANY)
        result = sweep(spec, runner=Processes(n))
        walls.append(time.perf_counter() - start)
        cpus.append(cpu_seconds_of(result.store))
        result.store.close()
    print(
        f"144 points of bitmap_edge on opennsfw: {walls[0]:.1f} s wall with one worker, "
        f"{walls[1]:.1f} with {n_workers}: {walls[0] / walls[1]:.2f} times as fast at load "
        f"{os.getloadavg()[0]:.1f}; CPU seconds of points {cpus[0]:.1f} and {cpus[1]:.1f}: with a "
        f"free core a worker {n_workers * cpus[0] / cpus[1]:.2f} times as fast"
    )


def cpu_seconds_of(store: ResultStore) -> float:
    outcomes = [store.outcome(digest) for digest in store.statuses()]
    return sum(one.cpu_seconds for one in outcomes if one is not None)


def large_duel(n_workers: int) -> None:
    start = time.perf_counter()
    found = f2fsim.duel("opennsfw", workers=n_workers, reasons=False)
    wall_seconds = time.perf_counter() - start
    counts = found.counts()
    n = sum(counts.values())
    cpu_seconds = cpu_seconds_of(found.store)
    left_out = n - counts["simulated"]
    print(
        f"duel of {n} designs on opennsfw: {counts['simulated']} simulated, {left_out / n:.0%} "
        f"not ({counts['bound']} ruled out by bounds), {cpu_seconds:.0f} CPU seconds in workers, "
        f"{wall_seconds:.0f} s wall on {n_workers}, load {os.getloadavg()[0]:.1f}"
    )
    for row in found.best():
        print(f"  {row['family']}: {row['seconds'] * 1e3:.3f} ms, {row['area_mm2']:.2f} mm2")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=0, help="of each space, its first; 0: all")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--schedule", default="predicted", help="auto: with trials of plans")
    parser.add_argument("--duel", action="store_true", help="the large duel too")
    parser.add_argument("--quick", action="store_true", help="few points of silero-vad only")
    arguments = parser.parse_args()
    for workload in ["silero_vad"] if arguments.quick else ["silero_vad", "opennsfw"]:
        n_points = 6 if arguments.quick else arguments.points
        done = [points(arch, workload, arguments.schedule, n_points) for arch in SPACES]
        n, seconds = sum(n for n, _ in done), sum(seconds for _, seconds in done)
        print(
            f"{workload:11} all {n} points: {1e3 * seconds / n:.2f} ms, {n / seconds:.1f} a second"
        )
    if not arguments.quick:
        workers(arguments.workers, arguments.schedule)
    if arguments.duel:
        large_duel(arguments.workers)


if __name__ == "__main__":
    main()
