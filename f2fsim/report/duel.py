"""The answer of a duel: who wins under which conditions, by how much, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from f2fsim.config.sweep import OBJECTIVES, objective_parts
from f2fsim.explore.duel_result import Decision, DuelResult, Reasons
from f2fsim.report.value import Answer, Column, Number, Paragraph, Table, number, number_text

Words = list[str | Number]

#: Conditions that the table of an answer has a row for; of more, wins are counted.
MOST_ROWS = 8

#: Families that the table of an answer has a row for; the rest is told in its caption.
MOST_FAMILIES = 8

#: Margins within this of 1 are no win.
EQUAL = 0.02


def duel_answer(found: DuelResult) -> Answer:
    """Return the answer: of one contest its families, of several their winners."""
    if len(found.decisions) == 1:
        (one,) = found.decisions
        title = f"{found.spec.name}: {one.conditions.title}"
        return Answer(title, tuple(_single_words(found, one)), _families_table(found, one))
    counted = len(found.decisions) > MOST_ROWS
    table = _wins_table(found) if counted else _contests_table(found)
    return Answer(found.spec.name, tuple(_several_words(found)), table)


def _single_words(found: DuelResult, one: Decision) -> list[Paragraph]:
    if not one.winner:
        return [("No design is within the budgets.",)]
    words = [tuple(_winner_words(found, one))]
    if one.reasons is not None:
        words += [tuple(part) for part in _reason_words(one, one.reasons) if part]
    return words


def _winner_words(found: DuelResult, one: Decision) -> Words:
    if one.margin is None:
        return [f"Only {one.winner} has a design within the budgets."]
    what = f"margin of {one.winner} over {one.second}, {one.conditions.title}"
    margin = number(one.margin, what, suffix=" ×")
    if one.margin < 1 + EQUAL:
        return [f"{one.winner} and {one.second} are equal (", margin, ")."]
    column, _ = objective_parts(found.spec.objectives[0])
    if column in ("seconds", "n_cycles"):
        return [f"{one.winner} wins: ", margin, f" as fast as {one.second}."]
    better = "more" if OBJECTIVES.get(column) == "max" else "less"
    return [f"{one.winner} wins: ", margin, f" {better} {column} than {one.second}."]


def _reason_words(one: Decision, reasons: Reasons) -> list[Words]:
    bound: Words = []
    for workload, binding in reasons.bindings.items():
        bound += ["; " if bound else "Bound by ", binding.words]
        bound += [f" on {workload}"] if len(reasons.bindings) > 1 else []
        gain = number(binding.gain, f"gain from twice of {binding.words}", suffix=" ×")
        bound += [" (twice gives ", gain, ")"]
    firm: Words = []
    for workload, ratio in reasons.energy.items():
        firm += ["; " if firm else f"Energy of {one.second}: "]
        firm += [f"{workload} "] if len(reasons.energy) > 1 else []
        what = f"energy of {one.second} / energy of {one.winner}"
        firm += [number(ratio.typical, what, suffix=" ×"), " ("]
        firm += [number(ratio.low, f"least {what}"), "–", number(ratio.high, f"most {what}")]
        firm += [", firm)" if ratio.is_firm else ", not firm)"]
    return [[*part, "."] if part else [] for part in (bound, firm)]


def _several_words(found: DuelResult) -> list[Paragraph]:
    won = [one for one in found.decisions if one.winner]
    words: Words = []
    for family in found.spec.families:
        mine = [one for one in won if one.winner == family]
        if mine:
            words += [", " if words else "Wins: ", f"{family} {len(mine)}"]
    if not words:
        return [("No design is within the budgets, under no conditions.",)]
    return [(*words, f" of {len(found.decisions)}.")]


def _counts(counts: Mapping[str, int]) -> str:
    return f"{counts['simulated']} of {sum(counts.values())}"


def _families_table(found: DuelResult, one: Decision) -> Table:
    column, direction = objective_parts(found.spec.objectives[0])
    best = one.best
    rows = []
    for entry in one.entries.values():
        mine, times = entry.best, None
        if mine is not None and best is not None and mine[column] and best[column]:
            times = mine[column] / best[column]
            times = times if direction == "min" else 1 / times
        rows.append(
            {
                "family": entry.family,
                **_figures(mine),
                "times": times,
                "front": len(entry.front),
                "simulated": _counts(entry.counts),
            }
        )
    rows.sort(key=lambda row: (row["times"] is None, row["times"] or 0.0))
    more = [f"{row['family']} {number_text(row['times'])} ×" for row in rows[MOST_FAMILIES:]]
    columns = (
        Column("family", "family", numeric=False),
        Column("time_us", "time [us]"),
        Column("energy_uj", "energy [uJ]"),
        Column("area_mm2", "area [mm2]"),
        Column("times", "× winner"),
        Column("front", "on front"),
        Column("simulated", "simulated", numeric=False),
    )
    caption = f"Behind these: {', '.join(more)}." if more else ""
    shown = tuple(rows[:MOST_FAMILIES])
    return Table("duel", "Best design of each family", columns, shown, caption)


def _figures(row: Mapping[str, Any] | None) -> dict[str, Any]:
    if row is None:
        return {"time_us": None, "energy_uj": None, "area_mm2": None}
    energy = row.get("energy_pj")
    return {
        "time_us": row["seconds"] * 1e6,
        "energy_uj": None if energy is None else energy / 1e6,
        "area_mm2": row["area_mm2"],
    }


def _contests_table(found: DuelResult) -> Table:
    rows = [
        {
            "where": one.conditions.title,
            "winner": one.winner or "none",
            "margin": one.margin,
            "second": one.second or "none",
            **_figures(one.best),
            "bound_by": _bound_by(one),
        }
        for one in found.decisions
    ]
    columns = (
        Column("where", "conditions", numeric=False),
        Column("winner", "winner", numeric=False),
        Column("margin", "margin"),
        Column("second", "over", numeric=False),
        Column("time_us", "time [us]"),
        Column("energy_uj", "energy [uJ]"),
        Column("area_mm2", "area [mm2]"),
        Column("bound_by", "bound by", numeric=False),
    )
    return Table("duel", "Winners", columns, tuple(rows))


def _bound_by(one: Decision) -> str | None:
    if one.reasons is None:
        return None
    return "; ".join(dict.fromkeys(found.words for found in one.reasons.bindings.values())) or None


def _wins_table(found: DuelResult) -> Table:
    """Return one row a family: where it wins, and by how much."""
    rows = []
    for family in found.spec.families:
        mine = [one for one in found.decisions if one.winner == family]
        margins = [one.margin for one in mine if one.margin is not None]
        rows.append(
            {
                "family": family,
                "wins": len(mine),
                "least": min(margins, default=None),
                "most": max(margins, default=None),
                "at": _most_clear(mine),
            }
        )
    columns = (
        Column("family", "family", numeric=False),
        Column("wins", "wins"),
        Column("least", "least margin"),
        Column("most", "most"),
        Column("at", "most at", numeric=False),
    )
    return Table("duel", "Wins of each family", columns, tuple(rows))


def _most_clear(decisions: Sequence[Decision]) -> str | None:
    clear = [one for one in decisions if one.margin is not None]
    return max(clear, key=lambda one: one.margin or 0.0).conditions.title if clear else None


def design_text(row: Mapping[str, Any], found: DuelResult) -> str:
    """Return a design in words: its base architecture and the values of its family's axes."""
    space = found.spec.families[row["family"]]
    values = [f"{path}={row[path]}" for path in (*space.axes, *space.derive) if path in row]
    return " ".join([row["arch"], *values])
