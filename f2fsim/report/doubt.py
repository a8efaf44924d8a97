"""What the ranges of uncertain constants do to a comparison of energies."""

from __future__ import annotations

from typing import Any

from f2fsim.config.cost import cost_table_names, load_cost_table
from f2fsim.cost import RatioRange, ratio_range
from f2fsim.report.cases import Case, Run
from f2fsim.report.value import Column, Table
from f2fsim.results import SimResult


def energy_ratio(run: Run, subject: Run) -> RatioRange | None:
    """Return the energy of `run` over that of `subject`, constants varying in their ranges.

    Both machines pay the same constants.  None if the results say nothing of their constants, or
    name different tables or one that is not shipped.
    """
    mine, other = _amounts(subject.result), _amounts(run.result)
    tables = {_table_name(subject.result), _table_name(run.result)}
    if not mine or not other or len(tables) > 1 or not tables <= set(cost_table_names()):
        return None
    return ratio_range(other, mine, load_cost_table(tables.pop()))


def _table_name(result: SimResult) -> str:
    return str(result.manifest.get("arch", {}).get("cost_table", ""))


def _amounts(result: SimResult) -> dict[str, float]:
    """Return how often the whole workload pays each constant."""
    total: dict[str, float] = {}
    for one in result.measured:
        for key, amount in one.energy_amounts.items():
            total[key] = total.get(key, 0.0) + amount * one.repeat
    return total


def doubt_table(case: Case, prefix: str) -> Table | None:
    """Return one row a machine: its energy over the subject's, and what could change it."""
    rows: list[dict[str, Any]] = []
    for run in case.others:
        found = energy_ratio(run, case.subject)
        if found is None:
            continue
        most = found.effects[0] if found.effects else None
        rows.append(
            {
                "machine": run.name,
                "low": found.low,
                "typical": found.typical,
                "high": found.high,
                "firm": "yes" if found.is_firm else "no",
                "constant": most.key if most else "–",
                "constant_low": most.ratio_low if most else None,
                "constant_high": most.ratio_high if most else None,
            }
        )
    if not rows:
        return None
    columns = (
        Column("machine", "machine", numeric=False),
        Column("low", "least", "times"),
        Column("typical", "typical constants", "times"),
        Column("high", "most", "times"),
        Column("firm", "same winner for all constants", numeric=False),
        Column("constant", "constant that matters most", numeric=False),
        Column("constant_low", "with that at its low end", "times"),
        Column("constant_high", "at its high end", "times"),
    )
    caption = (
        f"Energy of a machine over that of {case.subject.name}. Least and most are over all "
        "constants of the cost table in their ranges, the same for both machines."
    )
    title = "How firm the energies are"
    return Table(f"{prefix}energy_ranges", title, columns, tuple(rows), caption)
