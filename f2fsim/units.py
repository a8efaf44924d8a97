"""Quantities with units, parsed once into integers, and the common tick of several clocks.

Sizes are bytes (``64 KiB``), frequencies hertz (``1.2 GHz``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from fractions import Fraction

SIZE_BYTES = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
FREQUENCY_HZ = {"Hz": 1, "kHz": 10**3, "MHz": 10**6, "GHz": 10**9}

#: Upper limit of ticks a second: leaves 2**62 / 1e15 > 4600 s of simulated time in int64.
MAX_TICKS_PER_SECOND = 10**15

#: Longer texts are no quantities.
MAX_QUANTITY_CHARACTERS = 40

_QUANTITY = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z/]+)\s*\Z")


def _split(text: str, table: dict[str, int], what: str) -> Fraction:
    match = _QUANTITY.match(text) if len(text) <= MAX_QUANTITY_CHARACTERS else None
    example = {"size": "64 KiB", "frequency": "1.2 GHz"}
    if match is None:
        shown = text if len(text) <= MAX_QUANTITY_CHARACTERS else f"{text[:20]}…"
        raise ValueError(f"must be a {what} such as '{example[what]}', got {shown!r}")
    if match[2] not in table:
        raise ValueError(f"must be a {what} with one of the units {', '.join(table)}, got {text!r}")
    return Fraction(match[1]) * table[match[2]]


def _whole(value: Fraction, text: str, unit: str) -> int:
    if value.denominator != 1:
        raise ValueError(f"must be a whole number of {unit}, got {text!r}")
    return int(value)


def parse_bytes(text: str) -> int:
    """Parse a size such as ``64 KiB`` into bytes; `ValueError` names the rule."""
    return _whole(_split(text, SIZE_BYTES, "size"), text, "bytes")


def parse_hz(text: str) -> int:
    """Parse a frequency such as ``1.2 GHz`` into hertz; `ValueError` names the rule."""
    return _whole(_split(text, FREQUENCY_HZ, "frequency"), text, "hertz")


def format_hz(hz: float) -> str:
    """Return a frequency for people."""
    for unit, size in (("GHz", 10**9), ("MHz", 10**6), ("kHz", 10**3)):
        if abs(hz) >= size:
            return f"{hz / size:g} {unit}"
    return f"{hz:g} Hz"


def ticks_per_second(clocks_hz: Iterable[int]) -> int:
    """Return the least common multiple of the clocks: the ticks a second of a machine.

    Parameters
    ----------
    clocks_hz : iterable of int
        Positive frequencies, hertz.

    Raises
    ------
    ValueError
        If a clock is not positive or the result passes `MAX_TICKS_PER_SECOND`: such clocks have
        no usable common tick, and rounding one would silently change its speed.
    """
    clocks = sorted(set(clocks_hz))
    if not clocks or clocks[0] <= 0:
        raise ValueError(f"clocks must be positive frequencies, got {clocks}")
    ticks = math.lcm(*clocks)
    if ticks > MAX_TICKS_PER_SECOND:
        names = ", ".join(map(str, clocks))
        raise ValueError(
            f"clocks {names} Hz have no common tick below 1 fs; give frequencies with fewer digits"
        )
    return ticks
