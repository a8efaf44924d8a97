"""Which plan a layer runs by on a machine."""

from f2fsim.scheduling.choose import Likely, every_plan, likely_plans, plan_layer

__all__ = ["Likely", "every_plan", "likely_plans", "plan_layer"]
