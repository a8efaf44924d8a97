"""Which plan a layer runs by on a machine."""

from f2fsim.scheduling.choose import plan_layer

__all__ = ["plan_layer"]
