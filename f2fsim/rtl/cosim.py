"""Runs a device in Icarus Verilog or Verilator against its test bench."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from f2fsim.errors import InputError, MissingDependencyError, SimulationError, choices, near_miss
from f2fsim.rtl.bench import Bench
from f2fsim.rtl.bench_text import bench_files

SIMULATORS = ("icarus", "verilator")
_PROGRAMS = {"icarus": ("iverilog", "vvp"), "verilator": ("verilator",)}
_TIME_LIMIT_SECONDS = 3600


@dataclass(frozen=True)
class CosimResult:
    """Outcome of a co-simulation: whether every bit and cycle agreed, and the bench's last line."""

    passed: bool
    message: str
    n_items: int


def simulators() -> tuple[str, ...]:
    """Return the simulators that are installed, the preferred one first."""
    return tuple(s for s in SIMULATORS if all(shutil.which(p) for p in _PROGRAMS[s]))


def pick_simulator(name: str = "") -> str:
    """Return the simulator to use.

    Raises
    ------
    InputError
        If `name` is unknown.
    MissingDependencyError
        If it, or with an empty name every simulator, is missing.
    """
    if name and name not in SIMULATORS:
        raise InputError(
            f"unknown simulator {name!r}{near_miss(name, SIMULATORS)}; known: {choices(SIMULATORS)}"
        )
    found = simulators()
    if (name and name not in found) or not found:
        raise MissingDependencyError(
            f"{name or 'no Verilog simulator'} is not installed: apt-get install "
            f"{'verilator' if name == 'verilator' else 'iverilog'}"
        )
    return name or found[0]


def write_files(files: Mapping[str, str], folder: Path) -> None:
    """Write generated files into an existing or new folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


#: Commands that say nothing of clean Verilog-2001.  Verilator takes the chains of lanes, one bus
#: written and read in steps, for loops (UNOPTFLAT: a hint about its own speed).
_LINT = {
    "icarus": ("iverilog", "-g2001", "-Wall", "-t", "null"),
    "verilator": (
        *("verilator", "--lint-only", "-Wall", "-Wno-UNOPTFLAT"),
        *("--language", "1364-2001"),
    ),
}


def lint(files: Mapping[str, str], simulator: str = "icarus", top: str = "f2f_front_end") -> str:
    """Return what a simulator's checks say of the Verilog among `files`; empty if it is clean.

    Verilator checks what is synthesised, Icarus Verilog the test bench too.
    """
    chosen = pick_simulator(simulator)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(files, folder)
        left_out = "f2f_tb.v" if chosen == "verilator" else ""
        sources = sorted(file for file in files if file.endswith(".v") and file != left_out)
        command = [*_LINT[chosen], *(["--top-module", top] * (chosen == "verilator")), *sources]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def cosimulate(bench: Bench, simulator: str = "") -> CosimResult:
    """Run a device between the sources and consumers of its bench.

    Returns
    -------
    CosimResult
        ``passed`` is True if the bits and the cycle of every item are those of the model.

    Raises
    ------
    MissingDependencyError
        If no simulator is installed.
    SimulationError
        If the Verilog does not compile, the bench says nothing, or the two engines differ.
    """
    chosen = pick_simulator(simulator)
    with tempfile.TemporaryDirectory() as name:
        write_files(bench_files(bench), Path(name))
        verdict = run_bench(Path(name), chosen)
    return CosimResult(verdict.startswith("PASS"), verdict, bench.n_items)


def run_bench(folder: Path, simulator: str) -> str:
    """Compile and run the Verilog files of a folder; return the bench's verdict."""
    sources = sorted(path.name for path in folder.glob("*.v"))
    if simulator == "icarus":
        _run(["iverilog", "-g2001", "-o", "bench.vvp", "-s", "f2f_tb", *sources], folder)
        output = _run(["vvp", "-n", "bench.vvp"], folder)
    else:
        flags = ["--binary", "--timing", "-Wno-fatal", "--top-module", "f2f_tb", "-o", "bench"]
        _run(["verilator", *flags, *sources], folder)
        output = _run([str(folder / "obj_dir" / "bench")], folder)
    verdicts = [line for line in output.splitlines() if line.startswith(("PASS", "FAIL"))]
    if not verdicts:
        raise SimulationError(f"{simulator}: the test bench gave no verdict: {output[-500:]!r}")
    return verdicts[-1]


def _run(command: list[str], folder: Path) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIME_LIMIT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise SimulationError(f"{command[0]}: no end after {_TIME_LIMIT_SECONDS} s") from None
    if done.returncode:
        text = (done.stderr or done.stdout).strip()
        raise SimulationError(f"{command[0]} failed with status {done.returncode}: {text[-2000:]}")
    return done.stdout
