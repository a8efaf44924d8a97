"""What a benchmark hands back, and how commands are measured from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A measured value.

    Attributes
    ----------
    group, name : str
        What was measured.
    value : float
    unit : str
    limit : float or None
        The project's own bound, None if there is none.
    at_most : bool
        Whether less is better (and `limit` the most that is allowed).
    """

    group: str
    name: str
    value: float
    unit: str
    limit: float | None = None
    at_most: bool = True

    @property
    def met(self) -> bool:
        """Whether the value keeps the bound."""
        if self.limit is None:
            return True
        return self.value <= self.limit if self.at_most else self.value >= self.limit

    def line(self) -> str:
        """Return a line of the table."""
        bound = ""
        if self.limit is not None:
            sign = "≤" if self.at_most else "≥"
            bound = f"{sign} {self.limit:g} {'ok' if self.met else 'MISSED'}"
        return f"{self.group:9} {self.name:62} {self.value:10.4g} {self.unit:9} {bound}".rstrip()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Cost:
    """What a command took: wall and CPU seconds, and the most memory it held."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int


def run_f2fsim(*arguments: str, cache: str = "off") -> Cost:
    """Run the command line in a process of its own; `SystemExit` if it fails.

    Parameters
    ----------
    *arguments : str
        Of ``f2fsim``.
    cache : str
        Folder of the encoding cache, or ``off``.
    """
    code = "from f2fsim.cli.main import main; main()"
    environment = {**os.environ, "F2FSIM_CACHE_DIR": cache}
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", code, *arguments], stdout=subprocess.DEVNULL, env=environment
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall_seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"f2fsim {' '.join(arguments)} ended with {process.returncode}")
    return Cost(wall_seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)
