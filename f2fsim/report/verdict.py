"""Where one machine wins and loses against another over many cases, and why, in words.

The reason is read off the slower run alone: what limits it, and what of that the faster one does
without.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from f2fsim.report.answer import array_states, bandwidth_share, busy_share, slots_a_mac
from f2fsim.report.cases import Case, Run
from f2fsim.report.value import Answer, Number, Paragraph, number, percent
from f2fsim.results import SimResult

#: A machine is said to take more slots, or to move more bytes, from this ratio on.
MORE = 1.02


@dataclass(frozen=True)
class Reason:
    """Why a run is slower than another: a sentence that many cases share, and its figure."""

    words: str
    figure: float
    source: str


@dataclass(frozen=True)
class Meeting:
    """Two machines in one case; ``ratio`` is the other's time over mine."""

    case: Case
    me: Run
    other: Run
    ratio: float
    reason: Reason


def verdicts(cases: Sequence[Case]) -> list[Answer]:
    """Return an answer for each F2F machine of several cases: each other machine, and why."""
    if len(cases) < 2:
        return []
    found = []
    for name in f2f_machines(cases):
        others: dict[str, list[Meeting]] = {}
        for case in cases:
            for meeting in meetings(case, name):
                others.setdefault(meeting.other.name, []).append(meeting)
        points = [point for met in others.values() for point in _points(met)]
        if points:
            found.append(Answer(f"{name}: where it wins, where it loses, and why", tuple(points)))
    return found


def f2f_machines(cases: Sequence[Case]) -> list[str]:
    """Return the names of all F2F machines in order."""
    runs = [run for case in cases for run in case.runs if run.result.format == "f2f"]
    return list(dict.fromkeys(run.name for run in runs))


def meetings(case: Case, name: str) -> list[Meeting]:
    """Return how a machine meets each other one in a case; of F2F pairs only the first's side."""
    names = [run.name for run in case.runs]
    if name not in names:
        return []
    at = names.index(name)
    me, found = case.runs[at], []
    for i, other in enumerate(case.runs):
        told = i < at and other.result.format == "f2f"
        if i != at and not told and me.result.seconds and other.result.seconds:
            ratio = other.result.seconds / me.result.seconds
            slow, fast = (me, other) if ratio < 1 else (other, me)
            found.append(Meeting(case, me, other, ratio, reason(slow, fast)))
    return found


def reason(slow: Run, fast: Run) -> Reason:
    """Say why `slow` takes longer than `fast` (or as long)."""
    mine, busy, bandwidth = slow.result, busy_share(slow.result), bandwidth_share(slow.result)
    if bandwidth is not None and bandwidth > max(busy or 0.0, 0.5):
        return _by_bytes(slow, fast)
    if busy is not None and busy >= 0.5:
        return _by_slots(slow, fast)
    states = array_states(mine)
    cause = max(states, key=lambda name: states[name], default="")
    if not cause:
        return Reason(
            f"neither memory nor array limits {slow.name}: it uses of the bandwidth",
            bandwidth or 0.0,
            f"bandwidth of {slow.name} / its peak",
        )
    what = "patches: " if cause.startswith("patch") else ""
    total = sum(states.values())
    return Reason(
        f"{what}the array of {slow.name} waits most for {cause}, in this share of its stalls",
        states[cause] / total if total else 0.0,
        f"stalls of {slow.name} for {cause} / all its stalls",
    )


def _by_bytes(slow: Run, fast: Run) -> Reason:
    """The memory limits the slower run: its mask if that is what it has more of, else its bytes."""
    ratio = slow.result.n_bytes / fast.result.n_bytes if fast.result.n_bytes else 1.0
    if ratio < MORE:
        return Reason(
            f"{slow.name} is bound by the memory for as many bytes; bandwidth in use",
            bandwidth_share(slow.result) or 0.0,
            f"bandwidth of {slow.name} / its peak",
        )
    mine, other = _mask_bits(slow.result), _mask_bits(fast.result)
    if mine > other:
        return Reason(
            f"mask bits: {slow.name} is bound by the memory, and this share of its encoded bits "
            "is the mask",
            mine / slow.result.bits_per_weight,
            f"mask bits / encoded bits of {slow.name}",
        )
    return Reason(
        f"bytes: {slow.name} is bound by the memory and moves this many times the bytes",
        ratio,
        f"DRAM bytes of {slow.name} / DRAM bytes of {fast.name}",
    )


def _by_slots(slow: Run, fast: Run) -> Reason:
    """The array limits the slower run: zeros that take slots, fewer multipliers, or idle slots."""
    mine, other = slots_a_mac(slow.result), slots_a_mac(fast.result)
    if mine is not None and other is not None and mine > MORE * other:
        return Reason(
            f"zero MACs: the array of {slow.name} is busy, with this many times the multiplier "
            f"slots of {fast.name} for the same kept weights",
            mine / other,
            f"slots a kept MAC of {slow.name} / slots a kept MAC of {fast.name}",
        )
    peak = _peak_macs(fast.result) / (_peak_macs(slow.result) or 1.0)
    if peak > MORE:
        return Reason(
            f"size: the array of {slow.name} is busy, and {fast.name} can do this many times the "
            "multiplications a second",
            peak,
            f"peak MACs a second of {fast.name} / peak MACs a second of {slow.name}",
        )
    return Reason(
        f"filling: the array of {slow.name} is busy, but of its slots only this share does a "
        "multiplication by a kept weight",
        slow.result.pe_utilisation,
        f"PE utilisation of {slow.name}",
    )


def _mask_bits(result: SimResult) -> float:
    return result.bits_per_weight - result.bits_per_weight_without_mask


def _peak_macs(result: SimResult) -> float:
    return float(max((layer.n_multipliers * layer.clock_hz for layer in result.layers), default=0))


def _points(met: Sequence[Meeting]) -> list[Paragraph]:
    """Two paragraphs at most: the wins against one machine, then the losses."""
    me, other = met[0].me, met[0].other
    points = []
    for word, won in (("wins", True), ("loses", False)):
        group = [one for one in met if (one.ratio > 1) == won and one.ratio != 1]
        if not group:
            continue
        ratios = [one.ratio if won else 1 / one.ratio for one in group]
        words: list[str | Number] = [
            f"{me.name} {word} against {other.title} in ",
            Number(len(group), str(len(group)), f"cases where {me.name} {word} to {other.name}"),
            f" of {len(met)}, by ",
            number(min(ratios), f"least ratio of times, {me.name} and {other.name}, {word}"),
        ]
        if len(group) > 1:
            most = f"greatest ratio of times, {me.name} and {other.name}, {word}"
            words += [" to ", number(max(ratios), most)]
        points.append((*words, " times.", *_reasons(group)))
    return points


def _reasons(group: Sequence[Meeting]) -> list[str | Number]:
    """Say each reason once, the most frequent first, with its range and its cases."""
    by_words: dict[str, list[Meeting]] = {}
    for one in group:
        by_words.setdefault(one.reason.words, []).append(one)
    words: list[str | Number] = []
    for text, members in sorted(by_words.items(), key=lambda item: -len(item[1])):
        figures = [one.reason.figure for one in members]
        source = members[0].reason.source
        show = percent if max(figures) <= 1 else number
        words += [f" {text[0].upper()}{text[1:]}: ", show(min(figures), f"least {source}")]
        if len(members) > 1:
            words += [" to ", show(max(figures), f"greatest {source}")]
        where = (
            "in all of these" if len(members) == len(group) and len(group) > 1 else _where(members)
        )
        words.append(f" ({where}).")
    return words


def _where(members: Sequence[Meeting]) -> str:
    """Name the cases, those of one workload and sparsity together."""
    batches: dict[str, list[int]] = {}
    for one in members:
        place = f"{one.case.workload} {one.case.condition('sparsity')}"
        batches.setdefault(place, []).append(one.case.batch)
    return "; ".join(
        f"{place} batch {', '.join(map(str, sorted(set(at))))}" for place, at in batches.items()
    )
