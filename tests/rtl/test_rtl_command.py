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
    done = run("f2f_edge", "-o", tmp_path, "--blocks", 40, "--cosim", "--json")
    assert done.exit_code == 0
    rows = {row["what"]: row["value"] for row in json.loads(done.stdout)}
    assert rows["blocks in the bench"] == 40
    assert rows["co-simulation"].startswith("PASS 40 blocks")
    # outputs: matched; silero-vad keeps a fifth of its weights: 8 / 0.2.
    assert rows["outputs that the layer uses"] == 40
    assert len(list(tmp_path.iterdir())) == rows["files written"]
    header = (tmp_path / "f2f_group.v").read_text().split("module f2f_group")[0]
    for name, value in (("N_IN", 8), ("N_OUT", 80), ("N_S", 15), ("PATCH_RATE", 2)):
        assert any(line.split()[1:3] == [name, str(value)] for line in header.splitlines())


@pytest.mark.weights
def test_other_front_ends_are_refused(tmp_path):
    with pytest.raises(InputError, match="'csr_edge': Verilog is generated for an f2f front end"):
        run("csr_edge", "-o", tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.weights
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("mask_code: raw", "mask_code: block"), "no Verilog for mask code 'block'; set front_end"),
        (("patch_rate: 2", "patch_rate: 33 "), "decoder group: patch_rate must be 1 to 16, got 33"),
    ],
)
def test_front_ends_without_verilog_are_refused(tmp_path, change, message):
    path = tmp_path / "mine.yaml"
    path.write_text(names("arch_configs")["f2f_edge"].read_text().replace(*change))
    with pytest.raises(InputError, match=message):
        run(path, "-o", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_an_unknown_simulator_or_layer_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"unknown simulator 'icar' .did you mean 'icarus'"):
        run("f2f_edge", "-o", tmp_path / "none", "--simulator", "icar")
    with pytest.raises(InputError, match=r"no layer 'lstm_cel' .did you mean"):
        run("f2f_edge", "-o", tmp_path / "none", "--layer", "lstm_cel")
    assert not (tmp_path / "none").exists()
