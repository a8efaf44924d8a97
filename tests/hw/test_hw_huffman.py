"""Huffman decoders in the machine: symbols, real bits, out of step, tables, buffers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from f2fsim.codec import PrunedTensor, weight_type
from f2fsim.codec.streams import read_fields
from f2fsim.config.arch import ArchConfig, load_arch
from f2fsim.config.load_workload import build_workload
from f2fsim.engine import run
from f2fsim.errors import ConfigError
from f2fsim.mapping.plan import Plan
from f2fsim.pipeline.layer import LayerJob, prepare_layer, run_plan
from f2fsim.pipeline.run import layer_jobs

SHAPE = (64, 96)


def machine(**keys: Any) -> ArchConfig:
    own = {"front_end.n_decoders": 4, "front_end.block": 32, "pe_array.weights_per_cycle": 4}
    return load_arch("huffman_edge").with_values(own | keys)


def job_of(
    arch: ArchConfig, dtype: str = "int8", sparsity: float = 0.7, shape: tuple[int, int] = SHAPE
) -> LayerJob:
    workload = build_workload(
        {
            "name": "one",
            "synthetic": {"distribution": "normal"},
            "pruning": {"method": "magnitude", "sparsity": sparsity},
            "weight_type": dtype,
            "layers": [
                {"name": "one", "op": "linear", "in_features": shape[1],
                 "out_features": shape[0], "n_tokens": 2}
            ],
        },
        Path(),
        "one",
    )  # fmt: skip
    return next(layer_jobs(workload, arch))


def plan(n_tiles: int = 1, schedule: str = "input_stationary") -> Plan:
    return Plan(schedule, (32, 32), (2 // n_tiles,) * n_tiles, 2, {})


def parts_of(job: LayerJob, chosen: Plan) -> dict[str, Any]:
    built, _ = prepare_layer(job, chosen)
    event = run(built.machine, job.dram, "event")
    assert event == run(built.machine, job.dram, "compiled")
    return {part.name: part for part in event.components}


@pytest.mark.parametrize("schedule", ["input_stationary", "weight_stationary"])
@pytest.mark.parametrize("dtype", ["int8", "int4", "bf16", "fp32"])
def test_values_flow_and_each_decoder_takes_its_symbols_and_bits(dtype: str, schedule: str) -> None:
    """Bits of each decoder are those that the container's pointers give, filled to bytes."""
    job = job_of(machine(), dtype)
    chosen = plan(2, schedule)
    assert run_plan(replace(job, functional=True), chosen).outputs_checked == 64 * 2
    built, encoded = prepare_layer(job, chosen)
    n_fetches = 1 if chosen.holds_weights else 2
    bands = [job.data.tensor.mask[:32], job.data.tensor.mask[32:]]
    parts = parts_of(job, chosen)
    for d in range(4):
        n_bits = [
            int(read_fields(one, "pointers", one.params["pointer_bits"], 4)[d]) for one in encoded
        ]
        filled = sum(-(-n // 8) * 8 for n in n_bits)
        assert built.payload_bits[f"weights {d}"] == n_fetches * filled
        counts = [len(range(d, int(mask.sum()), 4)) for mask in bands]
        pairs = ["n_each" in one.params for one in encoded]
        symbols = sum(-(-n // 2) if two else n for n, two in zip(counts, pairs, strict=True))
        assert parts[f"huffman decoder {d}"].busy_cycles == 2 * symbols


def test_tables_are_loaded_a_pass_each() -> None:
    """Four lengths counted a cycle, then a cycle for each value that occurs."""
    job = job_of(machine())
    cycles = 0
    for rows in (slice(0, 32), slice(32, 64)):
        tensor = job.data.tensor
        values = np.unique(tensor.patterns[rows][tensor.mask[rows]].astype(np.int8))
        cycles += -(-(int(values[-1]) - int(values[0]) + 1) // 4) + values.size
    assert parts_of(job, plan(2))["code table"].busy_cycles == 2 * cycles


def test_decoders_run_dry_and_out_of_step() -> None:
    """Of 32 decoders every second one has the long codewords of rare values; memory is too slow.

    Those wait for bits, while the others wait for them with full FIFOs.
    """
    rng = np.random.default_rng(0)
    patterns = np.ones((64, 768), dtype=np.uint8)
    patterns[:, ::2] = rng.integers(1, 256, (64, 384))
    mask = np.ones(patterns.shape, dtype=np.bool_)
    tensor = PrunedTensor("t", patterns, mask, weight_type("int8"))
    keys = {"front_end.n_decoders": 32, "front_end.buffer_bytes": 64, "clock": 1_600_000_000}
    keys |= {"pe_array.weights_per_cycle": 32, "pe_array.columns": 2}
    job = job_of(machine(**keys), shape=(64, 768))
    job = replace(job, data=replace(job.data, tensor=tensor))
    built, _ = prepare_layer(job, plan())
    bits = [built.payload_bits[f"weights {d}"] for d in range(32)]
    assert bits[0] > 3 * bits[1]
    parts = parts_of(job, plan())
    dry = parts["huffman decoder 0"].stall_cycles.get("weights 0 empty", 0)
    ahead = parts["huffman decoder 1"].stall_cycles.get("huffman decoder 1 out full", 0)
    assert dry > 50
    assert ahead > 50
    assert parts["huffman decoder 1"].stall_cycles.get("weights 1 empty", 0) < dry / 2


def test_one_decoder_a_symbol_a_cycle() -> None:
    """With one decoder an unpruned layer takes a cycle a weight and little more."""
    arch = machine(**{"front_end.n_decoders": 1, "front_end.buffer_bytes": 1024})
    job = job_of(arch, sparsity=0.0)
    result = run_plan(job, Plan("input_stationary", (64,), (2,), 2, {}))
    assert 64 * 96 <= result.n_cycles <= 64 * 96 + 900
    assert result.bound_cycles["aligner"] == 64 * 96


def test_a_buffer_that_holds_no_burst_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"front_end.buffer_bytes.*weights 0.*got 32"):
        prepare_layer(job_of(machine(**{"front_end.buffer_bytes": 32})), plan())
