"""What keeping maps on the chip and fetching weights ahead give: committed under reports/network.

    python benchmarks/network_maps.py reports/network

opennsfw (trained) and ResNet-50 (synthetic weights) at S=0.9, int8, batch 1, on the four edge
machines with scratchpads of 512 KiB and 2 MiB and a vector unit of 64 lanes:

* isolated: each layer from DRAM to DRAM (`f2fsim compare`); vector work is not counted;
* overlapped: one run in which no map stays (``--residency none``), vector work and the bytes of
  residuals and poolings counted;
* resident: one run in which maps stay that fit (``--residency auto``).
"""

from __future__ import annotations

import csv
import sys
import time
from pathlib import Path

from f2fsim.config import load_workload
from f2fsim.config.arch import load_arch
from f2fsim.pipeline import simulate
from f2fsim.pipeline.network import simulate_network

MACHINES = ("f2f_edge", "csr_edge", "bitmap_edge", "dense_edge")
WORKLOADS = ("opennsfw", "resnet50")
CAPACITIES = ("512 KiB", "2 MiB")
LANES = 64


def rows() -> list[dict[str, object]]:
    """Return a row a workload, scratchpad and machine."""
    found: list[dict[str, object]] = []
    for name in WORKLOADS:
        workload = load_workload(name).with_overrides(sparsity=0.9, weight_type="int8")
        for capacity in CAPACITIES:
            for machine in MACHINES:
                values = {"scratchpad.capacity": capacity, "vector": {"lanes": LANES}}
                arch = load_arch(machine).with_values(values)
                begin = time.process_time()
                alone = simulate(arch, workload)
                middle = time.process_time()
                kept = simulate_network(arch, workload)
                end = time.process_time()
                overlapped = simulate_network(arch, workload, residency="none")
                n_kept = sum(one.place == "scratchpad" for one in kept.tensors)
                found.append(
                    {
                        "workload": name,
                        "scratchpad": capacity,
                        "machine": machine,
                        "isolated_us": round(alone.seconds * 1e6, 1),
                        "overlapped_us": round(overlapped.seconds * 1e6, 1),
                        "resident_us": round(kept.seconds * 1e6, 1),
                        "isolated_mb": round(alone.n_bytes / 1e6, 3),
                        "overlapped_mb": round(overlapped.n_bytes / 1e6, 3),
                        "resident_mb": round(kept.n_bytes / 1e6, 3),
                        "kept_maps": f"{n_kept} of {len(kept.tensors)}",
                        "resident_bound_us": round(kept.bound / kept.clock_hz * 1e6, 1),
                    }
                )
                cost = (end - middle) / (middle - begin)
                print(found[-1], f"CPU over layers alone: {cost:.2f}", flush=True)
    return found


def main() -> None:
    """Write ``maps.csv``."""
    folder = Path(sys.argv[1])
    found = rows()
    with (folder / "maps.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, found[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)


if __name__ == "__main__":
    main()
