"""Tokens a second of LLaMA-7B by format, sparsity, type and context: under reports/network.

    python benchmarks/network_decode.py reports/network [MACHINE_CLASS …]
    python benchmarks/network_decode.py reports/network --draw      # figures of what is there
    python benchmarks/network_decode.py reports/network --check     # what the two lines below say

Decoding of one token, synthetic weights, KV cache in int8, maps kept on the chip.  Machines: the
edge ones with LPDDR5-6400 and 64 vector lanes, the server ones (HBM2 stack) with 512.

A block of LLaMA-7B has 202 million weights; the 32 blocks have weights that differ in nothing that
counts.  What is simulated are a sixteenth and an eighth of its heads and of its feed-forward width;
time and bytes are linear in that share, and blocks follow each other without overlap worth telling:

    block = T(1/16) + 15 · (T(1/8) - T(1/16)),   token = 32 · block + output projection,

the output projection (32 000 rows) at the time a row of the gate projection, which is as wide.
``--check`` writes ``check.csv``: a whole block beside the line through both shares, and two and
three blocks beside two and three times one.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from f2fsim import simulate
from f2fsim.config.arch import ArchConfig, load_arch
from f2fsim.config.decode import with_cache
from f2fsim.config.workload import Workload
from f2fsim.report.network_figures import cache_share_figure, decode_figure
from f2fsim.report.static import draw
from f2fsim.results import NetworkRun
from f2fsim.workloads import LayerData, iterate_layers

CLASSES: dict[str, dict[str, Any]] = {
    "edge": {"memory.preset": "lpddr5_6400", "vector.lanes": 64},
    "server": {"vector.lanes": 512},
}
FORMATS = ("f2f", "csr", "bitmap", "dense")
SPARSITIES = (0.0, 0.5, 0.7, 0.9)
TYPES = ("int8", "int4")
CONTEXTS = (511, 4095)
SHARES = (16, 8)
WIDTH, HIDDEN, HEADS, ROWS, BLOCKS = 4096, 11008, 32, 32000, 32


def _linear(name: str, n_in: int, n_out: int, source: str) -> dict[str, Any]:
    shape = {"in_features": n_in, "out_features": n_out}
    return {"name": name, "op": "linear", **shape, "inputs": [source]}


def _vector(name: str, op: str, *inputs: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "op": op, "inputs": list(inputs), **more}


def _block(number: int, source: str, share: int, context: int) -> tuple[list[Any], list[Any]]:
    """Return layers and operations of one block that takes from `source`."""
    heads, hidden, inner = HEADS // share, HIDDEN // share, WIDTH // share
    at = f"{number}."
    layers = [
        _linear(f"{at}q", WIDTH, inner, f"{at}norm1"),
        _linear(f"{at}k", WIDTH, inner, f"{at}norm1"),
        _linear(f"{at}v", WIDTH, inner, f"{at}norm1"),
        _linear(f"{at}o", inner, WIDTH, f"{at}attention"),
        _linear(f"{at}gate", WIDTH, hidden, f"{at}norm2"),
        _linear(f"{at}up", WIDTH, hidden, f"{at}norm2"),
        _linear(f"{at}down", hidden, WIDTH, f"{at}product"),
    ]
    attention = {"n_heads": heads, "head_size": 128, "context": context, "kv_type": "int8"}
    operations = [
        _vector(f"{at}norm1", "normalise", source, values=WIDTH),
        _vector(f"{at}rope.q", "multiply", f"{at}q"),
        _vector(f"{at}rope.k", "multiply", f"{at}k"),
        _vector(f"{at}attention", "attention", f"{at}rope.q", f"{at}rope.k", f"{at}v", **attention),
        _vector(f"{at}add1", "add", f"{at}o", source, values=WIDTH),
        _vector(f"{at}norm2", "normalise", f"{at}add1"),
        _vector(f"{at}silu", "activation", f"{at}gate"),
        _vector(f"{at}product", "multiply", f"{at}up", f"{at}silu"),
        _vector(f"{at}add2", "add", f"{at}down", f"{at}add1"),
    ]
    return layers, operations


def decoder(share: int, context: int, n_blocks: int = 1) -> Workload:
    """Return blocks with a `share`-th of their heads and of their feed-forward width."""
    layers: list[Any] = []
    operations: list[Any] = []
    for number in range(n_blocks):
        source = f"{number - 1}.add2" if number else "input"
        more = _block(number, source, share, context)
        layers += more[0]
        operations += more[1]
    name, synthetic = f"llama7b_{n_blocks}_blocks_1/{share}", {"distribution": "normal"}
    data = {"name": name, "synthetic": synthetic, "layers": layers, "operations": operations}
    return Workload.model_validate(data)


class Kept:
    """Layers of a workload, read and pruned once for all machines."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.data = list(iterate_layers(workload))

    def __call__(self, workload: Workload) -> Iterator[LayerData]:
        """Yield the layers, whatever the context."""
        layers = {layer.name: layer for layer in workload.layers}
        return (replace(one, layer=layers[one.layer.name]) for one in self.data)

    def run(self, arch: ArchConfig, context: int) -> NetworkRun:
        """Return the run on a machine with so many tokens in the caches."""
        workload = with_cache(self.workload, context, None)
        found = simulate(arch, workload, read_layers=self).network
        assert found is not None
        return found


def gate_seconds(run: NetworkRun) -> float:
    """Return the time of the gate projection, from the end of the stage before to its own."""
    number = next(i for i, stage in enumerate(run.stages) if stage.name == "0.gate")
    before = run.stages[number - 1].done
    return (run.stages[number].done - before) / run.ticks_per_second


def line(small: float, large: float) -> float:
    """Return what a whole block has, given what both shares have."""
    return small + (SHARES[0] - 1) * (large - small)


def token(small: NetworkRun, large: NetworkRun) -> dict[str, Any]:
    """Return time, bytes and share of the cache of a token of the whole model."""

    def whole(of: Any) -> float:
        return line(float(of(small)), float(of(large)))

    def weights(one: NetworkRun) -> int:
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
        "kv_share": round(BLOCKS * whole(lambda one: one.cache_bytes) / n_bytes, 4),
        "block_energy_mj_per_token": round(energy / 1e9, 2),
    }


def machine(kind: str, name: str) -> ArchConfig:
    """Return a machine of a class."""
    return load_arch(f"{kind}_{name}").with_values(CLASSES[name])


def figures(name: str, type_name: str, sparsity: float) -> Iterator[dict[str, Any]]:
    """Yield the rows of a machine class at one type and sparsity."""
    pruned = {"sparsity": sparsity, "weight_type": type_name}
    kept = [Kept(decoder(n, 0).with_overrides(**pruned)) for n in SHARES]
    for kind in FORMATS:
        arch = machine(kind, name)
        for context in CONTEXTS:
            small, large = (one.run(arch, context) for one in kept)
            key = {"machine": arch.name, "format": kind, "weights": type_name}
            yield {**key, "sparsity": sparsity, "context": context + 1, **token(small, large)}


def checks() -> Iterator[dict[str, Any]]:
    """Yield what is simulated whole beside what the tables take for it."""
    pruned = {"sparsity": 0.7, "weight_type": "int8"}
    archs = [machine(kind, "edge") for kind in FORMATS]
    small, large, whole = (Kept(decoder(n, 0).with_overrides(**pruned)) for n in (*SHARES, 1))
    several = [Kept(decoder(SHARES[0], 0, n).with_overrides(**pruned)) for n in (2, 3)]
    for arch in archs:
        ends = small.run(arch, 511), large.run(arch, 511)
        found = whole.run(arch, 511)
        yield _beside(
            arch.name,
            "whole block",
            (found.seconds, line(ends[0].seconds, ends[1].seconds)),
            (found.n_bytes, line(ends[0].n_bytes, ends[1].n_bytes)),
        )
        for n, kept in zip((2, 3), several, strict=True):
            run = kept.run(arch, 511)
            yield _beside(
                arch.name,
                f"{n} blocks of 1/{SHARES[0]}",
                (run.seconds, n * ends[0].seconds),
                (run.n_bytes, n * ends[0].n_bytes),
            )


def _beside(
    name: str, what: str, seconds: tuple[float, float], n_bytes: tuple[float, float]
) -> dict[str, Any]:
    return {
        "machine": name,
        "what": what,
        "simulated_us": round(seconds[0] * 1e6, 2),
        "taken_us": round(seconds[1] * 1e6, 2),
        "time_off_pct": round(100 * (seconds[1] / seconds[0] - 1), 3),
        "simulated_mb": round(n_bytes[0] / 1e6, 3),
        "taken_mb": round(n_bytes[1] / 1e6, 3),
        "bytes_off_pct": round(100 * (n_bytes[1] / n_bytes[0] - 1), 3),
    }


def write(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    """Write rows as they come."""
    with path.open("w", newline="") as file:
        writer = None
        for row in rows:
            if writer is None:
                writer = csv.DictWriter(file, row.keys(), lineterminator="\n")
                writer.writeheader()
            writer.writerow(row)
            file.flush()
            print(row, flush=True)


def class_rows(name: str) -> Iterator[dict[str, Any]]:
    """Yield all rows of a machine class."""
    for type_name in TYPES:
        for sparsity in SPARSITIES:
            yield from figures(name, type_name, sparsity)


def draw_all(folder: Path, names: Sequence[str]) -> None:
    """Draw tokens a second and the share of the cache, a figure a class and type."""
    for name in names:
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
                svg, png = draw(figure)
                (folder / f"{figure.name}.svg").write_bytes(svg)
                (folder / f"{figure.name}.png").write_bytes(png)


def main() -> None:
    """Write ``decode_CLASS.csv`` and the figures."""
    folder, wanted = Path(sys.argv[1]), sys.argv[2:]
    if "--check" in wanted:
        write(folder / "check.csv", checks())
        return
    names = [name for name in wanted if name != "--draw"] or list(CLASSES)
    for name in names if "--draw" not in wanted else ():
        write(folder / f"decode_{name}.csv", class_rows(name))
    draw_all(folder, names)


if __name__ == "__main__":
    main()
