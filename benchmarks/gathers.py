"""What freedom of the gathers is worth: the same masks on PEs with rows and on lanes row by row.

    python benchmarks/gathers.py [--workload opennsfw] [--sparsity 0.9] [-o OUT.csv]

Cycles of the gathers alone, no memory: each layer's own mask, times its waves of activation
columns.  ``rows`` deals row r to PE r mod lanes (CSR), ``lanes`` deals kept weights row by row to
lanes (bitmap).  The columns are freedoms of arbitration; the machines have ``in order``:

    lock step   a group (round) after another
    in order    each queue offers its oldest entry; windows follow each other
    shared reads  the same, and a word that a bank gives goes to every queue that offers it
    no barrier  the same without windows: a queue is `window` entries deep
    any order   a queue offers any entry of its window: the fullest bank or queue
    shared      any order, and lanes of a group (round) that want one word share its read
    no banks    no conflict at all: the longest queue of each window
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import deque
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from f2fsim.config import load_workload
from f2fsim.workloads import iterate_layers

IntArray = NDArray[np.int64]
FREEDOMS = (
    "lock step",
    "in order",
    "shared reads",
    "no barrier",
    "any order",
    "shared",
    "no banks",
)


def rounds_of(mask: NDArray[np.bool_], lanes: int, deal: str) -> list[list[tuple[int, int]]]:
    """Return (queue, column) of the entries of each round."""
    rows, columns = np.nonzero(mask)
    if deal == "lanes":
        at = np.arange(rows.shape[0])
        queue, turn = at % lanes, at // lanes
    else:
        queue = rows % lanes
        order = np.argsort(queue, kind="stable")
        queue, columns = queue[order], columns[order]
        owned = np.bincount(queue, minlength=lanes)
        turn = np.arange(queue.shape[0]) - np.repeat(np.cumsum(owned) - owned, owned)
    rounds: list[list[tuple[int, int]]] = [[] for _ in range(int(turn.max(initial=0)) + 1)]
    for q, t, c in zip(queue.tolist(), turn.tolist(), columns.tolist(), strict=True):
        rounds[t].append((q, c))
    return rounds


def served(
    rounds: list[list[tuple[int, int]]],
    lanes: int,
    banks: int,
    depth: int,
    *,
    shares: bool = False,
) -> int:
    """Return the cycles of queues of `depth` that take a round a cycle while all have room."""
    queues: list[deque[int]] = [deque() for _ in range(lanes)]
    at = cycle = 0
    while at < len(rounds) or any(queues):
        while at < len(rounds) and all(len(queues[q]) < depth for q, _ in rounds[at]):
            for q, c in rounds[at]:
                queues[q].append(c)
            at += 1
            if depth > 1 and at >= depth:
                break
        taken: dict[int, int] = {}
        for i in range(lanes):
            queue = queues[(cycle + i) % lanes]
            if not queue:
                continue
            bank = queue[0] % banks
            if bank not in taken or (shares and taken[bank] == queue[0]):
                taken[bank] = queue.popleft()
        cycle += 1
    return cycle


def cycles_of(
    rounds: list[list[tuple[int, int]]], lanes: int, banks: int, window: int
) -> dict[str, int]:
    """Return the cycles of each freedom."""
    found = dict.fromkeys(FREEDOMS, 0)
    found["lock step"] = sum(served([one], lanes, banks, 1) for one in rounds)
    found["no barrier"] = served(rounds, lanes, banks, window)
    for start in range(0, len(rounds), window):
        some = rounds[start : start + window]
        found["in order"] += served(some, lanes, banks, len(some))
        found["shared reads"] += served(some, lanes, banks, len(some), shares=True)
        entries = [entry for one in some for entry in one]
        longest = np.bincount([q for q, _ in entries], minlength=1).max()
        fullest = np.bincount([c % banks for _, c in entries], minlength=1).max()
        words = [c % banks for one in some for c in {c for _, c in one}]
        found["any order"] += int(max(longest, fullest))
        found["shared"] += int(max(longest, np.bincount(words, minlength=1).max()))
        found["no banks"] += int(longest)
    return found


def main() -> None:
    """Print the totals of both ways to deal; write a row a layer."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workload", default="opennsfw")
    parser.add_argument("--sparsity", type=float, default=0.9)
    parser.add_argument("--lanes", type=int, default=32)
    parser.add_argument("--banks", type=int, default=64)
    parser.add_argument("--window", type=int, default=16)
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("-o", "--out", type=Path)
    options = parser.parse_args()
    workload = load_workload(options.workload).with_overrides(sparsity=options.sparsity)
    lines: list[list[object]] = []
    totals = {deal: dict.fromkeys((*FREEDOMS, "kept over lanes"), 0) for deal in ("rows", "lanes")}
    for data in iterate_layers(workload):
        tensor, layer = data.tensor, data.layer
        waves = -(-layer.n_columns // options.columns)
        for deal, total in totals.items():
            rounds = rounds_of(tensor.mask.astype(np.bool_), options.lanes, deal)
            found = cycles_of(rounds, options.lanes, options.banks, options.window)
            found["kept over lanes"] = -(-tensor.n_kept // options.lanes)
            lines.append([layer.name, deal, waves, *found.values()])
            for name, n in found.items():
                total[name] += n * waves
    for deal, total in totals.items():
        print(deal, ", ".join(f"{name} {n:,}" for name, n in total.items()))
    if options.out:
        with options.out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["layer", "deal", "waves", *FREEDOMS, "kept over lanes"])
            writer.writerows(lines)


if __name__ == "__main__":
    sys.exit(main())
