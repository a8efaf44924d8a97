"""The fewest cycles that each resource alone would need for a layer.

Pure arithmetic on totals: imports neither the engines nor the machine builders, so that it can
hold them to account.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Refresh:
    """All banks stand still for `seconds` once in every `interval_seconds`."""

    seconds: float
    interval_seconds: float


@dataclass(frozen=True)
class LayerTraffic:
    """Totals of a layer on a machine.

    Attributes
    ----------
    n_bits : mapping of str to int
        Payload that each memory stream moves.
    peak_bytes_per_second : float
        Of the memory, all channels.
    clock_hz : int
        Core clock.
    macs : int
        Multiplications that take a slot of a multiplier.
    n_multipliers : int
        Of the PE array.
    unit_rates : mapping of str to (int, int)
        Of other units: work in all, and the most that is done a cycle (blocks and decoder groups,
        patches and their rate, mask words and their rate, entries and the aligner's width).
    refresh : Refresh or None
        Of a memory that can move nothing meanwhile.
    """

    n_bits: Mapping[str, int]
    peak_bytes_per_second: float
    clock_hz: int
    macs: int
    n_multipliers: int
    unit_rates: Mapping[str, tuple[int, int]]
    refresh: Refresh | None = None


def bound_cycles(traffic: LayerTraffic) -> dict[str, int]:
    """Return the lower bound of each resource in whole core cycles.

    ``memory``: bytes over peak bandwidth, and the refreshes that fall due meanwhile but for the
    first and the last; ``multipliers``: multiplications over multipliers; each
    entry of `unit_rates`: work over rate.
    """
    machine = traffic.peak_bytes_per_second, traffic.clock_hz, traffic.refresh
    n_bits = sum(traffic.n_bits.values())
    bounds = {
        "memory": max((n_bits * a - b) // c for a, b, c in _memory_cycles(*machine)),
        "multipliers": -(-traffic.macs // traffic.n_multipliers),
    }
    for name, (work, rate) in traffic.unit_rates.items():
        bounds[name] = -(-work // rate)
    return bounds


@lru_cache(maxsize=64)
def _memory_cycles(
    peak_bytes_per_second: float, clock_hz: int, refresh: Refresh | None
) -> list[tuple[int, int, int]]:
    """Return the core cycles of n bits at peak, and with refreshes, as (a, b, c): (n a - b) / c."""
    per_bit = Fraction(clock_hz, 8) / Fraction(peak_bytes_per_second)
    found = [(per_bit, Fraction(0))]
    if refresh is not None:
        lost = Fraction(refresh.seconds)
        stretch = 1 / (1 - lost / Fraction(refresh.interval_seconds))
        found.append((per_bit * stretch, 2 * lost * clock_hz * stretch))
    return [
        (a.numerator * b.denominator, b.numerator * a.denominator, a.denominator * b.denominator)
        for a, b in found
    ]


def least_seconds(
    n_bits: NDArray[np.int64],
    peak_bytes_per_second: float,
    refresh: Refresh | None,
    cycles: NDArray[np.int64],
    clock_hz: int,
    latency_seconds: float = 0.0,
) -> NDArray[np.float64]:
    """Return the least time of many layers, before any of them is planned.

    Nothing is moved, and nothing starts, before the first row of the memory is open and read.

    Parameters
    ----------
    n_bits, cycles : ndarray of int64, shape (n_layers,)
        What each moves at least, and the cycles of its slowest unit.
    peak_bytes_per_second, refresh, clock_hz
        As of `LayerTraffic`.
    latency_seconds : float
        From the beginning until the first data can be there.
    """
    memory: NDArray[np.float64] = n_bits / 8 / peak_bytes_per_second
    if refresh is not None:
        share = refresh.seconds / refresh.interval_seconds
        memory = np.maximum(memory, (memory - 2 * refresh.seconds) / (1 - share))
    # A run ends on a clock of the memory, not of the core: a cycle less is certain.
    return latency_seconds + np.maximum(memory, np.maximum(cycles - 1, 0) / clock_hz)


def systolic_cycles(
    n_outputs: int,
    n_weights: int,
    n_columns: int,
    size: tuple[int, int],
    *,
    weight_stationary: bool,
) -> int:
    """Return the cycles of a matrix product on `size` = (R, C) PEs, as SCALE-Sim counts them."""
    r, c = size
    if not n_outputs:
        return 0
    k = n_weights // n_outputs
    if weight_stationary:
        return -(-k // r) * -(-n_outputs // c) * (2 * r + c + n_columns - 2)
    return -(-n_columns // r) * -(-n_outputs // c) * (k + r + c - 2)


def flexible_cycles(n_kept: int, n_columns: int, n_multipliers: int, load_weights: int) -> int:
    """Return the fewest cycles to load kept weights and stream all columns past each fold."""
    return -(-n_kept // load_weights) + -(-n_kept // n_multipliers) * n_columns


def roofline(
    macs: int, n_bytes: int, peak_macs_per_second: float, peak_bytes_per_second: float
) -> tuple[float, float]:
    """Return a layer's place under the roofline.

    Returns
    -------
    intensity : float
        MACs a byte of memory traffic.
    attainable : float
        MACs a second: the lower of the compute roof and intensity times bandwidth.
    """
    intensity = macs / n_bytes if n_bytes else float("inf")
    return intensity, min(peak_macs_per_second, intensity * peak_bytes_per_second)
