"""DRAM energy from the datasheet currents, by the method of Micron's power calculators.

``V × (I - I_background) × t`` for each command, as in DRAMsim3; the background current flows all
the time.  Input/output drivers and termination, VPP and power-down are left out (docs/dram.md).
"""

from __future__ import annotations

from f2fsim.config.dram import DramSpec
from f2fsim.hw.dram.stats import DramStats
from f2fsim.sharing import shared


def command_energy_pj(spec: DramSpec) -> dict[str, float]:
    """Return picojoules by command, and by clock and rank of standby; empty without currents.

    Keys: ``activate`` (with its precharge), ``read``, ``write``, ``refresh``,
    ``active_standby_clock``, ``precharge_standby_clock``.  mA × V × ns = pJ.
    """
    power, timing = spec.power, spec.timing
    if power is None:
        return {}
    row_cycle = timing.tRAS + timing.tRP if timing.tRC is None else timing.tRC
    standby = power.IDD3N * timing.tRAS + power.IDD2N * (row_cycle - timing.tRAS)
    # V × ns of a clock × devices that work in step.
    unit = power.VDD * (1e9 / timing.clock) * spec.organisation.devices_per_rank
    return {
        "activate": unit * (power.IDD0 * row_cycle - standby),
        "read": unit * (power.IDD4R - power.IDD3N) * spec.burst_clocks,
        "write": unit * (power.IDD4W - power.IDD3N) * spec.burst_clocks,
        "refresh": unit * (power.IDD5AB - power.IDD3N) * timing.tRFC,
        "active_standby_clock": unit * power.IDD3N,
        "precharge_standby_clock": unit * power.IDD2N,
    }


def energy_pj(spec: DramSpec, stats: DramStats) -> dict[str, float]:
    """Return the energy of a run by piece, picojoules; empty if the preset has no currents."""
    each = shared(spec, "command energy", lambda: command_energy_pj(spec))
    if not each:
        return {}
    commands = stats.commands
    return {
        "activate": each["activate"] * commands["ACT"],
        "read": each["read"] * (commands["RD"] + commands["RDA"]),
        "write": each["write"] * (commands["WR"] + commands["WRA"]),
        "refresh": each["refresh"] * commands["REF"],
        "active_standby": each["active_standby_clock"] * stats.rank_active_clocks,
        "precharge_standby": each["precharge_standby_clock"] * stats.rank_precharged_clocks,
    }
