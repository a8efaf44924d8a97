"""f2fsim: what fixed-to-fixed encoded weights give on a given machine.

The command line's jobs are one call each, in the same words: `simulate`, `compare`, `what_if`,
`sweep`, `search`, `duel`, `make_report`, `encode`, `decode`, `inspect`, `verify`;
`load` reads results back.
"""

from __future__ import annotations

import importlib
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import TYPE_CHECKING, Any

from f2fsim._version import __version__

if TYPE_CHECKING:
    from f2fsim.explore import search, sweep
    from f2fsim.explore.duel import duel
    from f2fsim.explore.whatif import what_if
    from f2fsim.pipeline import compare, simulate
    from f2fsim.pipeline.decode_file import decode_file as decode
    from f2fsim.pipeline.decode_file import inspect_file as inspect
    from f2fsim.pipeline.encode_file import encode
    from f2fsim.pipeline.verify_file import verify_file as verify
    from f2fsim.report import make_report
    from f2fsim.results import Comparison

    load = Comparison.load

_FOLDER = Path(__file__).parent
if not any((_FOLDER / "bits" / f"_pack{suffix}").exists() for suffix in EXTENSION_SUFFIXES):
    raise ImportError(
        f"f2fsim is imported from {_FOLDER}, where its kernels are not built: start Python in "
        "another folder to use the installed package, or build them here by `pip install -e .`"
    )

# Loaded at first use: a worker or a small command does not pay for what it does not need.
_LAZY = {
    "compare": ("f2fsim.pipeline", "compare"),
    "decode": ("f2fsim.pipeline.decode_file", "decode_file"),
    "duel": ("f2fsim.explore.duel", "duel"),
    "encode": ("f2fsim.pipeline.encode_file", "encode"),
    "inspect": ("f2fsim.pipeline.decode_file", "inspect_file"),
    "load": ("f2fsim.results", "Comparison.load"),
    "make_report": ("f2fsim.report", "make_report"),
    "search": ("f2fsim.explore", "search"),
    "simulate": ("f2fsim.pipeline", "simulate"),
    "sweep": ("f2fsim.explore", "sweep"),
    "what_if": ("f2fsim.explore.whatif", "what_if"),
    "verify": ("f2fsim.pipeline.verify_file", "verify_file"),
}

__all__ = [
    "__version__",
    "compare",
    "decode",
    "duel",
    "encode",
    "inspect",
    "load",
    "make_report",
    "search",
    "simulate",
    "sweep",
    "verify",
    "what_if",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        module, attribute = _LAZY[name]
        value: Any = importlib.import_module(module)
        for part in attribute.split("."):
            value = getattr(value, part)
        return value
    raise AttributeError(f"module 'f2fsim' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
