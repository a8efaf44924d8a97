"""Both engines give the same counters on random machines with the real DRAM model."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import Mock

import pytest
from random_machines import gated_machine, random_machine

from f2fsim.config.dram_preset import load_dram
from f2fsim.engine.compiled import run_compiled
from f2fsim.engine.event import run_event
from f2fsim.engine.observer import Observer
from f2fsim.hw.description import Machine
from f2fsim.hw.dram import dram_params

DRAM = dram_params(load_dram("ddr4_2400"))


@pytest.mark.parametrize("block", range(20))
def test_equal_counters_on_random_machines(block: int) -> None:
    for seed in range(25 * block, 25 * (block + 1)):
        machine = random_machine(seed, DRAM.burst_bytes)
        event, compiled = run_event(machine, DRAM), run_compiled(machine, DRAM)
        assert event == compiled, f"seed {seed}"
        for part in event.components:
            total = part.busy_cycles + part.stalled_cycles + part.idle_cycles
            assert total == part.total_cycles
            assert part.idle_cycles >= 0
        size = 8 * DRAM.burst_bytes
        for engine in (*machine.readers, *machine.writers):
            bursts = sum(-(-int(bits) // size) for bits in engine.n_bits)
            assert event.streams[engine.name].n_bursts == bursts


def slowed(machine: Machine, divisor: int) -> Machine:
    """Return the machine with every clock but the memory's divided."""
    return replace(
        machine,
        **{
            kind: tuple(
                replace(part, clock_hz=part.clock_hz // divisor) for part in getattr(machine, kind)
            )
            for kind in ("components", "readers", "writers")
        },
    )


@pytest.mark.parametrize("preset", ["ddr4_2400", "hbm2_stack", "lpddr5_6400"])
def test_refreshes_of_an_idle_memory_are_passed_over_exactly(preset: str) -> None:
    """A traced run does every refresh; the others skip rounds in which nothing else happens."""
    dram = dram_params(load_dram(preset))
    n_skipped = 0
    for seed in range(8):
        machine = slowed(random_machine(seed, dram.burst_bytes), 2_000)
        traced = run_event(machine, dram, Mock(spec=Observer))
        assert run_event(machine, dram) == traced, f"seed {seed}"
        assert run_compiled(machine, dram) == traced, f"seed {seed}"
        assert traced.memory is not None
        n_skipped += traced.memory.commands["REF"] > 20 * dram.n_channels
    assert n_skipped > 4


def test_a_clock_of_one_hertz_beside_a_memory_of_gigahertz_ends() -> None:
    """Hundreds of seconds of the machine: 10^11 clocks of the memory, of which few matter."""
    machine = slowed(random_machine(1, DRAM.burst_bytes), 400_000_000)
    event, compiled = run_event(machine, DRAM), run_compiled(machine, DRAM)
    assert event == compiled
    assert event.memory is not None
    assert event.memory.commands["REF"] > 1_000_000


@pytest.mark.parametrize("block", range(10))
def test_equal_counters_where_reads_wait_for_writes(block: int) -> None:
    waited = 0
    for seed in range(20 * block, 20 * (block + 1)):
        machine = gated_machine(seed, DRAM.burst_bytes)
        event, compiled = run_event(machine, DRAM), run_compiled(machine, DRAM)
        assert event == compiled, f"seed {seed}"
        for part in event.components:
            assert part.busy_cycles + part.stalled_cycles + part.idle_cycles == part.total_cycles
            waited += part.stall_cycles.get("not written", 0)
    assert waited > 0
