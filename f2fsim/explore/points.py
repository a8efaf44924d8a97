"""A point of a design space: what is run, under which name it is stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from f2fsim._version import __version__
from f2fsim.config.arch import ArchConfig
from f2fsim.config.workload import Workload
from f2fsim.errors import DataError
from f2fsim.sharing import shared
from f2fsim.workloads.sources import weight_files

#: Packages and modules whose code decides what a point's figures are.
RESULT_CODE = (
    "analytic",
    "bits",
    "codec",
    "config",
    "cost",
    "engine",
    "hw",
    "mapping",
    "pipeline",
    "results",
    "scheduling",
    "units.py",
    "workloads",
)

Status = Literal["ready", "invalid", "excluded"]


@dataclass(frozen=True)
class Point:
    """One point of a sweep, ready to run or with the reason why it cannot.

    Attributes
    ----------
    index : int
        Place in the sweep.
    role : str
        ``point``, or ``baseline`` for a machine that points are compared with.
    columns : mapping of str to value
        Values of the axes, of ``define`` and of ``derive``, by the specification's names.
    digest : str
        Of architecture, memory, workload, weights, engine and code: equal digest, equal result.
    baselines : mapping of str to str
        Digest of each baseline by its name.
    """

    index: int
    role: Literal["point", "baseline"]
    arch_name: str
    workload_name: str
    columns: Mapping[str, Any]
    digest: str
    status: Status
    error: str = ""
    arch: ArchConfig | None = None
    workload: Workload | None = None
    baselines: Mapping[str, str] = field(default_factory=dict)


@cache
def code_digest() -> str:
    """Return the digest of the sources that decide a result: other code, other points."""
    digest = hashlib.sha256(__version__.encode())
    package = Path(__file__).parents[1]
    for name in RESULT_CODE:
        top = package / name
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.suffix in (".py", ".pyx", ".pxd", ".h", ".yaml"):
                digest.update(path.relative_to(package).as_posix().encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def _file_digest(path: Path, size: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def weights_digest(workload: Workload) -> str:
    """Return the digest of the content of the files of weights and masks.

    ``synthetic`` without a file.

    Raises
    ------
    InputError
        If the package with the weights is missing.
    """
    if workload.weights is None and workload.masks is None:
        return "synthetic"
    try:
        digests = []
        for path in weight_files(workload):
            status = path.stat()
            digests.append(_file_digest(path, status.st_size, status.st_mtime_ns))
    except (OSError, DataError):
        return "unreadable"  # the run itself words the error
    return digests[0] if len(digests) == 1 else text_digest(*digests)


def text_digest(*parts: Any) -> str:
    """Return the SHA-256 of plain data."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def point_digest(arch: ArchConfig, dram_digest: str, workload: str, engine: str) -> str:
    """Return the key of a point's record; `workload` is `workload_digest` of its workload."""
    return text_digest(arch.digest(), dram_digest, workload, engine, code_digest())


def workload_digest(workload: Workload) -> str:
    """Return the digest of a workload and its weights."""
    digest = shared(workload, "digest", workload.digest)
    return f"{digest} {weights_digest(workload)}"
