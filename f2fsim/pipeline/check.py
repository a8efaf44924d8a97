"""What every run must obey; a violation is an error of the program, not of the user."""

from __future__ import annotations

from collections.abc import Mapping

from f2fsim.errors import SimulationError
from f2fsim.hw.description import Machine
from f2fsim.results import LayerResult


def check_layer(result: LayerResult, machine: Machine, payload_bits: Mapping[str, int]) -> None:
    """Check conservation and bounds of one layer.

    * every part: busy + stall + idle = total, none negative;
    * every stream: bursts moved = its segments cut into bursts;
    * multiplications issued are no fewer than the effectual ones;
    * the run is no shorter than any analytic bound.

    Raises
    ------
    SimulationError
        One line for each violation.
    """
    problems = []
    for part in result.components:
        total = part.busy_cycles + part.stalled_cycles + part.idle_cycles
        if total != part.total_cycles or part.idle_cycles < 0:
            problems.append(
                f"{part.name}: busy {part.busy_cycles} + stall {part.stalled_cycles} + idle "
                f"{part.idle_cycles} is not the total {part.total_cycles}"
            )
    expected = machine.n_bursts
    problems += [
        f"stream {stream.name}: {stream.n_bursts} bursts moved, {expected[stream.name]} encoded"
        for stream in result.streams
        if stream.n_bursts != expected[stream.name]
    ]
    if {stream.name for stream in result.streams} != set(payload_bits):
        problems.append("streams of the memory are not those of the machine")
    if result.macs_issued < result.macs_effectual:
        problems.append(
            f"{result.macs_issued} multiplications issued, {result.macs_effectual} are needed"
        )
    for resource, cycles in result.bound_cycles.items():
        if result.n_cycles < cycles:
            problems.append(f"{result.n_cycles} cycles, {resource} needs at least {cycles}")
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise SimulationError(f"layer {result.name!r}: the run broke its own rules:\n{lines}")
