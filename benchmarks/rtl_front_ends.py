"""Synthesise the units of all front ends and their operand networks with Yosys.

Rows marked ``calibration`` are those that `f2fsim.cost.unit_gates` is fitted to
(``python benchmarks/rtl_fit.py``), ``held out`` those that it is only compared with, and
``machine`` the units of front ends of equal throughput (32 kept weights a cycle, 256 positions a
cycle), held out too.  Appends to the CSV row by row and leaves out what is there already.

    python benchmarks/rtl_front_ends.py -o reports/hardware_cost/front_ends.csv
"""

import argparse
import csv
import time
from pathlib import Path

from f2fsim.codec.f2f.matrix import DecoderMatrix
from f2fsim.config.cost import load_cost_table
from f2fsim.rtl.bitmap import BitmapDevice
from f2fsim.rtl.block_mask import BlockMaskPath
from f2fsim.rtl.csc import CscDevice
from f2fsim.rtl.csr import CsrDevice
from f2fsim.rtl.f2f import F2fDevice
from f2fsim.rtl.mask_path import RawMaskPath, RunMaskPath
from f2fsim.rtl.nm import NmDevice
from f2fsim.rtl.run_length import RunLengthDevice
from f2fsim.rtl.skipping import CompactorDevice
from f2fsim.rtl.synthesis import synthesise, yosys_version

FIELDS = ("set", "machine", "name", "count", "module", "sizes", "xor2", "dff", "nand2", "inv")
FIELDS += ("area_um2", "levels", "yosys")


def bitmap(n, lanes, weight=8, path=None, fifo=0):
    return BitmapDevice(path or RawMaskPath(n, 4), lanes, weight, 8, fifo or 2 * lanes)


def csr(n_pes, n_banks, window, index=9, length=7, wave=5, act=8):
    return CsrDevice(
        n_pes, n_banks, window, index, length, wave, activation_bits=act, entry_fifo=2 * n_pes
    )


def f2f(n_out, planes, rate, path=None):
    matrix = DecoderMatrix.random(8, n_out, 1, 3, seed=1).bits
    return F2fDevice(
        matrix,
        8,
        path or RawMaskPath(n_out, 4),
        planes,
        patch_rate=rate,
        patch_fifo=2 * rate + 8,
    )


def decoder(n_out, n_s):
    """A group whose decoder is of the shipped machines' kind."""
    matrix = DecoderMatrix.random(8, n_out, n_s, "dense", seed=1).bits
    return F2fDevice(matrix, 8, RawMaskPath(n_out, 4), 1)


#: Module, device, set.  The last two or three of each module are held out.
UNITS = [
    *(("f2f_count", bitmap(n, 4), n) for n in (16, 40, 64, 100, 24, 80, 128)),
    *(
        ("f2f_aligner", bitmap(*s), s)
        for s in ((16, 4), (32, 4), (32, 8), (64, 8), (48, 16), (24, 8), (64, 16))
    ),
    *(
        ("f2f_compactor", CompactorDevice(*s), s)
        for s in (
            (16, 4, 4),
            (32, 8, 8),
            (64, 8, 4),
            (48, 16, 8),
            (32, 4, 16),
            (24, 8, 8),
            (64, 16, 4),
        )
    ),
    *(
        ("f2f_fields", bitmap(64, lanes, weight, None, fifo), (lanes, weight, fifo))
        for lanes, weight, fifo in (
            (4, 8, 8),
            (8, 8, 16),
            (8, 4, 24),
            (16, 8, 32),
            (4, 16, 16),
            (8, 16, 16),
            (16, 4, 40),
        )
    ),
    *(
        ("f2f_csr_decoder", csr(*s), s)
        for s in (
            (4, 8, 4),
            (8, 8, 4),
            (8, 16, 4, 12, 9, 7),
            (16, 16, 4),
            (6, 8, 4),
            (12, 16, 4, 10, 8, 6),
        )
    ),
    *(
        ("f2f_gather_queue", csr(*s), s)
        for s in (
            (4, 8, 4),
            (4, 8, 8),
            (4, 16, 16),
            (4, 8, 8, 12, 9, 8),
            (4, 32, 12),
            (4, 16, 8, 11, 8, 7),
        )
    ),
    *(
        ("f2f_gather_grant", csr(*s), s)
        for s in ((4, 8, 4), (8, 16, 4), (16, 16, 4), (8, 32, 4, 12), (12, 16, 4, 10), (16, 32, 4))
    ),
    *(
        ("f2f_select", csr(4, b, 4, 12, act=a), (b, a))
        for b, a in ((8, 8), (16, 8), (64, 4), (32, 16), (32, 8), (16, 16))
    ),
    *(
        ("f2f_csc_pe", CscDevice(1, 4, a, n, r), (a, n, r))
        for a, n, r in ((8, 4, 6), (12, 6, 8), (14, 5, 10), (10, 7, 7), (11, 5, 6), (13, 7, 9))
    ),
    *(
        ("f2f_nm_decoder", NmDevice(*s), s)
        for s in ((2, 4, 4), (1, 4, 8), (2, 4, 16), (4, 8, 4), (2, 4, 8), (2, 8, 6))
    ),
    *(
        ("f2f_run_decoder", RunLengthDevice(e, k, 20, entry_fifo=2 * e), (e, k))
        for e, k in ((4, 4), (8, 4), (8, 5), (16, 4), (6, 5), (12, 4))
    ),
    *(("f2f_gap_decoder", f2f(16, 4, r), r) for r in (1, 2, 4, 3)),
    *(
        ("f2f_patch_place", f2f(*s), s)
        for s in (
            (16, 4, 1),
            (40, 8, 1),
            (40, 8, 2),
            (80, 4, 2),
            (26, 8, 3),
            (64, 8, 2),
            (48, 8, 1),
        )
    ),
    *(
        ("f2f_patch_unit", f2f(*s), s)
        for s in (
            (16, 2, 1),
            (26, 4, 1),
            (40, 8, 1),
            (26, 4, 3),
            (40, 4, 2),
            (32, 8, 2),
            (48, 4, 1),
        )
    ),
    *(("f2f_mask_raw", bitmap(n, 4), n) for n in (16, 64, 40)),
    *(
        ("f2f_mask_runs", bitmap(n, 4, 8, RunMaskPath(n, 2 * r + 8, 4, r)), (n, r))
        for n, r in ((16, 1), (40, 2), (64, 1), (26, 4), (64, 3), (32, 2), (48, 1))
    ),
    *(
        ("f2f_mask_blocks", bitmap(32, 4, 8, BlockMaskPath(32, 8, b, c, 1, 0, r)), (b, c, r))
        for b, c, r in ((8, 2, 1), (16, 3, 1), (16, 5, 2), (32, 3, 1), (24, 4, 1), (16, 4, 1))
    ),
    *(("f2f_mask_cut", bitmap(n, 4, 8, BlockMaskPath(n, 8, 16, 3)), n) for n in (16, 64, 40)),
]
HELD_OUT = {"f2f_count": 3, "f2f_gap_decoder": 1, "f2f_mask_raw": 1, "f2f_mask_cut": 1}

#: Front ends of equal throughput with 8 activation columns of 8 bits.
MACHINES = {
    "bitmap": bitmap(256, 32),
    "csr": csr(32, 64, 16, 12, 10, 8, 64),
    "csc_relative": CscDevice(32, 8, 14, 8, 10),
    "nm 2:4": NmDevice(2, 4, 16),
    "rle": RunLengthDevice(32, 4, 24),
    "f2f": f2f(80, 8, 2),
    "f2f decoder": decoder(80, 15),
    "compaction": CompactorDevice(240, 32),
    "mask zero_runs": bitmap(256, 4, 8, RunMaskPath(80, 24, 4, 8)),
    "mask block": bitmap(256, 4, 8, BlockMaskPath(80, 8, 32, 6, 1, 0, 3)),
}


def jobs():
    """Yield set, machine, device, unit: the first of every module, the second, …, the machines."""
    by_module = {}
    for module, device, _ in UNITS:
        by_module.setdefault(module, []).append(device)
    for number in range(max(map(len, by_module.values()))):
        for module, devices in by_module.items():
            if number >= len(devices):
                continue
            device = devices[number]
            held = number >= len(devices) - HELD_OUT.get(module, 2)
            # Buffers of values, runs and indices come after those of code words.
            unit = [u for u in device.units() if u.module == module][-1]
            yield "held out" if held else "calibration", "", device, unit
    for name, device in MACHINES.items():
        for unit in device.units():
            wanted = {
                "f2f decoder": "f2f_decoder",
                "mask zero_runs": "f2f_mask",
                "mask block": "f2f_mask",
            }
            if name == "f2f" and unit.module == "f2f_decoder":
                continue
            if name in wanted and not unit.module.startswith(wanted[name]):
                continue
            yield "machine", name, device, unit


def sizes_of(device, unit):
    """Return the sizes that the estimate of a unit takes."""
    found = dict(unit.parameters)
    if unit.module == "f2f_count":
        path = getattr(device, "mask_path", None)
        found["N"] = path.n if path else device.n
    if unit.module == "f2f_mask_blocks":
        found["ONES"] = device.mask_path.max_ones
    return " ".join(f"{key}={value}" for key, value in sorted(found.items()))


def main() -> None:
    """Synthesise what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=Path("front_ends.csv"))
    parser.add_argument("--part", type=int, default=0, help="which of --parts to do")
    parser.add_argument("--parts", type=int, default=1)
    options = parser.parse_args()
    done = set()
    if options.out.exists():
        with options.out.open(encoding="utf-8") as file:
            done = {(r["set"], r["machine"], r["module"], r["sizes"]) for r in csv.DictReader(file)}
    else:
        options.out.write_text(",".join(FIELDS) + "\n", encoding="utf-8")
    table, version = load_cost_table(), yosys_version()
    for number, (group, machine, device, unit) in enumerate(jobs()):
        key = (group, machine, unit.module, sizes_of(device, unit))
        if key in done or number % options.parts != options.part:
            continue
        done.add(key)
        start = time.perf_counter()
        found = synthesise(device, unit, fast=True)
        cells = found.cells
        row = [group, machine, unit.name, unit.count, unit.module, key[3]]
        row += [cells.xor2, cells.dff, cells.nand2, cells.inv]
        row += [round(cells.area_um2(table), 1), found.levels, version]
        with options.out.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerow(row)
        print(f"{time.perf_counter() - start:.0f} s", *row[:-1], flush=True)


if __name__ == "__main__":
    main()
