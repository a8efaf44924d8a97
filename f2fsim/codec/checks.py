"""Checks of a format's parameters that every format shares."""

from __future__ import annotations

from typing import Any

from f2fsim.errors import InputError, in_a_line


def check_int(place: str, value: Any, low: int, high: int | None = None) -> None:
    """Refuse a parameter that is no integer of ``low … high``; `place` is ``format x: key``."""
    good = isinstance(value, int) and not isinstance(value, bool) and value >= low
    if not good or (high is not None and value > high):
        limits = f"≥ {low}" if high is None else f"{low} to {high}"
        raise InputError(f"{place} must be {limits}, got {in_a_line(value)}")


def check_auto_or_int(place: str, value: Any, low: int, high: int) -> None:
    """Refuse a parameter that is neither ``auto`` nor an integer of ``low … high``."""
    if value != "auto" and not (type(value) is int and low <= value <= high):
        raise InputError(f"{place} must be 'auto' or {low} to {high}, got {in_a_line(value)}")
