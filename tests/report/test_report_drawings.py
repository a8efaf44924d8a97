"""Drawings for papers: nothing is cut, nothing lies on anything else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sample_results import comparison, result, sweep_rows

from f2fsim.report.build import build_report
from f2fsim.report.cases import make_cases
from f2fsim.report.figures import energy_figure
from f2fsim.report.inputs import Inputs
from f2fsim.report.static import canvas_of, settings
from f2fsim.report.sweeps import Sweep
from f2fsim.report.value import Figure, Series


def fast_and_slow() -> tuple[Any, ...]:
    """Machines of which the second moves data four times as fast as the first."""
    return result("f2f_edge", "f2f", 1.0), result("csr_edge", "csr", 0.25)


def many_parts() -> tuple[Any, ...]:
    """Machines with more parts in their energy than can be seen."""
    parts = {f"small part {letter}": 1e3 for letter in "abcdefghijkl"}
    return tuple(
        replace(
            run,
            layers=tuple(
                replace(layer, energy_pj={**layer.energy_pj, **parts}) for layer in run.layers
            ),
        )
        for run in comparison()
    )


def figures() -> Iterator[Figure]:
    sweep = Sweep("decoders", tuple(sweep_rows(300)))
    yield from build_report(Inputs((tuple(comparison()), tuple(comparison(8))), (sweep,))).figures()
    for runs in (fast_and_slow(), many_parts()):
        yield from build_report(Inputs((runs,), ())).figures()
    long = tuple(
        Series(
            f"a series whose name is rather long, the {i}th", (1.0, 2.0), (3.0, 4.0), (), "line", i
        )
        for i in range(14)
    )
    bars = Series("bytes", ("a", "b", "c"), (1.0, 2.0, 1.5))
    bound = Series("bound", ("a", "b", "c"), (0.9, 2.4, 1.6), (), "points", 7)
    yield Figure("lying", "Bars that lie", "alt", "machine", "bytes [B]", (bars, bound),
                 stacked=True, horizontal=True)  # fmt: skip
    yield Figure("long", "Long names", "alt", "x [us]", "y [GB/s]", long)


FIGURES = {f"{i}_{figure.name}": figure for i, figure in enumerate(figures())}


def drawn_range(figure: Figure) -> tuple[list[float], list[float]]:
    """Return what the axes must hold: numbers of x (empty for categories) and of y."""
    xs = [x for one in figure.series for x in one.x if not figure.categories]
    ys = [y for one in figure.series for y in one.y]
    if figure.stacked:
        sums: dict[Any, float] = {}
        for one in figure.series:
            for x, y in zip(one.x, one.y, strict=True):
                sums[x] = sums.get(x, 0.0) + y * (one.mark == "bar")
        ys += sums.values()
    if figure.reference is not None:
        ys.append(figure.reference)
    return xs, ys


@pytest.mark.parametrize("name", FIGURES)
def test_axes_hold_the_data(name: str) -> None:
    figure = FIGURES[name]
    xs, ys = drawn_range(figure)
    with settings():
        canvas = canvas_of(figure)
        canvas.canvas.draw()
        assert len(canvas.axes) == (len(figure.series) if figure.panels else 1)
        for axes in canvas.axes:
            limits = [sorted(axes.get_xlim()), sorted(axes.get_ylim())]
            if figure.horizontal:
                limits.reverse()
            for values, (low, high) in zip((xs, ys), limits, strict=True):
                if values:
                    assert low <= min(values), figure.name
                    assert max(values) <= high, figure.name


@pytest.mark.parametrize("name", FIGURES)
def test_title_legend_and_axes_stand_apart(name: str) -> None:
    figure = FIGURES[name]
    with settings():
        canvas = canvas_of(figure)
        canvas.canvas.draw()
        whole = canvas.bbox
        boxes = [axes.get_window_extent() for axes in canvas.axes]
        if not figure.panels:
            boxes += [
                canvas.axes[0].title.get_window_extent(),
                canvas.axes[0]._left_title.get_window_extent(),
            ]
        boxes += [legend.get_window_extent() for legend in canvas.legends]
        assert len(canvas.legends) == (not figure.panels)
        for i, box in enumerate(boxes):
            if box.width == 0:
                continue
            assert whole.x0 <= box.x0
            assert box.x1 <= whole.x1
            assert whole.y0 <= box.y0
            assert box.y1 <= whole.y1
            for other in boxes[i + 1 :]:
                assert other.width == 0 or not box.overlaps(other), figure.name
        # The drawing is for the data: most of the width is theirs.
        assert boxes[0].width > 0.5 * whole.width


def test_small_parts_of_the_energy_are_one() -> None:
    runs = many_parts()
    figure = energy_figure(*make_cases([runs]))
    assert figure is not None
    assert [series.name for series in figure.series] == ["dram", "all other parts"]
    assert "pe array, small part a" in figure.caption
    for i, run in enumerate(runs):
        total = sum(run.energy_pj.values()) / 1e6
        assert sum(series.y[i] for series in figure.series) == pytest.approx(total)


def test_energy_of_the_dram_is_split_into_access_and_time() -> None:
    parts = {"activate": 1.0, "read": 5.0, "write": 2.0, "refresh": 4.0, "active_standby": 8.0,
             "precharged_standby": 12.0}  # fmt: skip
    runs = tuple(
        replace(
            run,
            layers=tuple(
                replace(layer, memory=replace(layer.memory, energy_pj=parts))
                for layer in run.layers
                if layer.memory
            ),
        )
        for run in comparison()
    )
    figure = energy_figure(*make_cases([runs]))
    assert figure is not None
    by_name = {series.name: series.y[0] for series in figure.series}
    dram = runs[0].energy_pj["dram"] / 1e6
    assert by_name.pop("pe array") == pytest.approx(runs[0].energy_pj["pe array"] / 1e6)
    assert by_name == {
        "dram access": pytest.approx(dram * 8 / 32),
        "dram refresh": pytest.approx(dram * 4 / 32),
        "dram standby, a row open": pytest.approx(dram * 8 / 32),
        "dram standby, rows closed": pytest.approx(dram * 12 / 32),
    }
