"""The memory's counters in the form of results, the same way for both engines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from f2fsim.config.dram import DramSpec
from f2fsim.engine.outcome import StreamCounters
from f2fsim.hw.dram import DramParams, DramStats
from f2fsim.hw.dram.energy import energy_pj
from f2fsim.results import MemoryStats


def memory_counters(
    stats: DramStats, dram: DramParams, names: Sequence[str], spec: DramSpec | None
) -> tuple[Mapping[str, StreamCounters], MemoryStats]:
    """Return the counters of each stream by name, and those of the whole memory.

    Energy needs the preset's currents: it is empty without `spec` or where it has none.
    """
    streams = {
        name: StreamCounters(
            one.n_bursts,
            one.row_hits,
            one.row_misses,
            one.row_conflicts,
            one.latency_sum_clocks,
        )
        for name, one in zip(names, stats.streams, strict=True)
    }
    memory = MemoryStats(
        preset=dram.name,
        n_channels=dram.n_channels,
        clock_hz=dram.clock_hz,
        peak_bytes_per_second=dram.peak_bytes_per_second,
        total_cycles=stats.total_clocks,
        busy_cycles=stats.busy_clocks,
        idle_cycles=stats.idle_clocks,
        stall_cycles={cause: n for cause, n in stats.stall_clocks.items() if n},
        commands={name: n for name, n in stats.commands.items() if n},
        energy_pj=energy_pj(spec, stats) if spec and spec.power else {},
    )
    return streams, memory
