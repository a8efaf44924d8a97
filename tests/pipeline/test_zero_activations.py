"""What a machine makes of zero activations is told with every run."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

import f2fsim
from f2fsim.cli.main import app
from f2fsim.config import Workload

LAYERS = [{"name": "a", "op": "linear", "in_features": 64, "out_features": 64}]


@pytest.mark.parametrize(
    ("arch", "density", "told"),
    [
        ("scnn_like", 0.4, "multiplied"),
        ("f2f_edge", 0.4, "multiplied"),
        ("eie", 0.4, "skipped"),
        ("scnn_like", 1.0, "none"),
    ],
)
def test_manifest_tells_what_becomes_of_zeros(arch: str, density: float, told: str) -> None:
    workload = Workload.model_validate(
        {
            "name": "w",
            "synthetic": {"distribution": "normal"},
            "pruning": {"method": "magnitude", "sparsity": 0.8},
            "activations": {"density": density},
            "layers": LAYERS,
        }
    )
    result = f2fsim.simulate(arch, workload, isolated=True, cache=None)
    assert result.manifest["zero_activations"] == told


def test_the_command_says_that_the_density_changes_nothing() -> None:
    options = ["opennsfw", "--layer", "conv_stage0_block0_branch2a/BiasAdd", "--no-cache"]
    for arch, says in (("scnn_like", True), ("eie", False)):
        result = CliRunner().invoke(app, ["simulate", arch, *options])
        assert result.exit_code == 0, result.output
        assert ("their density changes nothing" in result.output.replace("\n", " ")) == says
