"""What keeping maps on the chip and fetching weights ahead give: committed under reports/network.

    python benchmarks/network_maps.py reports/network           # maps.csv and the figures
    python benchmarks/network_maps.py reports/network --draw    # the figures only

opennsfw (trained) and ResNet-50 (synthetic weights) at S=0.9, int8, batch 1, on the four edge
machines with scratchpads of 512 KiB and 2 MiB and a vector unit of 64 lanes:

* isolated: each layer from DRAM to DRAM (``--isolated``); vector work is not counted;
* overlapped: one run in which no map stays (``--residency none``), vector work and the bytes of
  residuals and poolings counted;
* resident: one run in which maps stay that fit (the default).

The figures show opennsfw on f2f_edge with 512 KiB on one time axis.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from f2fsim import simulate
from f2fsim.config import Workload, load_workload
from f2fsim.config.arch import load_arch
from f2fsim.report.cases import make_cases
from f2fsim.report.network_figures import network_figures
from f2fsim.report.static import draw
from f2fsim.results import SimResult
from f2fsim.workloads import LayerData, iterate_layers

MACHINES = ("f2f_edge", "csr_edge", "bitmap_edge", "dense_edge")
WORKLOADS = ("opennsfw", "resnet50")
CAPACITIES = ("512 KiB", "2 MiB")
LANES = 64
CONDITIONS: dict[str, Any] = {"sparsity": 0.9, "weight_type": "int8"}


def machine_with(name: str, capacity: str) -> Any:
    """Return a machine with a scratchpad of this size and a vector unit."""
    return load_arch(name).with_values({"scratchpad.capacity": capacity, "vector.lanes": LANES})


class Kept:
    """Layers of a workload, read and pruned once for all runs."""

    def __init__(self, workload: Workload) -> None:
        self.data = list(iterate_layers(workload))

    def __call__(self, workload: Workload) -> Iterator[LayerData]:
        """Yield the layers."""
        return iter(self.data)


def rows() -> Iterator[dict[str, object]]:
    """Yield a row a workload, scratchpad and machine."""
    for name in WORKLOADS:
        workload = load_workload(name).with_overrides(**CONDITIONS)
        kept = Kept(workload)
        for capacity in CAPACITIES:
            for machine in MACHINES:
                arch = machine_with(machine, capacity)
                hows: tuple[dict[str, Any], ...] = ({"isolated": True}, {"residency": "none"}, {})
                found = [simulate(arch, workload, read_layers=kept, **how) for how in hows]
                key = {"workload": name, "scratchpad": capacity, "machine": machine}
                row = {**key, **figures(*found)}
                print(row, flush=True)
                yield row


def figures(alone: SimResult, overlapped: SimResult, kept: SimResult) -> dict[str, object]:
    """Return times and bytes side by side."""
    run = kept.network
    assert run is not None
    return {
        "isolated_us": round(alone.seconds * 1e6, 1),
        "overlapped_us": round(overlapped.seconds * 1e6, 1),
        "resident_us": round(kept.seconds * 1e6, 1),
        "isolated_mb": round(alone.n_bytes / 1e6, 3),
        "overlapped_mb": round(overlapped.n_bytes / 1e6, 3),
        "resident_mb": round(kept.n_bytes / 1e6, 3),
        "kept_maps": f"{run.n_kept_tensors} of {len(run.tensors)}",
        "resident_bound_us": round(run.bound / run.clock_hz * 1e6, 1),
    }


def draw_one(folder: Path) -> None:
    """Draw opennsfw on one time axis."""
    result = simulate(machine_with("f2f_edge", "512 KiB"), "opennsfw", **CONDITIONS)
    for figure in network_figures(make_cases([[result]])[0]):
        svg, png = draw(figure)
        (folder / f"{figure.name}.svg").write_bytes(svg)
        (folder / f"{figure.name}.png").write_bytes(png)


def main() -> None:
    """Write ``maps.csv`` and the figures."""
    folder = Path(sys.argv[1])
    if "--draw" not in sys.argv:
        with (folder / "maps.csv").open("w", newline="") as file:
            writer = None
            for row in rows():
                if writer is None:
                    writer = csv.DictWriter(file, row.keys(), lineterminator="\n")
                    writer.writeheader()
                writer.writerow(row)
                file.flush()
    draw_one(folder)


if __name__ == "__main__":
    main()
