"""Synthesise patch and mask units with Yosys; the base of their quick estimates.

python benchmarks/rtl_units.py -o reports/hardware_cost/units.csv
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from f2fsim.config.cost import load_cost_table
from f2fsim.rtl.design import GroupDesign
from f2fsim.rtl.synthesis import synthesise, yosys_version

# module, n_out, planes, rate
UNITS = (
    ("f2f_patch_unit", 16, 2, 1),
    ("f2f_patch_unit", 26, 4, 1),
    ("f2f_patch_unit", 40, 8, 1),
    ("f2f_patch_unit", 26, 4, 4),
    ("f2f_patch_unit", 80, 8, 2),
    ("f2f_mask_runs", 16, 1, 1),
    ("f2f_mask_runs", 40, 1, 2),
    ("f2f_mask_runs", 80, 1, 4),
    ("f2f_mask_runs", 26, 1, 3),
    ("f2f_mask_runs", 64, 1, 1),
    ("f2f_mask_raw", 40, 1, 1),
    ("f2f_mask_raw", 80, 1, 1),
)


def main() -> None:
    """Run all units and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=Path("units.csv"))
    options = parser.parse_args()
    table = load_cost_table()
    rows = []
    for module, n_out, n_planes, rate in UNITS:
        design = GroupDesign(
            np.ones((n_out, 8), dtype=np.bool_),
            8,
            n_planes,
            patch_rate=rate,
            mask_code="zero_runs" if module == "f2f_mask_runs" else "raw",
            mask_rate=rate,
        )
        found = synthesise(design, module)
        area_um2 = round(found.area_um2(table), 1)
        row = {"module": module, "n_out": n_out, "n_planes": n_planes, "rate": rate}
        row |= {"xor2": found.xor2, "dff": found.dff, "nand2": found.nand2, "inv": found.inv}
        rows.append({**row, "area_um2": area_um2, "yosys": yosys_version()})
        print(rows[-1], flush=True)
    with options.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
