"""Tables of the terminal: 80 columns at most, plain when piped."""

from __future__ import annotations

import pytest

from f2fsim.cli import console

ROW = {
    "machine": "f2f_edge", "format": "F2F", "cycles": 123_456_789, "time_us": 1234.5678,
    "gmac_s": 33.5, "dram_bytes": 149_760_000, "bits_per_weight": 1.8123,
    "bandwidth_gb_s": 12.25, "peak_gb_s": 25.6, "pe_busy": 0.0847, "energy_uj": None,
    "where": "a long text that says where the cycles went and why, in many words of a sentence",
}  # fmt: skip


def test_a_wide_table_is_cut_into_narrow_ones(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_rows([ROW, ROW | {"machine": "[bold]csr[/bold]"}], title="Total")
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert "\x1b" not in out
    assert "123,456,789" in out
    assert out.count("f2f_edge") > 1, "the first column leads every part"
    assert "[bold]csr[/bold]" in out.replace("\n", ""), "cells are no markup"
    assert "–" in out


def test_nothing_is_lost_in_csv_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_rows([ROW], as_csv=True)
    assert capsys.readouterr().out.splitlines()[0] == ",".join(ROW)
    console.print_rows([ROW], as_json=True)
    assert '"time_us": 1234.5678' in capsys.readouterr().out


def test_no_rows(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_rows([])
    assert capsys.readouterr().out.strip() == ""
