"""Frozen results of a simulation."""

from f2fsim.results.comparison import Comparison
from f2fsim.results.frames import layers_frame
from f2fsim.results.network import NetworkRun, StageStats, TensorStats
from f2fsim.results.parts import ComponentStats, MemoryStats, PlanStats, StreamStats, common_name
from f2fsim.results.stats import LayerResult, SimResult

__all__ = [
    "Comparison",
    "ComponentStats",
    "LayerResult",
    "MemoryStats",
    "NetworkRun",
    "PlanStats",
    "SimResult",
    "StageStats",
    "StreamStats",
    "TensorStats",
    "common_name",
    "layers_frame",
]

#: Names of before, with what to call now: kept for one minor version (CONTRIBUTING.md).
_MOVED = {"comparison_frame": "Comparison(results).frame()"}


def __getattr__(name: str) -> object:
    if name in _MOVED:
        raise AttributeError(f"f2fsim.results.{name} is now f2fsim.results.{_MOVED[name]}")
    raise AttributeError(f"module 'f2fsim.results' has no attribute {name!r}")
