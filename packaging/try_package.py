"""Builds sdist and wheel, and tries them in empty environments: ``try_package.py FOLDER``.

The wheel that is made from the sdist is installed twice: with the newest dependencies, and with
the oldest ones that `pyproject.toml` allows.  Each runs `first_steps.py` outside the clone.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
STEPS = ROOT / "packaging" / "first_steps.py"


def run(*command: str | Path, cwd: Path) -> None:
    """Run a command; its failure is ours."""
    print("+", *command, flush=True)
    subprocess.run([str(one) for one in command], cwd=cwd, check=True)


def oldest() -> list[str]:
    """Return the dependencies pinned to the oldest allowed versions."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [re.sub(r">=", "==", text) for text in project["dependencies"]]


def environment(folder: Path) -> Path:
    """Make an empty environment and return its Python."""
    run(sys.executable, "-m", "venv", "--clear", folder, cwd=ROOT)
    return folder / "bin" / "python"


def try_wheel(wheel: Path, folder: Path, pins: list[str]) -> None:
    """Install the wheel into an empty environment and take its first steps there."""
    python = environment(folder)
    run(python, "-m", "pip", "install", "--quiet", wheel, *pins, cwd=folder)
    run(python, STEPS, cwd=folder)
    run(folder / "bin" / "f2fsim", "--version", cwd=folder)


def main() -> None:
    """Build, install, try."""
    out = Path(sys.argv[1]).resolve()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    run(sys.executable, "-m", "build", "--sdist", "--outdir", out, cwd=ROOT)
    (sdist,) = out.glob("*.tar.gz")
    # From the sdist, not from the clone: what is missing in it shows here.
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", out, sdist, cwd=out)
    (wheel,) = out.glob("*.whl")
    try_wheel(wheel, out / "newest", [])
    try_wheel(wheel, out / "oldest", oldest())


if __name__ == "__main__":
    main()
