"""Both engines give the same counters on layers: every front end, PE array and schedule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from f2fsim.codec import EncodedTensor
from f2fsim.config import Workload
from f2fsim.config.arch import ArchConfig, load_arch
from f2fsim.config.load_workload import build_workload
from f2fsim.engine import run
from f2fsim.errors import ConfigError
from f2fsim.hw.front_ends import FRONT_ENDS
from f2fsim.hw.layer_machine import LayerMachine
from f2fsim.pipeline.layer import prepare_layer
from f2fsim.pipeline.run import layer_jobs

SCHEDULES = ("input_stationary", "weight_stationary", "auto")
PAIRS = [(name, array) for name, kind in FRONT_ENDS.items() for array in kind.model.feeds]
#: Machines compared of each kind and schedule: half in one pass, half in several.
MACHINES_EACH = 4
MOST_DRAWS = 200


def pick(rng: np.random.Generator, *values: Any) -> Any:
    return values[int(rng.integers(len(values)))]


def random_front_end(kind: str, rng: np.random.Generator) -> dict[str, Any]:
    common = {"kind": kind, "fifo_units": pick(rng, 1, 2, 8), "pipeline_cycles": pick(rng, 1, 3)}
    own = {
        "f2f": {
            "n_in": 8,
            "n_out": pick(rng, 16, 40, 80),
            "n_s": pick(rng, 1, 7),
            "groups": pick(rng, 1, 3),
            "outputs": pick(rng, "all", "matched"),
            "order": pick(rng, "row", "column", "diagonal"),
            "patch_rate": pick(rng, 1, 2),
            "mask_code": pick(rng, "raw", "zero_runs", "block"),
            "mask_rate": pick(rng, 1, 4),
            "value_code": pick(rng, "none", "classes", "auto"),
            "spare_planes": pick(rng, 0, 2),
        },
        "huffman": {
            "block": pick(rng, 16, 64),
            "n_decoders": pick(rng, 1, 4, 16),
            "buffer_bytes": pick(rng, 256, 1024),
            "mask_code": pick(rng, "raw", "zero_runs"),
        },
        "dense": {"weights_per_cycle": pick(rng, 8, 32, 100)},
        "csr": {"index_bits": pick(rng, "auto", 12)},
        "cpsr": {"index_bits": pick(rng, "auto", 32), "value_bits": pick(rng, "auto", 32)},
        "csc_relative": {"run_bits": pick(rng, 2, 4)},
        "bitmap": {
            "block": pick(rng, 16, 64),
            "aligner_weights": pick(rng, 4, 16),
            "mask_code": pick(rng, "raw", "zero_runs"),
        },
        "nm": {"n": 2, "m": 4, "groups_per_cycle": pick(rng, 4, 16)},
        "rle": {"run_bits": pick(rng, 3, 5), "entries_per_cycle": pick(rng, 4, 16)},
    }
    return common | own[kind]


def random_array(kind: str, rng: np.random.Generator) -> dict[str, Any]:
    own = {
        "lanes": {
            "weights_per_cycle": pick(rng, 8, 64),
            "columns": pick(rng, 1, 4),
            "zeros": pick(rng, "multiply", "gate", "skip"),
        },
        "row_parallel": {
            "n_pes": pick(rng, 3, 8),
            "columns": pick(rng, 1, 4),
            "window": pick(rng, 1, 8),
        },
        "broadcast": {
            "n_pes": pick(rng, 2, 5),
            "fifo_depth": pick(rng, 1, 4),
            "batch_inputs": pick(rng, 16, 4096),
            "weights_on_chip": pick(rng, True, False),
        },
        "clusters": {
            "n_clusters": pick(rng, 1, 3),
            "n_lanes": pick(rng, 1, 4),
            "fifo_depth": pick(rng, 1, 4),
            "arbiter_cycles": pick(rng, 1, 5),
            "accumulate_cycles": pick(rng, 1, 3),
        },
        "flexible": {"n_multipliers": pick(rng, 32, 200), "load_weights": 8, "chunk": 24},
        "systolic": {
            "rows": pick(rng, 4, 16),
            "columns": pick(rng, 4, 9),
            "dataflow": pick(rng, "weight_stationary", "output_stationary"),
        },
    }
    return {"kind": kind} | own[kind]


def random_arch(front_end: str, array: str, schedule: str, rng: np.random.Generator) -> ArchConfig:
    data = load_arch("dense_edge").model_dump(mode="json") | {
        "name": f"{front_end} {array} {schedule}",
        "clock": pick(rng, "600 MHz", "800 MHz", "1 GHz"),
        "memory": {"preset": pick(rng, "lpddr4_3200", "ddr4_2400", "hbm2_channel")},
        "front_end": random_front_end(front_end, rng),
        "pe_array": random_array(array, rng),
        "scratchpad": {
            "capacity": pick(rng, "1 KiB", "2 KiB", "6 KiB", "256 KiB"),
            "n_banks": 4,
            "double_buffered": pick(rng, True, False),
        },
        "streams": {"prefetch": pick(rng, "2 KiB", "8 KiB"), "requests_per_cycle": 2},
        "schedule": schedule,
    }
    return ArchConfig.model_validate(data)


def random_workload(rng: np.random.Generator) -> Workload:
    channels = pick(rng, 4, 8)
    layers = [
        {
            "name": "conv",
            "op": "conv2d",
            "in_channels": channels,
            "out_channels": pick(rng, 8, 20),
            "kernel": [3, 3],
            "input_size": [pick(rng, 5, 8), 6],
            "padding": [1, 1],
            "groups": pick(rng, 1, 2),
        },
        {
            "name": "linear",
            "op": "linear",
            "in_features": pick(rng, 33, 96),
            "out_features": pick(rng, 10, 48),
            "n_tokens": pick(rng, 1, 12),
        },
    ]
    data = {
        "name": "random",
        "synthetic": {"distribution": "normal"},
        "pruning": {"method": "magnitude", "sparsity": pick(rng, 0.0, 0.6, 0.9)},
        "activations": {"density": 0.5},
        "seed": int(rng.integers(1000)),
        "batch": pick(rng, 1, 2),
        "layers": [pick(rng, *layers)],
    }
    return build_workload(data, Path(), "random")


def shows_schedule(schedule: str, built: LayerMachine, bands: list[EncodedTensor]) -> bool:
    """Whether a machine runs several passes as its schedule says; weights are held only if it does."""
    if built.steps is None:  # the broadcast array has an order of its own: band by band
        return len(bands) > 1
    several_tiles = len(built.steps.tile_columns) > 1
    holds_weights = any(part.kind == "weight_buffer" for part in built.machine.components)
    if schedule == "auto":
        assert several_tiles or not holds_weights
    else:
        assert holds_weights == (several_tiles and schedule == "weight_stationary")
    return several_tiles


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("front_end", "array"), PAIRS)
def test_equal_counters_on_layers(front_end: str, array: str, schedule: str) -> None:
    seed = [PAIRS.index((front_end, array)), SCHEDULES.index(schedule)]
    rng = np.random.default_rng(seed)
    compared = {True: 0, False: 0}  # by whether the schedule shows
    for _ in range(MOST_DRAWS):
        arch, workload = random_arch(front_end, array, schedule, rng), random_workload(rng)
        for job in layer_jobs(workload, arch):
            try:
                built, bands = prepare_layer(job)
            except ConfigError:
                continue  # the drawn buffers are too small for the drawn layer
            shows = shows_schedule(schedule, built, bands)
            if compared[shows] == MACHINES_EACH // 2:
                continue
            outcomes = [run(built.machine, job.dram, name) for name in ("event", "compiled")]
            assert outcomes[0] == outcomes[1], f"{arch}\n{workload}"
            compared[shows] += 1
        if sum(compared.values()) == MACHINES_EACH:
            return
    raise AssertionError(f"of {MOST_DRAWS} machines too few fit or show their schedule: {compared}")
