"""Both engines on whole networks: every counter equal, opennsfw and two blocks of a LLaMA.

    python benchmarks/network_engines.py

The blocks have an eighth of LLaMA-7B's heads and feed-forward width, and 512 tokens in their
caches.  Prints the CPU seconds of both engines; ends with status 1 if a counter differs.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from network_decode import decoder

from f2fsim import simulate
from f2fsim.config import load_workload
from f2fsim.config.arch import load_arch

#: Share of a block's heads and feed-forward width: an eighth.
SHARE = 8


def main() -> None:
    """Run both and compare."""
    machine = load_arch("f2f_edge").with_values({"vector.lanes": 64})
    conditions: dict[str, Any] = {"sparsity": 0.9, "weight_type": "int8"}
    for workload in (load_workload("opennsfw"), decoder(SHARE, 511, n_blocks=2)):
        found, seconds = [], []
        for engine in ("compiled", "event"):
            begin = time.process_time()
            found.append(simulate(machine, workload, engine=engine, **conditions))
            seconds.append(time.process_time() - begin)
        equal = found[0].network == found[1].network and found[0].layers == found[1].layers
        print(
            f"{workload.name}: {found[0].n_cycles} and {found[1].n_cycles} cycles, all counters "
            f"{'equal' if equal else 'NOT equal'}; {seconds[0]:.1f} and {seconds[1]:.1f} s",
            flush=True,
        )
        if not equal:
            sys.exit(1)


if __name__ == "__main__":
    main()
