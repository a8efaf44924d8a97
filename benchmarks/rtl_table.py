"""Print the table of docs/hardware_cost.md: front ends of equal throughput, synthesised.

32 kept weights or 256 positions a cycle, int8, 8 activation columns; F2F: three groups of 80.

    python benchmarks/rtl_table.py reports/hardware_cost/front_ends.csv
"""

import argparse
import csv
from pathlib import Path

from f2fsim.config.cost import load_cost_table
from f2fsim.cost import GateCount, estimate_unit_gates, estimate_unit_levels

GROUPS, PLANES, STAGES = 3, 8, 2  # registers behind the XORs are retimed

#: Line of the table: (machine of the CSV, its units by name or module, factor, pipeline stages).
LINES = {
    "bitmap: mask unit, prefix sum, aligner": [("bitmap", None, 1, 1)],
    "huffman: mask unit, prefix sum, aligner": [
        ("huffman", "mask unit", 1, 1),
        ("huffman", "aligner", 1, 1),
    ],
    "huffman: 32 decoders": [("huffman", "huffman decoder", 1, 1)],
    "huffman: loader of tables": [("huffman table", "f2f_huffman_table", 1, 1)],
    "huffman: 32 choices of a table": [("huffman table", "f2f_huffman_half", 1, 1)],
    "csr: row queues, index decoder": [("csr", "index decoder", 1, 1)],
    "csc_relative: 32 column walkers": [("csc_relative", None, 1, 1)],
    "nm 2:4: index decoder": [("nm 2:4", None, 1, 1)],
    "rle: run decoder": [("rle", None, 1, 1)],
    "f2f: 24 XOR decoders": [("f2f decoder", None, GROUPS * PLANES, STAGES)],
    "f2f: mask units, raw": [("f2f", "mask unit", GROUPS, 1)],
    "f2f: position decoders": [("f2f", "position decoder", GROUPS, 1)],
    "f2f: patch units": [("f2f", "patch unit", GROUPS, 1)],
    "f2f: value decoders of 240 outputs": [("f2f values", None, 15, 1)],
    "f2f: word aligners of 2 groups, 10 planes of 16 bits": [("f2f words", None, 2, 1)],
    "f2f: loader of value codes' tables, 10 planes": [("f2f value table", None, 1, 1)],
    "mask units, zero runs, 8 words a cycle": [("mask zero_runs", None, GROUPS, 1)],
    "mask units, block code, 3 words a cycle": [("mask block", None, GROUPS, 1)],
    "compaction of 240 weights to 32 lanes": [("compaction", None, 1, 1)],
    "adder tree of 32 lanes, 8 columns, 2 levels a stage": [("row sums", None, 8, 1)],
    "wide reads of 32 lanes, 8 columns": [("wide reads", None, 8, 1)],
    "row order: Benes network of 32 lanes, 1 column": [("benes", None, 1, 1)],
    "row order: sorter of 32 kept weights": [("sorter", None, 1, 1)],
    "scatter of 32 sums: arbiter, 1 column": [("scatter", "f2f_scatter", 1, 1)],
    "scatter of 32 sums: 64 banks, 1 column": [("scatter", "f2f_scatter_bank", 1, 1)],
    "banked gathers: 32 windows of requests": [("csr", "f2f_gather_queue", 1, 1)],
    "banked gathers: arbiter of 32 PEs and 64 banks, shared reads": [
        ("csr", "f2f_gather_grant", 1, 1)
    ],
    "banked gathers: bank addresses": [("csr", "f2f_gather_read", 1, 1)],
    "banked gathers: crossbar, 64 banks": [("csr", "crossbar", 1, 1)],
}


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    options = parser.parse_args()
    with options.table.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["set"] == "machine"]
    costs = load_cost_table()
    print("| part | XOR2 | NAND2 | INV | DFF | µm² | levels | stages | MHz |")
    print("|---|---|---|---|---|---|---|---|---|")
    for title, parts in LINES.items():
        cells, levels, stages = GateCount(), 0, 1
        for machine, name, factor, n_stages in parts:
            for row in rows:
                if row["machine"] == machine and name in (None, row["name"], row["module"]):
                    counted = (int(row[key]) for key in ("xor2", "dff", "nand2", "inv"))
                    cells = cells + GateCount(*counted).times(factor * int(row["count"]))
                    levels, stages = max(levels, int(row["levels"])), n_stages
        if levels:
            print(line(title, cells, levels, stages, costs))
    select = estimate_unit_gates("f2f_select", SPAN=4, WIDTH=64).times(32)
    print(line("nm 2:4: 32 selects of 4 words*", select, 4, 1, costs))
    window = estimate_unit_gates("f2f_select", SPAN=256, WIDTH=64).times(32)
    window = window + GateCount(dff=256 * 64, nand2=3 * 256 * 64)
    levels = estimate_unit_levels("f2f_select", SPAN=256, WIDTH=64)
    print(line("register window of 256 words for 32 lanes*", window, levels, 1, costs))


def line(title, cells, levels, stages, costs):
    """Return a line of the table."""
    figures = [cells.xor2, cells.nand2, cells.inv, cells.dff, round(cells.area_um2(costs))]
    mhz = costs.clock_limit_hz(-(-levels // stages)) / 1e6
    shown = [f"{n:,}" for n in figures] + [str(levels), str(stages), f"{mhz:.0f}"]
    return f"| {title} | {' | '.join(shown)} |"


if __name__ == "__main__":
    main()
