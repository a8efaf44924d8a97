"""Tokens a second of LLaMA-7B by format, sparsity, type and context: under reports/network.

    python benchmarks/network_decode.py reports/network [MACHINE_CLASS …]
    python benchmarks/network_decode.py reports/network --draw      # figures of what is there

Decoding of one token, synthetic weights, KV cache in int8, maps kept on the chip, one run a block.
Machines: the edge ones with LPDDR5-6400 and 64 vector lanes, the server ones (HBM2 stack) with 512.

A block of LLaMA-7B has 202 million weights and is run 32 times with weights that differ in nothing
that counts.  What is simulated are a sixteenth and an eighth of its heads and of its feed-forward
width; time and bytes are linear in that share (a whole block on bitmap_edge, int8, S=0.7, took
3175.6 us and 90.394 MB, the line through both shares says 3172.1 us and 90.393 MB), so

    block = T(1/16) + 15 · (T(1/8) - T(1/16)),   token = 32 · block + output projection,

the output projection (32 000 rows) at the time a row of the gate projection, which is as wide.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from f2fsim.config.arch import ArchConfig, load_arch
from f2fsim.config.workload import Workload
from f2fsim.pipeline.network import simulate_network
from f2fsim.report.network_figures import cache_share_figure, decode_figure
from f2fsim.report.static import draw, settings
from f2fsim.results.network import NetworkResult
from f2fsim.workloads import LayerData, iterate_layers

CLASSES: dict[str, dict[str, Any]] = {
    "edge": {"memory.preset": "lpddr5_6400", "vector": {"lanes": 64}},
    "server": {"vector": {"lanes": 512}},
}
FORMATS = ("f2f", "csr", "bitmap", "dense")
SPARSITIES = (0.0, 0.5, 0.7, 0.9)
TYPES = ("int8", "int4")
CONTEXTS = (511, 4095)
SHARES = (16, 8)
WIDTH, HIDDEN, HEADS, ROWS, BLOCKS = 4096, 11008, 32, 32000, 32


def block(share: int, context: int) -> Workload:
    """Return one block with a `share`-th of its heads and of its feed-forward width."""
    heads, hidden = HEADS // share, HIDDEN // share
    inner = WIDTH // share

    def linear(name: str, n_in: int, n_out: int, source: str) -> dict[str, Any]:
        shape = {"in_features": n_in, "out_features": n_out}
        return {"name": name, "op": "linear", **shape, "inputs": [source]}

    def vector(name: str, op: str, *inputs: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "op": op, "inputs": list(inputs), **more}

    return Workload.model_validate(
        {
            "name": f"llama7b_1/{share}",
            "synthetic": {"distribution": "normal"},
            "layers": [
                linear("q", WIDTH, inner, "norm1"),
                linear("k", WIDTH, inner, "norm1"),
                linear("v", WIDTH, inner, "norm1"),
                linear("o", inner, WIDTH, "attention"),
                linear("gate", WIDTH, hidden, "norm2"),
                linear("up", WIDTH, hidden, "norm2"),
                linear("down", hidden, WIDTH, "product"),
            ],
            "operations": [
                vector("norm1", "normalise", "input", values=WIDTH),
                vector("rope.q", "multiply", "q"),
                vector("rope.k", "multiply", "k"),
                vector(
                    "attention", "attention", "rope.q", "rope.k", "v", n_heads=heads,
                    head_size=128, context=context, kv_type="int8",
                ),
                vector("add1", "add", "o", "input", values=WIDTH),
                vector("norm2", "normalise", "add1"),
                vector("silu", "activation", "gate"),
                vector("product", "multiply", "up", "silu"),
                vector("add2", "add", "down", "add1"),
            ],
        }
    )  # fmt: skip


class Kept:
    """Layers of a workload, read and pruned once for all machines."""

    def __init__(self, workload: Workload) -> None:
        self.data = list(iterate_layers(workload))

    def __call__(self, workload: Workload) -> Iterator[LayerData]:
        """Yield the layers, whatever the context."""
        layers = {layer.name: layer for layer in workload.layers}
        return (replace(one, layer=layers[one.layer.name]) for one in self.data)


def gate_seconds(result: NetworkResult) -> float:
    """Return how long the array was at the gate projection."""
    stages = {stage.name: stage for stage in result.stages}
    gate = stages["gate"]
    return (gate.computed - gate.ready) / result.ticks_per_second


def token(small: NetworkResult, large: NetworkResult) -> dict[str, Any]:
    """Return time, bytes and share of the cache of a token of the whole model."""

    def whole(of: Any) -> float:
        return float(of(small) + (SHARES[0] - 1) * (of(large) - of(small)))

    def cache(one: NetworkResult) -> int:
        return sum(s.n_bytes for s in one.streams if s.name in one.cache_bits)

    def weights(one: NetworkResult) -> int:
        names = ("activations", "operands", "outputs", *one.cache_bits)
        return sum(s.n_bytes for s in one.streams if s.name not in names)

    rows = HIDDEN // SHARES[1]
    seconds = BLOCKS * whole(lambda one: one.seconds) + gate_seconds(large) * ROWS / rows
    output = whole(weights) * ROWS * WIDTH / (4 * WIDTH**2 + 3 * WIDTH * HIDDEN)
    n_bytes = BLOCKS * whole(lambda one: one.n_bytes) + output
    energy = BLOCKS * whole(lambda one: sum(one.energy_pj.values()))
    return {
        "tokens_per_second": round(1 / seconds, 3),
        "bytes_per_token": round(n_bytes),
        "kv_share": round(BLOCKS * whole(cache) / n_bytes, 4),
        "block_energy_mj_per_token": round(energy / 1e9, 2),
    }


def main() -> None:
    """Write ``decode_CLASS.csv`` as figures come."""
    folder, wanted = Path(sys.argv[1]), sys.argv[2:] or list(CLASSES)
    if wanted == ["--draw"]:
        draw_all(folder)
        return
    for name in wanted:
        keys = ("machine", "format", "weights", "sparsity", "context")
        with (folder / f"decode_{name}.csv").open("w", newline="") as file:
            writer = None
            for type_name in TYPES:
                for sparsity in SPARSITIES:
                    for found in figures(name, type_name, sparsity):
                        if writer is None:
                            fields = [*keys, *(k for k in found if k not in keys)]
                            writer = csv.DictWriter(file, fields, lineterminator="\n")
                            writer.writeheader()
                        writer.writerow(found)
                        file.flush()
                        print(found, flush=True)


def draw_all(folder: Path) -> None:
    """Draw tokens a second and the share of the cache, a figure a class and type."""
    for name in CLASSES:
        with (folder / f"decode_{name}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        for type_name in TYPES:
            mine = [row for row in rows if row["weights"] == type_name]
            what = (
                f"LLaMA-7B, one token at a time, {type_name} weights, int8 cache, {name} machines"
            )
            for figure in (
                decode_figure(mine, f"decode_{name}_{type_name}", what),
                cache_share_figure(mine, f"kv_share_{name}_{type_name}", what),
            ):
                with settings():
                    svg, _ = draw(figure)
                (folder / f"{figure.name}.svg").write_bytes(svg)


def figures(name: str, type_name: str, sparsity: float) -> Iterator[dict[str, Any]]:
    """Yield the rows of a machine class at one type and sparsity."""
    pruned = {"sparsity": sparsity, "weight_type": type_name}
    kept = {n: Kept(block(n, 0).with_overrides(**pruned)) for n in SHARES}
    for kind in FORMATS:
        arch: ArchConfig = load_arch(f"{kind}_{name}").with_values(CLASSES[name])
        for context in CONTEXTS:
            small, large = (
                simulate_network(arch, block(n, context), read_layers=kept[n], **pruned)
                for n in SHARES
            )
            key = {"machine": arch.name, "format": kind, "weights": type_name}
            yield {**key, "sparsity": sparsity, "context": context + 1, **token(small, large)}


if __name__ == "__main__":
    main()
