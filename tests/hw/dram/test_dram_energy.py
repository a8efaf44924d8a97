"""Energy from the datasheet currents, against DRAMsim3's own sums."""

from __future__ import annotations

import pytest
from dram_reference import STANDARDS, reference, reference_spec
from dram_traces import make_trace

from f2fsim.config.dram import DramSpec
from f2fsim.config.dram_preset import load_dram
from f2fsim.hw.dram import dram_params, replay
from f2fsim.hw.dram.energy import command_energy_pj, energy_pj

PRESETS = {"ddr4": "ddr4_2400", "hbm2": "hbm2_channel"}
NAMES = {
    "act": "activate",
    "read": "read",
    "write": "write",
    "ref": "refresh",
    "act_stb_per_cycle": "active_standby_clock",
    "pre_stb_per_cycle": "precharge_standby_clock",
}


def powered(standard: str, *, refresh: bool) -> DramSpec:
    """Return the reference memory with the shipped preset's currents (from the same ini)."""
    spec = reference_spec(standard, refresh=refresh)
    return spec.model_copy(update={"power": load_dram(PRESETS[standard]).power})


@pytest.mark.parametrize("standard", STANDARDS)
def test_energy_of_each_command(standard: str) -> None:
    config = reference(standard)["configs"][f"{standard}_win32"]
    ours = command_energy_pj(powered(standard, refresh=True))
    for theirs, name in NAMES.items():
        assert ours[name] == pytest.approx(config["energy_per_op_pJ"][theirs], rel=1e-6)


@pytest.mark.parametrize("standard", STANDARDS)
@pytest.mark.parametrize("trace", ["e_paced8", "r_paced64", "g_chase", "g_chase_seq"])
def test_energy_of_a_run(standard: str, trace: str) -> None:
    spec = powered(standard, refresh=False)
    requests = make_trace(trace, 64)
    one = 1 if trace.startswith("g_") else None
    result = replay(
        dram_params(spec), requests[:, 0], requests[:, 1], requests[:, 2], max_outstanding=one
    )
    (run,) = (
        r
        for r in reference(standard)["runs"]
        if r["tool"] == "dramsim3" and r["trace"] == trace and not r["refresh"]
    )
    theirs = run["energy_pJ"]
    ours = energy_pj(spec, result.stats)
    assert ours["activate"] == pytest.approx(theirs["act_energy"], rel=1e-5)
    assert ours["read"] == pytest.approx(theirs["read_energy"], rel=1e-5)
    # DRAMsim3 ran on for a clock or two after the last completion.
    clock = command_energy_pj(spec)["active_standby_clock"]
    assert ours["active_standby"] == pytest.approx(theirs["act_stb_energy"], abs=3 * clock)
    assert ours["precharge_standby"] == pytest.approx(theirs["pre_stb_energy"], abs=3 * clock)


def test_no_currents_no_energy() -> None:
    spec = reference_spec("ddr4", refresh=False)
    result = replay(dram_params(spec), [0], [0], [0])
    assert energy_pj(spec, result.stats) == {}
