"""The answer in words with numbers: what the first F2F machine gives, where it loses, and why."""

from __future__ import annotations

from collections.abc import Sequence

from f2fsim.report.cases import FORMAT_TITLES, Case, Run, entropy_bits_per_weight
from f2fsim.report.figures import speedups
from f2fsim.report.value import Number, Paragraph, number, percent
from f2fsim.results import LayerResult, SimResult


def answer(cases: Sequence[Case]) -> tuple[Paragraph, ...]:
    """Return the answer of a report: a paragraph or two for each case."""
    paragraphs: list[Paragraph] = []
    explained: set[tuple[str, str, float | None, str]] = set()
    for case in cases:
        paragraphs.append(_speed(case))
        if case.others:
            paragraphs.append(_losses(case))
        same_weights = case.workload, case.weight_type, case.sparsity, case.subject.name
        if same_weights not in explained:
            paragraphs.append(_why(case))
        explained.add(same_weights)
    return tuple(paragraphs)


def _speed(case: Case) -> Paragraph:
    """Time of the subject and its speed-up over every other machine."""
    me = case.subject
    words: list[str | Number] = [
        f"{case.title}: {me.title} takes ",
        number(me.result.seconds * 1e6, f"time of {me.name} [us]", suffix=" us"),
    ]
    faster = [(run, s) for run, s in speedups(case) if s > 1]
    slower = [(run, s) for run, s in speedups(case) if s < 1]
    equal = [run for run, s in speedups(case) if s == 1]
    if faster:
        words.append(". It is faster than ")
        words += _listed(me, [(run, s) for run, s in faster])
    if slower:
        words.append(". It is slower than ")
        words += _listed(me, [(run, 1 / s) for run, s in slower], slower=True)
    if equal:
        words.append(f". It takes the same time as {', '.join(run.title for run in equal)}")
    words.append(".")
    words += _moved(case)
    return tuple(words)


def _listed(
    me: Run, ratios: Sequence[tuple[Run, float]], *, slower: bool = False
) -> list[str | Number]:
    words: list[str | Number] = []
    for i, (run, ratio) in enumerate(ratios):
        if i:
            words.append(" and " if i == len(ratios) - 1 else ", ")
        pair = (run.name, me.name) if not slower else (me.name, run.name)
        words += [
            f"{run.title} by ",
            number(ratio, f"time of {pair[0]} / time of {pair[1]}"),
            " times",
        ]
    return words


def _moved(case: Case) -> list[str | Number]:
    """Bytes moved, and energy where it was computed, against the machine with the least."""
    me = case.subject
    words: list[str | Number] = [
        " It moves ",
        number(me.result.n_bytes / 1e6, f"DRAM bytes of {me.name} [MB]", suffix=" MB"),
        " from and to DRAM",
    ]
    for i, run in enumerate(case.others if me.result.n_bytes else ()):
        share = run.result.n_bytes / me.result.n_bytes
        source = f"DRAM bytes of {run.name} / DRAM bytes of {me.name}"
        words += ["; " if i else " (", number(share, source), f" times as much for {run.name}"]
    words.append(")." if case.others and me.result.n_bytes else ".")
    energy = sum(me.result.energy_pj.values())
    if energy:
        words += [" Energy: ", number(energy / 1e6, f"energy of {me.name} [uJ]", suffix=" uJ")]
        for i, run in enumerate(case.others):
            ratio = sum(run.result.energy_pj.values()) / energy
            source = f"energy of {run.name} / energy of {me.name}"
            words += ["; " if i else " (", number(ratio, source), f" times as much for {run.name}"]
        words.append(")." if case.others else ".")
    return words


def _losses(case: Case) -> Paragraph:
    """Count the layers where another machine is faster, and say what bound them."""
    me = case.subject
    words: list[str | Number] = ["Where it loses: "]
    found = False
    for run in case.others:
        lost = lost_layers(me.result, run.result)
        if not lost:
            continue
        words += ["; " if found else "", f"to {run.name} in "]
        words += [
            Number(len(lost), str(len(lost)), f"layers where {run.name} beats {me.name}"),
            f" of {len(me.result.layers)} layers",
        ]
        worst, ratio = max(lost, key=lambda pair: pair[1])
        words += [
            f" (most in {worst.name}, by ",
            number(ratio, f"{worst.name}: time of {me.name} / time of {run.name}"),
            f" times, {_waiting(worst)})",
        ]
        found = True
    words.append("." if found else "in no layer to any of the others.")
    return tuple(words)


def lost_layers(mine: SimResult, other: SimResult) -> list[tuple[LayerResult, float]]:
    """Return the layers of `mine` that `other` runs faster, each with the ratio of times."""
    by_name = {layer.name: layer for layer in other.layers}
    return [
        (layer, layer.seconds / by_name[layer.name].seconds)
        for layer in mine.layers
        if layer.name in by_name and 0 < by_name[layer.name].seconds < layer.seconds
    ]


def _waiting(layer: LayerResult) -> str:
    """Say what the PE array of a layer did most."""
    array = next((part for part in layer.components if part.kind == "pe_array"), None)
    if array is None or not array.total_cycles:
        return "no PE array"
    states = {"busy": array.busy_cycles, **array.stall_cycles}
    state = max(states, key=lambda name: states[name])
    return (
        "where its array was busy most of the time"
        if state == "busy"
        else (f"where its array waited most for: {state}")
    )


def _why(case: Case) -> Paragraph:
    """Split the subject's bits, and count what its array multiplies for nothing."""
    me, result = case.subject, case.subject.result
    n_weights = sum(layer.n_weights for layer in result.layers)
    bits: dict[str, int] = {}
    for layer in result.layers:
        for name, value in layer.encoded_bits.items():
            bits[name] = bits.get(name, 0) + value
    known = FORMAT_TITLES.get(result.format, result.format)
    words: list[str | Number] = [
        f"Why: {known} stores ",
        number(result.bits_per_weight, f"encoded bits a weight of {me.name}", suffix=" bits"),
        " a weight position (",
    ]
    for i, (name, value) in enumerate(bits.items()):
        share = value / n_weights if n_weights else 0.0
        words += [", " if i else "", f"{name} "]
        words.append(number(share, f"{name} bits a weight of {me.name}"))
    words += [
        "), the entropy of mask and values being ",
        number(entropy_bits_per_weight(result), f"entropy bits a weight of {me.name}"),
        ". ",
    ]
    issued = sum(layer.macs_issued * layer.repeat for layer in result.layers)
    if issued and result.macs_effectual:
        ratio = issued / result.macs_effectual
        words += [
            "Its array gives ",
            number(ratio, f"multiplier slots / effectual MACs of {me.name}"),
            " multiplier slots to each multiplication by a kept weight",
            "; " if ratio > 1.005 else ", so none goes to a zero; ",
        ]
    words += [
        percent(result.pe_utilisation, f"PE utilisation of {me.name}"),
        " of all slots did such a multiplication.",
    ]
    words += _patches(me)
    return tuple(words)


def _patches(me: Run) -> list[str | Number]:
    care = sum(layer.codec_stats.get("n_care_bits", 0) for layer in me.result.layers)
    wrong = sum(layer.codec_stats.get("n_unmatched_bits", 0) for layer in me.result.layers)
    if not care:
        return []
    return [
        " The encoder matched ",
        percent(1 - wrong / care, f"encoding efficiency E of {me.name}"),
        " of the care bits; patches repair the rest, so the weights are exact.",
    ]
