"""The page of a sweep: every axis that varies is told, points are compared where they may be."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from f2fsim.errors import InputError
from f2fsim.report.sweep_section import sweep_answer, sweep_section
from f2fsim.report.sweeps import Sweep, fronts, pareto
from f2fsim.report.width_figures import MAX_CURVES, facets

PAIR = ("area_mm2", "time_us")


def rows(
    widths: tuple[int, ...] = (40, 60, 80, 100), **more: tuple[Any, ...]
) -> tuple[dict[str, Any], ...]:
    """Points over n_out, n_s, groups, four sparsities and further axes."""
    axes: dict[str, tuple[Any, ...]] = {
        "front_end.n_out": widths, "front_end.n_s": (3, 7, 15), "front_end.groups": (1, 2, 4),
        "sparsity": (0.6, 0.7, 0.8, 0.9), **more,
    }  # fmt: skip
    out = []
    for i, values in enumerate(product(*axes.values())):
        point = dict(zip(axes, values, strict=True))
        n_out, n_s, groups, sparsity = (point[key] for key in list(axes)[:4])
        error = 0.001 * n_out * (1 - sparsity) / n_s
        out.append(
            {
                "point": i, **point,
                # Sparser is always faster: over all sparsities the front is that of 0.9 alone.
                "time_us": (1.01 - sparsity) * (1 + error) / groups + i * 1e-6,
                "area_mm2": 0.001 * n_out * (1 + n_s) * groups,
                "efficiency": 1 - error, "measured_sparsity": sparsity, "status": "ok",
            }
        )  # fmt: skip
    return tuple(out)


SWEEP = Sweep("decoders", rows())


def test_the_sparsity_is_an_axis() -> None:
    assert len(SWEEP.good) == 144
    assert SWEEP.axes == ["front_end.n_out", "front_end.n_s", "front_end.groups", "sparsity"]
    assert sweep_answer(SWEEP).words == (
        "144 points over front_end.n_out, front_end.n_s, front_end.groups, sparsity."
    )


def test_each_sparsity_has_a_front_of_its_own() -> None:
    assert SWEEP.by == ["sparsity"]
    found = fronts(SWEEP, PAIR)
    assert list(found) == ["sparsity=0.6", "sparsity=0.7", "sparsity=0.8", "sparsity=0.9"]
    for words, front in found.items():
        mine = [row for row in SWEEP.good if f"sparsity={row['sparsity']}" == words]
        assert front == pareto(mine, PAIR)
        assert len(front) > 1
    (figure, *_) = sweep_section(SWEEP, 1).figures
    assert [series.name for series in figure.series[1:]] == [f"Pareto front of {w}" for w in found]
    assert len({series.style for series in figure.series}) == 5
    (table,) = sweep_section(SWEEP, 1).tables
    assert len(table.rows) == sum(map(len, found.values()))
    together = replace(SWEEP, asked_by=("front_end.n_s",))
    assert {row["sparsity"] for front in fronts(together, PAIR).values() for row in front} == {0.9}


def test_best_points_are_told_for_each_sparsity() -> None:
    table = sweep_answer(SWEEP).table
    assert table is not None
    for sparsity in (0.6, 0.7, 0.8, 0.9):
        mine = [row for row in SWEEP.good if row["sparsity"] == sparsity]
        best = min(mine, key=lambda row: row["time_us"])
        (row,) = [
            r
            for r in table.rows
            if r["group"] == f"sparsity={sparsity}" and r["what"] == "lowest time [us]"
        ]
        assert row["value"] == best["time_us"]
        assert f"n_out={best['front_end.n_out']}, " in row["at"]
    one = Sweep("one", tuple(row for row in SWEEP.rows if row["sparsity"] == 0.9))
    assert sweep_answer(one).table is None
    assert "Lowest time: " in sweep_answer(one).words


@pytest.mark.parametrize("more", [{}, {"clock": (1, 2, 3)}, {"clock": (1, 2), "seed": (0, 1)}])
def test_no_axis_is_dropped_from_the_curves(more: dict[str, tuple[int, ...]]) -> None:
    sweep = Sweep("s", rows(**more))
    found = facets(sweep, "front_end.n_out")
    n_points = 0
    for facet in found:
        assert len(facet.groups) <= MAX_CURVES
        for words, group in facet.groups.items():
            # All that is not on the axis stands in the words of figure and curve.
            told = f"{facet.words}, {words}"
            for row in group:
                for key in sweep.axes:
                    if key != "front_end.n_out":
                        assert f"{key.rpartition('.')[2]}={row[key]}" in told.split(", ")
            assert len({row["front_end.n_out"] for row in group}) == len(group)
            n_points += len(group)
    assert n_points == len(sweep.good)
    figures = sweep_section(sweep, 1).figures
    assert len({figure.name for figure in figures}) == len(figures)


def test_what_follows_from_parameters_cuts_no_curves() -> None:
    """Columns of ``define``: one of the decoder, and one that moves along the very curve."""
    defined = tuple(
        {
            **row,
            "register_bits": 8 * (row["front_end.n_s"] + 1),
            "weights": row["front_end.groups"] * row["front_end.n_out"],
        }
        for row in rows()
    )
    sweep = Sweep("s", defined)
    assert {"register_bits", "weights"} <= set(sweep.axes)
    plain = facets(SWEEP, "front_end.n_out")
    found = facets(sweep, "front_end.n_out")
    assert [(f.words, list(f.groups)) for f in found] == [(f.words, list(f.groups)) for f in plain]


def test_a_scattered_search_is_one_cloud_a_sparsity_and_says_so() -> None:
    scattered = tuple(
        {**row, "front_end.seed2": i, "clock": 100 + i}
        for i, row in enumerate(rows(tuple(range(40, 80))))
    )
    found = facets(Sweep("s", scattered), "front_end.n_out")
    assert [len(facet.groups) for facet in found] == [1] * 4
    assert all("seed2" in facet.caption for facet in found)


def test_columns_to_group_by_are_checked() -> None:
    with pytest.raises(InputError, match=r"no column 'n_outs' varies"):
        replace(SWEEP, asked_by=("n_outs",))
