"""Random small networks and machines for property tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from f2fsim.config.arch import ArchConfig, load_arch
from f2fsim.config.workload import Workload

ARCHS = (
    "f2f_edge",
    "f2f_skip_edge",
    "dense_edge",
    "csr_edge",
    "bitmap_edge",
    "nm_edge",
    "eie",
    "scnn_like",
    "sigma",
    "systolic_32x32",
)


def random_network(seed: int) -> Workload:
    """Return a graph of two to six small layers with operations between them."""
    rng = np.random.default_rng(seed)
    batch = int(rng.choice([1, 1, 2]))
    layers: list[dict[str, Any]] = []
    operations: list[dict[str, Any]] = []
    sizes: dict[str, int] = {}  # values of a sample, by node

    def take() -> str:
        return str(rng.choice(list(sizes)[-4:]))

    for number in range(int(rng.integers(2, 7))):
        layer: dict[str, Any] = {"name": f"l{number}"}
        source = take() if sizes and rng.random() < 0.85 else None
        n_in = sizes[source] if source else int(rng.integers(8, 40))
        tokens = int(rng.choice([n for n in (1, 2, 3, 4) if n_in % n == 0]))
        outputs = int(rng.integers(4, 40))
        if rng.random() < 0.3:
            layer |= {"op": "conv1d", "in_channels": n_in // tokens, "out_channels": outputs}
            layer |= {"kernel": [1], "input_size": [tokens]}
        else:
            layer |= {"op": "linear", "in_features": n_in // tokens, "out_features": outputs}
            layer |= {"n_tokens": tokens}
        layer["inputs"] = [source or "input"]
        layers.append(layer)
        sizes[layer["name"]] = outputs * tokens
        for extra in range(int(rng.integers(0, 3))):
            operation, values = _operation(rng, f"v{number}.{extra}", sizes)
            operations.append(operation)
            sizes[operation["name"]] = values
    return Workload.model_validate(
        {
            "name": f"random {seed}",
            "synthetic": {"distribution": "normal"},
            "pruning": {"method": "magnitude", "sparsity": float(rng.choice([0.5, 0.8]))},
            "seed": seed,
            "batch": batch,
            "layers": layers,
            "operations": operations,
        }
    )


def _operation(
    rng: np.random.Generator, name: str, sizes: dict[str, int]
) -> tuple[dict[str, Any], int]:
    first = str(rng.choice(list(sizes)[-3:]))
    kind = str(
        rng.choice(["activation", "add", "multiply", "concat", "max_pool", "softmax", "normalise"])
    )
    operation: dict[str, Any] = {"name": name, "op": kind, "inputs": [first]}
    if kind in ("add", "multiply"):
        same = [one for one, size in sizes.items() if size == sizes[first] and one != first]
        if not same:
            return operation | {"op": "requantise"}, sizes[first]
        return operation | {"inputs": [first, same[-1]]}, sizes[first]
    if kind == "concat":
        others = [one for one in sizes if one != first]
        if not others:
            return operation | {"op": "activation"}, sizes[first]
        second = str(rng.choice(others))
        return operation | {"inputs": [first, second]}, sizes[first] + sizes[second]
    if kind == "max_pool":
        values = max(sizes[first] // 2, 1)
        return operation | {"values": values, "window": 2}, values
    return operation, sizes[first]


def random_arch(seed: int) -> ArchConfig:
    """Return a shipped machine with a small scratchpad, some with a vector unit."""
    rng = np.random.default_rng(seed)
    arch = load_arch(ARCHS[int(rng.integers(len(ARCHS)))])
    capacity = int(rng.choice([2, 3, 4, 16, 64])) * 1024
    values: dict[str, Any] = {"scratchpad.capacity": f"{capacity} B"}
    if rng.random() < 0.5:
        values["vector"] = {"lanes": int(rng.choice([1, 4, 16]))}
    if rng.random() < 0.3:
        values["scratchpad.double_buffered"] = False
    return arch.with_values(values)
