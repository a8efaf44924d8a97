"""Frozen results of a simulation."""

from f2fsim.results.frames import comparison_frame, layers_frame
from f2fsim.results.stats import (
    ComponentStats,
    LayerResult,
    MemoryStats,
    SimResult,
    StreamStats,
)

__all__ = [
    "ComponentStats",
    "LayerResult",
    "MemoryStats",
    "SimResult",
    "StreamStats",
    "comparison_frame",
    "layers_frame",
]
