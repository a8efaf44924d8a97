"""Which plan a layer runs by on a machine."""

from f2fsim.scheduling.choose import Choice, Likely, every_plan, likely_plans, plan_layer

__all__ = ["Choice", "Likely", "every_plan", "likely_plans", "plan_layer"]
