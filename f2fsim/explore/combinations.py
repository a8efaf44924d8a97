"""The values that the axes of a sweep take together: grid, zipped axes, random draws."""

from __future__ import annotations

import heapq
import itertools
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from f2fsim.config.axis import Axis
from f2fsim.config.sweep import SweepSpec, full_path
from f2fsim.errors import ConfigError
from f2fsim.explore.points import text_digest

MAX_POINTS = 1_000_000
#: Combinations for each that is drawn, so that drawing until a new one comes does not take long.
_FEW = 4


def combinations(spec: SweepSpec) -> Iterator[dict[str, Any]]:
    """Yield the values of the axes, by path, of each combination; the last axis runs fastest."""
    blocks = _blocks(spec)
    sizes = [len(block) for block in blocks]
    if spec.sample is not None:
        yield from _sampled(spec, blocks)
        return
    if math.prod(sizes) > MAX_POINTS:
        raise ConfigError(
            f"{spec.name}: the grid has {math.prod(sizes)} points, at most {MAX_POINTS} are run; "
            "use sample to draw from it"
        )
    for parts in itertools.product(*blocks):
        yield _in_order(spec, parts)


def _blocks(spec: SweepSpec) -> list[list[dict[str, Any]]]:
    """Return what varies together: zipped axes as one block each, every other axis as its own."""
    names = {full_path(path): path for path in spec.axes}
    groups = {full_path(path): group for group in spec.zip for path in group}
    blocks: list[list[dict[str, Any]]] = []
    done: set[str] = set()
    for path, axis in spec.axes.items():
        if full_path(path) in done or axis.is_interval:
            continue
        together = [names[full_path(p)] for p in groups.get(full_path(path), (path,))]
        done |= {full_path(p) for p in together}
        columns = [spec.axes[p].values for p in together]
        blocks.append([dict(zip(together, row, strict=True)) for row in zip(*columns, strict=True)])
    return blocks


def _in_order(spec: SweepSpec, parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    merged = {path: value for part in parts for path, value in part.items()}
    return {path: merged[path] for path in spec.axes}


def _sampled(spec: SweepSpec, blocks: list[list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """Yield different random combinations, all of them if there are no more."""
    assert spec.sample is not None
    rng, wanted = Random(spec.sample.seed), spec.sample.n_points
    intervals = {path: axis for path, axis in spec.axes.items() if axis.is_interval}
    total = math.prod(len(block) for block in blocks)
    if not intervals:
        for number in _numbers(rng, total, wanted):
            parts = []
            for block in reversed(blocks):
                number, place = divmod(number, len(block))
                parts.append(block[place])
            yield _in_order(spec, parts)
        return
    if all(axis.is_integer for axis in intervals.values()):
        sizes = [int(axis.high or 0) - int(axis.low or 0) + 1 for axis in intervals.values()]
        if total * math.prod(sizes) <= _FEW * wanted:
            yield from _weighted(spec, blocks, intervals, rng)
            return
    seen: set[str] = set()
    for _ in range(100 * wanted):
        parts = [block[rng.randrange(len(block))] for block in blocks]
        drawn = _in_order(spec, [*parts, {p: axis.draw(rng) for p, axis in intervals.items()}])
        key = text_digest(drawn)
        if key not in seen:
            seen.add(key)
            yield drawn
        if len(seen) == wanted:
            return


def _numbers(rng: Random, total: int, wanted: int) -> list[int]:
    """Return different numbers below `total`, which may be larger than a machine word."""
    if total <= sys.maxsize:
        return rng.sample(range(total), min(wanted, total))
    drawn: dict[int, None] = {}
    while len(drawn) < wanted:  # hardly ever one twice
        drawn[rng.randrange(total)] = None
    return list(drawn)


def _weighted(
    spec: SweepSpec,
    blocks: list[list[dict[str, Any]]],
    intervals: Mapping[str, Axis],
    rng: Random,
) -> Iterator[dict[str, Any]]:
    """Draw from few combinations without drawing one twice.

    Each gets an exponential time with its weight as the rate; the first come first (Efraimidis and
    Spirakis, 2006), which is what drawing anew until another comes would give.
    """
    assert spec.sample is not None
    sides = [[(part, 1.0) for part in block] for block in blocks]
    sides += [
        [({path: value}, w) for value, w in axis.shares()] for path, axis in intervals.items()
    ]
    timed: list[tuple[float, int, list[dict[str, Any]]]] = []
    for parts in itertools.product(*sides):
        weight = math.prod(w for _, w in parts)
        timed.append((rng.expovariate(1.0) / weight, len(timed), [part for part, _ in parts]))
    for _, _, chosen in heapq.nsmallest(spec.sample.n_points, timed):
        yield _in_order(spec, chosen)
