"""Figures of whole networks have the numbers that they come from."""

from __future__ import annotations

import pytest

from f2fsim.config.workload import Workload
from f2fsim.pipeline.network import simulate_network
from f2fsim.report.network_figures import cache_share_figure, decode_figure, residency_figure
from f2fsim.report.static import draw
from f2fsim.results.network import residency_over_time

ROWS = [
    {"format": kind, "sparsity": s, "context": c, "tokens_per_second": speed * s, "kv_share": s / 2}
    for kind, speed in (("dense", 2.0), ("f2f", 5.0))
    for s in (0.9, 0.5)
    for c in (512, 4096)
]


def test_residency_over_the_time_of_a_run() -> None:
    layers = [
        {"name": n, "op": "linear", "in_features": 16, "out_features": 16, "inputs": [source]}
        for n, source in (("a", "input"), ("b", "a"), ("c", "b"))
    ]
    data = {"name": "w", "synthetic": {"distribution": "normal"}, "layers": layers}
    result = simulate_network("dense_edge", Workload.model_validate(data), cache=None)
    figure = residency_figure(result)
    kept, used, capacity = figure.series
    assert [y * 8192 for y in kept.y[::2]] == [stage.held_bits for stage in result.stages]
    assert [y * 8192 for y in used.y[1::2]] == [stage.used_bits for stage in result.stages]
    assert set(capacity.y) == {512.0}
    assert kept.x[-1] == pytest.approx(result.stages[-1].done / result.ticks_per_second * 1e6)
    held = {}
    for row in residency_over_time(result):
        held[row["stage"]] = held.get(row["stage"], 0) + row["bits"]
    assert [held.get(n, 0) for n in range(3)] == [stage.held_bits for stage in result.stages]


def test_tokens_a_second_by_format_and_context() -> None:
    figure = decode_figure(ROWS, "d", "t")
    found = {one.name: (one.x, one.y, one.labels) for one in figure.series}
    assert found["f2f, 512 tokens"] == (
        (0.5, 0.9), (2.5, 4.5), ("KV cache 25% of the bytes", "KV cache 45% of the bytes"),
    )  # fmt: skip
    assert len(found) == 4
    assert len({one.style for one in figure.series}) == 4


def test_share_of_the_cache() -> None:
    figure = cache_share_figure(ROWS, "d", "t")
    assert figure.categories == ["f2f 0.5", "f2f 0.9", "dense 0.5", "dense 0.9"]
    assert figure.series[0].y == (25.0, 45.0, 25.0, 45.0)


def test_they_can_be_drawn() -> None:
    svg, png = draw(decode_figure(ROWS, "d", "t"))
    assert b"<svg" in svg
    assert png[:4] == b"\x89PNG"
