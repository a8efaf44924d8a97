"""Cycles of the shipped machines before and after operands, sums and full lanes were modelled.

    python benchmarks/both_sides.py run OUT.csv [--only WORKLOAD] [--batch N]   # in either tree
    python benchmarks/both_sides.py join BEFORE.csv AFTER.csv reports/both_sides

`run` simulates each layer by itself (what both versions can do) with the f2fsim that is imported,
and appends a row a machine; rows that are there are not run again.  `join` writes the table
(``cycles.csv``) and one sentence for each pair of machines of a class whose order changed
(``orders.md``).  Cycles are of each machine's own clock; ``speedup`` and orders are of time.
"Before" is commit 7994cb2.
"""

from __future__ import annotations

import argparse
import csv
import inspect
import itertools
import sys
import time
from pathlib import Path
from typing import Any

WORKLOADS = ("silero_vad", "opennsfw", "transformer_base", "resnet50")
SPARSITIES = (0.9, 0.7)
BATCHES = (1, 64)
CLASSES = {
    "edge": ("f2f_edge", "f2f_skip_edge", "csr_edge", "bitmap_edge", "nm_edge", "dense_edge"),
    "server": ("f2f_server", "csr_server", "bitmap_server", "nm_server", "dense_server"),
    "published": ("scnn_like", "sigma", "eie", "systolic_32x32", "systolic_32x32_os"),
}
CASE = ("workload", "sparsity", "batch", "machine")
MEASURED = ("cycles", "energy_uj", "area_mm2")
#: Clocks before, in Hz, of the machines that have another one now.
BEFORE_HZ = {"csr_server": 1e9, "bitmap_server": 1e9}


def run(out: Path, only: str | None, batch: int | None) -> None:
    """Append what is missing."""
    import f2fsim
    from f2fsim.config.arch import load_arch
    from f2fsim.pipeline.cost import CostModel

    alone = (
        {"isolated": True} if "isolated" in inspect.signature(f2fsim.simulate).parameters else {}
    )
    done = {tuple(row[key] for key in CASE) for row in read(out)} if out.exists() else set()
    for n, name, sparsity in itertools.product(BATCHES, WORKLOADS, SPARSITIES):
        if (only and name != only) or (batch and n != batch):
            continue
        for machine in itertools.chain(*CLASSES.values()):
            case = (name, str(sparsity), str(n), machine)
            if case in done:
                continue
            start = time.perf_counter()
            result: Any = f2fsim.simulate(machine, name, sparsity=sparsity, batch=n, **alone)
            energy = sum(sum(one.energy_pj.values()) * one.repeat for one in result.layers)
            area = sum(CostModel.of(load_arch(machine)).area_um2("int8").values())
            row = (*case, result.n_cycles, round(energy / 1e6, 1), round(area / 1e6, 2))
            append(out, row)
            print(*row, f"{time.perf_counter() - start:.0f} s", flush=True)


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def append(path: Path, row: tuple[object, ...]) -> None:
    """Append a row, the head first."""
    is_new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_new:
            writer.writerow((*CASE, *MEASURED))
        writer.writerow(row)


def join(before: Path, after: Path, folder: Path) -> None:
    """Write the table and the orders that changed."""
    old = {tuple(row[key] for key in CASE): row for row in read(before)}
    new = {tuple(row[key] for key in CASE): row for row in read(after)}
    both = [case for case in old if case in new]
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / "cycles.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        head = [f"{key}_{when}" for key in MEASURED for when in ("before", "after")]
        writer.writerow((*CASE, *head, "speedup"))
        for case in both:
            values = [row[case][key] for key in MEASURED for row in (old, new)]
            gain = seconds(old[case], was=True) / seconds(new[case])
            writer.writerow((*case, *values, f"{gain:.3f}"))
    lines = sorted(turned(both, old, new))
    text = "# Orders that changed\n\nMade by `python benchmarks/both_sides.py join`.\n\n"
    text += "\n".join(f"- {line}" for line in lines) + "\n"
    (folder / "orders.md").write_text(text, encoding="utf-8")
    print(f"{len(both)} cases, {len(lines)} orders changed")


def seconds(row: dict[str, str], *, was: bool = False) -> float:
    """Return the time of a row at its machine's clock, now or as it was."""
    from f2fsim.config.arch import load_arch

    machine = row["machine"]
    clock_hz = float(load_arch(machine).clock)
    return float(row["cycles"]) / (BEFORE_HZ.get(machine, clock_hz) if was else clock_hz)


def turned(both: list[tuple[str, ...]], old: dict[Any, Any], new: dict[Any, Any]) -> list[str]:
    """Return a sentence for each pair of machines and case whose order changed by over 1 %."""
    lines = []
    for machines, case in itertools.product(CLASSES.values(), sorted({c[:3] for c in both})):
        present = [m for m in machines if (*case, m) in both]
        for a, b in itertools.combinations(present, 2):
            ratio = [
                seconds(t[(*case, b)], was=t is old) / seconds(t[(*case, a)], was=t is old)
                for t in (old, new)
            ]
            if (ratio[0] - 1) * (ratio[1] - 1) >= 0 or abs(ratio[1] - 1) < 0.01:
                continue
            first, second = (a, b) if ratio[1] > 1 else (b, a)
            was, now = (max(x, 1 / x) for x in ratio)
            workload, sparsity, batch = case
            lines.append(
                f"{workload}, S={sparsity}, batch {batch}: {first} now leads {second} "
                f"({now:.2f} times), before {second} led ({was:.2f} times)."
            )
    return lines


def main() -> None:
    """Run one of both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_subparsers(dest="what", required=True)
    one = what.add_parser("run")
    one.add_argument("out", type=Path)
    one.add_argument("--only")
    one.add_argument("--batch", type=int)
    two = what.add_parser("join")
    two.add_argument("before", type=Path)
    two.add_argument("after", type=Path)
    two.add_argument("folder", type=Path)
    options = parser.parse_args()
    if options.what == "run":
        run(options.out, options.only, options.batch)
    else:
        join(options.before, options.after, options.folder)


if __name__ == "__main__":
    sys.exit(main())
