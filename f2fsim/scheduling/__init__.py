"""Which plan a layer runs by on a machine."""

from f2fsim.scheduling.choose import every_plan, plan_layer

__all__ = ["every_plan", "plan_layer"]
