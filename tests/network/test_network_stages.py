"""From a workload's graph to stages, tensors and tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from f2fsim.config import load_workload
from f2fsim.config.graph import network_nodes
from f2fsim.config.load_workload import build_workload
from f2fsim.config.workload_yaml import workload_text
from f2fsim.errors import ConfigError, InputError, SimulationError
from f2fsim.network.order import all_waits
from f2fsim.network.residency import check_capacity, choose_residents, tensors_of
from f2fsim.network.stages import build_stages


def linear(name: str, n_in: int, n_out: int, *inputs: str, **more: Any) -> dict[str, Any]:
    layer = {"name": name, "op": "linear", "in_features": n_in, "out_features": n_out, **more}
    return layer | ({"inputs": list(inputs)} if inputs else {})


def vector(name: str, op: str, *inputs: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "op": op, "inputs": list(inputs), **more}


def workload(layers: list[dict[str, Any]], operations: list[dict[str, Any]] | None = None):
    data = {"name": "w", "synthetic": {"distribution": "normal"}, "layers": layers}
    return build_workload(data | {"operations": operations or []}, Path(), "w")


def stages_of(layers: list[dict[str, Any]], operations: list[dict[str, Any]] | None = None):
    one = workload(layers, operations)
    return build_stages(network_nodes(one.layers, one.operations, one.batch))


RESIDUAL = (
    [linear("a", 8, 8), linear("b", 8, 8, "a"), linear("c", 8, 8, "b"), linear("d", 8, 4, "relu")],
    [vector("sum", "add", "c", "a"), vector("relu", "activation", "sum")],
)


def test_a_plain_list_of_layers_is_a_chain() -> None:
    stages = stages_of([linear("a", 4, 6), linear("b", 6, 3), linear("c", 5, 2)])
    assert [stage.inputs for stage in stages] == [("input",), ("a",), ("b",)]
    assert all(stage.is_chained for stage in stages)


def test_a_residual_is_added_as_outputs_leave_the_array() -> None:
    stages = stages_of(*RESIDUAL)
    assert [stage.name for stage in stages] == ["a", "b", "c", "d"]
    assert [one.op for one in stages[2].fused] == ["add", "activation"]
    assert stages[2].operands == ("a",)
    assert stages[2].output == "relu"
    assert stages[2].n_lane_operations == 16


def test_who_takes_from_a_joined_tensor_takes_from_its_pieces() -> None:
    stages = stages_of(
        [linear("a", 4, 6), linear("b", 4, 3, "input"), linear("c", 9, 2, "both")],
        [vector("both", "concat", "a", "b")],
    )
    assert [stage.inputs for stage in stages] == [("input",), ("input",), ("a", "b")]


def test_what_others_need_too_is_not_fused_over() -> None:
    stages = stages_of(
        [linear("a", 4, 6), linear("b", 6, 3, "a"), linear("c", 6, 3, "r")],
        [vector("r", "activation", "a")],
    )
    assert [stage.name for stage in stages] == ["a", "r", "b", "c"]


def test_pooling_and_softmax_are_stages_of_the_vector_unit() -> None:
    stages = stages_of(
        [linear("a", 4, 8), linear("b", 2, 3, "s")],
        [vector("p", "max_pool", "a", values=2, window=4), vector("s", "softmax", "p")],
    )
    assert [stage.is_vector for stage in stages] == [False, True, True, False]
    assert [stage.n_lane_operations for stage in stages] == [0, 8, 8, 0]


def test_a_layer_that_runs_three_times_takes_its_own_outputs() -> None:
    stages = stages_of([linear("a", 4, 4, repeat=3), linear("b", 4, 2)])
    assert [stage.name for stage in stages] == ["a#0", "a#1", "a#2", "b"]
    assert stages[1].inputs == ("input", "a#0")
    assert stages[3].inputs == ("a#0", "a#1", "a#2")


@pytest.mark.parametrize(
    ("layers", "operations", "rule"),
    [
        ([linear("a", 4, 4, "b"), linear("b", 4, 4)], [], "comes later"),
        ([linear("a", 4, 4, "aa")], [], "there is no 'aa'"),
        ([linear("a", 4, 4), linear("b", 5, 4, "a")], [], "takes 5 values, its inputs make 4"),
        ([linear("a", 4, 4)], [vector("a", "softmax", "a")], "used twice"),
        ([linear("a", 4, 4)], [vector("v", "add", "a", "v")], "takes from itself"),
        ([linear("a", 4, 4)], [vector("v", "max_pool", "a")], "values must be given"),
        ([linear("a", 4, 4)], [vector("v", "softmax", "input")], "values must be given"),
        ([linear("a", 4, 4)], [vector("v", "softmax", "a", "a")], "must be one"),
        ([linear("a", 4, 4)], [vector("v", "add", "a", window=2)], "window has no meaning"),
        ([linear("a", 4, 4)], [vector("v", "concat", "a")], "two or more"),
        (
            [linear("a", 4, 4), linear("b", 4, 3, "a")],
            [vector("v", "add", "a", "b")],
            "do not fit",
        ),
    ],
)
def test_graphs_that_cannot_be_are_refused(layers, operations, rule) -> None:
    with pytest.raises(ConfigError, match=rule):
        workload(layers, operations)


def test_a_graph_goes_through_its_file(tmp_path) -> None:
    one = workload(*RESIDUAL)
    path = tmp_path / "w.yaml"
    path.write_text(workload_text(one))
    again = load_workload(path)
    assert (again.layers, again.operations) == (one.layers, one.operations)


def test_a_selection_of_layers_is_a_chain_of_its_own() -> None:
    part = workload(*RESIDUAL).with_overrides(layers=["a", "c"])
    assert part.operations == ()
    assert [layer.inputs for layer in part.layers] == [None, None]


def test_shipped_resnet50_has_its_residuals() -> None:
    one = load_workload("resnet50")
    stages = build_stages(network_nodes(one.layers, one.operations, one.batch))
    adds = [stage for stage in stages if "add" in [op.op for op in stage.fused]]
    assert len(adds) == 16
    assert all(len(stage.operands) == 1 for stage in adds)
    # Two stages of the vector unit: both poolings.
    assert [stage.name for stage in stages if stage.is_vector] == ["maxpool", "avgpool"]


def test_tensors_live_from_their_stage_to_their_last_use() -> None:
    tensors = tensors_of(stages_of(*RESIDUAL), 8)
    lives = {name: (one.first, one.last, one.n_reads) for name, one in tensors.items()}
    assert lives == {"a": (0, 2, 2), "b": (1, 2, 1), "relu": (2, 3, 1)}
    assert tensors["a"].n_bits == 64


def test_tokens_are_given_once_and_taken_by_whom_they_are_for() -> None:
    stages = stages_of(*RESIDUAL)
    waits = {name: (one.given, one.taken) for name, one in all_waits(stages, {"b"}).items()}
    assert waits == {
        "written for activations": ({0, 2}, {1, 3}),
        "written for operands": ({0}, {2}),
        "kept for array": ({1}, {2}),
    }


def room_for(capacity: int):
    """Stages that need 10 bits of their own beside what is held."""
    return lambda _number, free, on_chip: None if free < 10 else 64.0 * (not on_chip)


@pytest.mark.parametrize(
    ("capacity", "kept"),
    [
        (9, set()),
        (73, set()),
        (74, {"a"}),
        (138, {"a", "b"}),
        (202, {"a", "b", "relu"}),
    ],
)
def test_what_saves_most_for_its_life_stays_if_it_fits(capacity: int, kept: set[str]) -> None:
    stages = stages_of(*RESIDUAL)
    tensors = tensors_of(stages, 8)
    found = choose_residents(stages, tensors, capacity, "auto", room_for(capacity))
    assert found == kept
    for number in range(len(stages)):
        held = sum(
            one.n_bits for name, one in tensors.items()
            if name in found and one.first <= number <= one.last
        )  # fmt: skip
        assert not held or held + 10 <= capacity


def test_named_tensors_stay_or_are_refused() -> None:
    stages = stages_of(*RESIDUAL)
    tensors = tensors_of(stages, 8)
    assert choose_residents(stages, tensors, 100, ["b"], room_for(100)) == {"b"}
    with pytest.raises(InputError, match="no tensor between two stages"):
        choose_residents(stages, tensors, 100, ["d"], room_for(100))
    with pytest.raises(InputError, match="stage 'b' does not fit beside a, b"):
        choose_residents(stages, tensors, 130, ["a", "b"], room_for(130))


def test_a_stage_that_holds_too_much_is_an_error_of_the_program() -> None:
    stage = stages_of(*RESIDUAL)[0]
    check_capacity(stage, 100, 60, {"accumulators": 40})
    with pytest.raises(SimulationError, match="more than"):
        check_capacity(stage, 100, 61, {"accumulators": 40})
