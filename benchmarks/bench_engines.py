"""Both engines on a whole network: equal counters, and the ratio of their times.

    python benchmarks/bench_engines.py [--workload opennsfw] [--sparsity 0.9] [--json FILE] ARCH...

Only the engines are timed (planning, encoding and building are done before); the geometric mean of
the ratios is printed last.  The floor beside each is the kernel's steps: one item of one component
cannot take less than some tens of instructions.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

from f2fsim.config import load_workload
from f2fsim.config.arch import load_arch
from f2fsim.engine import run
from f2fsim.hw.build import build_layer
from f2fsim.hw.dram import dram_params
from f2fsim.mapping.formats import layer_format
from f2fsim.mapping.plan import plan_layer
from f2fsim.pipeline import EncodingCache
from f2fsim.pipeline.layer import band_tensors
from f2fsim.workloads import iterate_layers

DEFAULT = ("f2f_edge", "csr_edge", "bitmap_edge", "dense_edge")


def measure(name: str, workload: str, sparsity: float) -> dict[str, float | str]:
    """Run every layer of a workload with both engines and compare all counters."""
    arch = load_arch(name)
    dram = dram_params(arch.dram())
    cache = EncodingCache.default()
    seconds = {"event": 0.0, "compiled": 0.0}
    items = 0
    loaded = load_workload(workload).with_overrides(sparsity=sparsity)
    if arch.format == "nm":
        pattern = {"method": "nm", "n": arch.front_end.n, "m": arch.front_end.m}
        loaded = loaded.with_overrides(pruning=pattern)
    for data in iterate_layers(loaded):
        plan = plan_layer(arch, data.layer, data.tensor)
        weight_format = layer_format(arch, data.tensor)
        bands = []
        for band in band_tensors(data.tensor, plan):
            encode = cache.encode if cache else (lambda f, t: f.encode(t))
            bands.append((band, encode(weight_format, band)))
        machine = build_layer(arch, dram, data.layer, plan, bands).machine
        items += sum(c.n_items for c in machine.components)
        outcomes = {}
        for engine in seconds:
            start = time.process_time()
            outcomes[engine] = run(machine, dram, engine)
            seconds[engine] += time.process_time() - start
        if outcomes["event"] != outcomes["compiled"]:
            raise SystemExit(f"{name}, {data.layer.name}: the engines differ")
    return {
        "arch": name,
        "items": items,
        "event_s": seconds["event"],
        "compiled_s": seconds["compiled"],
        "ratio": seconds["event"] / seconds["compiled"],
        "ns_an_item": 1e9 * seconds["compiled"] / items,
    }


def main() -> None:
    """Print a table and, with --json, write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arch", nargs="*", default=DEFAULT)
    parser.add_argument("--workload", default="opennsfw")
    parser.add_argument("--sparsity", type=float, default=0.9)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = [measure(name, options.workload, options.sparsity) for name in options.arch]
    for row in rows:
        print(
            f"{row['arch']:16} {row['items']:>10,} items  event {row['event_s']:8.2f} s  compiled "
            f"{row['compiled_s']:7.3f} s  ratio {row['ratio']:7.1f}  "
            f"{row['ns_an_item']:6.0f} ns an item"
        )
    mean = math.exp(sum(math.log(float(row["ratio"])) for row in rows) / len(rows))
    print(f"geometric mean of the ratios: {mean:.1f} (CPU seconds; all counters equal)")
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "geometric_mean": mean}, indent=1))


if __name__ == "__main__":
    main()
