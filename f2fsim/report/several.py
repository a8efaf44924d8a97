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

#: More different causes than this stand in the table only.
MOST_CAUSES = 2

#: Ratios of times within this of 1 are "as fast".
EQUAL = 0.02

#: Formats that the table has a column for, at most.
MOST_FORMATS = 4


def several_headline(cases: Sequence[Case]) -> tuple[Paragraph, ...]:
    """Return three sentences: where F2F beats dense and what binds it, who is fastest, its size."""
    compared = [case for case in cases if case.others]
    sentences = [_over_dense(compared), _fastest(compared), _size(cases)]
    return tuple(tuple(one) for one in sentences if one)


def _kind(cases: Sequence[Case]) -> str:
    kinds = {best_f2f(case).result.format for case in cases}
    return format_title(kinds.pop()) if len(kinds) == 1 else "F2F"


def _over_dense(cases: Sequence[Case]) -> Words:
    """Say where F2F is faster than dense (or the first format that it meets), and where not."""
    formats = [name for name in ("dense", "csr") if name in _formats(cases)] or _formats(cases)[:1]
    if not formats:
        return []
    good = [case for case in cases if _over(case, formats[0]) > 1 + EQUAL]
    bad = [case for case in cases if case not in good]
    words: Words = []
    than = f"faster than {format_title(formats[0])}"
    for group, verb in ((good, f"is {than}"), (bad, "is not" if good else f"is not {than}")):
        if group:
            start = f"; it {verb}" if words else f"{_kind(cases)} {verb}"
            words += [f"{start} {_where(group, cases)}{_bound(group)}: "]
            for i, name in enumerate(formats):
                ratios = [r for r in (_over(case, name) for case in group) if r]
                source = f"time of the best {name} / time of the best F2F, where it {verb}"
                words += [
                    " and " if i and ratios else "",
                    *(_span(ratios, source) if ratios else ()),
                ]
                words += [f" {format_title(name)}" if ratios else ""]
    return [*words, "."]


def _over(case: Case, name: str) -> float:
    """Return F2F's speed-up over the best machine of a format, 0 without one."""
    others = best_of_formats(case)
    return _ratio(case, others[name]) if name in others else 0.0


def _bound(group: Sequence[Case]) -> str:
    """Return what binds F2F in all of these, if it was tried and is told in a few words."""
    found = [binding(best_f2f(case).result.what_if) for case in group]
    names = list(dict.fromkeys(one.words for one in found if one))
    if not names or len(names) > MOST_CAUSES or None in found:
        return ""
    return f", bound by {' or '.join(names)}"


def _fastest(cases: Sequence[Case]) -> Words:
    """Say which machines are fastest, and by how much where it is not F2F."""
    if not cases:
        return []
    first = [min(case.runs, key=lambda run: run.result.seconds) for case in cases]
    lost = [
        (case, run) for case, run in zip(cases, first, strict=True) if run is not best_f2f(case)
    ]
    if not lost:
        return [f"Fastest everywhere is {_kind(cases)}."]
    names = list(dict.fromkeys(run.name for _, run in lost))
    listed = " or ".join(names)
    ratios = [1 / _ratio(case, run) for case, run in lost]
    span = _span(ratios, "time of the best F2F / time of the fastest, where it loses")
    if len(lost) == len(cases):
        return [f"Fastest everywhere is {listed}, by ", *span, "."]
    won = [case for case, run in zip(cases, first, strict=True) if run is best_f2f(case)]
    return [f"Fastest is {_kind(cases)} {_where(won, cases)}, else {listed}, by ", *span, "."]


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
