"""The answer of a comparison on the terminal: its sentences, then its table, in a few lines."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from f2fsim.cli import console
from f2fsim.results.network import shared_notes

if TYPE_CHECKING:
    from f2fsim.report.value import Answer, Column, Table
    from f2fsim.results import Comparison, SimResult


def print_comparison(results: Comparison, baseline: str = "") -> None:
    """Print the answer of a comparison: headline, then one row a machine."""
    from f2fsim.report.answer import answer
    from f2fsim.report.cases import make_cases

    found = answer(make_cases([list(results)]), drawn=False, baseline=baseline)
    print_answer(found)


def print_remarks(results: Comparison) -> None:
    """Say what a reader of a comparison should know beside its answer."""
    _say_slow_parts(results)
    print_notes(results)
    if not any(one.what_if for one in results):
        typer.echo("why: add --what-if, which finds by experiment what binds each machine")


def _say_slow_parts(results: Comparison) -> None:
    """Say in one sentence which machines have a part that is too slow for their clock."""
    slow = []
    for one in results:
        if one.clock_note:
            name = min(one.clock_limits_hz, key=lambda part: one.clock_limits_hz[part])
            slow.append(f"{one.arch}'s {name} ({one.clock_limits_hz[name] / 1e6:.3g} MHz)")
    if slow:
        text = f"Too slow for the clock as synthesised: {', '.join(slow)}."
        for line in textwrap.wrap(text, console.table_width()):
            typer.echo(line)


def print_notes(results: Sequence[SimResult]) -> None:
    """Say once what runs of networks leave out, and on which machines."""
    for sentence in shared_notes({one.arch: one.network for one in results}):
        for line in textwrap.wrap(sentence, console.table_width()):
            typer.echo(line)


def print_answer(found: Answer) -> None:
    """Print an answer no wider than tables may be."""
    width = console.table_width()
    typer.echo(found.title)
    for line in textwrap.wrap(found.words, width):
        typer.echo(line)
    if found.table is not None:
        for line in table_lines(found.table, width):
            typer.echo(line)


def table_lines(table: Table, width: int) -> list[str]:
    """Return a table as lines: heading and unit, then a line a row, folded in its last column."""
    from f2fsim.report.value import number_text

    columns = table.columns
    rows = [[column.title for column in columns]]
    if any(column.unit for column in columns):
        rows.append([f"[{column.unit}]" if column.unit else "" for column in columns])
    rows += [[number_text(row.get(column.key)) for column in columns] for row in table.rows]
    sizes = [max(len(row[i]) for row in rows) for i in range(len(columns))]
    before = sum(sizes[:-1]) + 2 * (len(columns) - 1)
    sizes[-1] = min(sizes[-1], max(12, width - before))
    lines = []
    for row in rows:
        folded = textwrap.wrap(row[-1], sizes[-1]) or [""]
        lines.append(_line([*row[:-1], folded[0]], sizes, columns))
        lines += [" " * before + part for part in folded[1:]]
    return lines


def _line(cells: Sequence[str], sizes: Sequence[int], columns: Sequence[Column]) -> str:
    parts = [
        cell.rjust(size) if column.numeric else cell.ljust(size)
        for cell, size, column in zip(cells, sizes, columns, strict=True)
    ]
    return "  ".join(parts).rstrip()
