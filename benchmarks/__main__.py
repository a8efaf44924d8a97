"""All benchmarks by one command: encoders, decoder, DRAM, engines, networks, growth, sweep.

    python benchmarks [GROUP ...] [--quick] [--json FILE] [--compare FILE]

Groups: codec, dram, engines, networks, scale, sweep; all by default.  ``--json`` writes the figures
for a later ``--compare``, which prints each figure's ratio to the earlier one (beyond 1: slower,
larger or less exact).  Figures with a bound that is missed make the exit status 1.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable
from pathlib import Path

import bench_codec
import bench_dram
import bench_engines
import bench_sweep
from bench_networks import networks
from bench_scale import scale
from figures import Figure

from f2fsim import __version__

#: A change by less is noise.
NOISE = 1.1


def codec(quick: bool) -> list[Figure]:
    """Speed and quality of encoders and decoder."""
    bench_codec.figures.clear()
    bench_codec.measure(quick)
    return [Figure("codec", *figure) for figure in bench_codec.figures]


def dram(quick: bool) -> list[Figure]:
    """Requests a CPU second."""
    presets = ("ddr4_2400",) if quick else ("ddr4_2400", "hbm2_channel", "hbm2_stack")
    return [
        Figure(
            "dram",
            f"{preset}, {kind}",
            bench_dram.requests_per_second(preset, kind) / 1e6,
            "M/s",
            at_most=False,
        )
        for preset in presets
        for kind in ("random", "sequential")
    ]


def engines(quick: bool) -> list[Figure]:
    """Both engines on opennsfw; every counter must be equal."""
    rows = [
        bench_engines.measure(arch, "opennsfw", 0.9, 20 if quick else 1)
        for arch in bench_engines.FORMATS
    ]
    found = [Figure("engines", f"{r['arch']}: a burst", r["ns_a_burst"], "ns") for r in rows]
    found += [
        Figure("engines", f"{row['arch']}: ratio", row["ratio"], "", at_most=False) for row in rows
    ]
    mean = bench_engines.mean_ratio(rows, "ratio")
    found.append(Figure("engines", "geometric mean of the ratios", mean, "", 50, at_most=False))
    whole = bench_engines.mean_ratio(rows, "whole_run_ratio")
    return [*found, Figure("engines", "the same for whole runs", whole, "", at_most=False)]


def sweep(quick: bool) -> list[Figure]:
    """Seconds of a sweep over decoders, without the cache."""
    n = 4 if quick else 24
    return [
        Figure("sweep", f"{n} decoder points on opennsfw, {w} workers", bench_sweep.run(n, w), "s")
        for w in (1, 2)
    ]


GROUPS: dict[str, Callable[[bool], list[Figure]]] = {
    "codec": codec,
    "dram": dram,
    "engines": engines,
    "networks": networks,
    "scale": scale,
    "sweep": sweep,
}


def ratios(found: list[Figure], path: Path) -> list[str]:
    """Return a line for each figure that an earlier run has too."""
    earlier = json.loads(path.read_text())
    values = {(f["group"], f["name"]): f["value"] for f in earlier["figures"]}
    lines = [f"against {path} (f2fsim {earlier['f2fsim']}, {earlier['machine']}):"]
    for figure in found:
        before = values.get((figure.group, figure.name))
        if not before or not figure.value:
            continue
        ratio = figure.value / before if figure.at_most else before / figure.value
        note = "worse" if ratio > NOISE else "better" if ratio < 1 / NOISE else ""
        lines.append(f"{figure.group:9} {figure.name:62} {ratio:6.2f} {note}".rstrip())
    return lines


def main() -> int:
    """Measure, print, write and compare."""
    parser = argparse.ArgumentParser(prog="python benchmarks", description=__doc__)
    parser.add_argument("group", nargs="*", choices=[*GROUPS, []], help="default: all")
    parser.add_argument("--quick", action="store_true", help="smaller problems, minutes in all")
    parser.add_argument("--json", type=Path, help="write the figures")
    parser.add_argument("--compare", type=Path, metavar="FILE", help="figures of an earlier run")
    options = parser.parse_args()
    found: list[Figure] = []
    for group in options.group or GROUPS:
        found += GROUPS[group](options.quick)
    print("\n".join(figure.line() for figure in found))
    if options.compare:
        print("\n".join(ratios(found, options.compare)))
    if options.json:
        data = {
            "f2fsim": __version__,
            "machine": f"{platform.machine()}, Python {platform.python_version()}",
            "figures": [figure.to_dict() for figure in found],
        }
        options.json.write_text(json.dumps(data, indent=1) + "\n")
    return 0 if all(figure.met for figure in found) else 1


if __name__ == "__main__":
    sys.exit(main())
