"""A source tree without built kernels says so."""

import shutil
import subprocess
import sys
from pathlib import Path

import f2fsim


def test_a_tree_without_kernels_says_what_to_do(tmp_path: Path) -> None:
    source = Path(f2fsim.__file__).parent
    ignore = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    shutil.copytree(source, tmp_path / "f2fsim", ignore=ignore)
    program = "from f2fsim import compare"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert f"imported from {tmp_path / 'f2fsim'}, where its kernels are not built" in last
    assert "pip install -e ." in last
