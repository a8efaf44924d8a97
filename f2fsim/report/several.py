"""The answer over several cases: where F2F is fastest, what binds it, one row a case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from f2fsim.hw.front_ends import FRONT_ENDS, format_title
from f2fsim.report.cases import Case, Run, bits_of
from f2fsim.report.value import Column, Number, Paragraph, Table, number
from f2fsim.report.weigh import best_f2f, best_of_formats, bound_text
from f2fsim.results.binding import binding

Words = list[str | Number]

#: More cases than this are counted, not named.
MOST_NAMED = 6

#: Formats that the table has a column for, at most.
MOST_FORMATS = 4


def several_headline(cases: Sequence[Case]) -> tuple[Paragraph, ...]:
    """Return at most four sentences: where F2F is fastest, where not, what binds it, its size."""
    compared = [case for case in cases if case.others]
    won = [case for case in compared if _fastest(case) is best_f2f(case)]
    lost = [case for case in compared if case not in won]
    sentences = [_won(won, compared), _lost(lost, bool(won))]
    sentences += [_always(compared) if lost else [], _bound(cases), _size(cases)]
    return tuple(tuple(one) for one in sentences if one)


def _fastest(case: Case) -> Run:
    return min(case.runs, key=lambda run: run.result.seconds)


def _kind(cases: Sequence[Case]) -> str:
    kinds = {best_f2f(case).result.format for case in cases}
    return format_title(kinds.pop()) if len(kinds) == 1 else "F2F"


def _won(won: Sequence[Case], compared: Sequence[Case]) -> Words:
    if not won:
        return []
    words: Words = [f"{_kind(won)} is fastest {_where(won, compared)}: "]
    formats = [name for name in _formats(won) if all(name in best_of_formats(c) for c in won)]
    for i, name in enumerate(formats):
        ratios = [_ratio(case, best_of_formats(case)[name]) for case in won]
        words += [(" and " if i == len(formats) - 1 else ", ") if i else ""]
        words += [*_span(ratios, f"time of the best {name} / time of the best F2F, where it wins")]
        words.append(f" {format_title(name)}")
    return [*words, "."]


def _lost(lost: Sequence[Case], some_won: bool) -> Words:
    if not lost:
        return []
    names = list(dict.fromkeys(_fastest(case).name for case in lost))
    ratios = [1 / _ratio(case, _fastest(case)) for case in lost]
    where = _where(lost, lost if not some_won else ())
    words: Words = [f"{'It loses' if some_won else f'{_kind(lost)} loses'} {where} to "]
    words += [f"{' and '.join([', '.join(names[:-1]), names[-1]] if names[1:] else names)}, by "]
    return [
        *words,
        *_span(ratios, "time of the best F2F / time of the fastest, where it loses"),
        ".",
    ]


def _always(cases: Sequence[Case]) -> Words:
    """Name the formats that F2F beats in every case, with its least and greatest speed-up."""
    words: Words = []
    for name in _formats(cases):
        met = [case for case in cases if name in best_of_formats(case)]
        ratios = [_ratio(case, best_of_formats(case)[name]) for case in met]
        if min(ratios) > 1:
            span = _span(ratios, f"time of the best {name} / time of the best F2F")
            words += [", " if words else "", f"{format_title(name)} (", *span, ")"]
    return [f"{_kind(cases)} is always faster than ", *words, "."] if words else []


def _bound(cases: Sequence[Case]) -> Words:
    groups: dict[str, list[Case]] = {}
    for case in cases:
        found = binding(best_f2f(case).result.what_if)
        if found is not None:
            groups.setdefault(found.words, []).append(case)
    if not groups:
        return []
    order = sorted(groups.items(), key=lambda item: -len(item[1]))
    parts = [f"by {words} {_where(group, cases)}" for words, group in order]
    return [f"By experiment its machine is bound {'; '.join(parts)}."]


def _size(cases: Sequence[Case]) -> Words:
    runs = [(case, best_f2f(case).result.bits_per_weight) for case in cases]
    saved = [1 - bits / bits_of(case.weight_type) for case, bits in runs]
    if all(best_f2f(case).is_uncompressed for case in cases):
        return []
    words: Words = [f"{_kind(cases)} takes "]
    words += _span([bits for _, bits in runs], "bits a weight of the best F2F", "")
    words += [" bits a weight with the mask, "]
    return [
        *words,
        *_span([100 * s for s in saved], "bits saved against dense [%]", " %"),
        " less than dense.",
    ]


def _ratio(case: Case, run: Run) -> float:
    return run.result.seconds / best_f2f(case).result.seconds


def _span(values: Sequence[float], source: str, suffix: str = " ×") -> Words:
    least, most = min(values), max(values)
    high = number(most, f"greatest {source}", suffix=suffix)
    low = number(least, f"least {source}")
    return [high] if low.text == high.text.removesuffix(suffix) else [low, " to ", high]


def _where(group: Sequence[Case], every: Sequence[Case]) -> str:
    """Name cases by what tells them apart, or count them."""
    if len(group) == len(every):
        return "everywhere" if len(group) > 1 else f"on {group[0].workload}"
    if len(group) > MOST_NAMED:
        return f"in {len(group)} of {len(every)} cases" if every else f"in {len(group)} cases"
    names = list(dict.fromkeys(case.workload for case in group))
    if len({case.workload for case in every or group}) == len(every or group):
        return f"on {', '.join(names)}"
    each = (f"{c.workload} ({c.condition('sparsity')}, {c.condition('batch')})" for c in group)
    return f"on {', '.join(each)}"


def _formats(cases: Sequence[Case]) -> list[str]:
    """Return the formats that F2F meets, those of most cases first, at most `MOST_FORMATS`."""
    counts: dict[str, int] = {}
    for case in cases:
        for name in best_of_formats(case):
            counts[name] = counts.get(name, 0) + 1
    places = {name: place for place, name in enumerate(FRONT_ENDS)}
    known = sorted(counts, key=lambda name: (-counts[name], places.get(name, len(places))))
    return known[:MOST_FORMATS]


def several_table(cases: Sequence[Case]) -> Table:
    """Return one row a case: the best F2F machine, its speed-up over each format, what binds it."""
    formats = _formats(cases)
    rows = tuple(_row(case, formats) for case in cases)
    columns = [
        Column("case", "case", numeric=False),
        Column("machine", f"best {_kind(cases)} machine", numeric=False),
        *(Column(f"over_{name}", f"over {format_title(name)}", "×") for name in formats),
        Column("bits_per_weight", "size", "bit/w"),
        Column("bound_by", "bound by (twice gives)", numeric=False),
    ]
    used = tuple(c for c in columns if any(row.get(c.key) is not None for row in rows))
    marked = frozenset(
        (i, f"over_{name}")
        for i, row in enumerate(rows)
        for name in formats
        if row[f"over_{name}"] is not None and row[f"over_{name}"] < 1
    )
    caption = "Speed-ups over the best machine of each format; marked where it loses."
    return Table("answer", "Cases", used, rows, caption, marked)


def _row(case: Case, formats: Sequence[str]) -> dict[str, Any]:
    me, others = best_f2f(case), best_of_formats(case)
    return {
        "case": case.title,
        "machine": me.name,
        **{
            f"over_{name}": _ratio(case, others[name]) if name in others else None
            for name in formats
        },
        "bits_per_weight": me.result.bits_per_weight,
        "bound_by": bound_text(me),
    }
