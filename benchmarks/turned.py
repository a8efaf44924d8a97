"""What two versions of a report say of the order of machines, and which pairs turned round.

    git archive 261c066 reports/formats | tar -x -C out/before
    python benchmarks/turned.py out/before/reports/formats reports/formats > turned.md

The table is committed as reports/formats/turned.md.  The old version is of any commit (that one:
the last before networks ran as one and plans were predicted); cases and machines that both have
are compared, by time.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import pandas as pd


def times(folder: Path) -> dict[str, dict[str, float]]:
    """Return the time of each machine, us, by case."""
    tables = folder / "tables"
    cases = pd.read_csv(tables / "provenance.csv")["case"].unique()
    found = {}
    for number, case in enumerate(cases, 1):
        totals = pd.read_csv(tables / f"case{number}_totals.csv")
        found[str(case)] = dict(
            zip(totals["machine"], totals["time_us"].astype(float), strict=True)
        )
    return found


def rows(before: dict[str, float], after: dict[str, float]) -> list[str]:
    """Return a row a machine: times, and how they changed."""
    lines = ["| machine | before [us] | now [us] | before / now |", "|---|---|---|---|"]
    for name in before:
        if name in after:
            ratio = before[name] / after[name]
            lines.append(f"| {name} | {before[name]:.5g} | {after[name]:.5g} | {ratio:.2f} |")
    return lines


def turned(before: dict[str, float], after: dict[str, float]) -> list[str]:
    """Return a sentence for each pair whose order changed."""
    lines = []
    both = [name for name in before if name in after]
    for one, other in itertools.permutations(both, 2):
        was, is_now = before[one] / before[other], after[other] / after[one]
        if was > 1 and is_now > 1:
            lines.append(f"- {one} leads {other} ({is_now:.2f} times); {other} led ({was:.2f}).")
    return lines


def main() -> None:
    """Print the tables as Markdown."""
    old, new = (times(Path(folder)) for folder in sys.argv[1:3])
    print("# What changed\n\nMade by `benchmarks/turned.py`; its head says how.")
    for case in old:
        if case in new:
            found = turned(old[case], new[case]) or ["No order changed."]
            print(f"\n## {case}\n", *rows(old[case], new[case]), "", *found, sep="\n")


if __name__ == "__main__":
    main()
