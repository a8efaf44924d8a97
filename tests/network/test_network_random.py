"""Whole networks on random graphs and machines: both engines, bytes, bounds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from random_graphs import random_arch, random_network

from f2fsim.config.operation import VectorOperation
from f2fsim.errors import ConfigError
from f2fsim.pipeline import simulate
from f2fsim.results import SimResult

#: Graphs with all checks in the quick run, and graphs in all: more than 300 fit their machines.
QUICK, ALL = 60, 320

#: Cycles that a stage may take more than its layer alone: the scratchpad changes hands, outputs go
#: through the vector unit, and tokens tell that a tensor is there.
HANDOVER_CYCLES = 24


def both_engines(seed: int) -> SimResult | None:
    """Return the result of both engines; None if a layer does not fit the small scratchpad."""
    workload, arch = random_network(seed), random_arch(seed)
    try:
        compiled = simulate(arch, workload, cache=None)
    except ConfigError as error:
        if "scratchpad.capacity" not in str(error):
            raise
        return None
    event = simulate(arch, workload, engine="event", cache=None)
    assert event.network == compiled.network, f"seed {seed}"
    return compiled


def check_bytes(seed: int, result: SimResult) -> None:
    """Bytes between layers follow from the graph and from where its tensors were, exactly."""
    workload = random_network(seed)
    names = {one.name: one for one in result.network.tensors}
    made = {stage.name for stage in result.network.stages}
    written = [s for s in result.network.streams if s.is_write]
    outputs = sum(stream.payload_bits for stream in written)
    kept = sum(one.n_bits for one in result.network.tensors if one.place == "scratchpad")
    # All that stages make, less what stays.
    from f2fsim.config.graph import network_nodes
    from f2fsim.network.stages import build_stages

    stages = build_stages(network_nodes(workload.layers, workload.operations, workload.batch))
    assert {stage.name for stage in stages} == made
    assert outputs == sum(8 * stage.n_values for stage in stages) - kept
    operands = 0
    for stage in stages:
        taken = stage.takes if isinstance(stage.work, VectorOperation) else stage.operands
        operands += sum(
            names[name].n_bits for name in taken
            if name in names and names[name].place == "memory"
        )  # fmt: skip
        operands += 8 * stage.n_values * ("input" in taken)
    assert operands == sum(s.payload_bits for s in result.network.streams if s.name == "operands")


def check_bounds(seed: int, result: SimResult) -> None:
    """No run beats a bound, nor takes longer than its layers alone and its vector work."""
    arch = random_arch(seed)
    assert result.n_cycles >= result.network.bound
    alone = simulate(arch, random_network(seed), isolated=True, cache=None)
    lanes = arch.vector.lanes if arch.vector else 0
    vector = (
        sum(-(-stage.lane_operations // lanes) for stage in result.network.stages) if lanes else 0
    )
    # What layers alone do not have: a vector unit, operands from memory, handing over.
    peak = result.peak_bytes_per_second
    operands = [s for s in result.network.streams if s.name == "operands"]
    n_bursts = sum(one.n_bursts for one in operands)
    moved = math.ceil(n_bursts * operands[0].burst_bytes / peak * arch.clock) if operands else 0
    chunks = sum(part.n_items for part in result.network.components if part.name == "vector unit")
    spare = HANDOVER_CYCLES * len(result.network.stages) + chunks
    latency = 200 * sum(stage.op in ("add", "max_pool") for stage in result.network.stages)
    assert result.n_cycles <= alone.n_cycles + vector + 4 * moved + spare + latency


@pytest.mark.parametrize("block", range(QUICK // 10))
def test_random_graphs(block: int) -> None:
    ran = 0
    for seed in range(10 * block, 10 * (block + 1)):
        result = both_engines(seed)
        if result is None:
            continue
        ran += 1
        check_bytes(seed, result)
        check_bounds(seed, result)
    assert ran >= 5


@pytest.mark.parametrize("block", range(QUICK // 20, ALL // 20))
def test_both_engines_and_bytes_of_more_graphs(block: int) -> None:
    found = {seed: both_engines(seed) for seed in range(20 * block, 20 * (block + 1))}
    ran = {seed: result for seed, result in found.items() if result is not None}
    assert len(ran) >= 17
    for seed, result in ran.items():
        check_bytes(seed, result)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(QUICK // 10, ALL // 10))
def test_bounds_of_more_graphs(block: int) -> None:
    test_random_graphs(block)


@pytest.mark.parametrize("seed", range(12))
def test_with_room_for_all_only_weights_first_input_and_last_outputs_move(seed: int) -> None:
    workload = random_network(seed)
    arch = random_arch(seed).with_values({"scratchpad.capacity": "4 MiB"})
    result = simulate(arch, workload, cache=None)
    assert {one.place for one in result.network.tensors} <= {"scratchpad"}
    by_name = {stream.name: stream for stream in result.network.streams}
    made = {stage.name for stage in result.network.stages}
    fetched = {n: s for n, s in by_name.items() if n not in ("activations", "operands", "outputs")}
    # Every weight once: all layers fit in one tile beside their maps.
    encoded = sum(
        bits for layer in result.layers for n, bits in layer.encoded_bits.items()
        if n != "dense flags"
    )  # fmt: skip
    assert sum(one.payload_bits for one in fetched.values()) == encoded
    first = [layer for layer in workload.layers if layer.inputs == ("input",)]
    read = sum(layer.n_input_values for layer in first) * 8
    assert by_name["activations"].payload_bits == read
    used = {name for layer in workload.layers for name in layer.inputs or ()}
    used |= {name for operation in workload.operations for name in operation.inputs}
    assert made
    last = [layer for layer in workload.layers if layer.name not in used]
    ends = sum(layer.n_output_values for layer in last)
    if not any(one.name not in used for one in workload.operations):
        assert by_name["outputs"].payload_bits == 8 * ends


def test_residency_only_takes_bytes_away() -> None:
    for seed in range(10):
        workload, arch = random_network(seed), random_arch(seed)
        try:
            kept = simulate(arch, workload, cache=None)
        except ConfigError:
            continue
        none = simulate(arch, workload, residency="none", cache=None)
        assert kept.n_bytes <= none.n_bytes
        assert all(stage.held_bits == 0 for stage in none.network.stages)
        assert (
            np.max([stage.used_bits for stage in kept.network.stages])
            <= kept.network.scratchpad_bits
        )
