"""The configuration files that come with the package, found by name.

In a wheel the YAML files lie beside this file; in a source tree they lie at the top level, in
``arch_configs/`` and ``workloads/``.
"""

from __future__ import annotations

from pathlib import Path

KINDS = ("arch_configs", "workloads")


def folder(kind: str) -> Path:
    """Return the folder of shipped files of `kind`, one of `KINDS`."""
    here = Path(__file__).parent
    inside = here / kind
    return inside if inside.is_dir() else here.parents[1] / kind


def names(kind: str, sub: str = "") -> dict[str, Path]:
    """Return shipped files by name (stem), sorted; `sub` is a folder below, such as ``dram``."""
    return {path.stem: path for path in sorted((folder(kind) / sub).glob("*.yaml"))}
