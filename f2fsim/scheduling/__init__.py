"""Which plan a layer runs by on a machine."""

from f2fsim.scheduling.choose import (
    Choice,
    Likely,
    cheapest,
    every_plan,
    likely_plans,
    plan_layer,
)

__all__ = ["Choice", "Likely", "cheapest", "every_plan", "likely_plans", "plan_layer"]
