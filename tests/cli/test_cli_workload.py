"""``f2fsim workload``: one command from a model to a file, exit statuses, outputs for programs."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from f2fsim.cli import console
from f2fsim.cli.main import app
from f2fsim.config import load_workload
from f2fsim.workloads import iterate_layers


def run(*arguments: str) -> int:
    try:
        return console.run(lambda: app(list(arguments), standalone_mode=True))
    except SystemExit as end:
        return int(end.code or 0)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    tensors = {f"layer.{i}.weight": rng.standard_normal((16, 16)) for i in range(2)}
    save_file(tensors, tmp_path / "net.safetensors")
    return tmp_path / "net.safetensors"


def test_from_writes_a_file_that_loads_and_runs(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = model.parent / "sub" / "net.yaml"
    assert run("workload", "from", str(model), "-o", str(out), "--tokens", "5") == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "2 layers, 512 weights, 2,560 MACs" in captured.err
    workload = load_workload(out)
    assert workload.weights.file == "../net.safetensors"
    assert [d.layer.n_columns for d in iterate_layers(workload)] == [5, 5]
    assert run("workload", "from", str(model), "--tokens", "5", "-q") == 0
    assert "layer.0" in capsys.readouterr().out


def test_show_for_people_and_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("workload", "show", "silero_vad") == 0
    assert "308,224 weights" in capsys.readouterr().out
    assert run("workload", "show", "silero_vad", "--batch", "3", "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert [row["N"] for row in data["gemm"]] == [12, 12, 6, 3, 3, 3, 3]
    assert run("workload", "show", "silero_vad", "--csv") == 0
    assert capsys.readouterr().out.startswith(
        "layer,op,M,K,N,groups,repeat,weights,MACs\nstft_conv"
    )


def test_import_of_a_topology(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.csv").write_text("Layer, M, N, K,\na, 1, 2, 3,\n")
    assert run("workload", "import", str(tmp_path / "t.csv"), "-o", str(tmp_path / "t.yaml")) == 0
    assert load_workload(tmp_path / "t.yaml").macs == 6


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (["show", "silero_vat"], "did you mean 'silero_vad'"),
        (["from", "nothing.onnx"], "no such file"),
        (["from", "nothing.xyz"], "not a known kind"),
        (["from", "{model}", "--size", "x"], "--size: must be NAME="),
        (["from", "{model}", "--spatial", "0x3"], "--spatial: must be sizes"),
        (["from", "a/b.onnx", "--package", "not-here"], "pip install --no-deps not-here"),
        (["import", "nothing.csv"], "cannot be read"),
        (["import", "{folder}"], "is a folder"),
    ],
)
def test_mistakes_are_one_line_and_status_2(
    model: Path, arguments: list[str], rule: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = model.parent / "out.yaml"
    words = [w.format(model=model, folder=model.parent) for w in arguments]
    if words[0] != "show":
        words += ["-o", str(out)]
    assert run("workload", *words) == 2
    text = capsys.readouterr().err
    assert rule in text
    assert text.count("\n") == 1
    assert not out.exists()


def test_stats_for_people_programs_and_as_a_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figure = tmp_path / "out" / "masks.svg"
    words = ["workload", "stats", "silero_vad", "--sparsity", "0.9", "--n-out", "40", "-q"]
    assert run(*words, "--plot", str(figure), "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert len(data) == 7
    assert data[1]["origins"]["weights"] == "measured"
    assert data[1]["sparsity"] == pytest.approx(0.9, abs=1e-4)
    first = figure.read_bytes()
    assert b"diagonal_golden" in first
    assert run(*words, "--plot", str(figure), "--csv") == 0
    assert capsys.readouterr().out.count("\n") == 8
    assert figure.read_bytes() == first
    assert list(figure.parent.iterdir()) == [figure]
    assert run(*words, "--plot", str(tmp_path / "a.doc")) == 2
    assert run(*words, "--block", "4") == 2
    assert run(*words, "--layer", "conv9") == 2
    assert "did you mean" in capsys.readouterr().err
