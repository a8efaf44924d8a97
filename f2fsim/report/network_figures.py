"""Figures of whole networks: what the scratchpad holds over time, tokens a second by format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from f2fsim.report.value import Figure, Series
from f2fsim.results.network import NetworkResult

#: Styles of formats, the same in every figure.
FORMAT_STYLES = {"f2f": 0, "csr": 1, "bitmap": 2, "dense": 3}


def residency_figure(result: NetworkResult) -> Figure:
    """Return what the scratchpad holds over the time of a run, stage by stage.

    Kept maps by tensor, and everything that a stage has the scratchpad hold at most.
    """
    to_us = 1e6 / result.ticks_per_second
    ends = [stage.done * to_us for stage in result.stages]
    spans = list(zip([0.0, *ends[:-1]], ends, strict=True))

    def steps(bits: Sequence[int]) -> tuple[tuple[float, ...], tuple[float, ...]]:
        times = tuple(time for span in spans for time in span)
        return times, tuple(float(n) / 8192 for n in bits for _ in range(2))

    names = tuple(stage.name for stage in result.stages for _ in range(2))
    series = []
    for number, (name, bits) in enumerate(
        (
            ("kept maps", [stage.held_bits for stage in result.stages]),
            ("with tiles, accumulators and weights", [s.used_bits for s in result.stages]),
            ("capacity", [result.scratchpad_bits] * len(result.stages)),
        )
    ):
        x, y = steps(bits)
        mark = "limit" if name == "capacity" else "line"
        series.append(Series(name, x, y, names, mark, number))  # type: ignore[arg-type]
    kept = sum(one.place == "scratchpad" for one in result.tensors)
    return Figure(
        f"residency_{result.workload}_{result.arch}",
        f"What the scratchpad holds: {result.workload} on {result.arch}",
        f"Kept maps and all that the scratchpad holds over {len(result.stages)} stages; "
        f"{kept} of {len(result.tensors)} tensors stay.",
        "time [us]",
        "held [KiB]",
        tuple(series),
    )


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
