"""The answer in words with numbers: what F2F gives against each other machine, and why."""

from __future__ import annotations

from collections.abc import Sequence

from f2fsim.report.cases import FORMAT_TITLES, Case, Run, entropy_bits_per_weight
from f2fsim.report.doubt import energy_ratio
from f2fsim.report.figures import speedups
from f2fsim.report.value import Answer, Number, Paragraph, number, percent
from f2fsim.results import ComponentStats, LayerResult, SimResult

Words = list[str | Number]

#: More slots than this for each multiplication by a kept weight: zeros take slots.
NO_ZEROS = 1.005


def answer(cases: Sequence[Case]) -> tuple[Answer, ...]:
    """Return the answer of a report: for each case what is fastest, by how much, and why."""
    found: list[Answer] = []
    explained: set[tuple[str, str, float | None, str]] = set()
    for case in cases:
        points = [_speed(case), _limit(case)]
        if case.others:
            points.append(_losses(case))
        same_weights = case.workload, case.weight_type, case.sparsity, case.subject.name
        if same_weights not in explained:
            points.append(_size(case))
        points.append(_traffic(case))
        points += _energy(case)
        if same_weights not in explained:
            points.append(_origins(case))
        explained.add(same_weights)
        found.append(Answer(case.title, tuple(points)))
    return tuple(found)


def _speed(case: Case) -> Paragraph:
    """Time of the subject, the fastest machine, and the speed-up over every other one."""
    me = case.subject
    words: Words = [
        f"{me.title} takes ",
        number(me.result.seconds * 1e6, f"time of {me.name} [us]", suffix=" us"),
        ".",
    ]
    order = sorted(case.runs, key=lambda run: run.result.seconds)
    if len(order) > 1 and 0 < order[0].result.seconds < order[1].result.seconds:
        first, second = order[0], order[1]
        words += [
            f" Fastest of {len(order)}: {first.title}, ",
            number(
                second.result.seconds / first.result.seconds,
                f"time of {second.name} / time of {first.name}",
            ),
            f" times as fast as {second.title}.",
        ]
    faster = [(run, s) for run, s in speedups(case) if s > 1]
    slower = [(run, s) for run, s in speedups(case) if s < 1]
    equal = [run for run, s in speedups(case) if s == 1]
    if faster:
        words += [f" {me.name} is faster than ", *_listed(me, faster), "."]
    if slower:
        words.append(f" {me.name} is slower than ")
        words += [*_listed(me, [(run, 1 / s) for run, s in slower], slower=True), "."]
    if equal:
        words.append(f" It takes the same time as {', '.join(run.title for run in equal)}.")
    return tuple(words)


def _listed(me: Run, ratios: Sequence[tuple[Run, float]], *, slower: bool = False) -> Words:
    words: Words = []
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


def _limit(case: Case) -> Paragraph:
    """Say what limits the subject, and what its multipliers do meanwhile."""
    me, result = case.subject, case.subject.result
    words: Words = ["Why: "]
    bandwidth = bandwidth_share(result)
    busy = busy_share(result)
    if bandwidth is not None:
        words += [
            "it uses ",
            percent(bandwidth, f"bandwidth of {me.name} / its peak"),
            " of the memory's peak bandwidth",
            "; " if busy is not None else ". ",
        ]
    if busy is not None:
        words += [
            "its PE array is busy ",
            percent(busy, f"busy share of the PE array of {me.name}"),
            " of the cycles",
        ]
        words.append(_verdict(bandwidth, busy, result))
    issued = slots_a_mac(result)
    if issued is not None:
        words += [
            " It gives ",
            number(issued, f"multiplier slots / effectual MACs of {me.name}"),
            " multiplier slots to each multiplication by a kept weight",
        ]
        skipping = [
            run.name for run in case.others if (slots_a_mac(run.result) or NO_ZEROS) < NO_ZEROS
        ]
        if issued <= NO_ZEROS:
            words.append(", so none goes to a zero.")
        elif skipping:
            words.append(f" (the zeros of the mask take slots too); {', '.join(skipping)} give 1.")
        else:
            words.append(" (the zeros of the mask take slots too).")
    words += [
        " ",
        percent(result.pe_utilisation, f"PE utilisation of {me.name}"),
        " of all slots did such a multiplication.",
    ]
    return tuple(words)


def _verdict(bandwidth: float | None, busy: float, result: SimResult) -> str:
    """Say which resource limits a run: the one that is in use most, or a stall beyond both."""
    stalls = array_states(result)
    cause = max(stalls, key=lambda name: stalls[name], default="")
    if bandwidth is not None and bandwidth > max(busy, 0.5):
        return ": the memory limits it, so bytes decide."
    if busy >= 0.5:
        return ": the array limits it, so bytes saved bring no time."
    return f": neither does alone; the array waits most for: {cause}." if cause else "."


def bandwidth_share(result: SimResult) -> float | None:
    """Return the bytes moved over what the memory could move in the time, None without one."""
    peak = result.peak_bytes_per_second * result.seconds
    return result.n_bytes / peak if peak else None


def busy_share(result: SimResult) -> float | None:
    """Return the share of all cycles in which the PE array was busy, None without one."""
    parts = [(_array(layer), layer.repeat) for layer in result.layers]
    total = sum(part.total_cycles * n for part, n in parts if part)
    return sum(part.busy_cycles * n for part, n in parts if part) / total if total else None


def array_states(result: SimResult) -> dict[str, int]:
    """Return the cycles of the PE array by what it waited for, over the whole workload."""
    states: dict[str, int] = {}
    for layer in result.layers:
        part = _array(layer)
        for cause, cycles in (part.stall_cycles if part else {}).items():
            states[cause] = states.get(cause, 0) + cycles * layer.repeat
    return states


def _array(layer: LayerResult) -> ComponentStats | None:
    return next((part for part in layer.components if part.kind == "pe_array"), None)


def slots_a_mac(result: SimResult) -> float | None:
    """Return the multiplier slots for each multiplication by a kept weight, None without any."""
    issued = sum(layer.macs_issued * layer.repeat for layer in result.layers)
    return issued / result.macs_effectual if issued and result.macs_effectual else None


def _losses(case: Case) -> Paragraph:
    """Count the layers where another machine is faster, and say what bound them."""
    me = case.subject
    words: Words = ["Where it loses: "]
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
    array = _array(layer)
    if array is None or not array.total_cycles:
        return "no PE array"
    states = {"busy": array.busy_cycles, **array.stall_cycles}
    state = max(states, key=lambda name: states[name])
    return "array busy" if state == "busy" else f"array waiting for: {state}"


def _size(case: Case) -> Paragraph:
    """Split the subject's bits, mask and patches included, against entropy and bitmap."""
    me, result = case.subject, case.subject.result
    n_weights = sum(layer.n_weights for layer in result.layers)
    bits: dict[str, int] = {}
    for layer in result.layers:
        for name, value in layer.encoded_bits.items():
            bits[name] = bits.get(name, 0) + value
    words: Words = [
        f"Size: {FORMAT_TITLES.get(result.format, result.format)} stores ",
        number(result.bits_per_weight, f"encoded bits a weight of {me.name}", suffix=" bits"),
        " a weight position (",
    ]
    for i, (name, value) in enumerate(bits.items()):
        words += [", " if i else "", f"{name} "]
        words.append(number(value / n_weights, f"{name} bits a weight of {me.name}"))
    words += [
        "), the entropy of mask and values being ",
        number(entropy_bits_per_weight(result), f"entropy bits a weight of {me.name}"),
        ".",
    ]
    bitmap = next((run for run in case.others if run.result.format == "bitmap"), None)
    if bitmap is not None and result.format == "f2f":
        words += [
            f" {bitmap.name} stores ",
            number(
                bitmap.result.bits_per_weight,
                f"encoded bits a weight of {bitmap.name}",
                suffix=" bits",
            ),
            _against_bitmap(result.bits_per_weight / bitmap.result.bits_per_weight),
        ]
    return (*words, *_patches(me))


def _against_bitmap(ratio: float) -> str:
    if abs(ratio - 1) < 0.05:
        return ": with the mask counted, F2F's gain over bitmap is its fixed rate, not the size."
    return "." if ratio < 1 else ", less than F2F with its patches."


def _patches(me: Run) -> Words:
    care = sum(layer.codec_stats.get("n_care_bits", 0) for layer in me.result.layers)
    wrong = sum(layer.codec_stats.get("n_unmatched_bits", 0) for layer in me.result.layers)
    if not care:
        return []
    return [
        " The encoder matched ",
        percent(1 - wrong / care, f"encoding efficiency E of {me.name}"),
        " of the care bits; patches repair the rest, so the weights are exact.",
    ]


def _traffic(case: Case) -> Paragraph:
    """Bytes moved, against the other machines."""
    me = case.subject
    words: Words = [
        "DRAM: it moves ",
        number(me.result.n_bytes / 1e6, f"DRAM bytes of {me.name} [MB]", suffix=" MB"),
    ]
    others = case.others if me.result.n_bytes else ()
    for i, run in enumerate(others):
        share = run.result.n_bytes / me.result.n_bytes
        source = f"DRAM bytes of {run.name} / DRAM bytes of {me.name}"
        words += [", " if i else "; others over that: ", f"{run.name} ", number(share, source)]
    return (*words, ".")


def _energy(case: Case) -> list[Paragraph]:
    """Energy against the other machines, with what uncertain constants leave open."""
    me = case.subject
    energy = sum(me.result.energy_pj.values())
    if not energy:
        return []
    words: Words = [
        "Energy at typical constants: ",
        number(energy / 1e6, f"energy of {me.name} [uJ]", suffix=" uJ"),
    ]
    open_names = []
    for i, run in enumerate(case.others):
        ratio = sum(run.result.energy_pj.values()) / energy
        source = f"energy of {run.name} / energy of {me.name}"
        words += [", " if i else "; others over that: ", f"{run.name} ", number(ratio, source)]
        found = energy_ratio(run, me)
        if found is not None and found.low < found.high:
            words += [
                " (",
                number(found.low, f"least {source}"),
                " to ",
                number(found.high, f"greatest {source}"),
                ")",
            ]
            if not found.is_firm:
                open_names.append(run.name)
    words.append(".")
    if any(isinstance(word, Number) and word.source.startswith("least") for word in words):
        words.append(" In brackets: over all constants in the ranges that their sources leave.")
    if open_names:
        words.append(
            f" Those ranges leave open who needs less energy against {', '.join(open_names)}."
        )
    return [tuple(words)]


def _origins(case: Case) -> Paragraph:
    """Say of every input whether it was measured, given, assumed or synthetic."""
    layers = case.subject.result.layers
    counts: dict[str, dict[str, int]] = {}
    for layer in layers:
        for what, origin in layer.origins.items():
            by_origin = counts.setdefault(what, {})
            by_origin[origin] = by_origin.get(origin, 0) + 1
    parts = []
    for what, by_origin in sorted(counts.items()):
        origins = [
            origin if n == len(layers) else f"{origin} in {n} of {len(layers)} layers"
            for origin, n in sorted(by_origin.items())
        ]
        parts.append(f"{what} {' and '.join(origins)}")
    return (f"Inputs: {'; '.join(parts) or 'the results do not say where they come from'}.",)
