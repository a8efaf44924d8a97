"""No run is below the least that its totals say, whatever machine, layer and plan."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from f2fsim.codec import PrunedTensor, weight_type
from f2fsim.config import ConvLayer, Workload
from f2fsim.config.arch import ArchConfig, load_arch
from f2fsim.errors import InputError
from f2fsim.mapping.geometry import tile_input_values
from f2fsim.mapping.totals import layer_totals, least_inputs
from f2fsim.pipeline.least import Least, least
from f2fsim.pipeline.run import simulate
from f2fsim.pipeline.target import make_target
from f2fsim.workloads import iterate_layers

ARCHS = [
    "f2f_edge",
    "f2f_skip_edge",
    "f2f_server",
    "bitmap_edge",
    "bitmap_server",
    "csr_edge",
    "csr_server",
    "nm_edge",
    "dense_edge",
    "huffman_edge",
    "systolic_32x32",
    "systolic_32x32_os",
    "scnn_like",
    "sigma",
    "eie",
]

#: Values that some machines have; those that break a rule are not taken.
CHOICES: dict[str, list[Any]] = {
    "front_end.n_out": [16, 40, 80],
    "front_end.groups": [1, 4],
    "front_end.n_in": [4, 8],
    "front_end.outputs": ["all", "matched"],
    "front_end.mask_code": ["raw", "zero_runs", "block"],
    "front_end.value_code": ["none", "auto"],
    "front_end.block": [32, 256],
    "front_end.aligner_weights": [4, 32],
    "front_end.index_bits": ["auto", 14],
    "front_end.pointer_bits": ["auto", 16],
    "front_end.groups_per_cycle": [1, 8],
    "front_end.m": [8],
    "front_end.run_bits": [2, 4],
    "front_end.entries_per_cycle": [2, 8],
    "front_end.weights_per_cycle": [16, 64],
    "pe_array.weights_per_cycle": [8, 64],
    "pe_array.columns": [1, 8],
    "pe_array.window": [1, 8],
    "pe_array.zeros": ["multiply", "gate", "skip"],
    "pe_array.shared_reads": [False, True],
    "pe_array.n_pes": [8, 48],
    "pe_array.rows": [8, 32],
    "pe_array.n_multipliers": [64, 1024],
    "pe_array.dataflow": ["weight_stationary", "output_stationary"],
    "scratchpad.capacity": ["8 KiB", "64 KiB", "512 KiB"],
    "scratchpad.n_banks": [4, 64],
    "scratchpad.double_buffered": [True, False],
    "streams.prefetch": ["16 KiB"],
    "memory.preset": ["ddr4_2400", "hbm2_stack", "lpddr4_3200"],
    "memory.n_channels": [1, 2],
    "memory.refresh": [True, False],
    "schedule": ["auto", "input_stationary", "weight_stationary"],
}


def random_machine(rng: random.Random) -> ArchConfig:
    arch = load_arch(rng.choice(ARCHS))
    for path in rng.sample(list(CHOICES), 8):
        try:
            arch = arch.with_values({path: rng.choice(CHOICES[path])})
        except InputError:
            continue
    return arch


def random_layer(rng: random.Random, name: str) -> dict[str, Any]:
    if rng.random() < 0.4:
        sizes = {"in_features": rng.randint(3, 200), "out_features": rng.randint(2, 150)}
        return {"name": name, "op": "linear", "n_tokens": rng.choice([1, 5, 70]), **sizes}
    groups = rng.choice([1, 1, 2])
    return {
        "name": name,
        "op": "conv2d",
        "in_channels": groups * rng.randint(1, 12),
        "out_channels": groups * rng.randint(1, 20),
        "groups": groups,
        "kernel": [rng.choice([1, 3]), rng.choice([1, 3])],
        "stride": [rng.choice([1, 2, 4]), rng.choice([1, 2])],
        "dilation": [rng.choice([1, 2]), 1],
        "padding": [rng.choice([0, 1]), 0],
        "input_size": [rng.randint(6, 20), rng.randint(5, 16)],
    }


def random_workload(rng: random.Random) -> Workload:
    return Workload.model_validate(
        {
            "name": "random",
            "weight_type": rng.choice(["int8", "int8", "int4", "bf16", "fp32"]),
            "batch": rng.choice([1, 3]),
            "synthetic": {"distribution": "normal"},
            "pruning": {"method": rng.choice(["magnitude", "random"]),
                        "sparsity": rng.choice([0.0, 0.3, 0.65, 0.9, 0.99])},
            "layers": [random_layer(rng, name) for name in "ab"],
        }
    )  # fmt: skip


def least_of(arch: ArchConfig, workload: Workload) -> Least:
    target = make_target(arch, workload, None)
    layers = ((data.layer, data.tensor) for data in iterate_layers(target.workload))
    return least(target.arch, target.dram, target.cost, layer_totals(layers))


def held(seed: int) -> bool:
    """Compare a random machine's run with its bound; False if it cannot run."""
    rng = random.Random(seed)
    arch, workload = random_machine(rng), random_workload(rng)
    try:
        result = simulate(arch, workload, cache=None, isolated=True)
    except InputError:
        return False
    bound = least_of(arch, workload)
    assert bound.seconds <= result.seconds, seed
    assert bound.energy_pj <= sum(result.energy_pj.values()), seed
    assert bound.dram_bytes <= result.n_bytes, seed
    return True


def test_random_machines_are_never_below() -> None:
    assert sum(held(seed) for seed in range(80)) > 40


@pytest.mark.slow
def test_many_random_machines_are_never_below() -> None:
    assert sum(held(seed) for seed in range(1000, 6000)) > 2500


@pytest.mark.parametrize("name", ARCHS)
def test_bounds_of_a_trained_network_are_close(name: str) -> None:
    """Within a third of the shipped machines' time: bounds that say nothing prune nothing."""
    arch = load_arch(name)
    workload = _silero()
    result = simulate(arch, workload, isolated=True)
    bound = least_of(arch, workload)
    assert bound.seconds <= result.seconds
    # CSR's PEs on a server have few rows each of seven small layers; a Huffman table is unknown.
    if name not in ("eie", "csr_server", "huffman_edge"):
        assert bound.seconds > 0.55 * result.seconds
        assert bound.energy_pj > 0.6 * sum(result.energy_pj.values())


def _silero() -> Workload:
    from f2fsim.config import load_workload

    return load_workload("silero_vad").with_overrides(sparsity=0.9)


def test_every_tiling_reads_the_least_inputs() -> None:
    rng = random.Random(3)
    for _ in range(60):
        data = random_layer(rng, "c")
        data = data if "kernel" in data else {
            "name": "c", "in_channels": 2, "out_channels": 3, "kernel": [1, 1],
            "stride": [3, 1], "input_size": [11, 4],
        }  # fmt: skip
        layer = ConvLayer.model_validate({k: v for k, v in data.items() if k != "op"})
        batched = layer.model_copy(update={"batch": rng.choice([1, 4])})
        columns = batched.n_columns
        for n_tiles in {1, 2, 3, 7, columns}:
            if n_tiles > columns:
                continue
            sizes = [columns // n_tiles + (i < columns % n_tiles) for i in range(n_tiles)]
            assert sum(tile_input_values(batched, n) for n in sizes) >= least_inputs(batched)


def test_totals_by_hand() -> None:
    kind = weight_type("fp16")
    patterns = np.array([[0b1010, 0, 0b1000, 0], [0, 0, 0, 0b1111]], dtype=np.uint16)
    tensor = PrunedTensor("t", patterns, patterns > 0, kind)
    layer = ConvLayer.model_validate(
        {"name": "t", "in_channels": 4, "out_channels": 2, "kernel": [1],
         "input_size": [5]}
    )  # fmt: skip
    (totals,) = layer_totals([(layer, tensor)])
    assert totals.n_kept.tolist() == [3]
    assert totals.value_bits.tolist() == [2 * 1]  # one bit varies in the first row, none below
    assert totals.plane_places.tolist() == [4]
    assert totals.count_bits.tolist() == [2 + 1]
    assert [gaps.tolist() for gaps in totals.gaps] == [[1, 1, 0, 1]]
    assert totals.entries(1).tolist() == [3 + 1]  # three zeros are one padding of two, and one
    assert totals.input_values.tolist() == [20]
