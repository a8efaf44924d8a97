"""What starts fast: help, lists and completion load no module of numbers or models."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from f2fsim.cli import codec
from f2fsim.codec import FORMATS, WEIGHT_TYPES
from f2fsim.codec.container import SUFFIX
from f2fsim.errors import choices

#: Runs the command line, then says on standard error which modules are loaded.
RUN = """
import json, sys
sys.argv[0] = "f2fsim"
from f2fsim.cli.main import main
try:
    main()
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""
#: What is heavy; typer itself loads pydantic when a parameter has a type other than text.
HEAVY = {
    "numpy", "yaml", "simpy", "pandas", "scipy", "onnx", "safetensors",
    "optuna", "dask", "sqlite3", "multiprocessing", "jinja2", "matplotlib", "plotly", "pyarrow",
}  # fmt: skip
OWN = {"f2fsim.codec", "f2fsim.config", "f2fsim.hw", "f2fsim.pipeline", "f2fsim.explore",
       "f2fsim.report", "f2fsim.workloads", "f2fsim.rtl"}  # fmt: skip


def start(*arguments: str, **variables: str) -> tuple[str, set[str]]:
    """Return what a command prints and the modules it has loaded."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments], env={**os.environ, **variables},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout, set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("arguments", ["--version", "--help", "list --json", "encode --help"])
def test_a_start_without_numbers(arguments: str) -> None:
    _, loaded = start(*arguments.split())
    assert loaded & (HEAVY | OWN) == set()


def test_the_check_sees_a_heavy_command() -> None:
    _, loaded = start("workload", "show", "silero_vad", "--csv")
    assert {"yaml", "f2fsim.config"} <= loaded


@pytest.mark.parametrize(
    ("typed", "given", "missing"),
    [
        ("f2fsim simulate f2f_", "f2f_edge", "csr_edge"),
        ("f2fsim simulate f2f_edge sil", "silero_vad", "f2f_edge"),
        ("f2fsim compare opennsfw f2f_edge dense", "dense_edge", "opennsfw"),
        ("f2fsim sweep --workload sil", "silero_vad", "f2f_edge"),
        ("f2fsim workload show open", "opennsfw", "silero_vad"),
        ("f2fsim dram run ddr4", "ddr4_2400", "f2f_edge"),
        ("f2fsim wor", "workload", "simulate"),
    ],
)
def test_names_are_completed(typed: str, given: str, missing: str) -> None:
    """As the script that ``--install-completion bash`` writes asks for them."""
    words = len(typed.split()) - 1
    out, loaded = start(_F2FSIM_COMPLETE="complete_bash", COMP_WORDS=typed, COMP_CWORD=str(words))
    assert given in out.split()
    assert missing not in out.split()
    assert loaded & (HEAVY | OWN) == set()


def test_the_help_names_what_is_registered() -> None:
    assert choices(FORMATS) == codec.FORMATS
    assert choices(WEIGHT_TYPES) == codec.WEIGHT_TYPES
    assert codec.SUFFIX == SUFFIX
