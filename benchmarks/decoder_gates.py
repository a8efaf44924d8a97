"""Encoding efficiency E against gates of decoders at S = 0.9, independent masks and bits.

Each row is a decoder with n_in = 8, n_out = 80: a dense matrix with the exact encoder (viterbi,
n_s up to 2, the scheme of arXiv 2105.01869) or a dense or sparse one with elimination.  Gates are
the quick estimate of one plane's decoder.  Writes a CSV, and the same as a figure (SVG and PNG)
beside it.

    python benchmarks/decoder_gates.py -o reports/hardware_cost/efficiency_gates.csv
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from f2fsim.codec.f2f.format import F2FFormat
from f2fsim.codec.tensor import PrunedTensor, weight_type
from f2fsim.config.cost import load_cost_table
from f2fsim.cost import estimate_decoder_gates
from f2fsim.report.static import draw
from f2fsim.report.value import Figure, Series

# encoder, n_s, taps
DECODERS = (
    ("viterbi", 0, "dense"),
    ("viterbi", 1, "dense"),
    ("viterbi", 2, "dense"),
    ("elimination", 2, "dense"),
    ("elimination", 3, 5),
    ("elimination", 3, 7),
    ("elimination", 4, 5),
    ("elimination", 5, 5),
    ("elimination", 5, 7),
    ("elimination", 7, 5),
    ("elimination", 7, 7),
    ("elimination", 7, "dense"),
    ("elimination", 15, "dense"),
    ("elimination", 15, 3),
    ("elimination", 15, 5),
    ("elimination", 15, 7),
    ("elimination", 15, 9),
    ("elimination", 31, 3),
    ("elimination", 31, 5),
    ("elimination", 31, 7),
)
N_IN, N_OUT = 8, 80


def main() -> None:
    """Encode with every decoder and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=Path("efficiency_gates.csv"))
    parser.add_argument("--blocks", type=int, default=4000)
    parser.add_argument("--sparsity", type=float, default=0.9)
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    mask = rng.random((options.blocks, N_OUT)) >= options.sparsity
    patterns = np.where(mask, rng.integers(0, 256, mask.shape), 0).astype(np.uint8)
    tensor = PrunedTensor("iid", patterns, mask, weight_type("uint8"))
    table = load_cost_table()
    rows = []
    for encoder, n_s, taps in DECODERS:
        chosen = F2FFormat(
            N_IN, N_OUT, n_s, taps, encoder=encoder, order="row", mask_code="raw", invert=False
        )
        stats = chosen.encode(tensor).stats
        gates = estimate_decoder_gates(chosen.matrix.bits, n_in=N_IN)
        rows.append(
            {
                "encoder": encoder,
                "n_s": n_s,
                "taps": taps,
                "efficiency_pct": round(100 * stats["efficiency"], 3),
                "xor2": gates.xor2,
                "dff": gates.dff,
                "area_um2": round(gates.area_um2(table), 1),
                "gate_equivalents": round(gates.nand2_equivalents(table)),
                "clock_gated_area_um2": round(
                    gates.xor2 * table.cell("XOR2") + gates.dff * table.cell("DFF"), 1
                ),
            }
        )
        print(rows[-1], flush=True)
    with options.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    svg, png = draw(figure(rows))
    options.out.with_suffix(".svg").write_bytes(svg)
    options.out.with_suffix(".png").write_bytes(png)


def figure(rows):
    """Return unmatched bits against gates, a series for each kind of decoder."""
    kinds = {}
    for row in rows:
        taps = "dense" if row["taps"] == "dense" else f"{row['taps']} taps"
        kind = f"{taps}, exact" if row["encoder"] == "viterbi" else taps
        kinds.setdefault(kind, []).append(row)
    series = tuple(
        Series(
            kind,
            tuple(row["gate_equivalents"] for row in group),
            tuple(round(100 - row["efficiency_pct"], 3) for row in group),
            tuple(f"n_s = {row['n_s']}" for row in group),
            "line" if len(group) > 1 else "points",
            i,
        )
        for i, (kind, group) in enumerate(kinds.items())
    )
    return Figure(
        "efficiency_gates",
        "Unmatched care bits against gates, S = 0.9",
        "Lower left is better: sparse matrices on 32 bits lie left of and below the dense n_s = 2.",
        "gates of one plane's decoder [NAND2 equivalents]",
        "care bits not matched, 100 - E [%]",
        series,
        y_log=True,
    )


if __name__ == "__main__":
    main()
