"""How time and memory grow: networks of 1, 10 and 100 million weights, and a decoder of 7 billion.

    python benchmarks scale

Layers of 1024 x 1024 weights, S=0.9, int8, no cache: CPU nanoseconds a weight, and the largest over
the smallest of the three sizes.  Memory: the command line's peak on `llama7b_decode`, whose layers
are drawn, pruned, encoded, run and dropped one by one; with ``--quick`` its largest layer alone
(131 million weights, which decides the peak).
"""

from __future__ import annotations

import time
from pathlib import Path

from figures import Figure, run_f2fsim

from f2fsim.config import Workload
from f2fsim.config.load_workload import build_workload
from f2fsim.pipeline import simulate

FOUR = ("f2f_edge", "csr_edge", "bitmap_edge", "dense_edge")
SIDE = 1024


def of_size(n_layers: int) -> Workload:
    """Return a workload of `n_layers` layers of 1024 x 1024 weights."""
    layer = {"op": "linear", "in_features": SIDE, "out_features": SIDE, "n_tokens": 4}
    data = {
        "name": f"{n_layers} layers",
        "synthetic": {"distribution": "normal"},
        "pruning": {"method": "magnitude", "sparsity": 0.9},
        "layers": [layer | {"name": f"layer {i}"} for i in range(n_layers)],
    }
    return build_workload(data, Path(), "scale")


def growth(arch: str, quick: bool) -> list[Figure]:
    """Time a weight at three sizes (two with `quick`)."""
    simulate(
        arch, of_size(1), isolated=True, cache=None
    )  # imports and tables that every run needs once
    found, each = [], []
    for n_layers, n_runs in ((1, 5), (10, 2), (96, 1))[: 2 if quick else 3]:
        workload, best = of_size(n_layers), float("inf")
        for _ in range(n_runs):
            start = time.process_time()
            simulate(arch, workload, isolated=True, cache=None)
            best = min(best, time.process_time() - start)
        each.append(1e9 * best / (n_layers * SIDE**2))
        name = f"{arch}, {n_layers * SIDE**2 / 1e6:.0f} M weights: a weight"
        found.append(Figure("scale", name, each[-1], "ns"))
    return [*found, Figure("scale", f"{arch}: largest over least", max(each) / min(each), "", 1.2)]


def memory(quick: bool) -> list[Figure]:
    """Peak memory of a decoder of 7 billion parameters."""
    found = []
    for arch in FOUR:
        only = ("--layer", "output") if quick else ()
        cost = run_f2fsim("simulate", arch, "llama7b_decode", "-q", *only)
        name = f"llama7b_decode, {arch}{', largest layer' if quick else ''}"
        found += [
            Figure("scale", f"{name}: peak memory", cost.peak_bytes / 2**30, "GiB", 4),
            Figure("scale", f"{name}: CPU", cost.cpu_seconds, "s"),
        ]
    return found


def scale(quick: bool) -> list[Figure]:
    """Time for three sizes on four machines, and memory."""
    return [figure for arch in FOUR for figure in growth(arch, quick)] + memory(quick)
