"""Figures of whole networks: stages, bytes and what stays on one time axis; tokens a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from f2fsim.report.cases import Case, Run
from f2fsim.report.value import Column, Figure, Mark, Series, Table
from f2fsim.results import NetworkRun, TensorStats
from f2fsim.results.network import stage_rows, tensor_rows

#: Styles of formats, the same in every figure.
FORMAT_STYLES = {"f2f": 0, "csr": 1, "bitmap": 2, "dense": 3}

#: Tensors that the figure of what stays tells by name, those that hold most for longest.
N_NAMED = 6
#: Styles of kept maps, of all that is held, and of the capacity.
_TOTALS = 7, 15, 5


def network_figures(case: Case) -> list[Figure]:
    """Return the figures of the subject's run as a network; none for layers by themselves."""
    run = case.subject
    if run.result.network is None:
        return []
    return [
        timeline_figure(run, run.result.network),
        traffic_over_time_figure(run, run.result.network),
        residency_figure(run, run.result.network),
    ]


def network_tables(case: Case, prefix: str) -> list[Table]:
    """Return the stages of every run as a network, and where the subject's tensors were."""
    found = []
    for run in case.runs:
        network = run.result.network
        if network is None:
            continue
        name = f"{prefix}stages_{run.name}"
        found.append(_table(name, f"Stages on {run.title}", stage_rows(network)))
        if run is case.subject and network.tensors:
            title = f"Tensors between stages on {run.title}, and where they were"
            found.append(_table(f"{prefix}tensors_{run.name}", title, tensor_rows(network)))
    return found


_UNITS = {"_us": "us", "_bytes": "B", "bytes": "B"}


def _table(name: str, title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    columns = []
    for key in rows[0]:
        end = next((end for end in _UNITS if key.endswith(end)), "")
        words = key.removesuffix(end).replace("_", " ") or key
        numeric = not isinstance(rows[0][key], str)
        columns.append(Column(key, words, _UNITS.get(end, ""), numeric))
    return Table(name, title, tuple(columns), tuple(rows))


def timeline_figure(run: Run, network: NetworkRun) -> Figure:
    """Return the stages on the time axis: decoding begun, array done, outputs done.

    Where decoding of a stage begins left of the end of the one before, they overlap.
    """
    to_us = 1e6 / network.ticks_per_second
    series = []
    times = (
        ("weights begin to be decoded", "decoded"),
        ("the scratchpad is the stage's", "ready"),
        ("array done", "computed"),
        ("outputs done", "done"),
    )
    for style, (name, key) in enumerate(times):
        known = [(i, one) for i, one in enumerate(network.stages, 1) if getattr(one, key)]
        if known:
            x = tuple(getattr(one, key) * to_us for _, one in known)
            labels = tuple(one.name for _, one in known)
            y = tuple(float(i) for i, _ in known)
            series.append(Series(name, x, y, labels, "line", style))
    return Figure(
        "timeline",
        f"Stages on one time axis: {run.result.workload} on {run.name}",
        f"Lines over time through the {len(network.stages)} stages: when the front end begins with "
        "a stage's weights, when the array and when the outputs are done.",
        "time [us]",
        "stage",
        tuple(series),
        "Each stage is a step up. Decoding that begins before the stage below is done is work done "
        "ahead: weights are fetched as far as buffers hold them.",
    )


def traffic_over_time_figure(run: Run, network: NetworkRun) -> Figure:
    """Return the DRAM bytes of all stages up to each moment, and those of KV caches."""
    to_us = 1e6 / network.ticks_per_second
    ends = tuple(stage.done * to_us for stage in network.stages)
    names = tuple(stage.name for stage in network.stages)
    counted = {"all bytes": [stage.n_bytes for stage in network.stages]}
    if network.cache_bytes:
        counted["KV caches"] = [stage.cache_bytes for stage in network.stages]
    series = []
    for style, (name, each) in enumerate(counted.items()):
        total, upto = 0, []
        for n_bytes in each:
            total += n_bytes
            upto.append(total / 1e6)
        series.append(Series(name, ends, tuple(upto), names, "line", style))
    share = network.cache_bytes / network.n_bytes if network.n_bytes else 0.0
    told = f" KV caches are {share:.1%} of them." if network.cache_bytes else ""
    return Figure(
        "traffic_over_time",
        f"DRAM bytes over time: {run.result.workload} on {run.name}",
        f"Lines of the DRAM bytes of all stages that are done, over time.{told}",
        "time [us]",
        "DRAM bytes so far [MB]",
        tuple(series),
        f"Bytes of a stage count when it is done, its weights too, which came earlier.{told}",
    )


def residency_figure(run: Run, network: NetworkRun) -> Figure:
    """Return what the scratchpad holds over the time of a run, tensor by tensor.

    A tensor's line, while it lives, lies its size above what is drawn below it.
    """
    to_us = 1e6 / network.ticks_per_second
    ends = [stage.done * to_us for stage in network.stages]
    times = tuple(at for span in zip([0.0, *ends[:-1]], ends, strict=True) for at in span)
    names = tuple(stage.name for stage in network.stages for _ in range(2))

    def steps(name: str, bits: Sequence[int], style: int, first: int = 0) -> Series:
        held = tuple(n / 8192 for n in bits for _ in range(2))
        span = slice(2 * first, 2 * first + len(held))
        mark: Mark = "limit" if name == "capacity" else "line"
        return Series(name, times[span], held, names[span], mark, style)

    series, held = [], [0] * len(ends)
    for style, one in enumerate(_largest(network)):
        life = range(one.first, one.last + 1)
        for number in life:
            held[number] += one.n_bits
        series.append(steps(one.name, [held[number] for number in life], style, one.first))
    kept, used, capacity = _TOTALS
    series += [
        steps("all kept maps", [stage.held_bits for stage in network.stages], kept),
        steps("with tiles, sums and weights", [one.used_bits for one in network.stages], used),
        steps("capacity", [network.scratchpad_bits] * len(ends), capacity),
    ]
    return Figure(
        "residency",
        f"What the scratchpad holds: {run.result.workload} on {run.name}",
        f"Step lines of the kept maps and all that the scratchpad holds over {len(ends)} stages; "
        f"{network.n_kept_tensors} of {len(network.tensors)} tensors stay.",
        "time [us]",
        "held [KiB]",
        tuple(series),
        "A tensor's line, while it lives, lies its size above the line below it. "
        f"{network.n_kept_tensors} of {len(network.tensors)} tensors stay on the chip; the "
        f"{min(N_NAMED, network.n_kept_tensors)} that hold most for longest have a line.",
    )


def _largest(network: NetworkRun) -> list[TensorStats]:
    """Return the kept tensors that hold most bits for most of the time, in the order of time."""
    ends = [0, *(stage.done for stage in network.stages)]
    kept = [one for one in network.tensors if one.place == "scratchpad"]
    kept.sort(key=lambda one: -one.n_bits * (ends[one.last + 1] - ends[one.first]))
    return sorted(kept[:N_NAMED], key=lambda one: (one.first, one.name))


def decode_figure(rows: Sequence[Mapping[str, Any]], name: str, title: str) -> Figure:
    """Return tokens a second over sparsity, a line a format and context.

    Parameters
    ----------
    rows : sequence of mapping
        With ``format``, ``sparsity``, ``context``, ``tokens_per_second`` and ``kv_share``.
    name, title : str
        Of the figure.
    """
    contexts = sorted({int(row["context"]) for row in rows})
    series = []
    for context_number, context in enumerate(contexts):
        for kind, number in FORMAT_STYLES.items():
            mine = [row for row in rows if row["format"] == kind and int(row["context"]) == context]
            if not mine:
                continue
            mine.sort(key=lambda row: float(row["sparsity"]))
            series.append(
                Series(
                    f"{kind}, {context} tokens",
                    tuple(float(row["sparsity"]) for row in mine),
                    tuple(float(row["tokens_per_second"]) for row in mine),
                    tuple(f"KV cache {float(row['kv_share']):.0%} of the bytes" for row in mine),
                    "line",
                    number + len(FORMAT_STYLES) * context_number,
                )
            )
    return Figure(
        name,
        title,
        f"Tokens a second over sparsity for {len(series)} combinations of format and context.",
        "sparsity",
        "tokens a second",
        tuple(series),
    )


def cache_share_figure(rows: Sequence[Mapping[str, Any]], name: str, title: str) -> Figure:
    """Return the share of the KV cache in the DRAM bytes, bars by format and sparsity."""
    contexts = sorted({int(row["context"]) for row in rows})
    kinds = [kind for kind in FORMAT_STYLES if any(row["format"] == kind for row in rows)]
    sparsities = sorted({float(row["sparsity"]) for row in rows})
    series = []
    for number, context in enumerate(contexts):
        found = {
            (row["format"], float(row["sparsity"])): 100 * float(row["kv_share"])
            for row in rows
            if int(row["context"]) == context
        }
        keys = [(kind, s) for kind in kinds for s in sparsities if (kind, s) in found]
        series.append(
            Series(
                f"{context} tokens",
                tuple(f"{kind} {s:g}" for kind, s in keys),
                tuple(found[key] for key in keys),
                style=number,
            )
        )
    return Figure(
        name,
        title,
        f"Share of the KV cache in the bytes of a token, at {len(contexts)} contexts.",
        "format and sparsity",
        "KV cache in DRAM bytes [%]",
        tuple(series),
        horizontal=True,
    )
