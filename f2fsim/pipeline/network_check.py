"""What every run of a network must obey; a violation is an error of the program."""

from __future__ import annotations

from f2fsim.errors import SimulationError
from f2fsim.hw.description import Machine
from f2fsim.results import NetworkRun


def check_network(workload: str, result: NetworkRun, machine: Machine, residents: set[str]) -> None:
    """Check conservation, capacity and bounds of a network's run.

    * every part: busy + stall + idle = total, none negative;
    * every stream: bursts moved = its segments cut into bursts;
    * the bytes of all stages are those of all streams;
    * no stage holds more than the scratchpad;
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
            problems.append(f"{part.name}: busy + stall + idle is not the total")
    size = 8 * machine.burst_bytes
    expected = {engine.name: int((-(-engine.n_bits // size)).sum()) for engine in machine.engines}
    problems += [
        f"stream {stream.name}: {stream.n_bursts} bursts moved, {expected[stream.name]} are due"
        for stream in result.streams
        if stream.n_bursts != expected[stream.name]
    ]
    of_stages = sum(stage.n_bytes for stage in result.stages)
    if of_stages != result.n_bytes:
        problems.append(f"stages moved {of_stages} bytes, streams {result.n_bytes}")
    problems += [
        f"stage {stage.name}: {stage.used_bits} bits held"
        for stage in result.stages
        if stage.used_bits > result.scratchpad_bits
    ]
    for resource, cycles in result.bound_cycles.items():
        if result.n_cycles < cycles:
            problems.append(f"{result.n_cycles} cycles, {resource} needs at least {cycles}")
    kept = {one.name for one in result.tensors if one.place == "scratchpad"}
    if kept != residents:
        problems.append("tensors that stayed are not those that were chosen")
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise SimulationError(f"network {workload!r} broke its own rules:\n{lines}")
