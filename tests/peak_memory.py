"""Peak memory of a program in a process of its own."""

import subprocess
import sys

# VmHWM, since `ru_maxrss` of a child starts at what its parent held when it was forked.
REPORT = """
from pathlib import Path as _Path
_status = _Path("/proc/self/status").read_text().split("VmHWM:")[1].split()
print(_status[0])
"""


def run_measured(program: str, *arguments: str) -> tuple[list[str], int]:
    """Run a Python program; return the words it printed and its peak resident memory in KiB."""
    command = [sys.executable, "-c", program + REPORT, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    *words, peak_kib = done.stdout.split()
    return words, int(peak_kib)
