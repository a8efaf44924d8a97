"""F2F with value codes against Huffman, bitmap and dense: cycles, bits, area, energy.

    python benchmarks/entropy_coded.py reports/entropy            # front_ends.csv
    python benchmarks/entropy_coded.py reports/entropy --decoders # decoders.csv

front_ends.csv: a layer of 4096 x 4096 normal weights, magnitude pruned, on the server machines with
one HBM2 stack: one column of activations (memory-bound), 256 columns (compute-bound).  Rivals stand
with the raw mask, as shipped, and with the block mask code of f2f_values_server.  Mask units take
more words a cycle than a step has without escapes; f2f_values_server as shipped takes just these.

decoders.csv: how many Huffman decoders keep up with one F2F group of 16 inputs and 128 outputs: the
fewest whose machine takes no more cycles than the group's, on 512 x 1024 weights, from an ideal
memory, array wide enough; with the area and energy of both front ends.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import f2fsim
from f2fsim.config.arch import ArchConfig, load_arch
from f2fsim.config.load_workload import build_workload
from f2fsim.config.workload import Workload
from f2fsim.results import SimResult

#: Words of 32 positions a cycle: an eighth more than a step of 2048 weights has, for escapes.
BLOCK = {"front_end.mask_code": "block", "front_end.mask_rate": 72}
#: Machines: name in the table, shipped name, changes.
MACHINES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("dense", "dense_server", {}),
    ("bitmap", "bitmap_server", {}),
    ("bitmap, block mask", "bitmap_server", BLOCK),
    ("huffman, 128 decoders", "huffman_server", {}),
    ("huffman, 128 decoders, block mask", "huffman_server", BLOCK),
    (
        "huffman, 256 decoders, block mask",
        "huffman_server",
        BLOCK
        | {
            "front_end.n_decoders": 256,
            "front_end.block": 2048,
            "pe_array.weights_per_cycle": 256,
            "pe_array.columns": 8,
        },
    ),
    ("f2f", "f2f_server", {}),
    (
        "f2f, value code",
        "f2f_values_server",
        {"clock": "1 GHz", "front_end.mask_code": "block", "front_end.mask_rate": 6},
    ),  # 4 words a step
    ("f2f, value code, zero runs", "f2f_values_server", {}),  # as shipped
)
CASES = (("int8", 0.9), ("int8", 0.5), ("int4", 0.5), ("bf16", 0.9), ("int8", 0.0), ("bf16", 0.0))
COLUMNS = {"memory-bound": 1, "compute-bound": 256}
#: Components of front ends, whose area is given apart.
UNITS = ("mask unit", "aligner", "huffman decoder", "code table", "xor decoder", "patch unit")
UNITS += ("value table", "word aligner", "value decoder", "front end FIFOs")


def workload(shape: tuple[int, int], columns: int, kind: str, sparsity: float) -> Workload:
    """Return one layer of normal weights."""
    layer = {"name": "layer", "op": "linear", "in_features": shape[1], "out_features": shape[0]}
    given = {
        "name": "one layer",
        "synthetic": {"distribution": "normal"},
        "pruning": {"method": "magnitude", "sparsity": sparsity},
        "weight_type": kind,
        "layers": [layer | {"n_tokens": columns}],
    }
    return build_workload(given, Path(), "layer")


def front_end_mm2(result: SimResult) -> float:
    """Return the area of the front end, square millimetres."""
    return sum(result.area_um2.get(name, 0.0) for name in UNITS) / 1e6


def front_end_uj(result: SimResult) -> float:
    """Return the energy of the front end, microjoules."""
    return sum(result.energy_pj.get(name, 0.0) for name in UNITS) / 1e6


def figures(result: SimResult) -> dict[str, Any]:
    """Return a row's figures."""
    (layer,) = result.layers
    n = layer.n_weights
    bits = {name: n_bits / n for name, n_bits in layer.encoded_bits.items()}
    fixed = {"mask", "scales"}
    slowest = max(layer.bound_cycles.items(), key=lambda item: item[1])
    return {
        "cycles": result.n_cycles,
        "us": round(result.seconds * 1e6, 3),
        "slowest unit": slowest[0],
        "its cycles": slowest[1],
        "bits a weight": round(sum(bits.values()), 4),
        "mask": round(bits.get("mask", 0.0), 4),
        "values": round(sum(b for name, b in bits.items() if name not in fixed), 4),
        "machine mm2": round(sum(result.area_um2.values()) / 1e6, 3),
        "front end mm2": round(front_end_mm2(result), 3),
        "energy uJ": round(sum(result.energy_pj.values()) / 1e6, 2),
        "DRAM uJ": round(result.energy_pj.get("dram", 0.0) / 1e6, 2),
        "front end uJ": round(front_end_uj(result), 2),
    }


def front_ends() -> Iterator[dict[str, Any]]:
    """Yield a row for each case, layer and machine."""
    for kind, sparsity in CASES:
        for bound, columns in COLUMNS.items():
            given = workload((4096, 4096), columns, kind, sparsity)
            for name, shipped, changes in MACHINES:
                result = f2fsim.simulate(load_arch(shipped).with_values(changes), given)
                row = {"layer": bound, "type": kind, "S": sparsity, "machine": name}
                yield row | figures(result)


def huffman(n_decoders: int, sparsity: float) -> ArchConfig:
    """Return a machine whose memory and array never hold it up, about 8 symbols a step each."""
    return load_arch("huffman_server").with_values(
        {
            "memory.preset": "ideal",
            "front_end.n_decoders": n_decoders,
            "front_end.block": round(8 * n_decoders / (1 - sparsity)),
            "front_end.mask_code": "block",
            "front_end.mask_rate": 64,
            "pe_array.weights_per_cycle": 64,
            "pe_array.columns": 1,
        }
    )


def one_group(value_code: str) -> ArchConfig:
    """Return a machine of one F2F group from an ideal memory."""
    return load_arch("f2f_values_server").with_values(
        {
            "memory.preset": "ideal",
            "front_end.groups": 1,
            "front_end.mask_code": "block",
            "front_end.mask_rate": 6,
            "front_end.value_code": value_code,
            "pe_array.weights_per_cycle": 128,
        }
    )


def decoders() -> Iterator[dict[str, Any]]:
    """Yield a row for each case: one F2F group, and the decoders that keep up with it."""
    for kind, sparsity in CASES:
        given = workload((512, 1024), 1, kind, sparsity)
        for code in ("none", "classes"):
            group = f2fsim.simulate(one_group(code), given)
            n = 1
            found = f2fsim.simulate(huffman(n, sparsity), given)
            while found.n_cycles > group.n_cycles and n < 40:
                n += 1
                found = f2fsim.simulate(huffman(n, sparsity), given)
            (mine,), (theirs,) = group.layers, found.layers
            yield {
                "type": kind,
                "S": sparsity,
                "value code": code,
                "F2F cycles": mine.n_cycles,
                "weights a cycle": round(mine.n_weights / mine.n_cycles, 1),
                "Huffman decoders": n,
                "Huffman cycles": theirs.n_cycles,
                "F2F front end mm2": round(front_end_mm2(group), 4),
                "Huffman front end mm2": round(front_end_mm2(found), 4),
                "F2F front end uJ": round(front_end_uj(group), 3),
                "Huffman front end uJ": round(front_end_uj(found), 3),
            }


def main() -> None:
    """Run and write; a row is written when it is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--decoders", action="store_true", help="decoders.csv")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    name, rows = ("decoders", decoders()) if given.decoders else ("front_ends", front_ends())
    with (given.folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer: csv.DictWriter[str] | None = None
        for row in rows:
            if writer is None:
                writer = csv.DictWriter(file, fieldnames=list(row), lineterminator="\n")
                writer.writeheader()
            writer.writerow(row)
            file.flush()
            print(row, flush=True)


if __name__ == "__main__":
    main()
