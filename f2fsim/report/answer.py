"""The answer of a report: a headline that a person would say, one table, one figure.

The terminal, the page, Markdown and a notebook show this value; numbers of its words are those of
the results.  What binds is quoted from experiments (`f2fsim.what_if`), never inferred from how busy
a part was; without experiments nothing is said of causes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from f2fsim.hw.front_ends import format_title
from f2fsim.report.cases import Case, Run, bits_of
from f2fsim.report.figures import speedup_figure
from f2fsim.report.several import several_headline, several_table
from f2fsim.report.value import Answer, Column, Number, Paragraph, Table, number, percent
from f2fsim.report.weigh import best_f2f, bound_text, dense_of, slots
from f2fsim.results.binding import TOGETHER, Binding, binding

Words = list[str | Number]

#: Ratios of times within this of 1 are "as fast".
EQUAL = 0.02

#: Machines whose sparsities differ by more (N:M ones prune to their own) have it as a column.
SAME_SPARSITY = 0.005

#: Counts are told if the faster machine needs less than this share of them.
LESS = 0.95

UNTRIED = "What binds was not tried: f2fsim compare --what-if."


def answer(cases: Sequence[Case], *, drawn: bool = True, baseline: str = "") -> Answer:
    """Return the answer over all cases of a report.

    Parameters
    ----------
    cases : sequence of Case
        At least one.
    drawn : bool
        Whether it has a figure.
    baseline : str
        Machine that a single case's speed-ups are over; the dense one if not given.
    """
    figure = speedup_figure(cases) if drawn else None
    if len(cases) == 1:
        case = cases[0]
        return Answer(case.title, tuple(headline(case)), case_table(case, baseline), figure)
    return Answer("In short", several_headline(cases), several_table(cases), figure)


def headline(case: Case) -> list[Paragraph]:
    """Return one or two sentences on a case: what binds and what F2F gives; who is fastest."""
    me = best_f2f(case)
    sentences = [_gain(case, me)]
    if case.others:
        sentences.append(_winner(case, me))
    return sentences


def _gain(case: Case, me: Run) -> Paragraph:
    words: Words = [f"At {case.condition('batch')} "]
    found = binding(me.result.what_if)
    if found is not None:
        words += [*_bound(case, me, found), ": "]
    if me.is_uncompressed or not me.result.layers:
        words += [f"{case.workload if found is None else 'it'} takes ", _time(me), "."]
        return tuple(words)
    kind = format_title(me.result.format)
    whose = f"{case.workload}'s" if found is None else "the"
    share = me.result.bits_per_weight / bits_of(case.weight_type)
    words += [
        f"{kind} saves ",
        percent(1 - share, f"1 - bits a weight of {me.name} / bits of a weight"),
        f" of {whose} weight bits",
        *_against_dense(case, me),
    ]
    return (*words, ".")


def _time(run: Run) -> Number:
    return number(run.result.seconds * 1e6, f"time of {run.name} [us]", digits=4, suffix=" us")


def _bound(case: Case, me: Run, found: Binding) -> Words:
    what = f"gain of {me.name} from twice of {TOGETHER.join(found.names) or 'anything'}"
    gain = number(found.gain, what, suffix=" ×")
    if not found.names:
        return [f"no single resource of {me.name} binds {case.workload} (twice gives ", gain, ")"]
    return [
        f"{case.workload} is bound by the {found.words} of {me.name} (twice is ",
        gain,
        " as fast)",
    ]


def _against_dense(case: Case, me: Run) -> Words:
    dense = dense_of(case)
    if dense is None or dense is me:
        return []
    ratio = dense.result.seconds / me.result.seconds
    if abs(ratio - 1) <= EQUAL:
        return [f", and no time against {dense.name}"]
    source = (dense.name, me.name) if ratio > 1 else (me.name, dense.name)
    times = number(max(ratio, 1 / ratio), f"time of {source[0]} / time of {source[1]}", suffix=" ×")
    if ratio > 1:
        return [" and is ", times, f" as fast as {dense.name}"]
    return [", but takes ", times, f" the time of {dense.name}"]


def _winner(case: Case, me: Run) -> Paragraph:
    order = sorted(case.runs, key=lambda run: run.result.seconds)
    first = order[0]
    if first is me:
        rest = [run for run in order if run is not me and run is not dense_of(case)]
        if not rest:
            return (f"{me.name} is fastest.",)
        words: Words = [f"{me.name} is fastest: "]
        for i, run in enumerate(rest[:3]):
            words += [(" and " if i == len(rest[:3]) - 1 else ", ") if i else "", _ratio(run, me)]
            words.append(f" {run.name}")
        return (*words, ".")
    if me.result.seconds / first.result.seconds < 1 + EQUAL:
        return (f"{first.title} is as fast (", _ratio(me, first, digits=4), ").")
    words = [f"Fastest is {first.title}, ", _ratio(me, first), f" as fast as {me.name}"]
    return (*words, *_with_less(me, first), ".")


def _ratio(slow: Run, fast: Run, digits: int = 3) -> Number:
    ratio = slow.result.seconds / fast.result.seconds
    source = f"time of {slow.name} / time of {fast.name}"
    return number(ratio, source, digits=digits, suffix=" ×")


def _with_less(me: Run, first: Run) -> Words:
    """Say how much less of what binds `me` the fastest machine needs, if it was counted."""
    found = binding(me.result.what_if)
    names = found.names if found else ()
    if any(name.startswith("PE ") for name in names) and slots(me.result):
        share = slots(first.result) / slots(me.result)
        source = f"multiplier slots of {first.name} / multiplier slots of {me.name}"
        if share > LESS:
            return []
        return [" with ", number(share, source, suffix=" ×"), " the multiplier slots"]
    if "memory" in names and me.result.n_bytes:
        share = first.result.n_bytes / me.result.n_bytes
        source = f"DRAM bytes of {first.name} / DRAM bytes of {me.name}"
        if share > LESS:
            return []
        return [" with ", number(share, source, suffix=" ×"), " the bytes"]
    return []


CASE_COLUMNS = (
    Column("machine", "machine", numeric=False),
    Column("time_us", "time", "us"),
    Column("speedup", "speed-up", "×"),
    Column("sparsity", "S"),
    Column("bits_per_weight", "size", "bit/w"),
    Column("dram_mb", "DRAM", "MB"),
    Column("energy_uj", "energy", "uJ"),
    Column("tokens_s", "tokens", "1/s"),
    Column("kv_share", "KV cache", "% bytes"),
    Column("bound_by", "bound by (twice gives)", numeric=False),
)


def case_table(case: Case, baseline: str = "") -> Table:
    """Return one row a machine with what one asks first.

    Speed-ups are over the machine called `baseline`, else the dense one, else the slowest.
    """
    named = next((run for run in case.runs if run.name == baseline), None)
    slowest = max(case.runs, key=lambda run: run.result.seconds)
    base = named or dense_of(case) or slowest
    rows = tuple(_row(run, base) for run in case.runs)
    pruned = [run.result.sparsity for run in case.runs]
    hidden = set() if max(pruned) - min(pruned) > SAME_SPARSITY else {"sparsity"}
    columns = tuple(
        column
        for column in CASE_COLUMNS
        if column.key not in hidden and any(row[column.key] is not None for row in rows)
    )
    caption = f"Speed-up over {base.name}; the mask is counted in every size."
    if not any(run.result.what_if for run in case.runs):
        caption += f" {UNTRIED}"
    return Table("answer", "Machines", columns, rows, caption)


def _row(run: Run, base: Run) -> dict[str, Any]:
    result, network = run.result, run.result.network
    decodes = network is not None and network.tokens > 0
    return {
        "machine": run.name,
        "time_us": result.seconds * 1e6,
        "speedup": base.result.seconds / result.seconds if result.seconds else None,
        "sparsity": result.sparsity,
        "bits_per_weight": result.bits_per_weight,
        "dram_mb": result.n_bytes / 1e6,
        "energy_uj": sum(result.energy_pj.values()) / 1e6 or None,
        "tokens_s": network.tokens_per_second if network and decodes else None,
        "kv_share": 100 * network.cache_bytes / result.n_bytes if network and decodes else None,
        "bound_by": bound_text(run),
    }
