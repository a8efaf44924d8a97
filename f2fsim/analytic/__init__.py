"""Bounds and rooflines; shares no code with the engines."""

from f2fsim.analytic.bounds import LayerTraffic, bound_cycles, roofline

__all__ = ["LayerTraffic", "bound_cycles", "roofline"]
