"""Sweep speed: decoder points on opennsfw (int8, S=0.9), each re-encoded, with one and two workers.

    python benchmarks/bench_sweep.py [--points 500] [--workers 1 2]

Prints wall seconds and the CPU seconds that the points took (of all workers), beside the load of
the machine: on a shared machine the CPU seconds are the figure to compare.  The encoding cache is
off, so that every point is encoded.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from f2fsim.config.sweep import make_sweep
from f2fsim.explore import sweep


def run(n_points: int, n_workers: int) -> float:
    os.environ["F2FSIM_CACHE_DIR"] = "off"
    spec = make_sweep(
        name="bench",
        archs=["f2f_edge"],
        workloads=["opennsfw"],
        axes={
            "sparsity": [0.9],
            "front_end.n_out": "40:138:2",
            "front_end.n_s": [3, 7, 11, 15, 23],
            "front_end.groups": [2, 3],
        },
        sample={"n_points": n_points, "seed": 1},
    )
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        result = sweep(spec, out=Path(folder), workers=n_workers)
        wall_seconds = time.perf_counter() - start
        (row,) = result.store.sweeps()
        result.store.close()
    print(
        f"{n_workers} workers: {row['ok']} of {n_points} points in {wall_seconds:.1f} s wall, "
        f"{row['cpu_seconds']:.1f} s CPU in points, {row['cpu_seconds'] / n_points:.2f} s CPU a "
        f"point, load {os.getloadavg()[0]:.1f}"
    )
    return wall_seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=500)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    walls = [run(arguments.points, n) for n in arguments.workers]
    for n_workers, wall in zip(arguments.workers[1:], walls[1:], strict=True):
        print(f"{n_workers} workers are {walls[0] / wall:.2f} times as fast as the first")


if __name__ == "__main__":
    main()
