"""The kernels as C alone, for this processor and for Arm by emulation: the same words and weights.

On Arm the compiler makes NEON of the elimination's vectors; there is one form for all processors.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

import f2fsim

SOURCE = Path(__file__).with_name("kernels.c")
HEADERS = Path(f2fsim.__file__).parent / "codec" / "f2f" / "src"


def built(compiler, folder, *options):
    """Compile the kernels' program and return its path."""
    program = folder / compiler
    command = [compiler, "-O2", *options, f"-I{HEADERS}", "-o", program, SOURCE]
    subprocess.run(command, check=True)
    return program


def printed(*command):
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return done.stdout


@pytest.mark.skipif(
    not all(map(shutil.which, ("gcc", "aarch64-linux-gnu-gcc", "qemu-aarch64"))),
    reason="needs gcc, gcc for aarch64 and qemu-user",
)
def test_arm_makes_the_same_words_and_weights(tmp_path):
    here = printed(built("gcc", tmp_path))
    arm = printed("qemu-aarch64", built("aarch64-linux-gnu-gcc", tmp_path, "-static"))
    assert here.count("wrong 0") == 5
    assert arm == here
