"""Fit the quick estimates of units to synthesis and show their errors.

Non-negative least squares of relative errors on the rows marked ``calibration``.

    python benchmarks/rtl_fit.py reports/hardware_cost/front_ends.csv
"""

import argparse
import csv
import json
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from f2fsim.config.cost import load_cost_table
from f2fsim.cost import tables
from f2fsim.cost.cells import GateCount
from f2fsim.cost.unit_gates import FITS_FILE, UNITS


def sizes_of(row):
    """Return the sizes of a row."""
    return {key: int(value) for key, value in (item.split("=") for item in row["sizes"].split())}


def cells_of(row):
    """Return the synthesised cells of a row."""
    return GateCount(*(int(row[key]) for key in ("xor2", "dff", "nand2", "inv")))


def fit(rows, table):
    """Return the factors of one module."""
    nand2_um2 = table.cell("NAND2")
    counted = [UNITS[row["module"]](sizes_of(row)) for row in rows]
    cells = [cells_of(row) for row in rows]
    areas = [each.area_um2(table) - each.dff * table.cell("DFF") for each in cells]
    levels = [float(row["levels"]) for row in rows]
    cuts = [each.dff - of_row.dff for each, of_row in zip(cells, counted, strict=True)]
    fitted = {
        "nand2": ([of_row.logic for of_row in counted], [area / nand2_um2 for area in areas]),
        "levels": ([of_row.levels for of_row in counted], levels),
        "dff": ([of_row.cuts for of_row in counted], cuts),
    }
    found = {}
    for name, (matrix, values) in fitted.items():
        if not matrix[0]:
            continue
        weights = 1 / np.maximum(np.array(values), 1.0)
        factors, _ = nnls(np.array(matrix, dtype=float) * weights[:, None], values * weights)
        found[name] = [float(f"{factor:.4g}") for factor in factors]
    return found


def main() -> None:
    """Fit, write, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    options = parser.parse_args()
    with options.table.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["module"] in UNITS]
    table = load_cost_table()
    path = Path(tables.__file__).parent / FITS_FILE
    # Units without a row keep the factors that were counted by hand.
    kept = json.loads(path.read_text(encoding="utf-8"))
    fits = {module: kept[module] for module in UNITS if module in kept}
    for module in UNITS:
        mine = [row for row in rows if (row["module"], row["set"]) == (module, "calibration")]
        if mine:
            fits[module] = fit(mine, table)
    path.write_text(json.dumps(fits, indent=1) + "\n", encoding="utf-8")
    from f2fsim.cost.unit_gates import estimate_unit_gates, estimate_unit_levels

    for row in rows:
        if row["module"] not in fits:
            continue
        sizes = sizes_of(row)
        quick = estimate_unit_gates(row["module"], **sizes)
        area = quick.area_um2(table)
        error = 100 * (area / float(row["area_um2"]) - 1)
        levels = estimate_unit_levels(row["module"], **sizes)
        print(
            f"{error:+6.1f} %  dff {quick.dff - int(row['dff']):+4d}",
            f" levels {levels}/{row['levels']}  {row['set']:12} {row['module']} {row['sizes']}",
        )


if __name__ == "__main__":
    main()
