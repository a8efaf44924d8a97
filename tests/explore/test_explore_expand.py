"""Specifications: what they expand to, and what they refuse."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_space import write_space

from f2fsim.config.axis import Axis, parse_axis
from f2fsim.config.sweep import SweepSpec, load_search, load_sweep, make_sweep
from f2fsim.errors import ConfigError, InputError
from f2fsim.explore.combinations import combinations
from f2fsim.explore.expand import expand
from f2fsim.explore.inputs import load_inputs
from f2fsim.explore.points import Point


def points(folder: Path, body: str) -> list[Point]:
    head = "archs: [arch.yaml]\nworkloads: [workload.yaml]\n"
    spec = load_sweep(write_space(folder, head + body))
    return expand(spec, load_inputs(spec))


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ("40:52:4", (40, 44, 48, 52)),
        ("40:51:4", (40, 44, 48)),
        ("3:5", (3, 4, 5)),
        ("0.5:0.8:0.1", (0.5, 0.6, 0.7, 0.8)),
        ({"from": 1, "to": 3}, (1, 2, 3)),
        ([1, "dense", None, True], (1, "dense", None, True)),
        ([80, "20:40:20"], (80, 20, 40)),
        (["0.5:0.6:0.1", 0.9], (0.5, 0.6, 0.9)),
        (["a:b", "1:x"], ("a:b", "1:x")),
    ],
)
def test_axis_forms(given: object, values: tuple[object, ...]) -> None:
    assert Axis.model_validate(given).values == values


@pytest.mark.parametrize(
    "given",
    [
        "40:30:4",
        "1:2:0",
        "a:b:c",
        "1:2:3:4",
        "nan:2:1",
        "1:1e9:1e-9",
        "1:1e999",
        "1:1e999999999",
        "0:1e-999999:1e-9999999",
        "1:" + "9" * 5000,
        {"from": 1, "to": 10**5000},
        {"from": 0, "to": 1, "step": 5e-324},
        "0:1:0.000001",
        [80, "70:90:10"],
        [],
        [1, 1],
        [{"a": 1}, {"a": 1}],
        {"low": 1},
        {"low": 2, "high": 1},
        {"low": 0, "high": 1, "log": True},
        {"from": 1},
        {"from": 1, "to": 2, "by": 3},
        {"low": float("inf"), "high": float("inf")},
        7,
        True,
    ],
)
def test_axis_refuses(given: object) -> None:
    with pytest.raises(ValueError):
        Axis.model_validate(given)


def test_ranges_stand_in_a_list_of_the_command_line() -> None:
    path, values = parse_axis("front_end.n_out=80,20:40:20")
    assert (path, Axis.model_validate(values).values) == ("front_end.n_out", (80, 20, 40))


def test_the_longest_axis_is_looked_through_at_once() -> None:
    start = time.perf_counter()
    assert len(Axis.model_validate("0:0.99999:0.00001").values) == 100_000
    assert time.perf_counter() - start < 5
    with pytest.raises(ValueError, match=r"at most 100000 values, got 0:1:0.00001"):
        Axis.model_validate("0:1:0.00001")


@pytest.mark.parametrize(
    ("axis", "n"),
    [
        ("{low: 24, high: 27}", 4),
        ("{low: 1, high: 30, log: true}", 30),
        ("{low: 1, high: 70, log: true}", 60),
    ],
)
def test_a_sample_of_more_points_than_there_are(tmp_path: Path, axis: str, n: int) -> None:
    wanted = 1_000_000 if n < 60 else 60
    body = f"axes:\n  front_end.n_out: {axis}\nsample: {{n_points: {wanted}}}\n"
    head = "archs: [arch.yaml]\nworkloads: [workload.yaml]\n"
    spec = load_sweep(write_space(tmp_path, head + body))
    start = time.perf_counter()
    drawn = [c["front_end.n_out"] for c in combinations(spec)]
    assert time.perf_counter() - start < 2
    assert len(drawn) == len(set(drawn)) == n
    assert drawn == [c["front_end.n_out"] for c in combinations(spec)]


def test_few_draws_follow_the_interval_s_weights(tmp_path: Path) -> None:
    head = "archs: [arch.yaml]\nworkloads: [workload.yaml]\naxes:\n"
    first = []
    for seed in range(400):
        body = f"  front_end.n_out: {{low: 1, high: 3, log: true}}\nsample: {{n_points: 1, seed: {seed}}}\n"
        spec = load_sweep(write_space(tmp_path, head + body))
        first.append(next(iter(combinations(spec)))["front_end.n_out"])
    # ln 3, ln 5/3, ln 7/5 of ln 7; three standard deviations of 400 draws are 0.075.
    for value, share in ((1, 0.565), (2, 0.263), (3, 0.173)):
        assert first.count(value) / 400 == pytest.approx(share, abs=0.075)


def test_a_sample_of_a_grid_beyond_any_machine_word(tmp_path: Path) -> None:
    spec = SweepSpec.model_validate(
        {"axes": {f"a.b{i}": "0:99" for i in range(12)}, "sample": {"n_points": 5}}
    )
    found = list(combinations(spec))
    assert len(found) == 5
    assert all(0 <= value <= 99 for point in found for value in point.values())


def test_values_of_different_types_differ() -> None:
    assert Axis.model_validate([1, 1.0, True, "1"]).values == (1, 1.0, True, "1")


@given(st.integers(1, 50), st.integers(1, 1000), st.booleans(), st.integers(0, 2**32))
def test_draws_lie_in_the_interval(low: int, width: int, log: bool, seed: int) -> None:
    axis = Axis(low=low, high=low + width, log=log)
    drawn = [axis.draw(Random(seed + i)) for i in range(20)]
    assert all(isinstance(v, int) and low <= v <= low + width for v in drawn)
    real = Axis(low=float(low), high=float(low + width), log=log).draw(Random(seed))
    assert low <= real <= low + width


def test_command_line_axes() -> None:
    assert parse_axis("front_end.n_out=40:120:4") == ("front_end.n_out", "40:120:4")
    assert parse_axis("taps=5,dense,0.5,true,null") == ("taps", [5, "dense", 0.5, True, None])
    for bad in ("n_out", "=4", "n_out=", ""):
        with pytest.raises(InputError, match="--axis"):
            parse_axis(bad)


def test_the_last_axis_runs_fastest(tmp_path: Path) -> None:
    found = points(tmp_path, "axes: {front_end.n_out: [16, 24], front_end.n_s: [1, 2, 3]}\n")
    values = [tuple(p.columns.values()) for p in found]
    assert values == [(16, 1), (16, 2), (16, 3), (24, 1), (24, 2), (24, 3)]
    assert [p.index for p in found] == list(range(6))
    assert len({p.digest for p in found}) == 6
    assert all(p.arch and p.arch.front_end.n_out == p.columns["front_end.n_out"] for p in found)


def test_zipped_axes_go_together(tmp_path: Path) -> None:
    body = (
        "axes: {front_end.n_out: [16, 24, 32], front_end.n_s: [1, 2], front_end.groups: [1, 2, 3]}\n"
        "zip: [[front_end.n_out, front_end.groups]]\n"
    )
    values = [tuple(p.columns.values()) for p in points(tmp_path, body)]
    assert values == [(16, 1, 1), (16, 2, 1), (24, 1, 2), (24, 2, 2), (32, 1, 3), (32, 2, 3)]


def test_a_sample_is_part_of_the_grid_and_repeats(tmp_path: Path) -> None:
    grid = "axes: {front_end.n_out: '16:40:4', front_end.n_s: '0:15'}\n"
    whole = {p.digest for p in points(tmp_path, grid)}
    one = points(tmp_path, grid + "sample: {n_points: 50, seed: 3}\n")
    assert [p.digest for p in one] == [
        p.digest for p in points(tmp_path, grid + "sample: {n_points: 50, seed: 3}\n")
    ]
    assert len(one) == 50
    assert len({p.digest for p in one}) == 50
    assert {p.digest for p in one} < whole
    other = points(tmp_path, grid + "sample: {n_points: 50, seed: 4}\n")
    assert {p.digest for p in one} != {p.digest for p in other}
    assert len(points(tmp_path, grid + "sample: {n_points: 5000}\n")) == len(whole)


def test_intervals_are_drawn_from(tmp_path: Path) -> None:
    body = (
        "axes: {sparsity: {low: 0.5, high: 0.9}, front_end.n_out: {low: 8, high: 128, log: true}}\n"
        "sample: {n_points: 20}\n"
    )
    found = points(tmp_path, body)
    assert len(found) == 20
    assert all(0.5 <= p.columns["sparsity"] <= 0.9 for p in found)
    assert all(p.workload is not None for p in found)


def test_define_derive_and_constraints(tmp_path: Path) -> None:
    body = (
        "axes: {front_end.n_out: [16, 32, 64, 128], scratchpad.capacity: ['32 KiB', '64 KiB']}\n"
        "define: {width: pe_array.weights_per_cycle // n_out}\n"
        "derive: {front_end.groups: 'max(1, width)'}\n"
        "constraints: ['capacity >= 2 ** 16', 'groups * n_out <= 64']\n"
    )
    found = points(tmp_path, body)
    ready = {p.columns["front_end.n_out"]: p for p in found if p.status == "ready"}
    assert {n: p.columns["front_end.groups"] for n, p in ready.items()} == {16: 4, 32: 2, 64: 1}
    assert all(p.arch and p.arch.front_end.groups == 64 // n for n, p in ready.items())
    assert ready[16].columns["width"] == 4
    excluded = [p for p in found if p.status == "excluded"]
    assert len(excluded) == 5
    assert all("does not hold" in p.error for p in excluded)


def test_what_breaks_a_rule_is_kept_with_the_rule(tmp_path: Path) -> None:
    found = points(tmp_path, "axes: {front_end.n_out: [4, 16], workload.seed: [-1, 1]}\n")
    assert [p.status for p in found] == ["invalid", "invalid", "invalid", "ready"]
    assert "front_end.n_out: must be ≥ n_in (8), got 4" in found[1].error
    assert "seed" in found[2].error


def test_workload_paths(tmp_path: Path) -> None:
    body = "axes: {workload.activations.density: [0.5, 1.0], weight_type: [int8, bf16], batch: [1, 4]}\n"
    found = points(tmp_path, body)
    assert {
        (p.workload.activations.density, p.workload.weight_type, p.workload.batch)
        for p in found
        if p.workload
    } == {(d, t, b) for d in (0.5, 1.0) for t in ("int8", "bf16") for b in (1, 4)}


def test_keys_of_layers_are_axes(tmp_path: Path) -> None:
    body = "axes: {workload.layers.a.in_features: [96, 48], workload.layers.*.n_tokens: [1, 5]}\n"
    found = points(tmp_path, body)
    assert [
        [(layer.shape, layer.n_columns) for layer in p.workload.layers] for p in found if p.workload
    ] == [[((64, k), n), ((32, 64), n)] for k in (96, 48) for n in (1, 5)]
    assert len({p.digest for p in found}) == 4
    for path in ("layers.c.n_tokens", "layers.a.n_token", "layers.*.kernel"):
        with pytest.raises(ConfigError, match="no such path"):
            points(tmp_path, f"axes: {{workload.{path}: [1, 2]}}\n")


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("n_out", "'front_end.n_out'"),
        ("front_end.n_outt", "'front_end.n_out'"),
        ("density", "'workload.activations.density'"),
        ("capacty", "'pe_array.accumulators.capacity' or 'scratchpad.capacity'"),
    ],
)
def test_a_missing_path_suggests_a_whole_one(tmp_path: Path, path: str, near: str) -> None:
    with pytest.raises(ConfigError, match=f"no such path .*did you mean {near}"):
        points(tmp_path, f"axes: {{{path}: [1, 2]}}\n")


def test_objectives_may_be_any_figure_with_a_direction() -> None:
    spec = make_sweep(axes={"batch": [1]}, objectives=["area_um2.scratchpad:min", "seconds"])
    assert spec.objectives == ("area_um2.scratchpad:min", "seconds")
    for wrong, message in (
        (["secnds"], "did you mean 'seconds'"),
        (["bound_cycles"], "column:min or column:max"),
        (["bound_cycles:most"], "min or max"),
        (["seconds", "seconds:max"], "given twice"),
    ):
        with pytest.raises(ConfigError, match=message):
            make_sweep(axes={"batch": [1]}, objectives=wrong)


def test_whole_sections_are_values(tmp_path: Path) -> None:
    body = (
        "axes:\n  pruning: [{method: random, sparsity: 0.5}, {method: nm, n: 2, m: 4}]\n"
        "  front_end: [{kind: dense, weights_per_cycle: 8}, {kind: f2f, n_in: 4, n_out: 8, n_s: 1}]\n"
    )
    found = points(tmp_path, body)
    assert [p.status for p in found] == ["ready"] * 4
    assert {p.arch.front_end.kind for p in found if p.arch} == {"dense", "f2f"}


def test_baselines_share_all_but_the_decoder(tmp_path: Path) -> None:
    body = (
        "baselines: [csr.yaml]\n"
        "axes: {front_end.n_out: [16, 24], clock: ['800 MHz', '1 GHz'], sparsity: [0.5, 0.8]}\n"
    )
    found = points(tmp_path, body)
    baselines = {p.digest: p for p in found if p.role == "baseline"}
    assert len(baselines) == 4
    for p in found:
        if p.role == "point":
            beside = baselines[p.baselines["small_csr"]]
            assert p.arch is not None
            assert beside.arch is not None
            assert beside.arch.clock == p.arch.clock
            assert beside.workload == p.workload is not None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("axes: {front_end.n_outt: [1]}", "did you mean 'front_end.n_out'"),
        ("axes: {workload.sparsitty: [1]}", "no such path in any workload"),
        ("axes: {front_end.n_out: [16]}\nderive: {front_end.grups: '1'}", "front_end.groups"),
        ("axes: {front_end.n_out: [16]}\nconstraints: ['n_ouut > 1']", "did you mean 'n_out'"),
        ("axes: {front_end.n_out: [16]}\nconstraints: ['n_out >']", "is not an expression"),
        ("axes: {front_end.n_out: [16]}\nobjectives: [second]", "did you mean 'seconds'"),
        ("axes: {front_end.n_out: [16], arch.front_end.n_out: [17]}", "are the same"),
        ("axes: {front_end.n_out: [16]}\nderive: {front_end.n_out: '1'}", "is an axis already"),
        (
            "axes: {front_end.n_out: [16], front_end.n_s: [1, 2]}\nzip: [[front_end.n_out, front_end.n_s]]",
            "equally long",
        ),
        ("axes: {front_end.n_out: [16]}\nzip: [[front_end.n_s]]", "is no axis"),
        ("axes: {front_end.n_out: {low: 1, high: 2}}", "is an interval"),
        ("axes: {front_end.n_out: '0:2000000'}", "at most"),
        ("axes: {front_end.n_out: '1:2000', seed: '1:2000'}", "the grid has 4000000 points"),
        ("axes: {front_end.n_out: [1]}", "no point is valid"),
        ("axes: {}\nlayers: [zz]", "no layer 'zz'"),
        ("axes: {}\nbaselines: [csr.yaml, csr.yaml]", "two have the architecture name"),
        ("axs: {}", "did you mean 'axes'"),
    ],
)
def test_slips_are_refused_at_once(tmp_path: Path, body: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        points(tmp_path, body + "\n")
    assert message in str(error.value)


def test_a_search_has_one_machine(tmp_path: Path) -> None:
    path = write_space(tmp_path, "archs: [a, b]\nworkloads: [w]\naxes: {front_end.n_out: [16]}\n")
    with pytest.raises(ConfigError, match="one architecture and one workload"):
        load_search(path)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.integers(1, 40), st.integers(0, 99))
def test_any_sample_has_different_points(sizes: list[int], n_points: int, seed: int) -> None:
    axes = {f"front_end.a{i}": list(range(n)) for i, n in enumerate(sizes)}
    spec = make_sweep(
        archs=["x"], workloads=["y"], axes=axes, sample={"n_points": n_points, "seed": seed}
    )
    drawn = [tuple(one.values()) for one in combinations(spec)]
    total = 1
    for n in sizes:
        total *= n
    assert len(drawn) == len(set(drawn)) == min(total, n_points)
