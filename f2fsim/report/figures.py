"""Figures of a comparison as values: speed-up, traffic, bits, stalls, time, roofline, crossover."""

from __future__ import annotations

import re
from collections.abc import Sequence

from f2fsim.report.cases import (
    Case,
    Run,
    entropy_bits_per_weight,
    value_entropy_bits_per_weight,
)
from f2fsim.report.value import Figure, Series, number_text
from f2fsim.results import ComponentStats, SimResult
from f2fsim.results.rows import stall_rows, stream_rows

#: Series that are no machine: a stable style for each, far from those of the machines.
ENTROPY_STYLE, VALUE_ENTROPY_STYLE = 7, 6


def speedups(case: Case) -> list[tuple[Run, float]]:
    """Return how many times faster the case's subject is than each other run."""
    mine = case.subject.result.seconds
    return [(run, run.result.seconds / mine) for run in case.others if mine]


def speedup_figure(cases: Sequence[Case]) -> Figure | None:
    """Return speed-up bars over the slowest format that all compare with, for every case."""
    useful = [case for case in cases if case.others]
    if not useful:
        return None
    series = []
    for name, style in _machines(useful):
        x, y, labels = [], [], []
        for case in useful:
            for run in case.runs:
                if run.name == name and run.result.seconds:
                    x.append(case.title)
                    y.append(_baseline(case).result.seconds / run.result.seconds)
                    labels.append(f"{number_text(run.result.seconds * 1e6)} us")
        if x:
            series.append(Series(name, tuple(x), tuple(y), tuple(labels), "bar", style))
    base = ", ".join(dict.fromkeys(_baseline(case).name for case in useful))
    return Figure(
        "speedup",
        f"Speed-up over {base}",
        f"Bars of the speed-up of each machine over {base}, one group a workload.",
        "workload",
        f"speed-up over {base} (times)",
        tuple(series),
        "How many times faster the whole workload runs. Higher is better.",
        reference=1.0,
        values_shown=True,
    )


def _baseline(case: Case) -> Run:
    """Return the dense run, or the slowest."""
    for run in case.runs:
        if run.is_uncompressed:
            return run
    return max(case.runs, key=lambda run: run.result.seconds)


def _machines(cases: Sequence[Case]) -> list[tuple[str, int]]:
    return list(dict.fromkeys((run.name, run.style) for case in cases for run in case.runs))


def without_number(name: str) -> str:
    """Return what several of a kind have in common: ``weights store`` of ``weights 3 store``."""
    return re.sub(r" \d+(?= |$)", "", name)


def traffic_figure(case: Case) -> Figure:
    """Return DRAM bytes by stream, stacked, one bar a machine."""
    names: list[str] = []
    found: dict[tuple[str, str], float] = {}
    for run in case.runs:
        for row in stream_rows(run.result):
            name = without_number(row["stream"])
            if name not in names:
                names.append(name)
            found[run.name, name] = found.get((run.name, name), 0.0) + row["dram_bytes"] / 1e6
    return _stacked(
        case,
        "traffic",
        "DRAM traffic by stream",
        "DRAM traffic [MB]",
        names,
        found,
        "Bytes on the bus, burst padding and re-fetched tiles included; all runs of each layer.",
    )


def bits_figure(cases: Sequence[Case]) -> Figure:
    """Return encoded bits a weight of each machine's format against the entropy."""
    series = []
    for name, style in _machines(cases):
        points = [
            (case.title, run.result.bits_per_weight, run.result.bits_per_weight_without_mask)
            for case in cases
            for run in case.runs
            if run.name == name
        ]
        x, y = tuple(p[0] for p in points), tuple(p[1] for p in points)
        labels = tuple(f"{number_text(p[2])} without the mask stream" for p in points)
        series.append(Series(name, x, y, labels, "bar", style))
    bound = tuple(entropy_bits_per_weight(case.subject.result) for case in cases)
    titles = tuple(case.title for case in cases)
    series.append(
        Series("entropy H(S) + (1-S)·n_w", titles, bound, (), "points", ENTROPY_STYLE),
    )
    values = [value_entropy_bits_per_weight(case.subject.result) for case in cases]
    if all(bits is not None for bits in values):
        known = tuple(bits for bits in values if bits is not None)
        name = "entropy H(S) + (1-S)·H(value)"
        series.append(Series(name, titles, known, (), "points", VALUE_ENTROPY_STYLE))
    return Figure(
        "bits",
        "Encoded bits a weight, mask counted",
        "Bars of encoded bits a weight of each format, with the entropy bounds as markers.",
        "workload",
        "encoded size [bit/weight]",
        tuple(series),
        "All streams of a format over all weight positions, pruned ones included. The bounds are "
        "those of the first machine's pruned weights, for independent mask bits: with the bits of "
        "a kept weight taken as they are, and with the zero-order entropy of its value, which only "
        "codes of values go near. N:M keeps another share of weights and has other bounds. Lower "
        "is better.",
        values_shown=True,
    )


def stall_figure(case: Case) -> Figure:
    """Return where the PE array's cycles went, stacked shares, one bar a machine."""
    states: list[str] = []
    found: dict[tuple[str, str], float] = {}
    for run in case.runs:
        array = next((p.name for p in _parts(run.result) if p.kind == "pe_array"), "")
        for row in stall_rows(run.result):
            if row["component"] == array:
                if row["state"] not in states:
                    states.append(row["state"])
                found[run.name, row["state"]] = 100 * row["share"]
    states.sort(key=lambda state: (state != "busy", state == "idle"))
    return _stacked(
        case,
        "stalls",
        "Where the cycles of the PE array went",
        "share of all cycles [%]",
        states,
        found,
        "A stall names what the array waited for; idle is before the first and after the last "
        "item. The parts of a bar add up to 100 %.",
    )


def _parts(result: SimResult) -> list[ComponentStats]:
    return [part for one in result.measured for part in one.components]


#: What is left of DRAM energy while rows are open or closed and nothing is read, and the rest.
_DRAM_PARTS = {
    "active_standby": "dram standby, a row open",
    "precharged_standby": "dram standby, rows closed",
    "refresh": "dram refresh",
}
_DRAM_ACCESS = "dram access"
#: A part of less than this share of every bar is drawn among the others.
_VISIBLE = 0.01
_OTHERS = "all other parts"


def energy_figure(case: Case) -> Figure | None:
    """Return energy by component, stacked, one bar a machine; None if no energy was computed.

    DRAM is split into accesses and what time costs.  Parts that are nowhere `_VISIBLE` are one.
    """
    found: dict[tuple[str, str], float] = {}
    for run in case.runs:
        for part, value in _energy_parts(run.result).items():
            name = without_number(part)
            found[run.name, name] = found.get((run.name, name), 0.0) + value / 1e6
    if not found:
        return None
    total: dict[str, float] = {}
    for (machine, _), value in found.items():
        total[machine] = total.get(machine, 0.0) + value
    names = list(dict.fromkeys(name for _, name in found))
    small = {
        name
        for name in names
        if all(found.get((m, name), 0.0) < _VISIBLE * total[m] for m in total)
    }
    caption = (
        "One pass of the workload at typical constants of the cost table. DRAM standby grows with "
        "time, access with bytes and rows."
    )
    if len(small) > 1:
        names = [*(name for name in names if name not in small), _OTHERS]
        for machine in total:
            found[machine, _OTHERS] = sum(found.get((machine, name), 0.0) for name in small)
        caption += f" Below {_VISIBLE:.0%} of each bar, together: {', '.join(sorted(small))}."
    return _stacked(case, "energy", "Energy by component", "energy [uJ]", names, found, caption)


def _energy_parts(result: SimResult) -> dict[str, float]:
    """Return energy in pJ by component, that of the DRAM by what it went into."""
    parts: dict[str, float] = {}
    for name, value in result.energy_pj.items():
        if name != "dram":
            parts[name] = value
            continue
        split: dict[str, float] = {}
        for one in result.measured:
            for key, each in (one.memory.energy_pj if one.memory else {}).items():
                part = _DRAM_PARTS.get(key, _DRAM_ACCESS)
                split[part] = split.get(part, 0.0) + each * one.repeat
        whole = sum(split.values())
        parts |= {k: v * value / whole for k, v in split.items()} if whole else {name: value}
    return parts


def _stacked(
    case: Case,
    name: str,
    title: str,
    unit: str,
    parts: Sequence[str],
    found: dict[tuple[str, str], float],
    caption: str,
) -> Figure:
    machines = tuple(run.name for run in case.runs)
    series = tuple(
        Series(part, machines, tuple(found.get((m, part), 0.0) for m in machines), (), "bar", i)
        for i, part in enumerate(parts)
    )
    listed = ", ".join(parts)
    return Figure(
        name,
        title,
        f"Stacked bars, one for each machine ({', '.join(machines)}): {unit} of {listed}.",
        "machine",
        unit,
        series,
        caption,
        stacked=True,
        horizontal=True,
    )


def bandwidth_figure(case: Case) -> Figure:
    """Return the achieved DRAM bandwidth over time, a step for each layer, a line a machine.

    Layers of a network's run share the memory in time and have none of their own.
    """
    series = []
    for run in case.runs:
        x, y, labels, now = [0.0], [], [], 0.0
        for layer in run.result.layers if run.result.network is None else ():
            value = layer.bandwidth_bytes_per_second / 1e9
            y += [value, value]
            now += layer.seconds * 1e6
            x += [now, now]
            labels += [layer.name, layer.name]
        x.pop()
        if y:
            series.append(Series(run.name, tuple(x), tuple(y), tuple(labels), "line", run.style))
    peak = case.subject.result.peak_bytes_per_second / 1e9
    return Figure(
        "bandwidth",
        "DRAM bandwidth over time",
        f"Step lines of achieved DRAM bandwidth over time, a strip for each machine; peak "
        f"{peak:.3g} GB/s.",
        "time [us]",
        "bandwidth [GB/s]",
        tuple(series),
        f"Average over each layer; the dashed line is the peak of {case.subject.name}'s memory, "
        f"{peak:.4g} GB/s. A trace (f2fsim simulate --trace) shows it within a layer.",
        reference=peak or None,
        panels=len(series) > 1,
    )


def crossover_figure(cases: Sequence[Case], by: str) -> Figure | None:
    """Return the subject's speed-up over every other machine against batch or sparsity.

    Parameters
    ----------
    cases : sequence of Case
        Of one workload and weight type, that differ in `by` only.
    by : {"batch", "sparsity"}
        The condition on the x axis.
    """
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for case in cases:
        at = case.batch if by == "batch" else case.sparsity
        if at is None:
            continue
        for run, speedup in speedups(case):
            found.setdefault((run.name, run.style), []).append((float(at), speedup))
    series = []
    for (name, style), points in found.items():
        points.sort()
        x, y = tuple(p[0] for p in points), tuple(p[1] for p in points)
        series.append(Series(f"over {name}", x, y, (), "line", style))
    if not series or max(len(one.x) for one in series) < 2:
        return None
    subject = cases[0].subject.name
    where = cases[0].condition("sparsity" if by == "batch" else "batch")
    return Figure(
        f"crossover_{by}",
        f"{cases[0].workload}, {where}: speed-up of {subject} over {by}",
        f"Lines of the speed-up of {subject} over each other machine against {by}.",
        "batch [samples]" if by == "batch" else "sparsity S",
        f"speed-up of {subject} (times)",
        tuple(series),
        f"Above 1, {subject} is faster; where a line falls below 1 it loses.",
        x_log=by == "batch",
        reference=1.0,
    )
