"""Value codes in the machine: table, word aligner and value decoders, in time, bits and values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from f2fsim.codec.f2f.format import read_value_code
from f2fsim.config.arch import ArchConfig, load_arch
from f2fsim.config.load_workload import build_workload
from f2fsim.engine import run
from f2fsim.hw.elaborate import build_layer
from f2fsim.hw.front_ends import layer_format
from f2fsim.hw.front_ends.value_decoder import VALUE_CYCLES
from f2fsim.hw.front_ends.value_table import load_cycles
from f2fsim.hw.functional import FunctionalJob, check_outputs
from f2fsim.mapping.plan import Plan
from f2fsim.pipeline.cost import CostModel
from f2fsim.pipeline.layer import LayerJob, band_tensors, prepare_layer, run_plan
from f2fsim.pipeline.run import layer_jobs


def machine(**keys: Any) -> ArchConfig:
    front_end = {"front_end.n_out": 32, "front_end.value_code": "classes"}
    return load_arch("f2f_edge").with_values(front_end | keys)


def job_of(arch: ArchConfig, dtype: str = "int8", sparsity: float = 0.5) -> LayerJob:
    workload = build_workload(
        {
            "name": "one",
            "synthetic": {"distribution": "normal"},
            "pruning": {"method": "magnitude", "sparsity": sparsity},
            "weight_type": dtype,
            "layers": [
                {"name": "one", "op": "linear", "in_features": 96, "out_features": 64,
                 "n_tokens": 6}
            ],
        },
        Path(),
        "one",
    )  # fmt: skip
    return next(layer_jobs(workload, arch))


def two_bands(n_tiles: int = 2, schedule: str = "input_stationary") -> Plan:
    return Plan(schedule, (32, 32), (6 // n_tiles,) * n_tiles, 32, {})


@pytest.mark.parametrize("schedule", ["input_stationary", "weight_stationary"])
@pytest.mark.parametrize("dtype", ["int8", "int4", "bf16", "fp32", "fp8_e4m3"])
def test_values_flow_and_every_pass_loads_its_table(dtype: str, schedule: str) -> None:
    """Two bands with codes of their own, two tiles: four passes."""
    job = job_of(machine(), dtype)
    plan = two_bands(schedule=schedule)
    result = run_plan(replace(job, functional=True), plan)
    assert result.outputs_checked == 64 * 6
    built, encoded = prepare_layer(job, plan)
    event = run(built.machine, job.dram, "event")
    assert event == run(built.machine, job.dram, "compiled")
    tables = [one.streams["codebook"].n_bits for one in encoded]
    codes = [read_value_code(one, 8)[0] for one in encoded]
    # Room, two waits, the head, classes, a count of the planes, planes.
    cycles = sum(5 + len(code.classes) + code.n_planes for code in codes if code)
    assert cycles == sum(load_cycles(one) for one in encoded)
    assert built.payload_bits["codebook"] == sum(tables) * (2 if not plan.holds_weights else 1)
    table = next(part for part in event.components if part.name == "value table")
    assert table.busy_cycles == 2 * cycles
    assert result.energy_pj["value table"] > 0


def test_a_step_fetches_what_the_rates_of_the_planes_say() -> None:
    """Of one group in T steps a plane of rate r takes floor(r T / 64) bits."""
    job = job_of(machine(**{"front_end.groups": 1}))
    built, (encoded,) = prepare_layer(job, Plan("input_stationary", (64,), (6,), 64, {}))
    _, rates = read_value_code(encoded, 8)
    n_steps = -(-64 * 96 // encoded.params["n_out"])
    assert len(set(rates.sixty_fourths)) > 2
    expected = sum(rate * n_steps // 64 for rate in rates.sixty_fourths)
    assert built.payload_bits["weights"] == expected == encoded.streams["weights"].n_bits
    aligner = next(part for part in built.machine.components if part.name == "word aligner")
    assert int(aligner.inputs[0].need.sum()) == expected


def test_bands_without_and_with_a_code_on_one_machine() -> None:
    """As ``auto`` may choose: the first band has the planes of its patterns, the second a code."""
    arch = machine(**{"front_end.value_code": "auto"})
    job, plan = job_of(arch), two_bands()
    tensors = band_tensors(job.data.tensor, plan)
    bands = []
    for tensor, code in zip(tensors, ("none", "classes"), strict=True):
        chosen = layer_format(machine(**{"front_end.value_code": code}), job.data.tensor)
        bands.append((tensor, chosen.encode(tensor)))
    built = build_layer(arch, job.dram, job.data.layer, plan, bands)
    event = run(built.machine, job.dram, "event")
    assert event == run(built.machine, job.dram, "compiled")
    assert built.payload_bits["codebook"] == 2 * bands[1][1].streams["codebook"].n_bits
    found = check_outputs(FunctionalJob(arch, job.data.layer, plan, bands, built))
    assert found.n_outputs == 64 * 6


def test_the_units_cost_latency_area_and_energy() -> None:
    """The same words with and without the units: the pipelines come on top once."""
    plan = Plan("input_stationary", (64,), (6,), 64, {})
    with_units = run_plan(job_of(machine()), plan)
    without = run_plan(job_of(machine(**{"front_end.value_code": "none"})), plan)
    assert with_units.energy_pj["value decoder"] > 0
    assert with_units.encoded_bits["weights"] < without.encoded_bits["weights"]
    # Fewer bytes come, 8 a cycle at most; tables and aligners work beside the mask's counting.
    saved = (without.n_bytes - with_units.n_bytes) // 8
    assert with_units.n_cycles + saved >= without.n_cycles + VALUE_CYCLES
    area = CostModel.of(machine()).area_um2("int8")
    bare = CostModel.of(machine(**{"front_end.value_code": "none"})).area_um2("int8")
    for name in ("value table", "word aligner", "value decoder"):
        assert area[name] > 0
        assert name not in bare
    assert area["xor decoder"] == pytest.approx(bare["xor decoder"] * 10 / 8)


def test_codewords_are_no_longer_than_the_machine_has_planes() -> None:
    for spare in (0, 1, 3):
        job = job_of(machine(**{"front_end.spare_planes": spare}), sparsity=0.0)
        _, (encoded,) = prepare_layer(job, Plan("input_stationary", (64,), (6,), 64, {}))
        code, _ = read_value_code(encoded, 8)
        assert code is not None
        assert code.n_planes <= 8 + spare
