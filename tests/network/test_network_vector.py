"""The vector unit: cycles by operation, energy and area; free and said so without it."""

from __future__ import annotations

from typing import Any

import pytest

from f2fsim.config.arch import load_arch
from f2fsim.config.workload import Workload
from f2fsim.cost import estimate_vector_lane_gates
from f2fsim.pipeline import simulate


def with_operation(**operation: Any) -> Workload:
    layers = [
        {"name": "a", "op": "linear", "in_features": 64, "out_features": 64, "inputs": ["input"]},
        {"name": "b", "op": "linear", "in_features": 64, "out_features": 64, "inputs": ["a"]},
    ]
    data = {"name": "w", "synthetic": {"distribution": "normal"}, "layers": layers}
    return Workload.model_validate(data | {"operations": [{"name": "v", **operation}]})


def busy(workload: Workload, lanes: int) -> int:
    arch = load_arch("dense_edge").with_values({"vector": {"lanes": lanes}})
    result = simulate(arch, workload, cache=None)
    return next(c.busy_cycles for c in result.network.components if c.name == "vector unit")


@pytest.mark.parametrize(
    ("operation", "cycles"),
    [
        ({"op": "activation", "inputs": ["b"]}, 64),
        ({"op": "add", "inputs": ["b", "a"]}, 64),
        ({"op": "requantise", "inputs": ["b"]}, 64),
        ({"op": "softmax", "inputs": ["b"]}, 256),
        ({"op": "normalise", "inputs": ["b"]}, 256),
        ({"op": "max_pool", "inputs": ["b"], "values": 16, "window": 9}, 144),
    ],
)
def test_cycles_by_operation(operation: dict[str, Any], cycles: int) -> None:
    assert busy(with_operation(**operation), 1) == cycles
    # Each item, a burst of the larger stream, takes whole cycles.
    wide = busy(with_operation(**operation), 16)
    assert cycles // 16 <= wide <= cycles // 16 + 1


def test_joining_costs_nothing() -> None:
    assert busy(with_operation(op="concat", inputs=["a", "b"]), 1) == 0


def test_energy_and_area_of_lanes() -> None:
    workload = with_operation(op="softmax", inputs=["b"])
    arch = load_arch("dense_edge")
    free = simulate(arch, workload, cache=None)
    results = [
        simulate(arch.with_values({"vector": {"lanes": n}}), workload, cache=None) for n in (4, 8)
    ]
    assert any("no vector unit" in note for note in free.network.notes)
    assert not any("no vector unit" in note for one in results for note in one.network.notes)
    assert "vector unit" not in free.area_um2
    areas = [one.area_um2["vector unit"] for one in results]
    assert areas[1] == pytest.approx(2 * areas[0])
    assert 0 < areas[0] < results[0].area_um2["multipliers"]
    actions = [c.actions for c in results[0].network.components if c.name == "vector unit"]
    assert actions[0]["accumulate"] == 256
    assert results[0].energy_pj["vector unit"] > 0
    assert estimate_vector_lane_gates().dff == 32
