"""Bounds of a whole network, from totals alone; shares no code with the engines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkTotals:
    """What a network moves and computes at least.

    Attributes
    ----------
    payload_bits : int
        Bits that go to and come from the memory.
    bytes_per_second : float
        Peak of the memory.
    clock_hz : int
        Core clock.
    product_cycles : sequence of int
        For each product, the cycles that the array needs for its multiplications alone.
    lane_cycles : int
        Cycles of the vector unit.
    """

    payload_bits: int
    bytes_per_second: float
    clock_hz: int
    product_cycles: Sequence[int]
    lane_cycles: int


def network_bounds(totals: NetworkTotals) -> Mapping[str, int]:
    """Return the fewest core cycles by resource.

    * ``memory``: all bytes at the peak;
    * ``array chain``: products run one after another on one array, whatever is fetched ahead;
    * ``vector unit``: its operations over its lanes.
    """
    seconds = totals.payload_bits / 8 / totals.bytes_per_second if totals.payload_bits else 0.0
    return {
        "memory": math.floor(seconds * totals.clock_hz),
        "array chain": sum(totals.product_cycles),
        "vector unit": totals.lane_cycles,
    }
