"""What binds is found by experiment, also where two resources bind only together."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import f2fsim
from f2fsim import shipped
from f2fsim.config.arch import load_arch
from f2fsim.config.schema import file_schemas
from f2fsim.explore.whatif import RESOURCES, doubled_machines
from f2fsim.results.binding import LITTLE, TOGETHER, binding, elasticity

#: A layer whose weights are streamed once for one column.
LAYERS = {"layers": ["conv3"], "sparsity": 0.9, "cache": None}


@pytest.mark.parametrize("name", shipped.names("arch_configs"))
def test_every_machine_has_resources_to_double(name: str) -> None:
    arch = load_arch(name)
    found = doubled_machines(arch)
    assert {"memory", "scratchpad", "stream buffers"} <= set(found)
    assert any(resource.startswith("PE ") for resource in found)
    assert found["memory"].dram().peak_bytes_per_second == (2 * arch.dram().peak_bytes_per_second)
    assert found["scratchpad"].scratchpad.capacity == 2 * arch.scratchpad.capacity
    assert all(one.digest() != arch.digest() for one in found.values())


def test_accumulators_that_a_file_leaves_out_are_doubled_too() -> None:
    shipped_one = load_arch("f2f_edge")
    own = shipped_one.with_values({"pe_array.accumulators": {}})
    twice = doubled_machines(own)["accumulators"].pe_array
    assert twice.accumulator_bytes == 2 * own.pe_array.accumulator_bytes


#: Counts that are no amount of anything: sizes of the code, seeds, latencies, how work is cut.
NO_RESOURCE = {
    "pipeline_cycles", "arbiter_cycles", "accumulate_cycles", "spare_planes", "batch_inputs",
    "activation_seed", "run_bits", "index_bits", "value_bits", "pointer_bits", "max_length",
    "n_in", "n_out", "n_s", "taps", "seed", "shuffle_seed", "chunk", "n", "m",
    "bank_bytes_per_cycle", "n_channels",
}  # fmt: skip


def test_every_count_of_a_machine_is_a_resource_or_none() -> None:
    """A new key has to be named in `RESOURCES`, or the experiments cannot find that it binds."""
    doubled = {path.rpartition(".")[2] for paths in RESOURCES.values() for path in paths}
    for name, model in file_schemas()["arch"]()["$defs"].items():
        if name.startswith("Toy"):  # kinds that another test has registered
            continue
        for key, value in model.get("properties", {}).items():
            counts = "integer" in json.dumps([value.get("type"), value.get("anyOf")])
            assert not counts or key in doubled | NO_RESOURCE, f"{name}.{key}"


@pytest.mark.parametrize("resource", [one for one in RESOURCES if one != "vector lanes"])
def test_every_resource_is_one_of_some_machine(resource: str) -> None:
    machines = [load_arch(name) for name in shipped.names("arch_configs")]
    assert any(resource in doubled_machines(machine) for machine in machines)


def test_an_array_that_binds() -> None:
    """With a memory of 16 channels and one multiplier lane the array takes all the time."""
    arch = load_arch("dense_edge").with_values(
        {"memory.n_channels": 16, "pe_array.weights_per_cycle": 4}
    )
    (found,) = f2fsim.what_if("silero_vad", arch, isolated=True, **LAYERS)
    assert binding(found.what_if).names == ("PE rows",)
    assert binding(found.what_if).gain == pytest.approx(2, rel=0.05)
    assert found.what_if["memory"] < LITTLE
    assert found.layers[0].what_if == pytest.approx(found.what_if)


def test_a_memory_that_binds() -> None:
    arch = load_arch("dense_edge").with_values({"pe_array.columns": 16})
    (found,) = f2fsim.what_if("silero_vad", arch, **LAYERS, weight_type="fp32")
    assert binding(found.what_if).names == ("memory",)


def test_two_that_bind_only_together() -> None:
    """As many lanes as the decoders fill: twice of either alone gives next to nothing."""
    arch = load_arch("f2f_edge").with_values(
        {
            "memory.n_channels": 16,
            "front_end.groups": 1,
            "pe_array.zeros": "skip",
            "front_end.outputs": "all",
            "pe_array.weights_per_cycle": 8,
            "front_end.patch_rate": 64,
        }
    )
    (found,) = f2fsim.what_if("silero_vad", arch, **LAYERS)
    assert found.what_if["decoders"] < 1.3
    assert found.what_if["PE rows"] < 1.3
    bound = binding(found.what_if)
    assert set(bound.names) == {"decoders", "PE rows"}
    assert bound.gain > 1.5


def test_the_machine_itself_is_as_without_experiments() -> None:
    (found,) = f2fsim.what_if("silero_vad", "f2f_edge", **LAYERS)
    plain = f2fsim.simulate("f2f_edge", "silero_vad", **LAYERS)
    assert found.run == "network"
    assert found.totals() == plain.totals()
    assert plain.what_if == {}


@pytest.mark.parametrize(
    ("gains", "names"),
    [
        ({}, None),
        ({"a": 1.9, "b": 1.0}, ("a",)),
        ({"a": 1.9, "b": 1.0, "a + b": 2.0}, ("a",)),
        ({"a": 1.0, "b": 1.01, "a + b": 1.47}, ("a", "b")),
        ({"a": 1.0, "b": 1.01, "a + b": 1.02}, ()),
    ],
)
def test_the_largest_gain_is_told(gains: dict[str, float], names: Any) -> None:
    found = binding(gains)
    assert (found.names if found else None) == names


@given(st.dictionaries(st.sampled_from("abcd"), st.floats(0.5, 2.0), min_size=1))
def test_no_resource_gives_more_than_what_binds(gains: dict[str, float]) -> None:
    found = binding(gains)
    assert found is not None
    assert found.gain == max(gains.values())
    assert TOGETHER not in found.words


def test_elasticity() -> None:
    assert elasticity(2.0) == 1
    assert elasticity(1.0) == 0
