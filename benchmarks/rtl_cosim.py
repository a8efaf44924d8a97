"""Co-simulate generated decoder groups against the model on real encoded weights.

The layers of a workload (pruned layer by layer; int8, or int4 for blocks of 48 weights and more, to
save time), end to end in rows of 512, give enough blocks of trained weights.  Each configuration
encodes them, generates the Verilog, and runs it in Icarus Verilog with random gaps at every input
and at the output: every bit and the cycle of every block must agree.  Writes a CSV after every
configuration.

    python benchmarks/rtl_cosim.py -o reports/hardware_cost/cosim.csv
"""

import argparse
import csv
import dataclasses
import time
from pathlib import Path

import numpy as np

from f2fsim.codec.f2f.format import F2FFormat
from f2fsim.codec.tensor import PrunedTensor
from f2fsim.config import load_workload
from f2fsim.rtl.cosim import cosimulate, lint
from f2fsim.rtl.design import GroupDesign
from f2fsim.rtl.emit import emit_design
from f2fsim.rtl.layer import layer_vectors
from f2fsim.rtl.timing import eager_environment, random_environment
from f2fsim.workloads import iterate_layers

# n_in, n_out, n_s, taps, pipeline depth, block FIFO, patch rate, mask code, mask rate, longest gap
CONFIGURATIONS = (
    (6, 16, 0, "dense", 1, 2, 1, "raw", 1, 1),
    (4, 16, 15, "dense", 2, 4, 1, "zero_runs", 1, 4),
    (4, 32, 15, 5, 1, 1, 2, "raw", 1, 4),
    (4, 40, 7, "dense", 3, 4, 1, "zero_runs", 2, 2),
    (5, 50, 15, 5, 2, 3, 2, "zero_runs", 4, 4),
    (6, 24, 2, "dense", 1, 2, 1, "raw", 1, 8),
    (6, 60, 15, 5, 2, 4, 1, "zero_runs", 2, 3),
    (7, 70, 4, "dense", 4, 6, 3, "raw", 1, 4),
    (8, 26, 2, "dense", 2, 4, 1, "raw", 1, 1),
    (8, 40, 0, "dense", 1, 2, 4, "zero_runs", 1, 4),
    (8, 64, 15, 5, 2, 9, 1, "zero_runs", 4, 4),
    (8, 80, 2, "dense", 2, 9, 1, "raw", 1, 4),
    (8, 80, 15, 5, 3, 8, 2, "zero_runs", 4, 2),
    (8, 80, 15, 7, 1, 1, 1, "raw", 1, 8),
    (9, 90, 11, 5, 2, 2, 8, "zero_runs", 3, 4),
    (10, 100, 7, "dense", 2, 4, 2, "raw", 1, 3),
    (11, 88, 1, "dense", 5, 5, 1, "zero_runs", 8, 4),
    (12, 120, 15, 3, 2, 4, 2, "raw", 1, 4),
    (13, 104, 9, 5, 1, 3, 4, "zero_runs", 4, 1),
    (14, 140, 15, 5, 2, 4, 1, "raw", 1, 4),
    (16, 128, 0, "dense", 1, 2, 2, "zero_runs", 2, 4),
    (16, 160, 3, "dense", 2, 4, 2, "raw", 1, 4),
    (16, 160, 15, 5, 3, 9, 4, "zero_runs", 8, 2),
    (16, 48, 7, 9, 2, 4, 1, "raw", 1, 4),
)


def main() -> None:
    """Run all configurations and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=Path("cosim.csv"))
    parser.add_argument("--blocks", type=int, default=10_000)
    parser.add_argument("--workload", default="opennsfw")
    parser.add_argument("--sparsity", type=float, default=0.9)
    parser.add_argument("--first", type=int, default=0, help="first configuration to run")
    parser.add_argument("--last", type=int, default=len(CONFIGURATIONS) - 1)
    options = parser.parse_args()
    workload = load_workload(options.workload)
    changes = {"pruning": workload.pruning.model_copy(update={"sparsity": options.sparsity})}
    tensors = {
        name: end_to_end(
            workload.model_copy(update={**changes, "weight_type": name}), 160 * options.blocks
        )
        for name in ("int8", "int4")
    }
    rows = []
    for i in range(options.first, min(options.last, len(CONFIGURATIONS) - 1) + 1):
        start = time.perf_counter()
        tensor = tensors["int8" if CONFIGURATIONS[i][1] < 48 else "int4"]
        rows.append(run(i, CONFIGURATIONS[i], tensor, options.blocks))
        seconds = time.perf_counter() - start
        print(f"{seconds:.0f} s", rows[-1]["result"], *CONFIGURATIONS[i], flush=True)
        with options.out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    if any(not row["result"].startswith("PASS") for row in rows):
        raise SystemExit(1)


def end_to_end(workload, n_weights):
    """Return the weights of a workload's pruned layers, one after another, in rows of 512."""
    patterns, masks, n_read = [], [], 0
    for data in iterate_layers(workload):
        if data.tensor.sparsity > 0.5:
            patterns.append(data.tensor.patterns.reshape(-1))
            masks.append(data.tensor.mask.reshape(-1))
            n_read += data.tensor.n_weights
        if n_read >= n_weights + 512:
            break
    n_rows = n_read // 512
    flat = (np.concatenate(parts)[: 512 * n_rows].reshape(-1, 512) for parts in (patterns, masks))
    return PrunedTensor(workload.name, *flat, data.tensor.weight_type)


def run(number, configuration, tensor, n_blocks):
    """Run one configuration and return its row."""
    n_in, n_out, n_s, taps, depth, fifo, patch_rate, mask_code, mask_rate, gap = configuration
    weight_format = F2FFormat(n_in, n_out, n_s, taps, mask_code=mask_code)
    encoded = weight_format.encode(tensor)
    vectors = layer_vectors(tensor, encoded, max_blocks=n_blocks)
    design = GroupDesign(
        weight_format.matrix.bits,
        n_in,
        tensor.weight_type.n_bits,
        pipeline_depth=depth,
        block_fifo=fifo,
        patch_rate=patch_rate,
        patch_fifo=2 * patch_rate + number % 5,
        max_patches=int(vectors.patch_counts.max(initial=1)),
        mask_code=mask_code,
        run_bits=encoded.params["mask"]["params"].get("run_bits", 4),
        mask_rate=mask_rate,
        mask_fifo=2 * mask_rate + number % 7,
    )
    world = eager_environment(design, vectors)
    if gap > 1:
        world = random_environment(design, vectors, number, gap)
    outcome = cosimulate(design, vectors, world)
    row = {k: v for k, v in dataclasses.asdict(design).items() if k != "matrix"}
    return {
        "n_out": n_out,
        "n_s": n_s,
        "taps": taps,
        **row,
        "longest_gap_cycles": gap,
        "weights": f"{tensor.name} {tensor.weight_type.name}",
        "n_blocks": vectors.n_blocks,
        "n_patches": vectors.patches.shape[0],
        "lint": "warnings" if lint(emit_design(design)) else "clean",
        "result": outcome.message,
    }


if __name__ == "__main__":
    main()
