"""The roofline: three roofs, points coloured by what binds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sample_results import comparison, result

from f2fsim.report.cases import make_cases
from f2fsim.report.roofline import COLOURS, binding, roofline_figure, three_bounds
from f2fsim.report.style import style

BOUNDS = {
    "memory": 300, "weights requests": 310, "multipliers": 40, "array steps": 90, "front end": 200,
    "patches": 250, "scratchpad fill": 999,
}  # fmt: skip


def test_units_belong_to_one_of_three() -> None:
    assert three_bounds(BOUNDS) == {"memory": 310, "decoder": 250, "array": 90}
    assert three_bounds({"longest PE": 7, "operand banks": 9}) == {
        "memory": 0, "decoder": 0, "array": 9,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("bounds", "what"),
    [
        ({"memory": 600, "front end": 500, "multipliers": 10}, "memory"),
        ({"memory": 600, "patches": 900, "multipliers": 10}, "decoder"),
        ({"memory": 600, "front end": 500, "longest PE": 700}, "array"),
        ({"memory": 400, "front end": 300, "multipliers": 10}, "none of them"),
    ],
)
def test_what_binds_is_the_largest_of_three(bounds: dict[str, int], what: str) -> None:
    layer = replace(comparison()[0].layers[0], bound_cycles=bounds)
    assert layer.n_cycles == 1000
    assert binding(layer) == what
    run = replace(comparison()[0], layers=(layer,))
    (points, *_) = roofline_figure(*make_cases([(run,)])).series
    assert points.name == f"f2f_edge: {what}"
    assert style(points.style).colour == style(COLOURS[what]).colour


def test_no_point_is_above_a_roof() -> None:
    """The lowest of memory, decoder and array at a layer's intensity is never below it."""
    runs = [
        replace(
            run,
            layers=tuple(
                replace(x, bound_cycles={**x.bound_cycles, "front end": x.n_cycles * 2 // 3})
                for x in run.layers
            ),
        )
        for run in (result("f2f_edge", "f2f", 1.0), result("csr_edge", "csr", 1.6))
    ]
    figure = roofline_figure(*make_cases([tuple(runs)]))
    limits = {series.name: series for series in figure.series if series.mark == "limit"}
    points = [series for series in figure.series if series.mark == "points"]
    assert len({style(series.style).marker for series in points}) == 2
    for run in runs:
        memory, decoder = (
            next(s for name, s in limits.items() if name.startswith(kind) and run.arch in name)
            for kind in ("roof", "decoder roof")
        )
        for series in points:
            if series.name.startswith(run.arch):
                for x, y in zip(series.x, series.y, strict=True):
                    for roof in (memory, decoder):
                        slope, top = roof.y[0] / roof.x[0], roof.y[-1]
                        assert y <= min(slope * x, top) * 1.000001
