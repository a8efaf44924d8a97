"""What binds a run, read off the experiments of `f2fsim.what_if`: the largest gain."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from f2fsim.results.stats import LayerResult, SimResult

#: Joins the names of resources that were doubled together.
TOGETHER = " + "

#: Two resources bind together if both give this many times what the better of them gives alone.
MORE_TOGETHER = 1.15

#: What gives less than this binds nothing.
LITTLE = 1.05


@dataclass(frozen=True)
class Binding:
    """What binds a run: one resource or two, and how much faster twice of it makes the run.

    ``names`` is empty if twice of no resource gives more than `LITTLE`; ``gain`` is then the
    largest that was found.
    """

    names: tuple[str, ...]
    gain: float

    @property
    def words(self) -> str:
        """The resources in words."""
        return " and ".join(self.names) if self.names else "no single resource"


def binding(what_if: Mapping[str, float]) -> Binding | None:
    """Return what binds by these experiments, None if none was made."""
    if not what_if:
        return None
    best = max(what_if, key=lambda name: what_if[name])
    alone = [name for name in what_if if TOGETHER not in name]
    if TOGETHER in best and alone:
        first = max(alone, key=lambda name: what_if[name])
        if what_if[best] < MORE_TOGETHER * what_if[first]:
            best = first
    gain = what_if[best]
    return Binding(tuple(best.split(TOGETHER)) if gain >= LITTLE else (), gain)


def elasticity(gain: float) -> float:
    """Return the elasticity of speed: 1 if twice of a resource is twice as fast, 0 if no faster."""
    return math.log2(gain)


def layer_bindings(result: SimResult) -> list[dict[str, Any]]:
    """Return one row a layer, the slowest first: its share of the time and what binds it."""
    rows = []
    for layer in sorted(result.layers, key=lambda one: -one.seconds):
        found = binding(layer.what_if)
        rows.append(
            {
                "arch": result.arch,
                "layer": layer.name,
                "time_us": layer.seconds * 1e6,
                "share": layer.seconds / result.seconds if result.seconds else 0.0,
                "bound_by": found.words if found else None,
                "twice_gives": found.gain if found else None,
                "stall": main_stall(layer),
            }
        )
    return rows


def main_stall(layer: LayerResult) -> str | None:
    """Return the PE array's largest stall and its share of all cycles, ``none`` without one.

    None for a layer of a network's run, which has no counters of its own.
    """
    if not layer.components:
        return None
    for part in layer.components:
        if part.kind == "pe_array" and part.stall_cycles and part.total_cycles:
            cause = max(part.stall_cycles, key=lambda c: part.stall_cycles[c])
            return f"{cause} {part.stall_cycles[cause] / part.total_cycles:.0%}"
    return "none"


def what_if_rows(arch: str, what_if: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return one row a resource, the largest gain first."""
    return [
        {"arch": arch, "twice_of": name, "speedup": gain, "elasticity": elasticity(gain)}
        for name, gain in sorted(what_if.items(), key=lambda item: -item[1])
    ]
