"""Bounds and rooflines; shares no code with the engines."""

from f2fsim.analytic.bounds import (
    LayerTraffic,
    Refresh,
    bound_cycles,
    flexible_cycles,
    least_seconds,
    roofline,
    systolic_cycles,
)

__all__ = [
    "LayerTraffic",
    "Refresh",
    "bound_cycles",
    "flexible_cycles",
    "least_seconds",
    "roofline",
    "systolic_cycles",
]
