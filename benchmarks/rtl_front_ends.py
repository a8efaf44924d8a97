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
from f2fsim.rtl.lane_path import RowSumsDevice, WideReadDevice
from f2fsim.rtl.mask_path import RawMaskPath, RunMaskPath
from f2fsim.rtl.nm import NmDevice
from f2fsim.rtl.run_length import RunLengthDevice
from f2fsim.rtl.skipping import CompactorDevice
from f2fsim.rtl.synthesis import synthesise, yosys_version
from f2fsim.rtl.values import ValueDevice

FIELDS = ("set", "machine", "name", "count", "module", "sizes", "xor2", "dff", "nand2", "inv")
FIELDS += ("area_um2", "levels", "yosys")


def bitmap(n, lanes, weight=8, path=None, fifo=0, cycles=3):
    return BitmapDevice(
        path or RawMaskPath(n, 4),
        lanes,
        weight,
        8,
        fifo or 2 * lanes,
        pipeline_cycles=cycles,
    )


def csr(n_pes, n_banks, window, index=9, length=7, wave=5, act=8, cycles=3, shared=False):
    return CsrDevice(
        n_pes,
        n_banks,
        window,
        index,
        length,
        wave,
        activation_bits=act,
        entry_fifo=2 * n_pes,
        pipeline_cycles=cycles,
        shared_reads=shared,
    )


def compaction(n, lanes, weight=8, cycles=3):
    return CompactorDevice(n, lanes, weight, pipeline_cycles=cycles)


def f2f(n_out, planes, rate, path=None, masks=8):
    matrix = DecoderMatrix.random(8, n_out, 1, 3, seed=1).bits
    return F2fDevice(
        matrix,
        8,
        path or RawMaskPath(n_out, 4),
        planes,
        mask_fifo=masks,
        patch_rate=rate,
        patch_fifo=2 * rate + 7,
    )


def runs(n, rate):
    return bitmap(n, 4, 8, RunMaskPath(n, 2 * rate + 8, 4, rate))


def blocks(block, ones, rate, n=32, stages=9):
    return bitmap(n, 4, 8, BlockMaskPath(n, 8, block, ones, 1, 0, rate, stages))


def decoder(n_out, n_s):
    """A group whose decoder is of the shipped machines' kind."""
    matrix = DecoderMatrix.random(8, n_out, n_s, "dense", seed=1).bits
    return F2fDevice(matrix, 8, RawMaskPath(n_out, 4), 1)


BIT_BUFFERS = ((8, 2, 1, 16), (16, 3, 2, 40), (24, 4, 2, 80))
FIELD_BUFFERS = [
    bitmap(max(64, 2 * lanes), lanes, weight, None, fifo)
    for lanes, weight, fifo in (
        (256, 1, 512),  # as wide as a server's, in single bits
        (4, 8, 8),
        (8, 8, 16),
        (8, 4, 24),
        (16, 8, 32),
        (4, 16, 16),
        (32, 8, 64),
        (8, 16, 16),
        (16, 4, 40),
    )
]

#: Module and devices.  The last two of each module (`HELD_OUT`) are held out.
UNITS = {
    "f2f_count": [bitmap(n, 4) for n in (16, 40, 64, 100, 24, 80, 128)],
    "f2f_dealer": [
        *(bitmap(*s) for s in ((16, 4), (32, 4), (32, 8, 8, None, 0, 2), (64, 8), (48, 16))),
        bitmap(64, 8, 8, None, 0, 1),
        *(compaction(*s) for s in ((16, 4, 4), (32, 8, 8), (64, 8, 4, 2), (48, 16, 8))),
        compaction(32, 4, 16, 4),
        bitmap(128, 16),
        compaction(96, 16, 4),
        bitmap(64, 16, 8, None, 0, 4),
        compaction(64, 16, 4, 2),
        bitmap(24, 8),
        compaction(24, 8, 8),
    ],
    "f2f_fields": [
        # Bits of the block code, before and behind the unranking.
        *((blocks(b, c, r, n, 3), which) for b, c, r, n in BIT_BUFFERS for which in (0, 1)),
        *FIELD_BUFFERS,
    ],
    "f2f_pipe": [
        f2f(n, 4, 1, None, masks)
        for n, masks in ((16, 4), (40, 8), (26, 12), (80, 3), (16, 16), (26, 6), (40, 10))
    ],
    "f2f_csr_walk": [
        csr(*s)
        for s in (
            (4, 8, 4),
            (8, 8, 4),
            (8, 16, 4, 12, 9, 7),
            (16, 16, 4),
            (32, 16, 4),
            (6, 8, 4),
            (12, 16, 4, 10, 8, 6),
        )
    ],
    "f2f_csr_decoder": [
        csr(*s)
        for s in (
            (4, 8, 4),
            (8, 8, 4, 9, 7, 5, 8, 2),
            (8, 16, 4, 12, 9, 7),
            (16, 16, 4),
            (6, 8, 4),
            (12, 16, 4, 10, 8, 6, 8, 2),
        )
    ],
    "f2f_gather_queue": [
        csr(*s)
        for s in (
            (4, 8, 4),
            (4, 8, 8),
            (4, 16, 16),
            (4, 8, 8, 12, 9, 8),
            (4, 32, 12),
            (4, 16, 8, 11, 8, 7),
        )
    ],
    "f2f_gather_grant": [
        *(
            csr(*s, shared=shared)
            for s in ((4, 8, 4), (8, 16, 4), (16, 16, 4), (24, 32, 4, 12))
            for shared in (False, True)
        ),
        *(
            csr(*s, shared=shared)
            for s in ((12, 16, 4, 10), (16, 32, 4), (64, 128, 4, 12))
            for shared in (False, True)
        ),
    ],
    "f2f_gather_read": [
        csr(*s)
        for s in ((4, 8, 4), (8, 16, 4), (16, 16, 4), (8, 32, 4, 12), (12, 16, 4, 10), (16, 32, 4))
    ],
    "f2f_select": [
        csr(4, b, 4, 12, act=a) for b, a in ((8, 8), (16, 8), (64, 4), (32, 16), (32, 8), (16, 16))
    ],
    "f2f_csc_pe": [
        CscDevice(1, 4, a, n, r)
        for a, n, r in ((8, 4, 6), (12, 6, 8), (14, 5, 10), (10, 7, 7), (11, 5, 6), (13, 7, 9))
    ],
    "f2f_nm_decoder": [
        NmDevice(*s) for s in ((2, 4, 4), (1, 4, 8), (2, 4, 16), (4, 8, 4), (2, 4, 8), (2, 8, 6))
    ],
    "f2f_run_decoder": [
        RunLengthDevice(e, k, 20, entry_fifo=2 * e, pipeline_cycles=c)
        for e, k, c in ((4, 4, 2), (8, 4, 2), (8, 5, 3), (16, 4, 1), (6, 5, 2), (12, 4, 3))
    ],
    "f2f_shift_fields": [f2f(26, 4, r) for r in (1, 2, 4, 3)],
    "f2f_patch_bits": [f2f(16, 4, r) for r in (1, 2, 4, 3)],
    "f2f_gap_sum": [f2f(16, 4, r) for r in (1, 2, 4, 3)],
    "f2f_care": [f2f(n, p, 2) for n, p in ((16, 4), (40, 8), (80, 8), (64, 4), (26, 8), (48, 8))],
    "f2f_patch_place": [
        f2f(*s)
        for s in (
            (20, 4, 1),
            (40, 8, 1),
            (40, 8, 2),
            (80, 4, 2),
            (26, 8, 3),
            (64, 8, 2),
            (48, 8, 1),
        )
    ],
    "f2f_patch_unit": [
        f2f(*s)
        for s in (
            (18, 2, 1),
            (26, 4, 1),
            (40, 8, 1),
            (26, 4, 3),
            (40, 4, 2),
            (32, 8, 2),
            (48, 4, 1),
        )
    ],
    "f2f_mask_raw": [bitmap(n, 4) for n in (16, 64, 40)],
    "f2f_run_sums": [runs(16, r) for r in (1, 2, 4, 8, 3, 6)],
    "f2f_mask_runs": [
        runs(n, r) for n, r in ((16, 1), (40, 2), (64, 1), (26, 4), (64, 3), (32, 2), (48, 1))
    ],
    "f2f_mask_blocks": [
        blocks(b, c, r)
        for b, c, r in (
            (8, 2, 1),
            (16, 3, 1),
            (16, 5, 2),
            (32, 3, 1),
            (32, 6, 3),
            (24, 4, 2),
            (16, 4, 1),
        )
    ],
    "f2f_unrank": [
        blocks(b, c, 1, 32, s)
        for b, c, s in (
            (8, 2, 5),
            (16, 3, 9),
            (16, 5, 17),
            (32, 3, 17),
            (32, 6, 17),
            (32, 6, 24),
            (24, 4, 13),
            (16, 4, 12),
        )
    ],
    "f2f_value_decoder": [
        ValueDevice(*s)
        for s in (
            (4, 9, 8),
            (2, 12, 8),
            (2, 18, 16),
            (4, 5, 4),
            (8, 10, 8),
            (2, 14, 12),
            (6, 10, 8),
            (3, 16, 16),
        )
    ],
    "f2f_row_sums": [
        RowSumsDevice(*s)
        for s in (
            (4, 8, 16),
            (8, 16, 24),
            (16, 8, 16, 2),
            (16, 16, 32),
            (8, 16, 32, 3),
            (8, 8, 20, 2),
            (32, 8, 16),
        )
    ],
    "f2f_wide_read": [
        WideReadDevice(*s) for s in ((4, 8), (8, 16), (16, 8), (32, 4), (16, 16), (32, 8))
    ],
    "f2f_mask_cut": [blocks(16, 3, 1, n) for n in (16, 64, 40)],
}
HELD_OUT = dict.fromkeys(
    (
        *("f2f_shift_fields", "f2f_patch_bits", "f2f_gap_sum", "f2f_mask_raw", "f2f_mask_cut"),
        "f2f_csr_walk",
    ),
    1,
)
HELD_OUT |= {"f2f_count": 3, "f2f_gather_grant": 6}

#: Front ends of equal throughput with 8 activation columns of 8 bits.
MACHINES = {
    "bitmap": bitmap(256, 32),
    "csr": csr(32, 64, 16, 12, 10, 8, 64, shared=True),
    "csc_relative": CscDevice(32, 8, 14, 8, 10),
    "nm 2:4": NmDevice(2, 4, 16),
    "rle": RunLengthDevice(32, 4, 24),
    "f2f": f2f(80, 8, 2),
    "f2f decoder": decoder(80, 15),
    "f2f values": ValueDevice(16, 10, 8),
    "compaction": CompactorDevice(240, 32),
    "mask zero_runs": runs(80, 8),
    "mask block": blocks(32, 6, 3, 80, 17),
    "row sums": RowSumsDevice(32),
}


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
    done = set()
    if options.out.exists():
        with options.out.open(encoding="utf-8") as file:
            done = {(r["set"], r["machine"], r["module"], r["sizes"]) for r in csv.DictReader(file)}
    else:
        options.out.write_text(",".join(FIELDS) + "\n", encoding="utf-8")
    table, version = load_cost_table(), yosys_version()
    for number, (group, machine, device, unit) in enumerate(jobs()):
        key = (group, machine, unit.module, sizes_of(unit))
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
