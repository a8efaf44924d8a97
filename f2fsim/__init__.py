"""f2fsim: what fixed-to-fixed encoded weights give on a given machine.

The command line's main jobs are one call each: `simulate`, `compare`, `sweep`, `search`,
`encode`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from f2fsim._version import __version__

if TYPE_CHECKING:
    from f2fsim.explore import search, sweep
    from f2fsim.pipeline import compare, simulate
    from f2fsim.pipeline.encode_file import encode

# Loaded at first use: a worker or a small command does not pay for what it does not need.
_LAZY = {
    "compare": "f2fsim.pipeline",
    "encode": "f2fsim.pipeline.encode_file",
    "search": "f2fsim.explore",
    "simulate": "f2fsim.pipeline",
    "sweep": "f2fsim.explore",
}

__all__ = ["__version__", "compare", "encode", "search", "simulate", "sweep"]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'f2fsim' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
