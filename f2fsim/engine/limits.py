"""What ends a run that cannot be finished: parts that wait on each other, and times too long."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from f2fsim.errors import DeadlockError, SimulationError
from f2fsim.hw.description import Component, Machine

#: Ticks that one part's own work may take: both engines count in 64 bits, with room for the waits.
MAX_TICKS = 1 << 61


def check_span(machine: Machine, ticks_per_second: int) -> None:
    """Refuse a machine whose service and latencies alone pass `MAX_TICKS`.

    Raises
    ------
    SimulationError
        One line for each component, with its cycles and clock.
    """
    latency = {channel.name: channel.latency_cycles for channel in machine.channels}
    problems = []
    for part in machine.components:
        period = ticks_per_second // part.clock_hz
        wait = part.n_items * max((latency[out.channel] for out in part.outputs), default=0)
        if (part.n_items * part.extent.most + wait) * period <= MAX_TICKS:
            continue
        # In floating point, since the sum itself may pass 64 bits.
        cycles = float(part.service_cycles.sum(dtype=np.float64)) + wait
        if part.service_cycles.shape[0] == 1:
            cycles = float(part.service_cycles[0]) * part.n_items + wait
        if cycles * period > MAX_TICKS:
            problems.append(f"component {part.name}: {cycles:.4g} cycles at {part.clock_hz} Hz")
    if problems:
        most = MAX_TICKS / ticks_per_second
        lines = "\n".join(problems)
        raise SimulationError(f"the machine runs longer than {most:.4g} s can be counted:\n{lines}")


def deadlock(machine: Machine, waits: Mapping[str, tuple[str, str]]) -> DeadlockError:
    """Return the error that says who waits on what.

    Parameters
    ----------
    machine : Machine
        That cannot go on.
    waits : mapping of str to (str, str)
        Cause and channel by the name of the part that waits.
    """
    ends: dict[str, list[str]] = {}
    for part in machine.parts:
        if isinstance(part, Component):
            used = [port.channel for port in part.inputs] + [out.channel for out in part.outputs]
        else:
            used = [part.channel]
        for channel in used:
            ends.setdefault(channel, []).append(part.name)
    lines = []
    for who, (cause, at) in sorted(waits.items()):
        others = [name for name in ends[at] if name != who] or [who]
        lines.append(f"  {who}: {cause} (channel {at}, at whose other end is {others[0]})")
    return DeadlockError("the machine is deadlocked:\n" + "\n".join(lines))
