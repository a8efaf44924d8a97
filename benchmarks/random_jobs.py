"""Random layers on machines: shipped ones, or designs of a duel's families."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from f2fsim.config.arch import ArchConfig, load_arch
from f2fsim.config.duel import load_duel
from f2fsim.config.load_workload import build_workload
from f2fsim.explore.duel_space import Design, Space
from f2fsim.pipeline.layer import LayerJob
from f2fsim.pipeline.run import layer_jobs

#: Makes a machine of random numbers, and says which.
Draw = Callable[[np.random.Generator], tuple[ArchConfig, str]]
#: A layer and its batch.
Drawn = tuple[dict[str, Any], int]

TOKENS = (1, 1, 2, 3, 8, 16, 50)
BATCHES = (1, 1, 2, 4, 8)
SPARSITIES = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95)


def shipped_machines(names: Sequence[str]) -> dict[str, Draw]:
    """Return shipped architectures by name, as they are."""
    return {name: _always(load_arch(name)) for name in names}


def duel_machines(duel: str) -> dict[str, Draw]:
    """Return a duel's families: any of the designs that its first contest may run."""
    families = Space(load_duel(duel)).contests()[0].families
    return {
        family: _one_of([one for one in designs if one.status == "ready"])
        for family, designs in families.items()
    }


def _always(arch: ArchConfig) -> Draw:
    return lambda _: (arch, "")


def _one_of(designs: Sequence[Design]) -> Draw:
    def draw(rng: np.random.Generator) -> tuple[ArchConfig, str]:
        one = designs[int(rng.integers(len(designs)))]
        arch = one.points[0].arch
        assert arch is not None
        return arch, "".join(f", {path}={value}" for path, value in one.values.items())

    return draw


def random_layer(rng: np.random.Generator, most_weights: int) -> Drawn:
    """Return a layer and its batch: sizes by powers of two and odd ones, few and many columns."""
    batch = int(rng.choice(BATCHES))
    if rng.random() < 0.4:
        channels, out = (int(rng.choice([3, 16, 32, 64, 96, 128])) for _ in range(2))
        size = int(rng.choice([5, 7, 14, 28]))
        kernel = int(rng.choice([1, 3]))
        layer = {
            "name": f"conv {channels}x{size}x{size} to {out}, kernel {kernel}, batch {batch}",
            "op": "conv2d",
            "in_channels": channels,
            "out_channels": out,
            "kernel": [kernel, kernel],
            "input_size": [size, size],
            "padding": [kernel // 2, kernel // 2],
        }
        return layer, batch
    while True:
        k, m = (int(2 ** rng.uniform(4, 12)) for _ in range(2))
        if k * m <= most_weights:
            break
    tokens = int(rng.choice(TOKENS))
    name = f"linear {k} to {m}, {tokens} tokens, batch {batch}"
    layer = {"name": name, "op": "linear", "in_features": k, "out_features": m, "n_tokens": tokens}
    return layer, batch


def jobs(
    rng: np.random.Generator, draw: Draw, most_weights: int, most_macs: int, **changed: Any
) -> Iterator[LayerJob]:
    """Yield one random layer on a machine, keys of which may be changed."""
    layer, batch = random_layer(rng, most_weights)
    while _macs(layer, batch) > most_macs:
        layer, batch = random_layer(rng, most_weights)
    sparsity = float(rng.choice(SPARSITIES))
    seed = int(rng.integers(1000))
    arch, which = draw(rng)
    layer["name"] += f", S={sparsity:g}{which}"
    data = {
        "name": "random",
        "synthetic": {"distribution": "normal"},
        "pruning": {"method": "magnitude", "sparsity": sparsity},
        "seed": seed,
        "batch": batch,
        "layers": [layer],
    }
    workload = build_workload(data, Path(), "random")
    yield from layer_jobs(workload, arch.with_values(changed), cache=None)


def _macs(layer: dict[str, Any], batch: int) -> int:
    if layer["op"] == "linear":
        return int(layer["in_features"] * layer["out_features"] * layer["n_tokens"] * batch)
    kernel, pixels = np.prod(layer["kernel"]), np.prod(layer["input_size"])
    return int(layer["in_channels"] * layer["out_channels"] * kernel * pixels * batch)
