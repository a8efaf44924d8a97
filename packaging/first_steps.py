"""What an installed package must do anywhere: synthetic weights, no files of a clone."""

from __future__ import annotations

import tempfile
from pathlib import Path

import f2fsim
from f2fsim.cli.main import app
from f2fsim.config import load_workload

WORKLOAD = """\
name: first
synthetic: {distribution: normal}
pruning: {method: magnitude, sparsity: 0.9}
layers:
  - {name: a, op: linear, in_features: 256, out_features: 128}
"""


def main() -> None:
    """Run each main job once, and look at the shipped files."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "first.yaml").write_text(WORKLOAD, encoding="utf-8")
        workload = load_workload(folder / "first.yaml")
        compared = f2fsim.compare(workload, ["f2f_edge", "csr_edge", "dense_edge"], cache=None)
        print(compared)
        assert len(compared.frame()) == 3
        assert f2fsim.load(compared.save(folder / "out")) == compared
        swept = f2fsim.sweep(
            arch="f2f_edge", workload=workload, axes={"front_end.n_s": [3, 7]}, workers=1
        )
        assert swept.counts()["ok"] == 2
        app(["list", "--json"], standalone_mode=False)


if __name__ == "__main__":
    main()
