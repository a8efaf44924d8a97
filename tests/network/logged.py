"""A tiny machine whose whole log can be worked by hand: a clock for everything, no refresh."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from f2fsim.config.arch import ArchConfig, load_arch
from f2fsim.config.workload import Workload
from f2fsim.engine.compiled import run_compiled
from f2fsim.engine.event import run_event
from f2fsim.network.assemble import join_stages
from f2fsim.pipeline.network import NetworkJob, NetworkOptions
from f2fsim.pipeline.target import make_target
from f2fsim.workloads import LayerData, iterate_layers

Line = tuple[str, str, int, int]
Interval = tuple[str, int, int]


def tiny_arch(lanes: int = 0) -> ArchConfig:
    """Return a dense machine of four multipliers at the clock of its memory (DDR4-2400)."""
    values: dict[str, Any] = {
        "clock": "1200 MHz",
        "memory.preset": "ddr4_2400",
        "memory.refresh": False,
        "front_end.weights_per_cycle": 4,
        "front_end.fifo_units": 1,
        "pe_array.weights_per_cycle": 4,
        "scratchpad.capacity": "256 B",
        "scratchpad.n_banks": 1,
        "streams.prefetch": "128 B",
    }
    if lanes:
        values["vector"] = {"lanes": lanes}
    return load_arch("dense_edge").with_values(values)


@dataclass
class Log:
    lines: list[Line] = field(default_factory=list)
    period: int = 1

    def begin(self, machine, dram, ticks):
        self.period = ticks // 1_200_000_000

    def busy(self, part, start, end):
        self.lines.append((part, "busy", start // self.period, end // self.period))

    def stall(self, part, cause, start, end):
        self.lines.append((part, cause, start // self.period, end // self.period))

    def occupancy(self, channel, time, units):
        pass

    def commands(self, *args):
        pass

    def finish(self, end):
        pass


def without_scales(workload: Workload) -> Iterator[LayerData]:
    """Yield the layers of a workload as if one step were worth 1."""
    for data in iterate_layers(workload):
        yield replace(data, tensor=replace(data.tensor, scale_bits=0))


def logged(workload: Workload, arch: ArchConfig, residency: Any) -> dict[str, list[Interval]]:
    """Return the log of each part, in order of time; both engines agree on its counters.

    Weights have no scales here: one stream less to work by hand.
    """
    target = make_target(arch, workload, None)
    job = NetworkJob(target, NetworkOptions(residency))
    (piece,) = job.pieces
    (prepared,) = job.prepare(piece, list(without_scales(workload)))
    machine = join_stages(prepared.network, prepared.machines)
    log = Log()
    outcome = run_event(machine, target.dram, log)
    assert run_compiled(machine, target.dram) == outcome
    found: dict[str, list[Interval]] = {}
    for part, what, start, end in sorted(log.lines, key=lambda one: one[2]):
        lines = found.setdefault(part, [])
        if lines and lines[-1][0] == what == "busy" and lines[-1][2] == start:
            lines[-1] = (what, lines[-1][1], end)  # items without a gap
        else:
            lines.append((what, start, end))
    return found
