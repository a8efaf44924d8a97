"""Results as people use them: short words, tables, figures with their numbers, files and back."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import f2fsim
from f2fsim.errors import DataError, InputError
from f2fsim.report.notebook import FIGURES
from f2fsim.results import Comparison, SimResult

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))
from sample_results import comparison, result


@pytest.fixture
def five() -> Comparison:
    return Comparison(comparison())


def test_it_is_a_sequence_of_results(five: Comparison) -> None:
    plain = comparison()
    assert five == plain
    assert list(five) == plain
    assert five[0] == plain[0]
    assert five[-1].arch == "dense_edge"
    assert five[1:3] == plain[1:3]
    assert five["csr_edge"] == plain[1]
    assert len(five + five[:1]) == 6
    assert plain[2] in five
    with pytest.raises(KeyError, match="did you mean 'csr_edge'"):
        five["csr_edg"]


@pytest.mark.parametrize(
    "made",
    [
        lambda: Comparison(comparison()),
        lambda: Comparison([result(f"m{i}", "csr", 1.0 + i) for i in range(20)]),
        lambda: result("f2f_edge", "f2f", 1.0),
        lambda: replace(result("f2f_edge", "f2f", 1.0), what_if={"memory": 1.9, "groups": 1.0}),
        lambda: result("f2f_edge", "f2f", 1.0).layers[1],
        lambda: result("f2f_edge", "f2f", 1.0).layers[1].memory,
        lambda: Comparison(comparison()).plot,
    ],
)
def test_words_are_short(made: Callable[[], Any]) -> None:
    lines = repr(made()).splitlines()
    assert 1 <= len(lines) <= 10
    assert max(map(len, lines)) <= 400


def test_the_words_name_what_binds() -> None:
    one = replace(result("f2f_edge", "f2f", 1.0), what_if={"memory": 1.9, "groups": 1.0})
    assert "memory: twice is 1.9 × as fast" in repr(one)


def test_another_baseline(five: Comparison) -> None:
    rows = five.with_baseline("csr_edge").frame().set_index("arch")
    csr = five["csr_edge"].seconds
    for one in five:
        assert rows.loc[one.arch, "speedup"] == pytest.approx(csr / one.seconds)
    with pytest.raises(InputError, match="did you mean 'csr_edge'"):
        five.with_baseline("csr_edg")


def test_an_empty_comparison_is_refused() -> None:
    with pytest.raises(InputError, match="at least one"):
        Comparison([])


def test_frames(five: Comparison) -> None:
    assert list(five.frame()["arch"]) == [one.arch for one in five]
    assert len(five.layers_frame()) == sum(len(one.layers) for one in five)
    assert five[0].frame().loc[0, "cycles"] == five[0].n_cycles
    assert set(five[0].layers_frame()["layer"]) == {layer.name for layer in five[0].layers}


OF_NETWORKS = ("timeline", "traffic_over_time", "residency")


@pytest.mark.parametrize("name", OF_NETWORKS)
def test_figures_of_networks_are_of_networks_only(five: Comparison, name: str) -> None:
    with pytest.raises(ValueError, match="no numbers for it"):
        getattr(five.plot, name)()


@pytest.mark.parametrize("name", [name for name in FIGURES if name not in OF_NETWORKS])
def test_figures_carry_their_numbers(five: Comparison, name: str) -> None:
    drawn = getattr(five.plot, name)()
    assert drawn._repr_png_().startswith(b"\x89PNG")
    assert drawn.get_axes()
    assert set(drawn.data["series"])


def test_the_numbers_of_the_traffic(five: Comparison) -> None:
    data = five.plot.traffic().data
    for one in five:
        total = data.loc[data["machine"] == one.arch, "DRAM traffic [MB]"].sum()
        assert total == pytest.approx(one.n_bytes / 1e6)


def test_a_notebook_shows_a_table(five: Comparison) -> None:
    page = five._repr_html_()
    assert page.count("<tr>") == 1 + len(five)
    assert "first &lt;conv&gt;" not in page
    assert "<table>" in five[0]._repr_html_()


def test_saved_and_read_back(five: Comparison, tmp_path: Path) -> None:
    again = f2fsim.load(five.save(tmp_path / "five"))
    assert isinstance(again, Comparison)
    assert again == five
    one = SimResult.load(five[0].save(tmp_path / "one"))
    assert one == five[0]
    with pytest.raises(DataError, match="holds 5 results"):
        SimResult.load(tmp_path / "five")
    with pytest.raises(InputError, match="is a file"):
        five.save(tmp_path / "one" / "results.json")


def test_the_file_has_the_totals(five: Comparison, tmp_path: Path) -> None:
    file = five.save(tmp_path) / "results.json"
    data = json.loads(file.read_text())
    assert [one["totals"]["n_bytes"] for one in data] == [one.n_bytes for one in five]
    data[2]["totals"]["seconds"] *= 1.001
    file.write_text(json.dumps(data))
    with pytest.raises(DataError, match=r"result\[2\].totals.seconds: its parts add up to"):
        f2fsim.load(tmp_path)


def test_a_name_of_before_says_the_new_one() -> None:
    with pytest.raises(AttributeError, match="is now f2fsim"):
        f2fsim.results.comparison_frame  # noqa: B018


@pytest.mark.weights
def test_words_of_what_the_jobs_return(tmp_path: Path) -> None:
    """Every job's result says itself in at most ten lines."""
    machine, conditions = "dense_edge", {"layers": ["conv3"], "sparsity": 0.9}
    rng = np.random.default_rng(0)
    np.save(tmp_path / "w.npy", rng.standard_normal((64, 64)).astype(np.float32))
    made = [
        f2fsim.simulate(machine, "silero_vad", **conditions),
        f2fsim.simulate(machine, "silero_vad", isolated=True, **conditions),
        f2fsim.what_if("silero_vad", machine, **conditions),
        f2fsim.encode(tmp_path / "w.npy", sparsity=0.5, out=tmp_path / "w.f2f.safetensors"),
        f2fsim.verify(tmp_path / "w.f2f.safetensors")[0],
        f2fsim.sweep(
            arch=machine, workload="silero_vad", workers=1, layers=["conv3"],
            axes={"pe_array.weights_per_cycle": [64, 128]},
        ),
    ]  # fmt: skip
    for one in made:
        assert len(repr(one).splitlines()) <= 10
        assert len(repr(one)) < 1500
    assert [one.run for one in made[:2]] == ["network", "isolated"]
    assert "as one run of 1 stages" in repr(made[0])
    assert made[0].plot.timeline().data["stage"].max() == len(made[0].network.stages)
