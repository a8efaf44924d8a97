"""Both engines give the same counters on random machines with the real DRAM model."""

from __future__ import annotations

import pytest
from random_machines import random_machine

from f2fsim.config.dram import load_dram
from f2fsim.engine.compiled import run_compiled
from f2fsim.engine.event import run_event
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
