"""Quantities and common ticks."""

from __future__ import annotations

import pytest

from f2fsim import units


def test_parsing() -> None:
    assert units.parse_bytes("64 KiB") == 65536
    assert units.parse_bytes("1.5 MB") == 1_500_000
    assert units.parse_hz("1.2 GHz") == 1_200_000_000


@pytest.mark.parametrize("text", ["64", "KiB", "64 kib", "-1 B", "1e3 B", "1 B B", "0.3 B", ""])
def test_refused_sizes(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        units.parse_bytes(text)


def test_ticks_are_exact_for_all_clocks() -> None:
    clocks = [800_000_000, 1_200_000_000, 1_600_000_000]
    ticks = units.ticks_per_second(clocks)
    assert ticks == 4_800_000_000
    assert all(ticks % clock == 0 for clock in clocks)


def test_clocks_without_common_tick_are_refused() -> None:
    with pytest.raises(ValueError, match="common tick"):
        units.ticks_per_second([999_999_937, 999_999_929])
    with pytest.raises(ValueError, match="positive"):
        units.ticks_per_second([0, 1])


def test_formats() -> None:
    assert units.format_hz(1_200_000_000) == "1.2 GHz"
