"""Co-simulate every front end and the value decoders against the model on real encoded weights.

The layers of a workload (pruned layer by layer, int8 unless said), end to end in rows of 512, give
enough steps of trained weights.  Each configuration encodes them, generates the Verilog, and runs
it in Icarus Verilog with random gaps at every input and at the output: every bit and the cycle of
every item must agree with both engines.  Writes a CSV after every configuration.

    python benchmarks/rtl_cosim.py -o reports/hardware_cost/cosim.csv
"""

import argparse
import csv
import time
from pathlib import Path

import numpy as np
from rtl_jobs import (
    codes_job,
    in_row_order,
    row_sums,
    tables_job,
    values_job,
    wide_reads,
    words_job,
)

from f2fsim.codec.tensor import PrunedTensor
from f2fsim.config import load_workload
from f2fsim.config.arch import load_arch
from f2fsim.rtl.cosim import cosimulate, lint
from f2fsim.rtl.cycles import random_gaps
from f2fsim.rtl.front_ends import DeviceJob, device_for_layer
from f2fsim.rtl.lane_path import RowSumsDevice, WideReadDevice
from f2fsim.rtl.skipping import CompactorDevice, StepVectors
from f2fsim.workloads import iterate_layers

#: Rows of the matrix whose columns are broadcast.
COLUMN = 128
#: Name, machine, changes of its front end and of its array, longest gap, weights a step, seed of
#: its gaps.
CONFIGURATIONS = (
    ("f2f", "f2f_edge", {"groups": 1, "n_s": 3}, {}, 4, 80, 0),
    ("f2f", "f2f_edge", {"groups": 1, "n_in": 5, "n_out": 50, "patch_rate": 1}, {}, 1, 50, 1),
    (
        "f2f",
        "f2f_edge",
        {"groups": 1, "n_out": 40, "outputs": "all", "mask_code": "zero_runs", "mask_rate": 3},
        {},
        3,
        40,
        2,
    ),
    (
        "f2f block mask",
        "f2f_edge",
        {"groups": 1, "n_out": 64, "outputs": "all", "mask_code": "block", "mask_rate": 3},
        {},
        3,
        64,
        3,
    ),
    ("bitmap", "bitmap_edge", {"block": 64, "aligner_weights": 8}, {}, 4, 64, 4),
    ("bitmap", "bitmap_edge", {"block": 96, "aligner_weights": 16}, {}, 1, 96, 5),
    (
        "bitmap",
        "bitmap_edge",
        {"block": 40, "aligner_weights": 4, "mask_code": "zero_runs", "mask_rate": 2},
        {},
        3,
        40,
        6,
    ),
    (
        "bitmap block mask",
        "bitmap_edge",
        {"block": 32, "aligner_weights": 4, "mask_code": "block", "mask_rate": 2},
        {},
        4,
        32,
        7,
    ),
    ("huffman", "huffman_edge", {"block": 32, "n_decoders": 4}, {"weights_per_cycle": 4}, 4, 32, 8),
    (
        "huffman",
        "huffman_edge",
        {"block": 64, "n_decoders": 8, "max_length": 9},
        {"weights_per_cycle": 8},
        1,
        64,
        9,
    ),
    (
        "huffman",
        "huffman_edge",
        {"weight_type": "bf16", "block": 40, "n_decoders": 4, "mask_code": "zero_runs"},
        {"weights_per_cycle": 4},
        3,
        40,
        10,
    ),
    ("csr", "csr_edge", {}, {"n_pes": 4, "n_banks": 8, "window": 8, "columns": 1}, 4, 40, 8),
    ("csr", "csr_edge", {}, {"n_pes": 8, "n_banks": 16, "window": 16, "columns": 1}, 1, 80, 9),
    (
        "csr own reads",
        "csr_edge",
        {},
        {"n_pes": 8, "n_banks": 16, "window": 8, "columns": 1, "shared_reads": False},
        3,
        80,
        10,
    ),
    ("csr", "csr_edge", {}, {"n_pes": 6, "n_banks": 4, "window": 4, "columns": 2}, 3, 60, 11),
    ("csc_relative", "eie", {}, {"n_pes": 4, "fifo_depth": 8}, 4, COLUMN, 15),
    ("csc_relative", "eie", {}, {"n_pes": 8, "fifo_depth": 2}, 1, COLUMN, 16),
    ("csc_relative", "eie", {"run_bits": 3}, {"n_pes": 3, "fifo_depth": 4}, 3, COLUMN, 17),
    ("nm", "nm_edge", {"groups_per_cycle": 16}, {}, 4, 64, 15),
    ("nm", "nm_edge", {"groups_per_cycle": 4, "n": 1}, {}, 1, 16, 16),
    ("nm", "nm_edge", {"groups_per_cycle": 4, "n": 3, "m": 8}, {}, 3, 32, 17),
    ("rle", "scnn_like", {"entries_per_cycle": 16}, {}, 4, 180, 18),
    ("rle", "scnn_like", {"entries_per_cycle": 4, "run_bits": 5}, {}, 1, 50, 19),
    ("rle", "scnn_like", {"entries_per_cycle": 10, "run_bits": 3}, {}, 3, 100, 20),
    ("compaction", "", {"n": 80, "lanes": 8}, {}, 4, 80, 21),
    ("compaction", "", {"n": 60, "lanes": 16}, {}, 1, 60, 22),
    ("compaction", "", {"n": 120, "lanes": 16}, {}, 3, 120, 23),
    ("row sums", "", {"lanes": 8, "levels_a_stage": 2}, {}, 4, 90, 24),
    ("row sums", "", {"lanes": 16, "sum_bits": 24}, {}, 1, 180, 25),
    ("row sums", "", {"lanes": 32}, {}, 3, 350, 29),
    ("wide reads", "", {"lanes": 16}, {}, 4, 16, 30),
    ("wide reads", "", {"lanes": 64}, {}, 1, 64, 31),
    ("wide reads", "", {"lanes": 32, "word_bits": 32}, {}, 3, 32, 32),
    ("sorter", "", {"lanes": 8, "key_bits": 13, "payload_bits": 17}, {}, 4, 90, 33),
    ("sorter", "", {"lanes": 16, "key_bits": 13, "rows_a_stage": 3}, {}, 1, 180, 34),
    ("sorter", "", {"lanes": 4, "key_bits": 13, "rows_a_stage": 1}, {}, 3, 45, 35),
    ("benes", "", {"lanes": 16, "word_bits": 8}, {}, 4, 16, 36),
    ("benes", "", {"lanes": 8, "word_bits": 9, "rows_a_stage": 3}, {}, 1, 8, 37),
    ("benes", "", {"lanes": 32, "word_bits": 8, "rows_a_stage": 7}, {}, 3, 32, 38),
    ("scatter", "", {"n_sums": 8, "n_banks": 16, "place_bits": 9}, {}, 4, 90, 39),
    ("scatter", "", {"n_sums": 16, "n_banks": 8, "place_bits": 10}, {}, 1, 180, 40),
    ("scatter", "", {"n_sums": 8, "n_banks": 64, "place_bits": 7}, {}, 3, 90, 41),
    ("value decoder", "", {"weight_type": "int8", "n_out": 16, "n_planes": 12}, {}, 4, 16, 33),
    ("value decoder", "", {"weight_type": "int4", "n_out": 12, "n_planes": 8}, {}, 1, 12, 34),
    ("value decoder", "", {"weight_type": "bf16", "n_out": 8, "n_planes": 18}, {}, 3, 8, 35),
    ("word aligner", "f2f_values_edge", {"groups": 1, "n_in": 8, "n_out": 80}, {}, 4, 80, 50),
    ("word aligner", "f2f_values_edge", {"groups": 1, "n_in": 5, "n_out": 40}, {}, 1, 40, 51),
    (
        "word aligner",
        "f2f_values_edge",
        {"weight_type": "bf16", "groups": 1, "n_in": 6, "n_out": 48},
        {},
        3,
        48,
        52,
    ),
    ("huffman table", "", {"n_decoders": 2}, {}, 4, 1, 53),
    ("huffman table", "", {"n_decoders": 4, "max_length": 9}, {}, 1, 1, 54),
    ("huffman table", "", {"weight_type": "bf16", "n_decoders": 3}, {}, 30, 1, 55),
    (
        "value table",
        "",
        {"weight_type": "int8", "n_in": 8, "n_out": 16, "n_planes": 10},
        {},
        4,
        16,
        56,
    ),
    (
        "value table",
        "",
        {"weight_type": "int4", "n_in": 5, "n_out": 12, "n_planes": 6},
        {},
        1,
        12,
        57,
    ),
    (
        "value table",
        "",
        {"weight_type": "bf16", "n_in": 6, "n_out": 8, "n_planes": 18},
        {},
        30,
        8,
        58,
    ),
)
#: Most weights that a step of any configuration takes.
MOST_A_STEP = max(one[5] for one in CONFIGURATIONS)


def main() -> None:
    """Run all configurations and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=Path("cosim.csv"))
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--workload", default="opennsfw")
    parser.add_argument("--sparsity", type=float, default=0.9)
    parser.add_argument("--first", type=int, default=0, help="first configuration to run")
    parser.add_argument("--last", type=int, default=len(CONFIGURATIONS) - 1)
    options = parser.parse_args()
    workload = load_workload(options.workload)
    pruning = workload.pruning.model_copy(update={"sparsity": options.sparsity})
    workload = workload.model_copy(update={"pruning": pruning})
    tensors = {}
    rows = []
    for i in range(options.first, min(options.last, len(CONFIGURATIONS) - 1) + 1):
        start = time.perf_counter()
        kind = CONFIGURATIONS[i][2].get("weight_type", "int8")
        if kind not in tensors:
            typed = workload.model_copy(update={"weight_type": kind})
            tensors[kind] = end_to_end(typed, MOST_A_STEP * options.steps)
        rows.append(run(i, tensors[kind], options.steps))
        print(f"{time.perf_counter() - start:.0f} s", rows[-1]["result"], i, flush=True)
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


def piece(tensor, name, changes, n_weights):
    """Return as many rows as a configuration takes, for N:M of its pattern, for EIE transposed."""
    if name == "csc_relative":
        # Every second column of 128 rows is broadcast.
        columns = slice(2 * n_weights // COLUMN)
        patterns = np.ascontiguousarray(tensor.patterns.reshape(-1, COLUMN)[columns].T)
        mask = np.ascontiguousarray(tensor.mask.reshape(-1, COLUMN)[columns].T)
        return PrunedTensor(tensor.name, patterns, mask, tensor.weight_type)
    rows = slice(-(-n_weights // 512) + 1)
    patterns, mask = tensor.patterns[rows], tensor.mask[rows]
    if name == "nm":
        n, m = changes.get("n", 2), changes.get("m", 4)
        # The n first kept ones of each group stay.
        groups = mask.reshape(-1, m)
        mask = (groups & (np.cumsum(groups, axis=1) <= n)).reshape(mask.shape)
        patterns = np.where(mask, patterns, 0).astype(patterns.dtype)
    return PrunedTensor(tensor.name, patterns, mask, tensor.weight_type)


def job_of(number, tensor, n_steps):
    """Return the device of a configuration and its vectors."""
    name, machine, of_front_end, of_array, _, per_step, _ = CONFIGURATIONS[number]
    taken = piece(tensor, name, of_front_end, per_step * n_steps)
    if name == "compaction":
        device = CompactorDevice(**of_front_end)
        n = device.n * n_steps
        mask = taken.mask.reshape(-1)[:n].reshape(n_steps, device.n)
        weights = taken.patterns.reshape(-1)[:n].reshape(n_steps, device.n)
        return DeviceJob(device, StepVectors(mask, weights.astype(np.int64)))
    if name == "value decoder":
        return values_job(taken, of_front_end, n_steps)
    if name == "value table":
        return codes_job(tensor, of_front_end, n_steps)
    if name == "huffman table":
        return tables_job(tensor, of_front_end, n_steps)
    if name == "row sums":
        return row_sums(RowSumsDevice(**of_front_end), taken, n_steps)
    if name in ("sorter", "benes", "scatter"):
        return in_row_order(name, of_front_end, taken, n_steps)
    if name == "wide reads":
        return wide_reads(WideReadDevice(**of_front_end), n_steps)
    arch = load_arch(machine)
    of_front_end = {key: of_front_end[key] for key in of_front_end if key != "weight_type"}
    front_end = arch.front_end.model_copy(update=of_front_end)
    of_array = dict(of_array)
    if "n_banks" in of_array:
        arch = arch.with_values({"scratchpad.n_banks": of_array.pop("n_banks")})
    array = arch.pe_array.model_copy(update=of_array)
    arch = arch.model_copy(update={"front_end": front_end, "pe_array": array})
    if name == "word aligner":
        return words_job(arch, taken)
    return device_for_layer(arch, taken, max_steps=n_steps)


def run(number, tensor, n_steps):
    """Run one configuration and return its row."""
    name, machine, of_front_end, of_array, gap, _, seed = CONFIGURATIONS[number]
    job = job_of(number, tensor, n_steps)
    bench = job.bench(random_gaps(seed, gap))
    outcome = cosimulate(bench)
    files = job.device.files()
    changes = {**of_front_end, **of_array}
    return {
        "front_end": name,
        "machine": machine,
        "changes": " ".join(f"{key}={value}" for key, value in changes.items()),
        "longest_gap_cycles": gap,
        "weights": f"{tensor.name} {tensor.weight_type.name}",
        "steps": n_steps,
        "items": bench.n_items,
        "lint": "warnings" if lint(files) or lint(files, "verilator") else "clean",
        "result": outcome.message,
    }


if __name__ == "__main__":
    main()
