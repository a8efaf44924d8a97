"""`simulate` on the terminal: totals first, each layer once with its plan, the slowest first."""

from __future__ import annotations

import pytest

import f2fsim
from f2fsim.cli.main import app
from f2fsim.cli.one_result import layers_with_plans, print_result, stages_with_plans
from f2fsim.cli.verdict import table_lines
from f2fsim.results import SimResult


@pytest.fixture(scope="module")
def batch() -> SimResult:
    return f2fsim.simulate(
        "f2f_edge", "silero_vad", sparsity=0.9, batch=64, isolated=True, cache=None
    )


@pytest.mark.weights
def test_totals_first_and_each_layer_once(
    batch: SimResult, capsys: pytest.CaptureFixture[str]
) -> None:
    print_result(batch)
    out = capsys.readouterr().out
    assert out.index("all layers") < out.index("slowest first") < out.index("Memory traffic")
    for layer in batch.layers:
        assert sum(line.startswith(layer.name) for line in out.splitlines()) == 1
    times = [layer.seconds for layer in sorted(batch.layers, key=lambda one: -one.seconds)]
    table = layers_with_plans(batch)
    assert [row["time_us"] for row in table.rows] == [t * 1e6 for t in times]
    assert max(map(len, table_lines(table, 80))) <= 80


@pytest.mark.weights
def test_what_is_fetched_again_is_told(batch: SimResult) -> None:
    """Weights come once a tile where inputs stay, else once; a plan says it as the streams do."""
    small = f2fsim.simulate(
        "f2f_edge", "silero_vad", sparsity=0.9, batch=64, isolated=True, cache=None
    )
    assert small == batch
    for layer in batch.layers:
        plan = layer.plan
        assert plan is not None
        assert plan.n_bands * plan.band_rows >= layer.n_outputs
        assert plan.n_tiles * plan.tile_columns >= layer.n_columns
        payload = {one.name: one.payload_bits for one in layer.streams}
        moved = sum(payload.get(name, 0) for name in layer.encoded_bits)
        assert plan.weight_fetches == pytest.approx(moved / sum(layer.encoded_bits.values()))
        if plan.schedule == "input_stationary":
            assert plan.weight_fetches == pytest.approx(plan.n_tiles)
            assert plan.activation_fetches < 2  # halos
        else:
            assert plan.weight_fetches == pytest.approx(1)


@pytest.mark.weights
@pytest.mark.parametrize(
    ("how", "title"), [([], "maps stay on the chip"), (["--isolated"], "what stays on the chip")]
)
def test_the_command_prints_it(
    how: list[str], title: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        app(["simulate", "f2f_edge", "silero_vad", "--layer", "conv*", "-s", "0.9", *how])
    assert stop.value.code == 0
    assert title in capsys.readouterr().out


@pytest.mark.weights
def test_stages_are_told_once_the_slowest_first() -> None:
    result = f2fsim.simulate("f2f_edge", "silero_vad", sparsity=0.9, cache=None)
    table = stages_with_plans(result.network)
    times = [row["time_us"] for row in table.rows]
    assert times == sorted(times, reverse=True)
    assert sum(times) == pytest.approx(result.network.stages[-1].done / 1e-6
                                       / result.network.ticks_per_second)  # fmt: skip
    assert sum(row["kib"] for row in table.rows) == pytest.approx(result.n_bytes / 1024)
    assert max(map(len, table_lines(table, 80))) <= 80
