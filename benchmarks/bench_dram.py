"""DRAM engine speed: requests a CPU second, random and sequential, on one core.

Run ``python benchmarks/bench_dram.py [PRESET ...]``.  CPU time, not wall time: the best of three
runs, the making of the trace left out.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from f2fsim.config.dram_preset import load_dram
from f2fsim.hw.dram import dram_params, replay

N_REQUESTS = 1 << 20


def requests_per_second(preset: str, kind: str) -> float:
    """Return the requests replayed in a CPU second: one stream, reads, as fast as they enter."""
    params = dram_params(load_dram(preset))
    line = np.arange(N_REQUESTS)
    if kind == "random":
        rng = np.random.default_rng(0)
        line = rng.integers(0, 64 * 2**20 // params.burst_bytes, N_REQUESTS)
    zero = np.zeros(N_REQUESTS, np.int64)
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        replay(params, line * params.burst_bytes, zero, zero)
        best = min(best, time.process_time() - start)
    return N_REQUESTS / best


def main() -> None:
    for preset in sys.argv[1:] or ["ddr4_2400", "hbm2_channel", "hbm2_stack"]:
        for kind in ("random", "sequential"):
            print(f"{preset:24s} {kind:12s} {requests_per_second(preset, kind) / 1e6:6.2f} M/s")


if __name__ == "__main__":
    main()
