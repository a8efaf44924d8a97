"""Both engines on a whole network: equal counters, and the ratio of their times.

    python benchmarks/bench_engines.py [--workload opennsfw] [--layers N] [--json FILE] [ARCH ...]

Every shipped architecture by default; ``--layers N`` takes every N-th layer only, since the event
engine needs minutes for each architecture.  All counters (ticks, busy, stalled and idle cycles by
cause, bursts, row hits, DRAM commands, energy) must be equal, or the exit status is 1.  Only the
engines are timed, in CPU seconds; ``prepare`` is reading, pruning, planning, encoding and building.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

from f2fsim import shipped
from f2fsim.config import load_workload
from f2fsim.engine import run
from f2fsim.pipeline import EncodingCache
from f2fsim.pipeline.layer import prepare_layer
from f2fsim.pipeline.run import layer_jobs

#: The ratio is asked of these.
FORMATS = ("f2f_edge", "csr_edge", "bitmap_edge", "dense_edge")


def measure(name: str, workload: str, sparsity: float, every: int = 1) -> dict[str, Any]:
    """Run layers of a workload with both engines, and compare all counters."""
    base = load_workload(workload)
    chosen = [layer.name for layer in base.layers][::every]
    base = base.with_overrides(sparsity=sparsity, layers=chosen)
    row: dict[str, Any] = {"arch": name, "layers": len(chosen), "items": 0, "bursts": 0}
    seconds = {"prepare": 0.0, "event": 0.0, "compiled": 0.0}
    start = time.process_time()
    for job in layer_jobs(base, name, EncodingCache.default()):
        built, _ = prepare_layer(job)
        seconds["prepare"] += time.process_time() - start
        outcomes = {}
        for engine in ("event", "compiled"):
            start = time.process_time()
            outcomes[engine] = run(built.machine, job.dram, engine, spec=job.cost.dram)
            seconds[engine] += time.process_time() - start
        if outcomes["event"] != outcomes["compiled"]:
            raise SystemExit(f"{name}, {job.data.layer.name}: the engines differ")
        row["items"] += sum(component.n_items for component in built.machine.components)
        row["bursts"] += sum(s.n_bursts for s in outcomes["compiled"].streams.values())
        start = time.process_time()
    row |= {f"{key}_s": value for key, value in seconds.items()}
    row["ratio"] = seconds["event"] / seconds["compiled"]
    whole = seconds["prepare"] + seconds["compiled"]
    row["whole_run_ratio"] = (seconds["prepare"] + seconds["event"]) / whole
    row["ns_a_burst"] = 1e9 * seconds["compiled"] / row["bursts"]
    return row


def mean_ratio(rows: list[dict[str, Any]], key: str) -> float:
    """Return the geometric mean of a ratio."""
    return math.exp(sum(math.log(row[key]) for row in rows) / len(rows))


def main() -> None:
    """Print a table and, with --json, write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arch", nargs="*", help="default: all shipped ones")
    parser.add_argument("--workload", default="opennsfw")
    parser.add_argument("--sparsity", type=float, default=0.9)
    parser.add_argument("--layers", type=int, default=1, metavar="N", help="every N-th layer")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = []
    for name in options.arch or [*FORMATS, *(set(shipped.names("arch_configs")) - set(FORMATS))]:
        row = measure(name, options.workload, options.sparsity, options.layers)
        rows.append(row)
        print(
            f"{name:17} {row['items']:>9,} items {row['bursts']:>8,} bursts  event "
            f"{row['event_s']:7.2f} s  compiled {row['compiled_s']:6.3f} s  ratio "
            f"{row['ratio']:6.0f}  whole run {row['whole_run_ratio']:5.1f}  "
            f"{row['ns_a_burst']:4.0f} ns a burst",
            flush=True,
        )
    asked = [row for row in rows if row["arch"] in FORMATS] or rows
    means = {key: mean_ratio(asked, key) for key in ("ratio", "whole_run_ratio")}
    print(
        f"all counters equal; geometric means over {', '.join(row['arch'] for row in asked)}: "
        f"engine {means['ratio']:.0f}, whole run {means['whole_run_ratio']:.1f} (CPU seconds)"
    )
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "means": means}, indent=1) + "\n")


if __name__ == "__main__":
    main()
