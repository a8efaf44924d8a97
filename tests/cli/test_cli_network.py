"""``f2fsim network`` from the terminal."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from f2fsim.cli.entry import main
from f2fsim.cli.main import app


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
    result = CliRunner().invoke(app, ["network", *words])
    assert result.exit_code == 0, result.output
    return result.output


def test_rows_a_context_and_a_machine(small: str, tmp_path: Path) -> None:
    out = run(
        small, "dense_edge", "f2f_edge", "--context", "5", "--context", "50", "--json",
        "--functional", "--out", str(tmp_path / "out"),
    )  # fmt: skip
    found = json.loads(out)
    assert [(one["arch"], one["context"]) for one in found] == [
        ("dense_edge", 5), ("dense_edge", 50), ("f2f_edge", 5), ("f2f_edge", 50),
    ]  # fmt: skip
    assert all(one["outputs_checked"] == 40 for one in found)
    assert json.loads((tmp_path / "out" / "network.json").read_text()) == found


def test_stages_and_layers_alone(small: str) -> None:
    out = run(small, "dense_edge", "--stages", "--isolated", "--residency", "q")
    assert "Stages on dense_edge" in out
    assert "isolated" in out
    assert "no vector unit" in out


def test_a_trace_has_the_whole_network(small: str, tmp_path: Path) -> None:
    run(small, "dense_edge", "--trace", str(tmp_path / "t.json"))
    events = json.loads((tmp_path / "t.json").read_text())["traceEvents"]
    parts = {e["args"]["name"] for e in events if e.get("name") == "thread_name"}
    assert {"pe array", "vector unit", "scratchpad keep", "kv cache"} <= parts


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (["--residency", "nothing"], "no tensor between two stages"),
        (["--kv-type", "int5"], "kv_type"),
        (["--json", "--csv"], "exclude each other"),
        (["--trace", "t.json", "--context", "1", "--context", "2"], "one architecture and one"),
    ],
)
def test_bad_input_ends_with_two(
    small: str,
    words: list[str],
    rule: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["f2fsim", "network", small, "dense_edge", *words])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert rule in capsys.readouterr().err.replace("\n", " ")
