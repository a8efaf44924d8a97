"""Synthesise the units of all front ends and their operand networks with Yosys.

Rows marked ``calibration`` are those that `f2fsim.cost.unit_gates` is fitted to
(``python benchmarks/rtl_fit.py``), ``held out`` those that it is only compared with, and
``machine`` the units of front ends of equal throughput (32 kept weights a cycle, 256 positions a
cycle), held out too, ``whole`` front ends in one piece, memories apart.  Appends to the CSV row by
row and leaves out what is there already.

    python benchmarks/rtl_front_ends.py -o reports/hardware_cost/front_ends.csv
"""

import argparse
import csv
import time
from pathlib import Path

from rtl_units import HELD_OUT, MACHINES, UNITS, WHOLE

from f2fsim.config.cost import load_cost_table
from f2fsim.rtl.device import Unit
from f2fsim.rtl.synthesis import synthesise, yosys_version

FIELDS = ("set", "machine", "name", "count", "module", "sizes", "xor2", "dff", "nand2", "inv")
FIELDS += ("area_um2", "levels", "yosys")


def jobs():
    """Yield set, machine, device, unit: the first of every module, the second, …, the machines."""
    for number in range(max(map(len, UNITS.values()))):
        for module, devices in UNITS.items():
            if number >= len(devices):
                continue
            device = devices[number]
            held = number >= len(devices) - HELD_OUT.get(module, 2)
            # Buffers of values, runs and indices come after those of code words.
            device, which = device if isinstance(device, tuple) else (device, -1)
            unit = [u for u in device.units() if u.module == module][which]
            yield "held out" if held else "calibration", "", device, unit
    for name, device in MACHINES.items():
        for unit in device.units():
            if name == "f2f" and unit.module == "f2f_decoder":
                continue
            if name == "f2f decoder" and unit.module != "f2f_decoder":
                continue
            if name.startswith("mask") and unit.name != "mask unit":
                continue
            yield "machine", name, device, unit
    for name, device, sizes in WHOLE:
        unit = Unit("whole front end", device.top, (), generated=tuple(sizes.items()))
        yield "whole", name, device, unit


def sizes_of(unit):
    """Return the sizes that the estimate of a unit takes."""
    found = {**dict(unit.parameters), **dict(unit.generated)}
    return " ".join(f"{key}={value}" for key, value in sorted(found.items()))


def main() -> None:
    """Synthesise what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=Path("front_ends.csv"))
    parser.add_argument("--part", type=int, default=0, help="which of --parts to do")
    parser.add_argument("--parts", type=int, default=1)
    options = parser.parse_args()
    done, known = set(), {}
    if options.out.exists():
        with options.out.open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                done.add((row["set"], row["machine"], row["module"], row["sizes"]))
                known[row["module"], row["sizes"]] = [row[name] for name in FIELDS[6:]]
    else:
        options.out.write_text(",".join(FIELDS) + "\n", encoding="utf-8")
    table, version = load_cost_table(), yosys_version()
    for number, (group, machine, device, unit) in enumerate(jobs()):
        key = (group, machine, unit.module, sizes_of(unit))
        if key in done or number % options.parts != options.part:
            continue
        done.add(key)
        start = time.perf_counter()
        if key[2:] not in known:
            found = synthesise(device, unit, fast=True)
            cells = found.cells
            made = [cells.xor2, cells.dff, cells.nand2, cells.inv]
            known[key[2:]] = [*made, round(cells.area_um2(table), 1), found.levels, version]
        row = [group, machine, unit.name, unit.count, unit.module, key[3], *known[key[2:]]]
        with options.out.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerow(row)
        print(f"{time.perf_counter() - start:.0f} s", *row[:-1], flush=True)


if __name__ == "__main__":
    main()
