"""``f2fsim rtl``: files, verdict, and refusals."""

import json

import pytest
import typer
from typer.testing import CliRunner

from f2fsim.cli import rtl
from f2fsim.errors import InputError
from f2fsim.shipped import names

APP = typer.Typer()
rtl.register(APP)
APP.callback()(lambda: None)


def run(*arguments):
    return CliRunner().invoke(APP, ["rtl", *map(str, arguments)], catch_exceptions=False)


@pytest.mark.weights
@pytest.mark.needs("iverilog")
def test_files_and_cosimulation_of_a_shipped_architecture(tmp_path):
    done = run("f2f_edge", "-o", tmp_path, "--steps", 40, "--cosim", "--json")
    assert done.exit_code == 0
    rows = {row["what"]: row["value"] for row in json.loads(done.stdout)}
    assert rows["blocks in the bench"] == 40
    assert rows["co-simulation"].startswith("PASS 40 blocks")
    # outputs: matched; silero-vad keeps a fifth of its weights: 8 / 0.2.
    assert rows["outputs that the layer uses"] == 40
    assert len(list(tmp_path.iterdir())) == rows["files written"]
    head = (tmp_path / "f2f_front_end.v").read_text().split("module f2f_front_end")[0]
    assert "N_IN 8, N_OUT 80, N_S 15, 8 planes, 2 patches a cycle, mask code raw" in head


@pytest.mark.weights
def test_other_front_ends_are_refused(tmp_path):
    with pytest.raises(InputError, match="'dense_edge': no Verilog for front end 'dense'"):
        run("dense_edge", "-o", tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.weights
def test_sizes_without_verilog_are_refused(tmp_path):
    path = tmp_path / "mine.yaml"
    text = names("arch_configs")["f2f_edge"].read_text()
    path.write_text(text.replace("patch_rate: 2", "patch_rate: 33 "))
    with pytest.raises(InputError, match="decoder group: patch_rate must be 1 to 16, got 33"):
        run(path, "-o", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_an_unknown_simulator_or_layer_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"unknown simulator 'icar' .did you mean 'icarus'"):
        run("f2f_edge", "-o", tmp_path / "none", "--simulator", "icar")
    with pytest.raises(InputError, match=r"no layer 'lstm_cel' .did you mean"):
        run("f2f_edge", "-o", tmp_path / "none", "--layer", "lstm_cel")
    assert not (tmp_path / "none").exists()
