"""Whole networks and layers by themselves from the terminal: ``simulate`` and ``compare``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from f2fsim.cli.entry import main
from f2fsim.cli.main import app
from f2fsim.results import Comparison


@pytest.fixture
def small(tmp_path: Path) -> str:
    data = {
        "name": "small",
        "synthetic": {"distribution": "normal"},
        "layers": [
            {"name": "q", "op": "linear", "in_features": 16, "out_features": 16, "inputs": ["input"]},
            {"name": "o", "op": "linear", "in_features": 16, "out_features": 8, "inputs": ["a"]},
        ],
        "operations": [
            {
                "name": "a", "op": "attention", "inputs": ["q", "q", "q"], "n_heads": 2,
                "head_size": 8, "context": 5, "kv_type": "int8",
            }
        ],
    }  # fmt: skip
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(data))
    return str(path)


def run(*words: str) -> str:
    result = CliRunner().invoke(app, [*words, "--no-cache"])
    assert result.exit_code == 0, result.output
    return result.output


def test_a_network_is_one_run_and_its_files_say_so(small: str, tmp_path: Path) -> None:
    out = run(
        "compare", small, "dense_edge", "f2f_edge", "--context", "50", "--functional", "--json",
        "--no-report", "--out", str(tmp_path / "out"),
    )  # fmt: skip
    found = json.loads(out)
    assert [(one["run"], one["network"]["context"]) for one in found] == 2 * [("network", 50)]
    assert all(one["network"]["outputs_checked"] == 40 for one in found)
    loaded = Comparison.load(tmp_path / "out")
    assert [one.to_dict() for one in loaded] == [
        one.to_dict() for one in Comparison.load(tmp_path / "out" / "results.json")
    ]
    assert all(one.manifest["run"] == "network" for one in loaded)
    stages = (tmp_path / "out" / "stages.csv").read_text().splitlines()
    assert len(stages) == 1 + 2 * 4
    assert (tmp_path / "out" / "tensors.csv").read_text().count("scratchpad") == 4


def test_isolated_layers_have_no_attention(small: str) -> None:
    alone = json.loads(run("simulate", "dense_edge", small, "--isolated", "--json"))
    assert (alone["run"], alone["network"]) == ("isolated", None)
    assert [layer["name"] for layer in alone["layers"]] == ["q", "o"]
    assert all(layer["components"] for layer in alone["layers"])


def test_one_network_on_the_terminal(small: str) -> None:
    out = run("simulate", "dense_edge", small, "--residency", "q")
    assert "1 of 2 maps stay on the chip" in out
    assert "no vector unit" in out
    rows = run("simulate", "dense_edge", small, "--csv").splitlines()
    assert [row.split(",")[0] for row in rows] == ["stage", "q", "a.append", "a", "o"]


def test_a_trace_has_the_whole_network(small: str, tmp_path: Path) -> None:
    run("simulate", "dense_edge", small, "--trace", str(tmp_path / "t.json"))
    events = json.loads((tmp_path / "t.json").read_text())["traceEvents"]
    parts = {e["args"]["name"] for e in events if e.get("name") == "thread_name"}
    assert {"pe array", "vector unit", "scratchpad keep", "kv cache"} <= parts


def test_tokens_a_second_over_the_context(small: str) -> None:
    words = ("--context", "5", "--context", "50", "--set", "memory.preset=lpddr5_6400")
    out = run("tokens", small, "dense_edge", "f2f_edge", *words, "--times", "32", "--json")
    rows = json.loads(out)
    assert [(row["arch"], row["context"]) for row in rows] == [
        ("dense_edge", 6), ("f2f_edge", 6), ("dense_edge", 51), ("f2f_edge", 51),
    ]  # fmt: skip
    (one,) = json.loads(run("compare", small, "dense_edge", "--json", *words[2:]))
    assert rows[2]["tokens_per_second"] == 1 / (32 * one["totals"]["seconds"])
    assert rows[2]["kv_pct"] > rows[0]["kv_pct"] > 0
    assert one["manifest"]["arch"]["memory"]["preset"] == "lpddr5_6400"
    table = run("compare", small, "dense_edge", "f2f_edge", *words[2:])
    assert "tokens" in table
    assert "KV cache" in table


def test_a_section_that_a_machine_lacks_can_be_set(small: str) -> None:
    (one,) = json.loads(run("compare", small, "dense_edge", "--json", "--set", "vector.lanes=4"))
    assert one["manifest"]["arch"]["vector"] == {"lanes": 4}
    assert one["network"]["notes"] == []


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (["--residency", "nothing"], "no tensor between two stages"),
        (["--kv-type", "int5"], "kv_type"),
        (["--json", "--csv"], "exclude each other"),
        (["--isolated", "--context", "1"], "of whole networks: not with isolated"),
        (["--isolated", "--residency", "none"], "of whole networks: not with isolated"),
        (["--trace", "t.json", "--trace-layer", "q"], "with --isolated, by layer"),
        (["--set", "vector.lane=4"], "did you mean 'lanes'?"),
        (["--set", "vector.lanes"], "--set must be path=value"),
        (["--set", "clock=1", "--set", "clock=2"], "a key is given twice"),
    ],
)
def test_bad_input_ends_with_two(
    small: str,
    words: list[str],
    rule: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["f2fsim", "simulate", "dense_edge", small, *words])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert rule in capsys.readouterr().err.replace("\n", " ")
