"""EIE's published efficiencies against the broadcast array on masks of the published densities."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "validate_published.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("validate_published", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["validate_published"] = module
    sys.path.insert(0, str(SCRIPT.parent))  # where its own imports lie
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def even(script):
    return {name: script.eie_figures(layer) for name, layer in script.EIE.items()}


def test_efficiency_at_depth_8(script, even) -> None:
    errors = [abs(even[name].efficiency[3] - row.efficiency[3]) for name, row in script.EIE.items()]
    assert np.mean(errors) <= 6


def test_deeper_queues_are_never_worse(even) -> None:
    for figures in even.values():
        assert list(figures.efficiency) == sorted(figures.efficiency)


def test_padding(script, even) -> None:
    for name, row in script.EIE.items():
        assert abs(even[name].real_share - row.real_share) <= 4


def test_row_uneven_masks_fitted_to_one_layer_are_nearer(script, even) -> None:
    """Fitted to Alex-7 alone; the mean error over the other layers falls too."""
    fitted = script.fit_unevenness(script.EIE["Alex-7"])
    assert fitted > 0
    others = [name for name in script.EIE if name != "Alex-7"]

    def error(figures):
        return np.mean(
            [abs(figures[n].efficiency[3] - script.EIE[n].efficiency[3]) for n in others]
        )

    uneven = {name: script.eie_figures(script.EIE[name], fitted) for name in others}
    assert error(uneven) < error(even)


def test_layers_of_a_file(script, tmp_path, capsys) -> None:
    """Odd shapes, several batches of inputs and unknown figures; others of the groups left out."""
    layers = {
        "odd": {"inputs": 5001, "outputs": 37, "weight_density_pct": 13,
                "activation_density_pct": 41, "theoretical_us": 8, "actual_us": 10},
        "bare": {"inputs": 1, "outputs": 1, "weight_density_pct": 100,
                 "activation_density_pct": 100},
    }  # fmt: skip
    path = tmp_path / "layers.json"
    runs = [{"M,N,K": [1, 1, 1], "ws": 94, "os": 62}]
    path.write_text(json.dumps({"eie": {"layers": layers}, "systolic": {"runs_32x32": runs}}))
    script.main([str(path)])
    printed = capsys.readouterr().out
    assert "| odd | - - - 80.0 - - |" in printed
    assert "| bare | - - - - - - |" in printed
    assert "| weight_stationary | 1 1 1 | 94 | 94 |" in printed
    assert "| output_stationary | 1 1 1 | 62 | 62 |" in printed
    figures = script.eie_figures(script.eie_layers(layers)["odd"])
    assert list(figures.efficiency) == sorted(figures.efficiency)
