"""Figures of whole networks have the numbers that they come from."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

import f2fsim
from f2fsim.report.build import build_report
from f2fsim.report.cases import Case, make_cases
from f2fsim.report.inputs import Inputs
from f2fsim.report.network_figures import (
    cache_share_figure,
    decode_figure,
    network_figures,
    network_tables,
    residency_figure,
    timeline_figure,
    traffic_over_time_figure,
)
from f2fsim.report.static import draw
from f2fsim.results.network import residency_over_time, shared_notes

sys.path.insert(0, str(Path(__file__).parents[1] / "network"))
from small_llama import small_llama

ROWS = [
    {"format": kind, "sparsity": s, "context": c, "tokens_per_second": speed * s, "kv_share": s / 2}
    for kind, speed in (("dense", 2.0), ("f2f", 5.0))
    for s in (0.9, 0.5)
    for c in (512, 4096)
]


@pytest.fixture(scope="module")
def case() -> Case:
    result = f2fsim.simulate("dense_edge", small_llama(context=20), cache=None)
    (found,) = make_cases([[result]])
    return found


def test_the_page_has_them_for_networks_only(case: Case) -> None:
    names = [figure.name for figure in network_figures(case)]
    assert names == ["timeline", "traffic_over_time", "residency"]
    tables = network_tables(case, "")
    assert [table.name for table in tables] == ["stages_dense_edge", "tensors_dense_edge"]
    result = case.subject.result
    assert len(tables[0].rows) == len(result.network.stages)
    alone = replace(case.subject, result=replace(result, network=None))
    assert network_figures(replace(case, runs=(alone,))) == []


def test_what_runs_leave_out_is_told_once(case: Case) -> None:
    run = case.subject.result.network
    other = replace(run, notes=("a", *run.notes))
    assert shared_notes({"m": run, "n": other}) == ["n: a.", f"All: {run.notes[0]}."][::-1]
    assert shared_notes({"m": run, "o": None}) == [f"m: {run.notes[0]}."]
    (section,) = [one for one in build_report(Inputs(((case.subject.result,),), ())).sections
                  if one.anchor == "case1"]  # fmt: skip
    assert section.paragraphs == ((f"All: {run.notes[0]}.",),)


def test_what_the_scratchpad_holds_over_time(case: Case) -> None:
    run = case.subject.result.network
    *tensors, kept, used, capacity = residency_figure(case.subject, run).series
    assert [y * 8192 for y in kept.y[::2]] == [stage.held_bits for stage in run.stages]
    assert [y * 8192 for y in used.y[1::2]] == [stage.used_bits for stage in run.stages]
    assert set(capacity.y) == {512.0}
    assert kept.x[-1] == pytest.approx(run.stages[-1].done / run.ticks_per_second * 1e6)
    held: dict[int, int] = {}
    below = [0] * len(run.stages)
    sizes = {one.name: one for one in run.tensors}
    for row in residency_over_time(run):
        held[row["stage"]] = held.get(row["stage"], 0) + row["bits"]
    assert [held.get(n, 0) for n in range(len(run.stages))] == [s.held_bits for s in run.stages]
    for series in tensors:  # each lies on those below it
        one = sizes[series.name]
        life = range(one.first, one.last + 1)
        assert len(series.y) == 2 * len(life)
        for number, y in zip(life, series.y[::2], strict=True):
            assert y * 8192 == below[number] + one.n_bits
            below[number] += one.n_bits
    assert all(b <= s.held_bits for b, s in zip(below, run.stages, strict=True))


def test_stages_and_bytes_on_the_time_axis(case: Case) -> None:
    run = case.subject.result.network
    to_us = 1e6 / run.ticks_per_second
    found = {one.name: one for one in timeline_figure(case.subject, run).series}
    assert found["outputs done"].x == tuple(stage.done * to_us for stage in run.stages)
    assert found["array done"].y == tuple(
        float(i) for i, stage in enumerate(run.stages, 1) if stage.computed
    )
    for stage in run.stages:
        assert stage.decoded <= stage.computed or not stage.decoded
    moved, cache = traffic_over_time_figure(case.subject, run).series
    assert moved.y[-1] == pytest.approx(run.n_bytes / 1e6)
    assert cache.y[-1] == pytest.approx(run.cache_bytes / 1e6)


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
