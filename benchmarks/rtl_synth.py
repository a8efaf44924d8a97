"""Synthesise decoders with Yosys and compare the quick estimate with the result.

One plane's decoder (`f2f_decoder`) a configuration; the first `CALIBRATION` of them are those that
the constants of `f2fsim.cost.gates` were set on, the others are held out.  Writes a CSV after
every configuration.

    python benchmarks/rtl_synth.py -o reports/hardware_cost/gates.csv
"""

import argparse
import csv
from pathlib import Path

from f2fsim.codec.f2f.matrix import DecoderMatrix
from f2fsim.config.cost import load_cost_table
from f2fsim.cost import estimate_decoder_gates
from f2fsim.rtl.f2f import F2fDevice
from f2fsim.rtl.mask_path import RawMaskPath
from f2fsim.rtl.synthesis import synthesise, yosys_version

CALIBRATION = 8

# n_in, n_out, n_s, taps
CONFIGURATIONS = (
    (4, 16, 3, "dense"),
    (8, 26, 2, "dense"),
    (8, 40, 7, "dense"),
    (8, 64, 15, 5),
    (12, 96, 1, "dense"),
    (6, 30, 15, 7),
    (16, 48, 0, "dense"),
    (10, 100, 15, 3),
    # held out
    (4, 40, 15, "dense"),
    (5, 50, 15, 5),
    (6, 24, 2, "dense"),
    (7, 70, 4, "dense"),
    (8, 40, 0, "dense"),
    (8, 80, 1, "dense"),
    (8, 80, 2, "dense"),
    (8, 80, 3, 5),
    (8, 80, 3, 7),
    (8, 80, 7, "dense"),
    (8, 80, 15, 3),
    (8, 80, 15, 5),
    (8, 80, 15, 7),
    (8, 80, 15, 11),
    (8, 80, 31, 5),
    (9, 90, 11, 5),
    (11, 88, 1, "dense"),
    (12, 120, 15, 3),
    (14, 140, 15, 5),
    (16, 128, 0, "dense"),
    (16, 160, 1, "dense"),
    (16, 160, 15, 5),
)


def main() -> None:
    """Run all configurations and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=Path("gates.csv"))
    options = parser.parse_args()
    table = load_cost_table()
    rows = []
    for i, (n_in, n_out, n_s, taps) in enumerate(CONFIGURATIONS):
        matrix = DecoderMatrix.random(n_in, n_out, n_s, taps, seed=1)
        device = F2fDevice(matrix.bits, n_in, RawMaskPath(n_out), 1)
        found = synthesise(device, device.unit("xor decoder", "f2f_decoder")).cells
        quick = estimate_decoder_gates(matrix.bits, n_in=n_in)
        unshared = matrix.n_taps - n_out
        rows.append(
            {
                "n_in": n_in,
                "n_out": n_out,
                "n_s": n_s,
                "taps": taps,
                "set": "calibration" if i < CALIBRATION else "held out",
                "xor2_unshared": unshared + n_out,
                "xor2": found.xor2,
                "dff": found.dff,
                "nand2": found.nand2,
                "inv": found.inv,
                "area_um2": round(found.area_um2(table), 1),
                "nand2_equivalents": round(found.nand2_equivalents(table)),
                "quick_xor2": quick.xor2,
                "quick_dff": quick.dff,
                "quick_area_um2": round(quick.area_um2(table), 1),
                "xor2_error_pct": round(100 * (quick.xor2 / found.xor2 - 1), 2),
                "dff_error_pct": round(100 * (quick.dff / found.dff - 1), 2),
                "yosys": yosys_version(),
            }
        )
        print(rows[-1], flush=True)
        with options.out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
